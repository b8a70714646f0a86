// The window on the real engine: what is typed, run and saved there gives the same bits as `microtome run` of the saved session.
#include <QCheckBox>
#include <QComboBox>
#include <QDir>
#include <QProcess>
#include <QRadioButton>
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>

#include "analyses/views/serialize.h"
#include "tests/gui/quiet.h"
#include "widgets/main_window.h"
#include "widgets/numerics_dialog.h"
#include "widgets/theme.h"

using namespace microtome;

class TestRealEngine : public QObject {
    Q_OBJECT

    static constexpr int patience_ms = 120'000;  // against hangs only
    QTemporaryDir folder_;

    static void wait_until_idle(MainWindow& window) {
        QTRY_VERIFY_WITH_TIMEOUT(window.workspace().model() || !window.workspace().model_error().isEmpty(), patience_ms);
        QTRY_VERIFY_WITH_TIMEOUT(!window.workspace().jobs().busy(), patience_ms);
    }
    /// Runs `microtome run` on the CPU and reads its map.
    Result run_headless(const QString& session) const {
        const QString out = folder_.filePath("out");
        QProcess command;
        command.setProcessChannelMode(QProcess::MergedChannels);
        command.start(QStringLiteral(MICROTOME_BIN_DIR) + "/microtome", {"run", session, "--out", out, "--figures", "none", "--quiet"});
        if (!command.waitForFinished(patience_ms) || command.exitCode() != 0) qFatal("microtome run: %s", command.readAll().constData());
        return read_result((out + "/s1").toStdString());
    }
    static void compare_bits(const Grid& a, const Grid& b) {
        QCOMPARE(a.size(), b.size());
        for (std::size_t i = 0; i < a.size(); ++i) {
            const bool both_missing = std::isnan(a.values[i]) && std::isnan(b.values[i]);
            QVERIFY2(both_missing || a.values[i] == b.values[i],
                     qPrintable(QStringLiteral("cell %1: %2 and %3").arg(i).arg(a.values[i], 0, 'g', 17).arg(b.values[i], 0, 'g', 17)));
        }
    }

  private Q_SLOTS:
    void initTestCase() { apply_theme(*qApp, false); }
    void init() { fail_on_warnings(); }

    void the_window_and_the_command_give_the_same_bits_data() {
        QTest::addColumn<QString>("preset");
        QTest::newRow("layer by position") << "resid_pre";
        QTest::newRow("layer by head") << "attn_head_out_all_pos";
    }
    void the_window_and_the_command_give_the_same_bits() {
        QFETCH(QString, preset);
        MainWindow window(make_engine());
        window.open_first({});
        window.show();
        wait_until_idle(window);
        QVERIFY2(window.workspace().model(), qPrintable(window.workspace().model_error()));
        QCOMPARE(QString::fromStdString(window.workspace().model()->facts().name), QString("tinyworld"));
        QPlainTextEdit* corrupt = window.prompts()->corrupt_edit();
        corrupt->clear();
        QTest::keyClicks(corrupt, "when ann and tom went to the park , ann gave a ball to");
        window.workspace().document().edit_param("preset", preset.toStdString());
        QTest::keyClick(&window, Qt::Key_F6);
        wait_until_idle(window);
        const ShownResult& shown = window.workspace().patching();
        QVERIFY2(shown.record.has_value(), qPrintable(shown.error + window.workspace().prompts().refusal()));
        QVERIFY(shown.record->result.complete);

        const QString file = folder_.filePath("s.microtome.json");
        QVERIFY(window.save_session(file));
        const Grid here = std::get<Grid>(shown.view("effect")->view);
        compare_bits(here, std::get<Grid>(run_headless(file).find("effect")->view));
        const double value = here.values[here.size() / 2];
        const HeatmapView* map = window.patching()->map();
        QVERIFY(map->cell_text(map->cell_of_flat(here.size() / 2)).contains(std::isnan(value) ? QString("no value") : number_text(value)));
    }

    void numerics_are_chosen_in_a_dialog() {
        MainWindow window(make_engine());
        window.open_first({});
        window.show();
        wait_until_idle(window);
        auto ask = [&](const std::function<void(NumericsDialog&)>& fill) {
            window.activateWindow();
            QVERIFY(QTest::qWaitForWindowActive(&window));
            QTest::keyClick(&window, Qt::Key_N, Qt::ControlModifier | Qt::AltModifier);
            auto* dialog = window.findChild<NumericsDialog*>();
            QVERIFY(dialog);
            fill(*dialog);
            QTest::keyClick(dialog, Qt::Key_Return);
            wait_until_idle(window);
        };
        const std::string raw = window.workspace().model()->facts().sha256;
        ask([](NumericsDialog& dialog) {
            QCOMPARE(dialog.chosen().processing, std::string("raw"));
            dialog.dtype_box()->setCurrentText("float64");
            dialog.processed_button()->click();
        });
        const ModelFacts facts = window.workspace().model()->facts();
        QCOMPARE(facts.dtype, std::string("float64"));
        QVERIFY2(facts.processing.find("fold_norms") != std::string::npos || facts.processing == "processed", facts.processing.c_str());
        QCOMPARE(facts.sha256, raw);
        ask([](NumericsDialog& dialog) {
            QVERIFY(!dialog.switches()[0]->isEnabled());
            dialog.findChildren<QRadioButton*>()[2]->click();
            for (QCheckBox* box : dialog.switches()) box->setChecked(box->objectName() == "center_unembed");
        });
        QCOMPARE(window.workspace().model()->facts().processing, std::string("center_unembed"));
        const QString file = folder_.filePath("numerics.microtome.json");
        QVERIFY(window.save_session(file));
        QCOMPARE(read_session(file.toStdString()).model.processing, std::string("center_unembed"));
    }

    void a_patch_before_the_first_difference_changes_nothing() {
        MainWindow window(make_engine());
        window.open_first({});
        wait_until_idle(window);
        QVERIFY(window.workspace().run_patching());
        wait_until_idle(window);
        const PromptState& prompts = window.workspace().prompts();
        const Grid grid = std::get<Grid>(window.workspace().patching().view("effect")->view);
        const std::size_t positions = grid.axes[1].size();
        std::size_t first = 0;
        while (prompts.clean[first].id == prompts.corrupt[first].id) ++first;
        QVERIFY(first > 0 && first < positions);
        for (std::size_t layer = 0; layer < grid.axes[0].size(); ++layer)
            for (std::size_t position = 0; position < first; ++position) QCOMPARE(grid.values[layer * positions + position], 0.0);
        QVERIFY(std::abs(grid.values[first] - 1) < 1e-4);  // the whole difference enters at layer 0
    }

    void attention_rows_sum_to_one() {
        MainWindow window(make_engine());
        window.open_first({});
        wait_until_idle(window);
        const Grid* grid = window.attention()->panel()->map()->grid();
        QVERIFY(grid);
        const std::size_t n = grid->axes[0].size();
        QCOMPARE(n, window.workspace().prompts().clean.size());
        for (std::size_t row = 0; row < n; ++row) {
            double sum = 0;
            for (std::size_t column = 0; column < n; ++column) sum += grid->values[row * n + column];
            QVERIFY(std::abs(sum - 1) < 1e-5);
        }
    }
};

QTEST_MAIN(TestRealEngine)
#include "test_real_engine.moc"
