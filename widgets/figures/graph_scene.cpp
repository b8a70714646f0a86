#include "widgets/figures/graph_scene.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace microtome {
namespace {

constexpr std::size_t most_edges = 300;

/// Height of a node in the residual stream: embedding, then attention and MLP of each layer, then the logits.
int level_of(const GraphNode& node) {
    if (node.kind == "embed") return -1;
    if (node.kind == "logits") return 1 << 20;
    return 2 * std::max(node.layer, 0) + (node.kind == "mlp" ? 1 : 0);
}

QString label_of(const GraphNode& node) {
    return visible_token(node.label.empty() ? node.id : node.label);
}

QColor sign_color(double score, bool dark) {
    return score < 0 ? QColor(dark ? 0x67a9cf : 0x2166ac) : QColor(dark ? 0xef8a62 : 0xb2182b);
}

std::size_t kind_category(const std::string& kind) {
    static const std::vector<std::string> kinds{"head", "mlp", "feature", "error", "embed", "logits"};
    return static_cast<std::size_t>(std::find(kinds.begin(), kinds.end(), kind) - kinds.begin());
}

}  // namespace

GraphScene::GraphScene(std::shared_ptr<const Graph> graph, SceneOptions options) : graph_(std::move(graph)), options_(std::move(options)) {
    arrange();
}

void GraphScene::arrange() {
    const auto& nodes = graph_->nodes;
    std::map<int, std::size_t> rows, columns;
    for (const GraphNode& node : nodes) rows[level_of(node)], columns[node.position];
    for (auto& [level, row] : rows) row = levels_.size(), levels_.push_back(level);
    for (auto& [position, column] : columns) column = positions_.size(), positions_.push_back(position);
    widths_.assign(positions_.size(), 1);
    std::map<std::pair<std::size_t, std::size_t>, std::vector<std::size_t>> cells;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        seats_.push_back({rows[level_of(nodes[i])], columns[nodes[i].position]});
        cells[{seats_[i].row, seats_[i].column}].push_back(i);
    }
    for (auto& [where, inside] : cells) {
        std::stable_sort(inside.begin(), inside.end(), [&](std::size_t a, std::size_t b) { return nodes[a].head < nodes[b].head; });
        for (std::size_t k = 0; k < inside.size(); ++k) seats_[inside[k]].slot = k, seats_[inside[k]].of = inside.size();
        widths_[where.second] = std::max(widths_[where.second], inside.size());
    }
    std::map<std::string, std::size_t> named;
    for (std::size_t i = 0; i < nodes.size(); ++i) named[nodes[i].id] = i;
    for (std::size_t e = 0; e < graph_->edges.size(); ++e)
        if (named.contains(graph_->edges[e].source) && named.contains(graph_->edges[e].target) && std::isfinite(graph_->edges[e].score))
            drawn_.push_back(e);
    std::stable_sort(drawn_.begin(), drawn_.end(),
                     [&](std::size_t a, std::size_t b) { return std::abs(graph_->edges[a].score) > std::abs(graph_->edges[b].score); });
    if (drawn_.size() > most_edges) drawn_.resize(most_edges);
    for (std::size_t e : drawn_) ends_.emplace_back(named[graph_->edges[e].source], named[graph_->edges[e].target]);
    strongest_ = drawn_.empty() ? 0 : std::abs(graph_->edges[drawn_.front()].score);
}

QString GraphScene::row_name(std::size_t row) const {
    int level = levels_[row];
    if (level == -1) return QStringLiteral("embed");
    if (level == 1 << 20) return QStringLiteral("logits");
    return level % 2 ? QStringLiteral("MLP %1").arg(level / 2) : QStringLiteral("layer %1").arg(level / 2);
}

QSizeF GraphScene::preferred_size(const FigureStyle& style, double width) {
    auto slots_across = static_cast<double>(std::accumulate(widths_.begin(), widths_.end(), std::size_t{0}));
    double across = width > 0 ? width : std::clamp(slots_across * style.em(4.6) + style.em(8), style.em(36), style.em(90));
    SceneFrame frame(options_, QRectF(0, 0, across, 1e4), style);
    return {across, frame.around + std::max(static_cast<double>(levels_.size()), 2.0) * style.em(3.6) + style.em(5)};
}

