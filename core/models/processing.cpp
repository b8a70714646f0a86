#include "core/models/processing.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <array>
#include <sstream>

#include "core/base/error.h"
#include "core/base/near.h"

namespace microtome {
namespace {

struct Switch {
    const char* name;
    bool Processing::*on;
};
constexpr std::array<Switch, 4> switches{{{"fold_norms", &Processing::fold_norms},
                                          {"center_writing", &Processing::center_writing},
                                          {"center_unembed", &Processing::center_unembed},
                                          {"fold_value_biases", &Processing::fold_value_biases}}};

Tensor sum(const Tensor& bias, const Tensor& more) {
    return bias.defined() ? bias + more : more;
}

Tensor centred(const Tensor& x, int axis) {
    return x.defined() ? x - x.mean(axis, true) : x;
}

void clear(NormLayer& norm) {
    norm.weight = norm.bias = Tensor();
    norm.offset = 0;
}

void fold_norms(Transformer& t) {
    for (Block& b : t.blocks) {
        for (Linear* reader : {&b.attn.q, &b.attn.k, &b.attn.v}) fold_norm(b.ln1, *reader);
        for (Linear* reader : {&b.mlp.in, &b.mlp.linear}) fold_norm(b.ln2, *reader);
        clear(b.ln1);
        clear(b.ln2);
    }
    fold_norm(t.ln_final, t.unembed);
    clear(t.ln_final);
}

void center(Linear& writer) {
    writer.weight = centred(writer.weight, -1);
    writer.bias = centred(writer.bias, -1);
}

void center_writing(Transformer& t) {
    t.W_E = centred(t.W_E, -1);
    t.W_pos = centred(t.W_pos, -1);
    for (Block& b : t.blocks) {
        center(b.attn.o);
        if (b.mlp.out.weight.defined()) center(b.mlp.out);
    }
}

// z = pattern·(v + b_V) = pattern·v + b_V, for each head of the group that shares the value.
void fold_value_biases(Transformer& t) {
    for (Block& b : t.blocks) {
        Attention& a = b.attn;
        if (!a.v.bias.defined()) continue;
        Tensor each = a.v.bias.view({a.n_kv_heads, a.d_head}).repeat_interleave(a.n_heads / a.n_kv_heads, 0);
        a.o.bias = sum(a.o.bias, at::mv(a.o.weight.t(), each.reshape({-1})));
        a.v.bias = Tensor();
    }
}

}  // namespace

// reader(norm(x)) = (ŵ ⊙ x̂ + b) W + c = x̂ (ŵ ⊙ W) + (b W + c), ŵ = offset + weight. A LayerNorm's x̂ has no mean, so W's may go.
void fold_norm(const NormLayer& norm, Linear& reader) {
    if (norm.kind == Norm::none || !reader.weight.defined()) return;
    if (norm.bias.defined()) reader.bias = sum(reader.bias, at::mv(reader.weight.t(), norm.bias));
    if (norm.weight.defined()) reader.weight = reader.weight * (norm.weight + norm.offset).unsqueeze(1);
    if (norm.kind == Norm::layer) reader.weight = centred(reader.weight, 0);
}

std::string refusal(const std::string& name, const ModelConfig& c) {
    if (name == "center_writing") {
        if (c.norm != Norm::layer || !c.final_norm) return "not every reader of the stream is a LayerNorm, which takes the mean out again";
        if (c.post_norms) return "what attention and MLP write is normed, and centred weights would change the norm";
    }
    if (name == "center_unembed" && c.logit_cap > 0) return "a soft cap follows the logits, and it is not linear";
    return "";
}

Processing parse_processing(const std::string& text, const ModelConfig& config) {
    Processing out;
    if (text == "raw") return out;
    std::vector<std::string> names;
    for (const Switch& s : switches) names.push_back(s.name);
    if (text == "processed") {
        for (const Switch& s : switches) out.*s.on = refusal(s.name, config).empty();
        return out;
    }
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
        const Switch* found = nullptr;
        for (const Switch& s : switches)
            if (part == s.name) found = &s;
        if (!found) throw Error("processing", "raw, processed, or of " + joined(names) + " (several with commas)", "\"" + part + "\"");
        if (std::string why = refusal(part, config); !why.empty())
            throw Error("processing " + part, "a model whose log-probabilities it leaves as they are", why);
        out.*found->on = true;
    }
    if (!out.any()) throw Error("processing", "raw, processed, or of " + joined(names) + " (several with commas)", "\"" + text + "\"");
    return out;
}

Transformer processed(Transformer t, const Processing& processing) {
    if (!processing.any()) return t;
    c10::AutoGradMode without_gradients(false);
    const at::ScalarType dtype = t.dtype();
    if (dtype != at::kDouble) t = convert(std::move(t), at::kFloat, t.device());
    // A tied unembedding is a view of W_E: from here on each changes alone.
    t.config.tied = false;
    if (processing.fold_norms) fold_norms(t);
    if (processing.center_writing) center_writing(t);
    if (processing.center_unembed) {
        t.unembed.weight = centred(t.unembed.weight, -1);
        t.unembed.bias = centred(t.unembed.bias, -1);
    }
    if (processing.fold_value_biases) {
        fold_value_biases(t);
        if (processing.center_writing)
            for (Block& b : t.blocks) b.attn.o.bias = centred(b.attn.o.bias, -1);
    }
    return dtype == at::kDouble ? t : convert(std::move(t), dtype, t.device());
}

}  // namespace microtome
