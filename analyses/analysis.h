// The face of the analyses: a catalog of named methods that turn a model and parameters into a Result. Free of torch and Qt.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analyses/views/result.h"
#include "core/base/json.h"
#include "core/base/progress.h"

namespace microtome {

class Session;

/// One member of a parameter or result struct, as the command line, the forms and the reference page see it.
struct FieldInfo {
    std::string name;  // snake_case; `--kebab-case` on the command line
    std::string type;  // "integer" "number" "boolean" "string" "strings" "integers" "pairs" "prompts", or a view kind
    std::string help;
    Json fallback;                     // the default (parameters only)
    std::vector<std::string> choices;  // allowed strings; empty: any
    std::optional<double> least, most;
};

/// Progress of an analysis, with results as far as they are known.
class RunProgress : public Progress {
  public:
    using Progress::Progress;
    /// A view that is still growing: its mask says which cells are computed. Called from the working thread.
    virtual void partial(const NamedView& /*view*/) {}
};

class Analysis {
  public:
    virtual ~Analysis() = default;
    virtual std::string name() const = 0;  // kebab-case
    virtual std::string summary() const = 0;
    virtual std::vector<FieldInfo> params() const = 0;
    virtual std::vector<FieldInfo> results() const = 0;
    /// Every parameter with its default filled in; an Error names an unknown key or a value out of range.
    virtual Json complete(const Json& params) const = 0;
    /// Runs it. If a stop is requested, returns what is finished with `complete = false`.
    virtual Result run(Session& session, const Json& params, RunProgress& progress) const = 0;
};

/// All of them, in the catalog's order.
const std::vector<const Analysis*>& catalog();
/// An Error lists the near names if there is none called so.
const Analysis& find_analysis(const std::string& name);

}  // namespace microtome
