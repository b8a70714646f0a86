// The CUDA library's one face: unwraps tensors, sets the device, takes torch's stream and allocator.
#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/kernels/cuda_launch.h"
#include "core/kernels/table.h"

namespace microtome {
namespace {

// Launches between two events each, while the clock runs.
struct Clock {
    bool running = false;
    std::vector<std::pair<cudaEvent_t, cudaEvent_t>> events;
} timer;

void check(cudaError_t status) {
    TORCH_CHECK(status == cudaSuccess, "CUDA: ", cudaGetErrorString(status));
}

// Device and stream of a call.
class Call {
  public:
    explicit Call(const Tensor& x) : guard_(x.device()), stream_(c10::cuda::getCurrentCUDAStream(x.device().index()).stream()) {
        if (!timer.running) return;
        timer.events.emplace_back();
        check(cudaEventCreate(&timer.events.back().first));
        check(cudaEventCreate(&timer.events.back().second));
    }

    template <class Launch>
    void operator()(const Launch& launch) {
        if (timer.running) check(cudaEventRecord(timer.events.back().first, stream_));
        launch(stream_);
        if (timer.running) check(cudaEventRecord(timer.events.back().second, stream_));
    }

  private:
    c10::cuda::CUDAGuard guard_;
    cuda::Stream stream_;
};

void start_clock() {
    timer.running = true;
}

double stop_clock() {
    timer.running = false;
    double seconds = 0;
    for (auto [from, to] : timer.events) {
        float milliseconds = 0;
        check(cudaEventSynchronize(to));
        check(cudaEventElapsedTime(&milliseconds, from, to));
        check(cudaEventDestroy(from));
        check(cudaEventDestroy(to));
        seconds += static_cast<double>(milliseconds) / 1e3;
    }
    timer.events.clear();
    return seconds;
}

cuda::Number number_of(const Tensor& x) {
    switch (x.scalar_type()) {
        case at::kFloat:
            return cuda::Number::float32;
        case at::kDouble:
            return cuda::Number::float64;
        case at::kHalf:
            return cuda::Number::float16;
        case at::kBFloat16:
            return cuda::Number::bfloat16;
        default:
            TORCH_CHECK(false, "kernel: expected float32, float64, float16 or bfloat16, got ", x.scalar_type());
    }
}

// Plain numbers as bytes on the device, behind each other in one copy.
template <class T>
Tensor on_device(const T* data, std::size_t count, const Tensor& like) {
    Tensor host = at::empty({static_cast<std::int64_t>(std::max<std::size_t>(1, count) * sizeof(T))}, at::kByte);
    std::memcpy(host.mutable_data_ptr(), data, count * sizeof(T));
    return host.to(like.device());
}

template <class T>
Tensor on_device(const std::vector<T>& data, const Tensor& like) {
    return on_device(data.data(), data.size(), like);
}

template <class T>
const T* data_of(const Tensor& bytes) {
    return reinterpret_cast<const T*>(bytes.const_data_ptr());
}

// Can four numbers of each vector (16 bytes of float64) be read at once?
bool is_aligned(const Tensor& x) {
    auto all = reinterpret_cast<std::uintptr_t>(x.const_data_ptr());
    for (std::int64_t axis = 0; axis + 1 < x.dim(); ++axis) all |= static_cast<std::uintptr_t>(x.stride(axis) * x.element_size());
    return all % std::min<std::uintptr_t>(16, 4 * x.element_size()) == 0 && x.size(-1) % 4 == 0;
}

// Vectors in one piece, aligned if a copy can be.
Tensor with_plain_heads(const Tensor& x) {
    const bool plain = x.stride(-1) == 1 || x.size(-1) <= 1, mended = x.size(-1) % 4 == 0 && !is_aligned(x);
    return plain && !mended ? x : x.clone(at::MemoryFormat::Contiguous);
}

constexpr std::int32_t short_row = 32;  // queries

// Rows cut into tasks of as many queries as the kernel for them takes.
struct Tasks {
    std::vector<cuda::SuffixTask> few, many;

