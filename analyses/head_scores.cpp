// Which heads attend to the previous token, to duplicates, or to what followed them before (Olsson et al. 2022): on repeated random tokens,
// and with TransformerLens' detectors on prompts.
#include <ATen/ATen.h>

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
    int seed = 0;
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts, "Prompts to score on; none: repeated random tokens"},
        Field{"n_sequences", &Params::n_sequences, "Random sequences, without prompts", between(1, 10000)},
        Field{"length", &Params::length, "Random tokens before they repeat (0: 25, or what fits the context)", between(0, 100000)},
        Field{"exclude_first", &Params::exclude_first, "Leave out attention to the first token (the BOS sink)"},
        Field{"seed", &Params::seed, "Seed of the random tokens"}};
};

struct Result {
    Table scores;
    Grid induction, previous_token, duplicate_token;
    std::vector<std::pair<std::string, double>> summary;
    static constexpr std::tuple fields{
        Field{"scores", &Result::scores, "Every head, strongest induction first"},
        Field{"induction", &Result::induction, "Attention to the token after the last occurrence of this one"},
        Field{"previous_token", &Result::previous_token, "Attention to the token before"},
        Field{"duplicate_token", &Result::duplicate_token, "Attention to earlier occurrences of this token"}};
};

constexpr Detector detectors[] = {Detector::induction, Detector::previous_token, Detector::duplicate_token};

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

// Mean of the diagonal that leads from the second half to what stood `offset` after the same token in the first (TransformerLens: the
// pattern's diagonal of offset − n, whose first entry still lies in the first half). `skip` leading tokens (BOS) are left out.
Tensor stripe(const Tensor& pattern, std::int64_t skip, std::int64_t n, std::int64_t offset) {
    Tensor repeated = pattern.to(at::kDouble).narrow(-1, skip, 2 * n).narrow(-2, skip, 2 * n);
    return repeated.diagonal(offset - n, -2, -1).mean(-1);
}

Grid head_grid(const Session& session, const Tensor& scores) {
    Grid grid;
    grid.axes = {{"layer", numbers(session.facts().n_layers)}, {"head", numbers(session.facts().n_heads)}};
    grid.unit = "share of attention";
    grid.diverging = false;
    Tensor flat = scores.to(at::kCPU, at::kDouble).contiguous();
    grid.values.assign(flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel());
    return grid;
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
    Tensor totals[3];
    const Transformer& model = session.impl().model;
    std::int64_t skip = random ? static_cast<std::int64_t>(rows[0].size() % 2) : 0, n = static_cast<std::int64_t>(rows[0].size()) / 2;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        progress.check();
        edits.enter({ids_tensor({rows[i]}), {i}});
        Tensor pattern = head_patterns(model, ids_tensor({rows[i]}), edits.empty() ? nullptr : &edits).pattern.select(1, 0).to(at::kCPU);
        for (int d = 0; d < 3; ++d) {
            Tensor score;
            if (random && detectors[d] == Detector::induction)
                score = stripe(pattern, skip, n, 1);
            else if (random && detectors[d] == Detector::duplicate_token)
                score = stripe(pattern, skip, n, 0);
            else
                score = detector_score(pattern, detector_matrix(detectors[d], rows[i]), params.exclude_first);
            totals[d] = totals[d].defined() ? totals[d] + score : score;
        }
        progress.step(static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(rows.size()), "prompts");
    }
    edits.check_fired();
    for (Tensor& total : totals) total = total / static_cast<double>(rows.size());
    Result result{{}, head_grid(session, totals[0]), head_grid(session, totals[1]), head_grid(session, totals[2]), {}};
    result.scores.columns = {{"layer", ""}, {"head", ""}, {"induction", ""}, {"previous_token", ""}, {"duplicate_token", ""}};
    std::size_t heads = result.induction.axes[1].size();
    for (std::size_t i = 0; i < result.induction.values.size(); ++i)
        result.scores.rows.push_back({static_cast<std::int64_t>(i / heads), static_cast<std::int64_t>(i % heads),
                                      result.induction.values[i], result.previous_token.values[i], result.duplicate_token.values[i]});
    std::stable_sort(result.scores.rows.begin(), result.scores.rows.end(),
                     [](const auto& a, const auto& b) { return std::get<double>(a[2]) > std::get<double>(b[2]); });
    result.summary = {{"prompts", static_cast<double>(rows.size())}, {"tokens_each", static_cast<double>(rows[0].size())}};
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(head_scores, "head-scores", "How much each head is an induction, previous-token or duplicate-token head")

}  // namespace microtome
