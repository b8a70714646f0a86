// On which tokens a neuron or a head is most active: the strongest examples, the weakest, and some of every part of its range between.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "analyses/register.h"
#include "analyses/unit_values.h"
#include "core/base/error.h"
#include "core/worlds/rng.h"

namespace microtome {
namespace {

struct Params {
    std::vector<Prompt> prompts;
    std::string store, site = "L0.post";
    std::vector<std::int64_t> units;
    int n_units = 5, top_k = 5, quantiles = 4, before = 8, after = 3, seed = 0;
    bool exclude_first = false;
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts, "Prompts to look through"},
        Field{"store", &Params::store, "An activation store to look through instead (microtome cache)"},
        Field{"site", &Params::site,
              "Where: L2.post (neurons), L2.z (heads, by the norm of z), L2.pattern (heads, by the most that a token attends to another), "
              "L2.H1.z (one head), or any site by its hook name"},
        Field{"units", &Params::units, "Neurons or heads, by number; none: those of the largest values"},
        Field{"n_units", &Params::n_units, "How many, if none are given", between(1, 100000)},
        Field{"top_k", &Params::top_k, "Examples of each kind, at most one a prompt", between(1, 10000)},
        Field{"quantiles", &Params::quantiles,
              "Equal parts of the range from the smallest to the largest value, with examples of each; 0: none", between(0, 100)},
        Field{"before", &Params::before, "Tokens shown before", between(0, 1000)},
        Field{"after", &Params::after, "Tokens shown after", between(0, 1000)},
        Field{"exclude_first", &Params::exclude_first, "Leave out the first token, and attention to it"},
        Field{"seed", &Params::seed, "Seed of which examples stand for a part of the range"}};
};

struct Result {
    Table examples, units;
    TokenText text;
    std::vector<std::pair<std::string, double>> summary;
    static constexpr std::tuple fields{
        Field{"examples", &Result::examples,
              "strongest, weakest, and parts of the range (part 1 is the lowest); the value is at `token`; equal values: the earlier "
              "prompt and "
              "token first"},
        Field{"units", &Result::units, "Over all tokens; active: share above 0"},
        Field{"text", &Result::text, "The strongest examples of the first unit, with its value at each token"}};
};

struct Place {
    std::size_t prompt = 0;
    std::int64_t position = 0;
    double value = 0;
};

struct Summary {
    double most = -INFINITY, least = INFINITY, sum = 0, squares = 0;
    std::int64_t n = 0, active = 0;
};

class Finder {
  public:
    Finder(const Session& session, const Params& params, UnitValues& source, std::string word)
        : session_(session), params_(params), source_(source), word_(std::move(word)) {}

    // Units to look at; the source is read once more if none are given.
    std::vector<std::int64_t> choose(std::vector<std::int64_t> given, RunProgress& progress) {
        Tensor most;
        for (std::size_t i = 0; i < source_.prompts(); ++i) {
            progress.check();
            Tensor x = source_.values(i);
            if (i == 0) n_units_ = x.size(1);
            if (!given.empty()) break;
            Tensor own = counted(x).amax(0);
            most = most.defined() ? at::maximum(most, own) : own;
            progress.step(static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(source_.prompts()), "prompts");
        }
        for (std::int64_t unit : given)
            if (unit < 0 || unit >= n_units_)
                throw Error("units", word_ + "s from 0 to " + std::to_string(n_units_ - 1), std::to_string(unit));
        if (!given.empty()) return given;
        auto order = std::get<1>(at::sort(most, /*stable=*/true, 0, /*descending=*/true));
        for (std::int64_t i = 0; i < std::min<std::int64_t>(params_.n_units, n_units_); ++i) given.push_back(order[i].item<std::int64_t>());
        return given;
    }

    // Every token's value of the chosen units.
    void read(const std::vector<std::int64_t>& units, RunProgress& progress) {
        units_ = units;
        Tensor index = at::tensor(units, at::kLong);
        for (std::size_t i = 0; i < source_.prompts(); ++i) {
            progress.check();
            kept_.push_back(source_.values(i).index_select(1, index).contiguous());
            progress.step(static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(source_.prompts()), "prompts");
        }
    }

    void report(Result& result) const {
        result.units.columns = {{word_, ""}, {"largest", ""}, {"smallest", ""}, {"mean", ""}, {"sd", ""}, {"active", "share of tokens"}};
        result.examples.columns = {{word_, ""},      {"kind", ""},   {"rank", ""},  {"value", ""}, {"prompt", ""},
                                   {"position", ""}, {"before", ""}, {"token", ""}, {"after", ""}};
        for (std::size_t u = 0; u < units_.size(); ++u) {
            std::vector<Place> all = places(u);
            Summary s = summary(all);
            double n = static_cast<double>(s.n), mean = s.sum / n;
            result.units.rows.push_back({units_[u], s.most, s.least, mean, std::sqrt(std::max(0.0, s.squares / n - mean * mean)),
                                         static_cast<double>(s.active) / n});
            std::vector<Place> strongest = ends(all, true);
            add(result.examples, u, "strongest", strongest);
            add(result.examples, u, "weakest", ends(all, false));
            for (int part = params_.quantiles; part >= 1; --part)
                add(result.examples, u, "part " + std::to_string(part), inside(all, s, part));
            if (u == 0) write(result.text, u, strongest);
        }
        result.text.unit = word_ + " " + std::to_string(units_.at(0));
    }

  private:
    Tensor counted(const Tensor& x) const { return params_.exclude_first && x.size(0) > 1 ? x.narrow(0, 1, x.size(0) - 1) : x; }

