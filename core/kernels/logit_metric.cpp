#include "core/kernels/logit_metric.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "core/kernels/table.h"

namespace microtome {
namespace {

constexpr std::int64_t at_once = std::int64_t{1} << 19;  // logits in float64: what the caches hold

void check(const Tensor& logits, const Tensor& clean) {
    if (logits.dim() != 2) throw Error("read_logits", "logits (rows, d_vocab)", shape_text(logits.sizes()));
    if (clean.defined() && (clean.sizes() != logits.sizes() || clean.scalar_type() != logits.scalar_type()))
        throw Error("read_logits", "a clean run of the type and shape " + shape_text(logits.sizes()),
                    dtype_name(clean.scalar_type()) + " " + shape_text(clean.sizes()));
}

std::vector<double> row_of(const Tensor& x, std::int64_t row) {
    Tensor flat = x[row].to(at::kCPU, at::kDouble).contiguous();
    return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

std::vector<double> vector_of(const Tensor& x, double fill, std::int64_t size) {
    if (!x.defined()) return std::vector<double>(static_cast<std::size_t>(size), fill);
    return row_of(x.unsqueeze(0), 0);
}

double log_sum_of(const std::vector<double>& x) {
    double most = *std::max_element(x.begin(), x.end()), sum = 0;
    for (double v : x) sum += std::exp(v - most);
    return most + std::log(sum);
}

}  // namespace

LogitReading read_logits_reference(const Tensor& logits, const Tensor& clean) {
    check(logits, clean);
    LogitReading out{at::empty({logits.size(0)}, at::kDouble), clean.defined() ? at::empty({logits.size(0)}, at::kDouble) : Tensor()};
    for (std::int64_t row = 0; row < logits.size(0); ++row) {
        const std::vector<double> x = row_of(logits, row);
        const double log_q = log_sum_of(x);
        out.log_sum[row] = log_q;
        if (!clean.defined()) continue;
        const std::vector<double> c = row_of(clean, row);
        const double log_p = log_sum_of(c);
        double sum = 0;
        for (std::size_t v = 0; v < x.size(); ++v)
            if (c[v] != -INFINITY) sum += std::exp(c[v] - log_p) * ((c[v] - log_p) - (x[v] - log_q));
        out.divergence[row] = sum;
    }
    return out;
}

LogitReading read_logits(const Tensor& logits, const Tensor& clean) {
    check(logits, clean);
    if (logits.is_cuda() && cuda_kernels()) return cuda_kernels()->read_logits(logits, clean);
    const std::int64_t rows = logits.size(0), step = std::max<std::int64_t>(1, at_once / std::max<std::int64_t>(1, logits.size(1)));
    std::vector<Tensor> sums, divergences;
    for (std::int64_t row = 0; row < rows; row += step) {
        const std::int64_t n = std::min(step, rows - row);
        Tensor wide = logits.narrow(0, row, n).to(at::kDouble), log_sum = wide.logsumexp(-1);
        sums.push_back(log_sum);
        if (!clean.defined()) continue;
        Tensor log_p = clean.narrow(0, row, n).to(at::kDouble).log_softmax(-1), p = log_p.exp();
        divergences.push_back((p * (log_p - wide + log_sum.unsqueeze(-1))).masked_fill_(p == 0, 0).sum(-1));
    }
    if (sums.empty()) sums.push_back(at::empty({0}, logits.options().dtype(at::kDouble))), divergences = sums;
    return {at::cat(sums), clean.defined() ? at::cat(divergences) : Tensor()};
}

Tensor logit_columns_reference(const Tensor& x, const FinalNorm& norm, const Tensor& columns, const Tensor& bias, double cap) {
    const std::int64_t rows = x.size(0), width = x.size(1), count = columns.size(1);
    const auto n = static_cast<std::size_t>(width);
    Tensor out = at::empty({rows, count}, at::kDouble), by_column = columns.t();
    const std::vector<double> factor = vector_of(norm.factor, 1, width), shift = vector_of(norm.shift, 0, width),
                              offset = vector_of(bias, 0, count);
    for (std::int64_t row = 0; row < rows; ++row) {
        std::vector<double> y = row_of(x, row);
        if (norm.normed) {
            double mean = 0, squares = 0;
            for (std::size_t i = 0; i < n && norm.centred; ++i) mean += y[i] / static_cast<double>(width);
            for (std::size_t i = 0; i < n; ++i) squares += (y[i] - mean) * (y[i] - mean) / static_cast<double>(width);
            for (std::size_t i = 0; i < n; ++i) y[i] = (y[i] - mean) / std::sqrt(squares + norm.eps) * factor[i] + shift[i];
        }
        for (std::int64_t c = 0; c < count; ++c) {
            const std::vector<double> column = row_of(by_column, c);
            double sum = offset[static_cast<std::size_t>(c)];
            for (std::size_t i = 0; i < n; ++i) sum += y[i] * column[i];
            out[row][c] = cap > 0 ? cap * std::tanh(sum / cap) : sum;
        }
    }
    return out;
}

Tensor logit_columns(const Tensor& x, const FinalNorm& norm, const Tensor& columns, const Tensor& bias, double cap) {
    if (x.is_cuda() && cuda_kernels()) return cuda_kernels()->logit_columns(x, norm, columns, bias, cap);
    Tensor y = x;
    if (norm.normed) {
        const bool half = x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16;
        Tensor wide = half ? x.to(at::kFloat) : x;
        if (norm.centred) wide = wide - wide.mean(-1, true);
        y = (wide / (wide.pow(2).mean(-1, true) + norm.eps).sqrt()).to(x.scalar_type());
        if (norm.factor.defined()) y = y * norm.factor;
        if (norm.shift.defined()) y = y + norm.shift;
    }
    Tensor logits = bias.defined() ? at::addmm(bias, y, columns) : at::mm(y, columns);
    return cap > 0 ? at::tanh(logits / cap) * cap : logits;
}

}  // namespace microtome
