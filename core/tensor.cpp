#include "core/tensor.h"

#include <array>
#include <utility>

#include "core/base/error.h"

namespace microtome {
namespace {

constexpr std::array<std::pair<const char*, at::ScalarType>, 4> dtypes{
    {{"float32", at::kFloat}, {"float64", at::kDouble}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf}}};

}  // namespace

at::ScalarType parse_dtype(const std::string& name) {
    for (auto [text, type] : dtypes)
        if (name == text) return type;
    throw Error("dtype", "float32, float64, bfloat16 or float16", "\"" + name + "\"");
}

std::string dtype_name(at::ScalarType type) {
    for (auto [text, known] : dtypes)
        if (type == known) return text;
    return at::toString(type);
}

std::string shape_text(at::IntArrayRef shape) {
    std::string text = "(";
    for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + ")";
}

}  // namespace microtome
