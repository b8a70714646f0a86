// The activation store: prompts × sites in one HDF5 file. Token-major and ragged: no padding is stored; layout in
// resources/docs/formats.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hooks/store/h5_types.h"

namespace microtome {

/// Who made the activations. `model` is a name for people; the others must agree before a store is continued.
struct StoreIdentity {
    std::string model, model_sha256, processing, dtype, tokenizer_sha256;
    std::string positions = "all";       // the tokens that are kept, as --positions says it; not "all": the file says which token a row is
    std::string metric{}, metric_run{};  // of a store with gradients: what they are of ("logit_diff"), on which of a pair's prompts
    std::string interventions{};         // that hold in every run, as JSON; "" without
    bool has_gradients() const { return !metric.empty(); }
    /// "logit_diff of the corrupt prompts".
    std::string metric_text() const { return metric + " of the " + metric_run + " prompts"; }
};

/// One stored site. A row is one token, or one (query, key) pair of tokens: then a prompt has length² rows, query-major.
struct StoreSite {
    std::string name;                  // "blocks.3.attn.hook_z"
    std::vector<std::string> symbols;  // of one row: {"n_heads", "d_head"}
    h5::Shape shape;                   // of one row: {12, 64}
    bool pairs = false;
    std::string unit;  // "" where activations have none
    h5::Type type = h5::Type::float32;
    bool gradient = false;  // of the store's metric, by the activation of that name: in /gradients

    /// Tells sites of one store apart: the name, or "gradients/" and the name.
    std::string key() const;

    std::uint64_t row_values() const { return h5::elements(shape, name); }
    std::uint64_t row_bytes() const { return row_values() * h5::size_of(type); }
};

struct StorePrompt {
    std::string text;
    std::vector<std::int32_t> ids;          // of the kept tokens
    std::vector<std::int32_t> positions{};  // of these tokens in the prompt; only where not all are kept
    std::string label{}, group{};
    std::string question{};  // of a store with gradients: all that its metric reads of this prompt, as JSON
    double metric = 0;       // and its value
};

/// What is going to be stored, as far as it is known: sizes chunks, and the estimate.
struct StorePlan {
    std::uint64_t prompts = 0, tokens = 0, pairs = 0, text_bytes = 0;  // pairs: Σ length²
    bool labels = false, chosen = false, questions = false;            // some prompt has a label or group; not all tokens are kept
    void add(const StorePrompt& prompt);
};

/// Bytes of one site's rows, index included.
std::uint64_t site_bytes(const StoreSite& site, const StorePlan& plan);

/// Bytes of the finished, uncompressed file, to a percent and 100 kB.
std::uint64_t store_bytes(std::span<const StoreSite> sites, const StorePlan& plan);

/// "float16", "float32" or "float64", as `--store` gives it.
h5::Type store_type(const std::string& name);

constexpr std::int64_t store_schema = 1;
constexpr const char* store_format = "microtome-activations";

}  // namespace microtome
