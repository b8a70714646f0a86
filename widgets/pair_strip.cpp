#include "widgets/pair_strip.h"

#include <QEvent>
#include <QPainter>
#include <algorithm>

#include "widgets/figures/colormap.h"
#include "widgets/figures/text.h"
#include "widgets/token_text.h"

namespace microtome {
namespace {

// Where a column's tokens are: "7", or "8/7" and "8/–" where the prompts are not in step.
QString number_of(const AlignedColumn& column) {
    auto text = [](int position) { return position >= 0 ? QString::number(position) : QStringLiteral("–"); };
    return column.corrupt == column.clean ? text(column.clean) : text(column.clean) + QStringLiteral("/") + text(column.corrupt);
}

}  // namespace

PairStrip::PairStrip(QWidget* parent) : TableCanvas(parent) {
    setAccessibleName(tr("Tokens of the clean and the corrupted prompt"));
    QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Minimum);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
}

void PairStrip::set_state(const PromptState& state) {
    const CellIndex kept = current_cell();
    state_ = state;
    if (state_.alignment.columns.empty()) {  // one prompt is empty: show the other alone
        for (std::size_t i = 0; i < state_.clean.size(); ++i)
            state_.alignment.columns.push_back({static_cast<int>(i), -1, Match::only_clean});
        for (std::size_t i = 0; i < state_.corrupt.size(); ++i)
            state_.alignment.columns.push_back({-1, static_cast<int>(i), Match::only_corrupt});
    }
    reset_cells();
    if (kept.column < columns()) show_current(kept);
    place();
    updateGeometry();
}

int PairStrip::position(CellIndex cell) const {
    if (!cell.valid() || cell.column >= columns()) return -1;
    const AlignedColumn& column = state_.alignment.columns[static_cast<std::size_t>(cell.column)];
    return cell.row == 0 ? column.clean : column.corrupt;
}

void PairStrip::show_position(int position) {
    for (int row : {std::max(current_cell().row, 0), 0, 1})
        for (int column = 0; column < columns(); ++column)
            if (position >= 0 && this->position({row, column}) == position) return show_current({row, column});
    show_current({});
}

const Token* PairStrip::token(CellIndex cell) const {
    const int at = position(cell);
    if (at < 0) return nullptr;
    return &(cell.row == 0 ? state_.clean : state_.corrupt)[static_cast<std::size_t>(at)];
}

QString PairStrip::cell_text(CellIndex cell) const {
    const Token* piece = token(cell);
    if (!piece) return tr("gap");
    static const char* const matches[] = {"same in both prompts", "substituted", "only in the clean prompt",
                                          "only in the corrupted prompt"};
    const Match match = state_.alignment.columns[static_cast<std::size_t>(cell.column)].match;
    return tr("%1, id %2, position %3, %4")
        .arg(quoted_text(piece->text))
        .arg(piece->id)
        .arg(position(cell))
        .arg(tr(matches[static_cast<int>(match)]));
}

QString PairStrip::row_title(int row) const {
    return row == 0 ? tr("Clean") : tr("Corrupted");
}

QString PairStrip::column_title(int column) const {
    return QString::number(column);
}

QFont PairStrip::id_font() const {
    QFont small = font();
    small.setPointSizeF(std::max(6.0, font().pointSizeF() * 0.76));
    return small;
}

PairStrip::Sizes PairStrip::sizes() const {
    Sizes s;
    const double em = fontMetrics().height();
    s.text = em;
    s.id = QFontMetricsF(id_font()).height();
    s.pad = em * 0.3;
    s.chip = s.text + s.id + s.pad;
    s.strip = em * 0.36;
    s.gap = em * 0.18;
    s.head = s.id + 1;
    s.line = s.head + 2 * s.chip + s.strip + 2 * s.gap + em * 0.5;
    s.label = fontMetrics().horizontalAdvance(tr("Corrupted")) + em * 0.7;
    return s;
}

std::vector<PairStrip::Placed> PairStrip::placed(int width) const {
    const Sizes s = sizes();
    const QFontMetricsF text(font()), small(id_font());
    std::vector<Placed> out;
    double x = s.label, y = 0;
    for (int column = 0; column < columns(); ++column) {
        double w =
            std::max(text.height() * 1.3, small.horizontalAdvance(number_of(state_.alignment.columns[static_cast<std::size_t>(column)])));
        for (int row : {0, 1})
            if (const Token* piece = token({row, column}))
                w = std::max({w, text.horizontalAdvance(visible_token(piece->text)) + 2 * s.pad,
                              small.horizontalAdvance(QString::number(piece->id)) + 2 * s.pad});
        if (x + w > width && x > s.label) x = s.label, y += s.line;
        out.push_back({x, y, w});
        x += w + s.gap;
    }
    return out;
}