void GraphScene::layout(const QRectF& body, const FigureStyle& style) {
    QFont font = style.font(0.9);
    double labels = 0, line = text_height(font);
    for (std::size_t r = 0; r < levels_.size(); ++r) labels = std::max(labels, text_width(row_name(r), font));
    bool positions = positions_.size() > 1 || (!positions_.empty() && positions_[0] >= 0);
    QRectF area = body.adjusted(labels + style.em(1), 0, 0, positions ? -line * 2 - style.em(0.6) : 0);
    double pitch = area.height() / static_cast<double>(std::max<std::size_t>(levels_.size(), 1));
    double unit =
        area.width() / static_cast<double>(std::max<std::size_t>(std::accumulate(widths_.begin(), widths_.end(), std::size_t{0}), 1));
    std::vector<double> starts(widths_.size() + 1, area.left());
    for (std::size_t c = 0; c < widths_.size(); ++c) starts[c + 1] = starts[c] + static_cast<double>(widths_[c]) * unit;
    for (std::size_t r = 0; r < levels_.size(); ++r) {
        double y = area.bottom() - (static_cast<double>(r) + 0.5) * pitch;
        if (pitch >= line) place(texts_, row_name(r), font, style.muted, {body.left(), y - line / 2, labels + 1, line}, Qt::AlignRight);
    }
    double last = -INFINITY;
    for (std::size_t c = 0; positions && c < positions_.size(); ++c) {
        double x = (starts[c] + starts[c + 1]) / 2;
        QString name = positions_[c] < 0 ? QStringLiteral("all") : QString::number(positions_[c]);
        double half = text_width(name, font) / 2 + 0.5;
        if (x - half < last) continue;
        last = x + half + style.em(0.4);
        place(texts_, name, font, style.ink, {x - half, area.bottom() + style.em(0.2), 2 * half, line});
    }
    if (positions)
        place(texts_, QStringLiteral("Position"), style.font(), style.ink,
              {area.left(), area.bottom() + style.em(0.3) + line, area.width(), line + style.em(0.3)});
    boxes_.clear();
    QFont label_font = style.font(0.8);
    for (std::size_t i = 0; i < seats_.size(); ++i) {
        const Seat& seat = seats_[i];
        double width = (starts[seat.column + 1] - starts[seat.column]) / static_cast<double>(seat.of);
        QString label = label_of(graph_->nodes[i]);
        double w = std::min({text_width(label, label_font) + style.em(0.8), width * 0.92, style.em(9)}),
               h = std::min(style.em(1.6), pitch * 0.6);
        QPointF center(starts[seat.column] + (static_cast<double>(seat.slot) + 0.5) * width,
                       area.bottom() - (static_cast<double>(seat.row) + 0.5) * pitch);
        boxes_.emplace_back(center.x() - w / 2, center.y() - h / 2, w, h);
    }
}

void GraphScene::paint_edge(QPainter& painter, std::size_t k, const FigureStyle& style) {
    const GraphEdge& edge = graph_->edges[drawn_[k]];
    auto [from, to] = ends_[k];
    bool up = boxes_[from].center().y() >= boxes_[to].center().y();
    QPointF a(boxes_[from].center().x(), up ? boxes_[from].top() : boxes_[from].bottom());
    QPointF b(boxes_[to].center().x(), up ? boxes_[to].bottom() : boxes_[to].top());
    double share = strongest_ > 0 ? std::abs(edge.score) / strongest_ : 0, head = style.em(0.3 + 0.25 * share), direction = up ? -1 : 1;
    QPointF stop = b - QPointF(0, direction * (edge.score < 0 ? style.em(0.12) : head));
    double bend = std::max(std::abs(b.y() - a.y()) * 0.45, style.em(1));
    QPainterPath path(a);
    path.cubicTo(a + QPointF(0, direction * bend), stop - QPointF(0, direction * bend), stop);
    QColor color = sign_color(edge.score, style.dark);
    color.setAlphaF(static_cast<float>(0.35 + 0.6 * share));
    QPen pen = style.pen(color, 0.06 + 0.26 * share);
    if (!edge.exact) pen.setDashPattern({std::max(0.35 / (0.06 + 0.26 * share), 1.5), std::max(0.22 / (0.06 + 0.26 * share), 1.0)});
    painter.setPen(pen);
    painter.setBrush(Qt::NoBrush);
    painter.drawPath(path);
    if (edge.score < 0) {
        painter.setPen(style.pen(color, 0.14));
        painter.drawLine(stop - QPointF(head * 0.8, 0), stop + QPointF(head * 0.8, 0));
    } else {
        painter.setPen(Qt::NoPen);
        painter.setBrush(color);
        painter.drawPolygon(QPolygonF({b, stop + QPointF(-head * 0.6, 0), stop + QPointF(head * 0.6, 0)}));
    }
}

