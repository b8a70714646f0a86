// The logit lens (nostalgebraist 2020): what the stream after each layer would say if it were the last one. And the tuned lens (Belrose et
// al. 2023): the same after a trained affine map of each layer (core/train/tuned_lens.h).
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "analyses/lens.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

struct Params {
    std::vector<PromptPair> prompts;
    std::string run = "clean", at = "post", norm = "final", lens;
    int top_k = 5, position = -1;
    static constexpr std::tuple fields{
        Field{"prompts", &Params::prompts, "A pair of a clean and a corrupted prompt; answer and foil if there are"},
        Field{"run", &Params::run, "Which of the pair's prompts is read", one_of("clean", "corrupt")},
        Field{"at", &Params::at, "Where in each layer: before it, between attention and MLP, or after it", one_of("pre", "mid", "post")},
        Field{"norm", &Params::norm,
              "final: the final norm with each stream's own scale (the logit lens); cached: with the last stream's; none: the unembedding "
              "alone",
              one_of("final", "cached", "none")},
        Field{"lens", &Params::lens, "A tuned lens to read through: file or folder of microtome lens-train; none: the logit lens"},
        Field{"top_k", &Params::top_k, "Tokens told of each layer at the position", between(1, 1000)},
        Field{"position", &Params::position, "The position told closely; -1: the last", at_least(-1)}};
};

struct Result {
    Grid top;
    std::optional<Grid> probability = Grid(), rank = Grid(), difference = Grid();  // none without an answer, without a foil
    Grid entropy, kl;
    Table tokens;
    std::vector<std::string> warnings;
    std::vector<std::pair<std::string, std::string>> stamps;
    static constexpr std::tuple fields{Field{"top", &Result::top, "The likeliest next token, and its probability"},
                                       Field{"probability", &Result::probability, "Probability of the answer (of several: their sum)"},
                                       Field{"rank", &Result::rank, "Rank of the answer, from 0 (of several: the best)"},
                                       Field{"difference", &Result::difference, "Logit of the answer minus the foil's"},
                                       Field{"entropy", &Result::entropy, "Entropy of the next token"},
                                       Field{"kl", &Result::kl, "KL of the model's own distribution from this one"},
                                       Field{"tokens", &Result::tokens, "The likeliest next tokens at one position, layer by layer"}};
};

struct Layers {
    Site site;  // where each layer was read
    std::vector<std::string> labels;
    std::vector<Tensor> streams;  // (pos, d_model)
    Tensor last;
};

Layers run_layers(const Transformer& model, const std::vector<std::int64_t>& ids, const std::string& where, SiteHandler* always) {
    const ModelConfig& c = model.config;
    const Site site = where == "pre" ? Site::resid_pre : where == "mid" ? Site::resid_mid : Site::resid_post;
    if (!has_site(c, site)) throw Error("at", "pre or post: this model has no stream between attention and MLP", where);
    std::vector<SiteRef> refs;
    for (int l = 0; l < c.n_layers; ++l) refs.push_back({site, l});
    refs.push_back({Site::resid_post, c.n_layers - 1});
    Recorder recorder(refs);
    Chain chain({always, &recorder});
    model.residual(ids_tensor({ids}), Tap(chain));
    Layers layers{site, {}, {}, recorder.at(refs.back())[0]};
    for (int l = 0; l < c.n_layers; ++l) {
        layers.labels.push_back(std::to_string(l));
        layers.streams.push_back(recorder.at(refs[static_cast<std::size_t>(l)])[0]);
    }
    if (site != Site::resid_post) layers.labels.emplace_back("final"), layers.streams.push_back(layers.last);
    return layers;
}

// Each stream through its layer's map. What leaves a layer enters the next one, and is read through that one's map.
void translate(Layers& layers, const TunedLens& lens) {
    const bool mid = layers.site == Site::resid_mid;
    if (mid != (lens.site == Site::resid_mid))
        throw Error("at", mid ? "pre or post, where this lens was trained to read" : "mid, where this lens was trained to read",
                    mid                              ? "mid"
                    : layers.site == Site::resid_pre ? "pre"
                                                     : "post");
    const std::size_t shift = layers.site == Site::resid_post ? 1 : 0;
    for (std::size_t l = 0; l < layers.streams.size(); ++l) layers.streams[l] = lens(l + shift, layers.streams[l]);
}

std::vector<std::pair<std::string, std::string>> stamps_of(const Params& params) {
    std::vector<std::pair<std::string, std::string>> out{
        {"lens", (params.lens.empty() ? "logit lens, norm " : "tuned lens, norm ") + params.norm}};
    if (!params.lens.empty()) out.emplace_back("lens_sha256", sha256_file(lens_file(params.lens)));
    return out;
}

class Reading {
  public:
    Reading(const Session& session, const Params& params, const ResolvedPair& pair, const std::vector<std::int64_t>& ids)
        : session_(session), params_(params), pair_(pair), tokens_(static_cast<std::int64_t>(ids.size())) {
        const Axis positions{"position", pieces(session, ids)};
        for (Grid* grid : grids()) {
            grid->axes = {{"layer", {}}, positions};
            grid->diverging = grid == &*out.difference;
        }
        out.top.unit = out.probability->unit = "probability";
        out.rank->unit = "rank", out.difference->unit = "logit difference", out.entropy.unit = out.kl.unit = "nats";
        out.tokens.columns = {{"layer", ""}, {"rank", ""}, {"token", ""}, {"id", ""}, {"probability", ""}};
    }

