#include "analyses/query/store_diff.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace microtome::query {
namespace {

constexpr std::uint64_t block_bytes = 8 << 20;
constexpr double infinity = std::numeric_limits<double>::infinity();

std::string text_of(const h5::Shape& shape) {
    std::string text;
    for (std::uint64_t n : shape) text += (text.empty() ? "" : ", ") + std::to_string(n);
    return "(" + text + ")";
}

// How many of them are asked something else.
std::uint64_t check_prompts(const StoreReader& a, const StoreReader& b) {
    std::uint64_t other_questions = 0;
    const auto refuse = [&](const std::string& what, const std::string& expected, const std::string& got) {
        throw Error(b.name() + ": " + what, expected + " as in " + a.name(), got);
    };
    if (a.prompts() != b.prompts()) refuse("prompts", std::to_string(a.prompts()), std::to_string(b.prompts()));
    for (std::size_t p = 0; p < a.prompts(); ++p) {
        const StorePrompt one = a.prompt(p), two = b.prompt(p);
        const std::string name = "prompt " + std::to_string(p);
        if (one.text != two.text) refuse(name, "\"" + one.text + "\"", "\"" + two.text + "\"");
        if (one.ids.size() != two.ids.size()) refuse(name, std::to_string(one.ids.size()) + " tokens", std::to_string(two.ids.size()));
        for (std::size_t i = 0; i < one.ids.size(); ++i)
            if (one.ids[i] != two.ids[i])
                refuse(name + ", token " + std::to_string(i), "id " + std::to_string(one.ids[i]), std::to_string(two.ids[i]));
        if (one.positions != two.positions) refuse(name, "the kept positions", "others");
        other_questions += !one.question.empty() && !two.question.empty() && one.question != two.question;
    }
    return other_questions;
}

// A row of a site as prompt, position and key.
Spot spot_of(const StoreReader& store, const StoreSite& site, std::uint64_t row, std::uint64_t value) {
    const auto& ends = site.pairs ? store.offsets2() : store.offsets();
    Spot spot;
    spot.prompt = static_cast<std::uint64_t>(std::upper_bound(ends.begin(), ends.end(), row) - ends.begin()) - 1;
    const std::uint64_t within = row - ends[spot.prompt], length = site.pairs ? store.length(spot.prompt) : 1;
    const StorePrompt prompt = store.prompt(spot.prompt);
    const auto position = [&](std::uint64_t i) { return prompt.positions.empty() ? i : static_cast<std::uint64_t>(prompt.positions[i]); };
    spot.position = position(within / length);
    if (site.pairs) spot.key = static_cast<std::int64_t>(position(within % length));
    spot.index.resize(site.shape.size());
    for (std::size_t axis = site.shape.size(); axis-- > 0; value /= site.shape[axis]) spot.index[axis] = value % site.shape[axis];
    return spot;
}

class Sums {
  public:
    explicit Sums(double tolerance) : tolerance_(tolerance) {}

    void add(double a, double b, std::uint64_t at) {
        const bool finite = std::isfinite(a) && std::isfinite(b), same = a == b || (std::isnan(a) && std::isnan(b));
        const double difference = same ? 0 : finite ? std::abs(a - b) : infinity;
        const double relative = same ? 0 : finite ? difference / std::max(std::abs(a), std::abs(b)) : infinity;
        if (difference > largest_) largest_ = difference, at_ = at, a_ = a, b_ = b;
        if (relative > relative_) relative_ = relative, relative_at_ = at, relative_a_ = a, relative_b_ = b;
        different_ += difference > tolerance_;
        ++values_;
        if (!finite) return;
        ++finite_;
        sum_ += difference;
        ab_ += a * b;
        aa_ += a * a;
        bb_ += b * b;
    }

    SiteDiff result(const StoreReader& store, const StoreSite& site) const {
        SiteDiff out{site.key(), values_, different_, largest_, relative_, 0, 1, {}, {}};
        if (finite_ > 0) out.mean = sum_ / static_cast<double>(finite_);
        if (aa_ > 0 && bb_ > 0) out.cosine = ab_ / (std::sqrt(aa_) * std::sqrt(bb_));
        if ((aa_ > 0) != (bb_ > 0)) out.cosine = 0;
        const std::uint64_t width = site.row_values();
        if (largest_ > 0) out.at = spot_of(store, site, at_ / width, at_ % width), out.at.a = a_, out.at.b = b_;
        if (relative_ > 0) {
            out.at_relative = spot_of(store, site, relative_at_ / width, relative_at_ % width);
            out.at_relative.a = relative_a_, out.at_relative.b = relative_b_;
        }
        return out;
    }

  private:
    double tolerance_, largest_ = 0, relative_ = 0, a_ = 0, b_ = 0, relative_a_ = 0, relative_b_ = 0;
    double sum_ = 0, ab_ = 0, aa_ = 0, bb_ = 0;
    std::uint64_t at_ = 0, relative_at_ = 0, values_ = 0, finite_ = 0, different_ = 0;
};

SiteDiff diff_site(const StoreReader& a, const StoreReader& b, const StoreSite& site, double tolerance, const Progress& progress) {
    const std::uint64_t rows = (site.pairs ? a.offsets2() : a.offsets()).back(), width = site.row_values();
    // Whole chunks where they fit: a compressed one is unpacked once.
    const std::uint64_t step = std::max<std::uint64_t>(1, block_bytes / std::max<std::uint64_t>(1, width * sizeof(double)));
    std::vector<double> x(std::min(rows, step) * width), y(x.size());
    Sums sums(tolerance);
    for (std::uint64_t first = 0; first < rows; first += step) {
        progress.check();
        const std::uint64_t count = std::min(step, rows - first);
        a.read_rows(site.key(), first, count, x.data());
        b.read_rows(site.key(), first, count, y.data());
        for (std::uint64_t i = 0; i < count * width; ++i) sums.add(x[i], y[i], first * width + i);
    }
    return sums.result(a, site);
}

}  // namespace

bool StoreDiff::equal() const {
    return only_a.empty() && only_b.empty() && std::all_of(sites.begin(), sites.end(), [](const SiteDiff& s) { return s.different == 0; });
}

double StoreDiff::largest() const {
    double most = 0;
    for (const SiteDiff& site : sites) most = std::max(most, site.largest);
    return most;
}

StoreDiff diff_stores(const StoreReader& a, const StoreReader& b, double tolerance, Progress& progress) {
    StoreDiff out;
    out.other_questions = check_prompts(a, b);
    out.prompts = a.prompts();
    std::vector<const StoreSite*> both;
    for (const StoreSite& site : a.sites()) {
        const StoreSite* other = b.find(site.key());
        if (!other) {
            out.only_a.push_back(site.key());
            continue;
        }
        if (other->shape != site.shape || other->pairs != site.pairs)
            throw Error(b.name() + ": " + site.key(), "rows of " + text_of(site.shape) + " as in " + a.name(), text_of(other->shape));
        both.push_back(&site);
    }
    for (const StoreSite& site : b.sites())
        if (!a.find(site.key())) out.only_b.push_back(site.key());
    if (both.empty()) throw Error(b.name(), "a site that is in " + a.name() + " too", "none");
    for (const StoreSite* site : both) {
        out.sites.push_back(diff_site(a, b, *site, tolerance, progress));
        progress.step(static_cast<std::int64_t>(out.sites.size()), static_cast<std::int64_t>(both.size()), "sites");
    }
    return out;
}

}  // namespace microtome::query
