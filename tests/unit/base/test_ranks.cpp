// Processes that share a job: who does which part, what reaches rank 0 and what comes back, mistakes of one of them, the end.
#include <QtTest>
#include <atomic>
#include <stdexcept>

#include "core/base/cores.h"
#include "core/base/ranks.h"
#include "tests/unit/thread_link.h"

using namespace microtome;

namespace {

Bytes bytes_of(std::int64_t number) {
    Packer packer;
    packer.add(number);
    return packer.take();
}

std::int64_t number_in(const Bytes& bytes) {
    return Unpacker(bytes).value<std::int64_t>();
}

}  // namespace

class TestRanks : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void what_is_packed_comes_back() {
        Packer packer;
        packer.add(std::vector<double>{1.5, -0.0, 1e-300});
        packer.add(std::string_view("über"));
        packer.add(std::int64_t{-7});
        packer.add(std::vector<int>{});
        packer.add(true);
        const Bytes bytes = packer.take();
        Unpacker from(bytes);
        QCOMPARE(from.values<double>(), (std::vector<double>{1.5, -0.0, 1e-300}));
        QCOMPARE(from.text(), "über");
        QCOMPARE(from.value<std::int64_t>(), std::int64_t{-7});
        QVERIFY(from.values<int>().empty());
        QVERIFY(from.value<bool>() && from.empty());
        for (std::size_t n = 0; n < 24; ++n) {  // cut anywhere, also inside the number of values
            Unpacker cut{std::span<const std::byte>(bytes).first(n)};
            QVERIFY_EXCEPTION_THROWN(cut.values<double>(), Error);
        }
        Bytes huge = bytes_of(-1);
        Unpacker more(huge);
        QVERIFY_EXCEPTION_THROWN(more.values<double>(), Error);
    }

    void parts_go_round() {
        std::atomic<int> done[10] = {};
        run_ranks(3, [&](Ranks& ranks) {
            for (std::size_t part = 0; part < 10; ++part) {
                if (!ranks.mine(part)) continue;
                ++done[part];
                if (ranks.owner(part) != static_cast<int>(part % 3)) done[part] += 10;
            }
        });
        for (auto& count : done) QCOMPARE(count.load(), 1);
    }

    void numbers_meet_at_rank_0_and_come_back() {
        std::atomic<int> right = 0;
        const auto wires = run_ranks(4, [&](Ranks& ranks) {
            const std::vector<Bytes> all = ranks.gather(bytes_of(10 + ranks.rank()));
            for (int i = 0; i < 4; ++i) right += number_in(all[static_cast<std::size_t>(i)]) == 10 + i;
            Bytes told = bytes_of(ranks.leader() ? 5 : -1);
            ranks.share(told);
            right += number_in(told) == 5;
            ranks.end();
        });
        QCOMPARE(right.load(), 4 * 5);
        QCOMPARE(wires->ended, 4);
        QVERIFY(wires->under_way.empty());
    }

    void messages_of_one_rank_keep_their_order() {
        std::vector<std::int64_t> got;
        run_ranks(2, [&](Ranks& ranks) {
            if (ranks.leader())
                for (int i = 0; i < 50; ++i) got.push_back(number_in(*ranks.take(1, {})));
            else
                for (int i = 0; i < 50; ++i) ranks.give(bytes_of(i));
            ranks.end();
        });
        for (int i = 0; i < 50; ++i) QCOMPARE(got[static_cast<std::size_t>(i)], i);
    }

    void a_mistake_of_one_rank_is_thrown_at_rank_0_data() {
        QTest::addColumn<bool>("internal");
        QTest::addColumn<bool>("late");
        QTest::newRow("mistake") << false << false;
        QTest::newRow("bug") << true << false;
        QTest::newRow("when rank 0 has finished") << false << true;
    }
    void a_mistake_of_one_rank_is_thrown_at_rank_0() {
        QFETCH(bool, internal);
        QFETCH(bool, late);
        std::string said;
        auto wires = std::make_shared<Wires>();
        Ranks first(std::make_unique<ThreadLink>(wires, 0, 2)), second(std::make_unique<ThreadLink>(wires, 1, 2));
        std::jthread other([&] {
            second.give(bytes_of(1));
            second.fail(Error("file.bin", "a file", "nothing"), internal);
        });
        try {
            QCOMPARE(number_in(*first.take(-1, {})), 1);
            if (late)
                first.end();
            else
                first.take(1, {});
        } catch (const std::exception& error) {
            said = error.what();
            QCOMPARE(dynamic_cast<const Error*>(&error) != nullptr, !internal);
        }
        QCOMPARE(said, internal ? "process 1: nothing" : "process 1: file.bin: expected a file, got nothing");
        // Lets the other thread go; a process would be killed by mpirun.
        ThreadLink link(wires, 0, 2);
        if (!late) Ranks(std::make_unique<ThreadLink>(wires, 0, 2)).end();
        while (late && !link.receive(1)) std::this_thread::yield();
    }

    void rank_0_does_not_wait_when_it_is_stopped() {
        auto wires = std::make_shared<Wires>();
        Ranks first(std::make_unique<ThreadLink>(wires, 0, 2));
        std::stop_source stop;
        std::jthread later([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            stop.request_stop();
        });
        QVERIFY(!first.take(-1, stop.get_token()));
    }

    void the_end_reaches_a_rank_that_waits_for_more() {
        std::atomic<int> ended = 0;
        const auto wires = run_ranks(3, [&](Ranks& ranks) {
            if (!ranks.leader()) {
                ranks.give(bytes_of(1));  // that nobody takes
                Bytes bytes;
                try {
                    ranks.share(bytes);
                } catch (const JobEnded&) {
                    ++ended;
                }
            }
            ranks.end();
        });
        QCOMPARE(ended.load(), 2);
        QCOMPARE(wires->ended, 3);
        QVERIFY(wires->under_way.empty());
    }

    void cores_are_shared_out() {
        const std::set<int> four{0, 1, 2, 3}, low{0, 1}, high{2, 3}, none;
        QCOMPARE(share_of_cores(four, {four}), 4);
        QCOMPARE(share_of_cores(four, {four, four}), 2);
        QCOMPARE(share_of_cores(four, {four, four, four}), 1);
        QCOMPARE(share_of_cores(low, {low, high}), 2);
        QCOMPARE(share_of_cores(low, {low, low, high, high}), 1);
        QCOMPARE(share_of_cores(four, {four, four, four, four, four, four}), 1);
        QCOMPARE(share_of_cores(four, {four, low}), 3);  // 2 · 1/2 + 2
        QCOMPARE(share_of_cores(none, {none}), 1);
        const std::set<int> here = allowed_cores();
        QVERIFY(!here.empty() && here.size() <= std::thread::hardware_concurrency());
        QCOMPARE(allowed_cores(static_cast<int>(QCoreApplication::applicationPid())), here);
    }

    void without_mpirun_there_is_one_process() {
        qunsetenv("OMPI_COMM_WORLD_SIZE");
        QVERIFY(!join_ranks());
        QCOMPARE(launch_of_mpirun().size, 1);
        qputenv("OMPI_COMM_WORLD_SIZE", "2");
        qputenv("OMPI_COMM_WORLD_RANK", "1");
        QCOMPARE(launch_of_mpirun().rank, 1);
        // Beside this test program lies no library that speaks MPI.
        try {
            join_ranks();
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY2(QByteArray(error.what()).startsWith("mpirun: expected one process, or a build with Open MPI"), error.what());
        }
        qunsetenv("OMPI_COMM_WORLD_SIZE");
        qunsetenv("OMPI_COMM_WORLD_RANK");
    }
};

QTEST_GUILESS_MAIN(TestRanks)
#include "test_ranks.moc"