    void add(const std::string& label, const Tensor& logits, const Tensor& final_logprob) {
        for (Grid* grid : grids()) grid->axes[0].labels.push_back(label);
        const Tensor logprob = at::log_softmax(logits, -1), prob = logprob.exp();
        append(out.entropy, -(prob * logprob).sum(-1));
        append(out.kl, (final_logprob.exp() * (final_logprob - logprob)).sum(-1));
        const auto [best, id] = prob.max(-1);
        append(out.top, best);
        for (std::int64_t p = 0; p < tokens_; ++p) out.top.texts.push_back(session_.token(id[p].item<std::int64_t>()).text);
        if (!pair_.answers.empty()) add_answer(logits, prob);
        list(label, prob);
    }

    Result out;

  private:
    std::vector<Grid*> grids() { return {&out.top, &*out.probability, &*out.rank, &*out.difference, &out.entropy, &out.kl}; }

    static void append(Grid& grid, const Tensor& row) {
        for (std::int64_t i = 0; i < row.numel(); ++i) grid.values.push_back(row[i].item<double>());
    }

    void add_answer(const Tensor& logits, const Tensor& prob) {
        const Tensor answers = at::tensor(pair_.answers, at::kLong), theirs = logits.index_select(1, answers);
        append(*out.probability, prob.index_select(1, answers).sum(-1));
        // Ties go to the lower id, so that a rank is of one token alone.
        Tensor best = at::full({tokens_}, logits.size(1), at::kLong);
        const Tensor index = at::arange(logits.size(1), at::kLong);
        for (std::size_t i = 0; i < pair_.answers.size(); ++i) {
            const Tensor mine = theirs.narrow(1, static_cast<std::int64_t>(i), 1);
            const Tensor before = (logits > mine).logical_or((logits == mine).logical_and(index < pair_.answers[i])).sum(-1);
            best = at::minimum(best, before);
        }
        append(*out.rank, best.to(at::kDouble));
        if (pair_.foils.empty()) return;
        append(*out.difference, theirs.mean(-1) - logits.index_select(1, at::tensor(pair_.foils, at::kLong)).mean(-1));
    }

    void list(const std::string& label, const Tensor& prob) {
        const Tensor row = prob[params_.position < 0 ? tokens_ - 1 : params_.position];
        const auto [p, id] = row.topk(std::min<std::int64_t>(params_.top_k, row.numel()));
        for (std::int64_t i = 0; i < p.numel(); ++i) {
            const std::int64_t token = id[i].item<std::int64_t>();
            out.tokens.rows.push_back({label, i, session_.token(token).text, token, p[i].item<double>()});
        }
    }

    const Session& session_;
    const Params& params_;
    const ResolvedPair& pair_;
    std::int64_t tokens_;
};

Result run(Session& session, const Params& params, RunProgress& progress) {
    c10::AutoGradMode without_gradients(false);
    if (params.prompts.size() != 1)
        throw Error("prompts", "one pair (--clean, --corrupt, --answer, --foil)", std::to_string(params.prompts.size()));
    const PromptPair& given = params.prompts.front();
    const ResolvedPair pair = resolve(session, given, false, false);
    const Transformer& model = session.impl().model;
    const std::vector<std::int64_t>& ids = params.run == "clean" ? pair.clean : pair.corrupt;
    if (params.position >= static_cast<int>(ids.size()))
        throw Error("position", "-1 to " + std::to_string(ids.size() - 1), std::to_string(params.position));
    Edits always = edits_for(session, {{pair.clean, given.spans}});
    if (!always.empty()) always.enter({ids_tensor({ids}), {0}});
    if (!params.lens.empty() && params.norm != "final") throw Error("norm", "final, which a tuned lens is trained with", params.norm);
    const std::optional<TunedLens> lens = open_lens(session, params.lens);
    Layers layers = run_layers(model, ids, params.at, always.empty() ? nullptr : &always);
    always.check_fired();
    if (lens) translate(layers, *lens);
    const LensNorm norm = parse_lens_norm(params.norm);
    const Tensor final_logprob = at::log_softmax(lens_logits(model, layers.last, layers.last, LensNorm::final), -1);
    Reading reading(session, params, pair, ids);
    for (std::size_t l = 0; l < layers.streams.size(); ++l) {
        progress.check();
        reading.add(layers.labels[l], lens_logits(model, layers.streams[l], layers.last, norm), final_logprob);
        progress.step(static_cast<std::int64_t>(l + 1), static_cast<std::int64_t>(layers.streams.size()), "layers");
    }
    Result& out = reading.out;
    out.stamps = stamps_of(params);
    if (pair.answers.empty())
        out.probability.reset(), out.rank.reset(), out.warnings.push_back("no answer: its probability and rank are left out");
    if (pair.answers.empty() || pair.foils.empty()) out.difference.reset();
    return out;
}

}  // namespace

MICROTOME_ANALYSIS(logit_lens, "logit-lens", "What the stream after each layer would say if it were the last one: logit lens or tuned lens")

}  // namespace microtome
