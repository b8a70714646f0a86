// AdamW (Loshchilov & Hutter 2019) over named weights, and how it is kept in checkpoints.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/models/weights.h"

namespace microtome {

/// A weight that is trained, with its moments (the running means of its gradient and of the gradient's square).
struct TrainedWeight {
    TrainedWeight(std::string name_, const Tensor& weight_);

    std::string name;
    Tensor weight, m, v;
    bool decays() const { return weight.dim() >= 2; }  // matrices do, biases and norms do not
};

struct AdamW {
    double weight_decay = 0.01, beta1 = 0.9, beta2 = 0.98;
    double clip = 0;  // the most that the norm of all gradients together may be; 0: anything

    /// Step `number` (from 1) at this learning rate, down the weights' gradients.
    void step(const std::vector<TrainedWeight>& weights, int number, double learning_rate) const;
};

/// Tensors on their way to a safetensors file, in their own precision (float32 or float64).
class TensorFile {
  public:
    void put(const std::string& name, const Tensor& x);
    /// "weight/NAME", "m/NAME" and "v/NAME" of each.
    void put(const std::vector<TrainedWeight>& weights);
    void write(const std::filesystem::path& file, const std::map<std::string, std::string>& metadata) const;

  private:
    std::vector<Tensor> kept_;  // the bytes live as long as this
    std::vector<StoredTensor> stored_;
};

/// What `put` wrote, into weights of the same names and shapes.
void take_back(Weights& from, std::vector<TrainedWeight>& weights);

}  // namespace microtome
