// The CUDA kernels as C++ calls them: raw pointers on the device, sizes, and the stream. No torch, no CUDA header.
#pragma once

#include <cstdint>

struct CUstream_st;

namespace microtome::cuda {

using Stream = CUstream_st*;
enum class Number { float32, float64, float16, bfloat16 };

/// Queries of one row that are computed together. All numbers but `queries` are positions or indexes of packed tokens.
struct SuffixTask {
    std::int32_t start, first, prompt, query, queries;  // query: of the first; own token s of the row is packed token first + s − start
};

/// Strides are in elements; the last axis is contiguous.
struct SuffixAttention {
    const void *q, *k, *v, *prefix_k, *prefix_v;
    void* z;  // (queries, heads, d_head), contiguous
    std::int64_t q_token, q_head, k_token, k_head, v_token, v_head;
    std::int64_t pk_prompt, pk_position, pk_head, pv_prompt, pv_position, pv_head;
    const SuffixTask* tasks;       // on the device
    const std::int32_t* position;  // (queries), on the device
    std::int64_t n_tasks;
    int heads, kv_heads, d_head, window;
    double scale, cap;
    bool aligned;  // every vector begins where four numbers (16 bytes of float64) can be read at once, and d_head is a multiple of 4
};

/// Most queries of a task: of `few` (one head of a task is a few lanes' work) and of `many` (a block's; not for float64).
constexpr int few_queries = 4;
int many_queries(int d_head);
/// `many` takes aligned vectors alone. Largest d_head that both know:
constexpr int widest_head = 256;
void suffix_attention_few(const SuffixAttention& x, Number type, Stream stream);
void suffix_attention_many(const SuffixAttention& x, Number type, Stream stream);

/// x[to[i], head[i]] = values[from[i], head[i]], all heads where head[i] < 0; vectors of `bytes` bytes, `heads` to a token, contiguous.
struct ScatterPatch {
    void* x;
    const void* values;
    const std::int32_t *to, *from, *head;  // (slices), on the device
    std::int64_t slices, heads, bytes;
};
void scatter_patch(const ScatterPatch& x, Stream stream);

/// log Σ exp of each row of `logits` (rows, width; `stride` between rows), and KL(clean ‖ it) where `clean` is given.
struct ReadLogits {
    const void *logits, *clean;
    double *log_sum, *divergence;  // (rows)
    std::int64_t rows, width, stride, clean_stride;
};
void read_logits(const ReadLogits& x, Number type, Stream stream);

/// cap · tanh((norm(x) · columns + bias) / cap): x (rows, width), columns (count, width), out (rows, count), all contiguous.
struct LogitColumns {
    const void *x, *factor, *shift, *columns, *bias;  // factor, shift (width), bias (count): or null
    void* out;
    std::int64_t rows, width, count;
    double eps, cap;  // cap 0: none
    bool normed, centred;
};
void logit_columns(const LogitColumns& x, Number type, Stream stream);

/// out[r] = Σ_i (source − base) · gradient over row r; equal entries differ by 0, infinite ones too.
struct AttributionJob {
    const void *source, *base, *gradient;
    double* out;
    std::int64_t rows, width, first_block;
};
/// Rows of one block for rows of this width.
std::int64_t attribution_rows(std::int64_t width);
/// `jobs` (count) on the device, `blocks` in all.
void attribution_sweep(const AttributionJob* jobs, int count, std::int64_t blocks, Number type, Stream stream);

}  // namespace microtome::cuda
