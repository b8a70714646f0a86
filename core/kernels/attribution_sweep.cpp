#include "core/kernels/attribution_sweep.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include "core/base/error.h"
#include "core/kernels/table.h"
#include "core/parallel.h"

namespace microtome {
namespace {

void check(const AttributionSite& site) {
    if (site.source.sizes() != site.base.sizes() || site.source.sizes() != site.gradient.sizes() || site.axes < 0 ||
        site.axes > site.source.dim() || site.source.scalar_type() != site.base.scalar_type() ||
        site.source.scalar_type() != site.gradient.scalar_type())
        throw Error("attribution_sweep", "source, base and gradient of one type and shape",
                    shape_text(site.source.sizes()) + ", " + shape_text(site.base.sizes()) + ", " + shape_text(site.gradient.sizes()));
}

Tensor empty_result(const AttributionSite& site) {
    return at::empty(site.source.sizes().slice(0, static_cast<std::size_t>(site.source.dim() - site.axes)),
                     site.source.options().dtype(at::kDouble).requires_grad(false));
}

template <class T>
void sum_rows(const T* s, const T* b, const T* g, double* out, std::int64_t rows, std::int64_t width) {
    parallel_for(rows, std::max<std::int64_t>(1, 32768 / std::max<std::int64_t>(1, width)), [=](std::int64_t from, std::int64_t to) {
        for (std::int64_t row = from; row < to; ++row) {
            constexpr int lanes = 8;
            double sum[lanes] = {};
            const T *x = s + row * width, *y = b + row * width, *z = g + row * width;
            auto product = [&](std::int64_t i) {
                const auto p = static_cast<double>(x[i]), q = static_cast<double>(y[i]);
                return (p == q ? 0.0 : p - q) * static_cast<double>(z[i]);
            };
            std::int64_t i = 0;
            for (; i + lanes <= width; i += lanes)
                for (int k = 0; k < lanes; ++k) sum[k] += product(i + k);
            for (; i < width; ++i) sum[0] += product(i);
            out[row] = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
        }
    });
}

}  // namespace

std::vector<Tensor> attribution_sweep_reference(const std::vector<AttributionSite>& sites) {
    std::vector<Tensor> out;
    for (const AttributionSite& site : sites) {
        check(site);
        auto wide = [](const Tensor& x) { return x.detach().to(at::kCPU, at::kDouble).contiguous(); };
        Tensor s = wide(site.source), b = wide(site.base), g = wide(site.gradient), result = empty_result(site).to(at::kCPU);
        const auto *x = s.const_data_ptr<double>(), *y = b.const_data_ptr<double>(), *z = g.const_data_ptr<double>();
        for (std::int64_t row = 0, width = s.numel() / std::max<std::int64_t>(1, result.numel()); row < result.numel(); ++row) {
            double sum = 0;
            for (std::int64_t i = row * width; i < (row + 1) * width; ++i) sum += (x[i] == y[i] ? 0.0 : x[i] - y[i]) * z[i];
            result.view({-1})[row] = sum;
        }
        out.push_back(result);
    }
    return out;
}

std::vector<Tensor> attribution_sweep(const std::vector<AttributionSite>& sites) {
    std::vector<AttributionSite> plain;
    for (const AttributionSite& site : sites) {
        check(site);
        plain.push_back(
            {site.source.detach().contiguous(), site.base.detach().contiguous(), site.gradient.detach().contiguous(), site.axes});
    }
    std::vector<Tensor> out;
    for (const AttributionSite& site : plain) out.push_back(empty_result(site));
    if (!plain.empty() && plain[0].source.is_cuda() && cuda_kernels()) {
        cuda_kernels()->attribution_sweep(plain, out);
        return out;
    }
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const AttributionSite& site = plain[i];
        if (site.source.is_cuda()) {
            out[i].copy_(attribution_sweep_reference({site})[0]);
            continue;
        }
        const std::int64_t rows = out[i].numel(), width = site.source.numel() / std::max<std::int64_t>(1, rows);
        AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, site.source.scalar_type(), "attribution_sweep", [&] {
            sum_rows(site.source.const_data_ptr<scalar_t>(), site.base.const_data_ptr<scalar_t>(), site.gradient.const_data_ptr<scalar_t>(),
                     out[i].mutable_data_ptr<double>(), rows, width);
        });
    }
    return out;
}

}  // namespace microtome
