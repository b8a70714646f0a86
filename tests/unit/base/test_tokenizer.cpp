#include <QTemporaryDir>
#include <QTest>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/text/regex.h"
#include "core/text/tokenizer.h"
#include "core/text/utf8.h"

using namespace microtome;
namespace fs = std::filesystem;
using Ids = std::vector<std::int64_t>;

namespace {

template <typename Work>
QString message(Work work) {
    try {
        work();
    } catch (const Error& e) {
        return QString::fromStdString(e.what());
    }
    return {};
}

// A byte-level tokenizer of a few tokens; `parts` replaces or adds top-level keys.
Json small(const Json& parts = Json::object()) {
    Json json = Json::parse(R"({"added_tokens": [{"content": "<s>", "special": true}], "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "decoder": {"type": "ByteLevel"}, "post_processor": null,
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġa": 4, "Ġab": 5, "Ã": 6}, "merges": [["a", "b"], ["Ġ", "ab"], ["Ġ", "a"]]}})");
    for (const auto& [key, value] : parts.items()) json[key] = value;
    return json;
}

}  // namespace

class TestTokenizer : public QObject {
    Q_OBJECT

    QTemporaryDir temporary_;
    int folders_ = 0;

    fs::path folder() {
        const fs::path path = fs::path(temporary_.path().toStdString()) / std::to_string(folders_++);
        fs::create_directories(path);
        return path;
    }
    fs::path folder_with(const Json& tokenizer) {
        const fs::path path = folder();
        write_json(path / "tokenizer.json", tokenizer);
        return path;
    }

  private Q_SLOTS:
    void pieces_and_ids();
    void bos_is_the_models_own_rule();
    void bos_can_be_told();
    void gpt2_files();
    void words();
    void characters();
    void longest_match();
    void llama2c();
    void unsupported_parts_are_named_data();
    void unsupported_parts_are_named();
    void what_is_not_utf8_is_replaced();
    void folders_without_tokenizer();
    void patterns_are_translated();
    void slow_patterns_end();
    void utf8();
};

void TestTokenizer::pieces_and_ids() {
    const auto t = load_tokenizer(folder_with(small()));
    QCOMPARE(t->encode("ab ab a"), (Ids{3, 5, 4}));
    QCOMPARE(t->encode("b<s> ab"), (Ids{1, 7, 5}));
    QCOMPARE(t->decode(Ids{3, 5, 7, 99, -1}), std::string("ab ab"));
    QCOMPARE(t->decode(Ids{3, 7}, false), std::string("ab<s>"));
    QCOMPARE(t->decode(Ids{6}), std::string("\xef\xbf\xbd"));
    QCOMPARE(t->piece(5), std::string(" ab"));
    QCOMPARE(t->piece(6), std::string("\\xc3"));
    QCOMPARE(t->piece(7), std::string("<s>"));
    QCOMPARE(t->piece(8), std::string("[id 8]"));
    QCOMPARE(t->piece(-1), std::string("[id -1]"));
    QCOMPARE(t->token_id(" ab").value_or(-1), std::int64_t{5});
    QCOMPARE(t->token_id("<s>").value_or(-1), std::int64_t{7});
    QVERIFY(!t->token_id(" b"));
    QCOMPARE(t->vocab_size(), std::int64_t{8});
    QCOMPARE(t->kind(), std::string("byte-level BPE"));
    QCOMPARE(t->facts().sha256.size(), std::size_t{64});
}

void TestTokenizer::bos_is_the_models_own_rule() {
    const Json tells = {{"type", "TemplateProcessing"},
                        {"single", Json::parse(R"([{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}])")},
                        {"special_tokens", {{"<s>", {{"ids", {7}}}}}}};
    QCOMPARE(load_tokenizer(folder_with(small({{"post_processor", tells}})))->encode("a"), (Ids{7, 0}));
    // Nothing told: the configuration decides, and without one there is none.
    const fs::path path = folder_with(small());
    QCOMPARE(load_tokenizer(path)->encode("a"), (Ids{0}));
    write_json(path / "tokenizer_config.json", {{"add_bos_token", true}, {"bos_token", {{"content", "<s>"}}}});
    QCOMPARE(load_tokenizer(path)->encode("a"), (Ids{7, 0}));
    write_json(path / "tokenizer_config.json", {{"add_bos_token", false}});
    write_json(path / "special_tokens_map.json", {{"bos_token", "ab"}});
    QCOMPARE(load_tokenizer(path)->encode("a"), (Ids{0}));
    QCOMPARE(load_tokenizer(path)->bos_id().value_or(-1), std::int64_t{3});
    // A generation_config's id counts only if the vocabulary has it.
    const fs::path other = folder_with(small({{"added_tokens", Json::array()}}));
    write_json(other / "generation_config.json", {{"bos_token_id", 50256}});
    QVERIFY(!load_tokenizer(other)->bos_id());
    write_json(other / "generation_config.json", {{"bos_token_id", 1}});
    QCOMPARE(load_tokenizer(other)->bos_id().value_or(-1), std::int64_t{1});
}

