#include "hooks/sweep/patch_runs.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "hooks/recorder.h"
#include "hooks/sweep/columns.h"
#include "hooks/sweep/replacement.h"
#include "hooks/sweep/shared_run.h"

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
        if (cache && !sweep.always && sweep.replace == PatchValue::source && can_share(sites) && can_share(also)) {
            together(group, asked, reading.positions());
            return;
        }
        Tensor logits[2];
        for (int side = 0; side < 2; ++side) logits[side] = run(group, side == 0, reading.positions());
        note(group, reading, logits[0], logits[1]);
    }

    // What the metric says of both runs.
    void note(const PatchGroup& group, const MetricBatch& reading, const Tensor& base_logits, const Tensor& source_logits) {
        if (sweep.metric.needs_clean()) {
            const Tensor& clean = sweep.source_is_clean ? source_logits : base_logits;
            for (std::size_t i = 0; i < group.pairs.size(); ++i)
                runs.questions[group.pairs[i]].clean_logits = clean[static_cast<std::int64_t>(i)].narrow(0, 0, reading.count(i)).clone();
        }
        auto base = numbers_of(reading(base_logits)), source = numbers_of(reading(source_logits));
        for (std::size_t i = 0; i < group.pairs.size(); ++i) {
            runs.outcome.base[group.pairs[i]] = base[i];
            runs.outcome.source[group.pairs[i]] = source[i];
        }
    }

    void together(PatchGroup& group, const std::vector<const Question*>& asked, const Tensor& positions) {
        Tensor x = run_together(model, group, sites, also, positions);  // (2, pairs, n, d_model)
        runs.outcome.forward_rows += 2 * x.size(1);
        auto narrow = narrow_end(model, sweep.metric, runs.questions);
        Tensor logits = (narrow ? narrow->end : model).logits(x.flatten(0, 1)).unflatten(0, {2, x.size(1)});
        if (!narrow) return note(group, MetricBatch(sweep.metric, asked, group.length()), logits[0], logits[1]);
        std::vector<const Question*> narrow_asked;
        for (std::size_t i : group.pairs) narrow_asked.push_back(&narrow->questions[i]);
        note(group, MetricBatch(narrow->metric, narrow_asked, group.length()), logits[0], logits[1]);
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
