// The canvases alone: chips, heat map, attention text; clicks, keys, hover, and what a screen reader sees.
#include <QAccessible>
#include <QSignalSpy>
#include <QWheelEvent>
#include <QtTest>

#include "tests/gui/quiet.h"
#include "tests/unit/widgets/fake_engine.h"
#include "widgets/heatmap_view.h"
#include "widgets/pair_strip.h"
#include "widgets/theme.h"
#include "widgets/token_flow.h"

using namespace microtome;

class TestCanvas : public QObject {
    Q_OBJECT

    static std::shared_ptr<Grid> grid(int layers, int positions) {
        auto made = std::make_shared<Grid>();
        made->axes = {{"layer", {}}, {"position", {}}};
        for (int i = 0; i < layers; ++i) made->axes[0].labels.push_back(std::to_string(i));
        for (int i = 0; i < positions; ++i) made->axes[1].labels.push_back(" w" + std::to_string(i));
        for (int i = 0; i < layers * positions; ++i) made->values.push_back(i / 10.0 - 1);
        made->unit = "logit difference";
        return made;
    }
    static void show(QWidget& widget, QSize size) {
        widget.resize(size);
        widget.show();
        QVERIFY(QTest::qWaitForWindowExposed(&widget));
    }

  private Q_SLOTS:
    void initTestCase() { apply_theme(*qApp, false); }
    void init() { fail_on_warnings(); }

    void a_click_chooses_the_cell_under_it() {
        HeatmapView view;
        view.set_grid(grid(6, 9), {});
        show(view, {700, 420});
        QSignalSpy chosen(&view, &TableCanvas::chosen);
        for (int row = 0; row < 6; ++row)
            for (int column = 0; column < 9; ++column) {
                QTest::mouseClick(&view, Qt::LeftButton, {}, view.cell_rect({row, column}).center().toPoint());
                QCOMPARE(view.current_cell(), (CellIndex{row, column}));
            }
        QCOMPARE(chosen.count(), 54);
        QTest::mouseClick(&view, Qt::LeftButton, {}, QPoint(1, 1));  // beside the cells
        QCOMPARE(chosen.count(), 54);
    }

    void keys_move_the_current_cell_and_stop_at_the_edges() {
        HeatmapView view;
        view.set_grid(grid(3, 4), {});
        show(view, {500, 300});
        QSignalSpy pinned(&view, &TableCanvas::pin_requested), entered(&view, &TableCanvas::activated);
        const std::vector<std::pair<Qt::Key, CellIndex>> walk{
            {Qt::Key_Right, {0, 0}},    {Qt::Key_Right, {0, 1}}, {Qt::Key_Down, {1, 1}}, {Qt::Key_End, {1, 3}},  {Qt::Key_Right, {1, 3}},
            {Qt::Key_PageDown, {2, 3}}, {Qt::Key_Down, {2, 3}},  {Qt::Key_Home, {2, 0}}, {Qt::Key_Left, {2, 0}}, {Qt::Key_Up, {1, 0}}};
        for (const auto& [key, expected] : walk) {
            QTest::keyClick(&view, key);
            QCOMPARE(view.current_cell(), expected);
        }
        QTest::keyClick(&view, Qt::Key_Space);
        QTest::keyClick(&view, Qt::Key_Return);
        QCOMPARE(pinned.count(), 1);
        QCOMPARE(entered.count(), 1);
        QCOMPARE(pinned[0][0].toInt(), 1);
    }

    void hover_tells_the_cell_and_leaving_takes_it_back() {
        HeatmapView view;
        view.set_grid(grid(3, 4), {});
        show(view, {500, 300});
        QSignalSpy hovered(&view, &TableCanvas::hovered);
        QTest::mouseMove(&view, view.cell_rect({2, 1}).center().toPoint());
        QTRY_COMPARE(hovered.count(), 1);
        QCOMPARE(hovered[0], (QVariantList{2, 1}));
        QEvent leave(QEvent::Leave);
        QApplication::sendEvent(&view, &leave);
        QCOMPARE(hovered.last(), (QVariantList{-1, -1}));
    }

