// How long the window takes: from the start of the process, its libraries included, to the first frame and to the bundled model ready.
#include <unistd.h>
#include <QApplication>
#include <QFile>
#include <QTextStream>
#include <QTimer>
#include <ctime>

#include "widgets/main_window.h"
#include "widgets/theme.h"

using namespace microtome;

namespace {

/// Seconds since this process was started (Linux: field 22 of /proc/self/stat, in ticks since boot).
double since_start() {
    QFile file(QStringLiteral("/proc/self/stat"));
    if (!file.open(QIODevice::ReadOnly)) return 0;
    const QByteArray line = file.readAll();
    const QList<QByteArray> fields = line.mid(line.lastIndexOf(')') + 2).split(' ');
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9 -
           fields.value(19).toDouble() / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    QTextStream out(stdout);
    out << "main: " << since_start() << " s\n";
    QApplication app(argc, argv);
    apply_theme(app, false);
    MainWindow window(make_engine());
    window.open_first({});
    window.show();
    (void)window.grab();
    out << "first frame: " << since_start() << " s\n";
    QObject::connect(&window.workspace(), &Workspace::model_changed, &window, [&] {
        (void)window.grab();
        out << "model ready: " << since_start() << " s (target 1.5 s)\n";
        out.flush();
        QCoreApplication::exit(window.workspace().model() ? 0 : 2);
    });
    return QApplication::exec();
}