void GraphScene::paint_node(QPainter& painter, std::size_t i, const FigureStyle& style) {
    const GraphNode& node = graph_->nodes[i];
    const QRectF& box = boxes_[i];
    std::size_t kind = kind_category(node.kind);
    QColor edge = kind == 5 || kind > 6 ? style.ink : category_color(kind, style.dark);
    QPen pen = style.pen(edge, 0.1);
    if (node.kind == "error") pen.setDashPattern({3, 2});
    painter.setPen(pen);
    painter.setBrush(style.background);
    double round = node.kind == "mlp" ? 0 : node.kind == "head" ? style.em(0.35) : box.height() / 2;
    painter.drawRoundedRect(box, round, round);
    QString label = label_of(node);
    QFont font = style.font(0.8);
    if (box.height() >= text_height(font) * 0.95) place(texts_, label, font, style.ink, box.adjusted(style.em(0.3), 0, -style.em(0.3), 0));
}

void GraphScene::paint_key(QPainter& painter, const QRectF& rect, const FigureStyle& style) {
    QFont font = style.font(0.8);
    double line = text_height(font), x = rect.left(), y = rect.top(), sample = style.em(2.2);
    auto entry = [&](const QString& text, double score, bool solid, bool with_line) {
        double width = (with_line ? sample + style.em(0.5) : 0) + text_width(text, font) + style.em(1.4);
        if (x > rect.left() && x + width > rect.right()) x = rect.left(), y += line * 1.2;
        if (with_line) {
            QPen pen = style.pen(score == 0 ? style.ink : sign_color(score, style.dark), 0.16);
            if (!solid) pen.setDashPattern({2.4, 1.6});
            painter.setPen(pen);
            double end = x + sample, middle = y + line / 2;
            painter.drawLine(QPointF(x, middle), QPointF(end - (score > 0 ? style.em(0.4) : 0), middle));
            if (score < 0) painter.drawLine(QPointF(end, middle - style.em(0.35)), QPointF(end, middle + style.em(0.35)));
            painter.setPen(Qt::NoPen);
            painter.setBrush(sign_color(score, style.dark));
            if (score > 0)
                painter.drawPolygon(QPolygonF({QPointF(end, middle), QPointF(end - style.em(0.5), middle - style.em(0.3)),
                                               QPointF(end - style.em(0.5), middle + style.em(0.3))}));
            x += sample + style.em(0.5), width -= sample + style.em(0.5);
        }
        place(texts_, text, font, style.ink, {x, y, std::min(width, rect.right() - x), line}, Qt::AlignLeft);
        x += width;
    };
    entry(QStringLiteral("positive"), 1, true, true);
    entry(QStringLiteral("negative"), -1, true, true);
    entry(QStringLiteral("verified by an intervention"), 0, true, true);
    entry(QStringLiteral("attributed"), 0, false, true);
    QString unit = QString::fromStdString(graph_->unit);
    entry(QStringLiteral("widest: %1 %2").arg(number_text(strongest_, 3), unit).trimmed(), 0, true, false);
    if (drawn_.size() < graph_->edges.size())
        entry(QStringLiteral("strongest %1 of %2 edges").arg(drawn_.size()).arg(graph_->edges.size()), 0, true, false);
}

std::optional<std::size_t> GraphScene::node_at(QPointF point) const {
    for (std::size_t i = boxes_.size(); i-- > 0;)
        if (boxes_[i].contains(point)) return i;
    return std::nullopt;
}

void GraphScene::paint(QPainter& painter, QRectF rect, const FigureStyle& style) {
    begin_scene(painter, rect, style);
    SceneFrame frame(options_, rect, style);
    texts_ = std::move(frame.texts);
    double key = std::min(style.em(3.2), frame.body.height() / 3);
    layout(frame.body.adjusted(0, 0, 0, -key), style);
    {
        PaintGroup group(painter, "edges");
        // The strongest on top.
        for (std::size_t k = drawn_.size(); k-- > 0;) paint_edge(painter, k, style);
    }
    {
        PaintGroup group(painter, "nodes");
        for (std::size_t i = 0; i < boxes_.size(); ++i) paint_node(painter, i, style);
    }
    paint_key(painter, QRectF(frame.body.left(), frame.body.bottom() - key + style.em(0.5), frame.body.width(), key - style.em(0.5)),
              style);
    for (const PlacedText& text : texts_) draw(painter, text, style);
    painter.restore();
}

}  // namespace microtome
