// The activation store in the window: opening, the tree that is read as it is looked at, slices, export, damaged files.
#include <QAbstractItemModelTester>
#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFile>
#include <QMimeData>
#include <QStatusBar>
#include <QTabWidget>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/files.h"
#include "tests/gui/quiet.h"
#include "tests/unit/store/sample_store.h"
#include "tests/unit/widgets/fake_engine.h"
#include "widgets/main_window.h"
#include "widgets/theme.h"

using namespace microtome;

class TestStoreBrowser : public QObject {
    Q_OBJECT

    static constexpr std::size_t prompts = 450;  // more than two pages of the tree
    QTemporaryDir folder_;
    fake::Control control_;
    std::unique_ptr<MainWindow> window_;

    StoreBrowser& store() { return *window_->store(); }
    QString path(const char* name) const { return folder_.filePath(QString::fromLatin1(name)); }
    void settle() { QTRY_VERIFY(!store().busy()); }

  private Q_SLOTS:
    void initTestCase() {
        apply_theme(*qApp, false);
        const auto sites = sample::sites(h5::Type::float32);
        StoreIdentity identity = sample::identity();  // the stand-in model's hash: its tokenizer labels the tokens
        StoreWriter writer(path("acts.h5").toStdString(), identity, sites, {});
        writer.add_prompts(sample::prompts(0, prompts));
        for (std::size_t s = 0; s < sites.size(); ++s)
            for (std::size_t p = 0; p < prompts; ++p) {
                const auto rows = sample::rows<float>(sites[s], p);
                writer.append(s, rows.data(), rows.size() / sites[s].row_values());
            }
        writer.finish();
    }
    void init() {
        fail_on_warnings();
        window_ = std::make_unique<MainWindow>(std::make_unique<fake::Engine>(control_));
        window_->open_first(path("acts.h5"));
        window_->show();
        QTRY_VERIFY(window_->workspace().model() && !window_->workspace().jobs().busy());
        settle();
    }
    void cleanup() { window_.reset(); }

    void the_tree_is_read_as_it_is_looked_at() {
        StoreTree* tree = store().model();
        QAbstractItemModelTester tester(tree, QAbstractItemModelTester::FailureReportingMode::QtTest);
        tester.setUseFetchMore(false);
        QCOMPARE(tree->rowCount(), int(StoreTree::group_count));
        QCOMPARE(tree->rowCount(tree->group(StoreTree::sites)), 5);
        const QModelIndex group = tree->group(StoreTree::prompts);
        QCOMPARE(tree->rowCount(group), 0);  // nothing read before it is asked for
        QVERIFY(tree->hasChildren(group));
        store().tree()->expand(group);
        QTRY_VERIFY(tree->rowCount(group) >= StoreTree::page);
        QVERIFY(tree->item(StoreTree::prompts, 3).siblingAtColumn(1).data().toString().startsWith("Prompt 3"));
        while (tree->canFetchMore(group) || store().busy()) {
            tree->fetchMore(group);  // as the view does when it is scrolled
            settle();
        }
        QCOMPARE(tree->rowCount(group), int(prompts));
        QVERIFY(!tree->canFetchMore(group));
    }

