// The sizes that a heat map's layout settles on before anything is placed (private to heatmap_layout).
#pragma once

#include "widgets/figures/heatmap_layout.h"

namespace microtome {

/// Tick labels along one axis: every `every`-th one (0: none), taking `extent` across the axis.
struct LabelPlan {
    std::size_t every = 0;
    bool upwards = false, numbers = false;
    double extent = 0;
};

class HeatmapMeasure {
  public:
    HeatmapMeasure(const HeatmapContent& content, const QRectF& rect, const FigureStyle& style, QSizeF largest, std::size_t columns);

    double panel_width() const { return cell_w * static_cast<double>(c.window.cols); }
    double panel_height() const { return cell_h * static_cast<double>(c.window.rows); }
    double body_width() const { return columns ? static_cast<double>(columns) * (panel_width() + gap) - gap : 0; }
    double body_height() const { return rows ? static_cast<double>(rows) * (panel_height() + gap + panel_head()) - gap : 0; }
    double panel_head() const { return s.panels() > 1 ? line + style.em(0.2) : 0; }
    double header() const;
    double footer() const;
    double left() const;
    double bottom() const;
    double title_strip() const { return small ? 0 : text_height(style.font()) + style.em(0.3); }
    double bar_height() const;
    double bar_block() const;
    double key_width(const HeatmapContent::Key& key) const { return style.em(1.4) + text_width(key.text, small_font) + style.em(1.2); }

    const HeatmapContent& c;
    const GridSlices& s;
    const FigureStyle& style;
    QRectF rect;
    QFont tick_font, title_font, small_font;
    double margin, line, gap = 0, tick_width = 0, text_room = 0, cell_w = 0, cell_h = 0;
    std::size_t columns = 0, rows = 0, key_rows = 0;
    bool small;  // too small for axis titles, tick labels and a caption
    QStringList title, caption, col_text, row_text;
    bool brief_panels = false;  // panel titles: "L0 H3" instead of "layer 0, head 3"
    QFont panel_font;
    LabelPlan col_plan, row_plan;
    Ticks ticks;

  private:
    /// The labels of one axis that are in the window. Where tokens would be skipped, their numbers stand instead: every tenth token says
    /// nothing.
    struct Labels {
        QStringList tokens, numbers;
        double widest_token = 0, widest_number = 0;
        bool counting = false;
    };
    Labels read(const std::vector<std::string>& labels, std::size_t first, std::size_t count) const;
    void wrap_text();
    void choose_arrangement();
    void arrange(std::size_t panel_columns);
    void plan_labels(bool keep_extents);
    void plan_ticks();
    void plan_panel_titles();

    QSizeF largest_;
    std::size_t fixed_columns_;
    Labels cols_, rows_;
    bool thumbnails_ = false;
};

}  // namespace microtome
