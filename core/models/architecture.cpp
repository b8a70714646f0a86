#include "core/models/architecture.h"

#include "core/base/error.h"

namespace microtome {

#define ARCHITECTURE(name) extern const Architecture architecture_##name;
#include "core/models/architectures.inc"
#undef ARCHITECTURE

int json_size(JsonReader& json, const char* key, int fallback) {
    std::int64_t n = fallback >= 0 ? json.integer(key, fallback) : json.integer(key);
    if (n < 0 || n > 1 << 26) throw Error(json.pointer(key), "a size from 0 to 2^26", std::to_string(n));
    return static_cast<int>(n);
}

const std::vector<const Architecture*>& architectures() {
    static const std::vector<const Architecture*> all{
#define ARCHITECTURE(name) &architecture_##name,
#include "core/models/architectures.inc"
#undef ARCHITECTURE
    };
    return all;
}

const Architecture& architecture_of(const Json& config, const std::string& subject) {
    std::string names;
    for (const Architecture* a : architectures()) {
        if (a->matches(config)) return *a;
        names += (names.empty() ? "" : ", ") + std::string(a->name);
    }
    std::string got = config.is_object() && config.contains("model_type") ? config["model_type"].dump() : "no model_type";
    throw Error(subject + "#/model_type", "a supported architecture (" + names + ")", got);
}

}  // namespace microtome
