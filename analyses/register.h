// Makes an Analysis of a Params struct, a Result struct and `run`. A file of an analysis reads:
//   namespace microtome {
//   namespace {
//   struct Params { … fields … };
//   struct Result { Grid effect; … fields … };   // optional members: summary, warnings, complete, stamps (as in microtome::Result)
//   Result run(Session& session, const Params& params, RunProgress& progress) { … }
//   }
//   MICROTOME_ANALYSIS(activation_patching, "activation-patching", "One sentence")
//   }
// and catalog.inc has the line ANALYSIS(activation_patching).
#pragma once

#include <algorithm>
#include <string_view>

#include "analyses/fields.h"

namespace microtome {

template <HasFields P, HasFields R>
class AnalysisOf final : public Analysis {
  public:
    using Run = R (*)(Session&, const P&, RunProgress&);
    AnalysisOf(const char* name, const char* summary, Run run) : name_(name), summary_(summary), run_(run) {}

    std::string name() const override { return name_; }
    std::string summary() const override { return summary_; }
    std::vector<FieldInfo> params() const override { return field_infos<P>(); }
    std::vector<FieldInfo> results() const override { return field_infos<R>(); }
    Json complete(const Json& params) const override { return to_json(from_json<P>(params, name_)); }
    Result run(Session& session, const Json& params, RunProgress& progress) const override {
        R found = run_(session, from_json<P>(params, name_), progress);
        Result result;
        result.analysis = name_;
        if constexpr (requires { found.summary; }) result.summary = std::move(found.summary);
        if constexpr (requires { found.warnings; }) result.warnings = std::move(found.warnings);
        if constexpr (requires { found.complete; }) result.complete = found.complete;
        if constexpr (requires { found.stamps; }) result.stamps = std::move(found.stamps);
        result.views = result_views(std::move(found));
        return result;
    }

  private:
    const char *name_, *summary_;
    Run run_;
};

/// Commands of the program that no analysis may shadow.
inline constexpr std::array fixed_commands{"list",   "info",     "cache",    "gradients", "query",      "diff",      "generate",
                                           "logits", "tokenize", "verify",   "eval",      "train",      "sae-train", "replay",
                                           "run",    "bench",    "selftest", "gym",       "lens-train", "help"};

/// kebab-case, equal to the identifier, and not a fixed command.
constexpr bool good_name(std::string_view name, std::string_view identifier) {
    for (std::string_view fixed : fixed_commands)
        if (name == fixed) return false;
    if (name.empty() || name.size() != identifier.size() || name.front() == '-' || name.back() == '-') return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
        bool plain = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9');
        if (plain ? identifier[i] != name[i] : name[i] != '-' || identifier[i] != '_') return false;
    }
    return true;
}

}  // namespace microtome

#define MICROTOME_ANALYSIS(identifier, name, summary)                                                                   \
    const Analysis& analysis_##identifier() {                                                                           \
        static_assert(::microtome::good_name(name, #identifier), "the identifier in kebab-case, and no fixed command"); \
        static const AnalysisOf analysis(name, summary, &run);                                                          \
        return analysis;                                                                                                \
    }
