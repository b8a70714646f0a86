// A GUI test fails on any Qt warning but two: offscreen windows have no window manager to tell of their sizes and order.
#pragma once

#include <QRegularExpression>
#include <QtTest>

namespace microtome {

/// For `init`: holds until the end of the test function.
inline void fail_on_warnings() {
    QTest::failOnWarning(QRegularExpression(QStringLiteral("^(?!.*(propagateSizeHints|raise\\(\\)))")));
}

}  // namespace microtome
