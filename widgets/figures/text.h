// Text of figures: placed in boxes that it never leaves, tokens with visible spaces, numbers with a true minus sign, round ticks.
#pragma once

#include <QFont>
#include <QPainter>
#include <QRectF>
#include <QStringList>
#include <string_view>
#include <vector>

#include "widgets/figures/style.h"

namespace microtome {

/// One line of text inside a box of the scene. `upwards`: turned by 90°, reading from the bottom to the top.
struct PlacedText {
    QString text;
    QFont font;
    QColor color;
    QRectF box;
    Qt::Alignment align = Qt::AlignCenter;
    bool upwards = false;
};

double text_width(const QString& text, const QFont& font);
double text_height(const QFont& font);
/// The size that `text` needs, turned or not.
QSizeF text_size(const PlacedText& text);
/// Where the text itself stands inside its box.
QRectF text_rect(const PlacedText& text);
void draw(QPainter& painter, const PlacedText& text, const FigureStyle& style);

/// Ends in "…" if it does not fit.
QString elided(const QString& text, const QFont& font, double width);
/// Lines broken at spaces, at most `most`; the last one is elided.
QStringList wrapped(const QString& text, const QFont& font, double width, int most);

/// A token as a label: spaces at its ends "·", newline "↵", tab "⇥", other control characters escaped, an empty token "∅".
QString visible_token(std::string_view token);
/// The title of an axis: "Destination (query)", "Source (key)", else the name with a capital.
QString axis_title(std::string_view name);
/// True for labels that all read as integers.
bool is_counting(const std::vector<std::string>& labels);

/// How the numbers of one figure are written: the same decimals for all, or a power of ten.
struct NumberFormat {
    int decimals = 2;
    bool scientific = false;

    /// Enough digits to tell `step` apart; scientific where plain digits would be long.
    static NumberFormat for_step(double step, double largest);
    /// About two significant digits at `largest`, for text inside cells.
    static NumberFormat for_cells(double largest);
    QString operator()(double value) const;
};

/// A number on its own, `digits` significant ones.
QString number_text(double value, int digits = 4);

/// Round values (1, 2, 2.5 or 5 times a power of ten) within [low, high]: as many as fit into `most`, at least two.
struct Ticks {
    std::vector<double> values;
    NumberFormat format;
};
Ticks round_ticks(double low, double high, int most);

}  // namespace microtome