void TestTokenizer::bos_can_be_told() {
    const auto with = load_tokenizer(folder_with(small()));
    QCOMPARE(with->prepends_bos(), false);
    QCOMPARE(with->encode("a", true), (Ids{7, 0}));
    QCOMPARE(with->encode("a", false), (Ids{0}));
    const auto without = load_tokenizer(folder_with(small({{"added_tokens", Json::array()}})));
    QVERIFY(message([&] { without->encode("a", true); }).startsWith("prepend_bos: expected false"));
}

void TestTokenizer::gpt2_files() {
    const fs::path path = folder();
    write_json(path / "vocab.json", {{"a", 0}, {"b", 1}, {"ab", 2}, {"Ġab", 3}, {"Ġ", 4}, {"<|endoftext|>", 5}});
    write_file(path / "merges.txt", "#version: 0.2\na b\nĠ ab\n");
    const auto t = load_tokenizer(path);
    QCOMPARE(t->encode("ab ab<|endoftext|>"), (Ids{2, 3, 5}));
    QCOMPARE(t->bos_id().value_or(-1), std::int64_t{5});
    write_file(path / "merges.txt", "#version: 0.2\na b\na b c\n");
    QVERIFY(message([&] { load_tokenizer(path); }).contains("merges.txt:3: expected two tokens"));
    write_file(path / "merges.txt", "b a\n");
    QVERIFY(message([&] { load_tokenizer(path); }).contains("expected tokens of the vocabulary, got \"ba\""));
}

void TestTokenizer::words() {
    const fs::path path = folder();
    write_json(path / "vocab.json", {{"<bos>", 0}, {"ann", 1}, {"and", 2}, {",", 3}});
    const auto t = load_tokenizer(path);
    QCOMPARE(t->kind(), std::string("words"));
    QCOMPARE(t->encode("ann  and ann ,\n"), (Ids{1, 2, 1, 3}));
    QCOMPARE(t->encode("ann", true), (Ids{0, 1}));
    QCOMPARE(t->decode(Ids{0, 1, 2, 1}), std::string("ann and ann"));
    QCOMPARE(t->token_id("and").value_or(-1), std::int64_t{2});
    QVERIFY(message([&] { t->encode("ann and tom"); }).contains("got \"tom\""));
    write_json(path / "vocab.json", {{"<unk>", 0}, {"ann", 1}});
    QCOMPARE(load_tokenizer(path)->encode("ann and"), (Ids{1, 0}));
}

void TestTokenizer::characters() {
    const fs::path path = folder();
    write_json(path / "vocab.json", {{"itos", {{"0", " "}, {"4", "é"}, {"2", "a"}}}});
    const auto t = load_tokenizer(path);
    QCOMPARE(t->kind(), std::string("characters"));
    QCOMPARE(t->encode("é a"), (Ids{4, 0, 2}));
    QCOMPARE(t->decode(Ids{4, 0, 2}), std::string("é a"));
    QCOMPARE(t->vocab_size(), std::int64_t{5});
    QVERIFY(message([&] { t->encode("b"); }).contains("got \"b\""));
    write_json(path / "vocab.json", Json::array({"x", "y"}));
    QCOMPARE(load_tokenizer(path)->encode("yx"), (Ids{1, 0}));
    write_json(path / "vocab.json", {{"stoi", {{"x", 5}, {"y", 3}}}});
    QCOMPARE(load_tokenizer(path)->encode("yx"), (Ids{3, 5}));
}

void TestTokenizer::longest_match() {
    const fs::path path = folder();
    write_json(path / "vocab.json", {{"a", 0}, {" b", 1}, {"ab", 2}, {" ", 3}});
    const auto t = load_tokenizer(path);
    QCOMPARE(t->kind(), std::string("longest match"));
    QCOMPARE(t->encode("aba b "), (Ids{2, 0, 1, 3}));
}

