#include <algorithm>
#include <cmath>

#include "analyses/views/check.h"
#include "analyses/views/result_h5.h"
#include "analyses/views/serialize.h"
#include "core/base/error.h"

namespace microtome {
namespace {

template <class T>
std::vector<T> column(const h5::Group& group, const std::string& name) {
    if constexpr (std::is_same_v<T, std::string>)
        return group.read_strings(name);
    else
        return group.read<T>(name).values;
}

// Fills member `set(element)` of each element from one dataset; the first one decides how many there are.
template <class T, class S, class Set>
void read_member(const h5::Group& group, const std::string& name, std::vector<S>& list, bool first, Set set) {
    std::vector<T> values = column<T>(group, name);
    if (first) list.resize(values.size());
    if (values.size() != list.size())
        throw Error(group.subject() + "/" + name, std::to_string(list.size()) + " values", std::to_string(values.size()));
    for (std::size_t i = 0; i < list.size(); ++i) set(list[i]) = std::move(values[i]);
}

Scalar read_scalar(const h5::Group& group) {
    std::vector<double> value = column<double>(group, "value");
    if (value.size() != 1) throw Error(group.subject() + "/value", "one value", std::to_string(value.size()));
    return {value[0], group.get_string("unit")};
}

Curve read_curve(const h5::Group& group) {
    Curve curve{group.get_string("x_name"), group.get_string("unit"), column<double>(group, "x"), {}};
    read_member<std::string>(
        group, "names", curve.series, true, [](Series & s) -> auto& { return s.name; });
    std::vector<double> y = column<double>(group, "y"), sem = column<double>(group, "sem"), known = column<double>(group, "has_sem");
    const std::size_t n = curve.x.size(), lines = curve.series.size();
    if (y.size() != n * lines || sem.size() != n * lines || known.size() != lines)
        throw Error(group.subject(), "x, y, sem and names of matching lengths", "others");
    for (std::size_t i = 0; i < lines; ++i) {
        auto from = [&](const std::vector<double>& all) { return all.begin() + static_cast<std::ptrdiff_t>(i * n); };
        curve.series[i].y.assign(from(y), from(y) + static_cast<std::ptrdiff_t>(n));
        if (known[i] != 0) curve.series[i].sem.assign(from(sem), from(sem) + static_cast<std::ptrdiff_t>(n));
    }
    return curve;
}

Grid read_grid(const h5::Group& views, const std::string& name) {
    const h5::Dataset values = views.dataset(name);
    Grid grid;
    grid.unit = values.get_string("unit");
    grid.diverging = values.get_integer("diverging") != 0;
    if (values.has_attribute("approximate")) grid.approximate = values.get_string("approximate");
    h5::Shape shape;
    for (const std::string& axis : values.get_strings("axes")) {
        const std::string labels = "labels" + std::to_string(grid.axes.size());
        const bool here = values.has_attribute(labels);
        grid.axes.push_back({axis, here ? values.get_strings(labels) : views.read_strings(name + "." + labels)});
        shape.push_back(grid.axes.back().size());
    }
    if (shape.empty()) shape = {0};
    auto matching = [&](auto array) {
        if (array.shape != shape) throw Error(values.subject(), "values, mask and sem in the shape of the labels", "another shape");
        return std::move(array.values);
    };
    grid.values = matching(values.read<double>());
    if (views.has(name + ".mask")) grid.mask = matching(views.read<std::uint8_t>(name + ".mask"));
    if (views.has(name + ".sem")) grid.sem = matching(views.read<double>(name + ".sem"));
    if (views.has(name + ".texts")) grid.texts = views.read_strings(name + ".texts");
    return grid;
}

Cell cell_of(const std::string& text, const std::string& subject) {
    Json json = parse_json(text, subject);
    if (json.is_string()) return json.get<std::string>();
    if (json.is_number_integer()) return json.get<std::int64_t>();
    return number_from_json(json, subject);
}

Table read_table(const h5::Group& group) {
    Table table;
    read_member<std::string>(
        group, "names", table.columns, true, [](Column & c) -> auto& { return c.name; });
    read_member<std::string>(
        group, "units", table.columns, false, [](Column & c) -> auto& { return c.unit; });
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const std::string name = "column" + std::to_string(i);
        std::vector<Cell> cells;
        auto take = [&](auto values) { cells.assign(values.begin(), values.end()); };
        if (!group.has(name)) {
            for (const std::string& text : group.read_strings(name + ".json")) cells.push_back(cell_of(text, group.subject() + "/" + name));
        } else if (h5::Type type = group.dataset(name).type(); type == h5::Type::string) {
            take(column<std::string>(group, name));
        } else if (type == h5::Type::int64) {
            take(column<std::int64_t>(group, name));
        } else {
            take(column<double>(group, name));
        }
        if (i == 0) table.rows.resize(cells.size());
        if (cells.size() != table.rows.size())
            throw Error(group.subject() + "/" + name, std::to_string(table.rows.size()) + " rows", std::to_string(cells.size()));
        for (std::size_t row = 0; row < cells.size(); ++row) table.rows[row].push_back(std::move(cells[row]));
    }
    return table;
}

Graph read_graph(const h5::Group& group) {
    Graph graph;
    graph.unit = group.get_string("unit");
    read_member<std::string>(
        group, "nodes/id", graph.nodes, true, [](GraphNode & n) -> auto& { return n.id; });
    read_member<std::string>(
        group, "nodes/kind", graph.nodes, false, [](GraphNode & n) -> auto& { return n.kind; });
    read_member<std::string>(
        group, "nodes/label", graph.nodes, false, [](GraphNode & n) -> auto& { return n.label; });
    read_member<std::int32_t>(
        group, "nodes/layer", graph.nodes, false, [](GraphNode & n) -> auto& { return n.layer; });
    read_member<std::int32_t>(
        group, "nodes/head", graph.nodes, false, [](GraphNode & n) -> auto& { return n.head; });
    read_member<std::int32_t>(
        group, "nodes/position", graph.nodes, false, [](GraphNode & n) -> auto& { return n.position; });
    read_member<std::string>(
        group, "edges/source", graph.edges, true, [](GraphEdge & e) -> auto& { return e.source; });
    read_member<std::string>(
        group, "edges/target", graph.edges, false, [](GraphEdge & e) -> auto& { return e.target; });
    read_member<double>(
        group, "edges/score", graph.edges, false, [](GraphEdge & e) -> auto& { return e.score; });
    read_member<double>(
        group, "edges/exact", graph.edges, false, [](GraphEdge & e) -> auto& { return e.exact; });
    for (GraphEdge& edge : graph.edges)
        if (std::isnan(*edge.exact)) edge.exact.reset();
    return graph;
}

TokenText read_tokens(const h5::Group& group) {
    return {column<std::string>(group, "tokens"), column<double>(group, "values"), group.get_string("unit"),
            group.get_integer("diverging") != 0};
}

View read_view(const h5::Group& group, const std::string& kind) {
    if (kind == "scalar") return read_scalar(group);
    if (kind == "curve") return read_curve(group);
    if (kind == "table") return read_table(group);
    if (kind == "graph") return read_graph(group);
    if (kind == "token_text") return read_tokens(group);
    throw Error(group.subject(), "a known kind of view", "\"" + kind + "\"");
}

Result read_file_of_result(const h5::File& file) {
    if (std::string format = file.get_string("format"); format != result_format) throw Error(file.subject(), "a result", format);
    if (std::int64_t schema = file.get_integer("schema"); schema != result_schema)
        throw Error(file.subject(), "schema " + std::to_string(result_schema), std::to_string(schema));
    Result result;
    result.analysis = file.get_string("analysis");
    result.complete = file.get_integer("complete") != 0;
    result.warnings = file.read_strings("warnings");
    read_member<std::string>(
        file, "summary/names", result.summary, true, [](auto& s) -> auto& { return s.first; });
    read_member<double>(
        file, "summary/values", result.summary, false, [](auto& s) -> auto& { return s.second; });
    const h5::Group views = file.group("views");
    for (const std::string& name : views.get_strings("order")) {
        if (!views.has(name)) throw Error(views.subject(), "the view " + name, "none of this name");
        if (views.is_group(name)) {
            const h5::Group group = views.group(name);
            result.views.push_back({name, group.get_string("help"), read_view(group, group.get_string("kind"))});
        } else {
            result.views.push_back({name, views.dataset(name).get_string("help"), read_grid(views, name)});
        }
    }
    check_result(result);
    return result;
}

}  // namespace

Result read_result_h5(const std::filesystem::path& path) {
    return read_file_of_result(h5::File(path));
}

Result read_result_h5(std::span<const std::byte> image, const std::string& shown) {
    return read_file_of_result(h5::File::from_image(image, shown));
}

template <class T>
std::vector<T> LargeGrids::read(const std::string& path, const Lengths& shape) const {
    if (!opened_) opened_.emplace(file_);
    h5::Array<T> array = opened_->read<T>(path);
    if (array.shape != h5::Shape(shape.begin(), shape.end()))
        throw Error(file_.string() + ": " + path, "the shape in result.json", "another one");
    return std::move(array.values);
}

std::vector<std::string> LargeGrids::texts(const std::string& path) const {
    if (!opened_) opened_.emplace(file_);
    return opened_->read_strings(path);
}

template std::vector<double> LargeGrids::read(const std::string&, const Lengths&) const;
template std::vector<std::uint8_t> LargeGrids::read(const std::string&, const Lengths&) const;

}  // namespace microtome
