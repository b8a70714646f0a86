// The tensor type, and the few words about it that the headers of core, hooks and analyses need.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace microtome {

using Tensor = at::Tensor;

/// "float32", "float64", "bfloat16", "float16"; an Error names the choices.
at::ScalarType parse_dtype(const std::string& name);
std::string dtype_name(at::ScalarType type);

/// "(3, 16, 64)"
std::string shape_text(at::IntArrayRef shape);

}  // namespace microtome
