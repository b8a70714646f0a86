// microtome bench kernels [--device D]: each kernel against what the device can do at all.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "app/commands/bench.h"
#include "core/device.h"
#include "core/kernels/table.h"

namespace microtome {
namespace {

using Clock = std::chrono::steady_clock;

struct Roof {
    double bytes = 0, operations = 0;  // a second: a copy, read and written; a float32 matrix product
};

struct Work {
    std::string name;
    double bytes, operations;  // the least that must be moved and computed
    std::function<void()> run;
};

class KernelBench {
  public:
    KernelBench(at::Device device, int repeats)
        : device_(device), repeats_(repeats), kernels_(device.is_cuda() ? cuda_kernels() : nullptr) {}

    Roof roof() const {
        const std::int64_t n = large() ? 1 << 28 : 1 << 24, m = large() ? 8192 : 1024;
        Tensor a = random({n}), b = at::empty_like(a), x = random({m, m}), y = random({m, m}), z = at::empty_like(x);
        auto seconds = [&](const std::function<void()>& work) { return wall_seconds(work); };
        return {8.0 * static_cast<double>(n) / seconds([&] { b.copy_(a); }),
                2.0 * static_cast<double>(m * m * m) / seconds([&] { at::mm_out(z, x, y); })};
    }

    // Median seconds on the device; of ours on a GPU the launches alone, without what prepares them.
    double seconds(const std::function<void()>& work) const { return kernels_ ? launch_seconds(work) : wall_seconds(work); }

    std::vector<Work> work() const {
        std::vector<Work> all;
        const int rows = large() ? 20000 : 400;
        all.push_back(attention("suffix_attention, 6 of 15 tokens", rows, 6, 15));
        all.push_back(attention("suffix_attention, 1024 tokens", large() ? 64 : 1, 1024, 1024));
        scatter(all), logits(all), contraction(all);
        return all;
    }

  private:
    bool large() const { return device_.is_cuda(); }
    Tensor random(std::vector<std::int64_t> shape) const { return at::randn(shape, at::TensorOptions().dtype(at::kFloat).device(device_)); }
    void wait() const {
        if (device_.is_cuda()) at::zeros({1}, at::TensorOptions().device(device_)).item<float>();
    }

    double wall_seconds(const std::function<void()>& work) const {
        std::vector<double> times;
        for (int i = 0; i <= repeats_; ++i) {
            wait();
            auto start = Clock::now();
            work();
            wait();
            if (i > 0) times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
        }
        std::sort(times.begin(), times.end());
        return times[times.size() / 2];
    }

    double launch_seconds(const std::function<void()>& work) const {
        std::vector<double> times;
        for (int i = 0; i <= repeats_; ++i) {
            kernels_->start_clock();
            work();
            double s = kernels_->stop_clock();
            if (i > 0) times.push_back(s);
        }
        std::sort(times.begin(), times.end());
        return times[times.size() / 2];
    }

    // `rows` suffixes of `tokens` tokens of 8 texts of `length` tokens, 12 heads of 64.
    Work attention(const std::string& name, int rows, int tokens, int length) const {
        constexpr std::int64_t heads = 12, width = 64, prompts = 8;
        const std::int64_t n = std::int64_t{rows} * tokens;
        Tensor q = random({n, heads, width}), k = random({n, heads, width}), v = random({n, heads, width}),
               pk = random({prompts, length, heads, width}), pv = random({prompts, length, heads, width});
        Tensor each = at::arange(rows + 1, at::kLong) * tokens, which = at::arange(rows, at::kLong).remainder(prompts);
        Tensor places = at::arange(length - tokens, length, at::kLong).repeat({rows});
        const SuffixRows packed{at::full({rows}, length - tokens, at::kInt), each.to(at::kInt), which.to(at::kInt), each.to(at::kInt),
                                places.to(at::kInt)};
        double seen = 0;
        for (int t = length - tokens; t < length; ++t) seen += t + 1;
        const double vectors = 4.0 * static_cast<double>(n) + 2.0 * prompts * (length - tokens);
        return {name, vectors * heads * width * 4, 4.0 * heads * width * seen * rows, [=] {
                    suffix_attention(q, k, v, pk, pv, packed, {0.125, 0, 0});
                }};
    }

