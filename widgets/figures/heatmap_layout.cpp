#include "widgets/figures/heatmap_layout.h"

#include <algorithm>
#include <cmath>

#include "widgets/figures/heatmap_measure.h"

namespace microtome {
namespace {

class Placer {
  public:
    explicit Placer(const HeatmapMeasure& measure) : m_(measure), style_(measure.style) {
        double width = std::max(m_.left() + m_.body_width() + m_.bar_block(), m_.title.isEmpty() && m_.caption.isEmpty() ? 0 : used_text());
        origin_ = m_.rect.topLeft() + QPointF(std::max(m_.margin, (m_.rect.width() - width) / 2), m_.margin);
        body_ = QRectF(origin_.x() + m_.left(), origin_.y() + m_.header(), m_.body_width(), m_.body_height());
        foot_ = body_.top() + std::max(body_.height() + m_.bottom(), m_.panel_head() + m_.bar_height() + style_.em(0.5));
        out_.content = QRectF(origin_.x(), origin_.y(), width, foot_ + m_.footer() - origin_.y());
        out_.cell_w = m_.cell_w, out_.cell_h = m_.cell_h;
    }

    HeatmapLayout run() {
        place_panels();
        place_title();
        place_bar();
        for (std::size_t p = 0; p < out_.panels.size(); ++p) {
            if (m_.col_plan.every && p + m_.columns >= out_.panels.size()) place_columns(out_.panels[p]);
            if (m_.row_plan.every && p % m_.columns == 0) place_rows(out_.panels[p]);
        }
        if (!m_.small) place_axis_titles();
        place_keys();
        place_caption();
        return std::move(out_);
    }

  private:
    void add(const QString& text, const QFont& font, const QColor& color, const QRectF& box, Qt::Alignment align = Qt::AlignCenter,
             bool up = false) {
        if (!text.isEmpty()) out_.texts.push_back({text, font, color, box, align, up});
    }

    double used_text() const {
        double widest = 0;
        for (const QString& line : m_.title) widest = std::max(widest, text_width(line, m_.title_font));
        for (const QString& line : m_.caption) widest = std::max(widest, text_width(line, m_.small_font));
        return widest;
    }

    void place_panels() {
        for (std::size_t p = 0; p < m_.s.panels(); ++p) {
            double x = body_.left() + static_cast<double>(p % m_.columns) * (m_.panel_width() + m_.gap);
            double y = body_.top() + static_cast<double>(p / m_.columns) * (m_.panel_height() + m_.gap + m_.panel_head()) + m_.panel_head();
            out_.panels.emplace_back(x, y, m_.panel_width(), m_.panel_height());
            if (m_.s.panels() > 1) place_panel_title(p, out_.panels.back());
        }
    }

    void place_panel_title(std::size_t p, const QRectF& body) {
        const QFont& font = m_.panel_font;
        QString text = elided(m_.s.panel_title(p, m_.brief_panels), font, body.width() + m_.gap - style_.em(0.3));
        double width = std::max(text_width(text, font), body.width());
        add(text, font, style_.ink, {body.center().x() - width / 2, body.top() - m_.panel_head(), width, m_.line});
    }

    void place_title() {
        double y = origin_.y(), height = text_height(m_.title_font);
        for (const QString& line : m_.title) {
            add(line, m_.title_font, style_.ink, {origin_.x(), y, text_width(line, m_.title_font) + 1, height}, Qt::AlignLeft);
            y += height;
        }
    }

    void place_bar() {
        double top = body_.top() + m_.panel_head(), height = m_.bar_height();
        if (body_.height() - m_.panel_head() > height) top += (body_.height() - m_.panel_head() - height) / 2;
        double end = style_.em(0.7);
        out_.bar = QRectF(body_.right() + style_.em(1), top, style_.em(0.9), height);
        out_.bar.adjust(0, m_.c.above ? end : 0, 0, m_.c.below ? -end : 0);
        double x = out_.bar.right(), last = INFINITY;
        for (double v : m_.ticks.values) {
            double y = out_.bar.bottom() - m_.c.scale.position(v) * out_.bar.height();
            out_.ticks.emplace_back(x, y, x + style_.em(0.25), y);
            if (last - y < m_.line) continue;
            last = y;
            add(m_.ticks.format(v), m_.tick_font, style_.ink, {x + style_.em(0.4), y - m_.line / 2, m_.tick_width + 0.5, m_.line},
                Qt::AlignRight);
        }
        QFont font = style_.font();
        double strip = text_height(font), room = foot_ - top;
        QString unit = elided(m_.c.unit, font, room);
        double length = std::min(room, std::max(text_width(unit, font), height));
        add(unit, font, style_.ink, {x + style_.em(0.6) + m_.tick_width + style_.em(0.15), top, strip, length}, Qt::AlignCenter, true);
    }

