#include "core/kernels/gated_activation.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/kernels/usable_lanes.h"
#include "core/parallel.h"

namespace microtome {
namespace {

constexpr std::int64_t least_numbers = 1 << 14;  // worth a thread

template <class T>
void run(const Tensor& x, const Tensor& bias, const GateForm& form, void (*kernel)(const GateTask<T>&)) {
    const std::int64_t width = x.size(-1), rows = width > 0 ? x.numel() / width : 0;
    const Tensor added = bias.defined() ? bias.contiguous() : bias;
    T* data = x.mutable_data_ptr<T>();
    const T* more = added.defined() ? added.const_data_ptr<T>() : nullptr;
    const std::int64_t grain = std::max<std::int64_t>(1, least_numbers / std::max<std::int64_t>(1, width));
    parallel_for(rows, grain, [&](std::int64_t from, std::int64_t to) {
        kernel({data + from * width, more, to - from, width, static_cast<T>(form.linear), static_cast<T>(form.cubic)});
    });
}

}  // namespace

bool can_gate(const Tensor& x) {
    const bool known = x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble;
    return known && x.is_cpu() && x.dim() > 0 && x.is_contiguous() && !(c10::GradMode::is_enabled() && x.requires_grad());
}

const std::vector<const GateLanes*>& gate_lanes() {
    static const auto usable = usable_lanes(gate_lanes_avx512(), gate_lanes_avx2(), gate_lanes_plain());
    return usable;
}

void gate_(const Tensor& x, const Tensor& bias, const GateForm& form, const GateLanes& lanes) {
    x.scalar_type() == at::kDouble ? run<double>(x, bias, form, lanes.run_double) : run<float>(x, bias, form, lanes.run_float);
}

void gate_(const Tensor& x, const Tensor& bias, const GateForm& form) {
    gate_(x, bias, form, *gate_lanes().front());
}

}  // namespace microtome
