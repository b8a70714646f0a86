// Intervals by the bootstrap: against a plain double loop over the same draws, against a closed form, and in how often they hold the truth.
#include <QtTest>
#include <algorithm>
#include <cmath>
#include <random>

#include "analyses/bootstrap.h"

using namespace microtome;

namespace {

// numpy.quantile of a whole sorted list.
double plain_quantile(std::vector<double> x, double p) {
    std::sort(x.begin(), x.end());
    const double at = p * static_cast<double>(x.size() - 1);
    const auto i = static_cast<std::size_t>(std::floor(at));
    return i + 1 < x.size() ? x[i] + (at - std::floor(at)) * (x[i + 1] - x[i]) : x[i];
}

// One cell: pairs drawn one after the other, as the book says.
Interval plain(const std::vector<double>& top, const std::vector<double>& bottom, int times, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<double> ratios;
    for (int i = 0; i < times; ++i) {
        double above = 0, below = 0;
        for (std::size_t draw = 0; draw < top.size(); ++draw) {
            const std::size_t pair = random() % top.size();
            above += top[pair], below += bottom[pair];
        }
        ratios.push_back(above / below);
    }
    return {plain_quantile(ratios, 0.025), plain_quantile(ratios, 0.975)};
}

bool near(double a, double b, double tolerance = 1e-12) {
    return std::abs(a - b) <= tolerance * (1 + std::abs(b));
}

}  // namespace

