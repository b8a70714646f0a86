// Prompts and activations that are functions of their indices, so that any process can write, continue and check the same store.
#pragma once

#include <cmath>
#include <filesystem>
#include <limits>

#include "hooks/store/store_writer.h"

namespace sample {

using namespace microtome;

inline StoreIdentity identity() {
    return {"tiny", std::string(64, 'a'), "raw", "float32", std::string(64, 'b')};
}

inline std::vector<StoreSite> sites(h5::Type type, std::uint64_t d_model = 24) {
    return {{"blocks.0.hook_resid_post", {"d_model"}, {d_model}, false, "", type},
            {"blocks.0.attn.hook_z", {"n_heads", "d_head"}, {3, 5}, false, "", type},
            {"blocks.0.ln1.hook_scale", {"one"}, {1}, false, "", type},
            {"blocks.10.attn.hook_pattern", {"n_heads"}, {3}, true, "probability", type},
            {"blocks.2.attn.hook_attn_scores", {"n_heads"}, {3}, true, "logit", type}};
}

/// Ragged: 1 to 13 tokens, and prompt 5 has none.
inline StorePrompt prompt(std::size_t index) {
    StorePrompt out;
    const std::size_t length = index == 5 ? 0 : 1 + index * 7 % 13;
    for (std::size_t t = 0; t < length; ++t) out.ids.push_back(static_cast<std::int32_t>((index * 31 + t * 17) % 50257));
    out.text = "Prompt " + std::to_string(index) + " of Ærø, " + std::string(index % 40, 'x');
    return out;
}

inline std::vector<StorePrompt> prompts(std::size_t first, std::size_t count) {
    std::vector<StorePrompt> out;
    for (std::size_t i = first; i < first + count; ++i) out.push_back(prompt(i));
    return out;
}

/// The rows of one prompt at one site, as doubles that every stored type rounds somewhere.
template <class T>
std::vector<T> rows(const StoreSite& site, std::size_t index) {
    const std::uint64_t length = prompt(index).ids.size(), count = site.pairs ? length * length : length;
    std::vector<T> out;
    for (std::uint64_t row = 0; row < count; ++row)
        for (std::uint64_t i = 0; i < site.row_values(); ++i) {
            const bool masked = site.pairs && site.unit == "logit" && row % length > row / length;
            const double phase = static_cast<double>(index * 1009 + row * 31 + i) + static_cast<double>(site.name.size());
            out.push_back(masked ? -std::numeric_limits<T>::infinity() : static_cast<T>(std::sin(phase) * 3));
        }
    return out;
}

inline StorePlan plan(std::size_t count) {
    StorePlan out;
    for (std::size_t i = 0; i < count; ++i) out.add(prompt(i));
    return out;
}

/// Announces and appends prompts [first, first + count): each site's rows in one block.
template <class T>
void add(StoreWriter& writer, const std::vector<StoreSite>& sites, std::size_t first, std::size_t count) {
    writer.add_prompts(prompts(first, count));
    for (std::size_t s = 0; s < sites.size(); ++s) {
        std::vector<T> block;
        for (std::size_t i = first; i < first + count; ++i) {
            const std::vector<T> one = rows<T>(sites[s], i);
            block.insert(block.end(), one.begin(), one.end());
        }
        writer.append(s, block.data(), block.size() / sites[s].row_values());
    }
}

/// Writes (or continues) the whole store in batches of `batch`.
inline void write(const std::filesystem::path& file, h5::Type type, std::size_t count, std::size_t batch, StoreWriter::Options options = {},
                  std::uint64_t d_model = 24) {
    const auto all = sites(type, d_model);
    StoreWriter writer(file, identity(), all, options);
    writer.check_prompts(prompts(0, count));
    for (std::size_t i = writer.prompts_done(); i < count; i += batch) {
        add<float>(writer, all, i, std::min(batch, count - i));
        writer.flush_done();
    }
    writer.finish();
}

}  // namespace sample
