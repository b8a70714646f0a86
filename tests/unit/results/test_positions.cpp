// Positions as users write them, resolved against a prompt's tokens.
#include <QtTest>

#include "analyses/files/positions.h"
#include "tests/unit/results/expect_error.h"

using namespace microtome;
using Strings = std::vector<std::string>;
using Ints = std::vector<int>;

namespace {

const Strings ioi{"<|endoftext|>", "When", " Mary", " and", " John", " went", ",", " John", " gave"};
const std::map<std::string, Span> spans{
    {"IO", Span(2)}, {"S", Span("John went")}, {"tail", Span(std::pair(-2, -1))}, {"and", Span(" and ")}};

Ints resolve(const std::string& expression, const Strings& pieces = ioi) {
    return resolve_positions(expression, pieces, spans, "positions");
}

}  // namespace

class TestPositions : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void what_each_form_stands_for();
    void parts_of_the_text();
    void mistakes_data();
    void mistakes();
    void what_stands_for_nothing();
};

void TestPositions::what_each_form_stands_for() {
    QCOMPARE(resolve("all"), (Ints{0, 1, 2, 3, 4, 5, 6, 7, 8}));
    QCOMPARE(resolve("last"), Ints{8});
    QCOMPARE(resolve("3"), Ints{3});
    QCOMPARE(resolve("-1"), Ints{8});
    QCOMPARE(resolve(" 7-8 , 3,5-7,3"), (Ints{3, 5, 6, 7, 8}));
    QCOMPARE(resolve("-3--2"), (Ints{6, 7}));
    QCOMPARE(resolve("role:IO"), Ints{2});
    QCOMPARE(resolve("role: S"), (Ints{4, 5}));
    QCOMPARE(resolve("role:tail,last,0"), (Ints{0, 7, 8}));
    QCOMPARE(resolve("token: John"), (Ints{4, 7}));
    QCOMPARE(resolve("token:,"), Ints{6});
    QCOMPARE(resolve("last, token: Mary"), (Ints{2, 8}));
    for (const char* good : {"all", "last", "0", "3,5-7", "role:S2", "token: John", "token:a,b"}) check_positions(good, "positions");
}

void TestPositions::parts_of_the_text() {
    // Word-level pieces hold no spaces; byte-level pieces may split a character.
    QCOMPARE(resolve_span(Span("tom gave a"), {"when", "tom", "gave", "a", "ball"}, "x"), (Ints{1, 2, 3}));
    QCOMPARE(resolve_span(Span("é"), {"caf", "\\xc3", "\\xa9", " au"}, "x"), (Ints{1, 2}));
    QCOMPARE(resolve_span(Span("\\x41"), {"a", "\\x41"}, "x"), Ints{1});
    QCOMPARE(resolve("role:and", {"a", " and", " b"}), (Ints{1, 2}));
    QCOMPARE(error_of([] { resolve_span(Span(" John"), ioi, "x"); }), QString("x: expected \" John\" once in the text, got 2 times"));
    QCOMPARE(error_of([] { resolve_span(Span("Tom"), ioi, "x"); }), QString("x: expected \"Tom\" once in the text, got none"));
}

void TestPositions::mistakes_data() {
    QTest::addColumn<QString>("got");
    for (const char* bad : {"", "3,,5", "al", "3-", "5 7", "role:", "3.5", "99999999999", "16777217", "--1", "0x3"})
        QTest::newRow(*bad ? bad : "empty") << (QString(bad) == "3,,5" ? "\"\"" : "\"" + QString(bad) + "\"");
    QTest::newRow("token:") << "token: without a text";
}

void TestPositions::mistakes() {
    QFETCH(QString, got);
    QString tag = QTest::currentDataTag();
    std::string expression = tag == "empty" ? "" : tag.toStdString();
    QCOMPARE(error_of([&] { check_positions(expression, "i1"); }),
             "i1: expected all, last, 3,5-7, -1, role:NAME or token:TEXT, got " + got);
    QVERIFY(error_of([] { check_positions(std::string(20'000, ','), "i1"); }).endsWith("got 20000 bytes"));
}

void TestPositions::what_stands_for_nothing() {
    QCOMPARE(error_of([] { resolve("9"); }), QString("positions: expected positions within 9 tokens, got \"9\""));
    QCOMPARE(error_of([] { resolve("-10"); }), QString("positions: expected positions within 9 tokens, got \"-10\""));
    QCOMPARE(error_of([] { resolve("5-3"); }), QString("positions: expected positions within 9 tokens, got \"5-3\""));
    QCOMPARE(error_of([] { resolve("token:John"); }),
             QString("positions: expected a token of the prompt, got \"John\" (did you mean \" John\"?)"));
    QCOMPARE(error_of([] { resolve("role:IQ"); }),
             QString("positions: expected one of the roles IO, S, and or tail, got \"IQ\" (did you mean \"IO\"?)"));
    QCOMPARE(error_of([] { resolve_positions("role:IO", ioi, {}, "p"); }),
             QString("p: expected prompts with spans for role:IO, got \"IO\""));
    QCOMPARE(error_of([] { resolve_span(Span(std::pair(3, 9)), ioi, "p"); }), QString("p: expected positions within 9 tokens, got [3, 9]"));
    QCOMPARE(error_of([] { resolve("all", {}); }), QString("positions: expected positions of a prompt, got a prompt without tokens"));
}

QTEST_GUILESS_MAIN(TestPositions)
#include "test_positions.moc"
