#include <QImage>
#include <QSvgRenderer>
#include <QTemporaryDir>
#include <QTest>
#include <QXmlStreamReader>

#include "core/base/error.h"
#include "core/base/files.h"
#include "tests/unit/figures/grids.h"
#include "widgets/figures/export.h"
#include "widgets/figures/heatmap_scene.h"

using namespace microtome;

namespace {

/// What an SVG holds: rectangles inside groups named cells…, elements by name, all text.
struct Svg {
    int cells = 0, images = 0, texts = 0, elements = 0;
    QStringList words;
    bool well_formed = false;

    explicit Svg(const std::string& bytes) {
        QXmlStreamReader reader(QByteArray::fromStdString(bytes));
        int depth = 0, cells_at = -1;
        while (!reader.atEnd()) {
            QXmlStreamReader::TokenType token = reader.readNext();
            if (token == QXmlStreamReader::EndElement && --depth == cells_at) cells_at = -1;
            if (token != QXmlStreamReader::StartElement) continue;
            ++elements;
            if (reader.name() == QLatin1String("g") && reader.attributes().value("id").startsWith(QLatin1String("cells"))) cells_at = depth;
            cells += cells_at >= 0 && reader.name() == QLatin1String("rect");
            images += reader.name() == QLatin1String("image");
            if (reader.name() == QLatin1String("text")) {
                words << reader.readElementText();
                continue;
            }
            ++depth;
        }
        well_formed = !reader.hasError();
    }
};

NamedView effect() {
    return {"effect", "Effect of patching (layer, position)", layers_by_positions()};
}

}  // namespace

