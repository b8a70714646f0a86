// The CUDA variants of the kernels. They are a library of their own, loaded with LibTorch's CUDA side (core/device.h): here they are found,
// or absent.
#pragma once

#include <vector>

#include "core/kernels/attribution_sweep.h"
#include "core/kernels/logit_metric.h"
#include "core/kernels/scatter_patch.h"
#include "core/kernels/suffix_attention.h"

namespace microtome {

/// Arguments as in the kernels' headers, on one CUDA device, checked by the callers there. They run in torch's stream.
struct CudaKernels {
    /// Undefined where it does not know the shape (d_head over 256).
    Tensor (*suffix_attention)(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& prefix_k, const Tensor& prefix_v,
                               const SuffixRows& rows, const AttentionRule& rule);
    void (*scatter_patch)(const Tensor& x, const Tensor& values, const SliceList& slices);
    LogitReading (*read_logits)(const Tensor& logits, const Tensor& clean);
    Tensor (*logit_columns)(const Tensor& x, const FinalNorm& norm, const Tensor& columns, const Tensor& bias, double cap);
    void (*attribution_sweep)(const std::vector<AttributionSite>& sites, const std::vector<Tensor>& out);
    /// From now on launches are timed on the device; the second stops that and tells their seconds.
    void (*start_clock)();
    double (*stop_clock)();
};

/// nullptr: not loaded, or of another build. To be asked only with a CUDA tensor in hand.
const CudaKernels* cuda_kernels();

}  // namespace microtome
