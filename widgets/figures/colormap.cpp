#include "widgets/figures/colormap.h"

#include <algorithm>
#include <cmath>

namespace microtome {
namespace {

double linear_of(int channel) {
    double c = channel / 255.0;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}

int channel_of(double linear) {
    double c = linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
    return static_cast<int>(std::lround(255 * std::clamp(c, 0.0, 1.0)));
}

double lab_f(double t) {
    return t > 216.0 / 24389 ? std::cbrt(t) : (24389.0 / 27 * t + 16) / 116;
}
double lab_f_inverse(double f) {
    return f > 6.0 / 29 ? f * f * f : (116 * f - 16) * 27 / 24389;
}

// White of D65, y = 1.
constexpr double white_x = 0.95047, white_z = 1.08883;

double luminance(const QColor& color) {
    return 0.2126 * linear_of(color.red()) + 0.7152 * linear_of(color.green()) + 0.0722 * linear_of(color.blue());
}

bool usable(std::span<const double> values, std::span<const std::uint8_t> mask, std::size_t i) {
    return std::isfinite(values[i]) && (mask.empty() || mask[i]);
}

Range extremes(std::span<const double> values, std::span<const std::uint8_t> mask) {
    Range range{INFINITY, -INFINITY};
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!usable(values, mask, i)) continue;
        range.low = std::min(range.low, values[i]);
        range.high = std::max(range.high, values[i]);
    }
    return range;
}

Range percentiles(std::span<const double> values, std::span<const std::uint8_t> mask) {
    std::vector<double> known;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (usable(values, mask, i)) known.push_back(values[i]);
    if (known.empty()) return {INFINITY, -INFINITY};
    auto at = [&known](double q) {
        auto k = static_cast<std::ptrdiff_t>(std::lround(q * static_cast<double>(known.size() - 1)));
        std::nth_element(known.begin(), known.begin() + k, known.end());
        return known[static_cast<std::size_t>(k)];
    };
    double low = at(0.01);
    return {low, at(0.99)};
}

}  // namespace

Lab to_lab(QRgb color) {
    double r = linear_of(qRed(color)), g = linear_of(qGreen(color)), b = linear_of(qBlue(color));
    double x = lab_f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / white_x);
    double y = lab_f(0.2126729 * r + 0.7151522 * g + 0.0721750 * b);
    double z = lab_f((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / white_z);
    return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

QRgb to_rgb(const Lab& lab) {
    double fy = (lab.l + 16) / 116;
    double x = white_x * lab_f_inverse(fy + lab.a / 500), y = lab_f_inverse(fy), z = white_z * lab_f_inverse(fy - lab.b / 200);
    return qRgb(channel_of(3.2404542 * x - 1.5371385 * y - 0.4985314 * z), channel_of(-0.9692660 * x + 1.8760108 * y + 0.0415560 * z),
                channel_of(0.0556434 * x - 0.2040259 * y + 1.0572252 * z));
}

double delta_e(QRgb a, QRgb b) {
    Lab p = to_lab(a), q = to_lab(b);
    return std::hypot(p.l - q.l, p.a - q.a, p.b - q.b);
}

double contrast(const QColor& a, const QColor& b) {
    double p = luminance(a), q = luminance(b);
    return (std::max(p, q) + 0.05) / (std::min(p, q) + 0.05);
}

QColor ink_on(const QColor& background) {
    return contrast(background, Qt::black) >= contrast(background, Qt::white) ? QColor(Qt::black) : QColor(Qt::white);
}

Range range_of(std::span<const double> values, std::span<const std::uint8_t> mask, const Norm& norm, bool diverging) {
    if (norm.kind == Norm::Kind::fixed && norm.high > norm.low) return {norm.low, norm.high};
    bool symmetric = norm.kind == Norm::Kind::symmetric || (norm.kind != Norm::Kind::linear && diverging);
    Range range = norm.kind == Norm::Kind::percentile ? percentiles(values, mask) : extremes(values, mask);
    if (range.low > range.high) return symmetric ? Range{-1, 1} : Range{0, 1};
    if (symmetric) {
        double most = std::max(std::abs(range.low), std::abs(range.high));
        return most > 0 ? Range{-most, most} : Range{-1, 1};
    }
    // Probabilities and the like: a scale that all but starts at zero starts at zero.
    if (norm.kind == Norm::Kind::automatic && range.low > 0 && range.low < 0.2 * range.high) range.low = 0;
    if (range.high > range.low) return range;
    double room = range.low == 0 ? 0.5 : std::abs(range.low) / 2;
    return {range.low - room, range.low + room};
}

double ColorScale::position(double value) const {
    double x = (value - range_.low) / (range_.high - range_.low);
    return std::isnan(x) ? 0.5 : std::clamp(x, 0.0, 1.0);
}

QRgb ColorScale::color(double value) const {
    if (!std::isfinite(value)) return nan_color();
    auto i = static_cast<std::size_t>(position(value) * 256);
    return stops_of(map_)[std::min<std::size_t>(i, 255)];
}

QRgb nan_color() {
    return qRgb(0xc4, 0xc4, 0xc4);
}

}  // namespace microtome
