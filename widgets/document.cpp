#include "widgets/document.h"

#include <QUndoCommand>
#include <algorithm>
#include <chrono>

#include "widgets/step_names.h"

namespace microtome {
namespace {

constexpr auto typing_pause = std::chrono::seconds(1);
constexpr const char* patching = "activation-patching";

std::chrono::steady_clock::time_point now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

class SessionDocument::PairEdit final : public QUndoCommand {
  public:
    PairEdit(SessionDocument& document, const PromptPair& after, const QString& what, int merge_id)
        : QUndoCommand(what),
          document_(document),
          index_(document.pair_),
          before_(document.pair()),
          after_(after),
          merge_id_(merge_id),
          time_(now()) {}
    void undo() override { document_.set_pair(index_, before_); }
    void redo() override { document_.set_pair(index_, after_); }
    int id() const override { return merge_id_; }
    bool mergeWith(const QUndoCommand* other) override {
        const auto* next = static_cast<const PairEdit*>(other);
        if (next->index_ != index_ || next->time_ - time_ > typing_pause) return false;
        after_ = next->after_;
        time_ = next->time_;
        return true;
    }

  private:
    SessionDocument& document_;
    std::size_t index_;
    PromptPair before_, after_;
    int merge_id_;
    std::chrono::steady_clock::time_point time_;
};

class SessionDocument::ParamEdit final : public QUndoCommand {
  public:
    ParamEdit(SessionDocument& document, const Json& after, const QString& what)
        : QUndoCommand(what), document_(document), before_(document.step().params), after_(after) {}
    void undo() override { document_.set_params(before_); }
    void redo() override { document_.set_params(after_); }

  private:
    SessionDocument& document_;
    Json before_, after_;
};

class SessionDocument::InterventionsEdit final : public QUndoCommand {
  public:
    struct State {
        std::vector<Intervention> interventions;
        std::vector<SessionStep> steps;
    };
    InterventionsEdit(SessionDocument& document, State before, State after, const QString& what)
        : QUndoCommand(what), document_(document), before_(std::move(before)), after_(std::move(after)) {}
    void undo() override { document_.set_interventions(before_.interventions, before_.steps); }
    void redo() override { document_.set_interventions(after_.interventions, after_.steps); }

  private:
    SessionDocument& document_;
    State before_, after_;
};

class SessionDocument::StepsEdit final : public QUndoCommand {
  public:
    StepsEdit(SessionDocument& document, std::vector<SessionStep> after, const QString& what)
        : QUndoCommand(what), document_(document), before_(document.session_.steps), after_(std::move(after)) {}
    void undo() override { document_.set_steps(before_); }
    void redo() override { document_.set_steps(after_); }

