// What an analysis returns: named views of six kinds. Free of torch, Qt and HDF5: the command, the app and the files all read these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace microtome {

/// One labelled axis; `name` is what the axis counts: "layer", "position", "head", "source", "kind".
struct Axis {
    std::string name;
    std::vector<std::string> labels;
    std::size_t size() const { return labels.size(); }
};

struct Scalar {
    double value = 0;
    std::string unit;
};

struct Series {
    std::string name;
    std::vector<double> y;
    std::vector<double> sem;  // empty: no uncertainty known
};

/// Lines over a shared x.
struct Curve {
    std::string x_name, unit;
    std::vector<double> x;
    std::vector<Series> series;
};

/// A dense array with labelled axes, row-major. NaN marks a cell that has no value (a zero denominator, a masked score).
struct Grid {
    std::vector<Axis> axes;
    std::vector<double> values;
    std::vector<std::uint8_t> mask;  // 1 = computed; empty = every cell is computed
    std::vector<double> sem;         // standard error of the mean over prompts; empty = not known
    std::string unit;
    bool diverging = true;             // signed around zero (effects) or not (probabilities, attention)
    std::vector<std::string> texts{};  // what each cell stands for (a token), shown in place of its number; empty: nothing
    std::string approximate{};         // how the values were approximated ("first order"); empty: they are exact

    std::size_t size() const {
        std::size_t n = 1;
        for (const Axis& axis : axes) n *= axis.size();
        return axes.empty() ? 0 : n;
    }
    bool computed(std::size_t i) const { return mask.empty() || mask[i] != 0; }
};

using Cell = std::variant<std::string, std::int64_t, double>;
struct Column {
    std::string name, unit;
};
struct Table {
    std::vector<Column> columns;
    std::vector<std::vector<Cell>> rows;
};

struct GraphNode {
    std::string id, kind;  // kind: "head", "mlp", "embed", "logits", "feature", "error"
    int layer = -1, head = -1, position = -1;
    std::string label;
};
struct GraphEdge {
    std::string source, target;
    double score = 0;
    std::optional<double> exact;  // effect of an intervention that was really run; none: attributed only
};
struct Graph {
    std::vector<GraphNode> nodes;
    std::vector<GraphEdge> edges;
    std::string unit;
};

/// Tokens with one value each (NaN: none).
struct TokenText {
    std::vector<std::string> tokens;
    std::vector<double> values;
    std::string unit;
    bool diverging = false;
};

using View = std::variant<Scalar, Curve, Grid, Table, Graph, TokenText>;

struct NamedView {
    std::string name, help;
    View view;
};

struct Result {
    std::string analysis;
    std::vector<NamedView> views;
    std::vector<std::pair<std::string, double>> summary;  // few headline numbers: clean, corrupt, …
    std::vector<std::string> warnings;
    bool complete = true;                                       // false: cancelled, masks say what is there
    std::vector<std::pair<std::string, std::string>> stamps{};  // what the manifest tells of how it was computed; not part of the result

    const NamedView* find(const std::string& name) const {
        for (const NamedView& v : views)
            if (v.name == name) return &v;
        return nullptr;
    }
};

/// "scalar", "curve", "grid", "table", "graph" or "token_text".
const char* kind_of(const View& view);

}  // namespace microtome
