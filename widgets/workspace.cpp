#include "widgets/workspace.h"

#include <QUndoCommand>
#include <algorithm>
#include <tuple>
#include <utility>

#include "widgets/step_names.h"

namespace microtome {
namespace {

constexpr int typing_ms = 150;
constexpr std::size_t cached_results = 40;
constexpr double most_weights = 3e7;  // attention weights held for a prompt: 240 MB

ModelOptions options_of(const SessionFile& session) {
    ModelOptions options;
    options.model = session.model_path();
    options.device = session.model.device;
    options.dtype = session.model.dtype;
    options.processing = session.model.processing;
    options.threads = session.threads;
    return options;
}

}  // namespace

/// Pins are saved with the session, so setting them is an edit.
class Workspace::PinEdit final : public QUndoCommand {
  public:
    PinEdit(SelectionModel& selection, const SelectionModel::Pins& before)
        : QUndoCommand(count(before) < count(selection.pins()) ? tr("Pin") : tr("Unpin")),
          selection_(selection),
          before_(before),
          after_(selection.pins()) {}
    void undo() override { selection_.set_pins(before_); }
    void redo() override { selection_.set_pins(after_); }

  private:
    static std::ptrdiff_t count(const SelectionModel::Pins& pins) { return std::count(pins.begin(), pins.end(), std::nullopt) * -1; }
    SelectionModel& selection_;
    SelectionModel::Pins before_, after_;
};

Workspace::Workspace(std::unique_ptr<Engine> engine, QObject* parent) : QObject(parent), engine_(std::move(engine)) {
    typing_.setSingleShot(true);
    typing_.setInterval(typing_ms);
    connect(&typing_, &QTimer::timeout, this, &Workspace::refresh_tokens);
    connect(&document_, &SessionDocument::texts_changed, &typing_, qOverload<>(&QTimer::start));
    connect(&document_, &SessionDocument::params_changed, this, &Workspace::recall_patching);
    connect(&document_, &SessionDocument::interventions_changed, this, &Workspace::recall_patching);
    connect(&document_, &SessionDocument::interventions_changed, this, &Workspace::update_attention);
    connect(&selection_, &SelectionModel::current_changed, this, &Workspace::update_attention);
    connect(&selection_, &SelectionModel::pins_edited, this,
            [this](const SelectionModel::Pins& before) { document_.undo_stack().push(new PinEdit(selection_, before)); });
}

Workspace::~Workspace() = default;

void Workspace::open_model(const QString& model) {
    SessionModel chosen;
    chosen.path = model.toStdString();
    document_.set_model(chosen);
    open_document_model(true);
}

void Workspace::open_again(const SessionModel& model, int threads) {
    document_.set_model(model);
    document_.set_threads(threads);
    open_document_model(true);
}

/// A model that was asked for and can't be opened leaves the one before in place; a session without its model has none.
void Workspace::open_document_model(bool keep_old) {
    jobs_.cancel(model_job_);
    model_error_.clear();
    const auto work = [this, options = options_of(document_.session())](RunProgress& progress) -> JobQueue::Deliver {
        std::shared_ptr<OpenModel> loaded = engine_->open(options);
        progress.check();
        return [this, loaded] { adopt(loaded); };
    };
    const auto failed = [this, keep_old, open = ++opens_](const QString& error) {
        if (open != opens_) return;  // a newer one is being opened
        model_error_ = error.isEmpty() ? tr("Opening the model was cancelled.") : error;
        if (model_ && keep_old)
            document_.set_model(opened_);
        else
            drop_model();
        Q_EMIT model_changed();
        if (!error.isEmpty()) Q_EMIT this->failed(error);
    };
    const QString name = QString::fromStdString(document_.session().model.path);
    model_job_ = jobs_.start(tr("Open %1").arg(name), work, {}, failed);
}

void Workspace::drop_model() {
    model_.reset();
    prompts_ = {};
    forget_results();
    Q_EMIT tokens_changed();
    tell_results();
}

void Workspace::forget_results() {
    patching_ = clean_attention_ = corrupt_attention_ = head_scores_ = {};
    for (auto& [analysis, shown] : results_) shown = {};
}

void Workspace::tell_results() {
    Q_EMIT patching_changed();
    Q_EMIT attention_changed();
    Q_EMIT head_scores_changed();
    for (const auto& [analysis, shown] : results_) Q_EMIT result_changed(QString::fromStdString(analysis));
}

void Workspace::adopt(std::shared_ptr<OpenModel> model) {
    model_ = std::move(model);
    forget_results();
    SessionModel now = document_.session().model;
    const std::string saved = std::exchange(now.sha256, model_->facts().sha256);
    document_.set_model(now);
    opened_ = now;
    refresh_tokens();
    Q_EMIT model_changed();
    tell_results();
    if (!saved.empty() && saved != now.sha256)
        Q_EMIT failed(
            tr("%1 is not the model that the session was saved with: expected SHA-256 %2…, got %3….")
                .arg(QString::fromStdString(now.path), QString::fromStdString(saved).left(8), QString::fromStdString(now.sha256).left(8)));
}

void Workspace::load_session(SessionFile session) {
    const auto numerics = [](const SessionFile& file) {
        return std::tuple(file.model_path(), file.model.dtype, file.model.device, file.model.processing, file.threads);
    };
    const bool same = model_ && numerics(session) == numerics(document_.session()) &&
                      (session.model.sha256.empty() || session.model.sha256 == model_->facts().sha256);
    document_.load(std::move(session));
    if (same)
        refresh_tokens();
    else
        open_document_model(false);
}

void Workspace::refresh_tokens() {
    typing_.stop();
    if (!model_) return;
    prompts_ = prompt_state(*model_, document_.pair());
    Q_EMIT tokens_changed();
    recall_patching();
    update_attention();
}

bool Workspace::patching_is_stale() const {
    return !patching_.key.empty() && model_ && patching_.key != key_of(patching_request());
}

bool Workspace::run_patching() {
    refresh_tokens();
    if (!model_ || !prompts_.can_run()) return false;
    run(QStringLiteral("Activation patching"), patching_request(), patching_, [this] { Q_EMIT patching_changed(); });
    return true;
}

void Workspace::run_head_scores(const Json& params, bool on_prompts) {
    if (!model_) return;
    RunRequest request;
    if (on_prompts) {
        SessionStep step;
        step.run = "head-scores", step.use = document_.step().use;
        request = request_of(document_.session(), step);
    } else {
        request.analysis = "head-scores", request.seed = document_.session().seed;
        request.interventions = patching_request().interventions;
    }
    request.params.update(params);
    run(QStringLiteral("Head scores"), request, head_scores_, [this] { Q_EMIT head_scores_changed(); });
}

const ShownResult& Workspace::result(const std::string& analysis) const {
    static const ShownResult none;
    const auto found = results_.find(analysis);
    return found == results_.end() ? none : found->second;
}

RunRequest Workspace::request_for(const std::string& analysis) const {
    return request_of(document_.session(), document_.step_of(analysis));
}

bool Workspace::is_stale(const std::string& analysis) const {
    const ShownResult& shown = result(analysis);
    return !shown.key.empty() && model_ && shown.key != key_of(request_for(analysis));
}

bool Workspace::run_analysis(const std::string& analysis) {
    refresh_tokens();
    if (!model_) return false;
    document_.keep_step(analysis);
    run(step_title(analysis), request_for(analysis), results_[analysis],
        [this, name = QString::fromStdString(analysis)] { Q_EMIT result_changed(name); });
    return true;
}

void Workspace::cancel() {
    jobs_.cancel_all();
}

RunRequest Workspace::patching_request() const {
    return request_of(document_.session(), document_.step());
}

std::optional<RunRequest> Workspace::attention_request(Side side) const {
    const std::vector<Token>& tokens = side == Side::corrupt ? prompts_.corrupt : prompts_.clean;
    if (!model_ || tokens.empty() || selection_.current().layer < 0 || too_long_for_attention(side)) return {};
    Json ids = Json::array();
    for (const Token& token : tokens) ids.push_back(token.id);
    RunRequest request;
    request.analysis = "attention-patterns";
    request.interventions = patching_request().interventions;
    request.params["prompts"] = Json::array({{{"ids", ids}}});
    return request;
}

bool Workspace::too_long_for_attention(Side side) const {
    if (!model_) return false;
    const double length = static_cast<double>((side == Side::corrupt ? prompts_.corrupt : prompts_.clean).size());
    return length * length * model_->facts().n_layers * model_->facts().n_heads > most_weights;
}

std::string Workspace::key_of(const RunRequest& request) const {
    Json key{{"analysis", request.analysis},
             {"params", request.params},
             {"seed", request.seed},
             {"model", model_ ? model_->facts().sha256 : ""}};
    Json interventions = Json::array();
    for (const Intervention& intervention : request.interventions) interventions.push_back(to_json(intervention));
    key["interventions"] = interventions;
    const SessionModel& model = document_.session().model;
    key["numerics"] = {model.dtype, model.device, model.processing};
    return key.dump();
}

const RunRecord* Workspace::cached(const std::string& key) {
    const auto found = std::find_if(cache_.begin(), cache_.end(), [&](const auto& entry) { return entry.first == key; });
    if (found == cache_.end()) return nullptr;
    cache_.splice(cache_.begin(), cache_, found);
    return &found->second;
}

/// Undo and redo bring back an earlier map at once.
void Workspace::recall_patching() {
    if (!model_ || patching_.running()) return;
    const RunRequest request = patching_request();
    const std::string key = key_of(request);
    if (const RunRecord* record = key == patching_.key ? nullptr : cached(key)) {
        patching_ = {};
        patching_.key = key, patching_.request = request, patching_.record = *record, patching_.cached = true;
        patching_.clean = prompts_.clean, patching_.corrupt = prompts_.corrupt;
    }
    Q_EMIT patching_changed();
}

void Workspace::update_attention() {
    for (const auto& [side, shown] :
         {std::pair<Side, ShownResult*>{Side::clean, &clean_attention_}, {Side::corrupt, &corrupt_attention_}}) {
        const auto request = attention_request(side);
        if (!request || key_of(*request) == shown->key) continue;
        run(side == Side::clean ? QStringLiteral("Attention, clean") : QStringLiteral("Attention, corrupted"), *request, *shown,
            [this] { Q_EMIT attention_changed(); });
    }
}

void Workspace::run(const QString& title, const RunRequest& request, ShownResult& shown, const Changed& changed) {
    if (shown.running()) jobs_.cancel(shown.job);  // the newest request wins
    const std::string key = key_of(request);
    shown = {};
    shown.key = key, shown.request = request;
    shown.clean = prompts_.clean, shown.corrupt = prompts_.corrupt;
    if (const RunRecord* record = cached(key)) {
        shown.record = *record, shown.cached = true;
        return changed();
    }
    ++runs_;
    ShownResult* const slot = &shown;
    const auto work = [this, model = model_, request, key, slot, changed](RunProgress& progress) -> JobQueue::Deliver {
        auto record = std::make_shared<RunRecord>(model->run(request, progress));
        return [this, record, key, slot, changed] { finish(std::move(*record), key, *slot, changed); };
    };
    const auto partial = [key, slot, changed](const NamedView& view) {
        if (slot->key != key) return;
        slot->growing = view;
        changed();
    };
    const auto failed = [this, key, slot, changed](const QString& error) {
        if (slot->key != key) return;
        slot->job = 0, slot->error = error;
        if (!slot->growing) slot->key.clear();  // nothing came: the same request may be tried again
        changed();
        if (!error.isEmpty()) Q_EMIT this->failed(error);
    };
    shown.job = jobs_.start(title, work, partial, failed);
    changed();
}

void Workspace::finish(RunRecord record, const std::string& key, ShownResult& shown, const Changed& changed) {
    if (record.result.complete) {
        cache_.emplace_front(key, record);
        if (cache_.size() > cached_results) cache_.pop_back();
    }
    if (shown.key != key) return;
    shown.record = std::move(record);
    shown.job = 0;
    changed();
}

SessionFile Workspace::script(const std::string& analysis) const {
    SessionFile script = document_.session();
    const SessionStep step = document_.step_of(analysis);
    const auto unused = [](const std::vector<std::string>& kept, const std::string& id) {
        return !kept.empty() && std::find(kept.begin(), kept.end(), id) == kept.end();
    };
    std::erase_if(script.prompts, [&](const PromptPair& pair) { return unused(step.prompts, pair.id); });
    std::erase_if(script.interventions, [&](const Intervention& i) { return step.use.empty() || unused(step.use, i.id); });
    script.steps = {step};
    script.exports.clear();
    script.views = Json::object();
    script.notes.clear();
    return script;
}

}  // namespace microtome
