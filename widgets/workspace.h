// Everything behind the window that is not a widget: the document, the model, the selection, the jobs and their newest results.
#pragma once

#include <QObject>
#include <QTimer>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>

#include "widgets/document.h"
#include "widgets/engine.h"
#include "widgets/jobs.h"
#include "widgets/prompt_state.h"
#include "widgets/selection.h"

namespace microtome {

/// The newest result of one analysis, complete or growing.
struct ShownResult {
    std::string key;  // of the request that it answers
    RunRequest request;
    std::optional<RunRecord> record;    // none while it grows
    std::optional<NamedView> growing;   // newest partial view
    std::vector<Token> clean, corrupt;  // the prompts it was computed for
    QString error;
    int job = 0;          // 0: not running
    bool cached = false;  // shown again without a forward pass

    bool running() const { return job != 0; }
    const NamedView* view(const std::string& name) const {
        if (record) return record->result.find(name);
        return growing && growing->name == name ? &*growing : nullptr;
    }
};

class Workspace : public QObject {
    Q_OBJECT
  public:
    explicit Workspace(std::unique_ptr<Engine> engine, QObject* parent = nullptr);
    ~Workspace() override;

    SessionDocument& document() { return document_; }
    SelectionModel& selection() { return selection_; }
    JobQueue& jobs() { return jobs_; }
    const Engine& engine() const { return *engine_; }
    const OpenModel* model() const { return model_.get(); }
    /// For work on other threads that outlives a change of models.
    std::shared_ptr<const OpenModel> shared_model() const { return model_; }
    const QString& model_error() const { return model_error_; }
    const PromptState& prompts() const { return prompts_; }
    const ShownResult& patching() const { return patching_; }
    const ShownResult& attention(Side side) const { return side == Side::corrupt ? corrupt_attention_ : clean_attention_; }
    const ShownResult& head_scores() const { return head_scores_; }
    /// The newest result of any other step (step_names.h).
    const ShownResult& result(const std::string& analysis) const;
    /// It was computed for other prompts or parameters than those now in the session.
    bool is_stale(const std::string& analysis) const;
    /// All heads' patterns of a prompt would not fit; the attention view says so.
    bool too_long_for_attention(Side side) const;
    /// The map shown was computed for other prompts or parameters than those now in the editors.
    bool patching_is_stale() const;
    /// Runs of the model so far; a result that is shown again does not count.
    int runs() const { return runs_; }

    /// A bundled name, a folder, a llama2.c file.
    void open_model(const QString& model);
    /// The session's model once more, computing in another way; results of the old one are dropped.
    void open_again(const SessionModel& model, int threads);
    /// Opens its model too, if that is another one.
    void load_session(SessionFile session);
    /// Tokenizes now what was typed (otherwise 150 ms after the last key).
    void refresh_tokens();
    /// False, with the reason in `prompts().refusal()`, if the prompts can't be patched.
    bool run_patching();
    /// The detectors' scores of every head, on repeated random tokens or on the session's clean prompts.
    void run_head_scores(const Json& params, bool on_prompts);
    /// Runs the session's step of this name, as of the others below (step_names.h); it joins the session if it is not there yet. False
    /// without a model.
    bool run_analysis(const std::string& analysis);
    void cancel();
    /// The step of this analysis alone, as a session: what "Copy as script" gives.
    SessionFile script(const std::string& analysis = "activation-patching") const;

  Q_SIGNALS:
    void model_changed();
    void tokens_changed();
    void patching_changed();
    void attention_changed();
    void head_scores_changed();
    void result_changed(const QString& analysis);
    /// Something the user asked for failed; also shown where it was asked.
    void failed(const QString& text);

  private:
    class PinEdit;
    using Changed = std::function<void()>;

    RunRequest patching_request() const;
    std::optional<RunRequest> attention_request(Side side) const;
    void open_document_model(bool keep_old);
    void adopt(std::shared_ptr<OpenModel> model);
    void drop_model();
    std::string key_of(const RunRequest& request) const;
    /// `shown` lives as long as this object.
    void run(const QString& title, const RunRequest& request, ShownResult& shown, const Changed& changed);
    void finish(RunRecord record, const std::string& key, ShownResult& shown, const Changed& changed);
    void forget_results();
    void tell_results();
    RunRequest request_for(const std::string& analysis) const;
    const RunRecord* cached(const std::string& key);
    void recall_patching();
    void update_attention();

    std::unique_ptr<Engine> engine_;
    SessionDocument document_;
    SelectionModel selection_;
    std::shared_ptr<OpenModel> model_;
    QString model_error_;
    PromptState prompts_;
    ShownResult patching_, clean_attention_, corrupt_attention_, head_scores_;
    std::map<std::string, ShownResult> results_;          // by the steps' names; entries stay where they are
    std::list<std::pair<std::string, RunRecord>> cache_;  // newest first
    QTimer typing_;
    SessionModel opened_;  // what model_ was opened as
    int model_job_ = 0, opens_ = 0, runs_ = 0;
    JobQueue jobs_;  // last: its jobs use the others, so it goes first
};

}  // namespace microtome
