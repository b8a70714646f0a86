// Which heads attend to the previous token, to duplicates, or to what followed them before (Olsson et al. 2022): on repeated random tokens,
// and with TransformerLens' detectors on prompts; where attention rests (first token, itself) and how widely it spreads. Each detector has
// a null: the same attention, read at random earlier tokens.
#include <ATen/ATen.h>

#include <array>
#include <cmath>

#include "analyses/patterns.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "core/worlds/rng.h"

namespace microtome {
namespace {

struct Params {
    std::vector<Prompt> prompts;
    int n_sequences = 20, length = 0;
    bool exclude_first = false;
    double threshold = 0.4;
    int n_null = 20, seed = 0;
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts, "Prompts to score on; none: repeated random tokens"},
        Field{"n_sequences", &Params::n_sequences, "Random sequences, without prompts", between(1, 10000)},
        Field{"length", &Params::length, "Random tokens before they repeat (0: 25, or what fits the context)", between(0, 100000)},
        Field{"exclude_first", &Params::exclude_first, "Leave out attention to the first token (the BOS sink)"},
        Field{"threshold", &Params::threshold,
              "Score from which a head is given a class, if it also lies three standard deviations above its null", between(0, 1)},
        Field{"n_null", &Params::n_null, "Draws of random earlier tokens, the null of each score", between(2, 10000)},
        Field{"seed", &Params::seed, "Seed of the random tokens and of the null"}};
};

struct Result {
    Table scores;
    Grid induction, previous_token, duplicate_token, first_token, self, entropy, spread;
    std::vector<std::pair<std::string, double>> summary;
    static constexpr std::tuple fields{
        Field{"scores", &Result::scores,
              "Every head, strongest induction first; null: mean and standard deviation of the same score at random earlier tokens; class: "
              "by "
              "threshold and null (summary)"},
        Field{"induction", &Result::induction, "Attention to the token after the last occurrence of this one"},
        Field{"previous_token", &Result::previous_token, "Attention to the token before"},
        Field{"duplicate_token", &Result::duplicate_token, "Attention to earlier occurrences of this token"},
        Field{"first_token", &Result::first_token, "Mean of A[p, 0] over positions p > 0: the first token as a sink"},
        Field{"self", &Result::self, "Mean of A[p, p] over p > 0"},
        Field{"entropy", &Result::entropy, "Mean of -Σ A log A over p > 0"},
        Field{"spread", &Result::spread, "Mean of that entropy / log(p + 1): 1 is attention to all alike"}};
};

constexpr std::size_t n_detectors = 5;
constexpr Detector detectors[n_detectors] = {Detector::induction, Detector::previous_token, Detector::duplicate_token,
                                             Detector::first_token, Detector::self};
constexpr const char* names_of[n_detectors] = {"induction", "previous_token", "duplicate_token", "first_token", "self"};

// [BOS] r r with r random: tokens drawn from all of the vocabulary but the beginning-of-sequence token.
std::vector<std::vector<std::int64_t>> random_repeats(const Session& session, const Params& params) {
    const ModelFacts& facts = session.facts();
    const Tokenizer* tokenizer = session.impl().tokenizer.get();
    std::int64_t bos = tokenizer && tokenizer->prepends_bos() ? tokenizer->facts().before[0] : -1;
    int room = (facts.n_ctx - (bos >= 0)) / 2, length = params.length > 0 ? params.length : std::min(25, room);
    if (length < 2 || length > room)
        throw Error("length", "2 to " + std::to_string(room) + " tokens (twice over in the context)", std::to_string(length));
    Rng rng(mix64(static_cast<std::uint64_t>(params.seed)));
    std::vector<std::vector<std::int64_t>> rows;
    for (int i = 0; i < params.n_sequences; ++i) {
        std::vector<std::int64_t> row;
        while (static_cast<int>(row.size()) < length) {
            auto id = static_cast<std::int64_t>(rng.below(static_cast<std::size_t>(facts.d_vocab)));
            if (id != bos) row.push_back(id);
        }
        std::vector<std::int64_t> whole = row;
        whole.insert(whole.end(), row.begin(), row.end());
        if (bos >= 0) whole.insert(whole.begin(), bos);
        rows.push_back(std::move(whole));
    }
    return rows;
}

