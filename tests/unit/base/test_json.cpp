#include <QElapsedTimer>
#include <QTest>

#include "core/base/error.h"
#include "core/base/json.h"

using namespace microtome;

class TestJson : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void builds_what_the_library_builds();
    void refuses_data();
    void refuses();
    void large_objects_are_read_in_linear_time();
};

void TestJson::builds_what_the_library_builds() {
    for (const char* text : {R"({"b":[1,-2,3.5,true,null,"x\u00e9\n",{}],"a":{"c":{"d":[[],[[]]]},"b":18446744073709551615},"":""})", "[]",
                             "\"text\"", "-0.0", " null ", R"([{"a":1},{"a":2,"b":[{"a":3}]}])"})
        QCOMPARE(parse_json(text, "t").dump(), Json::parse(text).dump());
}

void TestJson::refuses_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("got");
    QTest::newRow("twice") << R"({"a":1,"b":{"a":1},"a":2})"
                           << "the key \"a\" twice";
    QTest::newRow("deep list") << QString(101, '[') << "nesting deeper than 100";
    QTest::newRow("deep object") << QString("{\"a\":").repeated(101) << "nesting deeper than 100";
    QTest::newRow("deep and long") << QString(1000000, '[') << "nesting deeper than 100";
    QTest::newRow("cut") << "{\"a\":"
                         << "a syntax error at byte 6";
    QTest::newRow("empty") << ""
                           << "a syntax error at byte 1";
    QTest::newRow("comma") << "[1,]"
                           << "a syntax error at byte 4";
    QTest::newRow("two values") << "1 2"
                                << "a syntax error";
    QTest::newRow("huge number") << "1e999"
                                 << "a syntax error";
}

void TestJson::refuses() {
    QFETCH(QString, text);
    QFETCH(QString, got);
    try {
        parse_json(text.toStdString(), "file.json");
        QFAIL("taken");
    } catch (const Error& e) {
        QVERIFY2(QString(e.what()).startsWith("file.json: expected valid JSON, got " + got), e.what());
    }
    QVERIFY_EXCEPTION_THROWN(parse_json("\"\xff\"", "file.json"), Error);
}

// The library searches each key among those before it: quadratic.
void TestJson::large_objects_are_read_in_linear_time() {
    std::string text = "{\"model\":{\"vocab\":{\"\":0";
    for (int i = 1; i < 100000; ++i) text += ",\"k" + std::to_string(i) + "\":" + std::to_string(i);
    QElapsedTimer timer;
    timer.start();
    const Json json = parse_json(text + "}}}", "t");
    QCOMPARE(json["model"]["vocab"].size(), std::size_t{100000});
    QVERIFY2(timer.elapsed() < 5000, qPrintable(QString::number(timer.elapsed()) + " ms"));
}

QTEST_GUILESS_MAIN(TestJson)
#include "test_json.moc"
