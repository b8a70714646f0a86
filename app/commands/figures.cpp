#include "app/commands/cli.h"
#include "core/base/error.h"

#ifdef MICROTOME_FIGURES
#include <QGuiApplication>
#include "widgets/figures/export.h"
#endif

namespace microtome {

#ifdef MICROTOME_FIGURES
namespace {

// The painter needs an application object, not a display.
void need_application() {
    if (QGuiApplication::instance()) return;
    qputenv("QT_QPA_PLATFORM", "offscreen");
    static int argc = 1;
    static char name[] = "microtome";
    static char* argv[] = {name, nullptr};
    static QGuiApplication application(argc, argv);
}

std::vector<std::string> split(const std::string& formats) {
    std::vector<std::string> out;
    std::string word;
    for (char c : formats + ",") {
        if (c != ',') {
            word += c;
            continue;
        }
        if (word != "svg" && word != "pdf" && word != "png")
            throw Error("--figures", "svg, pdf, png (several with commas), or none", "\"" + formats + "\"");
        out.push_back(word);
        word.clear();
    }
    return out;
}

}  // namespace

std::string default_figures() {
    return "svg";
}

void write_figures(const std::filesystem::path& folder, const Result& result, const Json& manifest, const std::string& formats) {
    if (formats == "none" || formats.empty()) return;
    auto wanted = split(formats);
    need_application();
    for (const NamedView& view : result.views) {
        ExportOptions options;
        options.manifest = manifest.dump();
        options.scene.title = result.analysis + ": " + view.name;
        options.scene.caption = caption_of(manifest);
        for (const std::string& format : wanted) export_figure(view, folder / (view.name + "." + format), options);
    }
}
#else
std::string default_figures() {
    return "none";
}

void write_figures(const std::filesystem::path&, const Result&, const Json&, const std::string& formats) {
    if (formats != "none" && !formats.empty()) throw Error("--figures", "none (this build has no Qt)", formats);
}
#endif

}  // namespace microtome
