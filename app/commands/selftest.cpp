// microtome selftest [--device D]: on this machine, kernels and a tiny model against their references.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <cstdio>

#include "analyses/session_impl.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/device.h"
#include "core/kernels/checks.h"
#include "core/models/transformer.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

ModelConfig tiny(bool llama) {
    ModelConfig c;
    c.architecture = llama ? "llama" : "gpt2";
    c.n_layers = 2;
    c.n_heads = 4;
    c.n_kv_heads = llama ? 2 : 4;
    c.d_model = 32;
    c.d_head = 8;
    c.d_mlp = 64;
    c.d_vocab = 50;
    c.n_ctx = 32;
    if (llama) {
        c.norm = Norm::rms;
        c.positions = Positions::rotary;
        c.rotary.dim = 8;
        c.mlp = MlpKind::gated;
        c.activation = Activation::silu;
    }
    return c;
}

Transformer random_model(bool llama) {
    Transformer model = make_transformer(tiny(llama), at::kDouble);
    auto generator = at::detail::createCPUGenerator(7);
    for (auto& [name, tensor] : model.parameters())
        tensor->add_(at::normal(0.0, 0.2, tensor->sizes(), generator, at::TensorOptions().dtype(at::kDouble)));
    return model;
}

struct Check {
    std::string name;
    double error, allowed;
};

// Every site of a tiny model on `device` in `dtype`, against float64 on the CPU: the largest |a − b| / (1 + max|b|).
Check compare_sites(bool llama, at::Device device, at::ScalarType dtype, double allowed) {
    Transformer model = random_model(llama);
    Tensor ids = at::randint(50, {3, 17}, at::detail::createCPUGenerator(3), at::kLong);
    Recorder reference(all_sites(model.config)), here(all_sites(model.config));
    model.forward(ids, Tap(reference));
    convert(model, dtype, device).forward(ids, Tap(here));
    double worst = 0;
    for (const auto& [ref, expected] : reference.seen()) {
        Tensor got = here.at(ref).to(at::kCPU, at::kDouble);
        Tensor finite = expected.isfinite();
        if (!got.isfinite().equal(finite)) throw Error("selftest " + hook_name(ref), "the reference's masked entries", "others");
        Tensor zero = at::zeros({}, at::kDouble);
        Tensor b = at::where(finite, expected, zero), a = at::where(finite, got, zero);
        worst = std::max(worst, ((a - b).abs().max() / (1 + b.abs().max())).item<double>());
    }
    return {std::string(llama ? "llama" : "gpt2") + " sites, " + dtype_name(dtype), worst, allowed};
}

// Fused attention against the explicit one: logits with and without a tap on the pattern.
Check compare_fused(at::Device device) {
    Transformer model = convert(random_model(true), at::kFloat, device);
    Tensor ids = at::randint(50, {3, 17}, at::detail::createCPUGenerator(3), at::kLong);
    Recorder patterns({{Site::pattern, 0}, {Site::pattern, 1}});
    Tensor fused = model.forward(ids), plain = model.forward(ids, Tap(patterns));
    return {"fused attention, float32", ((fused - plain).abs().max() / (1 + plain.abs().max())).item<double>(), 1e-5};
}

void run(const Common& common) {
    c10::AutoGradMode without_gradients(false);
    set_threads(common.model.threads);
    std::string note;
    at::Device device = open_device(common.model.device, &note);
    if (!note.empty()) message(common, note);
    std::vector<Check> checks;
    for (bool llama : {false, true}) {
        checks.push_back(compare_sites(llama, device, at::kDouble, 1e-9));
        checks.push_back(compare_sites(llama, device, at::kFloat, 1e-5));
        checks.push_back(compare_sites(llama, device, at::kBFloat16, 0.1));
        checks.push_back(compare_sites(llama, device, at::kHalf, 0.02));
    }
    checks.push_back(compare_fused(device));
    for (const KernelCheck& kernel : check_kernels(device))
        checks.push_back({kernel.name + ", " + std::to_string(kernel.shapes) + " shapes", kernel.error, kernel.allowed});
    bool good = true;
    Json list = Json::array();
    std::vector<std::vector<std::string>> rows{{"check", "error", "allowed", ""}};
    for (const Check& check : checks) {
        bool passed = check.error <= check.allowed;
        good = good && passed;
        char error[24], allowed[24];
        std::snprintf(error, sizeof error, "%.2g", check.error);
        std::snprintf(allowed, sizeof allowed, "%.2g", check.allowed);
        rows.push_back({check.name, error, allowed, passed ? "ok" : "FAILED"});
        list.push_back({{"check", check.name}, {"error", check.error}, {"allowed", check.allowed}, {"passed", passed}});
    }
    if (common.json)
        print_json({{"device", device.str()}, {"passed", good}, {"checks", list}});
    else
        print_rows(rows);
    if (!good && common.json) throw Told();
    if (!good) throw Error("selftest on " + device.str(), "every check within its bound", "a failure");
}

}  // namespace

void add_selftest(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("selftest", "Compare this machine's arithmetic with references");
    command->add_option("--device", common.model.device, "auto, cpu, cuda or cuda:N");
    command->add_option("--threads", common.model.threads, "Threads (0: the physical cores)");
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No messages");
    command->callback([&common] { run(common); });
}

}  // namespace microtome
