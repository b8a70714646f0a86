// Figures as files: SVG and PDF with true vectors, PNG. Always the light theme, sized on paper, with the manifest that made them inside.
#pragma once

#include <QImage>
#include <filesystem>
#include <string>

#include "widgets/figures/scene.h"

namespace microtome {

struct ExportOptions {
    SceneOptions scene{};
    double width_mm = 0, height_mm = 0;  // 0: natural at this size of text; a column of a journal is about 85 mm, a page 174 mm
    double font_points = 8;              // body text on paper
    double png_scale = 2;                // times 96 dots an inch
    bool transparent = false;
    bool outline_text = false;  // text as shapes (SVG), for places without the font
    std::string manifest{};     // JSON of what made the figure, stored in the file
};

/// Writes an .svg, .pdf or .png, aside and renamed. Needs a QGuiApplication (offscreen is enough). The same input gives the same bytes.
void export_figure(const NamedView& view, const std::filesystem::path& file, const ExportOptions& options = {});
/// The same for a scene that exists (its own title, caption and colours); options.scene is not used but for title and caption in the
/// metadata.
void export_scene(PlotScene& scene, const std::filesystem::path& file, const ExportOptions& options);

/// For the clipboard.
std::string figure_svg(PlotScene& scene, const ExportOptions& options);
QImage figure_image(PlotScene& scene, const ExportOptions& options);

/// The manifest stored in a figure; an Error if it has none. Of PDFs, those written here.
std::string read_figure_metadata(const std::filesystem::path& file);

}  // namespace microtome
