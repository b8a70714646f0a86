// Loops over threads: every part once, on several threads, and what happens to errors.
#include <ATen/Parallel.h>

#include <QtTest>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/parallel.h"

using namespace microtome;

class TestParallel : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void every_number_once_data() {
        QTest::addColumn<int>("n");
        QTest::addColumn<int>("grain");
        QTest::newRow("nothing") << 0 << 1;
        QTest::newRow("one") << 1 << 1;
        QTest::newRow("fewer than a grain") << 7 << 100;
        QTest::newRow("ends with a part") << 1001 << 10;
    }
    void every_number_once() {
        QFETCH(int, n);
        QFETCH(int, grain);
        std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
        parallel_for(n, grain, [&](std::int64_t from, std::int64_t to) {
            for (std::int64_t i = from; i < to; ++i) ++seen[static_cast<std::size_t>(i)];
        });
        QVERIFY(std::all_of(seen.begin(), seen.end(), [](const std::atomic<int>& times) { return times == 1; }));
    }

    // Two threads that wait for each other: on one this would never end.
    void on_several_threads() {
        const int before = at::get_num_threads();
        at::set_num_threads(2);
        std::atomic<int> there = 0;
        bool met[2] = {};
        parallel_for(2, 1, [&](std::int64_t from, std::int64_t to) {
            ++there;
            for (int i = 0; i < 10'000 && there < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            for (std::int64_t k = from; k < to; ++k) met[k] = there == 2;
        });
        at::set_num_threads(before);
        QVERIFY(met[0] && met[1]);
    }

    void an_error_comes_through() {
        QVERIFY_EXCEPTION_THROWN(parallel_for(100, 1,
                                              [](std::int64_t from, std::int64_t) {
                                                  if (from == 0) throw std::runtime_error("part");
                                              }),
                                 std::runtime_error);
    }
};

QTEST_GUILESS_MAIN(TestParallel)
#include "test_parallel.moc"