class TestExport : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    std::filesystem::path path(const char* name) const { return folder_.filePath(name).toStdString(); }

  private Q_SLOTS:
    void svg_has_one_rectangle_a_cell() {
        NamedView panels{"patterns", "",
                         filled({{"layer", counted(2)}, {"head", counted(3)}, {"destination", sentence(7)}, {"source", sentence(7)}})};
        Grid part = layers_by_positions();
        part.mask.assign(part.size(), 1);
        part.mask[3] = part.mask[59] = 0;
        for (const NamedView& view : {effect(), panels, NamedView{"part", "", part}}) {
            const Grid& grid = std::get<Grid>(view.view);
            export_figure(view, path("cells.svg"));
            Svg svg(read_file(path("cells.svg")));
            QVERIFY(svg.well_formed);
            QCOMPARE(svg.cells, static_cast<int>(grid.size()));
            QCOMPARE(svg.images, 0);
        }
    }

    void svg_shows_the_right_colors() {
        NamedView view = effect();
        ExportOptions options;
        options.scene.values = false;
        auto scene = make_scene(view, options.scene);
        auto* map = dynamic_cast<HeatmapScene*>(scene.get());
        QVERIFY(map);
        std::string bytes = figure_svg(*scene, options);
        QSvgRenderer renderer(QByteArray::fromStdString(bytes));
        QVERIFY(renderer.isValid());
        QImage image((renderer.viewBoxF().size() * 2).toSize(), QImage::Format_RGB32);
        image.fill(Qt::magenta);
        QPainter painter(&image);
        renderer.render(&painter);
        painter.end();
        for (std::size_t r = 0; r < 4; ++r)
            for (std::size_t c = 0; c < 15; ++c)
                QVERIFY(delta_e(image.pixel((map->cell_rect(r, c).center() * 2).toPoint()),
                                map->scale().color(map->grid().values[r * 15 + c])) < 1);
        QCOMPARE(image.pixel(2, 2), qRgb(255, 255, 255));
    }

    void svg_text_is_text() {
        export_figure(effect(), path("text.svg"));
        Svg svg(read_file(path("text.svg")));
        for (const char* word : {"Effect", "Layer", "Position", "·Mary", "logit difference", "Effect of patching (layer, position)"})
            QVERIFY2(svg.words.contains(QString::fromUtf8(word)), word);
        ExportOptions options;
        options.outline_text = true;
        export_figure(effect(), path("outline.svg"), options);
        QVERIFY(Svg(read_file(path("outline.svg"))).words.isEmpty());
    }

    void large_maps_become_one_image() {
        NamedView view{"pattern", "", filled({{"destination", counted(80)}, {"source", counted(80)}}, "attention")};
        export_figure(view, path("large.svg"));
        Svg svg(read_file(path("large.svg")));
        QCOMPARE(svg.images, 1);
        QCOMPARE(svg.cells, 0);
        QVERIFY(svg.elements < 150);  // work does not grow with the cells
        QVERIFY(svg.words.contains(QStringLiteral("Destination (query)")) && svg.words.contains(QStringLiteral("Source (key)")));
        QVERIFY(QSvgRenderer(QByteArray::fromStdString(read_file(path("large.svg")))).isValid());
    }

    void size_is_as_asked() {
        ExportOptions options;
        options.width_mm = 85;
        options.height_mm = 60;
        auto scene = make_scene(effect());
        QVERIFY(figure_svg(*scene, options).find("width=\"85mm\" height=\"60mm\"") != std::string::npos);
        options.png_scale = 3;
        QImage image = figure_image(*scene, options);
        QVERIFY(std::abs(image.width() - 85 / 25.4 * 96 * 3) <= 1 && std::abs(image.height() - 60 / 25.4 * 96 * 3) <= 1);
        QVERIFY(std::abs(image.dotsPerMeterX() - 288 / 0.0254) < 1);
    }

    void manifest_round_trips() {
        ExportOptions options;
        options.manifest =
            "{\n \"schema\": 1, \"prompt\": \"<a> & \\\"b\\\" é ␤ ]]> \\u0001\",\r\n \"long\": \"" + std::string(5000, 'x') + "\"\n}";
        for (const char* name : {"m.svg", "m.pdf", "m.png"}) {
            export_figure(effect(), path(name), options);
            QCOMPARE(QString::fromStdString(read_figure_metadata(path(name))), QString::fromStdString(options.manifest));
        }
        export_figure(effect(), path("none.png"));
        QVERIFY_EXCEPTION_THROWN(read_figure_metadata(path("none.png")), Error);
        export_figure(effect(), path("none.pdf"));
        QVERIFY_EXCEPTION_THROWN(read_figure_metadata(path("none.pdf")), Error);
        write_file(path("broken.svg"), "<svg><metadata>");
        QVERIFY_EXCEPTION_THROWN(read_figure_metadata(path("broken.svg")), Error);
        QVERIFY_EXCEPTION_THROWN(read_figure_metadata(path("missing.png")), Error);
    }

    void bytes_are_the_same_again() {
        ExportOptions options;
        options.manifest = "{\"schema\": 1}";
        for (const char* name : {"a.svg", "a.pdf", "a.png"}) {
            export_figure(effect(), path(name), options);
            std::string first = read_file(path(name));
            if (std::string(name) == "a.pdf") QTest::qWait(1100);  // Qt writes seconds into a PDF
            export_figure(effect(), path(name), options);
            QVERIFY2(first == read_file(path(name)), name);
        }
        QVERIFY(read_file(path("a.pdf")).starts_with("%PDF-"));
    }

    void wrong_names_are_refused() {
        QVERIFY_EXCEPTION_THROWN(export_figure(effect(), path("a.jpg")), Error);
        QVERIFY_EXCEPTION_THROWN(export_figure(effect(), path("no/folder/a.svg")), Error);
        ExportOptions options;
        options.scene.row_axis = "neuron";
        QVERIFY_EXCEPTION_THROWN(export_figure(effect(), path("b.svg"), options), Error);
        QVERIFY(!std::filesystem::exists(path("b.svg")));
    }

    void labels_cannot_break_the_xml() {
        Grid grid{{{"position", {"<s>", "&amp;", "\"]]>", std::string("\0\x02", 2), "\xff\xfe", "\xef\xbf\xbf"}}},
                  {1, 2, 3, 4, 5, 6},
                  {},
                  {},
                  "<&>\x01"};
        ExportOptions options;
        options.scene.title = "a < b \x03";
        export_figure({"x", "", grid}, path("bad.svg"), options);
        Svg svg(read_file(path("bad.svg")));
        QVERIFY(svg.well_formed && svg.words.contains(QStringLiteral("<s>")));
    }
};

QTEST_MAIN(TestExport)
#include "test_export.moc"
