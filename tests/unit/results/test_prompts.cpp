// Prompt files, JSONL and CSV: what is read, what is refused and how the message points at it.
#include <QtTest>

#include "analyses/files/csv.h"
#include "analyses/files/prompts.h"
#include "core/base/files.h"
#include "tests/unit/results/expect_error.h"

using namespace microtome;
using Strings = std::vector<std::string>;
using Ids = std::vector<std::int64_t>;

class TestPrompts : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void jsonl_pairs();
    void csv_is_the_same_as_jsonl();
    void csv_quoting_is_undone_by_reading();
    void csv_refuses_broken_rows();
    void prompts_with_ids_labels_and_spans();
    void objects_round_trip();
    void mistakes_in_jsonl_data();
    void mistakes_in_jsonl();
    void mistakes_in_prompt_rows();
    void mistakes_in_csv_data();
    void mistakes_in_csv();
    void hostile_files();

  private:
    std::filesystem::path written(const std::string& name, const std::string& text) {
        auto file = std::filesystem::path(folder_.path().toStdString()) / name;
        write_file(file, text);
        return file;
    }
    // The message with the temporary folder's name taken away.
    template <class Call>
    QString message(Call call) {
        return error_of(call).remove(folder_.path() + "/");
    }
    QTemporaryDir folder_;
};

void TestPrompts::jsonl_pairs() {
    auto file =
        written("a.jsonl",
                "\xef\xbb\xbf{\"clean\": \"a b\", \"corrupt\": \"a c\", \"answer\": \" Mary\", \"foil\": [\" John\", \" Tom\"]}\r\n\n"
                "{\"clean_ids\": [1, 2], \"corrupt_ids\": [1, 3], \"answer_id\": 5335, \"foil_id\": [1757], \"prepend_bos\": false,"
                " \"spans\": {\"IO\": [2, 3], \"subject\": \"the Eiffel Tower\", \"END\": -1}}");
    std::vector<PromptPair> pairs = read_pairs(file);
    QCOMPARE(pairs.size(), std::size_t{2});
    QCOMPARE(pairs[0].answer, Strings{" Mary"});
    QCOMPARE(pairs[0].foil, (Strings{" John", " Tom"}));
    QVERIFY(!pairs[0].prepend_bos);
    QCOMPARE(pairs[1].clean_ids, (Ids{1, 2}));
    QCOMPARE(pairs[1].answer_id, Ids{5335});
    QCOMPARE(pairs[1].prepend_bos, std::optional(false));
    QCOMPARE(std::get<0>(pairs[1].spans.at("IO")), std::pair(2, 3));
    QCOMPARE(std::get<1>(pairs[1].spans.at("subject")), std::string("the Eiffel Tower"));
    QCOMPARE(std::get<2>(pairs[1].spans.at("END")), -1);
}

void TestPrompts::csv_is_the_same_as_jsonl() {
    auto csv = written("a.CSV",
                       "clean,corrupt,answer,foil,spans,prepend_bos,label\r\n"
                       "\"Then, \"\"he\"\" said\",b, Mary,\"[\"\" John\"\", \"\" Tom\"\"]\",\"{\"\"S2\"\": [1, 2]}\",true,yes\r\n"
                       "\"two\nlines\",b,[,,,,\r\n");
    auto jsonl =
        written("a.jsonl",
                "{\"clean\": \"Then, \\\"he\\\" said\", \"corrupt\": \"b\", \"answer\": \" Mary\", \"foil\": [\" John\", \" Tom\"],"
                " \"spans\": {\"S2\": [1, 2]}, \"prepend_bos\": true, \"label\": \"yes\"}\n"
                "{\"clean\": \"two\\nlines\", \"corrupt\": \"b\", \"answer\": \"[\"}\n");
    std::vector<PromptPair> a = read_pairs(csv), b = read_pairs(jsonl);
    QCOMPARE(a.size(), std::size_t{2});
    for (std::size_t i = 0; i < 2; ++i) QCOMPARE(to_json(a[i]).dump(), to_json(b[i]).dump());
    auto ids = written("b.csv", "ids,group\n\"[3, 4]\",7\n");
    QCOMPARE(read_prompts(ids)[0].ids, (Ids{3, 4}));
    QCOMPARE(read_prompts(ids)[0].group, std::string("7"));
}