    void a_site_and_a_prompt_chosen_in_the_tree_are_shown() {
        StoreTree* tree = store().model();
        int row = 0;
        while (tree->item(StoreTree::sites, row).data().toString() != "blocks.0.attn.hook_z") ++row;
        store().tree()->setCurrentIndex(tree->item(StoreTree::sites, row));
        store().choose_prompt(7);
        store().index_box("n_heads")->setValue(2);
        settle();
        const auto site = sample::sites(h5::Type::float32)[1];
        const auto all = sample::rows<float>(site, 7);
        const HeatmapView* map = store().panel()->map();
        QVERIFY(map->grid());
        QCOMPARE(map->columns(), 5);
        for (int t = 0; t < map->rows(); ++t)
            for (int e = 0; e < 5; ++e)
                QCOMPARE(map->grid()->values[std::size_t(t * 5 + e)], double(all[std::size_t((t * 3 + 2) * 5 + e)]));
        QVERIFY(map->grid()->axes[0].labels[1].starts_with("#"));  // the tokenizer's word for the id
        QVERIFY(store().statistics().contains("min") && store().statistics().contains("zeros"));
        store().panel()->map()->choose({1, 3});
        QCOMPARE(to_string(window_->workspace().selection().current()), std::string("L0.H2.z@1"));
        store().column_box()->setCurrentIndex(0);  // heads as columns, one dimension
        settle();
        QCOMPARE(map->columns(), 3);
        QVERIFY(store().index_box("d_head")->isVisibleTo(&store()) && !store().index_box("n_heads")->isVisibleTo(&store()));
    }

    void a_pattern_is_query_by_key_or_head_by_key() {
        store().site_box()->setCurrentText("blocks.10.attn.hook_pattern");
        store().choose_prompt(3);
        settle();
        const int length = int(sample::prompt(3).ids.size());
        QCOMPARE(store().panel()->map()->columns(), length);
        QCOMPARE(store().panel()->map()->rows(), length);
        store().column_box()->setCurrentText("head");
        settle();
        QCOMPARE(store().panel()->map()->columns(), 3);
        QCOMPARE(store().index_box("key")->maximum(), length - 1);
        store().index_box("key")->setValue(length - 1);
        store().choose_prompt(2);  // shorter or longer: the index stays inside
        settle();
        QVERIFY2(store().message().isEmpty(), qPrintable(store().message()));
    }

    void gradients_are_listed_and_shown_with_what_they_are_of() {
        auto sites = sample::sites(h5::Type::float32);
        sites.resize(2);
        for (std::size_t i : {0, 1}) {
            sites.push_back(sites[i]);
            sites.back().gradient = true;
        }
        StoreIdentity identity = sample::identity();
        identity.metric = "logit_diff";
        identity.metric_run = "corrupt";
        StoreWriter writer(path("grads.h5").toStdString(), identity, sites, {});
        StorePrompt prompt = sample::prompt(7);
        prompt.question = "{}";
        prompt.metric = 2.5;
        writer.add_prompts({&prompt, 1});
        for (std::size_t s = 0; s < sites.size(); ++s) {
            auto rows = sample::rows<float>(sites[s], 7);
            if (sites[s].gradient)
                for (float& x : rows) x *= -2;
            writer.append(s, rows.data(), rows.size() / sites[s].row_values());
        }
        writer.finish();
        window_->open(path("grads.h5"));
        QTRY_COMPARE(store().file(), path("grads.h5"));
        settle();
        StoreTree* tree = store().model();
        QCOMPARE(tree->rowCount(tree->group(StoreTree::sites)), 4);
        const QModelIndex z = tree->item(StoreTree::sites, 2);
        QCOMPARE(z.data().toString(), QString("∂ blocks.0.attn.hook_z"));
        QVERIFY(z.data(Qt::ToolTipRole).toString().startsWith("Gradient of logit_diff by blocks.0.attn.hook_z\n"));
        store().tree()->setCurrentIndex(z);
        store().index_box("n_heads")->setValue(1);
        settle();
        const auto all = sample::rows<float>(sites[1], 7);
        const HeatmapView* map = store().panel()->map();
        QVERIFY(map->grid());
        for (int t = 0; t < map->rows(); ++t)
            for (int e = 0; e < 5; ++e)
                QCOMPARE(map->grid()->values[std::size_t(t * 5 + e)], -2 * double(all[std::size_t((t * 3 + 1) * 5 + e)]));
        QCOMPARE(map->grid()->unit, std::string("gradient of logit_diff"));
        store().panel()->map()->choose({1, 3});
        QCOMPARE(to_string(window_->workspace().selection().current()), std::string("L0.H1.z@1"));
        QVERIFY(
            QString::fromStdString(store().scene_options().title).startsWith("gradient of logit_diff by blocks.0.attn.hook_z, prompt 0"));
        QVERIFY(store().manifest()["metric"] == Json("logit_diff"));
        QStringList from;
        for (int row = 0; row < tree->rowCount(tree->group(StoreTree::attributes)); ++row)
            from << tree->item(StoreTree::attributes, row).siblingAtColumn(1).data().toString();
        QVERIFY(from.contains("of logit_diff, corrupt prompts"));
        const auto labels = store().findChildren<QLabel*>();
        QVERIFY(std::any_of(labels.begin(), labels.end(), [](const QLabel* label) { return label->text().contains("  (logit_diff: 2.5"); }));
    }

