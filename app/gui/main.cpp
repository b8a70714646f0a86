// The desktop app. Everything lies in widgets/.
#include "widgets/application.h"

int main(int argc, char** argv) {
    return microtome::run_application(argc, argv);
}
