// The program microtome-gui.
#pragma once

namespace microtome {

/// Reads the command line, shows the window, runs until it closes. The exit status is that of the command: 0, or 2 for a mistake.
int run_application(int argc, char** argv);

}  // namespace microtome
