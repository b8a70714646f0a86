// Random results of every kind, and comparison in which NaN equals NaN.
#pragma once

#include <bit>
#include <cmath>
#include <random>

#include "analyses/views/result.h"

namespace microtome {

class RandomResult {
  public:
    explicit RandomResult(unsigned seed) : engine_(seed) {}

    Result result() {
        Result r;
        r.analysis = "toy-method";
        for (int i = below(6); i >= 0; --i) r.views.push_back({"view_" + std::to_string(i), text(), view()});
        for (int i = below(4); i > 0; --i) r.summary.emplace_back("number " + std::to_string(i), finite());
        for (int i = below(3); i > 0; --i) r.warnings.push_back(text());
        r.complete = below(2) == 0;
        return r;
    }

    View view() {
        switch (below(6)) {
            case 0:
                return Scalar{number(), text()};
            case 1:
                return curve();
            case 2:
                return grid();
            case 3:
                return table();
            case 4:
                return graph();
            default:
                return tokens();
        }
    }

    Grid grid() {
        Grid g;
        for (int i = below(4); i >= 0; --i) g.axes.push_back({text(), texts(below(5))});
        g.values = numbers(g.size());
        if (below(2)) g.sem = numbers(g.size(), true);
        if (below(3) == 0) g.texts = texts(static_cast<int>(g.size()));
        if (below(2))
            for (std::size_t i = 0; i < g.size(); ++i) g.mask.push_back(static_cast<std::uint8_t>(below(2)));
        g.unit = text();
        g.diverging = below(2) == 0;
        if (below(3) == 0) g.approximate = text();
        return g;
    }

  private:
    int below(int n) { return static_cast<int>(engine_() % static_cast<unsigned>(n)); }

    // Any bit pattern: subnormals, -0, huge and tiny numbers.
    double finite() {
        double x = std::bit_cast<double>(engine_());
        return std::isfinite(x) ? x : below(2) ? -0.0 : 0.1;
    }
    double number() {
        switch (below(8)) {
            case 0:
                return std::nan("");
            case 1:
                return HUGE_VAL;
            case 2:
                return -HUGE_VAL;
            case 3:
                return below(10);
            case 4:
                return static_cast<float>(finite());
            default:
                return finite();
        }
    }
    std::vector<double> numbers(std::size_t n, bool no_infinities = false) {
        std::vector<double> list(n);
        for (double& x : list) do
                x = number();
            while (no_infinities && std::isinf(x));
        return list;
    }
    std::string text() {
        static const std::vector<std::string> parts{"a", " Mary", ",", "\"", "\n", "\r", "é", "\U0001F600", "\\x80", "{", "\t", "/"};
        std::string t;
        for (int i = below(4); i > 0; --i) t += parts[static_cast<std::size_t>(below(static_cast<int>(parts.size())))];
        return t;
    }
    std::vector<std::string> texts(int n) {
        std::vector<std::string> list(static_cast<std::size_t>(n));
        for (std::string& t : list) t = text();
        return list;
    }
    Curve curve() {
        Curve c{text(), text(), numbers(static_cast<std::size_t>(below(4)), true), {}};
        for (int i = below(3); i > 0; --i) {
            c.series.push_back({text(), numbers(c.x.size()), {}});
            if (below(2)) c.series.back().sem = numbers(c.x.size(), true);
        }
        return c;
    }
    Cell cell(int kind) {
        if (kind == 0) return text();
        if (kind == 1) return static_cast<std::int64_t>(engine_());
        return number();
    }
    Table table() {
        Table t;
        std::vector<int> kinds;
        for (int i = below(4); i >= 0; --i) {
            t.columns.push_back({text(), text()});
            kinds.push_back(below(4));  // 3: mixed
        }
        for (int i = below(4); i > 0; --i) {
            t.rows.emplace_back();
            for (int kind : kinds) t.rows.back().push_back(cell(kind < 3 ? kind : below(3)));
        }
        return t;
    }
    Graph graph() {
        Graph g;
        const int n = below(5);
        for (int i = 0; i < n; ++i)
            g.nodes.push_back({text() + std::to_string(i), text(), below(9) - 1, below(9) - 1, below(9) - 1, text()});
        for (int i = n > 0 ? below(5) : 0; i > 0; --i) {
            g.edges.push_back(
                {g.nodes[static_cast<std::size_t>(below(n))].id, g.nodes[static_cast<std::size_t>(below(n))].id, number(), {}});
            if (below(2)) g.edges.back().exact = finite();
        }
        g.unit = text();
        return g;
    }
    TokenText tokens() {
        TokenText t{texts(below(5)), {}, text(), below(2) == 0};
        t.values = numbers(t.tokens.size());
        return t;
    }

    std::mt19937_64 engine_;
};

// Writes everything with the bits of each number, so that equal texts are equal results (NaN is NaN whatever its bits).
class Bits {
  public:
    static std::string of(const Result& r) {
        Bits b;
        b.put(r.analysis);
        for (const NamedView& v : r.views) {
            b.put(v.name);
            b.put(v.help);
            b.put(std::string(kind_of(v.view)));
            std::visit([&](const auto& view) { b.put(view); }, v.view);
        }
        for (const auto& [name, value] : r.summary) b.put(name), b.put(value);
        b.put(r.warnings);
        b.put(std::int64_t{r.complete});
        return b.out_;
    }

  private:
    void put(const std::string& s) { out_ += "s" + std::to_string(s.size()) + s; }
    void put(std::int64_t i) { out_ += "i" + std::to_string(i); }
    void put(double x) { out_ += std::isnan(x) ? std::string("nan") : "d" + std::to_string(std::bit_cast<std::uint64_t>(x)); }
    void put(std::uint8_t x) { out_ += x ? "1" : "0"; }
    template <class T>
    void put(const std::vector<T>& list) {
        out_ += "[" + std::to_string(list.size());
        for (const T& x : list) put(x);
    }
    void put(const Scalar& s) { put(s.value), put(s.unit); }
    void put(const Series& s) { put(s.name), put(s.y), put(s.sem); }
    void put(const Curve& c) { put(c.x_name), put(c.unit), put(c.x), put(c.series); }
    void put(const Axis& a) { put(a.name), put(a.labels); }
    void put(const Grid& g) {
        put(g.axes), put(g.values), put(g.mask), put(g.sem), put(g.texts), put(g.unit), put(std::int64_t{g.diverging}), put(g.approximate);
    }
    void put(const Column& c) { put(c.name), put(c.unit); }
    void put(const Cell& c) {
        std::visit([&](const auto& x) { put(x); }, c);
    }
    void put(const Table& t) { put(t.columns), put(t.rows); }
    void put(const GraphNode& n) {
        put(n.id), put(n.kind), put(std::int64_t{n.layer}), put(std::int64_t{n.head}), put(std::int64_t{n.position}), put(n.label);
    }
    void put(const GraphEdge& e) { put(e.source), put(e.target), put(e.score), put(e.exact.value_or(std::nan(""))); }
    void put(const Graph& g) { put(g.nodes), put(g.edges), put(g.unit); }
    void put(const TokenText& t) { put(t.tokens), put(t.values), put(t.unit), put(std::int64_t{t.diverging}); }

    std::string out_;
};

}  // namespace microtome
