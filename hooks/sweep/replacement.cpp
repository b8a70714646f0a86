#include "hooks/sweep/replacement.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <random>

#include "core/base/error.h"
#include "hooks/recorder.h"

namespace microtome {

Replacement::Replacement(const Transformer& model, const PatchSweep& sweep, std::vector<SiteRef> sites)
    : model_(model), sweep_(sweep), sites_(std::move(sites)) {
    bool runs = sweep.replace == PatchValue::mean || sweep.replace == PatchValue::resample;
    if (runs && sweep.reference.empty()) throw Error("reference", "at least one prompt to take means or samples from", "none");
    if (runs && sweep.always) throw Error("replace", "source or zero while interventions hold in every run", "mean or resample");
}

void Replacement::fill(PatchGroup& group, PatchOutcome& out) {
    if (sweep_.replace == PatchValue::zero)
        for (SiteRef ref : sites_) put(group, ref, at::zeros_like(group.before.at(site_key(ref))));
    if (sweep_.replace == PatchValue::mean) means(group, out);
    if (sweep_.replace == PatchValue::resample) samples(group, out);
}

// Masked scores stay masked: nothing is read from what comes later.
void Replacement::put(PatchGroup& group, SiteRef ref, Tensor values) {
    const Tensor& before = group.before.at(site_key(ref));
    if (ref.site == Site::attn_scores) values = values.masked_fill(before == -INFINITY, -INFINITY);
    group.values[site_key(ref)] = values.to(before.scalar_type());
}

std::map<int, Tensor> Replacement::run(const std::vector<std::vector<std::int64_t>>& ids, PatchOutcome& out) {
    Recorder recorder(sites_);
    model_.forward(ids_tensor(ids), Tap(recorder));
    out.forward_rows += static_cast<std::int64_t>(ids.size());
    std::map<int, Tensor> found;
    for (SiteRef ref : sites_) found[site_key(ref)] = recorder.at(ref);
    return found;
}

void Replacement::means(PatchGroup& group, PatchOutcome& out) {
    auto length = static_cast<std::size_t>(group.length());
    bool aligned = std::all_of(sweep_.reference.begin(), sweep_.reference.end(), [&](const auto& r) { return r.size() == length; });
    std::map<int, Tensor> sums;
    std::int64_t tokens = 0;
    for (const auto& prompt : sweep_.reference) {
        tokens += aligned ? 1 : static_cast<std::int64_t>(prompt.size());
        for (auto& [key, x] : run({prompt}, out)) {
            Site site = static_cast<Site>(key % 64);
            if (!aligned && is_score(site))
                throw Error("reference", "prompts as long as the pairs for means of scores and patterns", "others");
            Tensor part = x.to(at::kDouble);
            part = aligned ? part : part.sum(1, true);
            sums[key] = sums.count(key) ? sums[key] + part : part;
        }
    }
    for (SiteRef ref : sites_) {
        Tensor mean = sums.at(site_key(ref)) / static_cast<double>(tokens);
        put(group, ref, mean.expand(group.before.at(site_key(ref)).sizes()));
    }
    std::string note = aligned ? "means of the reference prompts by position" : "means over all tokens of the reference prompts";
    if (std::find(out.notes.begin(), out.notes.end(), note) == out.notes.end()) out.notes.push_back(note);
}

void Replacement::samples(PatchGroup& group, PatchOutcome& out) {
    std::vector<std::vector<std::int64_t>> drawn;
    for (std::size_t pair : group.pairs) {
        std::vector<std::size_t> others;
        for (std::size_t i = 0; i < sweep_.reference.size(); ++i)
            if (sweep_.reference[i].size() == sweep_.pairs[pair].base.size() && sweep_.reference[i] != sweep_.pairs[pair].base)
                others.push_back(i);
        if (others.empty())
            throw Error("reference",
                        "another prompt as long as pair " + std::to_string(pair + 1) + " (" + std::to_string(group.length()) + " tokens)",
                        "none");
        std::mt19937_64 random(sweep_.seed * 0x9E3779B97F4A7C15ULL + pair);
        drawn.push_back(sweep_.reference[others[random() % others.size()]]);
    }
    auto found = run(drawn, out);
    for (SiteRef ref : sites_) put(group, ref, found.at(site_key(ref)));
}

}  // namespace microtome
