#include "widgets/token_text.h"

namespace microtome {

QString quoted_text(const std::string& piece) {
    QString text = QString::fromStdString(piece);
    text.replace(QLatin1Char('\n'), QStringLiteral("↵"));
    return QLatin1Char('\'') + text + QLatin1Char('\'');
}

QColor blend(const QColor& base, const QColor& top, double amount) {
    const auto mix = [amount](float a, float b) { return static_cast<float>(a + (b - a) * amount); };
    return QColor::fromRgbF(mix(base.redF(), top.redF()), mix(base.greenF(), top.greenF()), mix(base.blueF(), top.blueF()));
}

}  // namespace microtome
