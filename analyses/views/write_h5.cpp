#include <algorithm>
#include <limits>

#include "analyses/views/check.h"
#include "analyses/views/result_h5.h"
#include "analyses/views/serialize.h"
#include "core/base/files.h"

namespace microtome {
namespace {

using Strings = std::vector<std::string>;
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::string text(std::string value) {
    for (std::size_t at = 0; (at = value.find('\0', at)) != std::string::npos;) value.replace(at, 1, "\u2400");
    return value;
}

Strings texts(Strings values) {
    for (std::string& value : values) value = text(std::move(value));
    return values;
}

void write_numbers(h5::Group& group, const std::string& name, const std::vector<double>& values, h5::Shape shape = {}) {
    if (shape.empty()) shape = {values.size()};
    group.write<double>(name, values, shape);
}

// Member `get(x)` of each element as one dataset.
template <class T, class Get>
void write_member(h5::Group& group, const std::string& name, const std::vector<T>& list, Get get) {
    using Value = std::decay_t<decltype(get(list.front()))>;
    std::vector<Value> values;
    for (const T& x : list) values.push_back(get(x));
    if constexpr (std::is_same_v<Value, std::string>)
        group.write_strings(name, texts(values));
    else
        group.write<Value>(name, values, {values.size()});
}

struct Writer {
    h5::Group& views;
    const NamedView& named;

    h5::Group group() const {
        h5::Group made = views.create_group(named.name);
        describe(made);
        return made;
    }
    void describe(h5::Object& object) const {
        object.set_string("kind", kind_of(named.view));
        object.set_string("help", text(named.help));
    }

    void operator()(const Scalar& scalar) const {
        h5::Group made = group();
        made.set_string("unit", text(scalar.unit));
        write_numbers(made, "value", {scalar.value});
    }

    void operator()(const Curve& curve) const {
        h5::Group made = group();
        made.set_string("unit", text(curve.unit));
        made.set_string("x_name", text(curve.x_name));
        write_numbers(made, "x", curve.x);
        write_member(made, "names", curve.series, [](const Series& s) { return s.name; });
        std::vector<double> y, sem, known;
        for (const Series& s : curve.series) {
            y.insert(y.end(), s.y.begin(), s.y.end());
            known.push_back(!s.sem.empty());
            sem.insert(sem.end(), s.sem.begin(), s.sem.end());
            sem.resize(y.size(), not_a_number);
        }
        const h5::Shape shape{curve.series.size(), curve.x.size()};
        write_numbers(made, "y", y, shape);
        write_numbers(made, "sem", sem, shape);
        write_numbers(made, "has_sem", known);
    }

    void operator()(const Grid& grid) const {
        h5::Shape shape;
        Strings names;
        for (const Axis& axis : grid.axes) {
            shape.push_back(axis.size());
            names.push_back(text(axis.name));
        }
        if (shape.empty()) shape = {0};
        h5::Dataset made = views.write<double>(named.name, grid.values, shape);
        describe(made);
        made.set_string("unit", text(grid.unit));
        made.set_integer("diverging", grid.diverging);
        if (!grid.approximate.empty()) made.set_string("approximate", text(grid.approximate));
        made.set_strings("axes", names);
        for (std::size_t i = 0; i < grid.axes.size(); ++i) {
            const std::string labels = "labels" + std::to_string(i);
            if (grid.axes[i].size() <= most_labels)
                made.set_strings(labels, texts(grid.axes[i].labels));
            else
                views.write_strings(named.name + "." + labels, texts(grid.axes[i].labels));
        }
        if (!grid.mask.empty()) views.write<std::uint8_t>(named.name + ".mask", grid.mask, shape);
        if (!grid.sem.empty()) views.write<double>(named.name + ".sem", grid.sem, shape);
        if (!grid.texts.empty()) views.write_strings(named.name + ".texts", texts(grid.texts));
    }

    // A column of one type is a dataset of that type; a mixed one holds JSON.
    void operator()(const Table& table) const {
        h5::Group made = group();
        write_member(made, "names", table.columns, [](const Column& c) { return c.name; });
        write_member(made, "units", table.columns, [](const Column& c) { return c.unit; });
        for (std::size_t i = 0; i < table.columns.size(); ++i) {
            const std::string name = "column" + std::to_string(i);
            auto all = [&](std::size_t type) {
                return std::all_of(table.rows.begin(), table.rows.end(), [&](const auto& row) { return row[i].index() == type; });
            };
            if (all(0))
                write_member(made, name, table.rows, [i](const auto& row) { return std::get<0>(row[i]); });
            else if (all(1))
                write_member(made, name, table.rows, [i](const auto& row) { return std::get<1>(row[i]); });
            else if (all(2))
                write_member(made, name, table.rows, [i](const auto& row) { return std::get<2>(row[i]); });
            else
                write_member(made, name + ".json", table.rows, [i](const auto& row) { return cell_json(row[i]); });
        }
    }
    static std::string cell_json(const Cell& cell) {
        return std::visit([](const auto& c) { return Json(c).dump(-1, ' ', false, Json::error_handler_t::replace); }, cell);
    }

    void operator()(const Graph& graph) const {
        h5::Group made = group();
        made.set_string("unit", text(graph.unit));
        write_member(made, "nodes/id", graph.nodes, [](const GraphNode& n) { return n.id; });
        write_member(made, "nodes/kind", graph.nodes, [](const GraphNode& n) { return n.kind; });
        write_member(made, "nodes/label", graph.nodes, [](const GraphNode& n) { return n.label; });
        write_member(made, "nodes/layer", graph.nodes, [](const GraphNode& n) { return n.layer; });
        write_member(made, "nodes/head", graph.nodes, [](const GraphNode& n) { return n.head; });
        write_member(made, "nodes/position", graph.nodes, [](const GraphNode& n) { return n.position; });
        write_member(made, "edges/source", graph.edges, [](const GraphEdge& e) { return e.source; });
        write_member(made, "edges/target", graph.edges, [](const GraphEdge& e) { return e.target; });
        write_member(made, "edges/score", graph.edges, [](const GraphEdge& e) { return e.score; });
        write_member(made, "edges/exact", graph.edges, [](const GraphEdge& e) { return e.exact.value_or(not_a_number); });
    }

    void operator()(const TokenText& tokens) const {
        h5::Group made = group();
        made.set_string("unit", text(tokens.unit));
        made.set_integer("diverging", tokens.diverging);
        made.write_strings("tokens", texts(tokens.tokens));
        write_numbers(made, "values", tokens.values);
    }
};

void write_all(h5::File& file, const Result& result) {
    file.set_string("format", result_format);
    file.set_integer("schema", result_schema);
    file.set_string("analysis", text(result.analysis));
    file.set_integer("complete", result.complete);
    file.write_strings("warnings", texts(result.warnings));
    write_member(file, "summary/names", result.summary, [](const auto& s) { return s.first; });
    write_member(file, "summary/values", result.summary, [](const auto& s) { return s.second; });
    h5::Group views = file.create_group("views");
    Strings order;
    for (const NamedView& view : result.views) {
        order.push_back(view.name);
        std::visit(Writer{views, view}, view.view);
    }
    views.set_strings("order", order);
}

}  // namespace

void write_result_h5(const std::filesystem::path& file, const Result& result) {
    check_result(result);
    AtomicFile out(file);
    h5::File h5(out.temporary(), h5::Mode::create, file.string());
    write_all(h5, result);
    h5.close();
    out.commit();
}

}  // namespace microtome
