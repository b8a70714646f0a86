#include "app/commands/cli.h"

namespace microtome {

void add_model_options(CLI::App& command, Common& common) {
    command.add_option("--model", common.model.model, "Bundled name, model folder, or name in the local hub cache")->group("Model");
    command.add_option("--device", common.model.device, "auto, cpu, cuda or cuda:N")->group("Model");
    command.add_option("--dtype", common.model.dtype, "float32, float64, bfloat16 or float16")->group("Model");
    command
        .add_option("--processing", common.model.processing,
                    "raw: the weights as they are on disk; processed: norms folded, stream, unembedding and values centred; or switches: "
                    "fold_norms,center_writing,center_unembed,fold_value_biases")
        ->group("Model");
    command.add_option("--threads", common.model.threads, "Threads (0: the physical cores)")->group("Model");
    command
        .add_option("--memory-limit", common.model.memory_limit,
                    "Memory that weights may take, as in 8GiB (0: no limit); larger ones stay in files and are read layer by layer")
        ->transform(CLI::AsSizeValue(false))
        ->option_text("SIZE=8GiB")
        ->group("Model");
    add_download_option(command, common);
}

void add_download_option(CLI::App& command, Common& common) {
    command.add_flag("--download", common.download, "Fetch the model from the hub if it is not on this computer")->group("Model");
}

void add_output_options(CLI::App& command, Common& common) {
    if (common.figures.empty()) common.figures = default_figures();
    command.add_option("--out", common.out, "Folder for the results")->group("Output");
    command.add_option("--figures", common.figures, "svg, pdf, png (several with commas), or none")->group("Output");
    command.add_flag("--json", common.json, "One JSON object on standard output, nothing else there")->group("Output");
    command.add_flag("--quiet", common.quiet, "No progress and no messages")->group("Output");
}

void add_intervention_option(CLI::App& command, std::vector<std::string>& interventions) {
    command.add_option(
        "--intervene", interventions,
        "An intervention in every run: 'zero L3.H1.z @last', 'add L2.resid_post strength=4 source=v.json', or JSON (several: repeat)");
}

std::vector<Intervention> interventions_of(const std::vector<std::string>& texts) {
    std::vector<Intervention> out;
    for (const std::string& text : texts) out.push_back(intervention_from_text(text, "i" + std::to_string(out.size() + 1), "--intervene"));
    return out;
}

}  // namespace microtome
