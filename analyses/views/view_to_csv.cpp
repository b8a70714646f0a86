#include <array>
#include <charconv>
#include <cmath>

#include "analyses/files/csv.h"
#include "analyses/views/serialize.h"

namespace microtome {
namespace {

using Strings = std::vector<std::string>;

// The shortest text that reads back equal; NaN is an empty cell.
std::string number(double value) {
    if (std::isnan(value)) return "";
    std::array<char, 32> text{};
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

struct Writer {
    std::string out;

    void row(const Strings& cells) { out += csv_line(cells); }

    void operator()(const Scalar& scalar) {
        row({"value", "unit"});
        row({number(scalar.value), scalar.unit});
    }

    void operator()(const Curve& curve) {
        Strings header{curve.x_name};
        for (const Series& series : curve.series) {
            header.push_back(series.name);
            if (!series.sem.empty()) header.push_back(series.name + " sem");
        }
        row(header);
        for (std::size_t i = 0; i < curve.x.size(); ++i) {
            Strings cells{number(curve.x[i])};
            for (const Series& series : curve.series) {
                cells.push_back(number(series.y.at(i)));
                if (!series.sem.empty()) cells.push_back(number(series.sem.at(i)));
            }
            row(cells);
        }
    }

    // Labels may repeat (" John" at two positions), so the indices stand at the end of each row.
    void operator()(const Grid& grid) {
        Strings header, ends{"value", "sem", "computed"};
        if (!grid.texts.empty()) ends.insert(ends.begin(), "text");
        if (!grid.approximate.empty()) ends.push_back("approximate");
        for (const Axis& axis : grid.axes) {
            header.push_back(axis.name);
            ends.push_back(axis.name + "_index");
        }
        header.insert(header.end(), ends.begin(), ends.end());
        row(header);
        std::vector<std::size_t> at(grid.axes.size(), 0);
        for (std::size_t i = 0; i < grid.size(); ++i) {
            Strings cells;
            for (std::size_t a = 0; a < at.size(); ++a) cells.push_back(grid.axes[a].labels[at[a]]);
            const bool computed = grid.computed(i);
            if (!grid.texts.empty()) cells.push_back(grid.texts.at(i));
            cells.push_back(computed ? number(grid.values.at(i)) : "");
            cells.push_back(computed && !grid.sem.empty() ? number(grid.sem.at(i)) : "");
            cells.push_back(computed ? "1" : "0");
            if (!grid.approximate.empty()) cells.push_back(grid.approximate);
            for (std::size_t index : at) cells.push_back(std::to_string(index));
            row(cells);
            for (std::size_t a = at.size(); a-- > 0 && ++at[a] == grid.axes[a].size();) at[a] = 0;
        }
    }

    void operator()(const Table& table) {
        Strings header;
        for (const Column& column : table.columns) header.push_back(column.name);
        row(header);
        for (const auto& cells : table.rows) {
            Strings line;
            for (const Cell& cell : cells) line.push_back(std::visit([](const auto& c) { return text(c); }, cell));
            row(line);
        }
    }
    static std::string text(const std::string& value) { return value; }
    static std::string text(std::int64_t value) { return std::to_string(value); }
    static std::string text(double value) { return number(value); }

    // The edges; JSON and HDF5 hold the nodes too.
    void operator()(const Graph& graph) {
        row({"source", "target", "score", "exact"});
        for (const GraphEdge& edge : graph.edges)
            row({edge.source, edge.target, number(edge.score), edge.exact ? number(*edge.exact) : ""});
    }

    void operator()(const TokenText& tokens) {
        row({"position", "token", "value"});
        for (std::size_t i = 0; i < tokens.tokens.size(); ++i) row({std::to_string(i), tokens.tokens[i], number(tokens.values.at(i))});
    }
};

}  // namespace

std::string view_to_csv(const View& view) {
    Writer writer;
    std::visit(writer, view);
    return std::move(writer.out);
}

}  // namespace microtome