    Tasks(const SuffixRows& rows, int d_head, bool only_few) {
        const auto *start = rows.start.const_data_ptr<std::int32_t>(), *first = rows.first.const_data_ptr<std::int32_t>(),
                   *prompt = rows.prompt.const_data_ptr<std::int32_t>(), *query = rows.query_first.const_data_ptr<std::int32_t>();
        for (std::int64_t r = 0; r < rows.start.numel(); ++r) {
            const std::int32_t queries = query[r + 1] - query[r];
            const bool is_short = only_few || queries <= short_row;
            const std::int32_t step = is_short ? cuda::few_queries : cuda::many_queries(d_head);
            for (std::int32_t at = 0; at < queries; at += step)
                (is_short ? few : many).push_back({start[r], first[r], prompt[r], query[r] + at, std::min(step, queries - at)});
        }
        // What reads most comes first, so that no long task is left for the end.
        const auto* position = rows.query_position.const_data_ptr<std::int32_t>();
        auto reads = [&](const cuda::SuffixTask& task) { return position[task.query + task.queries - 1]; };
        std::stable_sort(many.begin(), many.end(), [&](const auto& a, const auto& b) { return reads(a) > reads(b); });
    }
};

Tensor suffix_attention_cuda(const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tensor& prefix_k_, const Tensor& prefix_v_,
                             const SuffixRows& rows, const AttentionRule& rule) {
    if (q_.size(2) > cuda::widest_head || q_.size(2) == 0) return {};
    Call call(q_);
    const Tensor q = with_plain_heads(q_), k = with_plain_heads(k_), v = with_plain_heads(v_), pk = with_plain_heads(prefix_k_),
                 pv = with_plain_heads(prefix_v_);
    Tensor z = at::empty(q.sizes(), q.options());
    const bool aligned = is_aligned(q) && is_aligned(k) && is_aligned(v) && is_aligned(pk) && is_aligned(pv);
    const Tasks tasks(rows, static_cast<int>(q.size(2)), !aligned || q.scalar_type() == at::kDouble);
    const Tensor position = on_device(rows.query_position.const_data_ptr<std::int32_t>(),
                                      static_cast<std::size_t>(rows.query_position.numel()), q),
                 few = on_device(tasks.few, q), many = on_device(tasks.many, q);
    cuda::SuffixAttention x{};
    x.q = q.const_data_ptr(), x.k = k.const_data_ptr(), x.v = v.const_data_ptr();
    x.prefix_k = pk.const_data_ptr(), x.prefix_v = pv.const_data_ptr(), x.z = z.mutable_data_ptr();
    x.q_token = q.stride(0), x.q_head = q.stride(1), x.k_token = k.stride(0), x.k_head = k.stride(1);
    x.v_token = v.stride(0), x.v_head = v.stride(1);
    x.pk_prompt = pk.stride(0), x.pk_position = pk.stride(1), x.pk_head = pk.stride(2);
    x.pv_prompt = pv.stride(0), x.pv_position = pv.stride(1), x.pv_head = pv.stride(2);
    x.position = data_of<std::int32_t>(position);
    x.heads = static_cast<int>(q.size(1)), x.kv_heads = static_cast<int>(k.size(1)), x.d_head = static_cast<int>(q.size(2));
    x.window = rule.window, x.scale = rule.scale, x.cap = rule.cap;
    x.aligned = aligned;
    call([&](cuda::Stream stream) {
        x.tasks = data_of<cuda::SuffixTask>(few), x.n_tasks = static_cast<std::int64_t>(tasks.few.size());
        cuda::suffix_attention_few(x, number_of(q), stream);
        x.tasks = data_of<cuda::SuffixTask>(many), x.n_tasks = static_cast<std::int64_t>(tasks.many.size());
        if (x.n_tasks > 0) cuda::suffix_attention_many(x, number_of(q), stream);
    });
    return z;
}

void scatter_patch_cuda(const Tensor& x, const Tensor& values, const SliceList& slices) {
    Call call(x);
    const Tensor to = on_device(slices.to, x), from = on_device(slices.from, x), head = on_device(slices.head, x);
    const std::int64_t heads = x.dim() == 3 ? x.size(1) : 1;
    call([&](cuda::Stream stream) {
        cuda::scatter_patch({x.mutable_data_ptr(), values.const_data_ptr(), data_of<std::int32_t>(to), data_of<std::int32_t>(from),
                             data_of<std::int32_t>(head), slices.size(), heads, x.size(-1) * static_cast<std::int64_t>(x.element_size())},
                            stream);
    });
}

Tensor rows_apart(const Tensor& x) {
    return x.stride(1) == 1 || x.size(1) <= 1 ? x : x.contiguous();
}

LogitReading read_logits_cuda(const Tensor& logits_, const Tensor& clean_) {
    Call call(logits_);
    const Tensor logits = rows_apart(logits_.detach()), clean = clean_.defined() ? rows_apart(clean_.detach()) : Tensor();
    auto result = [&] { return at::empty({logits.size(0)}, logits.options().dtype(at::kDouble)); };
    LogitReading out{result(), clean.defined() ? result() : Tensor()};
    call([&](cuda::Stream stream) {
        cuda::read_logits({logits.const_data_ptr(), clean.defined() ? clean.const_data_ptr() : nullptr,
                           out.log_sum.mutable_data_ptr<double>(), clean.defined() ? out.divergence.mutable_data_ptr<double>() : nullptr,
                           logits.size(0), logits.size(1), logits.stride(0), clean.defined() ? clean.stride(0) : 0},
                          number_of(logits), stream);
    });
    return out;
}

Tensor logit_columns_cuda(const Tensor& x_, const FinalNorm& norm, const Tensor& columns_, const Tensor& bias_, double cap) {
    Call call(x_);
    auto plain = [](const Tensor& t) { return t.defined() ? t.contiguous() : t; };
    auto pointer = [](const Tensor& t) { return t.defined() ? t.const_data_ptr() : nullptr; };
    const Tensor x = plain(x_), factor = plain(norm.factor), shift = plain(norm.shift), columns = columns_.t().contiguous(),
                 bias = plain(bias_);
    Tensor out = at::empty({x.size(0), columns.size(0)}, x.options());
    call([&](cuda::Stream stream) {
        cuda::logit_columns({pointer(x), pointer(factor), pointer(shift), pointer(columns), pointer(bias), out.mutable_data_ptr(),
                             x.size(0), x.size(1), columns.size(0), norm.eps, cap, norm.normed, norm.centred},
                            number_of(x), stream);
    });
    return out;
}

void attribution_sweep_cuda(const std::vector<AttributionSite>& sites, const std::vector<Tensor>& out) {
    Call call(sites[0].source);
    std::vector<cuda::AttributionJob> jobs;
    std::int64_t blocks = 0;
    for (std::size_t i = 0; i < sites.size(); ++i) {
        const AttributionSite& site = sites[i];
        TORCH_CHECK(site.source.scalar_type() == sites[0].source.scalar_type(), "attribution_sweep: expected sites of one type");
        const std::int64_t rows = out[i].numel();
        if (rows == 0) continue;
        const std::int64_t width = site.source.numel() / rows, step = cuda::attribution_rows(width);
        jobs.push_back({site.source.const_data_ptr(), site.base.const_data_ptr(), site.gradient.const_data_ptr(),
                        out[i].mutable_data_ptr<double>(), rows, width, blocks});
        blocks += (rows + step - 1) / step;
    }
    const Tensor list = on_device(jobs, sites[0].source);
    call([&](cuda::Stream stream) {
        cuda::attribution_sweep(data_of<cuda::AttributionJob>(list), static_cast<int>(jobs.size()), blocks, number_of(sites[0].source),
                                stream);
    });
}

constexpr CudaKernels kernels{suffix_attention_cuda,  scatter_patch_cuda, read_logits_cuda, logit_columns_cuda,
                              attribution_sweep_cuda, start_clock,        stop_clock};

}  // namespace
}  // namespace microtome

extern "C" __attribute__((visibility("default"))) const microtome::CudaKernels* microtome_cuda_kernels(const char** version) {
    *version = MICROTOME_VERSION;
    return &microtome::kernels;
}
