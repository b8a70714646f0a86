// A golden model's tensors, to be written again in another way; and the text of a refusal.
#pragma once

#include <ATen/ATen.h>

#include <QString>
#include <map>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/models/weights.h"
#include "golden.h"

namespace rewrite {

using namespace microtome;
namespace fs = std::filesystem;

inline StoredTensor stored(const std::string& name, const Tensor& x, StoredType type) {
    return {name, type, x.sizes().vec(), {static_cast<const std::byte*>(x.const_data_ptr()), x.nbytes()}};
}

// A golden model's tensors, to be written again in another way.
struct Contents {
    std::shared_ptr<Checkpoint> checkpoint;
    std::map<std::string, Tensor> tensors;
    explicit Contents(const std::string& model) : checkpoint(std::make_shared<Checkpoint>(golden::folder(model))) {
        for (const StoredTensor* t : checkpoint->tensors()) tensors[t->name] = view_of(*t, checkpoint);
    }
    void write(const fs::path& file, StoredType type = StoredType::F32, const std::vector<std::string>& only = {}) {
        std::map<StoredType, at::ScalarType> types{
            {StoredType::F32, at::kFloat}, {StoredType::F16, at::kHalf}, {StoredType::BF16, at::kBFloat16}, {StoredType::F64, at::kDouble}};
        std::vector<StoredTensor> out;
        for (auto& [name, x] : tensors) {
            if (!only.empty() && std::find(only.begin(), only.end(), name) == only.end()) continue;
            x = x.to(types.at(type)).contiguous();
            out.push_back(stored(name, x, type));
        }
        write_safetensors(file, out);
    }
};

inline Json config_of(const std::string& model) {
    return read_json(golden::folder(model) / "config.json");
}

template <typename Do>
QString message(Do&& act) {
    try {
        act();
    } catch (const Error& e) {
        return e.what();
    }
    return "nothing was refused";
}

}  // namespace rewrite
