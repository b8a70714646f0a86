// Where tensors live. The only place that asks for CUDA: the libraries must be loaded before torch looks for them.
#pragma once

#include <c10/core/Device.h>

#include <string>

namespace microtome {

/// Number of CUDA devices that the driver sees; asked of libcuda itself, without torch.
int count_cuda_devices();

/// "auto" (a GPU where one can be used, else the CPU), "cpu", "cuda", "cuda:1". Loads the CUDA libraries for the latter. An Error says why
/// not; "auto" never fails, and says in `note` why it stayed on the CPU if a GPU is there.
at::Device open_device(const std::string& name, std::string* note = nullptr);

/// torch's threads inside one operation; 0: its own choice, the physical cores. Returns what holds now.
int set_threads(int threads);

}  // namespace microtome
