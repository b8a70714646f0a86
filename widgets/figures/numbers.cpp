// Numbers as text, and round ticks.
#include <algorithm>
#include <array>
#include <cmath>

#include "widgets/figures/text.h"

namespace microtome {
namespace {

QString with_minus(QString text) {
    return text.replace('-', QChar(0x2212));
}

QString power_of_ten(int exponent) {
    static const QString digits = QStringLiteral("⁰¹²³⁴⁵⁶⁷⁸⁹");
    QString text = exponent < 0 ? QStringLiteral("⁻") : QString();
    for (char c : std::to_string(std::abs(exponent))) text += digits[c - '0'];
    return QStringLiteral("10") + text;
}

QString scientific_text(double value, int decimals) {
    if (value == 0) return QStringLiteral("0");
    QString text = QString::number(value, 'e', decimals);
    qsizetype e = text.indexOf('e');
    QString mantissa = with_minus(text.left(e));
    return mantissa + QStringLiteral("×") + power_of_ten(text.mid(e + 1).toInt());
}

}  // namespace

NumberFormat NumberFormat::for_step(double step, double largest) {
    if (largest >= 1e6 || (step < 1e-4 && largest < 1e-2)) {
        int digits = static_cast<int>(std::floor(std::log10(largest)) - std::floor(std::log10(step)));
        return {std::clamp(digits, 0, 6), true};
    }
    int decimals = static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
    // 2.5 needs one decimal more than 2.
    double scaled = step * std::pow(10, decimals);
    if (std::abs(scaled - std::round(scaled)) > 1e-6) ++decimals;
    return {std::clamp(decimals, 0, 8), false};
}

NumberFormat NumberFormat::for_cells(double largest) {
    if (largest >= 1e4 || (largest > 0 && largest < 1e-3)) return {0, true};
    return {largest >= 100 ? 0 : largest >= 10 ? 1 : largest >= 0.1 ? 2 : 3, false};
}

QString NumberFormat::operator()(double value) const {
    if (!std::isfinite(value))
        return std::isnan(value) ? QStringLiteral("no value") : value > 0 ? QStringLiteral("∞") : QStringLiteral("−∞");
    if (scientific) return scientific_text(value, decimals);
    QString text = QString::number(value, 'f', decimals);
    // −0.00 reads as a sign that is not there.
    bool zero = std::all_of(text.begin(), text.end(), [](QChar c) { return c == '0' || c == '.' || c == '-'; });
    if (zero && text.startsWith('-')) text.remove(0, 1);
    return with_minus(text);
}

QString number_text(double value, int digits) {
    if (!std::isfinite(value)) return NumberFormat{}(value);
    double size = std::abs(value);
    if (size != 0 && (size < 1e-4 || size >= 1e7)) return scientific_text(value, digits - 1);
    return with_minus(QString::number(value, 'g', std::max(digits, size >= 1 ? static_cast<int>(std::log10(size)) + 1 : digits)));
}

Ticks round_ticks(double low, double high, int most) {
    double span = high - low;
    double step = std::pow(10, std::floor(std::log10(span))) / 10;
    static constexpr std::array<double, 4> factors{1, 2, 2.5, 5};
    auto count = [&](double s) { return std::floor(high / s + 1e-9) - std::ceil(low / s - 1e-9) + 1; };
    // The smallest round step with few enough ticks; a coarser one would leave fewer than two.
    double chosen = step, base = step;
    for (int decade = 0; decade < 4; ++decade, base *= 10)
        for (double f : factors) {
            double s = base * f;
            if (count(chosen) > most && count(s) >= 2) chosen = s;
        }
    Ticks ticks;
    ticks.format = NumberFormat::for_step(chosen, std::max(std::abs(low), std::abs(high)));
    for (double k = std::ceil(low / chosen - 1e-9); k <= std::floor(high / chosen + 1e-9); ++k) ticks.values.push_back(k * chosen);
    return ticks;
}

}  // namespace microtome
