#include "core/train/adamw.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace microtome {

TrainedWeight::TrainedWeight(std::string name_, const Tensor& weight_)
    : name(std::move(name_)), weight(weight_), m(at::zeros_like(weight_)), v(at::zeros_like(weight_)) {}

void AdamW::step(const std::vector<TrainedWeight>& weights, int number, double learning_rate) const {
    c10::AutoGradMode without_gradients(false);
    std::vector<Tensor> gradients;
    for (const TrainedWeight& w : weights) gradients.push_back(w.weight.grad());
    if (clip > 0) {
        double norm = at::stack(at::_foreach_norm(gradients)).norm().item<double>();
        if (norm > clip) at::_foreach_mul_(gradients, clip / norm);
    }
    for (bool decays : {true, false}) {
        std::vector<Tensor> w, g, m, v, steps;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            if (weights[i].decays() != decays) continue;
            w.push_back(weights[i].weight);
            g.push_back(gradients[i]);
            m.push_back(weights[i].m);
            v.push_back(weights[i].v);
            steps.push_back(at::full({}, number, weights[i].weight.options().dtype(at::kFloat).requires_grad(false)));
        }
        if (!w.empty())
            at::_fused_adamw_(w, g, m, v, {}, steps, learning_rate, beta1, beta2, decays ? weight_decay : 0.0, 1e-8, false, false);
    }
}

void TensorFile::put(const std::string& name, const Tensor& x) {
    const Tensor& kept = kept_.emplace_back(x.detach().to(at::kCPU).contiguous());
    stored_.push_back({name,
                       kept.scalar_type() == at::kDouble ? StoredType::F64 : StoredType::F32,
                       kept.sizes().vec(),
                       {static_cast<const std::byte*>(kept.const_data_ptr()), static_cast<std::size_t>(kept.nbytes())}});
}

void TensorFile::put(const std::vector<TrainedWeight>& weights) {
    for (const TrainedWeight& w : weights) {
        put("weight/" + w.name, w.weight);
        put("m/" + w.name, w.m);
        put("v/" + w.name, w.v);
    }
}

void TensorFile::write(const std::filesystem::path& file, const std::map<std::string, std::string>& metadata) const {
    write_safetensors(file, stored_, metadata);
}

void take_back(Weights& from, std::vector<TrainedWeight>& weights) {
    c10::AutoGradMode without_gradients(false);
    for (TrainedWeight& w : weights) {
        const auto shape = w.weight.sizes().vec();
        w.weight.copy_(from.take("weight/" + w.name, shape));
        w.m.copy_(from.take("m/" + w.name, shape));
        w.v.copy_(from.take("v/" + w.name, shape));
    }
}

}  // namespace microtome