// In the repeated tokens: what the diagonal marks that leads from the second half to what stood `offset` after the same token in the first
// (TransformerLens: the pattern's diagonal of offset − n, whose first entry still lies in the first half). `skip` leading tokens (BOS) are
// left out.
Tensor stripe(std::int64_t skip, std::int64_t n, std::int64_t offset) {
    Tensor marks = at::zeros({skip + 2 * n, skip + 2 * n}, at::kDouble);
    marks.narrow(-1, skip, 2 * n).narrow(-2, skip, 2 * n).diagonal(offset - n, -2, -1).fill_(1);
    return marks;
}

// One detector on one prompt: its marks, and how their attention becomes a score.
struct Reading {
    Tensor marks;
    bool mean = false;           // over the marks; otherwise the share of all attention
    bool exclude_first = false;  // of the share
    Tensor score(const Tensor& pattern, const Tensor& at) const {
        return mean ? (pattern * at).sum({-2, -1}) / at.sum() : detector_score(pattern, at, exclude_first);
    }
};

Grid head_grid(const Session& session, const Tensor& scores, const char* unit = "share of attention") {
    Grid grid;
    grid.axes = {{"layer", numbers(session.facts().n_layers)}, {"head", numbers(session.facts().n_heads)}};
    grid.unit = unit;
    grid.diverging = false;
    Tensor flat = scores.to(at::kCPU, at::kDouble).contiguous();
    grid.values.assign(flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel());
    return grid;
}

// Sums over prompts of what is shown as a mean over prompts.
struct Totals {
    std::array<Tensor, n_detectors> scores;
    std::array<std::vector<Tensor>, n_detectors> null;  // [detector][draw]
    AttentionSpread spread;

    static void add(Tensor& total, const Tensor& more) { total = total.defined() ? total + more : more; }
    void read(const Tensor& pattern, const std::array<Reading, n_detectors>& readings, std::int64_t first, int n_null, Rng& rng) {
        for (std::size_t d = 0; d < n_detectors; ++d) {
            add(scores[d], readings[d].score(pattern, readings[d].marks));
            null[d].resize(static_cast<std::size_t>(n_null));
            for (Tensor& draw : null[d]) add(draw, readings[d].score(pattern, random_marks(readings[d].marks, first, rng)));
        }
        AttentionSpread own = attention_spread(pattern);
        add(spread.entropy, own.entropy);
        add(spread.share, own.share);
    }
    void divide(double n) {
        for (Tensor& x : scores) x = x / n;
        for (auto& draws : null)
            for (Tensor& x : draws) x = x / n;
        spread = {spread.entropy / n, spread.share / n};
    }
};

