#include <QTest>

#include "tests/unit/figures/heatmaps.h"

using namespace microtome;

class TestHeatmapLayout : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void text_is_never_cut_nor_overlaps_data() {
        QTest::addColumn<int>("grid");
        QTest::addColumn<QSize>("size");
        QTest::addColumn<int>("font");
        for (int grid = 0; grid < 8; ++grid)
            for (QSize size : {QSize(120, 90), QSize(320, 240), QSize(640, 480), QSize(1280, 800), QSize(300, 900)})
                for (int font : {12, 18, 24})
                    QTest::addRow("grid %d %dx%d font %d", grid, size.width(), size.height(), font) << grid << size << font;
    }
    void text_is_never_cut_nor_overlaps() {
        QFETCH(int, grid);
        QFETCH(QSize, size);
        QFETCH(int, font);
        Grid grids[] = {layers_by_positions(),
                        filled({{"layer", counted(12)}, {"head", counted(12)}}),
                        filled({{"destination", sentence(40)}, {"source", sentence(40)}}, "attention"),
                        filled({{"kind", {"resid_pre", "attn_out", "mlp_out"}}, {"layer", counted(12)}, {"position", sentence(15)}}),
                        filled({{"layer", counted(4)}, {"head", counted(4)}, {"destination", sentence(9)}, {"source", sentence(9)}}),
                        filled({{"position", sentence(15)}}),
                        filled({{"layer", counted(2)}, {"neuron", counted(2000)}}),
                        filled({{"layer", counted(12)}, {"head", counted(12)}, {"position", sentence(6)}})};
        Grid chosen = grids[grid];
        chosen.mask.assign(chosen.size(), 1);
        chosen.mask[1] = 0;
        chosen.values[0] = NAN;
        HeatmapScene scene = scene_of(chosen);
        QRectF rect(7, 11, size.width(), size.height());
        FigureStyle style = FigureStyle::dark_screen(font);
        const std::vector<PlacedText>& texts = scene.layout(rect, style).texts;
        // The size chosen for files has room for everything, so there nothing may overlap; a small screen may only lose text.
        std::vector<QRectF> rects;
        for (std::size_t i = 0; i < texts.size(); ++i) {
            QRectF own = text_rect(texts[i]);
            rects.push_back(own.adjusted(0.5, 0.5, -0.5, -0.5));
            QVERIFY2(texts[i].box.adjusted(-1, -1, 1, 1).contains(own), qPrintable(texts[i].text));
            if (size.width() < 20 * font || size.height() < 16 * font) continue;
            QVERIFY2(rect.contains(own), qPrintable(texts[i].text));
            for (std::size_t j = 0; j < i; ++j)
                QVERIFY2(!rects[i].intersects(rects[j]), qPrintable(texts[i].text + " over " + texts[j].text));
        }
    }

    void nothing_is_painted_outside() {
        HeatmapScene scene = scene_of(layers_by_positions());
        for (QSize size : {QSize(60, 40), QSize(200, 100), QSize(500, 300)}) {
            QImage image(size + QSize(40, 40), QImage::Format_RGB32);
            image.fill(Qt::magenta);
            QPainter painter(&image);
            scene.paint(painter, QRectF(QPointF(20, 20), QSizeF(size)), FigureStyle::light());
            painter.end();
            for (int x = 0; x < image.width(); ++x)
                for (int y = 0; y < image.height(); ++y)
                    if (x < 19 || y < 19 || x > size.width() + 20 || y > size.height() + 20)
                        QCOMPARE(image.pixel(x, y), QColor(Qt::magenta).rgb());
        }
    }
};

QTEST_MAIN(TestHeatmapLayout)
#include "test_heatmap_layout.moc"
