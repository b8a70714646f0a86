// The planted model against its formula: every patching map that the formula predicts, cell by cell, exactly. The prediction below reads
// tokens as symbols; it never runs the model.
#include <QtTest>
#include <algorithm>

#include "analyses/runner.h"
#include "core/base/files.h"

using namespace microtome;

namespace {

using Ids = std::vector<std::int64_t>;

// What the formula says of one prompt: 0 stands for "nothing" (and for <bos>, whose values are nothing).
struct Symbols {
    Ids token, previous;               // of the stream entering layer 1
    Ids value[2], looks[2], wrote[2];  // per layer: value at each position, position attended to, token written
};

// One replaced slice: the same quantity of another run.
struct Slice {
    std::string preset;
    int layer = 0, position = -1, head = 0;  // position -1: all
    const Symbols* source = nullptr;
};

bool hits(const Slice* slice, const std::string& preset, int layer, std::size_t p) {
    if (!slice || slice->preset != preset || slice->layer != layer || slice->head != 0) return false;
    return slice->position < 0 || slice->position == static_cast<int>(p);
}

Symbols read(const Ids& ids, const Slice* slice = nullptr) {
    Symbols s;
    std::size_t n = ids.size();
    s.token = ids;
    for (std::size_t p = 0; p < n; ++p)
        if (hits(slice, "resid_pre", 0, p)) s.token[p] = slice->source->value[0][p];
    for (int layer = 0; layer < 2; ++layer) {
        for (std::size_t p = 0; p < n; ++p)
            if (layer == 1 && hits(slice, "resid_pre", 1, p)) {
                s.token[p] = slice->source->token[p];
                s.previous[p] = slice->source->previous[p];
            }
        s.value[layer] = s.token;
        for (std::size_t p = 0; p < n; ++p)
            if (hits(slice, "attn_head_v_by_pos", layer, p)) s.value[layer][p] = slice->source->value[layer][p];
        for (std::size_t p = 0; p < n; ++p) {
            std::int64_t look = p == 0 ? 0 : static_cast<std::int64_t>(p) - 1, best = -1;
            for (std::size_t from = 0; layer == 1 && from <= p; ++from) {
                bool match = s.previous[from] != 0 && s.previous[from] == s.token[p];
                std::int64_t score = 64 * match + 32 * (from == 0) + static_cast<std::int64_t>(from);
                if (score > best) best = score, look = static_cast<std::int64_t>(from);
            }
            if (hits(slice, "attn_head_pattern_by_pos", layer, p)) look = slice->source->looks[layer][p];
            s.looks[layer].push_back(look);
            s.wrote[layer].push_back(s.value[layer][static_cast<std::size_t>(look)]);
            for (const char* preset : {"attn_head_out_all_pos", "attn_head_out_by_pos", "attn_out"})
                if (hits(slice, preset, layer, p)) s.wrote[layer][p] = slice->source->wrote[layer][p];
        }
        if (layer == 0) s.previous = s.wrote[0];
    }
    return s;
}

double logit_difference(const Symbols& s, std::int64_t answer, std::int64_t foil) {
    std::int64_t said = s.wrote[1].back();
    return 10.0 * ((said == answer && said != 0) - (said == foil && said != 0));
}

}  // namespace

class TestPlanted : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void every_map_is_the_formulas_data() {
        QTest::addColumn<QString>("preset");
        QTest::addColumn<QString>("direction");
        QTest::addColumn<QString>("dtype");
        for (const char* preset :
             {"resid_pre", "attn_out", "attn_head_out_all_pos", "attn_head_out_by_pos", "attn_head_v_by_pos", "attn_head_pattern_by_pos"})
            for (const char* direction : {"denoise", "noise"})
                for (const char* dtype : {"float32", "float64"})
                    QTest::addRow("%s %s %s", preset, direction, dtype) << preset << direction << dtype;
    }

    void every_map_is_the_formulas() {
        QFETCH(QString, preset);
        QFETCH(QString, direction);
        QFETCH(QString, dtype);
        ModelOptions options;
        options.model = std::string(MICROTOME_SOURCE_DIR) + "/resources/models/planted";
        options.dtype = dtype.toStdString();
        options.device = "cpu";
        options.threads = 1;
        auto session = Session::open(options);
        int cells = 0, changed = 0;
        for (const PromptPair& pair : read_pairs(options.model + "/prompts/induction.jsonl")) {
            RunRequest request{"activation-patching",
                               {{"prompts", Json::array({to_json(pair)})},
                                {"preset", preset.toStdString()},
                                {"direction", direction.toStdString()},
                                {"metric", "logit_diff"}},
                               {},
                               0,
                               {},
                               {}};
            RunProgress progress;
            RunRecord record = run_analysis(*session, request, progress);
            const Json& tokens = record.manifest["token_ids"][0];
            Ids clean = tokens["clean"].get<Ids>(), corrupt = tokens["corrupt"].get<Ids>();
            std::int64_t answer = tokens["answer"][0], foil = tokens["foil"][0];
            const Ids &base = direction == "denoise" ? corrupt : clean, &other = direction == "denoise" ? clean : corrupt;
            Symbols source = read(other);
            double unpatched = logit_difference(read(base), answer, foil);
            const auto& grid = std::get<Grid>(record.result.views[0].view);
            std::size_t at = 0;
            auto expect = [&](int layer, int position, int head) {
                Slice slice{preset.toStdString(), layer, position, head, &source};
                double truth = logit_difference(read(base, &slice), answer, foil);
                QVERIFY2(grid.values[at] == truth, qPrintable(QString("%1 L%2 position %3 head %4: %5, formula %6")
                                                                  .arg(QString::fromStdString(pair.id))
                                                                  .arg(layer)
                                                                  .arg(position)
                                                                  .arg(head)
                                                                  .arg(grid.values[at])
                                                                  .arg(truth)));
                ++at, ++cells;
                changed += truth != unpatched;
            };
            bool by_position = preset != "attn_head_out_all_pos", heads = preset.startsWith("attn_head"),
                 head_first = preset.contains("pattern");
            int length = by_position ? static_cast<int>(base.size()) : 1;
            for (int layer = 0; layer < 2; ++layer)
                for (int i = 0; i < (head_first ? 2 : length); ++i)
                    for (int k = 0; k < (head_first ? length : heads ? 2 : 1); ++k) {
                        int position = head_first ? k : i, head = head_first ? i : k;
                        expect(layer, by_position ? position : -1, head);
                        if (QTest::currentTestFailed()) return;
                    }
            QCOMPARE(at, grid.values.size());
        }
        QVERIFY(cells > 90);
        // Replacing where a head looks changes what it says only if the other run looks elsewhere; every other preset must find the
        // circuit.
        QVERIFY(changed > 0 || preset == "attn_head_pattern_by_pos");
    }

    void the_bundled_weights_are_the_recipes() {
        QTemporaryDir made;
        QCOMPARE(QProcess::execute(MICROTOME_BIN_DIR "/microtome",
                                   {"train", MICROTOME_SOURCE_DIR "/resources/recipes/planted.json", "--out", made.path(), "--quiet"}),
                 0);
        QCOMPARE(sha256_file(made.filePath("model.safetensors").toStdString()),
                 sha256_file(MICROTOME_SOURCE_DIR "/resources/models/planted/model.safetensors"));
    }
};

QTEST_GUILESS_MAIN(TestPlanted)
#include "test_planted.moc"
