#include "widgets/attention_view.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <limits>

#include "widgets/combo_width.h"
#include "widgets/grid_node.h"
#include "widgets/token_text.h"

namespace microtome {
namespace {

const char* const kinds[] = {"pattern", "value_weighted"};

/// The (destination, source) matrix of one head out of (layer, head, destination, source); the layers and heads may be a part of all.
std::optional<Grid> head_matrix(const Grid& all, int layer, int head) {
    if (all.axes.size() != 4) return {};
    NodeRef ref;
    ref.layer = layer, ref.head = head, ref.position = 0, ref.source = 0;
    const auto first = cell_of(all, ref);
    if (!first) return {};
    Grid matrix;
    matrix.axes = {all.axes[2], all.axes[3]};
    matrix.unit = all.unit;
    matrix.diverging = all.diverging;
    const auto take = [&](const auto& from, auto& into) {
        if (!from.empty())
            into.assign(from.begin() + static_cast<std::ptrdiff_t>(*first),
                        from.begin() + static_cast<std::ptrdiff_t>(*first + matrix.size()));
    };
    take(all.values, matrix.values);
    take(all.mask, matrix.mask);
    take(all.sem, matrix.sem);
    return matrix;
}

}  // namespace

AttentionView::AttentionView(Workspace& workspace, QWidget* parent) : QWidget(parent), workspace_(workspace) {
    panel_ = new MatrixPanel(workspace.selection(), tr("Attention pattern"), this);
    panel_->map()->set_describe([this](std::size_t flat) { return describe(flat); });
    text_ = new TokenFlow(this);
    text_->setAccessibleName(tr("Prompt, shaded by attention"));
    layer_ = new QSpinBox(this);
    head_ = new QSpinBox(this);
    side_ = new QComboBox(this);
    kind_ = new QComboBox(this);
    side_->addItems({tr("clean"), tr("corrupted"), tr("clean − corrupted")});
    kind_->addItems({tr("pattern"), tr("value-weighted")});
    for (QComboBox* box : {side_, kind_}) keep_choice_fitted(box);
    layer_->setAccessibleName(tr("Layer"));
    head_->setAccessibleName(tr("Head"));
    side_->setAccessibleName(tr("Prompt"));
    kind_->setAccessibleName(tr("Weights"));
    layer_->setPrefix(QStringLiteral("L"));
    head_->setPrefix(QStringLiteral("H"));
    kind_->setToolTip(tr("Value-weighted: attention times the norm of the value vector it moves"));
    lay_out();
    link();
    show_head();
}

void AttentionView::lay_out() {
    auto* row = new QHBoxLayout;
    for (QWidget* widget : std::initializer_list<QWidget*>{layer_, head_, side_, kind_}) row->addWidget(widget);
    row->addStretch(1);
    auto* layout = new QVBoxLayout(this);
    layout->addLayout(row);
    layout->addWidget(panel_, 1);
    layout->addWidget(text_);
}

void AttentionView::link() {
    SelectionModel& selection = workspace_.selection();
    connect(layer_, &QSpinBox::valueChanged, this, [this](int value) { choose(&NodeRef::layer, value); });
    connect(head_, &QSpinBox::valueChanged, this, [this](int value) { choose(&NodeRef::head, value); });
    connect(panel_, &MatrixPanel::synced_changed, this, [this](bool on) {
        if (!on) own_ = workspace_.selection().current();
        show_head();
    });
    connect(panel_->map(), &TableCanvas::chosen, this, [this](int row, int) {
        own_.position = row;
        if (!panel_->synced()) light(row);
    });
    connect(&selection, &SelectionModel::pins_changed, this, &AttentionView::show_pins);
    connect(side_, &QComboBox::currentIndexChanged, this, &AttentionView::show_head);
    connect(kind_, &QComboBox::currentIndexChanged, this, &AttentionView::show_head);
    connect(&workspace_, &Workspace::attention_changed, this, &AttentionView::show_head);
    connect(&workspace_, &Workspace::model_changed, this, &AttentionView::show_head);
    connect(&selection, &SelectionModel::current_changed, this, &AttentionView::show_head);
    connect(&selection, &SelectionModel::hover_changed, this,
            [this](const NodeRef& ref) { light(panel_->synced() && ref.position >= 0 ? ref.position : place().position); });
    connect(text_, &TableCanvas::pin_requested, this, [this](int, int column) {
        NodeRef ref;
        ref.position = column;
        workspace_.selection().toggle_pin(ref);
    });
    connect(text_, &TableCanvas::hovered, this, [this](int, int column) {
        if (!panel_->synced()) return light(column >= 0 ? column : own_.position);
        NodeRef ref;
        ref.position = column;
        workspace_.selection().set_hover(ref, text_);
    });
    connect(text_, &TableCanvas::chosen, this, [this](int, int column) {
        if (!panel_->synced()) return choose(&NodeRef::position, column);
        NodeRef ref;
        ref.position = column;
        workspace_.selection().select(ref, text_);
    });
}

void AttentionView::choose(int NodeRef::*field, int value) {
    if (!panel_->synced()) {
        own_.*field = value;
        return show_head();
    }
    NodeRef ref;
    ref.*field = value;
    workspace_.selection().select(ref, nullptr);
}

void AttentionView::show_pins() {
    std::vector<PinnedCell> cells;
    const SelectionModel::Pins& pins = workspace_.selection().pins();
    for (std::size_t slot = 0; slot < pins.size(); ++slot)
        if (pins[slot] && pins[slot]->position >= 0 && pins[slot]->position < text_->columns())
            cells.push_back({static_cast<int>(slot), {0, pins[slot]->position}});
    text_->set_pins(std::move(cells));
}

std::optional<Grid> AttentionView::slice(Side side) const {
    const NamedView* view = workspace_.attention(side).view(kinds[std::max(kind_->currentIndex(), 0)]);
    const Grid* grid = view ? std::get_if<Grid>(&view->view) : nullptr;
    const NodeRef at = place();
    return grid ? head_matrix(*grid, at.layer, at.head) : std::nullopt;
}

std::optional<Grid> AttentionView::wanted() const {
    std::optional<Grid> grid = slice(side_->currentIndex() == corrupt ? Side::corrupt : Side::clean);
    if (side_->currentIndex() != difference || !grid) return grid;
    const std::optional<Grid> other = slice(Side::corrupt);
    if (!other || other->size() != grid->size()) return {};
    for (std::size_t i = 0; i < grid->values.size(); ++i) grid->values[i] -= other->values[i];
    grid->diverging = true;
    return grid;
}

QString AttentionView::missing_reason() const {
    const ShownResult& result = workspace_.attention(side_->currentIndex() == corrupt ? Side::corrupt : Side::clean);
    const NodeRef at = place();
    if (!workspace_.model()) return workspace_.model_error().isEmpty() ? tr("Opening the model…") : workspace_.model_error();
    if (!result.error.isEmpty()) return result.error;
    if (at.layer < 0 || at.head < 0) return tr("Choose a layer and a head, here or in a map.");
    if (workspace_.too_long_for_attention(side_->currentIndex() == corrupt ? Side::corrupt : Side::clean))
        return tr("The prompt is too long to hold the patterns of all heads.");
    if (result.running()) return tr("Computing the attention patterns…");
    if (side_->currentIndex() == difference)
        return tr("The two prompts have different lengths, so their patterns have no difference cell by cell.");
    return tr("The prompt can't be read; see the message under the prompts.");
}

std::optional<NamedView> AttentionView::shown() const {
    const Grid* grid = panel_->map()->grid();
    if (!grid) return {};
    return NamedView{"attention", scene_options().title, *grid};
}

SceneOptions AttentionView::scene_options() const {
    const NodeRef at = place();
    SceneOptions options;
    options.title =
        tr("Attention L%1 H%2, %3, %4").arg(at.layer).arg(at.head).arg(side_->currentText(), kind_->currentText()).toStdString();
    return options;
}

QString AttentionView::describe(std::size_t flat) const {
    const Grid* grid = panel_->map()->grid();
    if (!grid || flat >= grid->size()) return {};
    const auto at = coordinates(*grid, flat);
    const auto token = [&](std::size_t axis) {
        return QString::number(at[axis]) + QLatin1Char(' ') + quoted_text(grid->axes[axis].labels[at[axis]]);
    };
    const double value = grid->values[flat];
    return tr("dest %1 ← src %2 · %3").arg(token(0), token(1), std::isnan(value) ? tr("no value") : number_text(value, 3));
}

void AttentionView::show_head() {
    const NodeRef at = place();
    const OpenModel* model = workspace_.model();
    for (auto [box, count, value] :
         {std::tuple(layer_, model ? model->facts().n_layers : 0, at.layer), {head_, model ? model->facts().n_heads : 0, at.head}}) {
        const QSignalBlocker quiet(box);
        box->setRange(0, std::max(count - 1, 0));
        box->setValue(std::max(value, 0));
        box->setEnabled(count > 0);
    }
    const std::optional<Grid> grid = wanted();
    NodeRef fixed;
    fixed.layer = at.layer, fixed.head = at.head;
    panel_->map()->set_message(missing_reason());
    panel_->set_grid(grid ? std::make_shared<const Grid>(*grid) : nullptr, scene_options(), fixed);
    text_->set_tokens(grid ? grid->axes[1].labels : std::vector<std::string>());
    show_pins();
    light(at.position);
}

void AttentionView::light(int destination) {
    const Grid* grid = panel_->map()->grid();
    std::vector<double> weights;
    if (grid && destination >= 0 && destination < static_cast<int>(grid->axes[0].size())) {
        const std::size_t n = grid->axes[1].size();
        for (std::size_t source = 0; source < n; ++source) {
            const double value = grid->values[static_cast<std::size_t>(destination) * n + source];
            const bool future = static_cast<int>(source) > destination;
            weights.push_back(future ? std::numeric_limits<double>::quiet_NaN() : std::abs(value));
        }
    }
    text_->set_weights(weights, weights.empty() ? -1 : destination);
}

}  // namespace microtome