void TestTokenizer::llama2c() {
    std::string file(4, '\0');
    file[0] = 7;
    const auto add = [&file](float score, const std::string& text) {
        const auto length = static_cast<std::int32_t>(text.size());
        file.append(reinterpret_cast<const char*>(&score), 4).append(reinterpret_cast<const char*>(&length), 4).append(text);
    };
    for (const char* text : {"<unk>", "\n<s>\n", "\n</s>\n"}) add(0, text);
    for (int b = 0; b < 256; ++b) add(0, QString::asprintf("<0x%02X>", b).toStdString());
    add(-5, " "), add(-6, "a"), add(-7, "b"), add(-2, "ab"), add(-1, " a");  // 259 …
    const fs::path path = folder();
    write_file(path / "tok5.bin", file);
    write_file(path / "tokenizer.bin", "another form");
    const auto t = load_tokenizer(path);
    QCOMPARE(t->encode("ab"), (Ids{1, 263, 261}));  // " a" scores above "ab"
    QCOMPARE(t->encode("bab\n"), (Ids{1, 259, 261, 262, 13}));
    QCOMPARE(t->decode(t->encode("bab\n")), std::string("bab\n"));
    QCOMPARE(t->piece(1), std::string("<s>"));
    QCOMPARE(t->piece(0xc3 + 3), std::string("\\xc3"));
    write_file(path / "tok5.bin", file.substr(0, file.size() - 1));
    QVERIFY(message([&] { load_tokenizer(path); }).contains("tokenizer.bin: expected a llama2.c tokenizer"));
}

void TestTokenizer::unsupported_parts_are_named_data() {
    QTest::addColumn<QString>("parts");
    QTest::addColumn<QString>("want");
    const auto row = [](const char* name, const char* parts, const char* want) { QTest::newRow(name) << parts << want; };
    row("normalizer", R"({"normalizer": {"type": "BertNormalizer"}})", "tokenizer.json#/normalizer/type: expected one of");
    row("in a sequence", R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Precompiled"}]}})",
        "tokenizer.json#/normalizer/normalizers/1/type");
    row("pre-tokenizer", R"({"pre_tokenizer": {"type": "UnicodeScripts"}})", "\"UnicodeScripts\", which is not supported");
    row("decoder", R"({"decoder": {"type": "CTC"}})", "\"CTC\", which is not supported");
    row("post-processor", R"({"post_processor": {"type": "Other"}})", "\"Other\", which is not supported");
    row("model", R"({"model": {"type": "WordPiece"}})", "\"WordPiece\", which is not supported");
    row("dropout", R"({"model": {"type": "BPE", "dropout": 0.1, "vocab": {}, "merges": []}})", "/dropout: expected none");
    row("suffix", R"({"model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": {}, "merges": []}})",
        "/end_of_word_suffix: expected none");
    row("merge", R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}})",
        "/merges/0: expected tokens of the vocabulary, got \"b\"");
    row("unknown", R"({"model": {"type": "BPE", "unk_token": "u", "vocab": {"a": 0}, "merges": []}})", "/unk_token");
    row("id", R"({"model": {"type": "BPE", "vocab": {"a": 99999999999}, "merges": []}})", "ids from 0 to 16777215");
    row("ids", R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}})", "0 for \"a\" and \"b\"");
    row("pattern", R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}})",
        "expected a regular expression");
    row("class", R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "[a&&b]"}, "behavior": "Isolated"}})",
        "without intersections of classes");
    row("behavior", R"({"pre_tokenizer": {"type": "Split", "pattern": {"String": "a"}, "behavior": "Kept"}})", "\"Kept\"");
    row("template", R"({"post_processor": {"type": "TemplateProcessing", "single": [], "special_tokens": {}}})",
        "one text in the template");
    row("no model", R"({"model": null})", "tokenizer.json#/model");
}

void TestTokenizer::unsupported_parts_are_named() {
    QFETCH(QString, parts);
    QFETCH(QString, want);
    const fs::path path = folder_with(small(Json::parse(parts.toStdString())));
    const QString got = message([&] { load_tokenizer(path); });
    QVERIFY2(got.startsWith(QString::fromStdString((path / "tokenizer.json").string())) && got.contains(want), qPrintable(got));
}

void TestTokenizer::what_is_not_utf8_is_replaced() {
    const Json parts = {{"model", {{"type", "WordLevel"}, {"unk_token", "?"}, {"vocab", {{"?", 0}, {"ab\uFFFDb", 1}}}}},
                        {"pre_tokenizer", nullptr}};
    const auto t = load_tokenizer(folder_with(small(parts)));
    QCOMPARE(t->encode("ab\xff"
                       "b"),
             (Ids{1}));
    QCOMPARE(t->encode("ab\xe2\x82"
                       "b"),
             (Ids{1}));
    QCOMPARE(t->encode("ab\xff\xff"
                       "b"),
             (Ids{0}));
}

