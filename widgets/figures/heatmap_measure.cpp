#include "widgets/figures/heatmap_measure.h"

#include <algorithm>
#include <cmath>

namespace microtome {
namespace {

/// Labels to skip so that those that stay are `needed` apart; numbers are kept at round steps.
std::size_t label_step(double needed, double pitch, bool counting) {
    auto least = static_cast<std::size_t>(std::clamp(std::ceil(needed / std::max(pitch, 1e-6) - 1e-9), 1.0, 1e9));
    if (!counting) return least;
    for (std::size_t decade = 1;; decade *= 10)
        for (std::size_t f : {1, 2, 5})
            if (decade * f >= least) return decade * f;
}

}  // namespace

HeatmapMeasure::HeatmapMeasure(const HeatmapContent& content, const QRectF& rectangle, const FigureStyle& figure_style, QSizeF largest,
                               std::size_t panel_columns)
    : c(content),
      s(*content.slices),
      style(figure_style),
      rect(rectangle),
      tick_font(style.font(0.9)),
      title_font(style.font(1.1, true)),
      small_font(style.font(0.8)),
      margin(style.em(0.8)),
      line(text_height(tick_font)),
      small(rect.width() < style.em(16) || rect.height() < style.em(9)),
      largest_(largest),
      fixed_columns_(panel_columns) {
    cols_ = read(s.col_labels(), c.window.col, c.window.cols);
    rows_ = read(s.row_labels(), c.window.row, c.window.rows);
    // Heights depend on widths (wrapping, turned labels) and the other way round; a few rounds settle it.
    for (int round = 0; round < 3; ++round) {
        wrap_text();
        choose_arrangement();
        plan_labels(false);
        plan_ticks();
    }
    choose_arrangement();
    plan_labels(true);
    plan_panel_titles();
}

HeatmapMeasure::Labels HeatmapMeasure::read(const std::vector<std::string>& labels, std::size_t first, std::size_t count) const {
    Labels list;
    list.counting = is_counting(labels);
    QFontMetricsF metrics(tick_font);
    for (std::size_t i = first; i < std::min(first + count, labels.size()); ++i) {
        list.tokens << visible_token(labels[i]);
        list.numbers << (list.counting ? list.tokens.back() : QString::number(i));
        list.widest_token = std::max(list.widest_token, metrics.horizontalAdvance(list.tokens.back()));
    }
    if (!list.numbers.isEmpty()) list.widest_number = metrics.horizontalAdvance(list.numbers.back());
    if (list.counting) list.widest_number = list.widest_token;
    return list;
}

void HeatmapMeasure::wrap_text() {
    double most = rect.width() - 2 * margin;
    double content = cell_w > 0 ? left() + body_width() + bar_block() : most;
    text_room = std::min(most, std::max(content, style.em(14)));
    title = wrapped(c.title, title_font, text_room, 2);
    caption = small ? QStringList() : wrapped(c.caption, small_font, text_room, 4);
    key_rows = c.keys.empty() || small ? 0 : 1;
    double x = 0;
    for (const HeatmapContent::Key& key : c.keys) {
        if (key_rows && x > 0 && x + key_width(key) > text_room) ++key_rows, x = 0;
        x += key_width(key);
    }
}

void HeatmapMeasure::choose_arrangement() {
    std::size_t best = fixed_columns_ ? fixed_columns_ : s.panel_columns();
    double most = -1;  // shorter side of a cell
    for (std::size_t n = 1; !fixed_columns_ && !s.panel_columns() && n <= s.panels(); ++n) {
        arrange(n);
        if (std::min(cell_w, cell_h) > most * 1.001) most = std::min(cell_w, cell_h), best = n;
    }
    arrange(best);
}

void HeatmapMeasure::arrange(std::size_t panel_columns) {
    columns = panel_columns;
    rows = (s.panels() + columns - 1) / columns;
    gap = columns == 1 && rows == 1 ? 0 : style.em(columns > 4 || rows > 4 ? 0.6 : 1.2);
    double across = static_cast<double>(columns), down = static_cast<double>(rows);
    double width = (rect.width() - 2 * margin - left() - bar_block() - (across - 1) * gap) / across;
    double height = (rect.height() - 2 * margin - header() - footer() - bottom() - (down - 1) * gap - down * panel_head()) / down;
    cell_w = std::clamp(width / static_cast<double>(c.window.cols), 0.0, largest_.width());
    cell_h = std::clamp(height / static_cast<double>(c.window.rows), 0.0, largest_.height());
    if (s.square()) cell_w = cell_h = std::min(cell_w, cell_h);
}

void HeatmapMeasure::plan_labels(bool keep_extents) {
    LabelPlan cols = col_plan, row = row_plan;
    // Thumbnails are too small for token labels; the axis titles still say what they show.
    thumbnails_ = thumbnails_ || (s.panels() > 1 && (panel_width() < style.em(5) || panel_height() < style.em(2)));
    col_plan = row_plan = {};
    if (small || thumbnails_) return;
    col_plan.numbers = cols.numbers || cols_.counting || label_step(line, cell_w, false) > 3;
    double apart = (col_plan.numbers ? cols_.widest_number : cols_.widest_token) + style.em(0.5);
    col_plan.upwards = !col_plan.numbers && (cols.upwards || apart > cell_w);
    col_plan.extent = col_plan.upwards ? std::min(cols_.widest_token,
                                                  style.print ? style.em(9) : std::clamp(0.3 * rect.height(), style.em(4), style.em(9)))
                                       : line;
    row_plan.numbers = row.numbers || rows_.counting || label_step(line * 0.98, cell_h, false) > 3;
    row_plan.extent =
        std::min(row_plan.numbers ? rows_.widest_number : rows_.widest_token, std::clamp(0.25 * rect.width(), style.em(4), style.em(12)));
    if (keep_extents) col_plan.extent = std::min(col_plan.extent, cols.extent), row_plan.extent = std::min(row_plan.extent, row.extent);
    col_plan.every = label_step(col_plan.upwards ? line : apart, cell_w, col_plan.numbers);
    row_plan.every = s.row_name().empty() ? 0 : label_step(line * 0.98, cell_h, row_plan.numbers);
    col_text = col_plan.numbers ? cols_.numbers : cols_.tokens;
    row_text = row_plan.numbers ? rows_.numbers : rows_.tokens;
}

void HeatmapMeasure::plan_panel_titles() {
    panel_font = tick_font;
    double room = panel_width() + gap - style.em(0.3);
    auto widest = [this](bool brief) {
        double most = 0;
        for (std::size_t p = 0; s.panels() > 1 && p < s.panels(); ++p)
            most = std::max(most, text_width(s.panel_title(p, brief), panel_font));
        return most;
    };
    brief_panels = widest(false) > room;
    if (brief_panels && widest(true) > room) panel_font = style.font(0.7);
}

void HeatmapMeasure::plan_ticks() {
    ticks = round_ticks(c.scale.range().low, c.scale.range().high, static_cast<int>(std::clamp(bar_height() / style.em(2), 2.0, 9.0)));
    tick_width = 0;
    for (double v : ticks.values) tick_width = std::max(tick_width, text_width(ticks.format(v), tick_font));
}

double HeatmapMeasure::header() const {
    return title.isEmpty() ? 0 : static_cast<double>(title.size()) * text_height(title_font) + style.em(0.7);
}

double HeatmapMeasure::footer() const {
    double keys = key_rows ? static_cast<double>(key_rows) * (line + style.em(0.2)) + style.em(0.4) : 0;
    return keys + (caption.isEmpty() ? 0 : static_cast<double>(caption.size()) * text_height(small_font) + style.em(0.5));
}

double HeatmapMeasure::left() const {
    return (s.row_name().empty() ? 0 : title_strip()) + (row_plan.every ? row_plan.extent + style.em(0.5) : 0);
}

double HeatmapMeasure::bottom() const {
    return title_strip() + (col_plan.every ? col_plan.extent + style.em(0.5) : 0);
}

double HeatmapMeasure::bar_height() const {
    double room = rect.height() - 2 * margin - header() - footer() - panel_head();
    return std::min(std::clamp(body_height() - panel_head(), style.em(6), style.em(26)), std::max(room, 0.0));
}

double HeatmapMeasure::bar_block() const {
    return style.em(1 + 0.9 + 0.6) + tick_width + (c.unit.isEmpty() ? 0 : title_strip());
}

}  // namespace microtome
