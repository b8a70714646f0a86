// Colour maps and norms: how a number becomes a colour, on screen and in files. Only perceptually ordered maps; rainbow is left out on
// purpose.
#pragma once

#include <QColor>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace microtome {

enum class Colormap { viridis, cividis, rd_bu_r, pr_gn, pu_or };
inline constexpr std::array all_colormaps{Colormap::viridis, Colormap::cividis, Colormap::rd_bu_r, Colormap::pr_gn, Colormap::pu_or};

using Stops = std::array<QRgb, 256>;
/// From the lowest value to the highest. A diverging map is resampled so that +v and −v are equally light, white-ish at the middle.
const Stops& stops_of(Colormap map);
bool is_diverging(Colormap map);
/// "viridis", "cividis", "RdBu_r", "PRGn", "PuOr".
const char* name_of(Colormap map);
/// An Error that lists the names if there is none such.
Colormap colormap_named(std::string_view name);

/// Okabe and Ito's eight colours (black becomes light grey on dark), each with a glyph so that colour is never alone.
QColor category_color(std::size_t i, bool dark = false);
QString category_glyph(std::size_t i);

/// CIELAB under D65.
struct Lab {
    double l = 0, a = 0, b = 0;
};
Lab to_lab(QRgb color);
QRgb to_rgb(const Lab& lab);
/// CIE 1976 colour difference.
double delta_e(QRgb a, QRgb b);
/// WCAG 2 contrast, 1 to 21.
double contrast(const QColor& a, const QColor& b);
/// Black or white, whichever contrasts more: at least 4.5:1 on any background.
QColor ink_on(const QColor& background);

struct Norm {
    /// automatic: symmetric for signed data, else linear. percentile: from the 1st to the 99th (symmetric if signed).
    enum class Kind { automatic, symmetric, linear, percentile, fixed };
    Kind kind = Kind::automatic;
    double low = 0, high = 1;  // used by `fixed` only
};

struct Range {
    double low = 0, high = 1;
};
/// The range of the finite computed values under a norm; never empty (a constant gets room around it). `mask` as in Grid.
Range range_of(std::span<const double> values, std::span<const std::uint8_t> mask, const Norm& norm, bool diverging);

/// A map over a range.
class ColorScale {
  public:
    ColorScale() : ColorScale(Colormap::viridis, {0, 1}) {}
    ColorScale(Colormap map, Range range) : map_(map), range_(range) {}

    Colormap map() const { return map_; }
    Range range() const { return range_; }
    /// 0 to 1 inside the range, clamped outside.
    double position(double value) const;
    /// NaN and infinities have nan_color().
    QRgb color(double value) const;

  private:
    Colormap map_;
    Range range_;
};

/// A cell that was computed and has no value. In none of the maps.
QRgb nan_color();

}  // namespace microtome
