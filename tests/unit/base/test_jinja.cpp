// Chat templates against transformers' rendering (tests/golden/tokenizers/make_chat.py), their errors, and their bounds.
#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QTest>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/text/chat.h"

using namespace microtome;
namespace fs = std::filesystem;

namespace {

const Json& golden() {
    static const Json json = read_json(fs::path(MICROTOME_SOURCE_DIR) / "tests/golden/tokenizers/chat/golden.json");
    return json;
}

constexpr Date date{2024, 7, 6, 9, 5, 3};

std::string rendered(const std::string& source, const Json& variables, const JinjaLimits& limits = {}) {
    return JinjaTemplate(source, "t").render(variables, date, limits);
}

template <typename Work>
QString message(Work work) {
    try {
        work();
    } catch (const Error& e) {
        return QString::fromStdString(e.what());
    }
    return {};
}

}  // namespace

class TestJinja : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void chats();
    void expressions_data();
    void expressions();
    void errors_name_their_line_data();
    void errors_name_their_line();
    void bounds_data();
    void bounds();
    void messages_are_checked();
    void templates_of_a_folder();
};

void TestJinja::chats() {
    int raised = 0;
    for (const Json& row : golden()["chats"]) {
        const std::string name = row["template"].get<std::string>(), source = golden()["templates"][name].get<std::string>();
        if (row.contains("error")) {
            const QString got = message([&] { rendered(source, row["variables"]); });
            QVERIFY2(got.contains(QString::fromStdString(row["error"].get<std::string>())), qPrintable(got));
            ++raised;
            continue;
        }
        std::string got;
        const QString trouble = message([&] { got = rendered(source, row["variables"]); });
        QVERIFY2(trouble.isEmpty(), qPrintable(trouble));
        QCOMPARE(QString::fromStdString(got), QString::fromStdString(row["rendered"].get<std::string>()));
    }
    QVERIFY(raised > 2 && golden()["chats"].size() > 40);
}

void TestJinja::expressions_data() {
    QTest::addColumn<QString>("source");
    QTest::addColumn<QString>("want");
    for (const Json& row : golden()["expressions"]) {
        const QString source = QString::fromStdString(row[0].get<std::string>());
        QTest::newRow(qPrintable(source.left(60).simplified())) << source << QString::fromStdString(row[1].get<std::string>());
    }
}

void TestJinja::expressions() {
    QFETCH(QString, source);
    QFETCH(QString, want);
    std::string got;
    const QString trouble = message([&] { got = rendered(source.toStdString(), golden()["data"]); });
    QVERIFY2(trouble.isEmpty(), qPrintable(trouble));
    QCOMPARE(QString::fromStdString(got), want);
}

void TestJinja::errors_name_their_line_data() {
    QTest::addColumn<QString>("source");
    QTest::addColumn<int>("line");
    for (const Json& row : golden()["errors"])
        QTest::newRow(row[0].dump().c_str()) << QString::fromStdString(row[0].get<std::string>()) << row[1].get<int>();
}

void TestJinja::errors_name_their_line() {
    QFETCH(QString, source);
    QFETCH(int, line);
    Json variables = golden()["data"];
    variables["messages"] = Json::array({Json::object()});
    const QString got = message([&] { rendered(source.toStdString(), variables); });
    QVERIFY2(got.startsWith("t:" + QString::number(line) + ": expected ") && !got.contains('\n'), qPrintable(got));
}

