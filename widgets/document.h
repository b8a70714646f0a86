// The session being edited: prompts and the parameters of the sweep, with undo. Views show it and edit it only through here.
#pragma once

#include <QObject>
#include <QString>
#include <QUndoStack>

#include "analyses/files/session_file.h"

namespace microtome {

enum class PromptField { clean, corrupt, answer, foil };

class SessionDocument : public QObject {
    Q_OBJECT
  public:
    explicit SessionDocument(QObject* parent = nullptr);

    const SessionFile& session() const { return session_; }
    const PromptPair& pair() const { return session_.prompts[pair_]; }
    int pair_index() const { return static_cast<int>(pair_); }
    int pair_count() const { return static_cast<int>(session_.prompts.size()); }
    void choose_pair(int index);
    /// The step that patches: its parameters are what the sweep form edits.
    const SessionStep& step() const { return session_.steps[step_]; }
    /// The step of this name (step_names.h); one with its analysis' defaults, not in the session yet, if there is none.
    SessionStep step_of(const std::string& name) const;
    QString text(PromptField field) const;

    /// Undoable; typing in one field without a pause of a second is one command.
    void edit_text(PromptField field, const QString& text);
    /// Undoable. A null value takes the parameter back to its default.
    void edit_param(const std::string& name, const Json& value);
    /// Undoable. The same for the step of any analysis, which joins the session with its first edit, or when it runs (`keep_step`).
    void edit_param_of(const std::string& analysis, const std::string& name, const Json& value);
    /// Several parameters as one edit, on the pair in the editors alone.
    void edit_params_of(const std::string& analysis, const Json& params, const QString& what);
    void keep_step(const std::string& analysis);
    /// Undoable. All of them at once, in order; the step that patches uses each of them, and no step one that is gone.
    void edit_interventions(const std::vector<Intervention>& interventions, const QString& what);
    /// "i3": not used yet.
    std::string new_intervention_id() const;
    void swap_answer_and_foil();
    void swap_prompts();

    /// Where the model came from: not an edit, but saved.
    void set_model(const SessionModel& model);
    void set_threads(int threads) { session_.threads = threads; }
    /// Replaces everything and forgets the undo history. A session without prompts or without a patching step gets one.
    void load(SessionFile session);
    /// The session's file goes to another folder: a model beside the old file keeps being found.
    void move_to(const std::filesystem::path& folder);
    void set_views(const Json& views) { session_.views = views; }

    QUndoStack& undo_stack() { return undo_; }

  Q_SIGNALS:
    void texts_changed();
    void params_changed();
    void interventions_changed();
    void loaded();

  private:
    class PairEdit;
    class ParamEdit;
    class InterventionsEdit;
    class StepsEdit;
    void push_step(const SessionStep& step, const QString& what);
    void set_steps(const std::vector<SessionStep>& steps);
    void set_pair(std::size_t index, const PromptPair& pair);
    void set_params(const Json& params);
    void set_interventions(const std::vector<Intervention>& interventions, const std::vector<SessionStep>& steps);
    void push_pair(const PromptPair& pair, const QString& what, int merge_id);

    SessionFile session_;
    std::size_t pair_ = 0, step_ = 0;
    QUndoStack undo_;
};

/// The example that the bundled model answers: who gets the ball.
SessionFile welcome_session();

/// Several answers are written `ann|bob`; a bar that belongs to a token is written `\|`.
QString joined_tokens(const std::vector<std::string>& tokens);
std::vector<std::string> split_tokens(const QString& text);

}  // namespace microtome
