#include "widgets/application.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QTextStream>
#include <QTimer>
#include <optional>
#include <variant>

#include "widgets/main_window.h"
#include "widgets/theme.h"

namespace microtome {
namespace {

struct Arguments {
    QString open, screenshot, theme;
    QSize size;
    double scale = 1;
};

/// Qt reads the scale factor before the parser can run.
void take_scale(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; ++i)
        if (QLatin1String(argv[i]) == QLatin1String("--scale")) qputenv("QT_SCALE_FACTOR", argv[i + 1]);
}

std::optional<QSize> size_of(const QString& text) {
    const QStringList parts = text.split(QLatin1Char('x'));
    const QSize size = parts.size() == 2 ? QSize(parts[0].toInt(), parts[1].toInt()) : QSize();
    return size.width() > 0 && size.height() > 0 ? std::optional(size) : std::nullopt;
}

/// The arguments, or the text of a mistake.
std::variant<Arguments, QString> arguments_of(const QApplication& app) {
    QCommandLineParser parser;
    parser.setApplicationDescription(QStringLiteral("See which layers, positions and heads of a transformer carry a behaviour."));
    parser.addHelpOption();
    parser.addVersionOption();
    parser.addPositionalArgument(QStringLiteral("what"),
                                 QStringLiteral("A session file, a model folder or the name of a bundled model, an activation store."),
                                 QStringLiteral("[SESSION|MODEL|ACTIVATIONS]"));
    parser.addOptions(
        {{QStringLiteral("screenshot"), QStringLiteral("Run the sweep, write the window as a PNG file and quit."), QStringLiteral("file")},
         {QStringLiteral("size"), QStringLiteral("Size of the window, for example 1400x900."), QStringLiteral("size"),
          QStringLiteral("1400x900")},
         {QStringLiteral("theme"), QStringLiteral("light or dark."), QStringLiteral("theme")},
         {QStringLiteral("scale"), QStringLiteral("Scale factor of the screen, for example 2."), QStringLiteral("factor")}});
    parser.process(app);
    Arguments arguments;
    arguments.open = parser.positionalArguments().value(0);
    arguments.screenshot = parser.value(QStringLiteral("screenshot"));
    arguments.theme = parser.value(QStringLiteral("theme"));
    const auto size = size_of(parser.value(QStringLiteral("size")));
    if (!size) return QStringLiteral("--size: expected WIDTHxHEIGHT, got %1").arg(parser.value(QStringLiteral("size")));
    arguments.size = *size;
    if (!QStringList{QString(), QStringLiteral("light"), QStringLiteral("dark")}.contains(arguments.theme))
        return QStringLiteral("--theme: expected light or dark, got %1").arg(arguments.theme);
    return arguments;
}

/// Grabs the window once the sweep and the attention patterns are there; fails instead of waiting forever.
void shoot(MainWindow& window, const QString& file) {
    Workspace& workspace = window.workspace();
    QObject::connect(&workspace, &Workspace::failed, &window, [](const QString& text) {
        QTextStream(stderr) << text << '\n';
        QCoreApplication::exit(2);
    });
    auto* timer = new QTimer(&window);
    timer->setInterval(20);
    QObject::connect(timer, &QTimer::timeout, &window, [&window, &workspace, timer, file, started = false]() mutable {
        if (!workspace.model() || workspace.jobs().busy()) return;
        if (!started) {
            started = true;
            if (!workspace.patching().record && !workspace.run_patching()) {
                QTextStream(stderr) << workspace.prompts().refusal() << '\n';
                QCoreApplication::exit(2);
            }
            return;
        }
        timer->stop();
        QCoreApplication::exit(window.grab().save(file) ? 0 : 2);
    });
    timer->start();
}

int fail(const QString& text) {
    QTextStream(stderr) << text << '\n';
    return 2;
}

}  // namespace

int run_application(int argc, char** argv) {
    take_scale(argc, argv);
    QApplication::setHighDpiScaleFactorRoundingPolicy(Qt::HighDpiScaleFactorRoundingPolicy::PassThrough);
    QApplication app(argc, argv);
    QApplication::setApplicationName(QStringLiteral("microtome"));
    QApplication::setOrganizationName(QStringLiteral("microtome"));
    QApplication::setApplicationDisplayName(QStringLiteral("Microtome"));
    QApplication::setApplicationVersion(QStringLiteral(MICROTOME_VERSION));
    const auto parsed = arguments_of(app);
    if (const QString* mistake = std::get_if<QString>(&parsed)) return fail(*mistake);
    const Arguments& arguments = std::get<Arguments>(parsed);

    const bool picture = !arguments.screenshot.isEmpty();
    auto settings = picture ? nullptr
                            : std::make_unique<QSettings>(QSettings::IniFormat, QSettings::UserScope, QStringLiteral("microtome"),
                                                          QStringLiteral("microtome"));
    bool dark = !picture && Theme::of(QApplication::palette()).dark;
    if (settings && settings->contains(QStringLiteral("dark"))) dark = settings->value(QStringLiteral("dark")).toBool();
    if (!arguments.theme.isEmpty()) dark = arguments.theme == QLatin1String("dark");
    apply_theme(app, dark);

    MainWindow window(make_engine(), std::move(settings));
    if (picture) window.resize(arguments.size);
    window.open_first(arguments.open);
    window.show();
    if (picture) shoot(window, arguments.screenshot);
    return QApplication::exec();
}

}  // namespace microtome
