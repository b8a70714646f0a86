// The CUDA kernels against the same references; skipped where there is no GPU, no LibTorch for it or no library of ours.
#include <ATen/ATen.h>

#include <QtTest>
#include <cstdio>

#include "core/base/error.h"
#include "core/device.h"
#include "core/kernels/checks.h"
#include "core/kernels/table.h"

using namespace microtome;

class TestKernelsCuda : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void equal_their_references() {
        for (const KernelCheck& check : check_kernels(at::kCUDA))
            QVERIFY2(check.error <= check.allowed, (check.name + ": " + std::to_string(check.error)).c_str());
    }
};

int main(int argc, char** argv) {
    try {
        open_device("cuda");
    } catch (const Error& error) {
        std::printf("SKIP: %s\n", error.what());
        return 77;
    }
    if (!cuda_kernels()) {
        std::printf("SKIP: libmicrotome_cuda.so is not there\n");
        return 77;
    }
    TestKernelsCuda test;
    return QTest::qExec(&test, argc, argv);
}

#include "test_kernels_cuda.moc"
