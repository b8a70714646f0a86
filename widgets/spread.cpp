#include "widgets/spread.h"

#include <QCoreApplication>
#include <QStringList>
#include <cmath>

#include "analyses/views/companions.h"
#include "widgets/figures/text.h"

namespace microtome {
namespace {

std::optional<Grid> copy_of(const Grid* grid) {
    return grid ? std::optional<Grid>(*grid) : std::nullopt;
}

double value_at(const std::optional<Grid>& grid, std::size_t flat) {
    return grid && flat < grid->size() && grid->computed(flat) ? grid->values[flat] : std::nan("");
}

}  // namespace

QString Spread::text(std::size_t flat) const {
    QStringList parts;
    const double from = value_at(low, flat), to = value_at(high, flat), pairs = value_at(n, flat);
    if (std::isfinite(from) && std::isfinite(to))
        parts << QCoreApplication::translate("Spread", "[%1, %2] (95 %)").arg(number_text(from, 3), number_text(to, 3));
    if (std::isfinite(pairs)) parts << QCoreApplication::translate("Spread", "n %1").arg(static_cast<qlonglong>(pairs));
    return parts.join(QStringLiteral(", "));
}

std::shared_ptr<const Spread> spread_of(const Result& result, const std::string& view) {
    const Companions found = companions_of(result.views, view);
    if (!found.any()) return nullptr;
    return std::make_shared<const Spread>(Spread{copy_of(found.low), copy_of(found.high), copy_of(found.n)});
}

QString spread_text(const std::shared_ptr<const Spread>& spread, std::size_t flat) {
    const QString text = spread ? spread->text(flat) : QString();
    return text.isEmpty() ? text : QLatin1Char(' ') + text;
}

}  // namespace microtome
