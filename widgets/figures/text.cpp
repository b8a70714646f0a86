#include "widgets/figures/text.h"

#include <QFontMetricsF>
#include <QPainterPath>
#include <QRegularExpression>
#include <algorithm>

#include "widgets/figures/svg_device.h"

namespace microtome {
namespace {

/// Draws in a strip `room` long from `origin`; SVG gets the anchor, the others the left end of the text.
void draw_line(QPainter& painter, double along, double room, double baseline, const PlacedText& text, const FigureStyle& style,
               QPointF origin) {
    SvgEngine* svg = SvgEngine::of(painter);
    if (style.outline_text) {
        QPainterPath path;
        path.addText(origin + QPointF(along, baseline), text.font, text.text);
        painter.setRenderHint(QPainter::Antialiasing, true);
        painter.fillPath(path, text.color);
    } else if (svg) {
        bool left = text.align & Qt::AlignLeft, right = text.align & Qt::AlignRight;
        svg->text(origin + QPointF(left    ? 0
                                   : right ? room
                                           : room / 2,
                                   baseline),
                  left    ? "start"
                  : right ? "end"
                          : "middle",
                  text.text, text.font, text.color);
    } else {
        painter.setFont(text.font);
        painter.setPen(text.color);
        painter.drawText(origin + QPointF(along, baseline), text.text);
    }
}

/// Left end of the text along its own direction, in a box `room` long.
double along(const PlacedText& text, double room) {
    double width = text_width(text.text, text.font);
    if (text.align & Qt::AlignLeft) return 0;
    return text.align & Qt::AlignRight ? room - width : (room - width) / 2;
}

QString visible_character(QChar c) {
    if (c == '\n') return QStringLiteral("↵");
    if (c == '\t') return QStringLiteral("⇥");
    if (c == '\r') return QStringLiteral("␍");
    if (c.category() != QChar::Other_Control) return c;
    return QStringLiteral("\\x%1").arg(static_cast<int>(c.unicode()), 2, 16, QLatin1Char('0'));
}

}  // namespace

double text_width(const QString& text, const QFont& font) {
    return QFontMetricsF(font).horizontalAdvance(text);
}
double text_height(const QFont& font) {
    return QFontMetricsF(font).ascent() + QFontMetricsF(font).descent();
}

QSizeF text_size(const PlacedText& text) {
    QSizeF size(text_width(text.text, text.font), text_height(text.font));
    return text.upwards ? size.transposed() : size;
}

QRectF text_rect(const PlacedText& text) {
    QSizeF size = text_size(text);
    double spare = text.box.height() - size.height();
    if (text.upwards) {
        double start = along(text, text.box.height());
        return {text.box.left() + (text.box.width() - size.width()) / 2, text.box.bottom() - start - size.height(), size.width(),
                size.height()};
    }
    double top = text.align & Qt::AlignTop ? 0 : text.align & Qt::AlignBottom ? spare : spare / 2;
    return {text.box.left() + along(text, text.box.width()), text.box.top() + top, size.width(), size.height()};
}

void draw(QPainter& painter, const PlacedText& text, const FigureStyle& style) {
    if (text.text.isEmpty()) return;
    QFontMetricsF metrics(text.font);
    double height = metrics.ascent() + metrics.descent();
    if (!text.upwards) {
        double top = text_rect(text).top() - text.box.top();
        draw_line(painter, along(text, text.box.width()), text.box.width(), top + metrics.ascent(), text, style, text.box.topLeft());
        return;
    }
    painter.save();
    painter.translate(text.box.left(), text.box.bottom());
    painter.rotate(-90);
    draw_line(painter, along(text, text.box.height()), text.box.height(), (text.box.width() - height) / 2 + metrics.ascent(), text, style,
              {});
    painter.restore();
}

QString elided(const QString& text, const QFont& font, double width) {
    if (text_width(text, font) <= width) return text;
    for (qsizetype n = text.size() - 1; n > 0; --n) {
        if (text.at(n - 1).isHighSurrogate()) continue;
        QString shorter = text.left(n) + QStringLiteral("…");
        if (text_width(shorter, font) <= width) return shorter;
    }
    return text_width(QStringLiteral("…"), font) <= width ? QStringLiteral("…") : QString();
}

QStringList wrapped(const QString& text, const QFont& font, double width, int most) {
    QStringList lines;
    QString line;
    const QStringList words = text.split(QRegularExpression(QStringLiteral("\\s+")), Qt::SkipEmptyParts);
    for (qsizetype i = 0; i < words.size(); ++i) {
        QString longer = line.isEmpty() ? words[i] : line + ' ' + words[i];
        if (line.isEmpty() || text_width(longer, font) <= width) {
            line = longer;
        } else if (lines.size() + 1 == most) {
            line = (QStringList(line) + words.mid(i)).join(' ');
            break;
        } else {
            lines << elided(line, font, width);
            line = words[i];
        }
    }
    if (!line.isEmpty()) lines << elided(line, font, width);
    return lines;
}

QString visible_token(std::string_view token) {
    if (token.empty()) return QStringLiteral("∅");
    QString text = QString::fromUtf8(token.data(), static_cast<qsizetype>(token.size()));
    qsizetype first = 0, last = text.size();
    while (first < last && text[first] == ' ') ++first;
    while (last > first && text[last - 1] == ' ') --last;
    QString shown(first, QChar(0xb7));
    for (qsizetype i = first; i < last; ++i) shown += visible_character(text[i]);
    return shown + QString(text.size() - last, QChar(0xb7));
}

QString axis_title(std::string_view name) {
    if (name == "dest" || name == "destination" || name == "query") return QStringLiteral("Destination (query)");
    if (name == "src" || name == "source" || name == "key") return QStringLiteral("Source (key)");
    QString text = QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size())).replace('_', ' ');
    return text.isEmpty() ? text : text.left(1).toUpper() + text.mid(1);
}

bool is_counting(const std::vector<std::string>& labels) {
    return std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
        return !label.empty() && std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
    });
}

}  // namespace microtome