Table score_table(const Totals& totals, const Params& params) {
    Table table;
    table.columns = {{"layer", ""}, {"head", ""}};
    for (const char* name : names_of) table.columns.push_back({name, ""});
    table.columns.insert(table.columns.end(), {{"class", ""}, {"entropy", "nats"}, {"spread", ""}});
    std::array<Tensor, n_detectors> mean, sd;
    for (std::size_t d = 0; d < n_detectors; ++d) {
        for (const char* part : {"_null", "_null_sd"}) table.columns.push_back({std::string(names_of[d]) + part, ""});
        Tensor draws = at::stack(totals.null[d]);
        mean[d] = draws.mean(0);
        sd[d] = draws.std(0);
    }
    for (std::int64_t l = 0; l < totals.scores[0].size(0); ++l)
        for (std::int64_t h = 0; h < totals.scores[0].size(1); ++h) {
            auto number = [&](const Tensor& x) { return x[l][h].item<double>(); };
            std::vector<Cell> row{l, h};
            std::string names;
            for (std::size_t d = 0; d < n_detectors; ++d) {
                double score = number(totals.scores[d]);
                row.push_back(score);
                if (score >= params.threshold && score > number(mean[d]) + 3 * number(sd[d]))
                    names += (names.empty() ? "" : ", ") + std::string(names_of[d]);
            }
            row.insert(row.end(), {names, number(totals.spread.entropy), number(totals.spread.share)});
            for (std::size_t d = 0; d < n_detectors; ++d) row.insert(row.end(), {number(mean[d]), number(sd[d])});
            table.rows.push_back(std::move(row));
        }
    std::stable_sort(table.rows.begin(), table.rows.end(),
                     [](const auto& a, const auto& b) { return std::get<double>(a[2]) > std::get<double>(b[2]); });
    return table;
}

Result run(Session& session, const Params& params, RunProgress& progress) {
    bool random = params.prompts.empty();
    std::vector<std::vector<std::int64_t>> rows;
    std::vector<PromptTokens> prompts;
    if (random) rows = random_repeats(session, params);
    for (const Prompt& prompt : params.prompts) rows.push_back(resolve(session, prompt));
    for (std::size_t i = 0; i < rows.size(); ++i)
        prompts.push_back({rows[i], random ? std::map<std::string, Span>() : params.prompts[i].spans});
    Edits edits = edits_for(session, prompts);
    const Transformer& model = session.impl().model;
    const Tokenizer* tokenizer = session.impl().tokenizer.get();
    std::int64_t skip = random ? static_cast<std::int64_t>(rows[0].size() % 2) : 0, n = static_cast<std::int64_t>(rows[0].size()) / 2;
    std::int64_t first = params.exclude_first || (tokenizer && tokenizer->prepends_bos()) ? 1 : 0;
    Totals totals;
    Rng rng(mix64(static_cast<std::uint64_t>(params.seed) + 1));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        progress.check();
        edits.enter({ids_tensor({rows[i]}), {i}});
        Tensor pattern = head_patterns(model, ids_tensor({rows[i]}), edits.empty() ? nullptr : &edits).pattern.select(1, 0);
        std::array<Reading, n_detectors> readings;
        for (std::size_t d = 0; d < n_detectors; ++d) {
            bool striped = random && (detectors[d] == Detector::induction || detectors[d] == Detector::duplicate_token);
            bool mean = striped || detectors[d] == Detector::first_token || detectors[d] == Detector::self;
            readings[d] = {striped ? stripe(skip, n, detectors[d] == Detector::induction) : detector_matrix(detectors[d], rows[i]), mean,
                           params.exclude_first};
        }
        totals.read(pattern.to(at::kCPU, at::kDouble), readings, first, params.n_null, rng);
        progress.step(static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(rows.size()), "prompts");
    }
    edits.check_fired();
    totals.divide(static_cast<double>(rows.size()));
    Result result;
    result.scores = score_table(totals, params);
    Grid* grids[] = {&result.induction, &result.previous_token, &result.duplicate_token, &result.first_token, &result.self};
    for (std::size_t d = 0; d < n_detectors; ++d) *grids[d] = head_grid(session, totals.scores[d]);
    result.entropy = head_grid(session, totals.spread.entropy, "nats");
    result.spread = head_grid(session, totals.spread.share, "share of log(p + 1)");
    result.summary = {{"prompts", static_cast<double>(rows.size())},
                      {"tokens_each", static_cast<double>(rows[0].size())},
                      {"threshold", params.threshold},
                      {"n_null", double(params.n_null)},
                      {"seed", double(params.seed)}};
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(head_scores, "head-scores", "How much each head is an induction, previous-token or duplicate-token head")

}  // namespace microtome
