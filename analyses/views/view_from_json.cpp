// Results read from JSON, strictly.
#include <limits>
#include <optional>

#include "analyses/views/check.h"
#include "analyses/views/json_numbers.h"
#include "analyses/views/result_h5.h"
#include "analyses/views/serialize.h"
#include "core/base/error.h"
#include "core/base/near.h"

namespace microtome {
namespace {

constexpr std::size_t most_axes = 16;

const Json& list_at(JsonReader& reader, const std::string& key) {
    const Json& list = reader.at(key);
    if (!list.is_array()) throw Error(reader.pointer(key), "a list", list.type_name());
    return list;
}

std::vector<std::string> strings_at(JsonReader& reader, const std::string& key) {
    std::vector<std::string> strings;
    for (const Json& json : list_at(reader, key)) {
        if (!json.is_string()) throw Error(reader.pointer(key) + "/" + std::to_string(strings.size()), "a string", json.type_name());
        strings.push_back(json.get<std::string>());
    }
    return strings;
}

std::vector<double> numbers_at(JsonReader& reader, const std::string& key) {
    const Json& list = list_at(reader, key);
    return numbers_from_json(list, {list.size()}, reader.pointer(key));
}

int small_at(JsonReader& reader, const std::string& key) {
    std::int64_t value = reader.integer(key, -1);
    if (value < -1 || value > std::numeric_limits<int>::max())
        throw Error(reader.pointer(key), "a number counted from 0", std::to_string(value));
    return static_cast<int>(value);
}

class ViewReader {
  public:
    ViewReader(const Json& json, const std::string& name, const std::string& subject, const LargeGrids& large)
        : reader_(json, subject, "/views/" + name), name_(name), subject_(subject), large_(large) {}

    NamedView read() {
        static const std::vector<std::string> kinds{"scalar", "curve", "grid", "table", "graph", "token_text"};
        const std::string kind = reader_.string("kind");
        NamedView view{name_, reader_.string("help"), {}};
        if (kind == "scalar")
            view.view = scalar();
        else if (kind == "curve")
            view.view = curve();
        else if (kind == "grid")
            view.view = grid();
        else if (kind == "table")
            view.view = table();
        else if (kind == "graph")
            view.view = graph();
        else if (kind == "token_text")
            view.view = token_text();
        else
            throw Error(reader_.pointer("kind"), joined(kinds), with_suggestion(kind, kinds));
        reader_.done();
        check_view(view);
        return view;
    }

  private:
    JsonReader below(const Json& json, const std::string& key, std::size_t i) const {
        return {json, subject_, "/views/" + name_ + "/" + key + "/" + std::to_string(i)};
    }

    Scalar scalar() {
        Scalar scalar{number_from_json(reader_.at("value"), reader_.pointer("value")), reader_.string("unit")};
        restore_infinities(reader_, std::span(&scalar.value, 1));
        return scalar;
    }

    Curve curve() {
        Curve curve{reader_.string("x_name"), reader_.string("unit"), numbers_at(reader_, "x"), {}};
        const Json& list = list_at(reader_, "series");
        for (std::size_t i = 0; i < list.size(); ++i) {
            JsonReader reader = below(list[i], "series", i);
            Series series{reader.string("name"), numbers_from_json(reader.at("y"), {curve.x.size()}, reader.pointer("y")), {}};
            if (!reader.at("sem").is_null()) series.sem = numbers_from_json(reader.at("sem"), {curve.x.size()}, reader.pointer("sem"));
            restore_infinities(reader, series.y);
            reader.done();
            curve.series.push_back(std::move(series));
        }
        return curve;
    }

    Grid grid() {
        Grid grid;
        Lengths shape;
        grid.unit = reader_.string("unit");
        grid.diverging = reader_.boolean("diverging", true);
        if (reader_.has("approximate")) grid.approximate = reader_.string("approximate");
        const Json& axes = list_at(reader_, "axes");
        if (axes.size() > most_axes) throw Error(reader_.pointer("axes"), "at most 16 axes", std::to_string(axes.size()));
        for (std::size_t i = 0; i < axes.size(); ++i) {
            JsonReader axis = below(axes[i], "axes", i);
            grid.axes.push_back({axis.string("name"), strings_at(axis, "labels")});
            axis.done();
            shape.push_back(grid.axes.back().size());
        }
        if (reader_.at("shape") != Json(shape))
            throw Error(reader_.pointer("shape"), "the axes' lengths " + Json(shape).dump(), reader_.at("shape").dump());
        const Json &values = reader_.at("values"), &mask = reader_.at("mask"), &sem = reader_.at("sem");
        grid.values = values.is_object() ? large_.numbers(place(values, "values", ""), shape)
                                         : numbers_from_json(values, shape, reader_.pointer("values"));
        grid.mask =
            mask.is_object() ? large_.mask(place(mask, "mask", ".mask"), shape) : mask_from_json(mask, shape, reader_.pointer("mask"));
        if (sem.is_object())
            grid.sem = large_.numbers(place(sem, "sem", ".sem"), shape);
        else if (!sem.is_null())
            grid.sem = numbers_from_json(sem, shape, reader_.pointer("sem"));
        if (reader_.has("texts")) grid.texts = texts(grid.size());
        restore_infinities(reader_, grid.values);
        return grid;
    }