  private:
    SessionDocument& document_;
    std::vector<SessionStep> before_, after_;
};

SessionDocument::SessionDocument(QObject* parent) : QObject(parent) {
    load(welcome_session());
}

void SessionDocument::load(SessionFile session) {
    session_ = std::move(session);
    pair_ = 0;
    if (session_.prompts.empty()) session_.prompts.push_back(welcome_session().prompts.front());
    const auto found =
        std::find_if(session_.steps.begin(), session_.steps.end(), [](const SessionStep& step) { return step.run == patching; });
    step_ = static_cast<std::size_t>(found - session_.steps.begin());
    if (found == session_.steps.end()) {
        SessionStep step = welcome_session().steps.front();
        for (int i = 1; std::any_of(session_.steps.begin(), session_.steps.end(), [&](const SessionStep& s) { return s.id == step.id; });
             ++i)
            step.id = "patching" + std::to_string(i);
        step.prompts = {session_.prompts.front().id};
        session_.steps.push_back(step);
    }
    undo_.clear();
    Q_EMIT loaded();
    Q_EMIT texts_changed();
    Q_EMIT params_changed();
    Q_EMIT interventions_changed();
}

void SessionDocument::choose_pair(int index) {
    if (index < 0 || index >= pair_count() || index == pair_index()) return;
    pair_ = static_cast<std::size_t>(index);
    Q_EMIT texts_changed();
}

QString SessionDocument::text(PromptField field) const {
    switch (field) {
        case PromptField::clean:
            return QString::fromStdString(pair().clean);
        case PromptField::corrupt:
            return QString::fromStdString(pair().corrupt);
        case PromptField::answer:
            return joined_tokens(pair().answer);
        case PromptField::foil:
            return joined_tokens(pair().foil);
    }
    return {};
}

void SessionDocument::edit_text(PromptField field, const QString& text) {
    if (text == this->text(field)) return;
    PromptPair next = pair();
    switch (field) {
        case PromptField::clean:
            next.clean = text.toStdString(), next.clean_ids.clear();
            break;
        case PromptField::corrupt:
            next.corrupt = text.toStdString(), next.corrupt_ids.clear();
            break;
        case PromptField::answer:
            next.answer = split_tokens(text), next.answer_id.clear();
            break;
        case PromptField::foil:
            next.foil = split_tokens(text), next.foil_id.clear();
            break;
    }
    static const char* const what[] = {"Edit clean prompt", "Edit corrupted prompt", "Edit answer", "Edit foil"};
    const int index = static_cast<int>(field);
    push_pair(next, QString::fromLatin1(what[index]), index);
}

void SessionDocument::swap_answer_and_foil() {
    PromptPair next = pair();
    std::swap(next.answer, next.foil);
    std::swap(next.answer_id, next.foil_id);
    push_pair(next, QStringLiteral("Swap answer and foil"), -1);
}

void SessionDocument::swap_prompts() {
    PromptPair next = pair();
    std::swap(next.clean, next.corrupt);
    std::swap(next.clean_ids, next.corrupt_ids);
    push_pair(next, QStringLiteral("Swap prompts"), -1);
}

void SessionDocument::push_pair(const PromptPair& next, const QString& what, int merge_id) {
    undo_.push(new PairEdit(*this, next, what, merge_id));
}

void SessionDocument::edit_param(const std::string& name, const Json& value) {
    Json params = step().params;
    if (value.is_null())
        params.erase(name);
    else
        params[name] = value;
    if (params != step().params)
        undo_.push(new ParamEdit(*this, params, QStringLiteral("Change ") + QString::fromStdString(name).replace('_', ' ')));
}

SessionStep SessionDocument::step_of(const std::string& name) const {
    const std::vector<std::string> names = step_names(session_);
    if (const auto found = std::find(names.begin(), names.end(), name); found != names.end())
        return session_.steps[static_cast<std::size_t>(found - names.begin())];
    SessionStep made;
    made.run = analysis_of(name), made.prompts = step().prompts, made.use = step().use;
    for (std::size_t n = session_.steps.size() + 1;; ++n) {
        made.id = "s" + std::to_string(n);
        if (std::none_of(session_.steps.begin(), session_.steps.end(), [&](const SessionStep& s) { return s.id == made.id; })) return made;
    }
}

void SessionDocument::edit_param_of(const std::string& analysis, const std::string& name, const Json& value) {
    SessionStep next = step_of(analysis);
    if (value.is_null())
        next.params.erase(name);
    else
        next.params[name] = value;
    if (next.params != step_of(analysis).params)
        push_step(next, QStringLiteral("Change ") + QString::fromStdString(name).replace('_', ' '));
}

void SessionDocument::edit_params_of(const std::string& analysis, const Json& params, const QString& what) {
    SessionStep next = step_of(analysis);
    next.params = params;
    next.prompts = {pair().id};
    push_step(next, what);
}

void SessionDocument::keep_step(const std::string& name) {
    const SessionStep next = step_of(name);
    if (std::none_of(session_.steps.begin(), session_.steps.end(), [&](const SessionStep& s) { return s.id == next.id; }))
        push_step(next, QStringLiteral("Add ") + QString::fromStdString(next.run).replace('-', ' '));
}

void SessionDocument::push_step(const SessionStep& step, const QString& what) {
    std::vector<SessionStep> steps = session_.steps;
    const auto known = std::find_if(steps.begin(), steps.end(), [&](const SessionStep& s) { return s.id == step.id; });
    if (known == steps.end())
        steps.push_back(step);
    else
        *known = step;
    undo_.push(new StepsEdit(*this, std::move(steps), what));
}

void SessionDocument::set_steps(const std::vector<SessionStep>& steps) {
    session_.steps = steps;
    Q_EMIT params_changed();
}

void SessionDocument::edit_interventions(const std::vector<Intervention>& interventions, const QString& what) {
    if (interventions == session_.interventions) return;
    std::vector<SessionStep> steps = session_.steps;
    const auto gone = [&](const std::string& id) {
        return std::none_of(interventions.begin(), interventions.end(), [&](const Intervention& i) { return i.id == id; });
    };
    for (SessionStep& step : steps) std::erase_if(step.use, gone);
    std::vector<std::string>& use = steps[step_].use;
    for (const Intervention& i : interventions)
        if (i.enabled && std::find(use.begin(), use.end(), i.id) == use.end()) use.push_back(i.id);
    undo_.push(new InterventionsEdit(*this, {session_.interventions, session_.steps}, {interventions, steps}, what));
}

std::string SessionDocument::new_intervention_id() const {
    for (std::size_t n = session_.interventions.size() + 1;; ++n) {
        const std::string id = "i" + std::to_string(n);
        const auto same = [&](const Intervention& i) { return i.id == id; };
        if (std::none_of(session_.interventions.begin(), session_.interventions.end(), same)) return id;
    }
}

void SessionDocument::set_interventions(const std::vector<Intervention>& interventions, const std::vector<SessionStep>& steps) {
    session_.interventions = interventions;
    session_.steps = steps;
    Q_EMIT interventions_changed();
}

void SessionDocument::set_pair(std::size_t index, const PromptPair& pair) {
    session_.prompts[index] = pair;
    pair_ = index;
    Q_EMIT texts_changed();
}

void SessionDocument::set_params(const Json& params) {
    session_.steps[step_].params = params;
    Q_EMIT params_changed();
}

void SessionDocument::set_model(const SessionModel& model) {
    session_.model = model;
}

void SessionDocument::move_to(const std::filesystem::path& folder) {
    if (folder != session_.folder) session_.model.path = session_.model_path();
    session_.folder = folder;
}

SessionFile welcome_session() {
    SessionFile session;
    PromptPair pair;
    pair.id = "p1";
    pair.clean = "when ann and tom went to the park , tom gave a ball to";
    pair.corrupt = "when ann and tom went to the park , ann gave a ball to";
    pair.answer = {"ann"};
    pair.foil = {"tom"};
    session.prompts.push_back(pair);
    SessionStep step;
    step.id = "s1";
    step.run = patching;
    step.prompts = {"p1"};
    step.params = Json{{"preset", "resid_pre"}, {"metric", "logit_diff_recovery"}};
    session.steps.push_back(step);
    return session;
}

QString joined_tokens(const std::vector<std::string>& tokens) {
    QStringList parts;
    for (const std::string& token : tokens) parts << QString::fromStdString(token).replace(QStringLiteral("|"), QStringLiteral("\\|"));
    return parts.join(QStringLiteral("|"));
}

std::vector<std::string> split_tokens(const QString& text) {
    std::vector<std::string> tokens;
    if (text.isEmpty()) return tokens;
    QString part;
    for (qsizetype i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '|')
            part += text[++i];
        else if (text[i] == '|')
            tokens.push_back(part.toStdString()), part.clear();
        else
            part += text[i];
    }
    tokens.push_back(part.toStdString());
    return tokens;
}

}  // namespace microtome
