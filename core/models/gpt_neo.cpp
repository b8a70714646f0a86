// GPT-Neo (Black et al. 2021): GPT-2's composition; scores are not scaled, every other layer reads a window only.
#include "core/base/error.h"
#include "core/models/hf_layout.h"

namespace microtome {
namespace {

bool matches(const Json& config) {
    return has_model_type(config, "gpt_neo");
}

// ["global", "local", …] a layer: as it is, or packed as [[["global", "local"], 12]].
std::vector<std::string> read_kinds(JsonReader& json, int n_layers) {
    std::vector<std::string> kinds;
    auto add = [&](const Json& kind, const std::string& where) {
        if (kind != "global" && kind != "local")
            throw Error(where, "global or local", kind.dump(-1, ' ', false, Json::error_handler_t::replace));
        if (kinds.size() == static_cast<std::size_t>(n_layers))
            throw Error(where, "one kind for each of the " + std::to_string(n_layers) + " layers", "more");
        kinds.push_back(kind.get<std::string>());
    };
    bool packed = is_given(json, "attention_types");
    std::string where = json.pointer(packed ? "attention_types" : "attention_layers");
    const Json& list = json.at(packed ? "attention_types" : "attention_layers");
    if (!list.is_array()) throw Error(where, "a list", list.type_name());
    for (const Json& item : list) {
        if (!packed) {
            add(item, where);
            continue;
        }
        bool good = item.is_array() && item.size() == 2 && item[0].is_array() && item[1].is_number_unsigned() && item[1] <= n_layers;
        if (!good)
            throw Error(where, "items like [[\"global\", \"local\"], 12]", item.dump(-1, ' ', false, Json::error_handler_t::replace));
        for (int i = 0; i < item[1].get<int>(); ++i)
            for (const Json& kind : item[0]) add(kind, where);
    }
    if (kinds.size() != static_cast<std::size_t>(n_layers))
        throw Error(where, "one kind for each of the " + std::to_string(n_layers) + " layers", std::to_string(kinds.size()));
    return kinds;
}

ModelConfig configure(const Json& config, const std::string& subject) {
    JsonReader json(config, subject);
    ModelConfig c;
    c.architecture = "gpt_neo";
    c.n_layers = json_size(json, "num_layers");
    c.n_heads = c.n_kv_heads = json_size(json, "num_heads");
    c.d_model = json_size(json, "hidden_size");
    c.d_mlp = is_given(json, "intermediate_size") ? json_size(json, "intermediate_size") : 4 * c.d_model;
    c.n_ctx = json_size(json, "max_position_embeddings");
    c.d_vocab = json_size(json, "vocab_size");
    c.d_head = read_head_size(json, c, "head_dim", "num_heads");
    c.eps = json.number("layer_norm_epsilon", 1e-5);
    c.activation = parse_activation(json.string("activation_function", "gelu_new"), json.pointer("activation_function"));
    c.score_scale = 1;
    c.tied = json.boolean("tie_word_embeddings", true);
    c.o_bias = c.mlp_bias = true;
    int window = json_size(json, "window_size", 256);
    for (const std::string& kind : read_kinds(json, c.n_layers)) c.windows.push_back(kind == "local" ? window : 0);
    check(c, subject);
    return c;
}

Transformer load(const ModelConfig& c, Weights& weights) {
    HfReader read{c, weights};
    std::string root = weights.has("transformer.wpe.weight") ? "transformer." : "";
    std::int64_t m = c.d_model, f = c.d_mlp, wide = std::int64_t{c.n_heads} * c.d_head;
    Transformer t;
    t.config = c;
    read.ends(t, root + "wte.weight", "lm_head.weight");
    t.W_pos = weights.take(root + "wpe.weight", {c.n_ctx, m});
    for (int l = 0; l < c.n_layers; ++l) {
        std::string at = root + "h." + std::to_string(l) + ".", attention = at + "attn.attention.";
        Block b = empty_block(c, l);
        b.ln1 = read.norm(at + "ln_1");
        b.attn.q = read.linear(attention + "q_proj", m, wide, false);
        b.attn.k = read.linear(attention + "k_proj", m, wide, false);
        b.attn.v = read.linear(attention + "v_proj", m, wide, false);
        b.attn.o = read.linear(attention + "out_proj", wide, m, true);
        b.ln2 = read.norm(at + "ln_2");
        b.mlp.in = read.linear(at + "mlp.c_fc", m, f, true);
        b.mlp.out = read.linear(at + "mlp.c_proj", f, m, true);
        t.blocks.push_back(std::move(b));
    }
    t.ln_final = read.norm(root + "ln_f");
    weights.finish({"*.attn.attention.bias", "*.attn.attention.masked_bias", "lm_head.weight"});
    return t;
}

}  // namespace

extern const Architecture architecture_gpt_neo;
const Architecture architecture_gpt_neo{"gpt_neo", "GPT-Neo: as GPT-2, scores not scaled, windows in some layers", matches, configure,
                                        load};

}  // namespace microtome
