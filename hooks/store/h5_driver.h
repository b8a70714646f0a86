// Inside hooks/store: HDF5's way to the disk, through JournaledFile.
#pragma once

#include <hdf5.h>

#include <optional>
#include <string>

namespace microtome::h5 {

/// Makes files opened with this access list use the driver.
void use_driver(hid_t access);

/// After H5Fflush: what was flushed counts from now on. Negative, with the reason on HDF5's error stack, if it can't be written.
herr_t commit(hid_t file);

/// HDF5 does not survive a write that fails: what it was flushing stays locked, closing fails half-way, and the exit handler crashes on the
/// rest. So it never hears of one: the driver keeps such bytes in memory, and the reason here, for whoever made the call (`check`).
/// `forget_failure` before the call, `failure` after it; per thread. Every later commit of that file fails as well.
void forget_failure();
const std::optional<std::string>& failure();

/// Lets an open file write nothing more, and close in peace.
void abandon(hid_t file);

/// On: rows too are written at the next commit only, because they may take the place of rows that count.
void set_careful(hid_t file, bool careful);

}  // namespace microtome::h5
