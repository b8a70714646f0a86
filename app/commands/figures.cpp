#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/base/split.h"

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

std::vector<std::string> formats_of(const std::string& text) {
    std::vector<std::string> formats = split(text, ',');
    for (const std::string& format : formats)
        if (format != "svg" && format != "pdf" && format != "png")
            throw Error("--figures", "svg, pdf, png (several with commas), or none", "\"" + text + "\"");
    return formats;
}

}  // namespace

std::string default_figures() {
    return "svg";
}

void write_figure(const std::filesystem::path& file, const NamedView& view, const Json& manifest) {
    need_application();
    ExportOptions options;
    options.manifest = manifest.dump();
    options.scene.title = manifest.value("analysis", std::string("result")) + ": " + view.name;
    options.scene.caption = caption_of(manifest);
    export_figure(view, file, options);
}

Json figure_manifest(const std::filesystem::path& file) {
    return parse_json(read_figure_metadata(file), file.string());
}

void write_figures(const std::filesystem::path& folder, const Result& result, const Json& manifest, const std::string& formats) {
    if (formats == "none" || formats.empty()) return;
    for (const std::string& format : formats_of(formats))
        for (const NamedView& view : result.views) write_figure(folder / (view.name + "." + format), view, manifest);
}
#else
std::string default_figures() {
    return "none";
}

void write_figures(const std::filesystem::path&, const Result&, const Json&, const std::string& formats) {
    if (formats != "none" && !formats.empty()) throw Error("--figures", "none (this build has no Qt)", formats);
}

void write_figure(const std::filesystem::path& file, const NamedView&, const Json&) {
    throw Error("figure " + file.string(), "a build with Qt", "one without");
}

Json figure_manifest(const std::filesystem::path& file) {
    throw Error("figure " + file.string(), "a build with Qt", "one without");
}
#endif

}  // namespace microtome
