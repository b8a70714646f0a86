// The 256 stops of each map, interpolated in CIELAB between published control points.
// Sources: viridis by van der Walt and Smith (every 15th stop), cividis by Nuñez, Anderton and Renslow 2018 (d3's polynomial fit at the
// same places), RdBu, PRGn, PuOr by Brewer (11 classes), categories by Okabe and Ito 2008.
#include <QString>
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "widgets/figures/colormap.h"

namespace microtome {
namespace {

constexpr std::array<QRgb, 18> viridis_points{0x440154, 0x481769, 0x472a7a, 0x433d84, 0x3d4e8a, 0x355e8d, 0x2e6d8e, 0x297b8e, 0x23898e,
                                              0x1f978b, 0x21a585, 0x2eb37c, 0x46c06f, 0x65cb5e, 0x89d548, 0xb0dd2f, 0xd8e219, 0xfde725};
constexpr std::array<QRgb, 18> cividis_points{0x002051, 0x002b64, 0x0f356c, 0x23406e, 0x374a6e, 0x4b556d, 0x5c606e, 0x6c6b70, 0x797673,
                                              0x858176, 0x928d78, 0x9f9978, 0xaea575, 0xbfb26f, 0xd2bf66, 0xe4cd5a, 0xf4db4e, 0xfdea45};
// Each arm of a diverging map, from the middle outwards.
using Arm = std::array<QRgb, 6>;
constexpr Arm blue{0xf7f7f7, 0xd1e5f0, 0x92c5de, 0x4393c3, 0x2166ac, 0x053061};
constexpr Arm red{0xf7f7f7, 0xfddbc7, 0xf4a582, 0xd6604d, 0xb2182b, 0x67001f};
constexpr Arm purple_of_prgn{0xf7f7f7, 0xe7d4e8, 0xc2a5cf, 0x9970ab, 0x762a83, 0x40004b};
constexpr Arm green{0xf7f7f7, 0xd9f0d3, 0xa6dba0, 0x5aae61, 0x1b7837, 0x00441b};
constexpr Arm orange{0xf7f7f7, 0xfee0b6, 0xfdb863, 0xe08214, 0xb35806, 0x7f3b08};
constexpr Arm purple_of_puor{0xf7f7f7, 0xd8daeb, 0xb2abd2, 0x8073ac, 0x542788, 0x2d004b};

Lab between(const Lab& p, const Lab& q, double t) {
    return {p.l + t * (q.l - p.l), p.a + t * (q.a - p.a), p.b + t * (q.b - p.b)};
}

Stops sequential(std::span<const QRgb> points) {
    Stops stops{};
    for (std::size_t i = 0; i < stops.size(); ++i) {
        double x = static_cast<double>(i) / 255 * static_cast<double>(points.size() - 1);
        std::size_t k = std::min(static_cast<std::size_t>(x), points.size() - 2);
        stops[i] = to_rgb(between(to_lab(points[k]), to_lab(points[k + 1]), x - static_cast<double>(k)));
    }
    return stops;
}

/// The colour on an arm with lightness `l`; lightness falls along every arm.
Lab at_lightness(const Arm& arm, double l) {
    for (std::size_t k = 0; k + 1 < arm.size(); ++k) {
        Lab p = to_lab(arm[k]), q = to_lab(arm[k + 1]);
        if (l >= q.l || k + 2 == arm.size()) return between(p, q, std::clamp((p.l - l) / (p.l - q.l), 0.0, 1.0));
    }
    return to_lab(arm.back());
}

/// NOTE: Brewer's arms end at unequal lightness (PuOr: 33 and 10), which would make one sign look stronger. Both arms are run at the same
/// lightness instead, linearly down to the lighter of the two ends.
Stops diverging(const Arm& negative, const Arm& positive) {
    double top = to_lab(negative.front()).l;
    double bottom = std::max(to_lab(negative.back()).l, to_lab(positive.back()).l);
    Stops stops{};
    for (int i = 0; i < 256; ++i) {
        double x = (i - 127.5) / 127.5;
        stops[static_cast<std::size_t>(i)] = to_rgb(at_lightness(x < 0 ? negative : positive, top + std::abs(x) * (bottom - top)));
    }
    return stops;
}

}  // namespace

const Stops& stops_of(Colormap map) {
    static const std::array<Stops, all_colormaps.size()> tables{sequential(viridis_points), sequential(cividis_points),
                                                                diverging(blue, red), diverging(purple_of_prgn, green),
                                                                diverging(orange, purple_of_puor)};
    return tables[static_cast<std::size_t>(map)];
}

bool is_diverging(Colormap map) {
    return map != Colormap::viridis && map != Colormap::cividis;
}

const char* name_of(Colormap map) {
    static constexpr std::array<const char*, all_colormaps.size()> names{"viridis", "cividis", "RdBu_r", "PRGn", "PuOr"};
    return names[static_cast<std::size_t>(map)];
}

Colormap colormap_named(std::string_view name) {
    std::string known;
    for (Colormap map : all_colormaps) {
        if (name == name_of(map)) return map;
        known += (known.empty() ? "" : ", ") + std::string(name_of(map));
    }
    throw Error("colormap", "one of " + known, "'" + std::string(name) + "'");
}

QColor category_color(std::size_t i, bool dark) {
    static constexpr std::array<QRgb, 8> okabe_ito{0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9, 0xf0e442, 0x000000};
    QRgb color = okabe_ito[i % okabe_ito.size()];
    return QColor(dark && color == 0 ? QRgb(0xd0d0d0) : color);
}

QString category_glyph(std::size_t i) {
    static const QString glyphs = QStringLiteral("●▲■◆✚★⬟⬢");
    return glyphs.mid(static_cast<qsizetype>(i % 8), 1);
}

}  // namespace microtome
