// microtome cache as a user runs it: choices of prompts and tokens, estimates, compression, kills, memory.
#include <QtTest>

#include "command.h"
#include "core/base/files.h"
#include "hooks/store/store_reader.h"
#include "kill_stores.h"

using namespace microtome;

namespace {

const QStringList model{"--model", "planted", "--threads", "1"};

Ran cache(const QStringList& arguments) {
    return microtome_command(QStringList{"cache"} + model + arguments);
}

// Texts of 2 to 15 letters; the model puts a token before them.
std::string prompt_lines(int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) {
        std::string text(1, 'a');
        for (int t = 0; t < 1 + i % 14; ++t) text += std::string(" ") + static_cast<char>('a' + (i * 5 + t * 3) % 14);
        lines += "{\"text\": \"" + text + "\", \"label\": \"" + (i % 3 ? "odd" : "third") + "\", \"group\": \"g" + std::to_string(i % 2) +
                 "\", \"spans\": {\"second\": 1}}\n";
    }
    return lines;
}

}  // namespace

class TestCache : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    QString path(const QString& name) const { return folder_.filePath(name); }
    std::filesystem::path file(const QString& name) const { return path(name).toStdString(); }
    QStringList basic(const QString& prompts = "p.jsonl") const {
        return {"--prompts", path(prompts), "--sites", "blocks.*.hook_resid_post,blocks.0.attn.hook_z,pattern", "--batch-tokens", "64"};
    }

  private Q_SLOTS:
    void initTestCase() {
        write_file(file("p.jsonl"), prompt_lines(60));
        const Ran ran = cache(basic() + QStringList{"--out", path("all.h5")});
        QVERIFY2(ran.code == 0, ran.error);
    }

    void kept_tokens_have_the_rows_of_the_whole_store_data() {
        QTest::addColumn<QString>("positions");
        QTest::newRow("last") << "last";
        QTest::newRow("ends") << "0,-1";
        QTest::newRow("role") << "role:second";
    }
    void kept_tokens_have_the_rows_of_the_whole_store() {
        QFETCH(QString, positions);
        const QString name = QString(QTest::currentDataTag()) + ".h5";
        const Ran ran = cache(basic() + QStringList{"--positions", positions, "--out", path(name)});
        QVERIFY2(ran.code == 0, ran.error);
        const StoreReader all(file("all.h5")), some(file(name));
        QVERIFY(some.chosen() && !all.chosen());
        QCOMPARE(some.prompts(), all.prompts());
        for (std::size_t p = 0; p < all.prompts(); ++p) {
            const StorePrompt whole = all.prompt(p), kept = some.prompt(p);
            const auto last = static_cast<std::int32_t>(whole.ids.size() - 1);
            std::vector<std::int32_t> expected{last};
            if (positions == "0,-1") expected = {0, last};
            if (positions == "role:second") expected = {1};
            QCOMPARE(kept.positions, expected);
            QCOMPARE(kept.text, whole.text);
            for (const StoreSite& site : all.sites()) {
                const auto from = all.read<float>(site.name, p).values, to = some.read<float>(site.name, p).values;
                const std::size_t width = site.row_values(), n = expected.size();
                for (std::size_t i = 0; i < n; ++i)
                    for (std::size_t j = 0; j < (site.pairs ? n : 1); ++j)
                        for (std::size_t k = 0; k < width; ++k) {
                            const auto q = static_cast<std::size_t>(expected[i]), s = static_cast<std::size_t>(expected[j]);
                            const std::size_t row = site.pairs ? q * whole.ids.size() + s : q;
                            QCOMPARE(to[(site.pairs ? i * n + j : i) * width + k], from[row * width + k]);
                        }
            }
        }
    }

    void prompts_are_chosen() {
        const Ran ran =
            cache(basic() + QStringList{"--where", "label=third", "--where", "group=g0", "--limit", "4", "--out", path("some.h5")});
        QVERIFY2(ran.code == 0, ran.error);
        const StoreReader some(file("some.h5")), all(file("all.h5"));
        QCOMPARE(some.prompts(), std::size_t(4));
        for (std::size_t i = 0; i < 4; ++i) {
            QCOMPARE(some.prompt(i).text, all.prompt(6 * i).text);
            QCOMPARE(some.prompt(i).label, "third");
            QCOMPARE(some.prompt(i).group, "g0");
        }
        const Ran none = cache(basic() + QStringList{"--where", "label=thrid", "--out", path("none.h5")});
        QCOMPARE(none.code, 2);
        QVERIFY2(none.error.contains("expected the label odd or third, got \"thrid\" (did you mean \"third\"?)"), none.error);
        QCOMPARE(cache(basic() + QStringList{"--where", "colour=red", "--out", path("none.h5")}).code, 2);
        QCOMPARE(cache(basic() + QStringList{"--positions", "3", "--out", path("none.h5")}).code, 2);
        QVERIFY(!QFile::exists(path("none.h5")) && !QFile::exists(path("none.h5.part")));
    }

    void an_estimate_is_near_and_writes_nothing() {
        const Ran ran = cache(basic() + QStringList{"--estimate", "--json", "--out", path("estimated.h5")});
        QVERIFY2(ran.code == 0, ran.error);
        QVERIFY(!QFile::exists(path("estimated.h5")) && !QFile::exists(path("estimated.h5.part")));
        const Json json = parse_json(ran.out.toStdString(), "stdout");
        const auto size = static_cast<double>(QFileInfo(path("all.h5")).size());
        QVERIFY(std::abs(json["bytes"].get<double>() - size) < 0.01 * size + 1e5);
        QCOMPARE(json["bytes_by_site"].size(), std::size_t(5));
        const Ran table = cache(basic() + QStringList{"--estimate"});
        QVERIFY(table.out.contains("blocks.1.attn.hook_pattern") && table.out.contains("in all"));
    }

    void compressed_is_smaller_and_equal() {
        const Ran ran = cache(basic() + QStringList{"--compress", "6", "--out", path("z.h5")});
        QVERIFY2(ran.code == 0, ran.error);
        QVERIFY(QFileInfo(path("z.h5")).size() < QFileInfo(path("all.h5")).size());
        const StoreReader all(file("all.h5")), packed(file("z.h5"));
        for (std::size_t p = 0; p < all.prompts(); ++p)
            for (const StoreSite& site : all.sites())
                QCOMPARE(packed.read<float>(site.name, p).values, all.read<float>(site.name, p).values);
        QCOMPARE(cache(basic() + QStringList{"--compress", "10", "--out", path("bad.h5")}).code, 2);
    }

    void killed_again_and_again_it_ends_equal_data() {
        QTest::addColumn<QStringList>("more");
        QTest::newRow("plain") << QStringList{};
        QTest::newRow("compressed, some tokens") << QStringList{"--compress", "3", "--positions", "0,-1"};
    }
    void killed_again_and_again_it_ends_equal() {
        QFETCH(QStringList, more);
        write_file(file("many.jsonl"), prompt_lines(1500));
        const QString whole = path("whole.h5"), cut = path("cut.h5");
        for (const QString& old : {whole, cut}) QFile::remove(old);
        const QStringList arguments = basic("many.jsonl") + more;
        QVERIFY(cache(arguments + QStringList{"--out", whole}).code == 0);
        QVERIFY(kill_store_again_and_again(QStringList{"cache"} + model + arguments, cut, 1500) > 0);
        const Ran ran = cache(arguments + QStringList{"--out", cut, "--resume"});
        QVERIFY2(ran.code == 0, ran.error);
        QVERIFY(!QFile::exists(cut + ".part") && !QFile::exists(cut + ".part.journal"));
        if (!QStandardPaths::findExecutable("h5diff").isEmpty()) QCOMPARE(QProcess::execute("h5diff", {"-c", whole, cut}), 0);
    }

    void another_choice_does_not_continue_a_store() {
        const Ran ran = cache(basic() + QStringList{"--positions", "last", "--out", path("all.h5"), "--resume"});
        QCOMPARE(ran.code, 2);
        QVERIFY2(ran.error.contains("attribute positions: expected last (this run), got all"), ran.error);
        const Ran edited = cache(basic() + QStringList{"--intervene", "zero L0.attn_out", "--out", path("all.h5"), "--resume"});
        QCOMPARE(edited.code, 2);
        QVERIFY2(edited.error.contains("attribute interventions: expected [{"), edited.error);
    }

    void memory_does_not_grow_with_the_prompts() {
        long peak[2] = {};
        std::uint64_t bytes[2] = {};
        const int counts[2] = {200, 2000};
        for (int i = 0; i < 2; ++i) {
            write_file(file("m.jsonl"), prompt_lines(counts[i]));
            const QString out = path(QString("m%1.h5").arg(i));
            const Ran ran =
                cache({"--prompts", path("m.jsonl"), "--sites", "*", "--store", "float64", "--batch-tokens", "512", "--out", out});
            QVERIFY2(ran.code == 0, ran.error);
            peak[i] = ran.peak_kb;
            bytes[i] = static_cast<std::uint64_t>(QFileInfo(out).size());
        }
        const long allowed_kb = 30'000;
        QVERIFY(bytes[1] - bytes[0] > 2 * 1024 * allowed_kb);  // it would be seen
        QVERIFY2(peak[1] - peak[0] < allowed_kb, qPrintable(QString("%1 and %2 kB").arg(peak[0]).arg(peak[1])));
    }
};

QTEST_GUILESS_MAIN(TestCache)
#include "test_cache.moc"
