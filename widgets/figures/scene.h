// A result view as a picture: the same code paints the app's canvases and the files.
#pragma once

#include <QPainter>
#include <QRectF>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analyses/views/result.h"
#include "widgets/figures/colormap.h"
#include "widgets/figures/style.h"
#include "widgets/figures/text.h"

namespace microtome {

struct SceneOptions {
    std::string title{};    // empty: the view's name
    std::string caption{};  // provenance: model, prompts, metric; may be long, is wrapped
    // Grids: which axes become rows and columns (default: the last two); the axes before them become panels.
    std::string row_axis{}, col_axis{};
    std::optional<Colormap> colormap{};  // none: RdBu_r for signed data, viridis otherwise
    Norm norm{};
    bool values = true;           // numbers in cells that have room
    double blank_below = 0;       // cells of smaller magnitude are left blank, with a dot
    bool hatch_negative = false;  // lines over negative cells, for print without colour
};

class PlotScene {
  public:
    virtual ~PlotScene() = default;

    /// The natural size in painter units; with `width`, the natural size at that width.
    virtual QSizeF preferred_size(const FigureStyle& style, double width = 0) = 0;
    /// Paints inside `rect`, never outside.
    virtual void paint(QPainter& painter, QRectF rect, const FigureStyle& style) = 0;
    /// The text that the last paint placed, for tests and screen readers.
    virtual const std::vector<PlacedText>& texts() const = 0;
};

/// The scene of a view. The pointer form shares the view; the other one copies it.
std::unique_ptr<PlotScene> make_scene(std::shared_ptr<const NamedView> view, const SceneOptions& options = {});
std::unique_ptr<PlotScene> make_scene(const NamedView& view, const SceneOptions& options = {});

/// Marks what follows, up to the matching end, as a group of an SVG file; does nothing on other devices.
class PaintGroup {
  public:
    PaintGroup(QPainter& painter, const char* id);
    ~PaintGroup();
    PaintGroup(const PaintGroup&) = delete;
    PaintGroup& operator=(const PaintGroup&) = delete;

  private:
    QPainter& painter_;
};

}  // namespace microtome
