// Notices under the views: their colours follow the theme, and can be read on it.
#include <QApplication>
#include <QtTest>
#include <algorithm>
#include <cmath>
#include <utility>

#include "widgets/notice_label.h"
#include "widgets/theme.h"

using namespace microtome;

namespace {

// WCAG 2.1, contrast ratio: (lighter + 0.05) / (darker + 0.05) of relative luminances.
double luminance(const QColor& color) {
    auto linear = [](double c) { return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF());
}

double contrast(const QWidget& label) {
    const double a = luminance(label.palette().color(QPalette::WindowText)), b = luminance(label.palette().color(QPalette::Window));
    return (std::max(a, b) + 0.05) / (std::min(a, b) + 0.05);
}

}  // namespace

class TestNoticeLabel : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void colours_follow_the_theme_data() {
        using Tone = NoticeLabel::Tone;
        QTest::addColumn<int>("tone");
        for (auto [name, tone] : {std::pair{"plain", Tone::plain}, {"dim", Tone::dim}, {"warning", Tone::warning}, {"error", Tone::error}})
            QTest::newRow(name) << static_cast<int>(tone);
    }
    void colours_follow_the_theme() {
        QFETCH(int, tone);
        apply_theme(*qApp, false);
        NoticeLabel label;
        label.show_notice(QStringLiteral("15 tokens each"), static_cast<NoticeLabel::Tone>(tone));
        label.show();
        const QColor light = label.palette().color(QPalette::WindowText);
        QVERIFY2(contrast(label) >= 4.5, qPrintable(QString::number(contrast(label))));
        apply_theme(*qApp, true);
        QTRY_VERIFY(label.palette().color(QPalette::WindowText) != light);
        QVERIFY2(contrast(label) >= 4.5, qPrintable(QString::number(contrast(label))));
        apply_theme(*qApp, false);
        QTRY_COMPARE(label.palette().color(QPalette::WindowText), light);
    }
};

QTEST_MAIN(TestNoticeLabel)
#include "test_notice_label.moc"
