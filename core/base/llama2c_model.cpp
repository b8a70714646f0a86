#include "core/base/llama2c_model.h"

#include <array>
#include <bit>
#include <cstring>

#include "core/base/error.h"

namespace microtome {
namespace {

static_assert(std::endian::native == std::endian::little, "these files are little-endian");

constexpr std::size_t header_bytes = 28;

struct Part {
    std::string name;  // {l} stands for the layer
    std::vector<std::int64_t> shape;
};

// In the file's order (run.c, memory_map_weights). A part of the layers holds each layer's in turn.
std::vector<Part> parts_of(const Llama2cHeader& h) {
    std::int64_t d = h.dim, f = h.hidden_dim, narrow = d / h.n_heads * h.n_kv_heads, v = h.vocab_size;
    std::string layer = "model.layers.{l}.";
    return {{"model.embed_tokens.weight", {v, d}},
            {layer + "input_layernorm.weight", {d}},
            {layer + "self_attn.q_proj.weight", {d, d}},
            {layer + "self_attn.k_proj.weight", {narrow, d}},
            {layer + "self_attn.v_proj.weight", {narrow, d}},
            {layer + "self_attn.o_proj.weight", {d, d}},
            {layer + "post_attention_layernorm.weight", {d}},
            {layer + "mlp.gate_proj.weight", {f, d}},
            {layer + "mlp.down_proj.weight", {d, f}},
            {layer + "mlp.up_proj.weight", {f, d}},
            {"model.norm.weight", {d}},
            {"unused.rotary_cos", {h.seq_len, d / h.n_heads / 2}},
            {"unused.rotary_sin", {h.seq_len, d / h.n_heads / 2}},
            {"lm_head.weight", {h.shared ? 0 : v, d}}};
}

bool possible(const Llama2cHeader& h) {
    for (std::int32_t n : {h.dim, h.hidden_dim, h.n_layers, h.n_heads, h.n_kv_heads, h.vocab_size, h.seq_len})
        if (n < 1 || n > 1 << 24) return false;
    return h.n_layers <= 1000 && h.dim % h.n_heads == 0 && h.n_heads % h.n_kv_heads == 0 && h.dim / h.n_heads % 2 == 0;
}

// Fits: each factor is at most 2^24, and there are at most 1000 layers.
std::int64_t elements(const Part& part) {
    std::int64_t n = 1;
    for (std::int64_t size : part.shape) n *= size;
    return n;
}

bool of_layers(const Part& part) {
    return part.name.find("{l}") != std::string::npos;
}

}  // namespace

std::optional<Llama2cHeader> read_llama2c_header(std::span<const std::byte> file) {
    if (file.size() < header_bytes) return {};
    std::array<std::int32_t, 7> n{};
    std::memcpy(n.data(), file.data(), header_bytes);
    if (n[5] == INT32_MIN) return {};
    Llama2cHeader h{n[0], n[1], n[2], n[3], n[4], std::abs(n[5]), n[6], n[5] > 0};
    if (!possible(h)) return {};
    std::int64_t floats = 0;
    for (const Part& part : parts_of(h)) floats += elements(part) * (of_layers(part) ? h.n_layers : 1);
    if (static_cast<std::uint64_t>(floats) * 4 + header_bytes != file.size()) return {};
    return h;
}

SafetensorsContent parse_llama2c(std::span<const std::byte> file, const std::string& subject) {
    auto header = read_llama2c_header(file);
    if (!header)
        throw Error(subject, "safetensors, or a llama2.c model (seven sizes, then exactly the float32 weights that they ask for)",
                    std::to_string(file.size()) + " bytes of something else");
    SafetensorsContent content;
    std::size_t at = header_bytes;
    for (const Part& part : parts_of(*header)) {
        std::size_t bytes = static_cast<std::size_t>(elements(part)) * 4;
        for (int l = 0; l < (of_layers(part) ? header->n_layers : 1); ++l) {
            std::string name = part.name;
            if (of_layers(part)) name.replace(name.find("{l}"), 3, std::to_string(l));
            if (bytes > 0) content.tensors.push_back({name, StoredType::F32, part.shape, file.subspan(at, bytes)});
            at += bytes;
        }
    }
    return content;
}

Json llama2c_config(const Llama2cHeader& h) {
    return {{"model_type", "llama2c"},           {"hidden_size", h.dim},
            {"intermediate_size", h.hidden_dim}, {"num_hidden_layers", h.n_layers},
            {"num_attention_heads", h.n_heads},  {"num_key_value_heads", h.n_kv_heads},
            {"vocab_size", h.vocab_size},        {"max_position_embeddings", h.seq_len},
            {"tie_word_embeddings", h.shared}};
}

}  // namespace microtome
