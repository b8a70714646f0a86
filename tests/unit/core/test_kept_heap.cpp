// Memory that is freed while a heap is kept is used again without a page fault, and goes back afterwards.
#include <sys/resource.h>
#include <unistd.h>

#include <QtTest>
#include <fstream>
#include <vector>

#include "core/kept_heap.h"

using namespace microtome;

namespace {

constexpr std::size_t size = std::size_t{8} << 20;

long faults() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return used.ru_minflt;
}

long resident_bytes() {
    long all = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * sysconf(_SC_PAGESIZE);
}

// Sixteen blocks, each written to, all dropped again. How many pages had to be fetched.
long come_and_go() {
    const long before = faults();
    std::vector<std::vector<char>> blocks;
    for (int i = 0; i < 16; ++i) blocks.emplace_back(size, static_cast<char>(i));
    return faults() - before;
}

}  // namespace

class TestKeptHeap : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void freed_memory_is_used_again_and_goes_back() {
        const long ordinary = come_and_go();
        QVERIFY(ordinary > 0);
        long kept = 0;
        {
            const KeptHeap heap;
            come_and_go();
            { const KeptHeap within; }
            QVERIFY2(20 * come_and_go() < ordinary, "the inner one took the memory away");
            kept = resident_bytes();
        }
        QVERIFY(resident_bytes() < kept - static_cast<long>(15 * size));
    }
};

QTEST_GUILESS_MAIN(TestKeptHeap)
#include "test_kept_heap.moc"
