// Real tokenizers on whole files beside the repository: number and hash of the ids as Hugging Face's library gives them (make_families.py).
#include <QCoreApplication>
#include <QTest>
#include <cstdio>

#include "core/base/files.h"
#include "tokenizer_golden.h"

using namespace microtome;
namespace fs = std::filesystem;

namespace {

const fs::path shared = MICROTOME_SHARED_DIR;

// A text file, or a JSON list of texts to be joined.
std::string text_of(const fs::path& file, const std::string& between) {
    if (file.extension() != ".json") return read_file(file);
    std::string all;
    const Json texts = read_json(file);
    for (const Json& text : texts) all += (all.empty() ? "" : between) + text.get<std::string>();
    return all;
}

}  // namespace

class TestTokenizersFullText : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void equal_data();
    void equal();
};

void TestTokenizersFullText::equal_data() {
    QTest::addColumn<QString>("folder");
    QTest::newRow("gpt2") << "tokenizers/gpt2";
    QTest::newRow("gpt-neox-20b") << "tokenizers/gpt-neox-20b";
}

void TestTokenizersFullText::equal() {
    QFETCH(QString, folder);
    const Json golden = read_json(fs::path(MICROTOME_SOURCE_DIR) / "tests/golden/tokenizers/shared/full_text.json");
    const auto tokenizer = load_tokenizer(shared / folder.toStdString());
    int compared = 0;
    for (const Json& row : golden["files"]) {
        if (row["folder"] != folder.toStdString()) continue;
        const auto ids = tokenizer->encode(text_of(shared / row["file"].get<std::string>(), golden["joined_by"].get<std::string>()));
        QCOMPARE(ids.size(), row["tokens"].get<std::size_t>());
        QCOMPARE(ids_sha256(ids), row["sha256"].get<std::string>());
        ++compared;
    }
    QCOMPARE(compared, 3);
}

int main(int argc, char** argv) {
    if (!fs::exists(shared / "tokenizers/gpt2") || !fs::exists(shared / "data/wikitext-2/test.txt")) {
        std::fprintf(stderr, "SKIPPED: the real tokenizers and texts are not beside the repository (%s)\n", MICROTOME_SHARED_DIR);
        return 77;
    }
    QCoreApplication app(argc, argv);
    TestTokenizersFullText test;
    return QTest::qExec(&test, argc, argv);
}
#include "test_tokenizers_full_text.moc"
