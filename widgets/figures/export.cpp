#include "widgets/figures/export.h"

#include <QBuffer>
#include <QPageSize>
#include <QPdfWriter>
#include <QXmlStreamReader>
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/files.h"
#include "widgets/figures/png_text.h"
#include "widgets/figures/svg_device.h"

namespace microtome {
namespace {

constexpr double mm_per_point = 25.4 / 72;
constexpr const char* png_key = "microtome";
constexpr qsizetype most_manifest = 64 << 20;

/// A figure's size in painter units, and how large a unit is.
struct Sheet {
    FigureStyle style = FigureStyle::light();
    QSizeF units;
    double points_per_unit = 1;

    Sheet(PlotScene& scene, const ExportOptions& options) {
        style.print = true;
        style.transparent = options.transparent;
        style.outline_text = options.outline_text;
        points_per_unit = std::clamp(options.font_points, 2.0, 72.0) / style.font_px;
        double unit_mm = points_per_unit * mm_per_point;
        units = scene.preferred_size(style, options.width_mm > 0 ? options.width_mm / unit_mm : 0);
        if (options.height_mm > 0) units.setHeight(options.height_mm / unit_mm);
    }
    QSizeF millimetres() const { return units * points_per_unit * mm_per_point; }
};

std::string caption_of(const ExportOptions& options) {
    return options.scene.caption;
}

std::string pdf_bytes(PlotScene& scene, const ExportOptions& options) {
    Sheet sheet(scene, options);
    sheet.style.vector = true;
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    {
        QPdfWriter pdf(&buffer);
        pdf.setTitle(QString::fromStdString(options.scene.title));
        pdf.setCreator(QStringLiteral("Microtome " MICROTOME_VERSION));
        pdf.setPageMargins(QMarginsF());
        pdf.setPageSize(QPageSize(sheet.millimetres(), QPageSize::Millimeter, QString(), QPageSize::ExactMatch));
        pdf.setResolution(1200);
        if (!options.manifest.empty())
            pdf.addFileAttachment(QStringLiteral("manifest.json"), QByteArray::fromStdString(options.manifest),
                                  QStringLiteral("application/json"));
        QPainter painter(&pdf);
        double scale = sheet.points_per_unit * 1200 / 72;
        painter.scale(scale, scale);
        scene.paint(painter, QRectF(QPointF(), sheet.units), sheet.style);
    }
    // Qt writes the time; blanked in place (offsets stay), so that the same figure has the same bytes.
    qsizetype date = bytes.indexOf("/CreationDate ("), end = date < 0 ? -1 : bytes.indexOf(')', date);
    if (end > 0) std::fill(bytes.begin() + date, bytes.begin() + end + 1, ' ');
    return bytes.toStdString();
}

std::string png_bytes(PlotScene& scene, const ExportOptions& options) {
    QImage image = figure_image(scene, options);
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    image.save(&buffer, "PNG");
    return options.manifest.empty() ? bytes.toStdString() : with_png_text(bytes.toStdString(), png_key, options.manifest);
}

/// The attachment that pdf_bytes made; enough of PDF's structure for files that Qt wrote.
std::string pdf_manifest(const std::filesystem::path& file) {
    QByteArray bytes = QByteArray::fromStdString(read_file(file));
    qsizetype name = bytes.indexOf("/F (manifest.json)"), link = name < 0 ? -1 : bytes.indexOf("/EF <</F ", name);
    if (link < 0) return {};
    QByteArray number = bytes.mid(link + 9, 10);
    qsizetype object = bytes.indexOf("\n" + number.left(number.indexOf(' ')) + " 0 obj"),
              from = object < 0 ? -1 : bytes.indexOf("stream\n", object);
    qsizetype to = from < 0 ? -1 : bytes.indexOf("\nendstream", from);
    if (to < 0 || to - from > most_manifest) return {};
    QByteArray packed = bytes.mid(from + 7, to - from - 7);
    if (!bytes.mid(object, from - object).contains("/FlateDecode")) return packed.toStdString();
    // qUncompress wants the length in front; 0 lets it grow.
    return qUncompress(QByteArray(4, '\0') + packed).toStdString();
}

std::string svg_manifest(const std::filesystem::path& file) {
    QXmlStreamReader reader(QByteArray::fromStdString(read_file(file)));
    while (!reader.atEnd())
        if (reader.readNext() == QXmlStreamReader::StartElement && reader.name() == QLatin1String("manifest") &&
            reader.namespaceUri() == QLatin1String(svg_manifest_namespace))
            return reader.readElementText().toStdString();
    return {};
}

}  // namespace

std::string figure_svg(PlotScene& scene, const ExportOptions& options) {
    Sheet sheet(scene, options);
    sheet.style.vector = true;
    SvgDevice device(sheet.units, sheet.millimetres());
    QPainter painter(&device);
    scene.paint(painter, QRectF(QPointF(), sheet.units), sheet.style);
    painter.end();
    return device.document(options.scene.title, caption_of(options), options.manifest);
}

QImage figure_image(PlotScene& scene, const ExportOptions& options) {
    Sheet sheet(scene, options);
    double scale = sheet.points_per_unit * std::clamp(options.png_scale, 0.25, 16.0) * 96 / 72;
    QSize pixels(static_cast<int>(std::ceil(sheet.units.width() * scale)), static_cast<int>(std::ceil(sheet.units.height() * scale)));
    QImage image(pixels, QImage::Format_ARGB32_Premultiplied);
    image.fill(options.transparent ? QColor(Qt::transparent) : sheet.style.background);
    QPainter painter(&image);
    painter.setRenderHint(QPainter::TextAntialiasing, true);
    painter.scale(scale, scale);
    scene.paint(painter, QRectF(QPointF(), sheet.units), sheet.style);
    painter.end();
    // After painting: fonts in points would follow it.
    int dots_per_metre = static_cast<int>(std::lround(96 * options.png_scale / 0.0254));
    image.setDotsPerMeterX(dots_per_metre);
    image.setDotsPerMeterY(dots_per_metre);
    return image;
}

void export_scene(PlotScene& scene, const std::filesystem::path& file, const ExportOptions& options) {
    std::string kind = file.extension().string();
    if (kind != ".svg" && kind != ".pdf" && kind != ".png")
        throw Error(file.string(), "a figure's name ending in .svg, .pdf or .png", "'" + kind + "'");
    write_file(file, kind == ".svg" ? figure_svg(scene, options) : kind == ".pdf" ? pdf_bytes(scene, options) : png_bytes(scene, options));
}

void export_figure(const NamedView& view, const std::filesystem::path& file, const ExportOptions& options) {
    // The scene lives no longer than this call: the view is borrowed, not copied.
    std::unique_ptr<PlotScene> scene = make_scene(std::shared_ptr<const NamedView>(std::shared_ptr<void>(), &view), options.scene);
    ExportOptions named = options;
    if (named.scene.title.empty()) named.scene.title = view.name;
    if (named.scene.caption.empty()) named.scene.caption = view.help;
    export_scene(*scene, file, named);
}

std::string read_figure_metadata(const std::filesystem::path& file) {
    std::string kind = file.extension().string(), manifest;
    if (kind != ".svg" && kind != ".pdf" && kind != ".png")
        throw Error(file.string(), "a figure's name ending in .svg, .pdf or .png", "'" + kind + "'");
    manifest = kind == ".svg" ? svg_manifest(file) : kind == ".pdf" ? pdf_manifest(file) : png_text(read_file(file), png_key);
    if (manifest.empty()) throw Error(file.string(), "a figure with the manifest of what made it", "none");
    return manifest;
}

}  // namespace microtome
