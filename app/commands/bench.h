#pragma once

#include "app/commands/cli.h"

namespace microtome {

/// Kernels of core/kernels: bytes and operations a second, beside a copy and a matrix product on the same device.
void bench_kernels(const Common& common, int repeats);

}  // namespace microtome
