#pragma once

namespace microtome {

/// Parses and runs; returns the exit code: 0 done, 2 a mistake the user can mend, 3 cancelled, 1 a bug.
int run_command_line(int argc, char** argv);

}  // namespace microtome
