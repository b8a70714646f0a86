#include "analyses/files/store_view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/base/error.h"
#include "core/base/sites.h"
#include "hooks/store/store_reader.h"

namespace microtome {
namespace {

/// "d_head" is the shape's name; what it counts reads better beside a map.
std::string axis_name(const std::string& symbol) {
    static const std::map<std::string, std::string> names{{"key", "source"},   {"n_heads", "head"},      {"n_kv_heads", "head"},
                                                          {"d_mlp", "neuron"}, {"d_model", "dimension"}, {"d_head", "dimension"},
                                                          {"d_vocab", "token"}};
    const auto found = names.find(symbol);
    return found == names.end() ? symbol : found->second;
}

Axis numbered(const std::string& name, std::uint64_t n) {
    Axis axis{name, {}};
    axis.labels.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) axis.labels.push_back(std::to_string(i));
    return axis;
}

/// Patterns, scales and values after a ReLU have one sign: their colours begin at zero.
bool one_sign(const std::vector<double>& values) {
    return std::none_of(values.begin(), values.end(), [](double v) { return std::isfinite(v) && v < 0; });
}

/// An expression of any length would not fit beside a map.
std::string gradient_unit(const std::string& metric) {
    return metric.empty() || metric.size() > 40 ? "gradient" : "gradient of " + metric;
}

std::vector<double> doubles(const StoreReader& reader, const StoreSite& site, std::size_t prompt) {
    if (site.type == h5::Type::float64) return reader.read<double>(site.key(), prompt).values;
    const std::vector<float> values = reader.read<float>(site.key(), prompt).values;
    return {values.begin(), values.end()};
}

}  // namespace

struct StoreView::Reader {
    explicit Reader(const std::filesystem::path& file) : store(file) {}
    StoreReader store;
};

StoreView::StoreView(const std::filesystem::path& file) : reader_(std::make_unique<Reader>(file)) {
    const StoreReader& store = reader_->store;
    const StoreIdentity& from = store.identity();
    facts_ = {file.string(),
              from.model,
              from.model_sha256,
              from.processing,
              from.dtype,
              from.tokenizer_sha256,
              store.tool_version(),
              from.metric,
              from.metric_run,
              file.extension() == ".part",
              store.prompts(),
              store.offsets().back(),
              {}};
    for (const StoreSite& site : store.sites()) {
        const std::uint64_t rows = (site.pairs ? store.offsets2() : store.offsets()).back();
        facts_.sites.push_back({site.key(), site.name, site.gradient, site.symbols, site.shape, site.pairs, h5::name_of(site.type),
                                site.unit, rows, rows * site.row_bytes()});
    }
}

StoreView::~StoreView() = default;

std::uint64_t StoreView::length(std::uint64_t prompt) const {
    return reader_->store.length(prompt);
}

StoredPrompt StoreView::prompt(std::uint64_t prompt) const {
    StorePrompt stored = reader_->store.prompt(prompt);
    StoredPrompt out{std::move(stored.text), {stored.ids.begin(), stored.ids.end()}};
    if (!facts_.metric.empty()) out.metric = stored.metric;
    return out;
}

StoreSlice StoreView::slice(const SliceChoice& choice) const {
    const StoreReader& store = reader_->store;
    const StoreSite& site = store.site(choice.site);
    const std::uint64_t length = store.length(choice.prompt);
    const auto found =
        std::find_if(facts_.sites.begin(), facts_.sites.end(), [&](const StoredSite& known) { return known.key == choice.site; });
    const auto axes = slice_axes(*found, length);
    if (axes.empty() || choice.column_axis >= axes.size())
        throw Error(choice.site, "an axis below " + std::to_string(axes.size()), std::to_string(choice.column_axis));
    std::uint64_t row = 1, offset = 0, stride = 1;  // values of a row; of the fixed axes; between columns
    for (std::size_t a = axes.size(); a-- > 0;) {
        const std::uint64_t index = a < choice.fixed.size() && a != choice.column_axis ? choice.fixed[a] : 0;
        if (index >= std::max<std::uint64_t>(axes[a].second, 1))
            throw Error(choice.site, axes[a].first + " below " + std::to_string(axes[a].second), std::to_string(index));
        offset += index * row;
        if (a == choice.column_axis) stride = row;
        row *= axes[a].second;
    }
    std::vector<std::string> tokens = choice.tokens;
    if (tokens.size() != length) {
        tokens.clear();
        for (const std::int32_t id : store.prompt(choice.prompt).ids) tokens.push_back("#" + std::to_string(id));
    }
    const std::vector<double> values = doubles(store, site, choice.prompt);
    StoreSlice out;
    const auto& [symbol, columns] = axes[choice.column_axis];
    const bool keys = site.pairs && choice.column_axis == 0;
    out.grid.axes = {{site.pairs ? "destination" : "position", tokens},
                     keys ? Axis{"source", tokens} : numbered(axis_name(symbol), columns)};
    out.grid.values.reserve(length * columns);
    for (std::uint64_t r = 0; r < length; ++r)
        for (std::uint64_t c = 0; c < columns; ++c) out.grid.values.push_back(values[r * row + offset + c * stride]);
    out.grid.unit = site.gradient ? gradient_unit(facts_.metric) : site.unit.empty() ? "activation" : site.unit;
    out.grid.diverging = !one_sign(out.grid.values);
    out.shown = statistics_of(out.grid.values);
    out.whole = statistics_of(values);
    return out;
}

SliceStatistics statistics_of(const std::vector<double>& values) {
    SliceStatistics out;
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    out.min = out.max = out.mean = out.std = none;
    out.count = values.size();
    double sum = 0;
    for (const double v : values) {
        if (!std::isfinite(v)) {
            ++out.other;
            continue;
        }
        out.zeros += v == 0;
        out.min = std::isnan(out.min) ? v : std::min(out.min, v);
        out.max = std::isnan(out.max) ? v : std::max(out.max, v);
        sum += v;
    }
    const auto finite = static_cast<double>(out.count - out.other);
    if (finite == 0) return out;
    out.mean = sum / finite;
    double squares = 0;
    for (const double v : values)
        if (std::isfinite(v)) squares += (v - out.mean) * (v - out.mean);
    out.std = std::sqrt(squares / finite);
    return out;
}

std::vector<std::pair<std::string, std::uint64_t>> slice_axes(const StoredSite& site, std::uint64_t length) {
    std::vector<std::pair<std::string, std::uint64_t>> axes;
    if (site.pairs) axes.emplace_back("key", length);
    for (std::size_t i = 0; i < site.shape.size(); ++i) axes.emplace_back(site.symbols[i], site.shape[i]);
    if (axes.empty()) axes.emplace_back("value", 1);
    return axes;
}

}  // namespace microtome
