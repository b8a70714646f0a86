// Writing a model folder that the field's libraries read: GPT-2's layout where the composition is GPT-2's, TransformerLens' names
// otherwise.
#include <ATen/ATen.h>

#include <map>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/safetensors.h"
#include "core/models/model.h"

namespace microtome {
namespace {

bool is_gpt2(const ModelConfig& c) {
    return c.norm == Norm::layer && c.final_norm && c.positions == Positions::learned && c.mlp == MlpKind::plain &&
           c.n_kv_heads == c.n_heads && c.d_head * c.n_heads == c.d_model && !c.parallel && c.score_scale == 0 &&
           c.activation != Activation::silu;
}

// Neither layout's config says these: nothing that is trained here has them.
bool can_be_saved(const ModelConfig& c) {
    return c.embed_scale == 1 && c.norm_offset == 0 && c.norm_affine && !c.shared_norm && !c.post_norms && !c.qk_norm &&
           c.windows.empty() && c.score_cap == 0 && c.logit_cap == 0 && c.rotary.kind == RotaryKind::plain && !c.rotary.interleaved;
}

struct Writer {
    std::vector<Tensor> kept;  // bytes live until the file is written
    std::vector<StoredTensor> out;

    void put(const std::string& name, const Tensor& tensor) {
        Tensor x = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
        kept.push_back(x);
        out.push_back({name,
                       StoredType::F32,
                       x.sizes().vec(),
                       {static_cast<const std::byte*>(x.const_data_ptr()), static_cast<std::size_t>(x.nbytes())}});
    }
    void put_if(const std::string& name, const Tensor& tensor) {
        if (tensor.defined()) put(name, tensor);
    }
};

Json gpt2_config(const ModelConfig& c) {
    return {{"architectures", {"GPT2LMHeadModel"}},
            {"model_type", "gpt2"},
            {"n_layer", c.n_layers},
            {"n_head", c.n_heads},
            {"n_embd", c.d_model},
            {"n_inner", c.d_mlp},
            {"n_positions", c.n_ctx},
            {"vocab_size", c.d_vocab},
            {"activation_function", name_of(c.activation)},
            {"layer_norm_epsilon", c.eps},
            {"tie_word_embeddings", c.tied},
            {"bos_token_id", 0},
            {"eos_token_id", 0},
            {"attn_pdrop", 0.0},
            {"embd_pdrop", 0.0},
            {"resid_pdrop", 0.0},
            {"torch_dtype", "float32"}};
}

void put_gpt2(Writer& w, const Transformer& t) {
    w.put("transformer.wte.weight", t.W_E);
    w.put("transformer.wpe.weight", t.W_pos);
    for (std::size_t l = 0; l < t.blocks.size(); ++l) {
        std::string at = "transformer.h." + std::to_string(l) + ".";
        const Block& b = t.blocks[l];
        w.put(at + "ln_1.weight", b.ln1.weight);
        w.put(at + "ln_1.bias", b.ln1.bias);
        w.put(at + "attn.c_attn.weight", at::cat({b.attn.q.weight, b.attn.k.weight, b.attn.v.weight}, 1));
        w.put(at + "attn.c_attn.bias", at::cat({b.attn.q.bias, b.attn.k.bias, b.attn.v.bias}, 0));
        w.put(at + "attn.c_proj.weight", b.attn.o.weight);
        w.put(at + "attn.c_proj.bias", b.attn.o.bias);
        w.put(at + "ln_2.weight", b.ln2.weight);
        w.put(at + "ln_2.bias", b.ln2.bias);
        w.put(at + "mlp.c_fc.weight", b.mlp.in.weight);
        w.put(at + "mlp.c_fc.bias", b.mlp.in.bias);
        w.put(at + "mlp.c_proj.weight", b.mlp.out.weight);
        w.put(at + "mlp.c_proj.bias", b.mlp.out.bias);
    }
    w.put("transformer.ln_f.weight", t.ln_final.weight);
    w.put("transformer.ln_f.bias", t.ln_final.bias);
    if (!t.config.tied) w.put("lm_head.weight", t.unembed.weight.t());
}

Json lens_config(const ModelConfig& c) {
    Json json{{"format", "transformer_lens"}, {"n_layers", c.n_layers}, {"n_heads", c.n_heads}, {"d_model", c.d_model},
              {"d_head", c.d_head},           {"n_ctx", c.n_ctx},       {"d_vocab", c.d_vocab}};
    if (c.n_kv_heads != c.n_heads) json["n_key_value_heads"] = c.n_kv_heads;
    json["attn_only"] = c.mlp == MlpKind::none;
    if (c.mlp != MlpKind::none) {
        json["d_mlp"] = c.d_mlp;
        json["act_fn"] = name_of(c.activation);
        json["gated_mlp"] = c.mlp == MlpKind::gated;
    }
    json["normalization_type"] = c.norm == Norm::none ? Json() : Json(c.norm == Norm::layer ? "LN" : "RMS");
    json["final_norm"] = c.final_norm;
    json["eps"] = c.eps;
    json["positional_embedding_type"] = c.positions == Positions::learned  ? "standard"
                                        : c.positions == Positions::rotary ? "rotary"
                                                                           : "none";
    if (c.positions == Positions::rotary) {
        json["rotary_dim"] = c.rotary.dim;
        json["rotary_base"] = c.rotary.base;
    }
    if (c.parallel) json["parallel_attn_mlp"] = true;
    if (c.score_scale > 0) json["attn_scale"] = 1 / c.score_scale;
    return json;
}

void put_lens(Writer& w, const Transformer& t) {
    const ModelConfig& c = t.config;
    auto heads = [&](const std::string& name, const Linear& part, int n) {
        w.put(name, part.weight.unflatten(1, {n, c.d_head}).permute({1, 0, 2}));
        if (part.bias.defined()) w.put(std::string(name).replace(name.rfind("W_"), 1, "b"), part.bias.view({n, c.d_head}));
    };
    auto norm = [&](const std::string& name, const NormLayer& part) {
        w.put_if(name + ".w", part.weight);
        w.put_if(name + ".b", part.bias);
    };
    w.put("embed.W_E", t.W_E);
    w.put_if("pos_embed.W_pos", t.W_pos);
    for (std::size_t l = 0; l < t.blocks.size(); ++l) {
        std::string at = "blocks." + std::to_string(l) + ".";
        const Block& b = t.blocks[l];
        norm(at + "ln1", b.ln1);
        heads(at + "attn.W_Q", b.attn.q, c.n_heads);
        heads(at + "attn.W_K", b.attn.k, c.n_kv_heads);
        heads(at + "attn.W_V", b.attn.v, c.n_kv_heads);
        w.put(at + "attn.W_O", b.attn.o.weight.unflatten(0, {c.n_heads, c.d_head}));
        w.put_if(at + "attn.b_O", b.attn.o.bias);
        norm(at + "ln2", b.ln2);
        bool gated = c.mlp == MlpKind::gated;
        w.put_if(at + (gated ? "mlp.W_gate" : "mlp.W_in"), b.mlp.in.weight);
        w.put_if(at + "mlp.b_in", gated ? b.mlp.post_bias : b.mlp.in.bias);
        if (gated) w.put(at + "mlp.W_in", b.mlp.linear.weight);
        w.put_if(at + "mlp.W_out", b.mlp.out.weight);
        w.put_if(at + "mlp.b_out", b.mlp.out.bias);
    }
    norm("ln_final", t.ln_final);
    w.put("unembed.W_U", t.unembed.weight);
    w.put_if("unembed.b_U", t.unembed.bias);
}

}  // namespace

void save_model(const std::filesystem::path& folder, const Transformer& model, const std::map<std::string, std::string>& metadata) {
    std::filesystem::create_directories(folder);
    const ModelConfig& c = model.config;
    if (!can_be_saved(c)) throw Error("model to save", "a composition of GPT-2's or TransformerLens' config", c.architecture);
    if (c.mlp == MlpKind::gated && model.blocks[0].mlp.in.bias.defined())
        throw Error("model to save", "a gated MLP without biases", "one with biases");
    Writer writer;
    if (is_gpt2(c))
        put_gpt2(writer, model);
    else
        put_lens(writer, model);
    write_safetensors(folder / "model.safetensors", writer.out, metadata);
    write_json(folder / "config.json", is_gpt2(c) ? gpt2_config(c) : lens_config(c));
}

}  // namespace microtome
