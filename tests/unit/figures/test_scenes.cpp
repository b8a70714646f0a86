#include <QImage>
#include <QTest>

#include "tests/unit/figures/grids.h"
#include "widgets/figures/curve_scene.h"
#include "widgets/figures/export.h"
#include "widgets/figures/graph_scene.h"
#include "widgets/figures/table_scene.h"
#include "widgets/figures/token_scene.h"

using namespace microtome;

namespace {

Curve curve() {
    Curve curve{"layer", "probability", {}, {{"clean", {}, {}}, {"a series with a long name, longer than its legend", {}, {}}}};
    for (int i = 0; i < 12; ++i) {
        curve.x.push_back(i);
        curve.series[0].y.push_back(i / 12.0);
        curve.series[0].sem.push_back(0.05);
        curve.series[1].y.push_back(i == 5 ? NAN : 0.5 - i / 24.0);
    }
    return curve;
}

Table table(int rows) {
    Table table{{{"head", ""}, {"effect", "logit difference"}, {"n", ""}, {"token", ""}}, {}};
    for (int i = 0; i < rows; ++i)
        table.rows.push_back({"L0.H" + std::to_string(i), 0.37 * i - 5, std::int64_t{-3 + i}, std::string(" Mary")});
    return table;
}

TokenText tokens() {
    TokenText text{sentence(36), {}, "effect", true};
    for (int i = 0; i < 36; ++i) text.values.push_back(i == 4 ? NAN : std::sin(i * 1.7));
    return text;
}

Graph graph() {
    Graph graph{{{"embed", "embed", -1, -1, -1, "embed"}}, {}, "logit difference"};
    for (int layer = 0; layer < 3; ++layer) {
        for (int head = 0; head < 4; ++head) {
            std::string name = "L" + std::to_string(layer) + ".H" + std::to_string(head);
            graph.nodes.push_back({name, "head", layer, head, -1, ""});
            graph.edges.push_back({"embed", name, head - 1.5, head == 0 ? std::optional(1.0) : std::nullopt});
            graph.edges.push_back({name, "logits", 0.1, std::nullopt});
        }
        graph.nodes.push_back({"mlp" + std::to_string(layer), "mlp", layer, -1, -1, "MLP"});
    }
    graph.nodes.push_back({"logits", "logits", -1, -1, -1, ""});
    return graph;
}

std::vector<NamedView> views() {
    Graph placed = graph();
    for (std::size_t i = 0; i < placed.nodes.size(); ++i) placed.nodes[i].position = static_cast<int>(i % 5);
    return {{"trajectory", "Probability by layer", curve()},
            {"heads", "Every head", table(30)},
            {"text", "", tokens()},
            {"circuit", "", graph()},
            {"placed", "A circuit with positions", placed},
            {"score", "One number", Scalar{0.873, "of all prompts"}}};
}

QImage grab(PlotScene& scene, const QRectF& rect, const FigureStyle& style) {
    QImage image(rect.adjusted(-20, -20, 20, 20).size().toSize(), QImage::Format_RGB32);
    image.fill(Qt::magenta);
    QPainter painter(&image);
    scene.paint(painter, rect, style);
    return image;
}

}  // namespace

