#include "core/kernels/checks.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "core/kernels/table.h"

namespace microtome {
namespace {

struct Shape {
    int heads, kv_heads, width;
    std::vector<int> tokens;  // of each row
    int length = 24, window = 0;
    double cap = 0;
    bool late_queries = false, strided = false;
};

const std::vector<Shape>& attention_shapes() {
    static const std::vector<Shape> all{{1, 1, 1, {1}},
                                        {3, 3, 7, {4, 1, 24}},
                                        {4, 2, 8, {5, 0, 9, 2}, 24, 3},
                                        {12, 12, 64, {6, 6, 1, 15, 3}, 15},
                                        {4, 1, 64, {1, 2, 3, 4, 5, 6, 7, 8, 9}, 24, 5, 2.0},
                                        {2, 2, 80, {17, 24, 11}, 24, 0, 0, true},
                                        {2, 2, 64, {100, 3, 17, 129}, 160, 0, 0, false, true},
                                        {4, 2, 32, {70, 200, 33}, 200, 64, 30.0},
                                        {2, 1, 96, {65, 64, 63}, 90, 0, 0, true},
                                        {2, 2, 128, {90, 20}, 100, 17},
                                        {1, 1, 256, {40, 3, 130}, 140, 32, 50.0, false, true}};
    return all;
}

class Checks {
  public:
    Checks(at::Device device, at::ScalarType type) : device_(device), type_(type), generator_(at::detail::createCPUGenerator(11)) {}

    // Numbers that the type holds exactly, so that reference and kernel read the same.
    Tensor random(std::vector<std::int64_t> shape, double scale = 1) {
        return at::normal(0.0, scale, shape, generator_, at::TensorOptions().dtype(at::kDouble)).to(type_);
    }
    Tensor there(const Tensor& x) const { return x.to(device_); }

    void compare(const std::string& kernel, const Tensor& got, const Tensor& expected) {
        auto known = std::find_if(found_.begin(), found_.end(), [&](const KernelCheck& check) { return check.name == kernel; });
        if (known == found_.end()) known = found_.insert(known, {kernel, 0, allowed(), 0});
        KernelCheck& check = *known;
        ++check.shapes;
        if (expected.numel() == 0 && got.sizes() == expected.sizes()) return;
        const Tensor a = got.to(at::kCPU, at::kDouble), b = expected.to(at::kCPU, at::kDouble);
        double error = a.sizes() == b.sizes() ? ((a - b).abs().max() / (1 + b.abs().max())).item<double>() : NAN;
        if (!(error <= check.error) && !std::isnan(check.error)) check.error = error;
    }

    void attention() {
        for (const Shape& shape : attention_shapes()) attention(shape);
    }
    void scatter();
    void logits();
    void contraction();
    std::vector<KernelCheck> found() const { return found_; }

  private:
    double allowed() const { return type_ == at::kDouble ? 1e-12 : type_ == at::kFloat ? 2e-6 : type_ == at::kHalf ? 2e-3 : 1.6e-2; }
    void attention(const Shape& shape);

