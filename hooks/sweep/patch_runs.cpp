#include "hooks/sweep/patch_runs.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <random>
#include <set>

#include "core/base/error.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

std::vector<SiteRef> patched_sites(const PatchSweep& sweep) {
    std::vector<SiteRef> sites;
    std::set<int> known;
    for (const PatchCell& cell : sweep.cells)
        for (const PatchSlice& slice : cell)
            if (known.insert(site_key(slice.ref)).second) sites.push_back(slice.ref);
    return sites;
}

// Pairs of equal length, as many as a batch holds.
std::vector<PatchGroup> make_groups(const PatchSweep& sweep) {
    std::map<std::size_t, std::vector<std::size_t>> by_length;
    for (std::size_t i = 0; i < sweep.pairs.size(); ++i) {
        const PatchPair& pair = sweep.pairs[i];
        if (pair.base.size() != pair.source.size())
            throw Error("pair " + std::to_string(i + 1), "a clean and a corrupted prompt of equal length in tokens",
                        std::to_string(pair.source.size()) + " and " + std::to_string(pair.base.size()));
        by_length[pair.base.size()].push_back(i);
    }
    std::vector<PatchGroup> groups;
    for (const auto& [length, pairs] : by_length) {
        std::size_t most = std::max<std::size_t>(2, static_cast<std::size_t>(sweep.batch_tokens) / std::max<std::size_t>(1, length));
        std::size_t parts = (pairs.size() + most - 1) / most, size = (pairs.size() + parts - 1) / parts;
        for (std::size_t at = 0; at < pairs.size(); at += size) {
            PatchGroup group;
            std::vector<std::vector<std::int64_t>> base, source;
            for (std::size_t i = at; i < std::min(at + size, pairs.size()); ++i) {
                group.pairs.push_back(pairs[i]);
                base.push_back(sweep.pairs[pairs[i]].base);
                source.push_back(sweep.pairs[pairs[i]].source);
            }
            group.base = ids_tensor(base);
            group.source = ids_tensor(source);
            groups.push_back(std::move(group));
        }
    }
    return groups;
}

// Where the values differ, with the feature axis reduced.
Tensor difference(const Tensor& a, const Tensor& b, Site site) {
    Tensor mask = at::ne(a, b);
    return (is_score(site) ? mask : mask.any(-1)).to(at::kCPU).contiguous();
}

// What is put in where it is not the source run's.
class Replacement {
  public:
    Replacement(const Transformer& model, const PatchSweep& sweep, std::vector<SiteRef> sites)
        : model_(model), sweep_(sweep), sites_(std::move(sites)) {
        bool runs = sweep.replace == PatchValue::mean || sweep.replace == PatchValue::resample;
        if (runs && sweep.reference.empty()) throw Error("reference", "at least one prompt to take means or samples from", "none");
        if (runs && sweep.always) throw Error("replace", "source or zero while interventions hold in every run", "mean or resample");
    }

    void fill(PatchGroup& group, PatchOutcome& out) {
        if (sweep_.replace == PatchValue::zero)
            for (SiteRef ref : sites_) put(group, ref, at::zeros_like(group.before.at(site_key(ref))));
        if (sweep_.replace == PatchValue::mean) means(group, out);
        if (sweep_.replace == PatchValue::resample) samples(group, out);
    }

  private:
    // Masked scores stay masked: nothing is read from what comes later.
    static void put(PatchGroup& group, SiteRef ref, Tensor values) {
        const Tensor& before = group.before.at(site_key(ref));
        if (ref.site == Site::attn_scores) values = values.masked_fill(before == -INFINITY, -INFINITY);
        group.values[site_key(ref)] = values.to(before.scalar_type());
    }

    std::map<int, Tensor> run(const std::vector<std::vector<std::int64_t>>& ids, PatchOutcome& out) {
        Recorder recorder(sites_);
        model_.forward(ids_tensor(ids), Tap(recorder));
        out.forward_rows += static_cast<std::int64_t>(ids.size());
        std::map<int, Tensor> found;
        for (SiteRef ref : sites_) found[site_key(ref)] = recorder.at(ref);
        return found;
    }

    void means(PatchGroup& group, PatchOutcome& out) {
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

    void samples(PatchGroup& group, PatchOutcome& out) {
        std::vector<std::vector<std::int64_t>> drawn;
        for (std::size_t pair : group.pairs) {
            std::vector<std::size_t> others;
            for (std::size_t i = 0; i < sweep_.reference.size(); ++i)
                if (sweep_.reference[i].size() == sweep_.pairs[pair].base.size() && sweep_.reference[i] != sweep_.pairs[pair].base)
                    others.push_back(i);
            if (others.empty())
                throw Error(
                    "reference",
                    "another prompt as long as pair " + std::to_string(pair + 1) + " (" + std::to_string(group.length()) + " tokens)",
                    "none");
            std::mt19937_64 random(sweep_.seed * 0x9E3779B97F4A7C15ULL + pair);
            drawn.push_back(sweep_.reference[others[random() % others.size()]]);
        }
        auto found = run(drawn, out);
        for (SiteRef ref : sites_) put(group, ref, found.at(site_key(ref)));
    }

    const Transformer& model_;
    const PatchSweep& sweep_;
    std::vector<SiteRef> sites_;
};

struct Runner {
    const Transformer& model;
    const PatchSweep& sweep;
    std::vector<SiteRef> sites, also;
    bool cache;
    PatchRuns& runs;

