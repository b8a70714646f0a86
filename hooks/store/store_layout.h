// Names and sizes that the store's writer and reader share.
#pragma once

#include <algorithm>
#include <cstdint>

namespace microtome {

/// Chunks of half a megabyte: few index entries, and one prompt's rows are still read without much else.
constexpr std::uint64_t chunk_bytes = 1 << 19;

/// Rows in a chunk. Where the number of rows is known, chunks are of equal size, so that the last one is not half empty.
std::uint64_t chunk_rows(std::uint64_t row_bytes, std::uint64_t rows);

constexpr const char* prompts_path = "prompts";
constexpr const char* texts_path = "prompts/text";
constexpr const char* ids_path = "prompts/ids";
constexpr const char* offsets_path = "prompts/offsets";
constexpr const char* offsets2_path = "prompts/offsets2";
constexpr const char* positions_path = "prompts/positions";  // only where not all tokens are kept
constexpr const char* label_path = "prompts/label";          // these two only where some prompt has one
constexpr const char* group_path = "prompts/group";
constexpr const char* question_path = "prompts/question";  // these two only where there are gradients
constexpr const char* metric_path = "prompts/metric";
constexpr const char* all_positions = "all";
constexpr const char* activations_path = "activations";
constexpr const char* gradients_path = "gradients";

}  // namespace microtome
