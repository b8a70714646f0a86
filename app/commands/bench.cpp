// microtome bench forward|load|store|sweep|kernels: figures of this machine. Peers are timed beside it by tests/bench/peers.py.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>
#include <unistd.h>

#include <algorithm>

#include "analyses/cache.h"
#include "analyses/patch_cells.h"
#include "analyses/session_impl.h"
#include "app/commands/bench.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/device.h"
#include "hooks/sweep/sweep.h"

namespace microtome {
namespace {

struct Options {
    int batch = 8, length = 15, repeats = 10;
    int first_difference = -1;
    bool every_token = false, loop = false;
    std::string ids, folder, preset = "resid_pre";
    std::vector<std::string> sites{"blocks.*.hook_resid_pre", "blocks.*.hook_resid_post", "blocks.*.hook_attn_out",
                                   "blocks.*.hook_mlp_out"};
};

double seconds_of(const std::function<void()>& work) {
    auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> x) {
    std::sort(x.begin(), x.end());
    return x[x.size() / 2];
}

std::vector<std::vector<std::int64_t>> random_ids(const Session& session, int rows, int length) {
    Tensor ids = at::randint(session.facts().d_vocab, {rows, length}, at::detail::createCPUGenerator(0), at::kLong);
    std::vector<std::vector<std::int64_t>> out;
    for (int i = 0; i < rows; ++i) {
        const auto* row = ids[i].const_data_ptr<std::int64_t>();
        out.emplace_back(row, row + length);
    }
    return out;
}

std::vector<std::vector<std::int64_t>> rows_of(const Session& session, const Options& options) {
    if (options.ids.empty()) return random_ids(session, options.batch, options.length);
    std::vector<std::vector<std::int64_t>> rows;
    for (const Json& row : read_json(options.ids)) rows.push_back(row.get<std::vector<std::int64_t>>());
    return rows;
}

void show(const Common& common, Json json) {
    json["threads"] = set_threads(common.model.threads);
    if (common.json) return print_json(json);
    std::vector<std::vector<std::string>> rows;
    for (const auto& [key, value] : json.items()) rows.push_back({key, value.is_string() ? value.get<std::string>() : value.dump()});
    print_rows(rows);
}

void bench_forward(const Options& options, const Common& common) {
    c10::AutoGradMode without_gradients(false);
    auto session = Session::open(common.model);
    const Transformer& model = session->impl().model;
    Tensor ids = ids_tensor(rows_of(*session, options));
    std::vector<double> seconds;
    for (int i = 0; i <= options.repeats; ++i) {
        double s = seconds_of([&] { model.forward(ids).const_data_ptr(); });
        if (i > 0) seconds.push_back(s);  // the first one warms up
    }
    show(common, {{"bench", "forward"},
                  {"model", session->facts().name},
                  {"rows", ids.size(0)},
                  {"positions", ids.size(1)},
                  {"seconds", median(seconds)},
                  {"tokens_per_second", static_cast<double>(ids.numel()) / median(seconds)}});
}

void bench_load(const Options& options, const Common& common) {
    std::vector<double> seconds;
    for (int i = 0; i <= options.repeats; ++i) {
        std::unique_ptr<Session> session;
        double s = seconds_of([&] { session = Session::open(common.model); });
        if (i > 0) seconds.push_back(s);
    }
    show(common, {{"bench", "load"}, {"model", common.model.model}, {"seconds", median(seconds)}});
}

// The dump and a bare pass through the blocks, alternately: their ratio is what recording and writing cost.
void bench_store(const Options& options, const Common& common) {
    namespace fs = std::filesystem;
    c10::AutoGradMode without_gradients(false);
    auto session = Session::open(common.model);
    CacheRequest request;
    request.sites = options.sites;
    if (!session->facts().has_mlp) std::erase(request.sites, "blocks.*.hook_mlp_out");
    for (auto& row : rows_of(*session, options)) {
        request.prompts.emplace_back();
        request.prompts.back().ids = std::move(row);
    }
    const auto length = static_cast<std::int64_t>(request.prompts[0].ids.size()), n = static_cast<std::int64_t>(request.prompts.size());
    const std::int64_t rows = std::max<std::int64_t>(1, request.batch_tokens / length);
    fs::path folder = options.folder.empty() ? fs::temp_directory_path() : fs::path(options.folder);
    request.out = folder / ("microtome-bench-" + std::to_string(getpid()) + ".h5");
    TerminalProgress quiet(true);
    std::vector<double> bare, dumped;
    for (int i = 0; i <= options.repeats; ++i) {
        double pass = seconds_of([&] {
            for (std::int64_t at = 0; at < n; at += rows) {
                std::vector<std::vector<std::int64_t>> part;
                for (std::int64_t k = at; k < std::min(at + rows, n); ++k) part.push_back(request.prompts[static_cast<std::size_t>(k)].ids);
                session->impl().model.residual(ids_tensor(part));
            }
        });
        double dump = seconds_of([&] { write_cache(*session, request, quiet); });
        fs::remove(request.out);
        if (i > 0) bare.push_back(pass), dumped.push_back(dump);
    }
    show(common, {{"bench", "store"},
                  {"model", session->facts().name},
                  {"prompts", n},
                  {"positions", length},
                  {"seconds", median(dumped)},
                  {"bare_pass_seconds", median(bare)},
                  {"ratio", median(dumped) / median(bare)},
                  {"tokens_per_second", static_cast<double>(n * length) / median(dumped)}});
}

// Pairs that differ from one position on, or at one alone.
PatchSweep random_sweep(const Session& session, const Options& options) {
    PatchSweep sweep;
    int n = options.length, first = options.first_difference < 0 ? n * 3 / 5 : options.first_difference;
    if (first >= n) throw Error("--first-difference", "a position below " + std::to_string(n), std::to_string(first));
    for (auto& base : random_ids(session, options.batch, n)) {
        auto source = base;
        for (int p = first; p < (options.every_token ? n : first + 1); ++p)
            source[static_cast<std::size_t>(p)] = (source[static_cast<std::size_t>(p)] + 1) % session.facts().d_vocab;
        sweep.pairs.push_back({base, source, {{base[0]}, {source[static_cast<std::size_t>(first)]}}});
    }
    return sweep;
}

void bench_sweep(const Options& options, const Common& common) {
    auto session = Session::open(common.model);
    const Transformer& model = session->impl().model;
    PatchSweep sweep = random_sweep(*session, options);
    std::vector<PairTokens> tokens;
    for (const PatchPair& pair : sweep.pairs) tokens.push_back({pair.base, std::vector<std::string>(pair.base.size()), {}});
    PatchMap map = patch_map(options.preset, "", "layer", 1, 1, model.config, tokens, {});
    sweep.cells = map.cells;
    sweep.places = map.layout.places;
    TerminalProgress quiet(true);
    std::vector<double> wave, loop;
    PatchOutcome outcome;
    for (int i = 0; i <= options.repeats; ++i) {
        double s = seconds_of([&] { outcome = patch_sweep(model, sweep, quiet); });
        if (i > 0) wave.push_back(s);
    }
    if (options.loop) loop.push_back(seconds_of([&] { patch_loop(model, sweep, quiet); }));
    Json json{{"bench", "sweep"},
              {"model", session->facts().name},
              {"preset", options.preset},
              {"pairs", sweep.pairs.size()},
              {"positions", options.length},
              {"cells", sweep.cells.size()},
              {"seconds", median(wave)},
              {"cells_per_second", static_cast<double>(sweep.cells.size()) / median(wave)},
              {"passes", outcome.chunks}};
    if (options.loop) json["loop_seconds"] = loop[0];
    show(common, json);
}

}  // namespace

void add_bench(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("bench", "Time this machine: an ordinary forward pass, loading, dumping activations, patching");
    command->require_subcommand(1);
    auto options = std::make_shared<Options>();
    auto add = [&](const char* name, const char* what, void (*run)(const Options&, const Common&)) {
        auto* sub = command->add_subcommand(name, what);
        sub->add_option("--batch", options->batch, "Prompts")->check(CLI::Range(1, 1 << 20));
        sub->add_option("--length", options->length, "Tokens a prompt")->check(CLI::Range(1, 1 << 20));
        sub->add_option("--ids", options->ids, "JSON file with lists of ids, in place of random ones");
        sub->add_option("--repeats", options->repeats, "Timed runs; their median is told")->check(CLI::Range(1, 1000));
        add_model_options(*sub, common);
        sub->add_flag("--json", common.json, "One JSON object on standard output");
        sub->callback([options, &common, run] { run(*options, common); });
        return sub;
    };
    add("forward", "Logits of every position", bench_forward);
    add("load", "Opening a model, its tokenizer included", bench_load);
    auto* sweep = add("sweep", "Activation patching of random pairs", bench_sweep);
    sweep->add_option("--preset", options->preset, "As in activation-patching [resid_pre]");
    sweep->add_option("--first-difference", options->first_difference,
                      "Position at which the prompts of a pair differ [3/5 of the length]");
    sweep->add_flag("--every-token", options->every_token, "They differ from there on, not there alone");
    sweep->add_flag("--loop", options->loop, "Time the loop over cells too");
    auto* kernels = command->add_subcommand("kernels", "The kernels beside a copy and a matrix product: how much of the device they use");
    kernels->add_option("--device", common.model.device, "auto, cpu, cuda or cuda:N");
    kernels->add_option("--threads", common.model.threads, "Threads (0: the physical cores)");
    kernels->add_option("--repeats", options->repeats, "Timed runs; their median is told")->check(CLI::Range(1, 1000));
    kernels->add_flag("--json", common.json, "One JSON object on standard output");
    kernels->callback([options, &common] { bench_kernels(common, options->repeats); });
    auto* store = add("store", "Writing an activation store, beside a bare pass through the blocks", bench_store);
    store->add_option("--sites", options->sites, "Hook names or patterns")->delimiter(',');
    store->add_option("--folder", options->folder, "Where the store is written (default: the folder for temporary files)");
}

}  // namespace microtome
