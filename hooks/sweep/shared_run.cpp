#include "hooks/sweep/shared_run.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/models/packed.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

// The base prompts' tokens behind each other, then those of the source prompts that are not the base's.
struct Together {
    std::vector<std::int64_t> ids, position, source_flat;  // source_flat: pair · length + position
    std::vector<std::int64_t> start, first{0}, prompt;     // of the rows: base prompts from 0, source suffixes

    explicit Together(const PatchGroup& group) {
        Tensor base = group.base.contiguous(), source = group.source.contiguous();
        std::int64_t length = group.length();
        auto text = [&](const Tensor& x, std::int64_t i) { return x.const_data_ptr<std::int64_t>() + i * length; };
        auto add = [&](const std::int64_t* from, std::int64_t pair, std::int64_t begin) {
            start.push_back(begin), prompt.push_back(pair);
            for (std::int64_t p = begin; p < length; ++p) ids.push_back(from[p]), position.push_back(p);
            first.push_back(static_cast<std::int64_t>(ids.size()));
        };
        for (std::int64_t i = 0; i < base.size(0); ++i) add(text(base, i), i, 0);
        for (std::int64_t i = 0; i < base.size(0); ++i) {
            std::int64_t begin = std::mismatch(text(base, i), text(base, i) + length, text(source, i)).first - text(base, i);
            for (std::int64_t p = begin; p < length; ++p) source_flat.push_back(i * length + p);
            if (begin < length) add(text(source, i), i, begin);
        }
    }
};

class Run {
  public:
    Run(const Transformer& model, PatchGroup& group) : model_(model), group_(group), all_(group), n_(group.base.size(0)) {
        auto narrow = [](const std::vector<std::int64_t>& x) { return at::tensor(x, at::kLong).to(at::kInt); };
        packed_.rows = {narrow(all_.start), narrow(all_.first), narrow(all_.prompt), narrow(all_.first), narrow(all_.position)};
        packed_.position = packed_.query_position = list(all_.position);
        packed_.length = group.length();
        packed_.base = &group.cache;
        context_.packed = &packed_;
        source_flat_ = list(all_.source_flat);
        group_.cache.k.resize(model.blocks.size()), group_.cache.v.resize(model.blocks.size());
    }

    Tensor residual(const Tap& outer) {
        Tensor x = embedded(outer);
        for (std::size_t l = 0; l < model_.blocks.size(); ++l) {
            x = through(static_cast<int>(l), x, outer.at(static_cast<int>(l)));
            if (model_.pages) model_.pages->leave(l);
        }
        return x;
    }

    // (1, tokens, …) -> (pair, pos, …)
    Tensor base(const Tensor& x) const { return x[0].narrow(0, 0, n_ * group_.length()).unflatten(0, {n_, group_.length()}); }
    Tensor source(const Tensor& x) const {
        Tensor whole = base(x).clone(at::MemoryFormat::Contiguous);
        std::int64_t begin = n_ * group_.length();
        whole.flatten(0, 1).index_copy_(0, source_flat_, x[0].narrow(0, begin, x.size(1) - begin));
        return whole;
    }

  private:
    Tensor list(const std::vector<std::int64_t>& x) const { return at::tensor(x, at::kLong).to(model_.device()); }

    Tensor embedded(const Tap& tap) const {
        Tensor x = at::embedding(model_.W_E, list(all_.ids).unsqueeze(0));
        if (model_.config.embed_scale != 1) x = x * at::scalar_tensor(model_.config.embed_scale, x.options());
        x = tap(Site::embed, x);
        if (model_.W_pos.defined()) x = x + tap(Site::pos_embed, model_.W_pos.index_select(0, packed_.position).unsqueeze(0));
        return x;
    }

    // A block, with the base rows' keys and values as what the source rows' suffixes follow.
    Tensor through(int layer, Tensor x, const Tap& tap) {
        const Block& block = model_.blocks[static_cast<std::size_t>(layer)];
        x = tap(Site::resid_pre, x);
        Attention::Heads heads = block.attn.turn(block.attn.project(block.read(x, tap)), tap, context_);
        auto l = static_cast<std::size_t>(layer);
        group_.cache.k[l] = base(heads.k), group_.cache.v[l] = base(heads.v);
        Tensor source_k = source(heads.k), source_v = source(heads.v);
        Tensor z = block.attn.mix(std::move(heads), tap, context_, layer);
        group_.cache.k[l] = at::cat({group_.cache.k[l], source_k}), group_.cache.v[l] = at::cat({group_.cache.v[l], source_v});
        Block::Middle mid = block.middle(x, block.attention_out(z, tap), tap);
        bool mlp = block.mlp.kind != MlpKind::none;
        return block.leave(mid.sum, mlp ? block.mlp_out(block.neurons(mid.read, tap), tap) : Tensor(), tap);
    }

    const Transformer& model_;
    PatchGroup& group_;
    Together all_;
    std::int64_t n_;
    Tensor source_flat_;
    PackedRows packed_;
    Context context_;
};

}  // namespace

bool can_share(const std::vector<SiteRef>& sites) {
    return std::all_of(sites.begin(), sites.end(), [](SiteRef ref) {
        bool embeds = ref.site == Site::embed || ref.site == Site::pos_embed;
        return embeds || (ref.layer >= 0 && !is_score(ref.site));
    });
}

Tensor run_together(const Transformer& model, PatchGroup& group, const std::vector<SiteRef>& sites, const std::vector<SiteRef>& also,
                    const Tensor& positions) {
    for (const Tensor* ids : {&group.base, &group.source}) check_ids(model.config, *ids, 0);
    std::vector<SiteRef> kept = sites;
    kept.insert(kept.end(), also.begin(), also.end());
    Recorder recorder(kept);
    Run run(model, group);
    Tensor x = run.residual(Tap(recorder));
    group.both_cached = true;
    for (const auto& [ref, seen] : recorder.seen()) {
        group.before[site_key(ref)] = run.base(seen);
        if (std::find(sites.begin(), sites.end(), ref) != sites.end()) group.values[site_key(ref)] = run.source(seen);
    }
    Tensor where = positions.to(x.device()).unsqueeze(-1).expand({-1, -1, x.size(-1)});
    return at::stack({run.base(x).gather(1, where), run.source(x).gather(1, where)});
}

}  // namespace microtome
