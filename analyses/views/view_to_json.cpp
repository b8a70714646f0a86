// Views and results as JSON.
#include <cmath>

#include "analyses/views/check.h"
#include "analyses/views/json_numbers.h"
#include "analyses/views/serialize.h"

namespace microtome {
namespace {

struct Writer {
    const NamedView& named;
    std::size_t inline_cells;
    Json& out;

    Lengths all(std::size_t n) const { return {n}; }

    void operator()(const Scalar& scalar) const {
        out["unit"] = scalar.unit;
        out["value"] = number_json(scalar.value);
        mark_infinities(out, std::span(&scalar.value, 1));
    }

    void operator()(const Curve& curve) const {
        out["unit"] = curve.unit;
        out["x_name"] = curve.x_name;
        out["x"] = numbers_json(curve.x, all(curve.x.size()));
        out["series"] = Json::array();
        for (const Series& series : curve.series) {
            Json json = {{"name", series.name}};
            json["y"] = numbers_json(series.y, all(series.y.size()));
            json["sem"] = series.sem.empty() ? Json() : numbers_json(series.sem, all(series.sem.size()));
            mark_infinities(json, series.y);
            out["series"].push_back(std::move(json));
        }
    }

    void operator()(const Grid& grid) const {
        Lengths shape;
        out["unit"] = grid.unit;
        out["diverging"] = grid.diverging;
        if (!grid.approximate.empty()) out["approximate"] = grid.approximate;
        out["axes"] = Json::array();
        for (const Axis& axis : grid.axes) {
            out["axes"].push_back({{"name", axis.name}, {"labels", axis.labels}});
            shape.push_back(axis.size());
        }
        out["shape"] = shape;
        const std::string place = "/views/" + named.name;
        if (grid.size() > inline_cells) {
            out["values"] = in_h5(place);
            out["mask"] = grid.mask.empty() ? Json() : in_h5(place + ".mask");
            out["sem"] = grid.sem.empty() ? Json() : in_h5(place + ".sem");
            if (!grid.texts.empty()) out["texts"] = in_h5(place + ".texts");
            return;
        }
        out["values"] = numbers_json(grid.values, shape);
        out["mask"] = mask_json(grid.mask, shape);
        out["sem"] = grid.sem.empty() ? Json() : numbers_json(grid.sem, shape);
        if (!grid.texts.empty()) out["texts"] = grid.texts;  // flat, row-major
        mark_infinities(out, grid.values);
    }

    void operator()(const Table& table) const {
        out["columns"] = Json::array();
        for (const Column& column : table.columns) out["columns"].push_back({{"name", column.name}, {"unit", column.unit}});
        out["rows"] = Json::array();
        std::vector<double> numbers;
        for (const auto& row : table.rows) {
            Json cells = Json::array();
            for (const Cell& cell : row) {
                const double* number = std::get_if<double>(&cell);
                numbers.push_back(number ? *number : 0);
                cells.push_back(number ? number_json(*number) : std::visit([](const auto& c) { return Json(c); }, cell));
            }
            out["rows"].push_back(std::move(cells));
        }
        mark_infinities(out, numbers);
    }

    void operator()(const Graph& graph) const {
        out["unit"] = graph.unit;
        out["nodes"] = Json::array();
        for (const GraphNode& node : graph.nodes) {
            Json json = {{"id", node.id}, {"kind", node.kind}};
            if (node.layer != -1) json["layer"] = node.layer;
            if (node.head != -1) json["head"] = node.head;
            if (node.position != -1) json["position"] = node.position;
            json["label"] = node.label;
            out["nodes"].push_back(std::move(json));
        }
        out["edges"] = Json::array();
        std::vector<double> scores;
        for (const GraphEdge& edge : graph.edges) {
            Json json = {{"source", edge.source}, {"target", edge.target}, {"score", number_json(edge.score)}};
            json["exact"] = edge.exact ? number_json(*edge.exact) : Json();
            out["edges"].push_back(std::move(json));
            scores.push_back(edge.score);
        }
        mark_infinities(out, scores);
    }

    void operator()(const TokenText& text) const {
        out["unit"] = text.unit;
        out["diverging"] = text.diverging;
        out["tokens"] = text.tokens;
        out["values"] = numbers_json(text.values, all(text.values.size()));
        mark_infinities(out, text.values);
    }
};

}  // namespace

Json view_to_json(const NamedView& view, std::size_t inline_cells) {
    check_view(view);
    Json out = {{"kind", kind_of(view.view)}, {"help", view.help}};
    std::visit(Writer{view, inline_cells, out}, view.view);
    return out;
}

Json result_to_json(const Result& result, std::size_t inline_cells) {
    check_result(result);
    Json out = {{"schema", 1}, {"analysis", result.analysis}};
    out["views"] = Json::object();
    for (const NamedView& view : result.views) out["views"][view.name] = view_to_json(view, inline_cells);
    out["summary"] = Json::object();
    for (const auto& [name, value] : result.summary) out["summary"][name] = number_json(value);
    out["warnings"] = result.warnings;
    out["complete"] = result.complete;
    return out;
}

}  // namespace microtome
