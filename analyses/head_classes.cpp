// Which heads do what in a circuit that copies a name (indirect object identification; Wang et al. 2022): each class by thresholds, by how
// far the head lies above a null, and by how many prompts.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "analyses/head_evidence.h"
#include "analyses/head_weights.h"
#include "analyses/question.h"
#include "analyses/register.h"
#include "core/base/error.h"
#include "hooks/path_patching.h"

namespace microtome {
namespace {

struct Params {
    std::vector<PromptPair> prompts;
    double attention = 0.3, effect = 0.05, copy = 0.5;
    int n_null = 20, seed = 0;
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts,
              "Pairs with the spans IO, S1 and S2 (END: the last token), the name as answer, the other as foil"},
        Field{"attention", &Params::attention, "Attention from which a head looks at something", between(0, 1)},
        Field{"effect", &Params::effect, "Effect, as a share of the clean logit difference, from which a head counts", between(0, 1)},
        Field{"copy", &Params::copy, "Copy rate from which a head copies names", between(0, 1)},
        Field{"n_null", &Params::n_null, "Draws of each null", between(2, 10000)},
        Field{"seed", &Params::seed, "Seed of the nulls"}};
};

struct Result {
    Table heads;
    Grid attention, direct;
    std::optional<Grid> inhibition;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    static constexpr std::tuple fields{
        Field{
            "heads", &Result::heads,
            "name mover: looks from END at IO, direct effect on the logit difference > 0, copies names; negative: effect < 0 and its "
            "negative "
            "copies; S-inhibition: looks from END at S2 and changes the logit difference through the name movers' queries; duplicate "
            "token: S2 "
            "at S1; induction: S2 at the token after S1; previous token: that token at S1. Every attention and effect also three standard "
            "deviations from its null (random sources; other prompts' names; random heads)"},
        Field{"attention", &Result::attention, "Mean attention from a role's token to another's"},
        Field{"direct", &Result::direct, "Direct effect on logit(answer) - logit(foil) at END, mean over prompts"},
        Field{
            "inhibition", &Result::inhibition,
            "Change of the clean logit difference when the head comes from the corrupted run, through the queries of the name movers alone "
            "(path patching, MLPs made anew); absent without name movers"}};
};

// (layer, head), or with a leading axis of looks.
Grid grid_of(const Session& session, const Tensor& x, const char* unit) {
    Grid grid;
    grid.axes = {{"layer", numbers(session.facts().n_layers)}, {"head", numbers(session.facts().n_heads)}};
    if (x.dim() == 3) grid.axes.insert(grid.axes.begin(), {"look", {look_names, look_names + n_looks}});
    grid.unit = unit;
    Tensor flat = x.contiguous();
    grid.values.assign(flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel());
    return grid;
}

class Classes {
  public:
    Classes(const Params& params, const HeadEvidence& evidence) : params_(params), e_(evidence) {}

    bool looks(Look look, int l, int h) const {
        auto i = static_cast<int>(look);
        double x = at(e_.attention[i], l, h);
        return x >= params_.attention && x > at(e_.attention_null[i], l, h) + 3 * at(e_.attention_null_sd[i], l, h);
    }
    // +1, -1 or 0: no effect to speak of.
    int moves(int l, int h) const {
        double x = at(e_.direct, l, h), away = std::abs(x - at(e_.direct_null, l, h));
        if (std::abs(x) < params_.effect * std::abs(e_.logit_diff) || away <= 3 * at(e_.direct_null_sd, l, h)) return 0;
        return x > 0 ? 1 : -1;
    }
    bool copies(const Tensor& rate, int l, int h) const {
        double x = at(rate, l, h);
        return x >= params_.copy && x > e_.copy_null + 3 * e_.copy_null_sd;
    }
    bool name_mover(int l, int h) const { return looks(Look::end_io, l, h) && moves(l, h) > 0 && copies(e_.copy_rate, l, h); }
    bool negative(int l, int h) const { return looks(Look::end_io, l, h) && moves(l, h) < 0 && copies(e_.negative_copy_rate, l, h); }
    bool inhibits(double effect, double error, int l, int h) const {
        return looks(Look::end_s2, l, h) && std::abs(effect) >= params_.effect * std::abs(e_.logit_diff) && std::abs(effect) > 3 * error;
    }
    std::string names(double effect, double error, int l, int h) const {
        std::string text;
        auto add = [&](bool is, const char* name) {
            if (is) text += (text.empty() ? "" : ", ") + std::string(name);
        };
        add(name_mover(l, h), "name mover");
        add(negative(l, h), "negative name mover");
        add(inhibits(effect, error, l, h), "S-inhibition");
        add(looks(Look::s2_s1, l, h), "duplicate token");
        add(looks(Look::s2_after_s1, l, h), "induction");
        add(looks(Look::after_s1_s1, l, h), "previous token");
        return text;
    }

    static double at(const Tensor& x, int l, int h) { return x[l][h].item<double>(); }

  private:
    const Params& params_;
    const HeadEvidence& e_;
};

