// microtome verify MODEL: does this model compute the same in each dtype, on each device and after processing? Else: where first?
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cstdio>
#include <limits>

#include "analyses/session_impl.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/device.h"
#include "core/models/model.h"
#include "core/models/processing.h"
#include "hooks/divergence.h"

namespace microtome {
namespace {

struct Options {
    std::string prompt;
    int tokens = 24;
};

struct Variant {
    std::string name;
    at::ScalarType dtype;
    at::Device device;
    std::string processing;
};

std::vector<Variant> variants_for(const ModelConfig& config, at::Device device) {
    std::vector<Variant> out{{"float32", at::kFloat, at::kCPU, "raw"},
                             {"bfloat16", at::kBFloat16, at::kCPU, "raw"},
                             {"float16", at::kHalf, at::kCPU, "raw"},
                             {"float64, processed", at::kDouble, at::kCPU, "processed"},
                             {"float32, processed", at::kFloat, at::kCPU, "processed"}};
    for (const char* one : {"fold_norms", "center_writing", "center_unembed", "fold_value_biases"})
        if (refusal(one, config).empty()) out.push_back({std::string("float64, ") + one, at::kDouble, at::kCPU, one});
    if (!device.is_cpu())
        for (at::ScalarType dtype : {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf})
            out.push_back({dtype_name(dtype) + ", " + device.str(), dtype, device, "raw"});
    return out;
}

Tensor ids_of(const Session& session, const Options& options) {
    if (!options.prompt.empty()) {
        Prompt prompt;
        prompt.text = options.prompt;
        return ids_tensor({resolve(session, prompt)});
    }
    auto generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(0));
    return at::randint(session.facts().d_vocab, {2, options.tokens}, generator, at::kLong);
}

std::string scientific(double x) {
    char text[24];
    std::snprintf(text, sizeof text, "%.2g", x);
    return text;
}

Json number_or_null(double x) {
    return std::isfinite(x) ? Json(x) : Json();
}

void run(Options options, Common& common) {
    ModelOptions open = common.model;
    open.dtype = "float64";
    open.device = "cpu";
    auto session = Session::open(open);
    const Transformer& reference = session->impl().model;
    const ModelConfig& config = reference.config;
    if (config.positions == Positions::learned) options.tokens = std::min(options.tokens, config.n_ctx);
    Tensor ids = ids_of(*session, options);
    std::string note;
    at::Device device = open_device(common.model.device, &note);
    if (!note.empty()) message(common, note);
    bool good = true;
    Json list = Json::array();
    std::vector<std::vector<std::string>> rows{
        {"run", "log-probabilities", "worst site", "error", "allowed", "first site beyond rounding"}};
    for (const Variant& v : variants_for(config, device)) {
        bool is_processed = v.processing != "raw";
        Transformer other = processed(reference, parse_processing(v.processing, config));
        other = convert(std::move(other), v.dtype, v.device);
        Divergence d = compare_runs(reference, other, ids, is_processed);
        double bound = rounding_bound(v.dtype);
        auto first = d.first_above(bound);
        bool passed = !first && d.logprobs <= bound;
        good = good && passed;
        std::string where = first ? hook_name(first->ref) : passed ? "none" : "log-probabilities";
        rows.push_back({v.name, scientific(d.logprobs), hook_name(d.worst().ref), scientific(d.worst().error), scientific(bound), where});
        list.push_back({{"run", v.name},
                        {"processing", v.processing},
                        {"logprobs_error", number_or_null(d.logprobs)},
                        {"worst_site", hook_name(d.worst().ref)},
                        {"worst_error", number_or_null(d.worst().error)},
                        {"allowed", bound},
                        {"first_beyond_rounding", passed ? Json() : Json(where)},
                        {"passed", passed}});
    }
    if (common.json)
        print_json({{"model", session->facts().name}, {"sha256", session->facts().sha256}, {"passed", good}, {"runs", list}});
    else
        print_rows(rows);
    if (!good && common.json) throw Told();
    if (!good) throw Error("verify " + session->facts().name, "runs that differ by no more than rounding", "the first site named above");
}

}  // namespace

void add_verify(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand(
        "verify", "Compare a model in each dtype, device and processing with float64: the first site that differs beyond rounding");
    auto options = std::make_shared<Options>();
    command->add_option("MODEL", common.model.model, "Bundled name, model folder, or name in the local hub cache");
    command->add_option("--prompt", options->prompt, "Text to run (default: random ids)");
    command->add_option("--tokens", options->tokens, "Random ids a row")->check(CLI::Range(1, 4096));
    command->add_option("--model", common.model.model, "The same as MODEL");
    add_download_option(*command, common);
    command->add_option("--device", common.model.device, "auto, cpu, cuda or cuda:N");
    command->add_option("--threads", common.model.threads, "Threads (0: the physical cores)");
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No messages");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
