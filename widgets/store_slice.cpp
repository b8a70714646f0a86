// The slice half of StoreBrowser: which axes, reading them, and what is said of them.
#include <QFileInfo>
#include <QHBoxLayout>
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.h"
#include "core/base/sites.h"
#include "widgets/field_form.h"
#include "widgets/figures/text.h"
#include "widgets/store_browser.h"

namespace microtome {
namespace {

/// The shape's symbol as a word.
QString axis_text(const std::string& symbol) {
    if (symbol == "n_heads") return QObject::tr("head");
    if (symbol == "n_kv_heads") return QObject::tr("key/value head");
    if (symbol == "d_mlp") return QObject::tr("neuron");
    if (symbol == "d_vocab") return QObject::tr("vocabulary");
    return QString::fromStdString(symbol);
}

QString statistics_line(const QString& of, const SliceStatistics& s) {
    const auto finite = static_cast<double>(s.count - s.other);
    QString text = QObject::tr("%1: min %2 · max %3 · mean %4 · std %5 · zeros %6 % of %7 values")
                       .arg(of, number_text(s.min), number_text(s.max), number_text(s.mean), number_text(s.std),
                            finite > 0 ? QString::number(100 * static_cast<double>(s.zeros) / finite, 'f', 1) : QStringLiteral("–"))
                       .arg(s.count);
    return s.other ? text + QObject::tr(" (%1 not finite)").arg(s.other) : text;
}

}  // namespace

/// A box for each axis of the site, and the choice of the columns.
void StoreBrowser::make_axes() {
    for (const auto& [label, box] : indices_) {
        label->deleteLater();
        box->deleteLater();
    }
    indices_.clear();
    const StoredSite* stored = site();
    const QSignalBlocker quiet(columns_);
    columns_->clear();
    if (!stored) return;
    auto* layout = static_cast<QHBoxLayout*>(axes_->layout());
    for (const auto& [name, size] : slice_axes(*stored, 1)) {
        columns_->addItem(axis_text(name), QString::fromStdString(name));
        auto* box = new QSpinBox(axes_);
        box->setObjectName(QString::fromStdString(name));
        auto* label = new QLabel(axis_text(name), axes_);
        label->setBuddy(box);
        box->setAccessibleName(tr("Index of %1").arg(label->text()));
        layout->insertWidget(layout->count() - 1, label);
        layout->insertWidget(layout->count() - 1, box);
        connect(box, &QSpinBox::valueChanged, this, &StoreBrowser::read_slice);
        indices_.emplace_back(label, box);
    }
    columns_->setCurrentIndex(stored->pairs ? 0 : columns_->count() - 1);
    axes_->setVisible(columns_->count() > 1);
    show_axes();
}

/// The boxes of all axes but the columns'; the ranges of those that depend on the prompt are set when the slice is read.
void StoreBrowser::show_axes() {
    const StoredSite* stored = site();
    if (!stored) return;
    const auto axes = slice_axes(*stored, 0);
    for (std::size_t a = 0; a < indices_.size(); ++a) {
        const auto& [label, box] = indices_[a];
        const bool shown = static_cast<int>(a) != columns_->currentIndex();
        label->setVisible(shown);
        box->setVisible(shown);
        const QSignalBlocker quiet(box);
        if (axes[a].second > 0) box->setRange(0, static_cast<int>(axes[a].second) - 1);
    }
}

SliceChoice StoreBrowser::choice() const {
    SliceChoice choice;
    const StoredSite* stored = site();
    if (!stored) return choice;
    choice.site = stored->key;
    choice.prompt = static_cast<std::size_t>(prompt_->value());
    choice.column_axis = static_cast<std::size_t>(std::max(columns_->currentIndex(), 0));
    for (const auto& [label, box] : indices_) choice.fixed.push_back(static_cast<std::uint64_t>(box->value()));
    return choice;
}

void StoreBrowser::read_slice() {
    if (!store_ || !site()) return;
    if (store_->facts().prompts == 0) {
        panel_->map()->set_message(tr("The store holds no finished prompt yet."));
        return panel_->set_grid(nullptr, {}, {});
    }
    jobs_.cancel(slice_job_);  // the newest choice wins
    const auto work = [this, store = store_, choice = choice(), stored = *site(),
                       model = workspace_.shared_model()](RunProgress& progress) mutable -> JobQueue::Deliver {
        progress.check();
        const StoredPrompt prompt = store->prompt(choice.prompt);
        if (model && model->has_tokenizer() && model->facts().sha256 == store->facts().model_sha256)
            for (const std::int64_t id : prompt.ids) choice.tokens.push_back(model->token(id).text);
        if (stored.pairs && !choice.fixed.empty() && !prompt.ids.empty())
            choice.fixed[0] = std::min<std::uint64_t>(choice.fixed[0], prompt.ids.size() - 1);
        auto slice = std::make_shared<StoreSlice>(store->slice(choice));
        progress.check();
        return [this, from = std::exchange(store, nullptr).get(), slice, choice, stored, prompt] {
            if (from != store_.get()) return;
            if (stored.pairs && !indices_.empty()) {
                const QSignalBlocker quiet(indices_[0].second);
                indices_[0].second->setRange(0, std::max(static_cast<int>(prompt.ids.size()) - 1, 0));
            }
            QString text = QString::fromStdString(prompt.text).simplified();
            if (prompt.metric)
                text = tr("%1  (%2: %3)").arg(text, QString::fromStdString(store_->facts().metric), number_text(*prompt.metric));
            show_slice(*slice, choice, text);
        };
    };
    slice_job_ = jobs_.start(tr("Read activations"), work, {}, [this](const QString& error) {
        if (!error.isEmpty()) show_message(error, true);
    });
}

void StoreBrowser::show_slice(const StoreSlice& slice, const SliceChoice& choice, const QString& text) {
    shown_ = choice;
    text_->setText(text);
    text_->setToolTip(text);
    show_message({}, false);
    panel_->map()->set_message(tr("The prompt has no tokens."));
    panel_->set_grid(slice.grid.size() ? std::make_shared<const Grid>(slice.grid) : nullptr, scene_options(), fixed_place(choice));
    statistics_->setText(statistics_line(tr("Shown"), slice.shown) + QLatin1Char('\n') + statistics_line(tr("Whole prompt"), slice.whole));
}

/// What all cells have in common: layer, site, and the head where one is chosen.
NodeRef StoreBrowser::fixed_place(const SliceChoice& choice) const {
    NodeRef place;
    const StoredSite* shown = site_of(choice);
    if (!shown) return place;
    try {
        const SiteRef ref = parse_hook(shown->name);
        place.layer = ref.layer;
        place.site = info(ref.site).name;
    } catch (const Error&) {  // not a site of this version: no place of its own
        return place;
    }
    for (std::size_t a = 0; a < indices_.size() && a < choice.fixed.size(); ++a)
        if (a != choice.column_axis && indices_[a].second->objectName() == QLatin1String("n_heads"))
            place.head = static_cast<int>(choice.fixed[a]);
    return place;
}

const StoredSite* StoreBrowser::site_of(const SliceChoice& choice) const {
    if (!store_) return nullptr;
    const auto& sites = store_->facts().sites;
    const auto found = std::find_if(sites.begin(), sites.end(), [&](const StoredSite& site) { return site.key == choice.site; });
    return found == sites.end() ? nullptr : &*found;
}

SceneOptions StoreBrowser::scene_options() const {
    SceneOptions options;
    const StoredSite* site = site_of(shown_);
    const bool gradient = site && site->gradient;
    options.title = (gradient ? "gradient of " + store_->facts().metric + " by " + site->name : shown_.site) + ", prompt " +
                    std::to_string(shown_.prompt);
    for (std::size_t a = 0; a < indices_.size() && a < shown_.fixed.size(); ++a)
        if (a != shown_.column_axis)
            options.title += ", " + indices_[a].first->text().toStdString() + " " + std::to_string(shown_.fixed[a]);
    return options;
}

QString StoreBrowser::provenance() const {
    if (!store_) return {};
    const StoreFacts& facts = store_->facts();
    return tr("%1 · %2 · %3 · %4 · %5")
        .arg(QFileInfo(file_).fileName(), QString::fromStdString(facts.model), QString::fromStdString(facts.model_sha256).left(8),
             QString::fromStdString(facts.dtype), QString::fromStdString(facts.processing));
}

Json StoreBrowser::manifest() const {
    if (!store_) return Json::object();
    const StoreFacts& facts = store_->facts();
    Json manifest{
        {"store", QFileInfo(file_).fileName().toStdString()},
        {"model", {{"path", facts.model}, {"sha256", facts.model_sha256}, {"dtype", facts.dtype}, {"processing", facts.processing}}}};
    if (!facts.metric.empty()) manifest.update({{"metric", facts.metric}, {"metric_run", facts.metric_run}});
    manifest.update({{"site", shown_.site}, {"prompt", shown_.prompt}, {"column_axis", shown_.column_axis}, {"index", shown_.fixed}});
    return manifest;
}

std::optional<NamedView> StoreBrowser::shown() const {
    const Grid* grid = panel_->map()->grid();
    if (!grid) return {};
    return NamedView{"activations", scene_options().title, *grid};
}

}  // namespace microtome