void TestPrompts::csv_quoting_is_undone_by_reading() {
    QCOMPARE(csv_line({"plain", " Mary", "a,b", "say \"hi\"", "two\nlines", "", "é"}),
             std::string("plain,\" Mary\",\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",,é\n"));
    const char alphabet[] = {',', '"', '\n', '\r', ' ', 'a'};
    std::uint32_t state = 1;
    for (int round = 0; round < 2000; ++round) {
        std::vector<Strings> rows(3, Strings(2));
        std::string text;
        for (Strings& row : rows) {
            for (std::string& cell : row)
                for (std::size_t n = (state = state * 1664525 + 1013904223) >> 29; n > 0; --n)
                    cell += alphabet[((state = state * 1664525 + 1013904223) >> 16) % sizeof(alphabet)];
            text += csv_line(row);
        }
        CsvReader reader(text, "cells.csv");
        CsvRow row;
        for (const Strings& expected : rows) {
            QVERIFY(reader.next(row, 1000));
            QCOMPARE(row.cells, expected);
        }
        QVERIFY(!reader.next(row, 1000));
    }
}

void TestPrompts::csv_refuses_broken_rows() {
    auto read_all = [](const std::string& text) {
        CsvReader reader(text, "x.csv");
        CsvRow row;
        while (reader.next(row, 20)) continue;
    };
    QCOMPARE(error_of([&] { read_all("a\nb,\"c\nd"); }), QString("x.csv:2: expected a closing quote, got the end of the file"));
    QCOMPARE(error_of([&] { read_all("a\"b"); }),
             QString("x.csv:1: expected quotes around the whole cell, doubled inside, got a quote in the middle of a cell"));
    QCOMPARE(error_of([&] { read_all("\"a\nb\"c"); }),
             QString("x.csv:2: expected a comma or the end of the line after a closing quote, got c"));
    QCOMPARE(error_of([&] { read_all("a,b\nccccccccccccccccccccc,d"); }), QString("x.csv:2: expected a row of at most 20 bytes, got more"));
}

void TestPrompts::prompts_with_ids_labels_and_spans() {
    auto prompts = read_prompts(
        written("p.jsonl", "{\"text\": \"a\", \"label\": 1, \"group\": \"g\"}\n{\"ids\": [0, 2147483647], \"label\": true}\n"));
    QCOMPARE(prompts[0].label, std::string("1"));
    QCOMPARE(prompts[0].group, std::string("g"));
    QCOMPARE(prompts[1].label, std::string("true"));
    QCOMPARE(prompts[1].ids, (Ids{0, 2147483647}));
}

void TestPrompts::objects_round_trip() {
    const char* pair = R"({"id":"p1","clean":"a","corrupt":"b","answer":["c","d"],"foil":"e","label":"l","group":"g",)"
                       R"("spans":{"END":-1,"IO":[2,3],"s":"x y"},"prepend_bos":true})";
    QCOMPARE(to_json(pair_from_json(parse_json(pair, "x"), "x", "")).dump(), std::string(pair));
    const char* ids = R"({"clean_ids":[1],"corrupt_ids":[2],"answer_id":3,"foil_id":[4,5]})";
    QCOMPARE(to_json(pair_from_json(parse_json(ids, "x"), "x", "")).dump(), std::string(ids));
    const char* prompt = R"({"text":"a","spans":{"r":[-3,-1]},"prepend_bos":false})";
    QCOMPARE(to_json(prompt_from_json(parse_json(prompt, "x"), "x", "")).dump(), std::string(prompt));
}

void TestPrompts::mistakes_in_jsonl_data() {
    QTest::addColumn<QString>("line");
    QTest::addColumn<QString>("expected");
    auto row = [](const char* line, const char* expected) { QTest::newRow(line) << line << expected; };
    row(R"({"clean": "a", "corupt": "b"})",
        "f.jsonl:2: expected keys out of id, clean, corrupt, answer, foil, clean_ids, corrupt_ids, answer_id, foil_id, label, group, "
        "spans, "
        "prepend_bos, got \"corupt\" (did you mean \"corrupt\"?)");
    row(R"({"clean": "a"})", "f.jsonl:2#/corrupt: expected this key, got nothing");
    row(R"({"clean_ids": [1]})", "f.jsonl:2#/corrupt_ids: expected this key, got nothing");
    row(R"({"clean": "a", "clean_ids": [1]})", "f.jsonl:2#/clean_ids: expected either clean or clean_ids, got both");
    row(R"({"clean": "a", "corrupt": "b", "answer": "c", "answer_id": 3})",
        "f.jsonl:2#/answer_id: expected either answer or answer_id, got both");
    row(R"({"clean": "a", "corrupt_ids": [1]})", "f.jsonl:2#/corrupt_ids: expected corrupt, as clean is a text, got ids");
    row(R"({"clean_ids": [1], "corrupt": "a"})", "f.jsonl:2#/corrupt: expected corrupt_ids, as clean is ids, got a text");
    row(R"({"clean": "", "corrupt": "b"})", "f.jsonl:2#/clean: expected a text that is not empty, got \"\"");
    row(R"({"clean": 3, "corrupt": "b"})", "f.jsonl:2#/clean: expected a string, got 3");
    row(R"({"clean": "a", "corrupt": "b", "answer": []})", "f.jsonl:2#/answer: expected a text or a list of texts, got []");
    row(R"({"clean": "a", "corrupt": "b", "foil": ["c", 3]})", "f.jsonl:2#/foil: expected a text or a list of texts, got [\"c\",3]");
    row(R"({"clean": "a", "corrupt": "b", "answer_id": -1})", "f.jsonl:2#/answer_id: expected a token id or a list of them, got -1");
    row(R"({"clean": "a", "corrupt": "b", "answer_id": 1.5})", "f.jsonl:2#/answer_id: expected a token id or a list of them, got 1.5");
    row(R"({"clean_ids": [2147483648], "corrupt_ids": [1]})", "f.jsonl:2#/clean_ids: expected a list of token ids, got [2147483648]");
    row(R"({"clean_ids": [], "corrupt_ids": [1]})", "f.jsonl:2#/clean_ids: expected a list of token ids, got []");
    row(R"({"clean": "a", "corrupt": "b", "spans": {"x": [3, 2]}})", "f.jsonl:2#/spans/x: expected a range with first ≤ last, got [3,2]");
    row(R"({"clean": "a", "corrupt": "b", "spans": {"x": [3]}})", "f.jsonl:2#/spans/x: expected a range [first, last], got [3]");
    row(R"({"clean": "a", "corrupt": "b", "spans": {"x": 1e9}})",
        "f.jsonl:2#/spans/x: expected a position, a range [first, last] or a part of the text, got 1000000000.0");
    row(R"({"clean": "a", "corrupt": "b", "spans": 3})", "f.jsonl:2#/spans: expected a JSON object, got 3");
    row(R"({"clean": "a", "corrupt": "b", "prepend_bos": "no"})", "f.jsonl:2#/prepend_bos: expected true or false, got \"no\"");
    row(R"({"clean": "a", "corrupt": "b", "label": 1.5})", "f.jsonl:2#/label: expected a string, got 1.5");
    row(R"(["a"])", "f.jsonl:2#: expected a JSON object, got [\"a\"]");
}

void TestPrompts::mistakes_in_jsonl() {
    QFETCH(QString, line);
    QFETCH(QString, expected);
    auto file = written("f.jsonl", "{\"clean\": \"a\", \"corrupt\": \"b\"}\n" + line.toStdString() + "\n");
    QCOMPARE(message([&] { read_pairs(file); }), expected);
}

void TestPrompts::mistakes_in_prompt_rows() {
    auto read = [&](const char* line) { return message([&] { read_prompts(written("f.jsonl", line)); }); };
    QCOMPARE(read(R"({"text": "a", "ids": [1]})"), QString("f.jsonl:1#/ids: expected either text or ids, got both"));
    QCOMPARE(read(R"({"label": "a"})"), QString("f.jsonl:1#/text: expected this key, got nothing"));
    QCOMPARE(read(R"({"clean": "a"})"),
             QString("f.jsonl:1: expected keys out of text, ids, label, group, spans, prepend_bos, got \"clean\""));
    QVERIFY(read("{\"text\": \"a\"").startsWith("f.jsonl:1: expected valid JSON"));
}

void TestPrompts::mistakes_in_csv_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("expected");
    auto row = [n = 0](const char* text, const char* expected) mutable { QTest::addRow("%d", n++) << text << expected; };
    row("text,texts\na,b\n",
        "f.csv:1: expected keys out of text, ids, label, group, spans, prepend_bos, got \"texts\" (did you mean \"text\"?)");
    row("text,text\na,b\n", "f.csv:1: expected each column once, got \"text\" twice");
    row("text,label\na,b\n\nc\n", "f.csv:4: expected 2 cells as in the header, got 1");
    row("text,label\n\"a\nb\",1\n,x\n", "f.csv:4#/text: expected this key, got nothing");
    row("text,label\n", "f.csv: expected at least one prompt, got none");
    row("ids\n3 4\n", "f.csv:2, column ids: expected valid JSON, got a syntax error at byte 3");
    row("text,spans\na,\"[1,2]\"\n", "f.csv:2#/spans: expected a JSON object, got [1,2]");
}

void TestPrompts::mistakes_in_csv() {
    QFETCH(QString, text);
    QFETCH(QString, expected);
    auto file = written("f.csv", text.toStdString());
    QCOMPARE(message([&] { read_prompts(file); }), expected);
}

void TestPrompts::hostile_files() {
    auto read = [&](const char* name, const std::string& text) { return message([&] { read_prompts(written(name, text)); }); };
    QCOMPARE(read("e.jsonl", ""), QString("e.jsonl: expected at least one prompt, got an empty file"));
    QCOMPARE(read("e.jsonl", "\n \n"), QString("e.jsonl: expected at least one prompt, got none"));
    QCOMPARE(read("e.csv", ""), QString("e.csv: expected at least one prompt, got an empty file"));
    QCOMPARE(read("u.jsonl", "{\"text\": \"a\"}\n{\"text\": \"\xc3(\"}"), QString("u.jsonl:2: expected UTF-8 text, got the byte 195"));
    // Overlong, surrogate, beyond U+10FFFF, cut off.
    for (const char* bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xff"})
        QVERIFY(read("u.csv", "text\n" + std::string(bad)).startsWith("u.csv:2: expected UTF-8 text"));
    QCOMPARE(read_prompts(written("ok.csv", "text\n\U0001F600\xed\x9f\xbf\n"))[0].text, std::string("\U0001F600\xed\x9f\xbf"));
    QCOMPARE(read("long.jsonl", std::string(16'000'001, ' ')),
             QString("long.jsonl:1: expected a line of at most 16000000 bytes, got 16000001"));
    QCOMPARE(read("long.csv", "text\n" + std::string(16'000'001, 'a')),
             QString("long.csv:2: expected a row of at most 16000000 bytes, got more"));
    QVERIFY(read("deep.jsonl", "{\"spans\":" + std::string(5000, '[')).startsWith("deep.jsonl:1: expected valid JSON"));
    QVERIFY(read("twice.jsonl", "{\"text\": \"a\", \"text\": \"b\"}").startsWith("twice.jsonl:1: expected valid JSON"));
    QCOMPARE(message([&] { read_pairs(folder_.path().toStdString()); }).remove(folder_.path()),
             QString(": expected a regular file, got a folder"));
}

QTEST_GUILESS_MAIN(TestPrompts)
#include "test_prompts.moc"
