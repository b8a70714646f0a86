// microtome logits --model M --ids FILE.json --out FILE.h5: raw logits for parity checks, dataset /logits (n, positions, d_vocab).
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "analyses/session_impl.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "hooks/store/h5.h"

namespace microtome {
namespace {

struct Options {
    std::string ids, out;
    std::vector<std::string> interventions;
};

std::vector<std::vector<std::int64_t>> read_ids(const std::string& file, int d_vocab) {
    Json json = read_json(file);
    if (!json.is_array() || json.empty()) throw Error(file, "a list of equally long lists of token ids", json.type_name());
    std::vector<std::vector<std::int64_t>> rows;
    for (std::size_t i = 0; i < json.size(); ++i) {
        std::string where = file + "#/" + std::to_string(i);
        if (!json[i].is_array() || json[i].empty()) throw Error(where, "a list of token ids", json[i].type_name());
        rows.emplace_back();
        for (const Json& id : json[i]) {
            bool good = id.is_number_integer() && id >= 0 && id < d_vocab;
            if (!good) throw Error(where, "ids from 0 to " + std::to_string(d_vocab - 1), id.dump());
            rows.back().push_back(id.get<std::int64_t>());
        }
        if (rows.back().size() != rows[0].size())
            throw Error(where, std::to_string(rows[0].size()) + " ids, as in the first list", std::to_string(rows.back().size()));
    }
    return rows;
}

void run(const Options& options, const Common& common) {
    c10::AutoGradMode without_gradients(false);
    auto interventions = interventions_of(options.interventions);
    auto session = Session::open(common.model);
    auto rows = read_ids(options.ids, session->facts().d_vocab);
    std::vector<Prompt> prompts;
    std::vector<PromptTokens> tokens;
    for (const auto& row : rows) {
        prompts.emplace_back();
        prompts.back().ids = row;
        tokens.push_back({row, {}});
    }
    session->set_interventions(interventions, named_prompts(prompts));
    Edits edits = edits_for(*session, tokens);
    TerminalProgress progress(common.quiet);
    std::vector<Tensor> parts;
    for (std::size_t at = 0; at < rows.size(); at += 8) {
        progress.check();
        std::vector<std::vector<std::int64_t>> batch(rows.begin() + static_cast<std::ptrdiff_t>(at),
                                                     rows.begin() + static_cast<std::ptrdiff_t>(std::min(at + 8, rows.size())));
        EditRun run{ids_tensor(batch), {}};
        for (std::size_t i = 0; i < batch.size(); ++i) run.prompts.push_back(at + i);
        Tensor ids = run.ids;
        edits.enter(std::move(run));
        parts.push_back(session->impl().model.forward(ids, edits.empty() ? Tap() : Tap(edits)).to(at::kCPU));
        progress.step(static_cast<std::int64_t>(at + batch.size()), static_cast<std::int64_t>(rows.size()), "prompts");
    }
    edits.check_fired();
    Tensor logits = at::cat(parts).to(common.model.dtype == "float64" ? at::kDouble : at::kFloat).contiguous();
    h5::Shape shape(logits.sizes().begin(), logits.sizes().end());
    AtomicFile out(options.out);
    {
        h5::File file(out.temporary(), h5::Mode::create, options.out);
        auto size = static_cast<std::size_t>(logits.numel());
        if (logits.scalar_type() == at::kDouble)
            file.write<double>("logits", {logits.const_data_ptr<double>(), size}, shape);
        else
            file.write<float>("logits", {logits.const_data_ptr<float>(), size}, shape);
        file.close();
    }
    out.commit();
    message(common, "wrote " + options.out + ", /logits " + shape_text(logits.sizes()));
}

}  // namespace

void add_logits(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("logits", "Raw logits for lists of token ids, as HDF5");
    auto options = std::make_shared<Options>();
    command->add_option("--ids", options->ids, "JSON file: a list of equally long lists of ids")->required();
    command->add_option("--out", options->out, "HDF5 file to write (dataset /logits: n, positions, d_vocab)")->required();
    add_intervention_option(*command, options->interventions);
    add_model_options(*command, common);
    command->add_flag("--quiet", common.quiet, "No progress");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
