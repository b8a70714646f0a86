// A paint device that writes SVG. Ours instead of QSvgGenerator because figures need named groups, anchored text, one plain rectangle a
// cell (60 bytes, not 214), manifests, and bytes that do not depend on the day.
#pragma once

#include <QPaintDevice>
#include <QPaintEngine>
#include <memory>
#include <string>

namespace microtome {

class SvgEngine : public QPaintEngine {
  public:
    SvgEngine();

    bool begin(QPaintDevice* device) override;
    bool end() override { return true; }
    void updateState(const QPaintEngineState&) override {}  // the state is asked of the painter when something is drawn
    Type type() const override { return static_cast<Type>(User + 7); }
    void drawRects(const QRectF* rects, int count) override;
    void drawLines(const QLineF* lines, int count) override;
    void drawEllipse(const QRectF& rect) override;
    void drawPath(const QPainterPath& path) override;
    void drawPolygon(const QPointF* points, int count, PolygonDrawMode mode) override;
    void drawTextItem(const QPointF& point, const QTextItem& item) override;
    void drawPixmap(const QRectF& rect, const QPixmap& pixmap, const QRectF& source) override;
    void drawImage(const QRectF& rect, const QImage& image, const QRectF& source, Qt::ImageConversionFlags flags) override;

    void begin_group(const char* id);
    void end_group();
    /// `anchor`: "start", "middle" or "end"; keeps labels in place where the font is another one.
    void text(const QPointF& baseline, const char* anchor, const QString& text, const QFont& font, const QColor& color);
    const QString& body() const { return body_; }

    /// The engine under a painter, if it is this one.
    static SvgEngine* of(const QPainter& painter);

  private:
    QString fill(bool filled = true);
    QString paint(const char* name, const QColor& color) const;
    QString style(bool filled = true);
    QString transform() const;

    QString body_;
    int gradients_ = 0;
};

class SvgDevice : public QPaintDevice {
  public:
    /// The size in painter units (the viewBox) and on paper.
    SvgDevice(QSizeF units, QSizeF millimetres) : units_(units), millimetres_(millimetres) {}

    QPaintEngine* paintEngine() const override { return &engine_; }
    /// The document, after painting has ended.
    std::string document(const std::string& title, const std::string& description, const std::string& manifest) const;

  protected:
    int metric(PaintDeviceMetric metric) const override;

  private:
    QSizeF units_, millimetres_;
    mutable SvgEngine engine_;
};

/// The namespace of the manifest inside <metadata>.
inline constexpr const char* svg_manifest_namespace = "urn:microtome:figure";

}  // namespace microtome
