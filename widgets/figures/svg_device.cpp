#include "widgets/figures/svg_device.h"

#include <QBuffer>
#include <QImage>
#include <QPainter>
#include <QPainterPath>
#include <QPixmap>
#include <cmath>

#include "widgets/figures/scene.h"
#include "widgets/figures/style.h"

namespace microtome {
namespace {

QString num(double value) {
    QString text = QString::number(value, 'f', 3);
    while (text.endsWith('0')) text.chop(1);
    if (text.endsWith('.')) text.chop(1);
    return text == QLatin1String("-0") ? QStringLiteral("0") : text;
}

QString attribute(const char* name, double value) {
    return QStringLiteral(" %1=\"%2\"").arg(QLatin1String(name), num(value));
}
QString attribute(const char* name, const QString& value) {
    return QStringLiteral(" %1=\"%2\"").arg(QLatin1String(name), value);
}

/// Escaped, without the characters that XML 1.0 forbids.
QString xml(const QString& text) {
    QString clean;
    for (QChar c : text) {
        ushort u = c.unicode();
        if (u == '\r')
            clean += QStringLiteral("&#13;");
        else if ((u >= 0x20 && u != 0xfffe && u != 0xffff) || u == '\n' || u == '\t')
            clean += QString(c).toHtmlEscaped();
    }
    return clean;
}

QString path_data(const QPainterPath& path) {
    QString d;
    for (int i = 0; i < path.elementCount(); ++i) {
        const QPainterPath::Element& e = path.elementAt(i);
        if (e.isMoveTo()) d += 'M';
        if (e.isLineTo()) d += 'L';
        if (e.isCurveTo()) d += 'C';
        if (e.type == QPainterPath::CurveToDataElement) d += ' ';
        d += num(e.x) + ' ' + num(e.y);
    }
    return d;
}

}  // namespace

SvgEngine::SvgEngine()
    : QPaintEngine(PaintEngineFeatures(PrimitiveTransform) | PixmapTransform | LinearGradientFill | AlphaBlend | PainterPaths |
                   Antialiasing | ConstantOpacity) {}

SvgEngine* SvgEngine::of(const QPainter& painter) {
    return dynamic_cast<SvgEngine*>(painter.paintEngine());
}

bool SvgEngine::begin(QPaintDevice*) {
    body_.clear();
    gradients_ = 0;
    return true;
}

void SvgEngine::begin_group(const char* id) {
    body_ += QStringLiteral("<g id=\"%1\"%2>\n")
                 .arg(QLatin1String(id),
                      QLatin1String(id).startsWith(QLatin1String("cells")) ? QStringLiteral(" shape-rendering=\"crispEdges\"") : QString());
}

void SvgEngine::end_group() {
    body_ += QStringLiteral("</g>\n");
}

QString SvgEngine::paint(const char* name, const QColor& color) const {
    QString text = attribute(name, color.name());
    return color.alpha() == 255 ? text : text + attribute((std::string(name) + "-opacity").c_str(), color.alphaF());
}

QString SvgEngine::fill(bool filled) {
    const QBrush& brush = painter()->brush();
    if (!filled || brush.style() == Qt::NoBrush) return attribute("fill", QStringLiteral("none"));
    if (brush.style() != Qt::LinearGradientPattern) return paint("fill", brush.color());
    const auto* gradient = static_cast<const QLinearGradient*>(brush.gradient());
    QString id = QStringLiteral("gradient-%1").arg(++gradients_);
    body_ += QStringLiteral("<defs><linearGradient id=\"%1\" gradientUnits=\"userSpaceOnUse\"").arg(id) +
             attribute("x1", gradient->start().x()) + attribute("y1", gradient->start().y()) + attribute("x2", gradient->finalStop().x()) +
             attribute("y2", gradient->finalStop().y()) + '>';
    for (const auto& [at, color] : gradient->stops())
        body_ += QStringLiteral("<stop") + attribute("offset", at) + paint("stop-color", color) + "/>";
    body_ += QStringLiteral("</linearGradient></defs>\n");
    return attribute("fill", QStringLiteral("url(#%1)").arg(id));
}

QString SvgEngine::transform() const {
    QTransform t = painter()->combinedTransform();
    if (t.isIdentity()) return {};
    return attribute(
        "transform",
        QStringLiteral("matrix(%1 %2 %3 %4 %5 %6)").arg(num(t.m11()), num(t.m12()), num(t.m21()), num(t.m22()), num(t.dx()), num(t.dy())));
}

QString SvgEngine::style(bool filled) {
    QString text = fill(filled);
    const QPen& pen = painter()->pen();
    if (pen.style() != Qt::NoPen) {
        text += paint("stroke", pen.color()) + attribute("stroke-width", pen.widthF());
        if (pen.capStyle() == Qt::RoundCap) text += attribute("stroke-linecap", QStringLiteral("round"));
        if (pen.joinStyle() == Qt::RoundJoin) text += attribute("stroke-linejoin", QStringLiteral("round"));
        QString dashes;
        for (double d : pen.dashPattern()) dashes += (dashes.isEmpty() ? "" : " ") + num(d * pen.widthF());
        if (!dashes.isEmpty()) text += attribute("stroke-dasharray", dashes);
    }
    if (painter()->opacity() < 1) text += attribute("opacity", painter()->opacity());
    return text + transform();
}

void SvgEngine::drawRects(const QRectF* rects, int count) {
    QString look = style();
    for (int i = 0; i < count; ++i) {
        const QRectF& r = rects[i];
        body_ += QStringLiteral("<rect") + attribute("x", r.x()) + attribute("y", r.y()) + attribute("width", r.width()) +
                 attribute("height", r.height()) + look + "/>\n";
    }
}

void SvgEngine::drawLines(const QLineF* lines, int count) {
    QString look = style(false);
    for (int i = 0; i < count; ++i)
        body_ += QStringLiteral("<line") + attribute("x1", lines[i].x1()) + attribute("y1", lines[i].y1()) +
                 attribute("x2", lines[i].x2()) + attribute("y2", lines[i].y2()) + look + "/>\n";
}

void SvgEngine::drawEllipse(const QRectF& r) {
    QString look = style();
    body_ += QStringLiteral("<ellipse") + attribute("cx", r.center().x()) + attribute("cy", r.center().y()) +
             attribute("rx", r.width() / 2) + attribute("ry", r.height() / 2) + look + "/>\n";
}

void SvgEngine::drawPath(const QPainterPath& path) {
    QString look = style();
    QString rule = path.fillRule() == Qt::OddEvenFill ? QStringLiteral(" fill-rule=\"evenodd\"") : QString();
    body_ += QStringLiteral("<path") + attribute("d", path_data(path)) + rule + look + "/>\n";
}

void SvgEngine::drawPolygon(const QPointF* points, int count, PolygonDrawMode mode) {
    QString list;
    for (int i = 0; i < count; ++i) list += (i ? " " : "") + num(points[i].x()) + ',' + num(points[i].y());
    bool line = mode == PolylineMode;
    QString look = style(!line);
    body_ += (line ? QStringLiteral("<polyline") : QStringLiteral("<polygon")) + attribute("points", list) + look + "/>\n";
}

void SvgEngine::text(const QPointF& baseline, const char* anchor, const QString& text, const QFont& font, const QColor& color) {
    body_ += QStringLiteral("<text") + attribute("x", baseline.x()) + attribute("y", baseline.y()) +
             attribute("font-size", QFontInfo(font).pixelSize());
    if (font.bold()) body_ += attribute("font-weight", QStringLiteral("bold"));
    if (font.italic()) body_ += attribute("font-style", QStringLiteral("italic"));
    if (QLatin1String(anchor) != QLatin1String("start")) body_ += attribute("text-anchor", QLatin1String(anchor));
    body_ += paint("fill", color) + transform() + '>' + xml(text) + QStringLiteral("</text>\n");
}

void SvgEngine::drawTextItem(const QPointF& point, const QTextItem& item) {
    text(point, "start", item.text(), item.font(), painter()->pen().color());
}

void SvgEngine::drawPixmap(const QRectF& rect, const QPixmap& pixmap, const QRectF& source) {
    drawImage(rect, pixmap.toImage(), source, Qt::AutoColor);
}

void SvgEngine::drawImage(const QRectF& rect, const QImage& image, const QRectF& source, Qt::ImageConversionFlags) {
    QByteArray png;
    QBuffer buffer(&png);
    buffer.open(QIODevice::WriteOnly);
    image.copy(source.toRect()).save(&buffer, "PNG");
    body_ += QStringLiteral("<image") + attribute("x", rect.x()) + attribute("y", rect.y()) + attribute("width", rect.width()) +
             attribute("height", rect.height()) + attribute("preserveAspectRatio", QStringLiteral("none")) +
             attribute("style", QStringLiteral("image-rendering:pixelated")) + transform() +
             attribute("xlink:href", QStringLiteral("data:image/png;base64,") + QString::fromLatin1(png.toBase64())) + "/>\n";
}

int SvgDevice::metric(PaintDeviceMetric metric) const {
    switch (metric) {
        case PdmWidth:
            return static_cast<int>(std::ceil(units_.width()));
        case PdmHeight:
            return static_cast<int>(std::ceil(units_.height()));
        case PdmWidthMM:
            return static_cast<int>(std::ceil(millimetres_.width()));
        case PdmHeightMM:
            return static_cast<int>(std::ceil(millimetres_.height()));
        case PdmNumColors:
            return 0x7fffffff;
        case PdmDepth:
            return 32;
        case PdmDevicePixelRatio:
            return 1;
        case PdmDevicePixelRatioScaled:
            return static_cast<int>(devicePixelRatioFScale());
        default:
            return 96;
    }
}

std::string SvgDevice::document(const std::string& title, const std::string& description, const std::string& manifest) const {
    QString text = QStringLiteral(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
        "xmlns:xlink=\"http://www.w3.org/1999/xlink\"");
    text += QStringLiteral(" version=\"1.1\" width=\"%1mm\" height=\"%2mm\" viewBox=\"0 0 %3 %4\" font-family=\"%5\">\n")
                .arg(num(millimetres_.width()), num(millimetres_.height()), num(units_.width()), num(units_.height()), figure_families());
    text += QStringLiteral("<title>%1</title>\n<desc>%2</desc>\n")
                .arg(xml(QString::fromStdString(title)), xml(QString::fromStdString(description)));
    if (!manifest.empty())
        text += QStringLiteral("<metadata><manifest xmlns=\"%1\">%2</manifest></metadata>\n")
                    .arg(QLatin1String(svg_manifest_namespace), xml(QString::fromStdString(manifest)));
    return (text + engine_.body() + QStringLiteral("</svg>\n")).toStdString();
}

PaintGroup::PaintGroup(QPainter& painter, const char* id) : painter_(painter) {
    if (SvgEngine* engine = SvgEngine::of(painter)) engine->begin_group(id);
}

PaintGroup::~PaintGroup() {
    if (SvgEngine* engine = SvgEngine::of(painter_)) engine->end_group();
}

}  // namespace microtome
