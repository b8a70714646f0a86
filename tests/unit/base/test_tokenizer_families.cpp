// The settings of published model families around two small vocabularies: ids and texts equal Hugging Face's (make_families.py).
#include <QTest>

#include "core/base/files.h"
#include "core/text/pipeline.h"
#include "core/text/utf8.h"
#include "tokenizer_golden.h"

using namespace microtome;
namespace fs = std::filesystem;

namespace {

const fs::path folder = fs::path(MICROTOME_SOURCE_DIR) / "tests/golden/tokenizers/families";

std::unique_ptr<Tokenizer> tokenizer_of(const Json& golden) {
    Json json = golden["tokenizer"];
    json["model"] = golden["options"];
    const Json vocabulary = read_json(folder / (golden["vocabulary"].get<std::string>() + ".json"));
    for (const char* key : {"vocab", "merges"}) json["model"][key] = vocabulary[key];
    return read_tokenizer_json(json, "tokenizer.json", {}, "");
}

std::string bytes_of(const std::string& hex) {
    const QByteArray bytes = QByteArray::fromHex(QByteArray::fromStdString(hex));
    return bytes.toStdString();
}

}  // namespace

class TestTokenizerFamilies : public QObject {
    Q_OBJECT

    static void every_family() {
        QTest::addColumn<QString>("file");
        for (const auto& item : fs::directory_iterator(folder)) {
            const std::string name = item.path().stem().string();
            if (name != "texts" && name != "byte_level" && name != "sentencepiece")
                QTest::newRow(name.c_str()) << QString::fromStdString(item.path().string());
        }
    }

  private Q_SLOTS:
    void short_texts_data() { every_family(); }
    void short_texts();
    void long_texts_data() { every_family(); }
    void long_texts();
    void broken_utf8_data() { every_family(); }
    void broken_utf8();
    void another_pattern_gives_other_ids();
};

void TestTokenizerFamilies::short_texts() {
    QFETCH(QString, file);
    const Json golden = read_json(file.toStdString()), texts = read_json(folder / "texts.json")["short"];
    const auto tokenizer = tokenizer_of(golden);
    QCOMPARE(tokenizer->vocab_size(), golden["vocab_size"].get<std::int64_t>());
    QVERIFY(golden["cases"].size() > texts.size());
    Json full = {{"cases", golden["cases"]}, {"decodes", golden["decodes"]}};
    for (std::size_t i = 0; i < full["cases"].size(); ++i) {
        Json& row = full["cases"][i];  // what reads back as it was given is not written out
        if (!row.contains("text")) row["text"] = texts.at(i);
        row["plain"] = Json(tokenizer->encode(row["text"].get<std::string>(), false));
        for (const char* key : {"decoded", "decoded_all"})
            if (!row.contains(key)) row[key] = row["text"];
    }
    const QString trouble = difference(*tokenizer, full);
    QVERIFY2(trouble.isEmpty(), qPrintable(trouble));
}

void TestTokenizerFamilies::long_texts() {
    QFETCH(QString, file);
    const Json golden = read_json(file.toStdString()), texts = read_json(folder / "texts.json")["long"];
    const auto tokenizer = tokenizer_of(golden);
    QCOMPARE(golden["long"].size(), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto ids = tokenizer->encode(texts[i].get<std::string>());
        QCOMPARE(ids.size(), golden["long"][i]["tokens"].get<std::size_t>());
        QCOMPARE(ids_sha256(ids), golden["long"][i]["sha256"].get<std::string>());
    }
}

// As Python's decode(errors="replace") before the reference's encode.
void TestTokenizerFamilies::broken_utf8() {
    QFETCH(QString, file);
    const Json golden = read_json(file.toStdString());
    const auto tokenizer = tokenizer_of(golden);
    for (const Json& row : golden["not_utf8"]) {
        const std::string text = bytes_of(row["hex"].get<std::string>());
        QVERIFY(to_valid_utf8(text) != text);
        QCOMPARE(Json(tokenizer->encode(text)).dump(), row["ids"].dump());
    }
}

// The shared vocabulary merges across words, so a text that is split at other places must be told apart.
void TestTokenizerFamilies::another_pattern_gives_other_ids() {
    Json golden = read_json(folder / "qwen2.json");
    const auto texts = read_json(folder / "texts.json")["long"];
    Json& pattern = golden["tokenizer"]["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"];
    std::string changed = pattern.get<std::string>();
    changed.replace(changed.find("\\p{N}|"), 6, "\\p{N}{1,3}|");
    pattern = changed;
    const auto tokenizer = tokenizer_of(golden);
    bool differs = false;
    for (std::size_t i = 0; i < texts.size(); ++i)
        differs = differs || ids_sha256(tokenizer->encode(texts[i].get<std::string>())) != golden["long"][i]["sha256"].get<std::string>();
    QVERIFY(differs);
}

QTEST_GUILESS_MAIN(TestTokenizerFamilies)
#include "test_tokenizer_families.moc"
