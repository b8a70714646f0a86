// What a head reads and writes, from its weights alone: OV and QK circuits between tokens (Elhage et al. 2021), and the singular directions
// of both read through embedding and unembedding (Millidge & Black 2022). No (vocabulary × vocabulary) matrix is made.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "analyses/head_weights.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "core/worlds/rng.h"

namespace microtome {
namespace {

struct Params {
    std::string heads = "all", embedding = "token";
    std::vector<std::string> tokens;
    std::vector<std::int64_t> token_ids;
    int top_k = 5, directions = 4, n_tokens = 500, n_random = 20, seed = 0;
    static constexpr std::tuple fields{
        Field{"heads", &Params::heads, "Heads: L2.H1,L3.H0, or all"},
        Field{"tokens", &Params::tokens, "Source tokens (OV) and query tokens (QK) to read; none: those that each circuit maps farthest"},
        Field{"token_ids", &Params::token_ids, "The same, as ids"},
        Field{"embedding", &Params::embedding, "What stands for a token: its embedding, or that with what the first MLP adds to it alone",
              one_of("token", "after_mlp0")},
        Field{"top_k", &Params::top_k, "Tokens listed of each, and how high a token's own must rank to count as copied", between(1, 1000)},
        Field{"directions", &Params::directions, "Singular directions read of each circuit", between(0, 10000)},
        Field{"n_tokens", &Params::n_tokens, "Random tokens on which the shares copied are counted", between(1, 1 << 24)},
        Field{"n_random", &Params::n_random, "Random heads (normal entries) as null of the eigenvalue scores", between(2, 10000)},
        Field{"seed", &Params::seed, "Seed of tokens and random heads"}};
};

struct Result {
    Table heads, tokens, directions;
    Grid spectrum;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    static constexpr std::tuple fields{
        Field{
            "heads", &Result::heads,
            "Per head, folded weights: Frobenius norms; copying = Σ Re λ / Σ |λ| of W_E W_OV W_U, matching the same of W_E W_QK W_Eᵀ; "
            "shares of "
            "n_tokens random tokens that rank in the top_k of what the head writes for them, or among the keys that they would attend to"},
        Field{"tokens", &Result::tokens, "OV: what the head promotes for a source token. QK: which keys a query token scores highest"},
        Field{"directions", &Result::directions,
              "Singular directions, both signs: tokens along what is read and what is written (OV: through unembedding), or queries and "
              "keys"},
        Field{"spectrum", &Result::spectrum, "Singular values of each circuit"}};
};

struct Vocabulary {
    Tensor E, U;              // (d_vocab, d_model), (d_model, d_vocab)
    Tensor unembed_of_embed;  // W_U W_E (d_model, d_model)
    Tensor embed_of_embed;    // W_Eᵀ W_E
};

struct Circuit {
    const char* name;
    FactoredMatrix matrix;
    Tensor out;  // (d_model, d_vocab): how its right side is read as tokens
};

// The k largest of a vector: ids and values; equal values by the lower id.
std::vector<std::pair<std::int64_t, double>> largest(const Tensor& values, int k) {
    auto [sorted, order] = at::sort(values.contiguous(), /*stable=*/true, 0, /*descending=*/true);
    std::vector<std::pair<std::int64_t, double>> out;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(k, values.numel()); ++i)
        out.emplace_back(order[i].item<std::int64_t>(), sorted[i].item<double>());
    return out;
}

std::string words(const Session& session, const Tensor& values, int k) {
    std::string text;
    for (auto [id, value] : largest(values, k)) text += (text.empty() ? "" : " | ") + session.token(id).text;
    return text;
}

class Reader {
  public:
    Reader(const Session& session, const Params& params, const HeadWeights& weights) : session_(session), params_(params) {
        vocabulary_.E = weights.embedding(params.embedding == "after_mlp0");
        vocabulary_.U = weights.unembedding();
        vocabulary_.unembed_of_embed = at::matmul(vocabulary_.U, vocabulary_.E);
        vocabulary_.embed_of_embed = at::matmul(vocabulary_.E.t(), vocabulary_.E);
        for (const std::string& token : params.tokens) given_.push_back(token_of(session, token, "tokens"));
        for (std::int64_t id : params.token_ids) {
            if (id < 0 || id >= session.facts().d_vocab)
                throw Error("token_ids", "ids from 0 to " + std::to_string(session.facts().d_vocab - 1), std::to_string(id));
            given_.push_back(id);
        }
        Rng rng(mix64(static_cast<std::uint64_t>(params.seed)));
        for (int i = 0; i < std::min(params.n_tokens, session.facts().d_vocab); ++i)
            sample_.push_back(static_cast<std::int64_t>(rng.below(static_cast<std::size_t>(session.facts().d_vocab))));
    }

