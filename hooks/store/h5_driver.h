// Inside hooks/store: HDF5's way to the disk. As its standard driver, but after `abandon` writes are dropped instead of failing.
#pragma once

#include <hdf5.h>

namespace microtome::h5 {

/// Makes files opened with this access list use the driver.
void use_driver(hid_t access);

/// Lets an open file write nothing more. HDF5 keeps unwritten metadata after a failed write and retries at close and at exit,
/// each time failing, and at exit crashing; dropped writes let it close in peace.
void abandon(hid_t file);

}  // namespace microtome::h5
