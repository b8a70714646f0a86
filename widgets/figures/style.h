// How figures look: one set of colours and sizes for files (always light) and one for a dark screen. Sizes are multiples of the font.
#pragma once

#include <QColor>
#include <QFont>
#include <QPainter>
#include <QPen>
#include <cstddef>

namespace microtome {

struct FigureStyle {
    bool dark = false;
    bool print = false;               // a file rather than a screen
    bool vector = false;              // SVG and PDF: images are scaled up by nearest neighbour, cells reach under their neighbours
    bool outline_text = false;        // text as shapes, for programs without the font
    bool transparent = false;         // no background
    int font_px = 12;                 // height of the body text in painter units
    std::size_t vector_cells = 5000;  // larger maps are painted as images
    QColor background, ink, muted, line, accent;

    static FigureStyle light(int font_px = 12);
    static FigureStyle dark_screen(int font_px = 12);

    /// `n` times the body text's size.
    double em(double n = 1) const { return n * font_px; }
    /// DejaVu Sans where it is installed, else a common sans serif; unhinted, so that text is as wide in a file as on screen.
    QFont font(double size = 1, bool bold = false) const;
    QPen pen(const QColor& color, double width = 0.08) const;

    bool operator==(const FigureStyle&) const = default;
};

/// The families in order of preference, as CSS writes them.
QString figure_families();

}  // namespace microtome