void PairStrip::place() {
    placed_ = placed(width());
    update();
}

int PairStrip::heightForWidth(int width) const {
    const auto at = placed(width);
    return static_cast<int>((at.empty() ? 0 : at.back().y) + sizes().line + 1);
}

QSize PairStrip::sizeHint() const {
    const int width = std::max(this->width(), fontMetrics().height() * 30);
    return {width, heightForWidth(width)};
}

QSize PairStrip::minimumSizeHint() const {
    return {static_cast<int>(sizes().label) + fontMetrics().height() * 6, static_cast<int>(sizes().line)};
}

QRectF PairStrip::cell_rect(CellIndex cell) const {
    if (!cell.valid() || cell.column >= static_cast<int>(placed_.size())) return {};
    const Sizes s = sizes();
    const Placed& at = placed_[static_cast<std::size_t>(cell.column)];
    return {at.x, at.y + s.head + (cell.row == 0 ? 0 : s.chip + s.strip + 2 * s.gap), at.width, s.chip};
}

CellIndex PairStrip::cell_at(QPointF point) const {
    for (int column = 0; column < columns(); ++column)
        for (int row : {0, 1})
            if (cell_rect({row, column}).contains(point) && token({row, column})) return {row, column};
    return {};
}

void PairStrip::paint_chip(QPainter& painter, CellIndex cell, const Theme& theme, const Sizes& s) const {
    const Token* piece = token(cell);
    const QRectF box = cell_rect(cell);
    if (!piece) {
        painter.setPen(QPen(theme.mismatch, 1, Qt::DashLine));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3);
        return;
    }
    const Match match = state_.alignment.columns[static_cast<std::size_t>(cell.column)].match;
    const QColor mark = match == Match::same ? theme.same : match == Match::substituted ? theme.substituted : theme.mismatch;
    const bool current = position(current_cell()) >= 0 && position(current_cell()) == position(cell);
    const QColor fill = blend(theme.base, mark, match == Match::same ? 0.12 : 0.3);
    painter.setPen(current ? QPen(theme.accent, 2) : QPen(cell == hover_cell() ? theme.text : blend(theme.base, mark, 0.6), 1));
    painter.setBrush(fill);
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3);
    const QRectF text_box(box.x(), box.y() + s.pad * 0.4, box.width(), s.text);
    painter.setPen(theme.text);
    painter.setFont(font());
    painter.drawText(text_box, Qt::AlignCenter, visible_token(piece->text));
    painter.setPen(theme.dim);
    painter.setFont(id_font());
    painter.drawText(QRectF(box.x(), text_box.bottom(), box.width(), s.id), Qt::AlignCenter, QString::number(piece->id));
}

void PairStrip::paint_column(QPainter& painter, int column, const Theme& theme, const Sizes& s) const {
    const AlignedColumn& aligned = state_.alignment.columns[static_cast<std::size_t>(column)];
    const QRectF top = cell_rect({0, column});
    painter.setFont(id_font());
    painter.setPen(theme.dim);
    painter.drawText(QRectF(top.x() - s.pad, top.y() - s.head, top.width() + 2 * s.pad, s.head), Qt::AlignCenter, number_of(aligned));
    paint_chip(painter, {0, column}, theme, s);
    paint_chip(painter, {1, column}, theme, s);
    const QColor mark = aligned.match == Match::same          ? theme.same
                        : aligned.match == Match::substituted ? theme.substituted
                                                              : theme.mismatch;
    QRect strip = QRectF(top.x(), top.bottom() + s.gap, top.width(), s.strip).toRect();
    if (aligned.match == Match::same)
        strip = QRect(strip.x(), strip.center().y(), strip.width(), 2);  // a change is seen without its colour, too
    painter.fillRect(
        strip, aligned.match == Match::only_clean || aligned.match == Match::only_corrupt ? QBrush(mark, Qt::BDiagPattern) : QBrush(mark));
}

void PairStrip::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const Theme theme = Theme::of(palette());
    const Sizes s = sizes();
    for (int column = 0; column < columns(); ++column) paint_column(painter, column, theme, s);
    paint_pins(painter, false);
    painter.setFont(font());
    painter.setPen(theme.dim);
    for (int row = 0; row < rows(); ++row)
        painter.drawText(QRectF(0, cell_rect({row, 0}).y(), s.label, s.chip), Qt::AlignVCenter | Qt::AlignLeft, row_title(row));
    if (hasFocus() && !current_cell().valid() && rows() > 0) {
        painter.setPen(QPen(theme.accent, 1, Qt::DotLine));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5));
    }
}

void PairStrip::resizeEvent(QResizeEvent*) {
    place();
}

void PairStrip::changeEvent(QEvent* event) {
    TableCanvas::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) {
        place();
        updateGeometry();
    }
}

}  // namespace microtome
