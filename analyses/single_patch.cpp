// One activation patch, looked at closely: the logit lens of the runs and what the patch changed in it, which tokens it makes likelier, and
// how far it reaches. The stream's change is exactly 0 outside the causal cone of the patch (deeper layers, same or later tokens).
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "analyses/lens_comparison.h"
#include "analyses/question.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "hooks/edits.h"
#include "hooks/patching.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

struct Params {
    std::vector<PromptPair> prompts;
    std::string site = "resid_pre", direction = "denoise", difference_from = "base";
    int layer = 0, head = -1, position = -1, top_k = 10;
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts, "A pair of a clean and a corrupted prompt, with answer and foil"},
        Field{"site", &Params::site, "What is patched (microtome list sites)"},
        Field{"layer", &Params::layer, "In this layer", at_least(0)},
        Field{"head", &Params::head, "This head alone (-1: all)", at_least(-1)},
        Field{"position", &Params::position, "This token alone, of a pattern this destination (-1: all)", at_least(-1)},
        Field{"direction", &Params::direction, "denoise: clean values into the corrupted run; noise: the reverse",
              one_of("denoise", "noise")},
        Field{
            "difference_from", &Params::difference_from,
            "What the differences are taken from: base (the run that is patched into; exactly 0 outside the causal cone), clean or corrupt",
            one_of("base", "clean", "corrupt")},
        Field{"top_k", &Params::top_k, "Tokens told, of each of the three runs", between(1, 1000)}};
};

struct Result {
    Grid lens, lens_difference;
    std::optional<Grid> lens_answer, lens_answer_difference, lens_margin, lens_margin_difference;  // none without an answer, without a foil
    Table tokens;
    Grid reach;
    std::vector<std::pair<std::string, double>> summary;
    static constexpr std::tuple fields{
        Field{"lens", &Result::lens, "What each run's stream after each layer would say: the likeliest next token, and its probability"},
        Field{"lens_difference", &Result::lens_difference,
              "The token whose probability the patch changes most, and by how much; 0: nothing is changed"},
        Field{"lens_answer", &Result::lens_answer, "Probability of the answer after each layer (of several: their sum)"},
        Field{"lens_answer_difference", &Result::lens_answer_difference, "By how much the patch changes the answer's probability"},
        Field{"lens_margin", &Result::lens_margin, "Logit of the answer minus the foil's after each layer"},
        Field{"lens_margin_difference", &Result::lens_margin_difference, "By how much the patch changes answer minus foil"},
        Field{"tokens", &Result::tokens,
              "The likeliest next tokens of the clean, the corrupted and the patched run, and those of the question"},
        Field{"reach", &Result::reach,
              "How much of the way from the patched-into run to the other the stream has gone, by its norm; 0: not reached"}};
};

void check_place(const Params& params, const ModelConfig& config, Site site, std::int64_t length) {
    auto within = [](const char* name, std::int64_t value, std::int64_t n, const std::string& of) {
        if (value >= n) throw Error(name, "0 to " + std::to_string(n - 1) + " (" + of + "), or -1 for all", std::to_string(value));
    };
    if (!per_layer(site) || !has_site(config, site))
        throw Error("site", "a site of this model's layers (microtome list sites)", params.site);
    if (params.layer >= config.n_layers) throw Error("layer", "0 to " + std::to_string(config.n_layers - 1), std::to_string(params.layer));
    const std::string_view axes = info(site).axes;
    const bool per_kv = axes.find('k') != std::string_view::npos, per_head = per_kv || axes.find('h') != std::string_view::npos;
    if (params.head >= 0 && !per_head) throw Error("head", "-1: " + params.site + " has no heads", std::to_string(params.head));
    within("head", params.head, per_kv ? config.n_kv_heads : config.n_heads, "heads of the model");
    within("position", params.position, length, "tokens of the prompt");
}