    double copying(const FactoredMatrix& ov) const { return positive_share(ov.eigenvalues(vocabulary_.unembed_of_embed)); }
    double matching(const FactoredMatrix& qk) const { return positive_share(qk.eigenvalues(vocabulary_.embed_of_embed)); }
    Circuit ov(FactoredMatrix m) const { return {"OV", std::move(m), vocabulary_.U}; }
    Circuit qk(FactoredMatrix m) const { return {"QK", std::move(m), vocabulary_.E.t()}; }

    // Share of the sampled tokens that rank within top_k of their own row; equals count as above it.
    double own_share(const Circuit& c) const {
        constexpr std::int64_t chunk = 64;
        Tensor ids = at::tensor(sample_, at::kLong);
        std::int64_t found = 0;
        for (std::int64_t at = 0; at < ids.numel(); at += chunk) {
            Tensor part = ids.narrow(0, at, std::min(chunk, ids.numel() - at));
            Tensor rows = at::matmul(at::matmul(at::matmul(vocabulary_.E.index_select(0, part), c.matrix.A), c.matrix.B), c.out);
            Tensor above = (rows >= rows.gather(1, part.unsqueeze(1))).sum(1) - 1;
            found += (above < params_.top_k).sum().item<std::int64_t>();
        }
        return static_cast<double>(found) / static_cast<double>(ids.numel());
    }

    void read_tokens(const Circuit& c, HeadName head, Table& table) const {
        Tensor inner = at::matmul(vocabulary_.E, c.matrix.A);  // (d_vocab, d_head)
        std::vector<std::int64_t> ids = given_;
        if (ids.empty()) {
            Tensor reach = at::matmul(inner, std::get<1>(at::linalg_qr(c.matrix.B.t(), "r")).t()).norm(2, 1);  // ‖E[t] A B‖
            for (auto [id, value] : largest(reach, 3)) ids.push_back(id);
        }
        for (std::int64_t id : ids) {
            Tensor row = at::matmul(at::matmul(inner[id], c.matrix.B), c.out);
            std::int64_t rank = 0;
            for (auto [to, value] : largest(row, params_.top_k))
                table.rows.push_back({std::string(c.name), name_of(head), session_.token(id).text, rank++, session_.token(to).text, value});
        }
    }

    void read_directions(const Circuit& c, HeadName head, Table& table, std::vector<double>& spectrum) const {
        auto [U, S, V] = c.matrix.svd();
        double total = S.pow(2).sum().item<double>();
        for (std::int64_t i = 0; i < S.numel(); ++i) spectrum.push_back(S[i].item<double>());
        for (std::int64_t i = 0; i < std::min<std::int64_t>(params_.directions, S.numel()); ++i) {
            Tensor in = at::matmul(vocabulary_.E, U.select(1, i)), out = at::matmul(V.select(1, i), c.out);
            for (int sign : {1, -1}) {
                double s = S[i].item<double>();
                table.rows.push_back({std::string(c.name), name_of(head), i, std::string(sign > 0 ? "+" : "-"), s,
                                      total > 0 ? s * s / total : std::nan(""), words(session_, in * sign, params_.top_k),
                                      words(session_, out * sign, params_.top_k)});
            }
        }
    }

