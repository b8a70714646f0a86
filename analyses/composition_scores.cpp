// How much a later head reads of what an earlier one writes, from the weights alone: Q-, K- and V-composition (Elhage et al. 2021), less
// what random matrices of the same shapes have.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "analyses/head_weights.h"
#include "analyses/register.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"

namespace microtome {
namespace {

struct Params {
    bool subtract_random = true;
    int n_random = 100, top_k = 50, seed = 0;
    static constexpr std::tuple fields{
        Field{"subtract_random", &Params::subtract_random, "Subtract the mean score of random matrices of the same shapes"},
        Field{"n_random", &Params::n_random, "Random pairs of matrices (normal entries) for that mean and its spread", between(2, 10000)},
        Field{"top_k", &Params::top_k, "Rows of the table", between(1, 100000)},
        Field{"seed", &Params::seed, "Seed of the random matrices"}};
};

struct Result {
    Grid scores;
    Table strongest;
    std::vector<std::pair<std::string, double>> summary;
    std::vector<std::string> warnings;
    static constexpr std::tuple fields{
        Field{"scores", &Result::scores,
              "‖L R‖ / (‖L‖ ‖R‖), L = W_OV of the earlier head; R of the later one: W_QK (q), its transpose (k), W_OV (v); folded weights; "
              "less "
              "the mean of random matrices (summary), if that is asked for"},
        Field{"strongest", &Result::strongest,
              "The pairs of the highest scores; z: standard deviations of random matrices' scores above their mean"}};
};

struct Spread {
    double mean = 0, sd = 0;
};

// Scores of matrices with independent normal entries, in the shapes of two heads: (d_model, d_head)(d_head, d_model) each.
Spread random_scores(const ModelConfig& c, const Params& params, RunProgress& progress) {
    at::Generator generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(params.seed));
    auto draw = [&] { return at::randn({c.d_model, c.d_head}, generator, at::TensorOptions().dtype(at::kDouble)); };
    std::vector<double> scores;
    for (int i = 0; i < params.n_random; ++i) {
        progress.check();
        Tensor a = draw(), b = draw(), d = draw(), e = draw();
        scores.push_back(composition(ReducedMatrix({a, b.t()}), ReducedMatrix({d, e.t()})));
    }
    Spread s;
    for (double x : scores) s.mean += x / params.n_random;
    for (double x : scores) s.sd += (x - s.mean) * (x - s.mean) / (params.n_random - 1);
    s.sd = std::sqrt(s.sd);
    return s;
}

constexpr const char* kinds[] = {"q", "k", "v"};

// (kind, earlier, later); NaN and not computed where the earlier head's layer is not below the later one's.
Grid all_scores(const HeadWeights& weights, const std::vector<HeadName>& heads, RunProgress& progress) {
    Grid grid;
    std::vector<std::string> labels;
    for (HeadName head : heads) labels.push_back(name_of(head));
    grid.axes = {{"kind", {"q", "k", "v"}}, {"earlier", labels}, {"later", labels}};
    grid.values.assign(grid.size(), std::nan(""));
    grid.mask.assign(grid.size(), 0);
    const std::size_t n = heads.size();
    std::vector<ReducedMatrix> writers;
    std::vector<Tensor> lefts;
    for (HeadName head : heads) {
        writers.emplace_back(weights.ov(head.layer, head.head));
        lefts.push_back(writers.back().left);
    }
    Tensor left = at::cat(lefts);  // (head × d_head, d_model): `composition` with all earlier heads in one product
    for (std::size_t later = 0; later < n; ++later) {
        progress.check();
        std::size_t below = 0;
        while (heads[below].layer < heads[later].layer) ++below;
        FactoredMatrix qk = weights.qk(heads[later].layer, heads[later].head);
        const ReducedMatrix readers[] = {ReducedMatrix(qk), ReducedMatrix(qk.transposed()), writers[later]};
        for (std::size_t kind = 0; kind < 3 && below > 0; ++kind) {
            Tensor product = at::matmul(left.narrow(0, 0, static_cast<std::int64_t>(below) * lefts[0].size(0)), readers[kind].right);
            Tensor norms = product.reshape({static_cast<std::int64_t>(below), -1}).norm(2, 1);
            for (std::size_t earlier = 0; earlier < below; ++earlier) {
                std::size_t at = (kind * n + earlier) * n + later;
                double scale = writers[earlier].norm * readers[kind].norm;
                grid.values[at] = scale > 0 ? norms[static_cast<std::int64_t>(earlier)].item<double>() / scale : 0;
                grid.mask[at] = 1;
            }
        }
        progress.step(static_cast<std::int64_t>(later + 1), static_cast<std::int64_t>(n), "heads");
    }
    return grid;
}

Table strongest(const Grid& raw, Spread random, int rows) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < raw.values.size(); ++i)
        if (raw.computed(i)) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return raw.values[a] > raw.values[b]; });
    order.resize(std::min(order.size(), static_cast<std::size_t>(rows)));
    Table table;
    table.columns = {{"kind", ""}, {"earlier", ""}, {"later", ""}, {"score", ""}, {"above_random", ""}, {"z", "standard deviations"}};
    const std::size_t n = raw.axes[1].size();
    for (std::size_t i : order) {
        double above = raw.values[i] - random.mean;
        table.rows.push_back({std::string(kinds[i / n / n]), raw.axes[1].labels[i / n % n], raw.axes[2].labels[i % n], raw.values[i], above,
                              random.sd > 0 ? above / random.sd : std::nan("")});
    }
    return table;
}

Result run(Session& session, const Params& params, RunProgress& progress) {
    const ModelConfig& config = session.impl().model.config;
    if (config.n_layers < 2) throw Error("composition-scores", "a model of at least 2 layers", std::to_string(config.n_layers));
    HeadWeights weights(session.impl().model);
    Spread random = random_scores(config, params, progress);
    Result result{all_scores(weights, parse_heads("all", config, "heads"), progress), {}, {}, {}};
    result.strongest = strongest(result.scores, random, params.top_k);
    result.scores.unit = params.subtract_random ? "composition above random" : "composition";
    result.scores.diverging = params.subtract_random;
    if (params.subtract_random)
        for (double& x : result.scores.values) x -= random.mean;
    result.summary = {
        {"random_mean", random.mean}, {"random_sd", random.sd}, {"n_random", double(params.n_random)}, {"seed", double(params.seed)}};
    for (const std::string& what : weights.left_out()) result.warnings.push_back("left out: " + what);
    return result;
}

}  // namespace

MICROTOME_ANALYSIS(composition_scores, "composition-scores",
                   "How much each head's queries, keys and values read of each earlier head, from the weights")

}  // namespace microtome