    std::vector<Place> places(std::size_t u) const {
        std::vector<Place> all;
        for (std::size_t i = 0; i < kept_.size(); ++i) {
            auto at = kept_[i].accessor<double, 2>();
            for (std::int64_t p = params_.exclude_first && at.size(0) > 1 ? 1 : 0; p < at.size(0); ++p)
                if (std::isfinite(at[p][static_cast<std::int64_t>(u)])) all.push_back({i, p, at[p][static_cast<std::int64_t>(u)]});
        }
        if (all.empty()) throw Error(word_ + " " + std::to_string(units_[u]), "finite values", "none");
        return all;
    }

    static Summary summary(const std::vector<Place>& all) {
        Summary s;
        for (const Place& p : all) {
            s.most = std::max(s.most, p.value);
            s.least = std::min(s.least, p.value);
            s.sum += p.value;
            s.squares += p.value * p.value;
            s.active += p.value > 0;
            ++s.n;
        }
        return s;
    }

    // The first top_k of a sorted list that are of different prompts.
    std::vector<Place> one_a_prompt(const std::vector<Place>& sorted) const {
        std::vector<Place> out;
        std::vector<bool> used(kept_.size(), false);
        for (const Place& p : sorted) {
            if (used[p.prompt]) continue;
            used[p.prompt] = true;
            out.push_back(p);
            if (out.size() == static_cast<std::size_t>(params_.top_k)) break;
        }
        return out;
    }

    std::vector<Place> ends(std::vector<Place> all, bool largest) const {
        std::stable_sort(all.begin(), all.end(),
                         [&](const Place& a, const Place& b) { return largest ? a.value > b.value : a.value < b.value; });
        return one_a_prompt(all);
    }

    // Examples drawn from one of the equal parts of the range, the strongest of them first.
    std::vector<Place> inside(const std::vector<Place>& all, const Summary& s, int part) const {
        double width = (s.most - s.least) / params_.quantiles;
        std::vector<Place> there;
        for (const Place& p : all) {
            int own = width > 0 ? std::min(params_.quantiles, 1 + static_cast<int>((p.value - s.least) / width)) : params_.quantiles;
            if (own == part) there.push_back(p);
        }
        Rng rng(mix64(static_cast<std::uint64_t>(params_.seed) * 1000 + static_cast<std::uint64_t>(part)));
        rng.shuffle(there);
        return ends(one_a_prompt(there), true);
    }

    void add(Table& table, std::size_t u, const std::string& kind, const std::vector<Place>& found) const {
        std::int64_t rank = 0;
        for (const Place& p : found) {
            auto ids = source_.ids(p.prompt);
            table.rows.push_back({units_[u], kind, ++rank, p.value, static_cast<std::int64_t>(p.prompt + 1), p.position,
                                  window_text(session_, ids, p.position - params_.before, p.position),
                                  session_.token(ids[static_cast<std::size_t>(p.position)]).text,
                                  window_text(session_, ids, p.position + 1, p.position + 1 + params_.after)});
        }
    }

    void write(TokenText& text, std::size_t u, const std::vector<Place>& found) const {
        for (const Place& example : found) {
            if (!text.tokens.empty()) text.tokens.emplace_back("¶"), text.values.push_back(std::nan(""));
            auto ids = source_.ids(example.prompt);
            auto at = kept_[example.prompt].accessor<double, 2>();
            std::int64_t last = std::min<std::int64_t>(static_cast<std::int64_t>(ids.size()), example.position + 1 + params_.after);
            for (std::int64_t p = std::max<std::int64_t>(0, example.position - params_.before); p < last; ++p) {
                text.tokens.push_back(session_.token(ids[static_cast<std::size_t>(p)]).text);
                text.values.push_back(at[p][static_cast<std::int64_t>(u)]);
                text.diverging = text.diverging || text.values.back() < 0;
            }
        }
    }

    const Session& session_;
    const Params& params_;
    UnitValues& source_;
    std::string word_;
    std::int64_t n_units_ = 0;
    std::vector<std::int64_t> units_;
    std::vector<Tensor> kept_;  // [prompt] (token, chosen unit)
};

Result run(Session& session, const Params& params, RunProgress& progress) {
    if (params.prompts.empty() == params.store.empty())
        throw Error("prompts", "prompts (--prompts FILE, --prompt TEXT) or a store (--store FILE)",
                    params.store.empty() ? "neither" : "both");
    Target target = parse_target(params.site);
    auto sites = all_sites(session.impl().model.config);
    if (std::find(sites.begin(), sites.end(), target.ref) == sites.end())
        throw Error("site", "a site that this model has (microtome list sites)", "\"" + params.site + "\"");
    std::vector<std::int64_t> given = params.units;
    if (target.head >= 0) {
        if (!given.empty()) throw Error("units", "none beside a head in the site", std::to_string(given.size()));
        given = {target.head};
    }
    UnitChoice choice{target.ref, params.exclude_first};
    auto source = params.store.empty() ? values_of_model(session, params.prompts, choice) : values_of_store(session, params.store, choice);
    if (source->prompts() == 0) throw Error(params.store, "at least one prompt", "none");
    Finder finder(session, params, *source, unit_word(target.ref.site));
    std::vector<std::int64_t> units = finder.choose(given, progress);
    finder.read(units, progress);
    source->check();
    Result result;
    finder.report(result);
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < source->prompts(); ++i) tokens += static_cast<std::int64_t>(source->ids(i).size());
    result.summary = {{"prompts", double(source->prompts())}, {"tokens", double(tokens)}, {"seed", double(params.seed)}};
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(max_activating, "max-activating", "On which tokens neurons or heads are most active, least active, and in between")

}  // namespace microtome