struct Run {
    Tensor probabilities, logits;  // float64 (d_vocab), at the last token
    std::vector<Tensor> stream;    // by layer: resid_post (pos, d_model), as computed
};

Run run_of(const Transformer& model, const Tensor& ids, SiteHandler* handler) {
    std::vector<SiteRef> refs;
    for (int l = 0; l < model.config.n_layers; ++l) refs.push_back({Site::resid_post, l});
    Recorder recorder(refs);
    Chain chain({handler, &recorder});
    Run run;
    run.logits = last_logits(model, ids, &chain)[0].to(at::kCPU, at::kDouble);
    run.probabilities = at::softmax(run.logits, 0);
    for (SiteRef ref : refs) run.stream.push_back(recorder.at(ref)[0]);
    return run;
}

std::vector<std::int64_t> told_tokens(const Run* (&runs)[3], const ResolvedPair& pair, int top_k) {
    std::vector<std::int64_t> told;
    auto add = [&](std::int64_t id) {
        if (std::find(told.begin(), told.end(), id) == told.end()) told.push_back(id);
    };
    for (std::int64_t id : pair.answers) add(id);
    for (std::int64_t id : pair.foils) add(id);
    for (const Run* run : runs) {
        const std::int64_t n = std::min<std::int64_t>(top_k, run->probabilities.numel());
        const Tensor best = std::get<1>(run->probabilities.topk(n));
        for (std::int64_t i = 0; i < n; ++i) add(best[i].item<std::int64_t>());
    }
    const Tensor& patched = runs[2]->probabilities;
    std::stable_sort(told.begin(), told.end(),
                     [&](std::int64_t a, std::int64_t b) { return patched[a].item<double>() > patched[b].item<double>(); });
    return told;
}

Table table_of(const Session& session, const Run* (&runs)[3], const std::vector<std::int64_t>& told, const Run& base) {
    Table table;
    table.columns = {{"token", ""},       {"id", ""}, {"clean", "probability"}, {"corrupted", "probability"}, {"patched", "probability"},
                     {"change", "logits"}};
    for (std::int64_t id : told) {
        std::vector<Cell> row{session.token(id).text, id};
        for (const Run* run : runs) row.emplace_back(run->probabilities[id].item<double>());
        row.emplace_back((runs[2]->logits[id] - base.logits[id]).item<double>());
        table.rows.push_back(std::move(row));
    }
    return table;
}

Tensor distance(const Tensor& a, const Tensor& b) {  // float64 (pos)
    return (a.to(at::kCPU, at::kDouble) - b.to(at::kCPU, at::kDouble)).norm(2, -1);
}

Grid reach_of(const Session& session, const std::vector<std::int64_t>& ids, const Run& base, const Run& source, const Run& patched) {
    Grid grid;
    grid.axes = {{"layer", numbers(static_cast<int>(base.stream.size()))}, {"position", pieces(session, ids)}};
    grid.unit = "share of the way";
    grid.diverging = false;
    for (std::size_t l = 0; l < base.stream.size(); ++l) {
        const Tensor moved = distance(patched.stream[l], base.stream[l]), whole = distance(source.stream[l], base.stream[l]);
        for (std::int64_t p = 0; p < moved.numel(); ++p) {
            const double by = moved[p].item<double>(), of = whole[p].item<double>();
            grid.values.push_back(by == 0 ? 0 : of == 0 ? std::nan("") : by / of);
        }
    }
    return grid;
}

/// Labels of positions that hold different tokens in the two prompts tell both.
std::vector<std::string> both_pieces(const Session& session, const ResolvedPair& pair) {
    std::vector<std::string> clean = pieces(session, pair.clean);
    const std::vector<std::string> corrupt = pieces(session, pair.corrupt);
    for (std::size_t p = 0; p < clean.size(); ++p)
        if (clean[p] != corrupt[p]) clean[p] += "/" + corrupt[p];
    return clean;
}

