// Sweeps cut into parts: every part once, by whoever's turn it is; everyone has the whole outcome afterwards.
#include <QtTest>
#include <atomic>

#include "hooks/shared_parts.h"
#include "tests/unit/thread_link.h"

using namespace microtome;

namespace {

constexpr std::size_t n_cells = 23, n_pairs = 3, step = 2, n_parts = (n_cells + step - 1) / step;

double value_of(std::size_t cell, std::size_t pair) {
    return 0.1 * static_cast<double>(cell) + 1.0 / static_cast<double>(pair + 3);
}

PatchOutcome empty_outcome() {
    PatchOutcome out;
    out.values.resize(n_cells);
    out.base.resize(n_pairs);
    out.forward_rows = 7;
    return out;
}

PartValues part_of(std::size_t first, std::size_t last) {
    PartValues out{2, {}};
    for (std::size_t cell = first; cell < last; ++cell) {
        std::vector<double> pairs;
        for (std::size_t pair = 0; pair < n_pairs; ++pair) pairs.push_back(value_of(cell, pair));
        out.add(cell, pairs);
    }
    return out;
}

}  // namespace

class TestSharedParts : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void everyone_has_the_whole_outcome_data() {
        QTest::addColumn<int>("size");
        for (int size : {1, 2, 3, 16}) QTest::addRow("%d", size) << size;  // 16: more than parts
    }
    void everyone_has_the_whole_outcome() {
        QFETCH(int, size);
        std::vector<PatchOutcome> outcomes(static_cast<std::size_t>(size), empty_outcome());
        std::vector<std::size_t> cells;
        std::atomic<int> worked[n_parts] = {}, wrong = 0;
        run_ranks(size, [&](Ranks& ranks) {
            Progress progress;
            share_cells(
                size > 1 ? &ranks : nullptr, outcomes[static_cast<std::size_t>(ranks.rank())], step, "cells", progress,
                [&](std::size_t first, std::size_t last) -> std::optional<PartValues> {
                    ++worked[first / step];
                    wrong += size > 1 && !ranks.mine(first / step);
                    // The others' parts come before the leader's, and not in their order.
                    std::this_thread::sleep_for(std::chrono::milliseconds(ranks.leader() ? 5 : 3 - ranks.rank() % 3));
                    return part_of(first, last);
                },
                [&](const PatchOutcome& so_far, std::size_t first, std::size_t last) {
                    wrong += !ranks.leader();
                    for (std::size_t cell = first; cell < last; ++cell) {
                        wrong += so_far.values[cell].empty();
                        cells.push_back(cell);
                    }
                });
            ranks.end();
        });
        QCOMPARE(wrong.load(), 0);
        for (auto& count : worked) QCOMPARE(count.load(), 1);
        QCOMPARE(cells.size(), n_cells);
        for (std::size_t i = 0; i < cells.size(); ++i) QCOMPARE(cells[i], i);
        for (const PatchOutcome& out : outcomes) {
            QCOMPARE(out.forward_rows, std::int64_t(7 + 2 * n_parts));
            for (std::size_t cell = 0; cell < n_cells; ++cell)
                for (std::size_t pair = 0; pair < n_pairs; ++pair) QCOMPARE(out.values[cell][pair], value_of(cell, pair));
        }
    }

    void a_stop_at_rank_0_keeps_what_has_come() {
        std::stop_source stop;
        PatchOutcome kept = empty_outcome();
        run_ranks(2, [&](Ranks& ranks) {
            PatchOutcome out = empty_outcome();
            int parts = 0;
            Progress progress(ranks.leader() ? stop.get_token() : std::stop_token());
            try {
                share_cells(&ranks, out, step, "cells", progress,
                            [&](std::size_t first, std::size_t last) -> std::optional<PartValues> {
                                if (ranks.leader() && ++parts == 3) stop.request_stop();
                                return part_of(first, last);
                            },
                            {});
            } catch (const JobEnded&) {
            }
            if (ranks.leader()) kept = out;
            ranks.end();
        });
        // Of the first parts, none left out between them.
        const auto there = std::find_if(kept.values.begin(), kept.values.end(), [](const auto& pairs) { return pairs.empty(); });
        QVERIFY(there != kept.values.begin() && there != kept.values.end());
        QVERIFY(std::all_of(there, kept.values.end(), [](const auto& pairs) { return pairs.empty(); }));
        for (std::size_t cell = 0; cell < n_cells; ++cell)
            for (std::size_t pair = 0; pair < kept.values[cell].size(); ++pair) QCOMPARE(kept.values[cell][pair], value_of(cell, pair));
    }
};

QTEST_GUILESS_MAIN(TestSharedParts)
#include "test_shared_parts.moc"