    void place_columns(const QRectF& body) {
        double last = -INFINITY;
        for (qsizetype i = 0; i < m_.col_text.size(); ++i) {
            if ((m_.c.window.col + static_cast<std::size_t>(i)) % m_.col_plan.every) continue;
            double x = body.left() + (static_cast<double>(i) + 0.5) * m_.cell_w, y = body.bottom();
            QString text = m_.col_plan.upwards ? elided(m_.col_text[i], m_.tick_font, m_.col_plan.extent) : m_.col_text[i];
            double width = m_.col_plan.upwards ? m_.line : text_width(text, m_.tick_font) + 0.5;
            QRectF box(x - width / 2, y + style_.em(0.4), width, m_.col_plan.extent + 0.5);
            if (box.left() < last || box.right() > m_.rect.right()) continue;
            last = box.right();
            out_.ticks.emplace_back(x, y, x, y + style_.em(0.25));
            add(text, m_.tick_font, style_.ink, box, m_.col_plan.upwards ? Qt::AlignRight : Qt::AlignCenter, m_.col_plan.upwards);
        }
    }

    void place_rows(const QRectF& body) {
        double width = m_.row_plan.extent + 0.5;
        for (qsizetype i = 0; i < m_.row_text.size(); ++i) {
            if ((m_.c.window.row + static_cast<std::size_t>(i)) % m_.row_plan.every) continue;
            double x = body.left(), y = body.top() + (static_cast<double>(i) + 0.5) * m_.cell_h;
            out_.ticks.emplace_back(x - style_.em(0.25), y, x, y);
            QRectF box(x - style_.em(0.4) - width, y - m_.line / 2, width, m_.line);
            add(elided(m_.row_text[i], m_.tick_font, m_.row_plan.extent), m_.tick_font, style_.ink, box, Qt::AlignRight | Qt::AlignVCenter);
        }
    }

    void place_axis_titles() {
        QFont font = style_.font();
        double strip = text_height(font);
        QString cols = axis_title(m_.s.col_name()), rows = axis_title(m_.s.row_name());
        double y = body_.bottom() + m_.bottom() - strip;
        double room = out_.bar.left() - origin_.x() - style_.em(0.5), width = std::min(text_width(cols, font) + 0.5, room);
        double x = std::clamp(body_.center().x() - width / 2, origin_.x(), origin_.x() + room - width);
        add(elided(cols, font, width), font, style_.ink, {x, y, width, strip});
        room = y - body_.top();
        double height = std::min(text_width(rows, font) + 0.5, room);
        double top = std::clamp((out_.panels.front().top() + body_.bottom() - height) / 2, body_.top(), body_.top() + room - height);
        add(elided(rows, font, height), font, style_.ink, {origin_.x(), top, strip, height}, Qt::AlignCenter, true);
    }

    void place_keys() {
        if (m_.key_rows == 0) return;
        double x = origin_.x(), y = foot_ + style_.em(0.4), height = m_.line;
        for (const HeatmapContent::Key& key : m_.c.keys) {
            if (x > origin_.x() && x + m_.key_width(key) > origin_.x() + m_.text_room) x = origin_.x(), y += height + style_.em(0.2);
            out_.keys.push_back({key.kind, {x, y + (height - style_.em(0.9)) / 2, style_.em(0.9), style_.em(0.9)}});
            double room = std::min(text_width(key.text, m_.small_font) + 0.5, m_.text_room - style_.em(1.4));
            add(elided(key.text, m_.small_font, room), m_.small_font, style_.ink, {x + style_.em(1.4), y, room, height}, Qt::AlignLeft);
            x += m_.key_width(key);
        }
    }

    void place_caption() {
        double height = text_height(m_.small_font), y = foot_ + m_.footer() - static_cast<double>(m_.caption.size()) * height;
        for (const QString& line : m_.caption) {
            add(line, m_.small_font, style_.muted, {origin_.x(), y, text_width(line, m_.small_font) + 1, height}, Qt::AlignLeft);
            y += height;
        }
    }

    const HeatmapMeasure& m_;
    const FigureStyle& style_;
    QPointF origin_;
    QRectF body_;  // all panels with their heads
    double foot_ = 0;
    HeatmapLayout out_;
};

}  // namespace

HeatmapLayout lay_out(const HeatmapContent& content, const QRectF& rect, const FigureStyle& style, QSizeF largest, std::size_t columns) {
    HeatmapMeasure measure(content, rect, style, largest, columns);
    return Placer(measure).run();
}

}  // namespace microtome
