#include "analyses/analysis.h"
#include "core/base/near.h"

namespace microtome {

#define ANALYSIS(identifier) const Analysis& analysis_##identifier();
#include "analyses/catalog.inc"
#undef ANALYSIS

const std::vector<const Analysis*>& catalog() {
    static const std::vector<const Analysis*> all{
#define ANALYSIS(identifier) &analysis_##identifier(),
#include "analyses/catalog.inc"
#undef ANALYSIS
    };
    return all;
}

const Analysis& find_analysis(const std::string& name) {
    std::vector<std::string> names;
    for (const Analysis* analysis : catalog()) {
        if (analysis->name() == name) return *analysis;
        names.push_back(analysis->name());
    }
    throw Error("analysis", "a name from `microtome list`", with_suggestion(name, names));
}

}  // namespace microtome