    void operator()(PatchGroup& group) {
        std::vector<const Question*> asked;
        for (std::size_t i : group.pairs) asked.push_back(&runs.questions[i]);
        MetricBatch reading(sweep.metric, asked, group.length());
        Tensor logits[2];
        for (int side = 0; side < 2; ++side) logits[side] = run(group, side == 0, reading.positions());
        if (sweep.metric.needs_clean()) {
            const Tensor& clean = logits[sweep.source_is_clean ? 1 : 0];
            for (std::size_t i = 0; i < group.pairs.size(); ++i)
                runs.questions[group.pairs[i]].clean_logits = clean[static_cast<std::int64_t>(i)].narrow(0, 0, reading.count(i)).clone();
        }
        auto base = numbers_of(reading(logits[0])), source = numbers_of(reading(logits[1]));
        for (std::size_t i = 0; i < group.pairs.size(); ++i) {
            runs.outcome.base[group.pairs[i]] = base[i];
            runs.outcome.source[group.pairs[i]] = source[i];
        }
    }

    Tensor run(PatchGroup& group, bool base, const Tensor& positions) {
        const Tensor& ids = base ? group.base : group.source;
        if (sweep.always) sweep.always->enter({ids, group.pairs});
        bool lends = sweep.replace == PatchValue::source;
        std::vector<SiteRef> kept = base || lends ? sites : std::vector<SiteRef>{};
        if (base) kept.insert(kept.end(), also.begin(), also.end());
        Recorder recorder(kept);
        Chain chain({sweep.always, &recorder});
        Context context;
        if (base && cache) context.cache = &group.cache;
        Tensor logits = logits_at(model, ids, &chain, positions, context);
        for (const auto& [ref, x] : recorder.seen()) (base ? group.before : group.values)[site_key(ref)] = x;
        runs.outcome.forward_rows += ids.size(0);
        return logits;
    }
};

}  // namespace

int site_key(SiteRef ref) {
    return (ref.layer + 1) * 64 + static_cast<int>(ref.site);
}

bool is_score(Site site) {
    return site == Site::pattern || site == Site::attn_scores;
}

const std::vector<std::int64_t>* positions_at(const PatchSweep& sweep, int place, std::size_t pair) {
    return place < 0 ? nullptr : &sweep.places[static_cast<std::size_t>(place)][pair];
}

std::vector<std::int64_t> changed_positions(const PatchSweep& sweep, const PatchGroup& group, const PatchSlice& slice, std::size_t pair) {
    const Tensor& mask = group.changed.at(site_key(slice.ref));
    const bool* there = mask.const_data_ptr<bool>() + static_cast<std::int64_t>(pair) * mask.stride(0);
    const auto *places = positions_at(sweep, slice.place, group.pairs[pair]), *from = positions_at(sweep, slice.from, group.pairs[pair]);
    std::int64_t length = group.length();
    auto any_source = [&](const bool* row) {
        if (!from) return std::any_of(row, row + length, [](bool b) { return b; });
        return std::any_of(from->begin(), from->end(), [&](std::int64_t s) { return row[s]; });
    };
    auto changed = [&](std::int64_t p) {
        if (mask.dim() == 2) return there[p];
        bool scores = is_score(slice.ref.site);
        std::int64_t heads = mask.size(scores ? 1 : 2), first = slice.head < 0 ? 0 : slice.head,
                     last = slice.head < 0 ? heads : slice.head + 1;
        for (std::int64_t h = first; h < last; ++h)
            if (scores ? any_source(there + (h * length + p) * length) : there[p * heads + h]) return true;
        return false;
    };
    std::vector<std::int64_t> found;
    if (places) {
        std::copy_if(places->begin(), places->end(), std::back_inserter(found), changed);
        std::sort(found.begin(), found.end());
    } else {
        for (std::int64_t p = 0; p < length; ++p)
            if (changed(p)) found.push_back(p);
    }
    return found;
}

std::size_t batch_kind(const PatchSweep& sweep, std::size_t cell) {
    bool split = false, norm = false;
    for (const PatchSlice& slice : sweep.cells[cell]) {
        Site site = slice.ref.site;
        split = split || site == Site::attn_in || site == Site::q_input || site == Site::k_input || site == Site::v_input;
        norm = norm || site == Site::ln1_scale || site == Site::ln1_normalized;
    }
    return !split ? 0 : !norm ? 1 : 2 + cell;
}

PatchRuns run_unpatched(const Transformer& model, const PatchSweep& sweep, const std::vector<SiteRef>& also, bool cache) {
    if (sweep.pairs.empty()) throw Error("prompts", "at least one pair", "none");
    PatchRuns runs;
    runs.outcome.values.resize(sweep.cells.size());
    runs.outcome.base.resize(sweep.pairs.size());
    runs.outcome.source.resize(sweep.pairs.size());
    for (const PatchPair& pair : sweep.pairs) runs.questions.push_back(pair.question);
    std::vector<SiteRef> sites = patched_sites(sweep), others;
    for (SiteRef ref : also)
        if (std::find(sites.begin(), sites.end(), ref) == sites.end()) others.push_back(ref);
    Runner run{model, sweep, sites, others, cache, runs};
    Replacement replacement(model, sweep, sites);
    runs.groups = make_groups(sweep);
    for (PatchGroup& group : runs.groups) {
        run(group);
        replacement.fill(group, runs.outcome);
        for (SiteRef ref : sites)
            group.changed[site_key(ref)] = difference(group.values.at(site_key(ref)), group.before.at(site_key(ref)), ref.site);
    }
    return runs;
}

}  // namespace microtome
