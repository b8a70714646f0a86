// Tiny tokenizers, checked in with the ids that Hugging Face's library gives.
#include <QTest>

#include "core/base/error.h"
#include "tokenizer_golden.h"

using namespace microtome;
namespace fs = std::filesystem;

class TestTokenizerGoldens : public QObject {
    Q_OBJECT

    const fs::path folder_ = fs::path(MICROTOME_SOURCE_DIR) / "tests/golden/tokenizers";

  private Q_SLOTS:
    void equal_data();
    void equal();
    void byte_level_is_lossless();
    void sentencepiece_models_data();
    void sentencepiece_models();
};

void TestTokenizerGoldens::equal_data() {
    QTest::addColumn<QString>("kind");
    QTest::newRow("byte_level") << "byte-level BPE";
    QTest::newRow("cl100k_like") << "byte-level BPE";
    QTest::newRow("word_level") << "words";
    QTest::newRow("words_split") << "words";
    QTest::newRow("unigram") << "Unigram";
    QTest::newRow("sentencepiece_like") << "SentencePiece BPE";
    QTest::newRow("metaspace_first") << "BPE";
    QTest::newRow("behaviors") << "BPE";
    QTest::newRow("bloom_like") << "byte-level BPE";
}

void TestTokenizerGoldens::equal() {
    QFETCH(QString, kind);
    const fs::path folder = folder_ / QTest::currentDataTag();
    const auto tokenizer = load_tokenizer(folder);
    const Json golden = read_json(folder / "golden.json");
    QVERIFY(golden["cases"].size() > 40);
    QCOMPARE(QString::fromStdString(tokenizer->kind()), kind);
    QCOMPARE(tokenizer->vocab_size(), golden["vocab_size"].get<std::int64_t>());
    const QString trouble = difference(*tokenizer, golden);
    QVERIFY2(trouble.isEmpty(), qPrintable(trouble));
}

void TestTokenizerGoldens::byte_level_is_lossless() {
    const auto tokenizer = load_tokenizer(folder_ / "byte_level");
    const Json golden = read_json(folder_ / "byte_level/golden.json");
    for (const Json& row : golden["cases"]) {
        const std::string text = row["text"].get<std::string>();
        if (text.find("<sp>") == std::string::npos) QCOMPARE(tokenizer->decode(tokenizer->encode(text), false), text);
    }
}

void TestTokenizerGoldens::sentencepiece_models_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<bool>("bos");
    QTest::newRow("spm_bpe") << "SentencePiece BPE" << true;
    QTest::newRow("spm_unigram") << "Unigram" << false;
}

// SentencePiece's own library gives ids without BOS.
void TestTokenizerGoldens::sentencepiece_models() {
    QFETCH(QString, kind);
    QFETCH(bool, bos);
    const fs::path folder = folder_ / QTest::currentDataTag();
    const auto tokenizer = load_tokenizer(folder);
    QCOMPARE(QString::fromStdString(tokenizer->kind()), kind);
    QCOMPARE(tokenizer->prepends_bos(), bos);
    const Json golden = read_json(folder / "golden.json");
    QVERIFY(golden["cases"].size() > 40);
    QCOMPARE(tokenizer->vocab_size(), golden["vocab_size"].get<std::int64_t>());
    for (const Json& row : golden["cases"]) {
        const auto ids = tokenizer->encode(row["text"].get<std::string>(), false);
        QVERIFY2(ids == ids_of(row["ids"]),
                 (row["text"].dump(-1, ' ', true) + ": got " + Json(ids).dump() + ", want " + row["ids"].dump()).c_str());
    }
    QCOMPARE(tokenizer->decode(tokenizer->encode("the stream")), std::string("the stream"));
}

QTEST_GUILESS_MAIN(TestTokenizerGoldens)
#include "test_tokenizer_goldens.moc"
