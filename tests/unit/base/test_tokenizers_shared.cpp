// Real tokenizers beside the repository: their ids equal Hugging Face's. Without them the whole program is skipped, out loud.
#include <QCoreApplication>
#include <QElapsedTimer>
#include <QTest>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/files.h"
#include "tokenizer_golden.h"

using namespace microtome;
namespace fs = std::filesystem;

class TestTokenizersShared : public QObject {
    Q_OBJECT

    const fs::path goldens_ = fs::path(MICROTOME_SOURCE_DIR) / "tests/golden/tokenizers/shared", shared_ = MICROTOME_SHARED_DIR;

    static QString first_difference(const Tokenizer& a, const Tokenizer& b, const Json& golden) {
        for (const Json& row : golden["cases"]) {
            const std::string text = row["text"].get<std::string>();
            // Only tokenizer.json knows specials inside a text, and only llama2.c's file tells ▁ from a space.
            if (text.find("<s>") == std::string::npos && text.find("▁") == std::string::npos && a.encode(text) != b.encode(text))
                return QString::fromStdString(text);
        }
        return {};
    }

  private Q_SLOTS:
    void equal_data();
    void equal();
    void gpt2_from_vocabulary_and_merges();
    void llama2c_file_equals_the_json();
    void characters();
    void long_text_is_fast_data();
    void long_text_is_fast();
};

void TestTokenizersShared::equal_data() {
    QTest::addColumn<bool>("bos");
    QTest::newRow("gpt2") << false;
    QTest::newRow("gpt-neox-20b") << false;
    QTest::newRow("tinystories-656k") << true;
    QTest::newRow("stories260K") << true;
}

void TestTokenizersShared::equal() {
    QFETCH(bool, bos);
    const Json golden = read_json(goldens_ / (QTest::currentDataTag() + std::string(".json")));
    const auto tokenizer = load_tokenizer(shared_ / golden["folder"].get<std::string>());
    QCOMPARE(tokenizer->prepends_bos(), bos);
    QCOMPARE(tokenizer->vocab_size(), golden["vocab_size"].get<std::int64_t>());
    const QString trouble = difference(*tokenizer, golden);
    QVERIFY2(trouble.isEmpty(), qPrintable(trouble));
    if (bos) QCOMPARE(tokenizer->decode(tokenizer->encode("Once upon a time")), std::string("Once upon a time"));
}

void TestTokenizersShared::gpt2_from_vocabulary_and_merges() {
    const auto tokenizer = load_tokenizer(shared_ / "tokenizers/gpt2/merges.txt");
    const Json golden = read_json(goldens_ / "gpt2.json");
    const QString trouble = difference(*tokenizer, golden);
    QVERIFY2(trouble.isEmpty(), qPrintable(trouble));
    for (const Json& row : golden["cases"])
        QCOMPARE(tokenizer->decode(tokenizer->encode(row["text"].get<std::string>()), false), row["text"].get<std::string>());
    QCOMPARE(tokenizer->token_id(" Mary").value_or(-1), std::int64_t{5335});
    QCOMPARE(tokenizer->piece(5335), std::string(" Mary"));
    QCOMPARE(tokenizer->piece(447), std::string("\\xe2\\x80"));
    QCOMPARE(tokenizer->bos_id().value_or(-1), std::int64_t{50256});
    QCOMPARE(tokenizer->encode("Hi", true).front(), std::int64_t{50256});
}

void TestTokenizersShared::llama2c_file_equals_the_json() {
    const fs::path folder = shared_ / "models/stories260K";
    const auto json = load_tokenizer(folder), binary = load_tokenizer(folder / "tok512.bin");
    QCOMPARE(json->kind(), std::string("SentencePiece BPE"));
    const Json golden = read_json(goldens_ / "stories260K.json");
    QCOMPARE(first_difference(*json, *binary, golden), QString());
    QCOMPARE(binary->piece(1), std::string("<s>"));
    const auto ids = binary->encode("Once upon a time");
    QCOMPARE(binary->decode(ids), std::string("Once upon a time"));
    QCOMPARE(binary->prepends_bos(), true);
}

void TestTokenizersShared::characters() {
    const auto sort = load_tokenizer(shared_ / "models/gpt-nano-sort");
    QCOMPARE(sort->kind(), std::string("characters"));
    QCOMPARE(sort->encode("CAB"), (std::vector<std::int64_t>{2, 0, 1}));
    const auto stories = load_tokenizer(shared_ / "models/mini-gpt2-tinystories-char");
    QCOMPARE(stories->encode("A b\n"), (std::vector<std::int64_t>{35, 2, 67, 1}));
    QCOMPARE(stories->piece(61), std::string("[id 61]"));
    QVERIFY_EXCEPTION_THROWN(stories->encode("é"), Error);
}

void TestTokenizersShared::long_text_is_fast_data() {
    QTest::addColumn<QString>("folder");
    for (const char* folder : {"tokenizers/gpt2", "tokenizers/gpt-neox-20b", "models/tinystories-656k"}) QTest::newRow(folder) << folder;
}

// 100 kB in well under a second on one core; the deadline is there to catch quadratic time.
void TestTokenizersShared::long_text_is_fast() {
    QFETCH(QString, folder);
    const auto tokenizer = load_tokenizer(shared_ / folder.toStdString());
    std::string text;
    while (text.size() < 100000)
        text += "Once upon a time, there was a little girl named Lily" + std::to_string(text.size()) +
                ". She loved to play outside in the park.\n";
    text += std::string(20000, 'a') + std::string(20000, ' ');
    QElapsedTimer timer;
    timer.start();
    const auto ids = tokenizer->encode(text);
    const auto elapsed = timer.elapsed();
    qInfo("%lld ms for %zu bytes, %zu ids", static_cast<long long>(elapsed), text.size(), ids.size());
    QVERIFY(ids.size() > 1000);
    QVERIFY(elapsed < 5000);
}

int main(int argc, char** argv) {
    if (!fs::exists(fs::path(MICROTOME_SHARED_DIR) / "tokenizers/gpt2")) {
        std::fprintf(stderr, "SKIPPED: the real tokenizers are not beside the repository (%s)\n", MICROTOME_SHARED_DIR);
        return 77;
    }
    QCoreApplication app(argc, argv);
    TestTokenizersShared test;
    return QTest::qExec(&test, argc, argv);
}
#include "test_tokenizers_shared.moc"
