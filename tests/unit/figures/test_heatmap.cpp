#include <QTest>

#include "core/base/error.h"
#include "tests/unit/figures/heatmaps.h"

using namespace microtome;

class TestHeatmap : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void colors_equal_the_table_data() {
        QTest::addColumn<bool>("dark");
        QTest::addColumn<double>("ratio");
        for (bool dark : {false, true})
            for (double ratio : {1.0, 1.5, 2.0}) QTest::addRow("%s %.1f", dark ? "dark" : "light", ratio) << dark << ratio;
    }
    void colors_equal_the_table() {
        QFETCH(bool, dark);
        QFETCH(double, ratio);
        SceneOptions options;
        options.values = false;
        HeatmapScene scene = scene_of(layers_by_positions(), options);
        QImage image = grab(scene, {640, 400}, dark ? FigureStyle::dark_screen() : FigureStyle::light(), ratio);
        for (std::size_t r = 0; r < 4; ++r)
            for (std::size_t c = 0; c < 15; ++c)
                QCOMPARE(at(image, scene.cell_rect(r, c).center()), scene.scale().color(scene.grid().values[r * 15 + c]) | 0xff000000);
    }

    void rows_are_the_axis_before_the_last() {
        Grid grid = filled({{"layer", counted(2)}, {"position", sentence(3)}, {"head", counted(4)}});
        GridSlices slices(grid, "", "");
        QCOMPARE(slices.row_name(), std::string("position"));
        QCOMPARE(slices.panels(), std::size_t{2});
        QCOMPARE(slices.flat(1, 2, 3), std::size_t{1 * 12 + 2 * 4 + 3});
        GridSlices turned(grid, "head", "layer");
        QCOMPARE(turned.panels(), std::size_t{3});
        QCOMPARE(turned.flat(2, 3, 1), std::size_t{1 * 12 + 2 * 4 + 3});
        for (const GridSlices* s : {&slices, &turned})
            for (std::size_t i = 0; i < grid.size(); ++i) {
                GridSlices::Place place = s->place(i);
                QCOMPARE(s->flat(place.panel, place.row, place.col), i);
            }
        QCOMPARE(slices.panel_title(1, false), QStringLiteral("layer 1"));
        QVERIFY_EXCEPTION_THROWN(GridSlices(grid, "neuron", ""), Error);
        QVERIFY_EXCEPTION_THROWN(GridSlices(grid, "head", "head"), Error);
    }

    void places_round_trip() {
        for (const Grid& grid :
             {layers_by_positions(), filled({{"layer", counted(3)}, {"head", counted(2)}, {"dest", sentence(5)}, {"src", sentence(5)}})}) {
            HeatmapScene scene = scene_of(grid);
            scene.layout(QRectF(0, 0, 700, 600), FigureStyle::light());
            for (std::size_t i = 0; i < grid.size(); ++i) {
                GridSlices::Place place = scene.slices().place(i);
                QRectF cell = scene.cell_rect(place.row, place.col, place.panel);
                std::optional<GridSlices::Place> hit = scene.cell_at(cell.center());
                QVERIFY(hit && scene.slices().flat(hit->panel, hit->row, hit->col) == i);
            }
            QVERIFY(!scene.cell_at({1, 1}));
        }
    }

    void windows_show_their_cells() {
        SceneOptions options;
        options.values = false;
        HeatmapScene scene = scene_of(layers_by_positions(8, 30), options);
        scene.set_window({2, 3, 10, 5});
        QImage image = grab(scene, {500, 300}, FigureStyle::light());
        QVERIFY(scene.cell_rect(0, 0).isNull() && !scene.cell_rect(4, 14).isNull());
        QCOMPARE(at(image, scene.cell_rect(4, 14).center()), scene.scale().color(scene.grid().values[4 * 30 + 14]) | 0xff000000);
        QCOMPARE(scene.cell_at(scene.cell_rect(3, 11).center())->col, std::size_t{11});
    }

    void missing_cells_are_hatched() {
        Grid grid = layers_by_positions();
        grid.mask.assign(grid.size(), 1);
        grid.mask[20] = 0;
        grid.values[20] = 99;  // must not be shown, nor widen the scale
        grid.values[21] = NAN;
        HeatmapScene scene = scene_of(grid);
        QVERIFY(scene.scale().range().high < 2);
        FigureStyle style = FigureStyle::light();
        QImage image = grab(scene, {640, 400}, style, 2);
        QRectF cell = scene.cell_rect(1, 5);
        int background = 0, dark = 0, all = 0;
        for (double x = cell.left() + 2; x < cell.right() - 2; x += 0.5)
            for (double y = cell.top() + 2; y < cell.bottom() - 2; y += 0.5, ++all) {
                QRgb pixel = at(image, {x, y});
                background += pixel == style.background.rgb();
                dark += qGray(pixel) < 220;
                QVERIFY(std::abs(qRed(pixel) - qBlue(pixel)) < 12);  // lines and paper only, no colour of the map
            }
        QVERIFY(background > all / 4 && dark > all / 20);
        QCOMPARE(at(image, scene.cell_rect(1, 6).center()), nan_color());
        QVERIFY(scene.describe({0, 1, 5}).endsWith(QStringLiteral("not computed")));
        QVERIFY(scene.describe({0, 1, 6}).endsWith(QStringLiteral("no value")));
        QStringList keys;
        for (const PlacedText& text : scene.texts()) keys << text.text;
        QVERIFY(keys.contains(QStringLiteral("not computed")) && keys.contains(QStringLiteral("no value")));
    }

    void approximate_is_told_apart_from_exact() {
        Grid exact = layers_by_positions(), approximate = exact;
        approximate.approximate = "first order";
        HeatmapScene scenes[] = {scene_of(exact), scene_of(approximate)};
        for (int i = 0; i < 2; ++i) {
            HeatmapScene& scene = scenes[i];
            grab(scene, {900, 500}, FigureStyle::light());
            QStringList said;
            int numbers = 0, italic = 0;
            for (const PlacedText& text : scene.texts()) {
                said << text.text;
                bool number = false;
                QString(text.text).replace(QChar(0x2212), '-').toDouble(&number);
                if (!number || !scene.cell_at(text.box.center())) continue;
                ++numbers;
                italic += text.font.italic();
            }
            QCOMPARE(numbers, 60);
            QCOMPARE(italic, i ? 60 : 0);
            QCOMPARE(said.contains(QStringLiteral("approximate (first order)")), i == 1);                       // the legend
            QCOMPARE(said.join('\n').contains(QStringLiteral("Approximate (first order) · a model")), i == 1);  // the caption
            QCOMPARE(scene.describe({0, 1, 5}).contains(QStringLiteral(": ≈ ")), i == 1);
            QCOMPARE(scene.describe({0, 1, 5}).endsWith(QStringLiteral("approximate (first order)")), i == 1);
        }
        // The frame: a line, or dashes with gaps that show the paper.
        SceneOptions plain;
        plain.values = false;
        for (int i = 0; i < 2; ++i) {
            HeatmapScene scene = scene_of(i ? approximate : exact, plain);
            QImage image = grab(scene, {900, 500}, FigureStyle::light(), 4);
            const QRectF first = scene.cell_rect(0, 0), last = scene.cell_rect(0, 14);
            int paper = 0, all = 0;
            for (double x = first.left() + 2; x < last.right() - 2; x += 0.25, ++all)
                paper += at(image, {x, first.top() - 0.4}) == 0xffffffff;
            QVERIFY2(i ? paper > all / 4 && paper < 3 * all / 4 : paper == 0, qPrintable(QStringLiteral("%1 of %2").arg(paper).arg(all)));
        }
    }

    void color_bar_ticks_are_true() {
        for (const Norm& norm : {Norm{}, Norm{Norm::Kind::percentile}, Norm{Norm::Kind::fixed, -0.5, 2}}) {
            SceneOptions options;
            options.norm = norm;
            options.values = false;
            HeatmapScene scene = scene_of(filled({{"layer", counted(12)}, {"head", counted(12)}}), options);
            QImage image = grab(scene, {640, 640}, FigureStyle::light(), 2);
            const HeatmapLayout& layout = scene.layout(QRectF(0, 0, 640, 640), FigureStyle::light());
            int numbers = 0;
            for (const PlacedText& text : layout.texts) {
                QString plain = text.text;
                bool number = false;
                double value = plain.replace(QChar(0x2212), '-').toDouble(&number);
                if (!number || text.box.left() < layout.bar.right()) continue;
                ++numbers;
                double y = text.box.center().y();
                double there = scene.scale().range().low +
                               (layout.bar.bottom() - y) / layout.bar.height() * (scene.scale().range().high - scene.scale().range().low);
                QVERIFY(std::abs(there - value) < 1e-6);
                if (value > scene.scale().range().low && value < scene.scale().range().high)
                    QVERIFY(delta_e(at(image, {layout.bar.center().x(), y}), scene.scale().color(value)) < 4);
            }
            QVERIFY(numbers >= 3);
        }
    }

    void values_are_written_where_there_is_room() {
        auto count = [](HeatmapScene& scene, QSizeF size) {
            int n = 0;
            for (const PlacedText& text : scene.layout(QRectF(QPointF(), size), FigureStyle::light()).texts)
                n += text.text == QStringLiteral("−1.30");
            return n;
        };
        Grid grid = layers_by_positions();
        grid.values.assign(grid.size(), -1.3);
        HeatmapScene scene = scene_of(grid);
        QCOMPARE(count(scene, {900, 500}), 60);
        QCOMPARE(count(scene, {300, 300}), 0);
        SceneOptions options;
        options.values = false;
        HeatmapScene without = scene_of(grid, options);
        QCOMPARE(count(without, {900, 500}), 0);
    }

    void doubtful_cells_are_marked() {
        Grid grid = layers_by_positions();
        grid.sem.assign(grid.size(), 0);
        SceneOptions options;
        options.values = false;
        HeatmapScene sure = scene_of(grid, options);
        QImage before = grab(sure, {640, 400}, FigureStyle::light());
        grid.sem[17] = 5;
        HeatmapScene unsure = scene_of(grid, options);
        QImage after = grab(unsure, {640, 400}, FigureStyle::light());
        auto marked = [](HeatmapScene& scene, const QImage& image, std::size_t r, std::size_t c) {
            QRectF cell = scene.cell_rect(r, c);
            return at(image, cell.bottomRight() - QPointF(3.6, 3.6)) != at(image, cell.center());
        };
        QVERIFY(marked(unsure, after, 1, 2) && !marked(unsure, after, 1, 3) && !marked(sure, before, 1, 2));
        QVERIFY(unsure.describe({0, 1, 2}).contains(QStringLiteral("± 5 (SEM)")));
    }

    void images_have_the_same_colors_as_rectangles() {
        Grid grid = filled({{"row", counted(90)}, {"column", counted(90)}});  // 8,100 cells
        grid.mask.assign(grid.size(), 1);
        grid.mask[5] = 0;
        HeatmapScene scene = scene_of(grid);
        QImage image = grab(scene, {1200, 900}, FigureStyle::light());
        QVERIFY(scene.cell_rect(0, 0).width() > 2);
        for (std::size_t i = 0; i < grid.size(); i += 7) {
            QPointF center = scene.cell_rect(i / 90, i % 90).center();
            QCOMPARE(at(image, center - QPointF(0.5, 0.5)), scene.scale().color(grid.values[i]) | 0xff000000);
        }
        // Smaller than a pixel: every pixel is a mean, so no colour is further out than the ends; the hatched cell still is no colour of
        // the map.
        Grid fine = filled({{"row", counted(600)}, {"column", counted(600)}});
        fine.values.assign(fine.size(), 0.25);
        HeatmapScene dense = scene_of(fine);
        QImage small = grab(dense, {300, 300}, FigureStyle::light());
        QCOMPARE(at(small, dense.cell_rect(300, 300).center()), dense.scale().color(0.25) | 0xff000000);
    }

    void negative_cells_can_be_hatched() {
        SceneOptions options;
        options.values = false;
        options.hatch_negative = true;
        HeatmapScene scene = scene_of(layers_by_positions(), options);
        QImage image = grab(scene, {640, 400}, FigureStyle::light(), 2);
        for (std::size_t i = 0; i < 60; ++i) {
            QRectF cell = scene.cell_rect(i / 15, i % 15).adjusted(2, 2, -2, -2);
            int lines = 0;
            for (double x = cell.left(); x < cell.right(); ++x)
                lines += delta_e(at(image, {x, cell.center().y()}), scene.scale().color(scene.grid().values[i])) > 4;
            QCOMPARE(lines > 0, scene.grid().values[i] < 0);
        }
    }

    void empty_and_constant_grids_paint() {
        for (const Grid& grid : {Grid{}, Grid{{{"layer", {}}}, {}, {}, {}, "x"}, Grid{{{"layer", {"0"}}}, {0.0}, {}, {}, ""},
                                 Grid{{{"layer", {"0"}}}, {NAN}, {}, {}, ""}}) {
            HeatmapScene scene = scene_of(grid);
            QSizeF size = scene.preferred_size(FigureStyle::light());
            QVERIFY(size.width() > 0 && size.height() > 0);
            grab(scene, size.toSize(), FigureStyle::light());
        }
    }
};

QTEST_MAIN(TestHeatmap)
#include "test_heatmap.moc"
