#include "analyses/capture.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "analyses/cache_plan.h"
#include "analyses/store_batch.h"
#include "core/base/error.h"
#include "hooks/edit_axes.h"

namespace microtome {
Capture::Capture(const Session& session, const std::vector<std::string>& sites, std::filesystem::path out, const std::string& type)
    : session_(session), refs_(match_sites(session.impl().model.config, sites)), out_(std::move(out)), type_(type), kept_(refs_.size()) {
    store_type(type_);
    std::error_code ignored;
    if (std::filesystem::exists(out_, ignored)) throw Error(out_.string(), "a file that is not there yet", "one that is");
}

bool Capture::wants(SiteRef ref) const {
    return std::find(refs_.begin(), refs_.end(), ref) != refs_.end();
}

Tensor Capture::see(SiteRef ref, Tensor x) {
    auto& kept = kept_[static_cast<std::size_t>(std::find(refs_.begin(), refs_.end(), ref) - refs_.begin())];
    kept.resize(std::min(kept.size(), static_cast<std::size_t>(offset_)));
    Tensor one = x.detach()[0].to(at::kCPU, x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
    int axis = position_axis(ref.site) - 1;
    for (std::int64_t p = 0; p < one.size(axis); ++p) kept.push_back(one.select(axis, p).clone());  // (…), or (head, source)
    return x;
}

// (token, …), or (query, key, head): a query's later keys are masked, 0 in a pattern and −inf in scores.
Tensor Capture::rows_of(std::size_t site, std::int64_t length) const {
    const auto& kept = kept_[site];
    if (static_cast<std::int64_t>(kept.size()) != length)
        throw Error(hook_name(refs_[site]), std::to_string(length) + " positions of this site", std::to_string(kept.size()));
    if (!pairs_positions(refs_[site].site)) return at::stack(kept).contiguous();
    Tensor rows = at::full({length, length, kept[0].size(0)}, refs_[site].site == Site::pattern ? 0.0 : -INFINITY, kept[0].options());
    for (std::int64_t q = 0; q < length; ++q) rows[q].narrow(0, 0, q + 1).copy_(kept[static_cast<std::size_t>(q)].narrow(1, 0, q + 1).t());
    return rows;
}

void Capture::write(const std::vector<std::int64_t>& ids, const std::string& text) const {
    StorePrompt prompt{text, {ids.begin(), ids.end()}};
    StorePlan sizes;
    sizes.add(prompt);
    std::vector<StoreSite> sites;
    for (SiteRef ref : refs_) sites.push_back(store_site(ref, session_.impl().model.config, store_type(type_)));
    StoreWriter writer(out_, store_identity(session_), sites, {false, 0, sizes});
    writer.add_prompts(std::span(&prompt, 1));
    auto length = static_cast<std::int64_t>(ids.size());
    for (std::size_t s = 0; s < refs_.size(); ++s) {
        Tensor rows = rows_of(s, length);
        auto count = static_cast<std::uint64_t>(pairs_positions(refs_[s].site) ? length * length : length);
        if (rows.scalar_type() == at::kDouble)
            writer.append(s, rows.const_data_ptr<double>(), count);
        else
            writer.append(s, rows.const_data_ptr<float>(), count);
    }
    writer.batch_done();
    writer.finish();
}

}  // namespace microtome