    void a_growing_map_keeps_the_current_cell_and_other_axes_drop_it() {
        HeatmapView view;
        view.set_grid(grid(3, 4), {});
        show(view, {500, 300});
        view.choose({1, 2});
        view.set_grid(grid(3, 4), {});
        QCOMPARE(view.current_cell(), (CellIndex{1, 2}));
        view.set_grid(grid(3, 5), {});
        QVERIFY(!view.current_cell().valid());
        view.set_grid(nullptr, {});
        view.set_message("nothing yet");
        QCOMPARE(view.rows(), 0);
    }

    void every_cell_shows_the_colour_of_its_value() {
        HeatmapView view;
        view.set_grid(grid(6, 9), {});
        show(view, {900, 500});
        const QImage image = view.grab().toImage();
        for (int row = 0; row < 6; ++row) {
            const QRectF box = view.cell_rect({row, 3});
            const QPoint corner = (box.topLeft() + QPointF(box.width() * 0.15, box.height() * 0.15)).toPoint();  // beside the number
            const QRgb expected = view.scene()->scale().color(view.grid()->values[view.flat({row, 3})]);
            QCOMPARE(QColor(image.pixel(corner)).name(), QColor(expected).name());
        }
    }

    void the_wheel_zooms_around_the_pointer_and_a_drag_pans() {
        HeatmapView view;
        view.set_grid(grid(12, 40), {});
        show(view, {900, 500});
        const QPointF at = view.cell_rect({6, 30}).center();
        const auto wheel = [&](QPointF point, int steps, Qt::KeyboardModifiers keys) {
            QWheelEvent event(point, view.mapToGlobal(point), {}, {0, 120 * steps}, Qt::NoButton, keys, Qt::NoScrollPhase, false);
            QApplication::sendEvent(&view, &event);
        };
        wheel(at, 1, {});
        QVERIFY(!view.zoomed());  // the plain wheel is not ours while all is shown
        wheel(at, 3, Qt::ControlModifier);
        QVERIFY(view.zoomed());
        QVERIFY(view.cell_rect({6, 30}).contains(at) ||
                std::abs(view.cell_rect({6, 30}).center().x() - at.x()) < view.cell_rect({6, 30}).width());
        QVERIFY(view.cell_rect({0, 0}).isEmpty());
        const GridWindow before = view.scene()->window();
        const QPoint from = view.cell_rect({6, 30}).center().toPoint(), to = from + QPoint(int(view.cell_rect({6, 30}).width() * 3), 0);
        QTest::mousePress(&view, Qt::LeftButton, {}, from);
        QTest::mouseMove(&view, from + QPoint(12, 0));
        QTest::mouseMove(&view, to);
        QTest::mouseRelease(&view, Qt::LeftButton, {}, to);
        QCOMPARE(view.scene()->window().col, before.col - 3);
        QVERIFY(!view.current_cell().valid());  // a drag chooses nothing
        QTest::mouseClick(&view, Qt::LeftButton, {}, from);
        QVERIFY(view.current_cell().valid());
        QTest::keyClick(&view, Qt::Key_Home);
        QVERIFY(!view.cell_rect(view.current_cell()).isEmpty());  // brought on screen
        QCOMPARE(view.scene()->window().col, std::size_t(0));
        view.set_grid(grid(12, 40), {});
        QVERIFY(view.zoomed());  // a growing sweep keeps the zoom
        view.zoom_to_all();
        QVERIFY(!view.zoomed());
        for (int i = 0; i < 40; ++i) view.zoom(1.5);
        QCOMPARE(view.scene()->window().rows, std::size_t(3));
        for (int i = 0; i < 40; ++i) view.zoom(1 / 1.5);
        QVERIFY(!view.zoomed());
    }

