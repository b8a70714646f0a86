#include "hooks/edits.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "hooks/edit_axes.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

// Values of other prompts kept from one pass to the next, at most: 256 MB in single precision.
constexpr std::int64_t most_kept = std::int64_t{1} << 26;

int key_of(SiteRef ref) {
    return ref.layer * 64 + static_cast<int>(ref.site);
}

bool is_unembedding(SiteRef ref) {
    return ref.site >= Site::ln_final_scale;
}

void check_vector(const Edit& edit, const ModelConfig& config) {
    bool directed = edit.kind == EditKind::add || edit.kind == EditKind::project_out || edit.kind == EditKind::exchange;
    if (!directed && edit.kind != EditKind::mean) return;
    if (pairs_positions(edit.ref.site)) throw Error(edit.name, "a site with a vector at each position", hook_name(edit.ref));
    auto shape = vector_shape(edit.ref.site, config);
    for (const Tensor* v : {&edit.value, &edit.other}) {
        if (v == &edit.other && edit.kind != EditKind::exchange) continue;
        auto given = v->sizes().vec();
        if (edit.by_position) given.erase(given.begin());
        bool one_head = shape.size() == 2 && given.size() == 1 && given[0] == shape[1];
        if (given != shape && !one_head) throw Error(edit.name, "a vector of shape " + shape_text(shape), shape_text(given));
        if (!v->isfinite().all().item<bool>()) throw Error(edit.name, "a vector of finite numbers", "others");
        bool nothing = edit.kind != EditKind::add && directed && (*v * *v).sum(-1).eq(0).any().item<bool>();
        if (nothing) throw Error(edit.name, "a direction", "a vector of zeros");
    }
    if (edit.kind != EditKind::exchange) return;
    Tensor u = edit.value.to(at::kDouble), v = edit.other.to(at::kDouble);
    Tensor cosine = (u * v).sum(-1) / ((u * u).sum(-1) * (v * v).sum(-1)).sqrt();
    if ((cosine.abs() > 1 - 1e-9).any().item<bool>()) throw Error(edit.name, "two directions", "parallel ones");
}

}  // namespace

Edits::Edits(std::vector<Edit> edits, const Transformer& model) : edits_(std::move(edits)), fired_(edits_.size(), 0), model_(model) {
    const ModelConfig& config = model.config;
    for (Edit& edit : edits_) {
        bool there =
            has_site(config, edit.ref.site) && (!per_layer(edit.ref.site) || (edit.ref.layer >= 0 && edit.ref.layer < config.n_layers));
        if (!there) throw Error(edit.name, "a site that this model has", hook_name(edit.ref));
        check_vector(edit, config);
        for (Tensor* v : {&edit.value, &edit.other})
            if (v->defined()) *v = v->to(model.device(), model.dtype());
    }
}

const std::vector<std::int64_t>* Edits::positions_of(const Edit& edit, std::size_t row) const {
    if (edit.positions.empty()) return nullptr;
    return &edit.positions[edit.positions.size() == 1 ? 0 : run_.prompts.at(row)];
}

// Null: this row stays as it is.
const EditSource* Edits::source_of(const Edit& edit, std::size_t row) const {
    if (!edit.by_ids.empty()) {
        auto it = edit.by_ids.find(rows_.at(row));
        return it == edit.by_ids.end() ? nullptr : &it->second;
    }
    return &edit.sources.at(edit.sources.size() == 1 ? 0 : run_.prompts.at(row));
}

void Edits::enter(EditRun run) {
    if (edits_.empty()) return;
    c10::AutoGradMode without_gradients(false);
    run_ = std::move(run);
    Tensor ids = run_.ids.contiguous();
    if (run_.offset == 0) {
        rows_.clear();
        own_cache_ = {};
        for (std::int64_t r = 0; r < ids.size(0); ++r) {
            const auto* data = ids.const_data_ptr<std::int64_t>() + r * ids.size(1);
            rows_.emplace_back(data, data + (run_.lengths.empty() ? ids.size(1) : run_.lengths[static_cast<std::size_t>(r)]));
        }
        fetch_sources();
    }
    fetch_own();
}

Edits::Values Edits::run(const Tensor& ids, const std::vector<SiteRef>& refs, Context context) const {
    Recorder recorder(refs);
    Tap tap(recorder);
    Tensor residual = model_.residual(ids, tap, context);
    if (std::any_of(refs.begin(), refs.end(), is_unembedding)) model_.logits(residual, tap);
    Values values;
    for (SiteRef ref : refs) values[key_of(ref)] = recorder.at(ref);
    return values;
}

void Edits::fetch_sources() {
    std::vector<SiteRef> refs;
    std::set<std::vector<std::int64_t>> needed;
    for (const Edit& edit : edits_) {
        if (edit.kind != EditKind::put) continue;
        if (std::find(refs.begin(), refs.end(), edit.ref) == refs.end()) refs.push_back(edit.ref);
        for (std::size_t row = 0; row < rows_.size(); ++row)
            if (const EditSource* source = source_of(edit, row)) needed.insert(source->ids);
    }
    std::int64_t kept = 0;
    for (const auto& [ids, values] : others_)
        for (const auto& [key, tensor] : values) kept += tensor.numel();
    if (kept > most_kept) std::erase_if(others_, [&](const auto& entry) { return !needed.contains(entry.first); });
    for (const auto& ids : needed) {
        if (others_.contains(ids)) continue;
        // Two equal rows: the bits are those of a row in a batch.
        Values values = run(ids_tensor({ids, ids}), refs, {});
        for (auto& [key, tensor] : values) tensor = tensor.select(0, 0).clone();
        others_[ids] = std::move(values);
    }
}

void Edits::fetch_own() {
    std::vector<SiteRef> refs;
    for (const Edit& edit : edits_)
        if (edit.kind == EditKind::freeze && std::find(refs.begin(), refs.end(), edit.ref) == refs.end()) refs.push_back(edit.ref);
    if (refs.empty()) return;
    // A generated text goes on, one row at a time: its earlier tokens are kept.
    Context context{run_.offset, run_.ids.size(0) == 1 ? &own_cache_ : nullptr};
    own_ = run(run_.ids, refs, context);
}

bool Edits::wants(SiteRef ref) const {
    return std::any_of(edits_.begin(), edits_.end(), [&](const Edit& edit) { return edit.ref == ref; });
}

Tensor Edits::see(SiteRef ref, Tensor x) {
    for (std::size_t i = 0; i < edits_.size(); ++i) {
        if (!(edits_[i].ref == ref)) continue;
        Tensor where = where_of(edits_[i], x);
        if (!where.defined()) continue;
        x = at::where(where, replacement(edits_[i], x), x);
        ++fired_[i];
    }
    return x;
}

void Edits::add_fired(const std::vector<std::int64_t>& elsewhere) {
    for (std::size_t i = 0; i < fired_.size() && i < elsewhere.size(); ++i) fired_[i] += elsewhere[i];
}

void Edits::check_fired() const {
    for (std::size_t i = 0; i < edits_.size(); ++i)
        if (fired_[i] == 0)
            throw Error(edits_[i].name, "an intervention that a run reaches", hook_name(edits_[i].ref) + " was never reached");
}

}  // namespace microtome
