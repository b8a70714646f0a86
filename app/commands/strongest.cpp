#include "app/commands/strongest.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "analyses/views/companions.h"
#include "analyses/views/serialize.h"

namespace microtome {
namespace {

std::string shown(double x) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", x);
    return text;
}

// The cells of largest magnitude, with their labels.
void print_grid(const NamedView& view, const Grid& grid, const Companions& beside) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < grid.values.size(); ++i)
        if (grid.computed(i) && std::isfinite(grid.values[i])) order.push_back(i);
    std::size_t n = std::min<std::size_t>(8, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(),
                      [&](std::size_t a, std::size_t b) { return std::abs(grid.values[a]) > std::abs(grid.values[b]); });
    const std::string approximate = grid.approximate.empty() ? "" : "; approximate, " + grid.approximate;
    std::printf("%s (%s%s), strongest of %zu cells:\n", view.name.c_str(), grid.unit.c_str(), approximate.c_str(), grid.values.size());
    std::vector<std::vector<std::string>> rows(1);
    for (const Axis& axis : grid.axes) rows[0].push_back(axis.name);
    rows[0].push_back(grid.unit);
    if (!grid.sem.empty()) rows[0].push_back("sem");
    if (beside.low) rows[0].insert(rows[0].end(), {"low", "high"});
    if (beside.n) rows[0].push_back("n");
    for (std::size_t k = 0; k < n; ++k) {
        std::vector<std::string> row(grid.axes.size());
        std::size_t rest = order[k];
        for (std::size_t a = grid.axes.size(); a-- > 0;) {
            std::size_t at = rest % grid.axes[a].size();
            rest /= grid.axes[a].size();
            const std::string& label = grid.axes[a].labels[at];
            bool plain = label == std::to_string(at);
            row[a] = plain ? label : std::to_string(at) + " " + label;
        }
        row.push_back(shown(grid.values[order[k]]));
        if (!grid.sem.empty()) row.push_back(shown(grid.sem[order[k]]));
        for (const Grid* more : {beside.low, beside.high, beside.n})
            if (more) row.push_back(shown(more->values[order[k]]));
        rows.push_back(row);
    }
    print_rows(rows);
}

void print_table(const NamedView& view, const Table& table) {
    std::printf("%s:\n", view.name.c_str());
    std::vector<std::vector<std::string>> rows(1);
    for (const Column& column : table.columns) rows[0].push_back(column.name);
    for (std::size_t i = 0; i < table.rows.size() && i < 40; ++i) {
        rows.emplace_back();
        for (const Cell& cell : table.rows[i])
            rows.back().push_back(std::visit(
                [](const auto& value) {
                    using T = std::decay_t<decltype(value)>;
                    if constexpr (std::is_same_v<T, std::string>)
                        return value;
                    else if constexpr (std::is_same_v<T, double>)
                        return shown(value);
                    else
                        return std::to_string(value);
                },
                cell));
    }
    print_rows(rows);
}

}  // namespace

void finish_run(const RunRecord& record, const Common& common) {
    if (!common.out.empty()) {
        write_record(common.out, record);
        write_figures(common.out, record.result, record.manifest, common.figures);
    }
    for (const std::string& warning : record.result.warnings) message(common, "warning: " + warning);
    if (common.json) {
        Json json = result_to_json(record.result, SIZE_MAX);
        json["manifest"] = record.manifest;
        print_json(json);
    } else if (!common.quiet) {
        for (const auto& [name, value] : record.result.summary) std::printf("%s %s\n", name.c_str(), shown(value).c_str());
        for (const char* told : {"positions_by", "interval"})
            if (record.manifest.contains(told)) std::printf("%s %s\n", told, record.manifest[told].get<std::string>().c_str());
        const std::vector<NamedView>& views = record.result.views;
        for (const NamedView& view : views) {
            if (is_companion(views, view)) continue;
            if (const auto* grid = std::get_if<Grid>(&view.view)) print_grid(view, *grid, companions_of(views, view.name));
            if (const auto* table = std::get_if<Table>(&view.view)) print_table(view, *table);
        }
        std::fflush(stdout);
    }
    if (!common.out.empty()) message(common, "files in " + common.out);
    if (!record.result.complete) throw Cancelled();
}

}  // namespace microtome