// Of each head through the queries of `movers`: change of the logit difference and its standard error.
Grid inhibition(Session& session, const std::vector<PatchPair>& pairs, const std::vector<PathNode>& movers, Edits* edits,
                RunProgress& progress) {
    const ModelConfig& c = session.impl().model.config;
    Grid grid = grid_of(session, at::full({c.n_layers, c.n_heads}, NAN, at::kDouble), "change in logit difference");
    grid.sem = grid.values;
    grid.mask.assign(grid.size(), 0);
    if (movers.empty()) return grid;
    PathSweep sweep;
    sweep.pairs = pairs;
    sweep.receivers = movers;
    sweep.always = edits;
    for (int l = 0; l < c.n_layers; ++l)
        for (int h = 0; h < c.n_heads; ++h) sweep.senders.push_back({{{Site::z, l}, h}});
    PatchOutcome outcome = path_patch(session.impl().model, sweep, progress);
    progress.check();
    for (std::size_t i = 0; i < grid.size(); ++i) {
        Tensor change = at::tensor(outcome.values[i], at::kDouble) - at::tensor(outcome.base, at::kDouble);
        grid.values[i] = change.mean().item<double>();
        if (pairs.size() > 1) grid.sem[i] = change.std().item<double>() / std::sqrt(static_cast<double>(pairs.size()));
    }
    grid.mask.clear();
    return grid;
}

Table table_of(const Classes& classes, const HeadEvidence& e, const Grid& inhibition) {
    Table table;
    table.columns = {{"layer", ""}, {"head", ""}, {"class", ""}};
    for (int i = 0; i < n_looks; ++i) table.columns.push_back({look_names[i], "attention"});
    table.columns.insert(table.columns.end(), {{"END to IO, null", "attention"},
                                               {"END to S2, null", "attention"},
                                               {"direct", "logit difference"},
                                               {"direct_null_sd", "logit difference"},
                                               {"copy_rate", ""},
                                               {"negative_copy_rate", ""},
                                               {"through_name_movers_q", "change in logit difference"}});
    for (int l = 0; l < e.direct.size(0); ++l)
        for (int h = 0; h < e.direct.size(1); ++h) {
            auto i = static_cast<std::size_t>(l * e.direct.size(1) + h);
            auto number = [&](const Tensor& x) { return Classes::at(x, l, h); };
            std::vector<Cell> row{std::int64_t{l}, std::int64_t{h}, classes.names(inhibition.values[i], inhibition.sem[i], l, h)};
            for (int look = 0; look < n_looks; ++look) row.emplace_back(number(e.attention[look]));
            row.insert(row.end(),
                       {number(e.attention_null[int(Look::end_io)]), number(e.attention_null[int(Look::end_s2)]), number(e.direct),
                        number(e.direct_null_sd), number(e.copy_rate), number(e.negative_copy_rate), inhibition.values[i]});
            table.rows.push_back(std::move(row));
        }
    std::stable_sort(table.rows.begin(), table.rows.end(), [](const auto& a, const auto& b) {
        return std::get<std::string>(a[2]).empty() < std::get<std::string>(b[2]).empty();
    });
    return table;
}

Result run(Session& session, const Params& params, RunProgress& progress) {
    const Transformer& model = session.impl().model;
    if (params.prompts.empty()) throw Error("prompts", "at least one pair with the spans IO, S1 and S2 (--pairs FILE)", "none");
    if (model.config.post_norms)
        throw Error("head-classes", "a model without a norm after attention (a head's direct effect is not linear there)",
                    session.facts().name);
    std::vector<RolePrompt> roles;
    std::vector<PatchPair> pairs;
    std::vector<PromptTokens> prompts;
    Metric metric = parse_metric("logit_diff");
    for (const PromptPair& given : params.prompts) {
        ResolvedPair pair = resolve(session, given, true, true);
        roles.push_back(role_prompt(session, given, pair));
        pairs.push_back({pair.clean, pair.corrupt, question_of(session, metric, given, pair)});
        prompts.push_back({pair.clean, given.spans});
    }
    Edits edits = edits_for(session, prompts);
    Edits* always = edits.empty() ? nullptr : &edits;
    Rng rng(mix64(static_cast<std::uint64_t>(params.seed)));
    HeadEvidence evidence = head_evidence(model, roles, always, params.n_null, rng, progress);
    Classes classes(params, evidence);
    std::vector<PathNode> movers;
    for (int l = 0; l < model.config.n_layers; ++l)
        for (int h = 0; h < model.config.n_heads; ++h)
            if (classes.name_mover(l, h)) movers.push_back({{Site::q, l}, h});
    Result result;
    Grid through = inhibition(session, pairs, movers, always, progress);
    edits.check_fired();
    result.attention = grid_of(session, evidence.attention, "attention");
    result.attention.diverging = false;
    result.direct = grid_of(session, evidence.direct, "logit difference");
    if (pairs.size() > 1) result.direct.sem = grid_of(session, evidence.direct_sem, "").values;
    result.heads = table_of(classes, evidence, through);
    if (pairs.size() == 1) through.sem.clear();
    if (!movers.empty()) result.inhibition = std::move(through);
    result.summary = {{"prompts", double(pairs.size())}, {"logit_diff", evidence.logit_diff},     {"name_movers", double(movers.size())},
                      {"copy_null", evidence.copy_null}, {"copy_null_sd", evidence.copy_null_sd}, {"n_null", double(params.n_null)},
                      {"seed", double(params.seed)}};
    if (movers.empty()) result.warnings.push_back("no name mover by these thresholds: S-inhibition was not looked for");
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(head_classes, "head-classes",
                   "Name movers, S-inhibition, duplicate-token, induction and previous-token heads, by attention, effect and copying")

}  // namespace microtome