void add_lenses(const Session& session, const Params& params, const ResolvedPair& pair, const Run* (&runs)[3], RunProgress& progress,
                Result& result) {
    const bool denoise = params.direction == "denoise";
    const std::string from = params.difference_from == "base" ? denoise ? "corrupt" : "clean" : params.difference_from;
    const LensQuestion question{{{"clean", &runs[0]->stream}, {"corrupted", &runs[1]->stream}, {"patched", &runs[2]->stream}},
                                from == "clean" ? 0u : 1u,
                                2,
                                both_pieces(session, pair),
                                pieces(session, denoise ? pair.corrupt : pair.clean)};
    LensComparison lenses = compare_lenses(session, pair, question, progress);
    result.lens = std::move(lenses.top), result.lens_difference = std::move(lenses.top_difference);
    result.lens_answer = std::move(lenses.answer), result.lens_answer_difference = std::move(lenses.answer_difference);
    result.lens_margin = std::move(lenses.margin), result.lens_margin_difference = std::move(lenses.margin_difference);
}

Result run(Session& session, const Params& params, RunProgress& progress) {
    c10::AutoGradMode without_gradients(false);
    if (params.prompts.size() != 1)
        throw Error("prompts", "one pair (--clean, --corrupt, --answer, --foil)", std::to_string(params.prompts.size()));
    const PromptPair& given = params.prompts.front();
    const ResolvedPair pair = resolve(session, given, false, false);
    const Transformer& model = session.impl().model;
    const Site site = parse_site(params.site);
    check_place(params, model.config, site, static_cast<std::int64_t>(pair.clean.size()));
    const bool denoise = params.direction == "denoise";
    Edits always = edits_for(session, {{pair.clean, given.spans}});
    auto handler = [&](const std::vector<std::int64_t>& ids) -> SiteHandler* {
        if (always.empty()) return nullptr;
        always.enter({ids_tensor({ids}), {0}});
        return &always;
    };
    const Run clean = run_of(model, ids_tensor({pair.clean}), handler(pair.clean));
    const Run corrupt = run_of(model, ids_tensor({pair.corrupt}), handler(pair.corrupt));
    progress.step(2, 3, "runs");
    progress.check();
    const auto &base_ids = denoise ? pair.corrupt : pair.clean, &source_ids = denoise ? pair.clean : pair.corrupt;
    Edit edit;
    edit.name = "patch", edit.kind = EditKind::put, edit.ref = {site, params.layer};
    if (params.head >= 0) edit.heads = {params.head};
    if (params.position >= 0) edit.positions = {{params.position}};
    edit.sources = {{source_ids, {}}};
    Edits patch({edit}, model);
    const Tensor ids = ids_tensor({base_ids});
    patch.enter({ids, {0}});
    Chain both({handler(base_ids), &patch});
    const Run patched = run_of(model, ids, &both);
    patch.check_fired();
    progress.step(3, 3, "runs");
    const Run &base = denoise ? corrupt : clean, &source = denoise ? clean : corrupt;
    const Run* runs[3] = {&clean, &corrupt, &patched};
    Result result;
    add_lenses(session, params, pair, runs, progress, result);
    result.tokens = table_of(session, runs, told_tokens(runs, pair, params.top_k), base);
    result.reach = reach_of(session, base_ids, base, source, patched);
    if (!pair.answers.empty() && !pair.foils.empty()) {
        auto difference = [&](const Run& run) {
            return (run.logits.index_select(0, at::tensor(pair.answers)).mean() - run.logits.index_select(0, at::tensor(pair.foils)).mean())
                .item<double>();
        };
        result.summary = {{"clean", difference(clean)}, {"corrupt", difference(corrupt)}, {"patched", difference(patched)}};
    }
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(single_patch, "single-patch",
                   "One patch looked at closely: what it changes in the logit lens, which tokens it makes likelier, how far it reaches")

}  // namespace microtome
