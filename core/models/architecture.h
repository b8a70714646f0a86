// One architecture = one file: how its config reads as a composition, and which tensors are which part.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/models/transformer.h"
#include "core/models/weights.h"

namespace microtome {

struct Architecture {
    const char* name;
    const char* summary;
    bool (*matches)(const Json& config);
    /// `subject` is the config's file; an Error names a field that this program can't honour.
    ModelConfig (*configure)(const Json& config, const std::string& subject);
    Transformer (*load)(const ModelConfig& config, Weights& weights);
};

/// The integer at `key` (or `fallback`, where given), refused outside 0 to 2^26.
int json_size(JsonReader& json, const char* key, int fallback = -1);

/// All of them (core/models/architectures.inc).
const std::vector<const Architecture*>& architectures();
/// The one whose config this is; an Error lists the supported ones.
const Architecture& architecture_of(const Json& config, const std::string& subject);

}  // namespace microtome
