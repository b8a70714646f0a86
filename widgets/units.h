// Amounts of work and data as people read them.
#pragma once

#include <QString>
#include <cstdint>

namespace microtome {

/// "12.3 MB".
QString bytes_text(std::uint64_t bytes);
/// "12.3 MB of 45.6 MB" of bytes, else "12 of 45 cells".
QString amount_text(std::int64_t done, std::int64_t total, const QString& unit);
/// "3.4 MB/s", "12.3 cells/s".
QString rate_text(double per_second, const QString& unit);
/// "1.4 s", "2 min 5 s".
QString shown_seconds(double seconds);

}  // namespace microtome
