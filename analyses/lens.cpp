#include "analyses/lens.h"

#include <ATen/ATen.h>

#include "analyses/session_impl.h"
#include "core/base/error.h"

namespace microtome {
namespace {

Tensor wide(const Tensor& x) {
    return x.to(at::kCPU, at::kDouble);
}

// The factor of the final norm (d_model).
Tensor factor(const NormLayer& norm, std::int64_t width) {
    Tensor w = norm.weight.defined() ? wide(norm.weight) + norm.offset : at::ones({width}, at::kDouble);
    return norm.kind == Norm::none ? at::ones({width}, at::kDouble) : w;
}

}  // namespace

LensNorm parse_lens_norm(const std::string& name) {
    if (name == "final") return LensNorm::final;
    if (name == "cached") return LensNorm::cached;
    if (name == "none") return LensNorm::none;
    throw Error("norm", "final, cached or none", "\"" + name + "\"");
}

LensOwner owner_of(const Session& session) {
    const ModelFacts& facts = session.facts();
    return {facts.name, facts.sha256, facts.processing};
}

std::optional<TunedLens> open_lens(const Session& session, const std::string& path) {
    if (path.empty()) return {};
    return load_lens(path, session.impl().model, owner_of(session));
}

Tensor final_scale(const Transformer& model, const Tensor& stream) {
    const NormLayer& norm = model.ln_final;
    Tensor x = wide(stream);
    if (norm.kind == Norm::none) return at::ones_like(x.narrow(-1, 0, 1));
    if (norm.kind == Norm::layer) x = x - x.mean(-1, true);
    return (x.pow(2).mean(-1, true) + norm.eps).sqrt();
}

Tensor lens_logits(const Transformer& model, const Tensor& stream, const Tensor& last, LensNorm how) {
    const NormLayer& norm = model.ln_final;
    Tensor normed;
    if (how == LensNorm::final) {
        normed = norm(stream);
    } else {
        Tensor x = wide(stream);
        if (how == LensNorm::cached && norm.kind != Norm::none) {
            if (norm.kind == Norm::layer) x = x - x.mean(-1, true);
            x = x / final_scale(model, last) * factor(norm, x.size(-1));
            if (norm.bias.defined()) x = x + wide(norm.bias);
        }
        normed = x.to(stream.device(), stream.scalar_type());
    }
    Tensor logits = wide(model.unembed(normed));
    const double cap = model.config.logit_cap;
    return cap > 0 ? at::tanh(logits / cap) * cap : logits;
}

ReadOut read_out(const Transformer& model, const std::vector<std::int64_t>& answers, const std::vector<std::int64_t>& foils) {
    auto mean_of = [&](const Tensor& from, std::int64_t axis, const std::vector<std::int64_t>& ids) {
        return wide(from.index_select(axis, at::tensor(ids, at::kLong).to(from.device()))).mean(axis);
    };
    ReadOut out;
    Tensor column = mean_of(model.unembed.weight, 1, answers);
    if (!foils.empty()) column = column - mean_of(model.unembed.weight, 1, foils);
    if (model.unembed.bias.defined()) {
        out.unembed_bias = mean_of(model.unembed.bias, 0, answers).item<double>();
        if (!foils.empty()) out.unembed_bias -= mean_of(model.unembed.bias, 0, foils).item<double>();
    }
    const NormLayer& norm = model.ln_final;
    if (norm.kind != Norm::none && norm.bias.defined()) out.norm_bias = (wide(norm.bias) * column).sum().item<double>();
    out.direction = factor(norm, column.size(0)) * column;
    // Centring a component and reading it is reading it through the centred direction.
    if (norm.kind == Norm::layer) out.direction = out.direction - out.direction.mean();
    return out;
}

}  // namespace microtome