    at::Device device_;
    at::ScalarType type_;
    at::Generator generator_;
    std::vector<KernelCheck> found_;
};

void Checks::attention(const Shape& shape) {
    std::vector<std::int32_t> start, first{0}, prompt, query_first{0}, position;
    for (std::size_t row = 0; row < shape.tokens.size(); ++row) {
        const int tokens = shape.tokens[row];
        start.push_back(shape.length - tokens), prompt.push_back(static_cast<std::int32_t>(row % 2));
        first.push_back(first.back() + tokens);
        for (int t = shape.late_queries ? tokens / 2 : 0; t < tokens; ++t) position.push_back(start.back() + t);
        query_first.push_back(static_cast<std::int32_t>(position.size()));
    }
    auto list = [](const std::vector<std::int32_t>& x) { return at::tensor(x, at::kInt); };
    const SuffixRows rows{list(start), list(first), list(prompt), list(query_first), list(position)};
    const auto queries = static_cast<std::int64_t>(position.size()), tokens = std::int64_t{first.back()};
    const int padding = shape.strided ? 3 : 0;  // rows that do not begin at multiples of 16 bytes
    auto vectors = [&](std::vector<std::int64_t> size) {
        size.back() += padding;
        return random(size).narrow(-1, padding, shape.width);
    };
    const Tensor q = vectors({queries, shape.heads, shape.width}), k = vectors({tokens, shape.kv_heads, shape.width}),
                 v = vectors({tokens, shape.kv_heads, shape.width}), pk = vectors({2, shape.length, shape.kv_heads, shape.width}),
                 pv = vectors({2, shape.length, shape.kv_heads, shape.width});
    const AttentionRule rule{1 / std::sqrt(static_cast<double>(shape.width)), shape.cap, shape.window};
    auto wide = [](const Tensor& x) { return x.to(at::kDouble); };
    compare("suffix_attention", suffix_attention(there(q), there(k), there(v), there(pk), there(pv), rows, rule),
            suffix_attention_reference(wide(q), wide(k), wide(v), wide(pk), wide(pv), rows, rule));
}

void Checks::scatter() {
    for (std::vector<std::int64_t> shape : {std::vector<std::int64_t>{1, 1}, {9, 7}, {40, 768}, {12, 3, 5}, {30, 12, 64}}) {
        const Tensor x = random(shape), values = random(shape);
        SliceList slices;
        for (std::int64_t token = 0; token < shape[0]; token += 2)
            slices.add(token, shape[0] - 1 - token, shape.size() == 3 && token % 4 == 0 ? shape[1] - 1 : -1);
        compare("scatter_patch", scatter_patch(there(x), there(values), slices), scatter_patch_reference(x, values, slices));
        if (shape.size() == 2) continue;
        slices = {};
        for (std::int64_t head = 0; head < shape[1]; ++head) slices.add(1, head, head);
        compare("scatter_patch", scatter_patch(there(x), there(values), slices), scatter_patch_reference(x, values, slices));
    }
}

void Checks::logits() {
    for (auto [rows, width] : {std::pair{1, 1}, {3, 7}, {5, 1000}, {2, 50257}}) {
        Tensor x = random({rows, width}, 4), clean = random({rows, width}, 4);
        if (width > 2) clean[0][1] = -INFINITY;
        const LogitReading expected = read_logits_reference(x, clean), got = read_logits(there(x), there(clean));
        compare("logit_metric, log Σ exp", got.log_sum, expected.log_sum);
        compare("logit_metric, log Σ exp", read_logits(there(x)).log_sum, expected.log_sum);
        x = x.to(at::kDouble), clean = clean.to(at::kDouble);
        compare("logit_metric, KL", got.divergence, expected.divergence);
    }
    for (auto [rows, width, count] : {std::tuple{1, 1, 1}, {7, 24, 3}, {33, 768, 16}, {3, 4096, 9}})
        for (bool centred : {true, false}) {
            const Tensor x = random({rows, width}), columns = random({width, count}, 0.1), bias = random({count}), factor = random({width}),
                         shift = random({width});
            const FinalNorm norm{width != 24, centred, 1e-5, there(factor), centred ? there(shift) : Tensor()};
            const FinalNorm plain{norm.normed, centred, norm.eps, factor, centred ? shift : Tensor()};
            const double cap = centred ? 0 : 5;
            compare("logit_metric, columns", logit_columns(there(x), norm, there(columns), there(bias), cap),
                    logit_columns_reference(x, plain, columns, bias, cap));
        }
}

void Checks::contraction() {
    std::vector<AttributionSite> sites, here;
    for (std::vector<std::int64_t> shape :
         {std::vector<std::int64_t>{1, 1, 1}, {2, 3, 7}, {2, 15, 768}, {3, 4, 12, 64}, {2, 3, 5, 5}, {1, 2, 3000}}) {
        Tensor source = random(shape), base = random(shape);
        const int axes = shape.size() == 4 && shape[3] == 5 ? 0 : 1;
        if (axes == 0) source[0][0][0][4] = -INFINITY, base[0][0][0][4] = -INFINITY;
        sites.push_back({source, base, random(shape), axes});
        here.push_back({there(source), there(base), there(sites.back().gradient), axes});
    }
    const std::vector<Tensor> expected = attribution_sweep_reference(sites), got = attribution_sweep(here);
    for (std::size_t i = 0; i < sites.size(); ++i) compare("attribution_sweep", got[i], expected[i]);
}

}  // namespace

std::vector<KernelCheck> check_kernels(at::Device device) {
    std::vector<KernelCheck> all;
    for (at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf}) {
        Checks checks(device, type);
        checks.attention(), checks.scatter(), checks.logits(), checks.contraction();
        for (KernelCheck& check : checks.found()) {
            check.name += ", " + dtype_name(type);
            all.push_back(std::move(check));
        }
    }
    return all;
}

}  // namespace microtome