    void scatter(std::vector<Work>& all) const {
        const std::int64_t tokens = large() ? 400000 : 20000, width = 768;
        Tensor x = random({tokens, width}), values = random({tokens / 2, width});
        SliceList slices;
        for (std::int64_t i = 0; i < tokens / 2; ++i) slices.add(2 * i, (i * 7919) % (tokens / 2), -1);
        // Where launches are timed, without the copy of x.
        const double moved = kernels_ ? static_cast<double>(tokens) : 3.0 * static_cast<double>(tokens);
        all.push_back({"scatter_patch", moved * width * 4, 0, [=] { scatter_patch(x, values, slices); }});
    }

    void logits(std::vector<Work>& all) const {
        const std::int64_t rows = large() ? 4096 : 64, vocabulary = 50257, width = 768, tokens = large() ? 200000 : 4000;
        Tensor x = random({rows, vocabulary}), clean = random({rows, vocabulary});
        const double bytes = 4.0 * static_cast<double>(rows * vocabulary);
        all.push_back({"logit_metric, log Σ exp", bytes, 0, [=] { read_logits(x); }});
        all.push_back({"logit_metric, KL", 2 * bytes, 0, [=] { read_logits(x, clean); }});
        Tensor stream = random({tokens, width}), columns = random({width, 4}), factor = random({width}), shift = random({width});
        const FinalNorm norm{true, true, 1e-5, factor, shift};
        all.push_back({"logit_metric, 4 columns", 4.0 * static_cast<double>(tokens * (width + 4)),
                       8.0 * static_cast<double>(tokens * width), [=] { logit_columns(stream, norm, columns, {}, 0); }});
    }

    void contraction(std::vector<Work>& all) const {
        std::vector<AttributionSite> sites;
        double numbers = 0;
        for (int layer = 0; layer < 12; ++layer) {
            const std::int64_t prompts = large() ? 64 : 2, length = large() ? 128 : 64;
            for (std::vector<std::int64_t> shape : {std::vector<std::int64_t>{prompts, length, 768}, {prompts, length, 12, 64}}) {
                sites.push_back({random(shape), random(shape), random(shape), 1});
                numbers += 3.0 * static_cast<double>(sites.back().source.numel());
            }
        }
        all.push_back({"attribution_sweep, 24 sites", 4 * numbers, 0, [=] { attribution_sweep(sites); }});
    }

    at::Device device_;
    int repeats_;
    const CudaKernels* kernels_;
};

}  // namespace

void bench_kernels(const Common& common, int repeats) {
    c10::AutoGradMode without_gradients(false);
    const int threads = set_threads(common.model.threads);
    const at::Device device = open_device(common.model.device);
    KernelBench bench(device, repeats);
    const Roof roof = bench.roof();
    const bool ours = device.is_cpu() || cuda_kernels();
    Json list = Json::array();
    std::vector<std::vector<std::string>> rows{{"kernel, float32", "seconds", "GB/s", "GFLOP/s", "share of the roof"}};
    auto number = [](const char* format, double x) {
        char text[32];
        std::snprintf(text, sizeof text, format, x);
        return std::string(text);
    };
    for (const Work& work : bench.work()) {
        const double s = bench.seconds(work.run), least = std::max(work.bytes / roof.bytes, work.operations / roof.operations);
        rows.push_back({work.name, number("%.3g", s), number("%.0f", work.bytes / s / 1e9), number("%.0f", work.operations / s / 1e9),
                        number("%.0f %%", 100 * least / s)});
        list.push_back({{"kernel", work.name},
                        {"seconds", s},
                        {"bytes_per_second", work.bytes / s},
                        {"operations_per_second", work.operations / s},
                        {"roof_share", least / s}});
    }
    if (common.json)
        return print_json({{"bench", "kernels"},
                           {"device", device.str()},
                           {"threads", threads},
                           {"own_kernels", ours},
                           {"copy_bytes_per_second", roof.bytes},
                           {"product_operations_per_second", roof.operations},
                           {"kernels", list}});
    print_rows(rows);
    message(common, "roof: copy " + number("%.0f GB/s", roof.bytes / 1e9) + ", float32 matrix product " +
                        number("%.0f GFLOP/s", roof.operations / 1e9) + (ours ? "" : "; LibTorch's kernels, ours are not built"));
}

}  // namespace microtome
