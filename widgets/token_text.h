// Small helpers for what widgets paint and write themselves; labels, numbers and contrast are those of the figures.
#pragma once

#include <QColor>
#include <QString>
#include <string>

namespace microtome {

/// Quoted as in a status line: `' tom'`.
QString quoted_text(const std::string& piece);
/// `amount` of `top` over `base`; 0 is `base`.
QColor blend(const QColor& base, const QColor& top, double amount);

}  // namespace microtome