class TestScenes : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void text_fits_data() {
        QTest::addColumn<int>("view");
        QTest::addColumn<QSize>("size");
        QTest::addColumn<int>("font");
        for (int view = 0; view < 6; ++view)
            for (QSize size : {QSize(100, 60), QSize(320, 240), QSize(700, 500), QSize(1400, 900)})
                for (int font : {12, 18, 24})
                    QTest::addRow("%d %dx%d font %d", view, size.width(), size.height(), font) << view << size << font;
    }
    void text_fits() {
        QFETCH(int, view);
        QFETCH(QSize, size);
        QFETCH(int, font);
        auto scene = make_scene(views()[static_cast<std::size_t>(view)], {});
        QRectF rect(QPointF(20, 20), QSizeF(size));
        QImage image = grab(*scene, rect, FigureStyle::dark_screen(font));
        for (int x = 0; x < image.width(); ++x)
            for (int y : {0, 18, size.height() + 21, image.height() - 1}) QCOMPARE(image.pixel(x, y), QColor(Qt::magenta).rgb());
        std::vector<QRectF> rects;
        for (const PlacedText& text : scene->texts()) {
            rects.push_back(text_rect(text));
            QVERIFY2(text.box.adjusted(-1, -1, 1, 1).contains(rects.back()), qPrintable(text.text));
            if (size.width() < 24 * font || size.height() < 18 * font) continue;
            QVERIFY2(rect.contains(rects.back()), qPrintable(text.text));
            for (std::size_t i = 0; i + 1 < rects.size(); ++i)
                QVERIFY2(!rects[i].adjusted(0.5, 0.5, -0.5, -0.5).intersects(rects.back().adjusted(0.5, 0.5, -0.5, -0.5)),
                         qPrintable(text.text + " over " + scene->texts()[i].text));
        }
    }

    void preferred_sizes_hold_everything() {
        for (const NamedView& view : views())
            for (double width : {0.0, 340.0, 700.0}) {
                auto scene = make_scene(view);
                FigureStyle style = FigureStyle::light();
                QSizeF size = scene->preferred_size(style, width);
                QVERIFY2(width == 0 || size.width() == width, view.name.c_str());
                QVERIFY2(size.height() > 30 && size.height() < 2000, view.name.c_str());
                grab(*scene, QRectF(QPointF(), size), style);
                for (const PlacedText& text : scene->texts()) {
                    QVERIFY2(QRectF(QPointF(), size).contains(text_rect(text)), view.name.c_str());
                    QVERIFY2(!text.text.startsWith(QStringLiteral("and ")), qPrintable(text.text));
                }
            }
    }

    void curves_pass_through_their_points() {
        auto data = std::make_shared<const Curve>(curve());
        CurveScene scene(data, {});
        QImage image = grab(scene, QRectF(0, 0, 700, 400), FigureStyle::light());
        for (std::size_t i : {0u, 3u, 11u}) {
            QPointF p = scene.position({0, i});
            QCOMPARE(image.pixel(p.toPoint()), category_color(0).rgb());
            auto hit = scene.point_at(p + QPointF(3, 0), 10);
            QVERIFY(hit && hit->series == 0 && hit->index == i);
        }
        // A band of one standard error, not two.
        double unit = (scene.position({0, 0}).y() - scene.position({0, 6}).y()) / 0.5;
        QPointF inside = scene.position({0, 8}) + QPointF(0, -0.04 * unit), outside = scene.position({0, 8}) + QPointF(0, -0.075 * unit);
        QVERIFY(qBlue(image.pixel(inside.toPoint())) > qRed(image.pixel(inside.toPoint())) + 20);
        QVERIFY(std::abs(qBlue(image.pixel(outside.toPoint())) - qRed(image.pixel(outside.toPoint()))) < 8);
        // Nothing joins the two sides of a gap.
        QPointF middle = (scene.position({1, 4}) + scene.position({1, 6})) / 2;
        QVERIFY(delta_e(image.pixel(middle.toPoint()), category_color(1).rgb()) > 30);
        QVERIFY(scene.describe({0, 3}).contains(QStringLiteral("layer 3: 0.25 ± 0.05")));
        QStringList words;
        for (const PlacedText& text : scene.texts()) words << text.text;
        QVERIFY(words.contains(QStringLiteral("clean")) && words.contains(QStringLiteral("Layer")) &&
                words.contains(QStringLiteral("probability")));
        QVERIFY(!words.contains(QStringLiteral("2.5")));  // half layers
    }

    void tables_say_what_they_leave_out() {
        auto words = [](TableScene& scene, QSize size) {
            grab(scene, QRectF(QPointF(), QSizeF(size)), FigureStyle::light());
            QStringList list;
            for (const PlacedText& text : scene.texts()) list << text.text;
            return list;
        };
        TableScene scene(std::make_shared<const Table>(table(30)), {});
        QStringList all = words(scene, {600, 800}), part = words(scene, {600, 200});
        QVERIFY(scene.shown_rows() > 0 && scene.shown_rows() < 30);
        QVERIFY(part.contains(QStringLiteral("and %1 more rows").arg(30 - scene.shown_rows())));
        QVERIFY(all.contains(QStringLiteral("L0.H29")) && all.contains(QStringLiteral("−5.0000")) && all.contains(QStringLiteral("−3")));
        QVERIFY(all.contains(QStringLiteral("·Mary")) && all.contains(QStringLiteral("Effect (logit difference)")));
    }

    void tokens_have_their_color_and_readable_ink() {
        auto data = std::make_shared<const TokenText>(tokens());
        TokenTextScene scene(data, {});
        QImage image = grab(scene, QRectF(0, 0, 700, 400), FigureStyle::dark_screen());
        for (std::size_t i = 0; i < data->tokens.size(); ++i) {
            QRectF box = scene.token_rect(i);
            QVERIFY(!box.isEmpty() && scene.token_at(box.center()) == i);
            QRgb corner = image.pixel(QPointF(box.center().x(), box.top() + 2).toPoint());  // above the letters
            QRgb wanted =
                std::isfinite(data->values[i]) ? scene.scale().color(data->values[i]) : FigureStyle::dark_screen().background.rgb();
            QVERIFY(delta_e(corner, wanted) < 2);
        }
        for (const PlacedText& text : scene.texts())
            for (std::size_t i = 0; i < data->tokens.size(); ++i)
                if (text.box == scene.token_rect(i) && std::isfinite(data->values[i]))
                    QVERIFY(contrast(text.color, QColor(scene.scale().color(data->values[i]))) >= 4.5);
    }

    void graphs_stack_layers_upwards() {
        auto data = std::make_shared<const Graph>(graph());
        GraphScene scene(data, {});
        grab(scene, QRectF(QPointF(), scene.preferred_size(FigureStyle::light())), FigureStyle::light());
        auto box = [&](const std::string& id) {
            for (std::size_t i = 0; i < data->nodes.size(); ++i)
                if (data->nodes[i].id == id) return scene.node_rect(i);
            return QRectF();
        };
        QVERIFY(box("embed").top() > box("L0.H0").bottom() && box("L0.H0").top() > box("mlp0").bottom());
        QVERIFY(box("mlp0").top() > box("L1.H0").bottom() && box("mlp2").top() > box("logits").bottom());
        QVERIFY(box("L1.H0").right() < box("L1.H1").left());
        for (std::size_t i = 0; i < data->nodes.size(); ++i) {
            QCOMPARE(scene.node_at(scene.node_rect(i).center()), std::optional(i));
            for (std::size_t j = 0; j < i; ++j) QVERIFY(!scene.node_rect(i).intersects(scene.node_rect(j)));
        }
        QCOMPARE(scene.drawn_edges().size(), data->edges.size());
    }

    void strongest_edges_are_kept() {
        Graph big{{{"a", "head", 0, 0, -1, ""}, {"b", "head", 1, 0, -1, ""}}, {}, ""};
        for (int i = 0; i < 1000; ++i) big.edges.push_back({"a", "b", i % 2 ? 1.0 * i : -1.0 * i, std::nullopt});
        big.edges.push_back({"a", "nowhere", 1e9, std::nullopt});
        auto data = std::make_shared<const Graph>(big);
        GraphScene scene(data, {});
        grab(scene, QRectF(0, 0, 700, 400), FigureStyle::light());
        QCOMPARE(scene.drawn_edges().size(), std::size_t{300});
        for (std::size_t e : scene.drawn_edges()) QVERIFY(std::abs(big.edges[e].score) >= 700 && std::abs(big.edges[e].score) < 1000);
        QStringList words;
        for (const PlacedText& text : scene.texts()) words << text.text;
        QVERIFY(words.contains(QStringLiteral("strongest 300 of 1001 edges")));
    }

    void empty_views_paint() {
        for (const View& view : {View{Curve{}}, View{Table{}}, View{TokenText{}}, View{Graph{}}, View{Scalar{NAN, ""}},
                                 View{Curve{"x", "y", {1}, {{"one", {2}, {}}}}}}) {
            auto scene = make_scene(NamedView{"empty", "", view});
            QSizeF size = scene->preferred_size(FigureStyle::light());
            grab(*scene, QRectF(QPointF(), size), FigureStyle::light());
            QVERIFY(!figure_svg(*scene, {}).empty());
        }
    }
};

QTEST_MAIN(TestScenes)
#include "test_scenes.moc"
