// Model files of karpathy/llama2.c: seven 32-bit integers, then float32 tensors in a fixed order. Nothing is trusted: the sizes must add up
// to the file's length before anything is handed out.
#pragma once

#include <optional>
#include <span>

#include "core/base/json.h"
#include "core/base/safetensors.h"

namespace microtome {

struct Llama2cHeader {
    std::int32_t dim = 0, hidden_dim = 0, n_layers = 0, n_heads = 0, n_kv_heads = 0, vocab_size = 0, seq_len = 0;
    bool shared = true;  // one matrix for embedding and unembedding: the file says a positive vocabulary
};

/// The header, if its sizes give exactly this file's length.
std::optional<Llama2cHeader> read_llama2c_header(std::span<const std::byte> file);
/// Its tensors under Llama's names in the Hugging Face layout ("model.layers.0.self_attn.q_proj.weight"), one a layer; an Error if the file
/// is not of this format.
SafetensorsContent parse_llama2c(std::span<const std::byte> file, const std::string& subject);
/// The same sizes as a config: model_type "llama2c".
Json llama2c_config(const Llama2cHeader& header);

}  // namespace microtome