    void a_screen_reader_sees_a_table() {
        HeatmapView view;
        view.setAccessibleName("Patching map");
        view.set_grid(grid(3, 4), {});
        show(view, {500, 300});
        QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(&view);
        QVERIFY(interface);
        QCOMPARE(interface->role(), QAccessible::Table);
        QCOMPARE(interface->text(QAccessible::Name), QString("Patching map"));
        QAccessibleTableInterface* table = interface->tableInterface();
        QVERIFY(table);
        QCOMPARE(table->rowCount(), 3);
        QCOMPARE(table->columnCount(), 4);
        QAccessibleInterface* cell = table->cellAt(2, 1);
        QVERIFY(cell);
        QCOMPARE(cell->role(), QAccessible::Cell);
        const QString text = cell->text(QAccessible::Name);
        QVERIFY2(text.contains("−0.1") && text.contains("logit difference"), qPrintable(text));
        QCOMPARE(cell->tableCellInterface()->rowIndex(), 2);
        view.choose({2, 1});
        QVERIFY(cell->tableCellInterface()->isSelected());
        QVERIFY(table->rowDescription(2).contains("2") && table->columnDescription(1).contains("w1"));
        QCOMPARE(interface->childAt(cell->rect().center().x(), cell->rect().center().y()), cell);
        QVERIFY(!table->cellAt(3, 0));
    }

    void chips_lie_position_under_position_and_wrap() {
        fake::Control control;
        const fake::Model model(control);
        PairStrip strip;
        strip.set_state(prompt_state(model, welcome_session().prompts.front()));
        show(strip, {420, 400});
        QCOMPARE(strip.columns(), 14);
        QVERIFY(strip.heightForWidth(420) > strip.heightForWidth(2000));
        for (int column = 0; column < 14; ++column) {
            const QRectF top = strip.cell_rect({0, column}), bottom = strip.cell_rect({1, column});
            QCOMPARE(top.x(), bottom.x());
            QVERIFY(top.bottom() < bottom.top() && bottom.bottom() <= strip.heightForWidth(420) && top.right() <= 420);
        }
        QTest::mouseClick(&strip, Qt::LeftButton, {}, strip.cell_rect({1, 9}).center().toPoint());
        QCOMPARE(strip.position(strip.current_cell()), 9);
        QVERIFY(strip.cell_text({1, 9}).contains("'ann'") && strip.cell_text({1, 9}).contains("substituted") &&
                strip.cell_text({1, 9}).contains("position 9"));
        QVERIFY(strip.cell_text({0, 0}).contains("same"));
        QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(&strip);
        QVERIFY(interface->tableInterface()->cellAt(1, 9)->text(QAccessible::Name).contains("ann"));
    }

    void the_alignment_strip_shows_what_differs() {
        fake::Control control;
        const fake::Model model(control);
        PairStrip strip;
        strip.set_state(prompt_state(model, welcome_session().prompts.front()));
        show(strip, {1400, 200});
        const QImage image = strip.grab().toImage();
        const auto between = [&](int column) {
            const QRectF top = strip.cell_rect({0, column}), bottom = strip.cell_rect({1, column});
            return QColor(image.pixel(int(top.center().x()), int((top.bottom() + bottom.top()) / 2)));
        };
        const Theme theme = Theme::of(strip.palette());
        QCOMPARE(between(9).name(), theme.substituted.name());
        QCOMPARE(between(8).name(), theme.same.name());
    }

    void attention_on_the_text() {
        TokenFlow flow;
        flow.set_tokens({"when", " ann", " and", "\n"});
        flow.set_weights({0.1, 0.7, 0.2, std::nan("")}, 2);
        show(flow, {300, 80});
        QCOMPARE(flow.columns(), 4);
        QVERIFY(flow.cell_text({0, 1}).contains("attention from position 2: 0.7"));
        QVERIFY(!flow.cell_text({0, 3}).contains("attention"));
        const QImage image = flow.grab().toImage();
        const auto shade = [&](int column) {
            const QRectF box = flow.cell_rect({0, column});
            return QColor(image.pixel((box.topLeft() + QPointF(4, 4)).toPoint())).lightness();
        };
        QVERIFY(shade(1) < shade(2) && shade(2) < shade(0));
    }
};

QTEST_MAIN(TestCanvas)
#include "test_canvas.moc"
