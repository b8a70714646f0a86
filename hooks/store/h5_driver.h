// Inside hooks/store: HDF5's way to the disk, through JournaledFile.
#pragma once

#include <hdf5.h>

namespace microtome::h5 {

/// Makes files opened with this access list use the driver.
void use_driver(hid_t access);

/// After H5Fflush: what was flushed counts from now on. Negative, with the reason on HDF5's error stack, if it can't be written.
herr_t commit(hid_t file);

/// Lets an open file write nothing more. HDF5 keeps unwritten metadata after a failed write and retries at close and at exit,
/// each time failing, and at exit crashing; writes that stay in memory let it close in peace.
void abandon(hid_t file);

/// On: rows too are written at the next commit only, because they may take the place of rows that count.
void set_careful(hid_t file, bool careful);

}  // namespace microtome::h5