void TestTokenizer::folders_without_tokenizer() {
    const fs::path path = folder();
    QVERIFY(!has_tokenizer(path));
    QVERIFY(message([&] { load_tokenizer(path); }).contains("expected a tokenizer"));
    write_file(path / "tokenizer.model", "x");
    QVERIFY(message([&] { load_tokenizer(path); }).contains("tokenizer.model: expected a SentencePiece model"));
    write_json(path / "vocab.json", {{"a", 0}});
    QVERIFY(has_tokenizer(path));
    QVERIFY(message([&] { load_tokenizer(path / "missing.json"); }).contains("missing.json"));
}

void TestTokenizer::patterns_are_translated() {
    const std::string space = R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
    QCOMPARE(translate_pattern(R"(\s+|[^\s\p{L}]|\S|\\s|[\]s])", "p"),
             "[" + space + "]+|[^" + space + R"(\p{L}]|[^)" + space + R"(]|\\s|[\]s])");
    QCOMPARE(translate_pattern(R"(\h[]a]\d)", "p"), std::string(R"([0-9a-fA-F][]a]\d)"));
    QCOMPARE(translate_pattern(" ?[^(\\p{L}|[.,!])]+[ab]", "p"), std::string(" ?[^(\\p{L}|.,!)]+[ab]"));
    for (const char* refused : {"[a[^b]]", "[a[:alpha:]]", "[a&&b]", "(?m:.)", "(*COMMIT)", "\\R", "[\\W]", "\\K"})
        QVERIFY2(message([&] { translate_pattern(refused, "p"); }).startsWith("p: expected a pattern"), refused);
    // Intervals, as Oniguruma reads them.
    QCOMPARE(translate_pattern(R"(x\p{N}{1,3}+|(a(b))\x41{2}?|[a-c]{,2}+é{2}+a{1,2}?{x})", "p"),
             std::string(R"(x(?:\p{N}{1,3})+|(a(b))(?:\x41{2})?|(?:[a-c]{0,2})+(?:é{2})+a{1,2}?{x})"));
    QCOMPARE(translate_pattern("(?:ab|c){2,}+\\{1}", "p"), std::string("(?:(?:ab|c){2,})+\\{1}"));
    // U+30FC is used with Hiragana, and belongs to no script.
    QCOMPARE(Regex(R"(\p{Hiragana}+)", "p").stretches("\u30fc\u3072").size(), std::size_t{2});
    QCOMPARE(Regex(R"([^\p{Han}]+)", "p").stretches("\u3001a\u6f22").size(), std::size_t{2});
    // The Mongolian vowel separator is no white space; a combining mark belongs to its word.
    QCOMPARE(Regex(R"(\s)", "p").stretches("\xe1\xa0\x8e").size(), std::size_t{1});
    QVERIFY(!Regex(R"(\s)", "p").stretches("\xe1\xa0\x8e")[0].match);
    QCOMPARE(Regex(R"(\w+)", "p").stretches("e\xcc\x81").size(), std::size_t{1});
}

void TestTokenizer::slow_patterns_end() {
    const Regex slow("(a|aa)+$", "p");
    QVERIFY(message([&] { slow.stretches(std::string(200, 'a') + "b"); }).contains("reasonable time"));
    // A match that needs more than the compiled code's stack is still found.
    QCOMPARE(Regex("(?:a(?=(a|b)*c)|b)+c", "p").stretches(std::string(3000, 'a') + "c").size(), std::size_t{1});
}

void TestTokenizer::utf8() {
    QCOMPARE(to_valid_utf8("a\xff\xe2\x82z\xf0\x9f\x98\x80\xed\xa0\x80"),
             std::string("a\xef\xbf\xbd\xef\xbf\xbdz\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
    QCOMPARE(readable("a\xff\xe2\x82z\xc3\xa9"), std::string("a\\xff\\xe2\\x82z\xc3\xa9"));
    std::string all;
    for (const char32_t c : {U'\0', U'\x7f', U'\x80', U'\x7ff', U'\x800', U'\xffff', U'\x10000', U'\x10ffff'}) {
        const std::size_t at = all.size();
        append_utf8(all, c);
        QVERIFY(code_point(all, at).valid && code_point(all, at).value == c && at + code_point(all, at).bytes == all.size());
    }
    for (const char* bad : {"\xc0\x80", "\xe0\x80\x80", "\xf4\x90\x80\x80", "\x80", "\xf8", "\xe2\x82"}) QVERIFY(!code_point(bad, 0).valid);
}

QTEST_GUILESS_MAIN(TestTokenizer)
#include "test_tokenizer.moc"
