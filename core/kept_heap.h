// Work that makes and drops large tensors again and again.
#pragma once

namespace microtome {

/// While one lives, freed memory stays with the program: tensors of megabytes come and go in every layer, and pages that go back to the
/// system are cleared before they are lent again. When the last one ends, what is free goes back. For any thread; glibc alone (else
/// nothing).
class KeptHeap {
  public:
    KeptHeap();
    ~KeptHeap();
    KeptHeap(const KeptHeap&) = delete;
    KeptHeap& operator=(const KeptHeap&) = delete;
};

}  // namespace microtome
