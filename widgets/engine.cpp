#include "widgets/engine.h"

#include <csignal>

#include "core/hub/download.h"

namespace microtome {
namespace {

class SessionModelInMemory final : public OpenModel {
  public:
    explicit SessionModelInMemory(std::unique_ptr<Session> session) : session_(std::move(session)), outline_(outline_of(*session_)) {}
    const ModelFacts& facts() const override { return session_->facts(); }
    const ModelOutline& outline() const override { return outline_; }
    bool has_tokenizer() const override { return session_->has_tokenizer(); }
    std::vector<Token> tokens(const std::string& text, std::optional<bool> prepend_bos) const override {
        return session_->tokens(text, prepend_bos);
    }
    Token token(std::int64_t id) const override { return session_->token(id); }
    RunRecord run(const RunRequest& request, RunProgress& progress) override { return run_analysis(*session_, request, progress); }

  private:
    std::unique_ptr<Session> session_;
    ModelOutline outline_;
};

class SessionEngine final : public Engine {
  public:
    std::shared_ptr<OpenModel> open(const ModelOptions& options) const override {
        return std::make_shared<SessionModelInMemory>(Session::open(options));
    }
    std::vector<std::pair<std::string, std::string>> analyses() const override {
        std::vector<std::pair<std::string, std::string>> all;
        for (const Analysis* analysis : catalog()) all.emplace_back(analysis->name(), analysis->summary());
        return all;
    }
    std::vector<FieldInfo> params(const std::string& analysis) const override { return find_analysis(analysis).params(); }
    std::vector<std::string> bundled() const override {
        std::vector<std::string> names;
        try {
            for (const auto& [name, folder] : bundled_models()) names.push_back(name);
        } catch (const Error&) {  // a program moved away from its resources: folders can still be opened
        }
        return names;
    }
    void download(const std::string& name, Progress& progress) const override {
        std::signal(SIGPIPE, SIG_IGN);  // a connection that the other side closed is an answer, not the program's end
        download_model({HubName::of(name), {}}, progress);
    }
};

}  // namespace

std::unique_ptr<Engine> make_engine() {
    return std::make_unique<SessionEngine>();
}

}  // namespace microtome