    void a_prompt_without_tokens_says_so() {
        store().choose_prompt(5);
        settle();
        QVERIFY(!store().panel()->map()->grid());
        QVERIFY(store().panel()->map()->message().contains("no tokens"));
    }

    void the_tab_is_closed_and_opened_again() {
        auto* tabs = window_->findChild<QTabWidget*>();
        QCOMPARE(tabs->currentWidget(), static_cast<QWidget*>(&store()));
        QTest::keyClick(window_.get(), Qt::Key_F6);
        QVERIFY(tabs->currentWidget() == window_->patching());  // what F6 computes is seen
        QTRY_VERIFY(!window_->workspace().jobs().busy());
        Q_EMIT tabs->tabCloseRequested(tabs->indexOf(&store()));
        QCOMPARE(tabs->count(), 1);
        settle();
        QVERIFY(!store().panel()->map()->grid() && store().file().isEmpty());
        window_->open(path("acts.h5"));
        settle();
        QCOMPARE(tabs->count(), 2);
        QVERIFY(store().panel()->map()->grid());
    }

    void what_is_seen_is_exported() {
        store().choose_prompt(3);
        settle();
        window_->export_figure_to(path("acts.svg"));
        QVERIFY(QFile::exists(path("acts.svg")));
        window_->export_data_to(path("acts.csv"));
        QTRY_VERIFY(QFile::exists(path("acts.csv")) && !window_->workspace().jobs().busy());
        const std::string csv = read_file(path("acts.csv").toStdString());
        QCOMPARE(std::size_t(std::count(csv.begin(), csv.end(), '\n')), store().panel()->map()->grid()->size() + 1);
        QVERIFY(read_file(path("acts.svg").toStdString()).find(std::string(64, 'a')) != std::string::npos);  // where it came from
    }

    void a_damaged_file_is_one_line_and_the_open_store_stays() {
        const std::string bytes = read_file(path("acts.h5").toStdString());
        write_file(path("cut.h5").toStdString(), bytes.substr(0, bytes.size() / 3));
        write_file(path("text.h5").toStdString(), "not a store");
        for (const char* name : {"cut.h5", "text.h5", "missing.h5"}) {
            QMimeData data;
            data.setUrls({QUrl::fromLocalFile(path(name))});
            QDragEnterEvent enter({10, 10}, Qt::CopyAction, &data, Qt::LeftButton, {});
            QApplication::sendEvent(window_.get(), &enter);
            QVERIFY(enter.isAccepted());
            QDropEvent drop(QPointF(10, 10), Qt::CopyAction, &data, Qt::LeftButton, {});
            QApplication::sendEvent(window_.get(), &drop);
            settle();
            QVERIFY2(store().message().contains(name), qPrintable(store().message()));
            QVERIFY(!store().message().contains('\n'));
            QVERIFY(window_->statusBar()->currentMessage().contains(name));
            QVERIFY(store().panel()->map()->grid());
        }
    }
};

QTEST_MAIN(TestStoreBrowser)
#include "test_store_browser.moc"