void TestJinja::bounds_data() {
    QTest::addColumn<QString>("source");
    const auto repeat = [](const char* text, int times) { return QString(text).repeated(times); };
    QTest::newRow("long loop") << "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
    QTest::newRow("doubling") << "{% set n = namespace(s='xxxxxxxx') %}{% for a in range(100) %}{% set n.s = n.s ~ n.s %}{% endfor %}";
    QTest::newRow("times") << "{{ 'x' * 1000000000 * 1000000000 }}";
    QTest::newRow("lists in lists") << "{% set n = namespace(s=[]) %}{% for a in range(9999) %}{% set n.s = [n.s] %}{% endfor %}{{ n.s }}";
    QTest::newRow("endless macro") << "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    QTest::newRow("output") << "{% set x = 'x' * 1000000 %}{% for a in range(1000) %}{{ x }}{% endfor %}";
    QTest::newRow("brackets") << "{{ " + repeat("(", 100000) + "1" + repeat(")", 100000) + " }}";
    QTest::newRow("lists") << "{{ " + repeat("[", 5000) + repeat("]", 5000) + " }}";
    QTest::newRow("chain") << "{{ a" + repeat(".b", 10000) + " }}";
    QTest::newRow("sums") << "{{ 1" + repeat(" + 1", 10000) + " }}";
    QTest::newRow("minus") << "{{ " + repeat("-", 10000) + "1 }}";
    QTest::newRow("not") << "{{ " + repeat("not ", 10000) + "1 }}";
    QTest::newRow("filters") << "{{ 1" + repeat(" | string", 10000) + " }}";
    QTest::newRow("ifs") << repeat("{% if 1 %}", 10000) + repeat("{% endif %}", 10000);
    QTest::newRow("elses") << "{{ 1" + repeat(" if 1 else 1", 10000) + " }}";
    QTest::newRow("power") << "{{ 9 ** 99999999999 }}";
    QTest::newRow("split") << "{{ ('a ' * 500000).split() }}";
    QTest::newRow("whole numbers") << "{{ 9223372036854775807 + 1 }}";
    QTest::newRow("lowest") << "{{ -9223372036854775807 - 2 }}";
    QTest::newRow("digits") << "{{ 99999999999999999999 }}";
    QTest::newRow("words") << repeat("{{1}}", 100000);
}

void TestJinja::bounds() {
    QFETCH(QString, source);
    QElapsedTimer timer;
    timer.start();
    const QString got = message([&] { rendered(source.toStdString(), Json::object()); });
    QVERIFY2(got.startsWith("t:"), qPrintable(got));
    QVERIFY(timer.elapsed() < 60'000);
}

void TestJinja::messages_are_checked() {
    QVERIFY(message([] { read_conversation(Json::parse("3"), "f"); }).startsWith("f: expected a list of messages"));
    QVERIFY(message([] { read_conversation(Json::parse("[]"), "f"); }).contains("at least one message"));
    QVERIFY(message([] {
                read_conversation(Json::parse(R"([{"role": "user"}, {"content": "x"}])"), "f");
            }).startsWith("f#/1: expected a message"));
    const Conversation talk = read_conversation(Json::parse(R"({"tools": [1], "messages": [{"role": "user", "content": "x"}]})"), "f");
    QCOMPARE(talk.messages.size(), std::size_t{1});
    QCOMPARE(talk.variables["tools"].size(), std::size_t{1});
}

void TestJinja::templates_of_a_folder() {
    QTemporaryDir temporary;
    const fs::path folder = temporary.path().toStdString();
    QVERIFY(message([&] { ChatTemplate{folder}; }).contains("expected a chat template"));
    const Conversation talk = read_conversation(Json::parse(R"([{"role": "user", "content": "hi"}])"), "f");
    Conversation with_tools = talk;
    with_tools.variables["tools"] = Json::array({1});
    write_json(folder / "tokenizer_config.json",
               {{"bos_token", {{"content", "<s>"}}},
                {"chat_template", "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ add_generation_prompt }}"}});
    write_json(folder / "special_tokens_map.json", {{"eos_token", "</s>"}, {"bos_token", "other"}});
    ChatOptions options;
    QCOMPARE(ChatTemplate{folder}.render(talk, options), std::string("<s>hi</s>False"));
    options.without_bos = options.add_generation_prompt = true;
    QCOMPARE(ChatTemplate{folder}.render(talk, options), std::string("hi</s>True"));
    QCOMPARE(ChatTemplate{folder}.eos().value_or(""), std::string("</s>"));
    const Json named = Json::parse(R"([{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}])");
    write_json(folder / "tokenizer_config.json", {{"chat_template", named}});
    QCOMPARE(ChatTemplate{folder}.render(talk, options), std::string("plain"));
    QCOMPARE(ChatTemplate{folder}.render(with_tools, options), std::string("tools"));
    write_file(folder / "chat_template.jinja", "file {{ x.y }}");
    QVERIFY(message([&] { ChatTemplate{folder}.render(talk, options); }).contains("chat_template.jinja:1: expected"));
    write_file(folder / "chat_template.jinja", "file");
    QCOMPARE(ChatTemplate{folder}.render(talk, options), std::string("file"));
}

QTEST_GUILESS_MAIN(TestJinja)
#include "test_jinja.moc"