    std::vector<std::string> texts(std::size_t cells) {
        const Json& texts = reader_.at("texts");
        std::vector<std::string> found = texts.is_object() ? large_.texts(place(texts, "texts", ".texts")) : strings_at(reader_, "texts");
        if (found.size() != cells)
            throw Error(reader_.pointer("texts"), "a list of " + std::to_string(cells), "a list of " + std::to_string(found.size()));
        return found;
    }

    // {"h5": "/views/NAME"}: nothing else is followed.
    std::string place(const Json& json, const std::string& key, const std::string& ending) const {
        const std::string expected = "/views/" + name_ + ending;
        if (json != in_h5(expected))
            throw Error(reader_.pointer(key), in_h5(expected).dump(), json.dump(-1, ' ', false, Json::error_handler_t::replace));
        return expected;
    }

    Table table() {
        Table table;
        const Json &columns = list_at(reader_, "columns"), &rows = list_at(reader_, "rows");
        for (std::size_t i = 0; i < columns.size(); ++i) {
            JsonReader column = below(columns[i], "columns", i);
            table.columns.push_back({column.string("name"), column.string("unit")});
            column.done();
        }
        std::vector<double> numbers;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const std::string pointer = reader_.pointer("rows") + "/" + std::to_string(i);
            if (!rows[i].is_array() || rows[i].size() != columns.size())
                throw Error(pointer, "a list of " + std::to_string(columns.size()),
                            rows[i].is_array() ? std::to_string(rows[i].size()) : rows[i].type_name());
            table.rows.emplace_back();
            for (const Json& cell : rows[i]) {
                table.rows.back().push_back(read_cell(cell, pointer));
                const double* number = std::get_if<double>(&table.rows.back().back());
                numbers.push_back(number ? *number : 0);
            }
        }
        restore_infinities(reader_, numbers);
        for (std::size_t i = 0; i < numbers.size(); ++i)
            if (double* number = std::get_if<double>(&table.rows[i / columns.size()][i % columns.size()])) *number = numbers[i];
        return table;
    }

    static Cell read_cell(const Json& json, const std::string& pointer) {
        if (json.is_string()) return json.get<std::string>();
        const bool wide = json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX;
        if (json.is_number_integer() && !wide) return json.get<std::int64_t>();
        if (json.is_number() || json.is_null()) return number_from_json(json, pointer);
        throw Error(pointer, "strings, numbers and null", json.type_name());
    }

    Graph graph() {
        Graph graph;
        graph.unit = reader_.string("unit");
        const Json &nodes = list_at(reader_, "nodes"), &edges = list_at(reader_, "edges");
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            JsonReader node = below(nodes[i], "nodes", i);
            graph.nodes.push_back({node.string("id"), node.string("kind"), small_at(node, "layer"), small_at(node, "head"),
                                   small_at(node, "position"), node.string("label")});
            node.done();
        }
        std::vector<double> scores;
        for (std::size_t i = 0; i < edges.size(); ++i) {
            JsonReader edge = below(edges[i], "edges", i);
            graph.edges.push_back({edge.string("source"), edge.string("target"), 0, {}});
            scores.push_back(number_from_json(edge.at("score"), edge.pointer("score")));
            if (!edge.at("exact").is_null()) graph.edges.back().exact = edge.number("exact");
            edge.done();
        }
        restore_infinities(reader_, scores);
        for (std::size_t i = 0; i < edges.size(); ++i) graph.edges[i].score = scores[i];
        return graph;
    }

    TokenText token_text() {
        TokenText text{strings_at(reader_, "tokens"), {}, reader_.string("unit"), reader_.boolean("diverging", false)};
        text.values = numbers_from_json(reader_.at("values"), {text.tokens.size()}, reader_.pointer("values"));
        restore_infinities(reader_, text.values);
        return text;
    }

    JsonReader reader_;
    std::string name_, subject_;
    const LargeGrids& large_;
};

}  // namespace

Result result_from_json(const Json& json, const std::filesystem::path& folder, const std::string& subject) {
    JsonReader reader(json, subject);
    if (std::int64_t schema = reader.integer("schema"); schema != 1) throw Error(reader.pointer("schema"), "1", std::to_string(schema));
    const LargeGrids large(folder / "result.h5");
    Result result;
    result.analysis = reader.string("analysis");
    const Json& views = reader.object("views").value();
    for (const auto& [name, view] : views.items()) result.views.push_back(ViewReader(view, name, subject, large).read());
    JsonReader summary = reader.object("summary");
    for (const auto& [name, value] : summary.value().items())
        result.summary.emplace_back(name, number_from_json(value, summary.pointer(name)));
    if (reader.has("warnings")) result.warnings = strings_at(reader, "warnings");
    result.complete = reader.boolean("complete", true);
    reader.done();
    check_result(result);
    return result;
}

}  // namespace microtome
