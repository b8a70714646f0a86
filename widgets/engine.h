// What the window needs of the analyses. One implementation ships (engine.cpp, on Session and run_analysis); tests bring others.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "analyses/model_outline.h"
#include "analyses/runner.h"

namespace microtome {

/// A model in memory.
class OpenModel {
  public:
    virtual ~OpenModel() = default;
    virtual const ModelFacts& facts() const = 0;
    virtual const ModelOutline& outline() const = 0;
    virtual bool has_tokenizer() const = 0;
    /// Reads the tokenizer only: any thread.
    virtual std::vector<Token> tokens(const std::string& text, std::optional<bool> prepend_bos = {}) const = 0;
    virtual Token token(std::int64_t id) const = 0;
    /// Calls torch: on the compute lane only.
    virtual RunRecord run(const RunRequest& request, RunProgress& progress) = 0;
};

class Engine {
  public:
    virtual ~Engine() = default;
    /// Calls torch: on the compute lane only.
    virtual std::shared_ptr<OpenModel> open(const ModelOptions& options) const = 0;
    /// Every analysis: name and one sentence; any thread.
    virtual std::vector<std::pair<std::string, std::string>> analyses() const = 0;
    /// The parameters of an analysis; any thread.
    virtual std::vector<FieldInfo> params(const std::string& analysis) const = 0;
    virtual std::vector<std::string> bundled() const = 0;
    /// Fetches a model of the hub, so that `open` finds it by this name; says how many bytes are there. Any thread but the interface's.
    virtual void download(const std::string& name, Progress& progress) const = 0;
};

std::unique_ptr<Engine> make_engine();

}  // namespace microtome
