// One job after the other beside the caller; what a job throws reaches whoever waits next.
#include <QtTest>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>

#include "core/base/worker.h"

using namespace microtome;

class TestWorker : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void jobs_keep_their_order_and_never_overlap() {
        std::string order;  // without a lock: jobs and the caller take turns
        std::atomic<int> running = 0, most = 0;
        Worker worker;
        for (char name : std::string("abcdefgh"))
            worker.submit([&, name] {
                most = std::max<int>(most, ++running);
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
                order += name;
                --running;
            });
        worker.wait();
        QCOMPARE(order, "abcdefgh");
        QCOMPARE(most.load(), 1);
    }

    void the_caller_goes_on_beside() {
        std::atomic<bool> go = false;
        Worker worker;
        worker.submit([&] {
            while (!go) std::this_thread::yield();
        });
        go = true;  // would never come if submit waited for its own job
        worker.wait();
    }

    void failures_come_back() {
        int done = 0;
        Worker worker;
        worker.submit([] { throw std::runtime_error("full"); });
        QVERIFY_EXCEPTION_THROWN(worker.submit([&] { ++done; }), std::runtime_error);
        worker.wait();  // told once
        QCOMPARE(done, 0);
        worker.submit([&] { ++done; });
        worker.wait();
        QCOMPARE(done, 1);
        worker.submit([] { throw std::runtime_error("full"); });
        QVERIFY_EXCEPTION_THROWN(worker.wait(), std::runtime_error);
    }

    void the_end_waits_for_the_last_job() {
        int done = 0;
        for (int i = 0; i < 200; ++i) {
            Worker worker;
            worker.submit([&] { ++done; });
        }
        QCOMPARE(done, 200);
    }
};

QTEST_GUILESS_MAIN(TestWorker)
#include "test_worker.moc"
