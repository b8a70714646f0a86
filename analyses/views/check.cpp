#include "analyses/views/check.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "core/base/error.h"

namespace microtome {
namespace {

struct Check {
    std::string subject;

    void count(const std::string& what, std::size_t got, std::size_t expected) const {
        if (got != expected) throw Error(subject + ": " + what, std::to_string(expected), std::to_string(got));
    }
    void count_or_none(const std::string& what, std::size_t got, std::size_t expected) const {
        if (got != 0) count(what, got, expected);
    }

    void operator()(const Scalar&) const {}
    void operator()(const Curve& curve) const {
        for (const Series& series : curve.series) {
            count("values of series " + series.name, series.y.size(), curve.x.size());
            count_or_none("sem of series " + series.name, series.sem.size(), curve.x.size());
        }
    }
    void operator()(const Grid& grid) const {
        count("values", grid.values.size(), grid.size());
        count_or_none("mask", grid.mask.size(), grid.size());
        count_or_none("sem", grid.sem.size(), grid.size());
        count_or_none("texts", grid.texts.size(), grid.size());
    }
    void operator()(const Table& table) const {
        for (const auto& row : table.rows) count("cells in a row", row.size(), table.columns.size());
    }
    void operator()(const Graph& graph) const {
        std::set<std::string> ids;
        for (const GraphNode& node : graph.nodes)
            if (!ids.insert(node.id).second) throw Error(subject, "each node's id once", "\"" + node.id + "\" again");
        for (const GraphEdge& edge : graph.edges)
            for (const std::string& id : {edge.source, edge.target})
                if (!ids.contains(id)) throw Error(subject, "edges between nodes of the graph", "\"" + id + "\"");
    }
    void operator()(const TokenText& text) const { count("values", text.values.size(), text.tokens.size()); }
};

}  // namespace

void check_view(const NamedView& view) {
    const std::string& name = view.name;
    if (name.empty() || name.size() > 100 || name[0] == '.' ||
        !std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; }))
        throw Error("view \"" + name + "\"", "a name of letters, digits, _ and -", "\"" + name + "\"");
    std::visit(Check{"view " + name}, view.view);
}

void check_result(const Result& result) {
    std::set<std::string> names;
    for (const NamedView& view : result.views) {
        check_view(view);
        if (!names.insert(view.name).second) throw Error("view " + view.name, "each view's name once", "it again");
    }
}

}  // namespace microtome