  private:
    const Session& session_;
    const Params& params_;
    Vocabulary vocabulary_;
    std::vector<std::int64_t> given_, sample_;
};

// Mean and standard deviation of both eigenvalue scores over random heads.
void add_null(const Reader& reader, const ModelConfig& c, const Params& params, std::vector<std::pair<std::string, double>>& summary) {
    at::Generator generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(params.seed));
    auto draw = [&] { return at::randn({c.d_model, c.d_head}, generator, at::TensorOptions().dtype(at::kDouble)); };
    std::vector<double> copying, matching;
    for (int i = 0; i < params.n_random; ++i) {
        Tensor a = draw(), b = draw();
        FactoredMatrix random{a, b.t()};
        copying.push_back(reader.copying(random));
        matching.push_back(reader.matching(random));
    }
    for (auto& [name, scores] : {std::pair("copying", copying), std::pair("matching", matching)}) {
        Tensor x = at::tensor(scores, at::kDouble);
        summary.emplace_back(std::string(name) + "_null_mean", x.mean().item<double>());
        summary.emplace_back(std::string(name) + "_null_sd", x.std().item<double>());
    }
}

Result run(Session& session, const Params& params, RunProgress& progress) {
    const ModelConfig& config = session.impl().model.config;
    HeadWeights weights(session.impl().model);
    auto heads = parse_heads(params.heads, config, "heads");
    Reader reader(session, params, weights);
    Result result;
    result.heads.columns = {{"layer", ""},
                            {"head", ""},
                            {"ov_norm", ""},
                            {"qk_norm", ""},
                            {"copying", ""},
                            {"matching", ""},
                            {"own_written", "share of tokens"},
                            {"own_attended", "share of tokens"}};
    result.tokens.columns = {{"circuit", ""}, {"head", ""}, {"token", ""},
                             {"rank", ""},    {"to", ""},   {"value", "logit (OV), score without scale (QK)"}};
    result.directions.columns = {{"circuit", ""}, {"head", ""},           {"direction", ""},
                                 {"sign", ""},    {"singular_value", ""}, {"share", "of squared norm"},
                                 {"reads", ""},   {"writes", ""}};
    std::vector<std::string> names;
    std::vector<double> spectra[2];
    for (HeadName head : heads) {
        progress.check();
        names.push_back(name_of(head));
        const Circuit circuits[] = {reader.ov(weights.ov(head.layer, head.head)), reader.qk(weights.qk(head.layer, head.head))};
        result.heads.rows.push_back({std::int64_t{head.layer}, std::int64_t{head.head}, circuits[0].matrix.norm(),
                                     circuits[1].matrix.norm(), reader.copying(circuits[0].matrix), reader.matching(circuits[1].matrix),
                                     reader.own_share(circuits[0]), reader.own_share(circuits[1])});
        for (std::size_t kind = 0; kind < 2; ++kind) {
            reader.read_tokens(circuits[kind], head, result.tokens);
            reader.read_directions(circuits[kind], head, result.directions, spectra[kind]);
        }
        progress.step(static_cast<std::int64_t>(names.size()), static_cast<std::int64_t>(heads.size()), "heads");
    }
    result.spectrum.axes = {
        {"circuit", {"OV", "QK"}}, {"head", names}, {"direction", numbers(static_cast<int>(spectra[0].size() / heads.size()))}};
    result.spectrum.values = spectra[0];
    result.spectrum.values.insert(result.spectrum.values.end(), spectra[1].begin(), spectra[1].end());
    result.spectrum.unit = "singular value";
    result.spectrum.diverging = false;
    result.summary = {{"n_tokens", double(std::min(params.n_tokens, config.d_vocab))},
                      {"top_k", double(params.top_k)},
                      {"n_random", double(params.n_random)},
                      {"seed", double(params.seed)}};
    add_null(reader, config, params, result.summary);
    for (const std::string& what : weights.left_out()) result.warnings.push_back("left out: " + what);
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(head_circuits, "head-circuits",
                   "What heads read and write, from their weights: OV and QK circuits between tokens, and their singular directions")

}  // namespace microtome
