#include <QFontMetricsF>
#include <QTest>
#include <cmath>

#include "widgets/figures/text.h"

using namespace microtome;

class TestText : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void tokens_show_their_spaces() {
        QCOMPARE(visible_token(" Mary"), QStringLiteral("·Mary"));
        QCOMPARE(visible_token("  "), QStringLiteral("··"));
        QCOMPARE(visible_token("a b "), QStringLiteral("a b·"));
        QCOMPARE(visible_token("\n"), QStringLiteral("↵"));
        QCOMPARE(visible_token(""), QStringLiteral("∅"));
        QCOMPARE(visible_token(std::string_view("\x01", 1)), QStringLiteral("\\x01"));
        QVERIFY(visible_token("\xff").contains(QChar::ReplacementCharacter));
    }

    void numbers_have_a_minus_and_no_negative_zero() {
        QCOMPARE(NumberFormat::for_cells(0.9)(-0.123), QStringLiteral("−0.12"));
        QCOMPARE(NumberFormat::for_cells(0.9)(-0.0001), QStringLiteral("0.00"));
        QCOMPARE(NumberFormat::for_cells(2e-5)(-2e-5), QStringLiteral("−2×10⁻⁵"));
        QCOMPARE(NumberFormat::for_cells(250)(-37.4), QStringLiteral("−37"));
        QCOMPARE(number_text(0.41239), QStringLiteral("0.4124"));
        QCOMPARE(number_text(123456), QStringLiteral("123456"));
        QCOMPARE(number_text(NAN), QStringLiteral("no value"));
    }

    void ticks_data() {
        QTest::addColumn<double>("low");
        QTest::addColumn<double>("high");
        QTest::addColumn<int>("most");
        QTest::newRow("unit") << 0.0 << 1.0 << 6;
        QTest::newRow("symmetric") << -0.87 << 0.87 << 3;
        QTest::newRow("narrow") << 0.31 << 0.39 << 3;
        QTest::newRow("tiny") << -1.4e-5 << 1.4e-5 << 5;
        QTest::newRow("large") << 0.0 << 3.2e7 << 9;
        QTest::newRow("offset") << 1000.1 << 1000.4 << 5;
    }
    void ticks() {
        QFETCH(double, low);
        QFETCH(double, high);
        QFETCH(int, most);
        Ticks ticks = round_ticks(low, high, most);
        QVERIFY(ticks.values.size() >= 2 && static_cast<int>(ticks.values.size()) <= most);
        QStringList texts;
        for (double v : ticks.values) {
            QVERIFY(v >= low - 1e-9 * (high - low) && v <= high + 1e-9 * (high - low));
            QVERIFY(!texts.contains(ticks.format(v)));
            texts << ticks.format(v);
        }
        double step = ticks.values[1] - ticks.values[0];
        if (low < 0 && high > 0) QVERIFY(texts.contains(ticks.format(0)));
        if (!ticks.format.scientific)
            for (double v : ticks.values) QVERIFY(std::abs(ticks.format(v).replace(QChar(0x2212), '-').toDouble() - v) < 1e-3 * step);
    }

    void elided_text_fits() {
        QFont font = FigureStyle::light().font();
        for (double width : {0.0, 5.0, 30.0, 60.0, 500.0}) {
            QString text = elided(QStringLiteral("logit difference 😀 recovery"), font, width);
            QVERIFY(text_width(text, font) <= width);
            if (!text.isEmpty() && width < 100) QVERIFY(text.endsWith(QStringLiteral("…")));
            QVERIFY(!text.contains(QChar::ReplacementCharacter));
        }
    }

    void wrapping_keeps_every_word_or_says_so() {
        QFont font = FigureStyle::light().font();
        QString text = QStringLiteral("one two three four five six seven eight nine ten");
        QStringList lines = wrapped(text, font, 100, 20);
        QCOMPARE(lines.join(' '), text);
        for (const QString& line : lines) QVERIFY(text_width(line, font) <= 100);
        QVERIFY(wrapped(text, font, 100, 2).size() == 2 && wrapped(text, font, 100, 2).back().endsWith(QStringLiteral("…")));
        QVERIFY(wrapped({}, font, 100, 2).isEmpty());
    }
};

QTEST_MAIN(TestText)
#include "test_text.moc"
