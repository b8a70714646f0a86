#include "hooks/attribution.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/kernels/attribution_sweep.h"
#include "hooks/recorder.h"
#include "hooks/shared_parts.h"
#include "hooks/sweep/patch_runs.h"

namespace microtome {
namespace {

std::vector<SiteRef> sites_of(const PatchSweep& sweep) {
    std::vector<SiteRef> sites;
    for (const PatchCell& cell : sweep.cells)
        for (const PatchSlice& slice : cell)
            if (std::find(sites.begin(), sites.end(), slice.ref) == sites.end()) sites.push_back(slice.ref);
    return sites;
}

// What attribution_sweep leaves: (pair, pos), (pair, pos, head) or (pair, head, pos, pos).
int summed_axes(SiteRef ref, const Tensor& x) {
    if (is_score(ref.site)) return 0;
    const bool heads = std::string_view(info(ref.site).axes).find_first_of("hk") != std::string_view::npos;
    return static_cast<int>(x.dim()) - (heads ? 3 : 2);
}

double slice_sum(Tensor x, const PatchSlice& slice, const PatchSweep& sweep, std::size_t pair) {
    const bool scores = is_score(slice.ref.site);  // (head, destination, source), else (position, head)
    auto keep = [&](int axis, const std::vector<std::int64_t>* at) {
        if (at) x = x.index_select(axis, at::tensor(*at, at::kLong));
    };
    if (slice.head >= 0) x = x.narrow(scores ? 0 : 1, slice.head, 1);
    keep(scores ? 1 : 0, positions_at(sweep, slice.place, pair));
    keep(2, positions_at(sweep, slice.from, pair));
    return x.sum().item<double>();
}

class Attribution {
  public:
    Attribution(const Transformer& model, const PatchSweep& sweep) : model_(model), sweep_(sweep), runs_(run_unpatched(model, sweep)) {
        out_.changes.assign(sweep.cells.size(), std::vector<double>(sweep.pairs.size(), 0.0));
        out_.base = runs_.outcome.base, out_.source = runs_.outcome.source;
    }

    AttributionOutcome run(Progress& progress) {
        const auto passes = gradient_passes(sites_of(sweep_));
        const std::size_t parts = passes.size() * runs_.groups.size();
        std::size_t done = 0;
        const auto run_pass = [&](std::size_t part) -> std::optional<PartValues> {
            return changes_by(runs_.groups[part / passes.size()], passes[part % passes.size()]);
        };
        const bool whole = share_parts(sweep_.ranks, parts, progress, run_pass, [&](const PartValues& part) {
            for (const CellValue& change : part.values) out_.changes[change.cell][change.pair] += change.value;
            progress.step(static_cast<std::int64_t>(++done), static_cast<std::int64_t>(parts), "backward passes");
        });
        // Parts come in order, so these groups are whole; on other ranks than 0 none come, and the numbers do.
        const std::size_t groups = whole ? runs_.groups.size() : done / passes.size();
        if (!whole && (groups == 0 || (sweep_.ranks && sweep_.ranks->size() > 1))) throw Cancelled();
        for (std::size_t g = 0; g < groups; ++g)
            out_.pairs.insert(out_.pairs.end(), runs_.groups[g].pairs.begin(), runs_.groups[g].pairs.end());
        std::sort(out_.pairs.begin(), out_.pairs.end());
        if (whole) share_numbers(sweep_.ranks, out_.changes);
        return std::move(out_);
    }

  private:
    PartValues changes_by(const PatchGroup& group, const std::vector<SiteRef>& refs) {
        Recorder recorder(refs, true);
        backward(group, recorder);
        c10::AutoGradMode without_gradients(false);
        std::vector<SiteRef> reached;
        std::vector<AttributionSite> sites;
        for (SiteRef ref : refs) {
            const Tensor gradient = recorder.gradient(ref);
            if (!gradient.defined()) continue;  // the metric does not depend on it
            const Tensor& base = group.before.at(site_key(ref));
            reached.push_back(ref);
            sites.push_back({group.values.at(site_key(ref)), base, gradient, summed_axes(ref, base)});
        }
        const std::vector<Tensor> products = attribution_sweep(sites);
        PartValues out;
        for (std::size_t i = 0; i < reached.size(); ++i) add(group, reached[i], products[i].to(at::kCPU), out.values);
        return out;
    }

    void add(const PatchGroup& group, SiteRef ref, const Tensor& product, std::vector<CellValue>& changes) const {
        for (std::size_t cell = 0; cell < sweep_.cells.size(); ++cell)
            for (const PatchSlice& slice : sweep_.cells[cell])
                if (slice.ref == ref)
                    for (std::size_t i = 0; i < group.pairs.size(); ++i)
                        changes.push_back({cell, group.pairs[i],
                                           slice_sum(product.select(0, static_cast<std::int64_t>(i)), slice, sweep_, group.pairs[i])});
    }

    // The sum of the pairs' metrics: each depends on its own row alone, so rows keep their own gradients.
    void backward(const PatchGroup& group, Recorder& recorder) {
        c10::AutoGradMode with_gradients(true);
        std::vector<const Question*> asked;
        for (std::size_t i : group.pairs) asked.push_back(&runs_.questions[i]);
        MetricBatch reading(sweep_.metric, asked, group.length());
        if (sweep_.always) sweep_.always->enter({group.base, group.pairs});
        Chain chain({sweep_.always, &recorder});
        reading(logits_at(model_, group.base, &chain, reading.positions())).sum().backward();
    }

    const Transformer& model_;
    const PatchSweep& sweep_;
    PatchRuns runs_;
    AttributionOutcome out_;
};

}  // namespace

std::vector<std::vector<SiteRef>> gradient_passes(const std::vector<SiteRef>& refs) {
    std::vector<std::vector<SiteRef>> passes(3);
    for (SiteRef ref : refs) {
        const bool part = ref.site == Site::q_input || ref.site == Site::k_input || ref.site == Site::v_input;
        passes[ref.site == Site::attn_in ? 2 : part ? 1 : 0].push_back(ref);
    }
    std::erase_if(passes, [](const auto& pass) { return pass.empty(); });
    return passes;
}

AttributionOutcome attribute_patches(const Transformer& model, const PatchSweep& sweep, Progress& progress) {
    if (!sweep.metric.differentiable()) throw Error("metric", "one with a gradient", "rank counts tokens");
    c10::AutoGradMode without_gradients(false);  // but in backward()
    return Attribution(model, sweep).run(progress);
}

}  // namespace microtome
