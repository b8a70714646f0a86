#include "app/commands/run_command_line.h"

int main(int argc, char** argv) {
    return microtome::run_command_line(argc, argv);
}