class TestBootstrap : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void quantiles_are_interpolated() {
        std::vector<double> x{5, 1, 4, 2, 3};
        QCOMPARE(quantile(x, 0.5), 3.0);
        QCOMPARE(quantile(x, 0.0), 1.0);
        QCOMPARE(quantile(x, 1.0), 5.0);
        QVERIFY(near(quantile(x, 0.9), 4.6));  // numpy.quantile([1, 2, 3, 4, 5], 0.9)
        std::vector<double> one{7};
        QCOMPARE(quantile(one, 0.3), 7.0);
    }

    void equals_a_plain_loop_data() {
        QTest::addColumn<int>("pairs");
        QTest::addColumn<int>("cells");
        QTest::addColumn<bool>("ratio");
        for (int pairs : {2, 3, 40})
            for (int cells : {1, 15, 16, 37})
                for (bool ratio : {false, true})
                    QTest::addRow("%d pairs, %d cells, %s", pairs, cells, ratio ? "ratio" : "mean") << pairs << cells << ratio;
    }
    void equals_a_plain_loop() {
        QFETCH(int, pairs);
        QFETCH(int, cells);
        QFETCH(bool, ratio);
        std::mt19937 random(7);
        std::normal_distribution<double> normal(1, 0.3);
        const auto n = static_cast<std::size_t>(pairs), m = static_cast<std::size_t>(cells);
        std::vector<double> tops(n * m), bottoms(n, 1);
        for (double& x : tops) x = normal(random);
        if (ratio)
            for (double& x : bottoms) x = 2 + normal(random);
        const auto found = bootstrap(Resamples(n, 500, 11), tops, bottoms);
        QCOMPARE(found.size(), m);
        for (std::size_t cell = 0; cell < m; ++cell) {
            std::vector<double> top;
            for (std::size_t pair = 0; pair < n; ++pair) top.push_back(tops[pair * m + cell]);
            const Interval expected = plain(top, bottoms, 500, 11);
            QVERIFY(near(found[cell].low, expected.low) && near(found[cell].high, expected.high));
            QVERIFY(found[cell].low < found[cell].high);
        }
    }

    // Of two pairs with values 0 and 1 a resample's mean is 0, 1/2 or 1 with probability 1/4, 1/2, 1/4: the middle 95 % reach from 0 to 1.
    // Of n equal ratios there is nothing to be unsure of.
    void closed_forms() {
        const auto ends = bootstrap(Resamples(2, 2000, 0), {0, 1}, {1, 1});
        QCOMPARE(ends[0].low, 0.0);
        QCOMPARE(ends[0].high, 1.0);
        const auto equal = bootstrap(Resamples(5, 300, 0), {1, 2, 3, 4, 5}, {2, 4, 6, 8, 10});
        QVERIFY(near(equal[0].low, 0.5) && near(equal[0].high, 0.5));
        // For a mean of many the interval is the normal one: ± 1.96 sd / √n.
        std::mt19937 random(3);
        std::normal_distribution<double> normal(0, 2);
        std::vector<double> x(400);
        double mean = 0, square = 0;
        for (double& v : x) v = normal(random), mean += v / 400;
        for (double v : x) square += (v - mean) * (v - mean) / 400;
        const auto wide = bootstrap(Resamples(400, 20'000, 5), x, std::vector<double>(400, 1));
        const double half = 1.96 * std::sqrt(square / 400);
        QVERIFY(std::abs(wide[0].low - (mean - half)) < 0.04 * half);
        QVERIFY(std::abs(wide[0].high - (mean + half)) < 0.04 * half);
    }

    // A ratio of means 0.6 from 60 pairs, a thousand times over: about 95 of 100 intervals hold it (a percentile interval of 60: 94).
    void intervals_hold_the_truth() {
        std::mt19937 random(1);
        std::normal_distribution<double> gap(3, 1), noise(0, 0.8);
        int held = 0;
        constexpr std::size_t pairs = 60, cells = 50;
        for (int data = 0; data < 20; ++data) {
            std::vector<double> tops, bottoms;
            std::vector<std::vector<double>> sets;
            for (std::size_t pair = 0; pair < pairs; ++pair) {
                bottoms.push_back(gap(random));
                for (std::size_t cell = 0; cell < cells; ++cell) tops.push_back(0.6 * bottoms.back() + noise(random));
            }
            for (const Interval& interval : bootstrap(Resamples(pairs, 600, static_cast<std::uint64_t>(data)), tops, bottoms))
                held += interval.low <= 0.6 && 0.6 <= interval.high;
        }
        QVERIFY2(held > 920 && held < 975, qPrintable(QString::number(held)));
    }

    void draws_are_those_of_the_seed() {
        const Resamples a(10, 50, 4), b(10, 50, 4), c(10, 50, 5);
        bool other = false;
        for (std::size_t i = 0; i < 50; ++i) {
            double drawn = 0;
            for (const auto& [pair, count] : a.draws()[i]) drawn += count;
            QCOMPARE(drawn, 10.0);
            QCOMPARE(a.draws()[i].size(), b.draws()[i].size());
            for (std::size_t k = 0; k < a.draws()[i].size(); ++k) QCOMPARE(a.draws()[i][k].pair, b.draws()[i][k].pair);
            other = other || a.draws()[i].size() != c.draws()[i].size();
        }
        QVERIFY(other);
    }

    void no_interval_where_there_is_none() {
        for (const auto& found :
             {bootstrap(Resamples(1, 100, 0), {1}, {1}), bootstrap(Resamples(3, 0, 0), {1, 2, 3}, {1, 1, 1}),
              bootstrap(Resamples(3, 100, 0), {1, std::nan(""), 3}, {1, 1, 1}), bootstrap(Resamples(3, 100, 0), {1, 2, 3}, {0, 0, 0})}) {
            QCOMPARE(found.size(), std::size_t{1});
            QVERIFY(std::isnan(found[0].low) && std::isnan(found[0].high));
        }
        QVERIFY(bootstrap(Resamples(0, 100, 0), {}, {}).empty());
        // Resamples without a gap are left out, the others count.
        const auto some = bootstrap(Resamples(2, 1000, 0), {1, 3}, {1, -1});
        QCOMPARE(some[0].low, -3.0);
        QCOMPARE(some[0].high, 1.0);
    }

    // A large map stays quick: the bound is loose, for slow machines and sanitizers.
    void a_large_map_is_quick() {
        constexpr std::size_t pairs = 100, cells = 10'000;
        std::mt19937 random(2);
        std::uniform_real_distribution<double> uniform;
        std::vector<double> tops(pairs * cells), bottoms(pairs);
        for (double& x : tops) x = uniform(random);
        for (double& x : bottoms) x = 1 + uniform(random);
        QElapsedTimer timer;
        timer.start();
        const auto found = bootstrap(Resamples(pairs, 1000, 0), tops, bottoms);
        const qint64 took = timer.elapsed();
        qInfo("10,000 cells, 100 pairs, 1000 resamples: %lld ms", static_cast<long long>(took));
        QCOMPARE(found.size(), cells);
        QVERIFY(took < 60'000);
    }
};

QTEST_GUILESS_MAIN(TestBootstrap)
#include "test_bootstrap.moc"
