#include "widgets/units.h"

#include <QLocale>

namespace microtome {
namespace {

bool is_bytes(const QString& unit) {
    return unit == QLatin1String("bytes");
}

}  // namespace

QString bytes_text(std::uint64_t bytes) {
    return QLocale::c().formattedDataSize(static_cast<qint64>(bytes), 1, QLocale::DataSizeSIFormat);
}

QString amount_text(std::int64_t done, std::int64_t total, const QString& unit) {
    if (is_bytes(unit))
        return QStringLiteral("%1 of %2").arg(bytes_text(static_cast<std::uint64_t>(done)), bytes_text(static_cast<std::uint64_t>(total)));
    return QStringLiteral("%1 of %2 %3").arg(done).arg(total).arg(unit);
}

QString rate_text(double per_second, const QString& unit) {
    if (is_bytes(unit)) return QStringLiteral("%1/s").arg(bytes_text(static_cast<std::uint64_t>(per_second)));
    return QStringLiteral("%1 %2/s").arg(QString::number(per_second, 'g', 3), unit);
}

QString shown_seconds(double seconds) {
    if (seconds < 0.0005) return QStringLiteral("0 s");
    if (seconds < 1) return QStringLiteral("%1 ms").arg(seconds * 1000, 0, 'f', 0);
    if (seconds < 60) return QStringLiteral("%1 s").arg(seconds, 0, 'f', 1);
    const auto whole = static_cast<long long>(seconds + 0.5);
    return QStringLiteral("%1 min %2 s").arg(whole / 60).arg(whole % 60);
}

}  // namespace microtome
