#include <QTest>
#include <cmath>

#include "core/base/error.h"
#include "widgets/figures/colormap.h"

using namespace microtome;

namespace {

using Matrix = std::array<std::array<double, 3>, 3>;
// Machado, Oliveira and Fernandes 2009, severity 1, in linear RGB.
constexpr Matrix protanopia{{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}};
constexpr Matrix deuteranopia{{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}};
constexpr Matrix tritanopia{{{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}}};

QRgb seen(const Matrix& m, QRgb color) {
    auto linear = [](int c) { return c / 255.0 <= 0.04045 ? c / 255.0 / 12.92 : std::pow((c / 255.0 + 0.055) / 1.055, 2.4); };
    auto channel = [](double c) {
        c = std::clamp(c, 0.0, 1.0);
        return static_cast<int>(std::lround(255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1 / 2.4) - 0.055)));
    };
    double r = linear(qRed(color)), g = linear(qGreen(color)), b = linear(qBlue(color));
    auto row = [&](const std::array<double, 3>& k) { return channel(k[0] * r + k[1] * g + k[2] * b); };
    return qRgb(row(m[0]), row(m[1]), row(m[2]));
}

}  // namespace

class TestColormap : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void lab_of_known_colors() {
        Lab red = to_lab(qRgb(255, 0, 0));
        QVERIFY(std::abs(red.l - 53.24) < 0.01 && std::abs(red.a - 80.09) < 0.02 && std::abs(red.b - 67.2) < 0.02);
        QVERIFY(std::abs(to_lab(qRgb(255, 255, 255)).l - 100) < 1e-3);
        for (QRgb c : {qRgb(12, 200, 77), qRgb(0, 0, 0), qRgb(255, 254, 1)}) QCOMPARE(to_rgb(to_lab(c)), c);
    }

    void sequential_lightness_rises() {
        for (Colormap map : {Colormap::viridis, Colormap::cividis})
            for (std::size_t i = 1; i < 256; ++i) {
                QVERIFY2(to_lab(stops_of(map)[i]).l > to_lab(stops_of(map)[i - 1]).l - 0.3, name_of(map));
                if (i % 16 == 0) QVERIFY2(to_lab(stops_of(map)[i]).l > to_lab(stops_of(map)[i - 16]).l + 1, name_of(map));
            }
    }

    void viridis_is_the_published_one() {
        // Stops 0, 128 and 255 of matplotlib's table; 128 lies between two control points.
        QCOMPARE(stops_of(Colormap::viridis)[0], qRgb(0x44, 0x01, 0x54));
        QCOMPARE(stops_of(Colormap::viridis)[255], qRgb(0xfd, 0xe7, 0x25));
        QVERIFY(delta_e(stops_of(Colormap::viridis)[128], qRgb(0x21, 0x91, 0x8c)) < 2);
    }

    void diverging_is_symmetric_and_white_in_the_middle() {
        for (Colormap map : {Colormap::rd_bu_r, Colormap::pr_gn, Colormap::pu_or}) {
            const Stops& stops = stops_of(map);
            QVERIFY(to_lab(stops[127]).l > 95 && delta_e(stops[127], qRgb(255, 255, 255)) < 6 && delta_e(stops[127], stops[128]) < 3);
            for (std::size_t i = 0; i < 128; ++i) QVERIFY2(std::abs(to_lab(stops[i]).l - to_lab(stops[255 - i]).l) < 0.8, name_of(map));
            for (std::size_t i = 1; i < 128; ++i) QVERIFY2(to_lab(stops[i]).l > to_lab(stops[i - 1]).l - 0.3, name_of(map));
        }
        // Blue is negative, red is positive.
        QVERIFY(qBlue(stops_of(Colormap::rd_bu_r)[40]) > qRed(stops_of(Colormap::rd_bu_r)[40]));
        QVERIFY(qRed(stops_of(Colormap::rd_bu_r)[215]) > qBlue(stops_of(Colormap::rd_bu_r)[215]));
    }

    void ends_differ_for_every_eye() {
        for (Colormap map : all_colormaps)
            for (const Matrix& eye : {protanopia, deuteranopia, tritanopia}) {
                const Stops& stops = stops_of(map);
                QVERIFY2(delta_e(seen(eye, stops.front()), seen(eye, stops.back())) >= 20, name_of(map));
                if (is_diverging(map)) QVERIFY2(delta_e(seen(eye, stops[32]), seen(eye, stops[223])) >= 20, name_of(map));
                if (!is_diverging(map))
                    for (std::size_t i = 16; i < 256; i += 16)
                        QVERIFY2(to_lab(seen(eye, stops[i])).l > to_lab(seen(eye, stops[i - 16])).l, name_of(map));
            }
    }

    void nan_is_in_no_map() {
        for (Colormap map : all_colormaps)
            for (QRgb stop : stops_of(map)) QVERIFY2(delta_e(stop, nan_color()) > 5, name_of(map));
        for (Colormap map : all_colormaps) {
            QCOMPARE(ColorScale(map, {-1, 1}).color(NAN), nan_color());
            QCOMPARE(ColorScale(map, {-1, 1}).color(-INFINITY), nan_color());
        }
    }

    void names() {
        for (Colormap map : all_colormaps) QCOMPARE(colormap_named(name_of(map)), map);
        QVERIFY_EXCEPTION_THROWN(colormap_named("jet"), Error);
    }

    void categories_differ() {
        for (std::size_t i = 0; i < 8; ++i)
            for (std::size_t j = 0; j < i; ++j) {
                QVERIFY(delta_e(category_color(i).rgb(), category_color(j).rgb()) > 20);
                QVERIFY(delta_e(category_color(i, true).rgb(), category_color(j, true).rgb()) > 15);
                QVERIFY(category_glyph(i) != category_glyph(j));
            }
    }

    void ink_is_readable() {
        for (Colormap map : all_colormaps)
            for (QRgb stop : stops_of(map)) QVERIFY(contrast(QColor(stop), ink_on(QColor(stop))) >= 4.5);
        QVERIFY(std::abs(contrast(Qt::black, Qt::white) - 21) < 1e-9);
    }

    void norms() {
        std::vector<double> values{-1, 0.5, 3, NAN, INFINITY, 100};
        std::vector<std::uint8_t> mask{1, 1, 1, 1, 1, 0};
        auto is = [&](const Norm& norm, bool diverging, double low, double high) {
            Range range = range_of(values, mask, norm, diverging);
            return range.low == low && range.high == high;
        };
        QVERIFY(is({}, true, -3, 3));
        QVERIFY(is({}, false, -1, 3));
        QVERIFY(is({Norm::Kind::linear}, true, -1, 3));
        QVERIFY(is({Norm::Kind::symmetric}, false, -3, 3));
        QVERIFY(is({Norm::Kind::fixed, -2, 5}, true, -2, 5));
        std::vector<double> many;
        for (int i = 0; i <= 200; ++i) many.push_back(i);
        Range inner = range_of(many, {}, {Norm::Kind::percentile}, false);
        QVERIFY(inner.low == 2 && inner.high == 198);
        // Nothing finite, one value, almost zero.
        std::vector<double> none{NAN}, one{0.25}, small{0.001, 0.9};
        QVERIFY(range_of(none, {}, {}, true).low == -1 && range_of(none, {}, {}, false).low == 0);
        QVERIFY(range_of(one, {}, {}, false).low < 0.25 && range_of(one, {}, {}, false).high > 0.25);
        QVERIFY(range_of(small, {}, {}, false).low == 0 && range_of(small, {}, {Norm::Kind::linear}, false).low == 0.001);
    }

    void scale_clamps_and_centres() {
        ColorScale scale(Colormap::rd_bu_r, {-2, 2});
        QCOMPARE(scale.color(-50), stops_of(Colormap::rd_bu_r).front());
        QCOMPARE(scale.color(50), stops_of(Colormap::rd_bu_r).back());
        QVERIFY(delta_e(scale.color(0), qRgb(255, 255, 255)) < 6);
        QCOMPARE(scale.position(1), 0.75);
    }
};

QTEST_GUILESS_MAIN(TestColormap)
#include "test_colormap.moc"
