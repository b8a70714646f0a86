// microtome train RECIPE.json --out DIR
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "analyses/views/serialize.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/device.h"
#include "core/models/model.h"
#include "core/train/trainer.h"
#include "core/worlds/planted.h"
#include "core/worlds/world.h"

namespace microtome {
namespace {

struct Options {
    std::string recipe;
    std::int64_t seed = -1;  // -1: the recipe's
};

// At most about a thousand points, each the mean of as many steps.
Curve loss_curve(const std::vector<LossPoint>& losses) {
    constexpr std::size_t points = 1000;
    const std::size_t width = (losses.size() + points - 1) / points;
    Curve curve{"step", "nats a token", {}, {{"training loss", {}, {}}}};
    for (std::size_t at = 0; at < losses.size(); at += width) {
        const std::size_t last = std::min(at + width, losses.size());
        double sum = 0;
        for (std::size_t i = at; i < last; ++i) sum += losses[i].loss;
        curve.x.push_back(losses[last - 1].step);
        curve.series[0].y.push_back(sum / static_cast<double>(last - at));
    }
    return curve;
}

// A model whose weights are written down, not learned.
void write_formula(const Json& value, const std::string& file, const std::filesystem::path& out) {
    JsonReader json(value, file);
    if (json.integer("schema") != 1) throw Error(json.pointer("schema"), "1", std::to_string(json.integer("schema")));
    json.string("name");
    std::string formula = json.string("formula");
    json.done();
    if (formula != "planted") throw Error(json.pointer("formula"), "\"planted\"", "\"" + formula + "\"");
    write_planted(out);
    write_file(out / "recipe.json", read_file(file));
}

// The recipe with another seed of its training (the language stays), written to the folder of the model.
std::filesystem::path with_seed(Json recipe, const Options& options, const std::filesystem::path& out) {
    if (!recipe.is_object() || !recipe.contains("training") || !recipe["training"].is_object())
        throw Error(options.recipe + "#/training", "an object", "none");
    recipe["training"]["seed"] = options.seed;
    std::filesystem::create_directories(out);
    write_file(out / "recipe.json", recipe.dump(1) + "\n");
    return out / "recipe.json";
}

void run(const Options& options, const Common& common) {
    namespace fs = std::filesystem;
    if (common.out.empty()) throw Error("--out", "a folder for the trained model", "nothing");
    Json recipe_json = read_json(options.recipe);
    if (recipe_json.is_object() && recipe_json.contains("formula")) {
        write_formula(recipe_json, options.recipe, common.out);
        message(common, "wrote " + common.out);
        return;
    }
    set_threads(common.model.threads);
    std::string note;
    const at::Device device = open_device(common.model.device, &note);
    if (!note.empty()) message(common, note);
    fs::path out = common.out;
    const fs::path file = options.seed < 0 ? fs::path(options.recipe) : with_seed(recipe_json, options, out);
    Recipe recipe = read_recipe(file);
    fs::create_directories(out);
    auto world = make_world(recipe.world, static_cast<std::uint64_t>(recipe.world_seed));
    TerminalProgress progress(common.quiet);
    auto start = std::chrono::steady_clock::now();
    std::map<std::string, std::string> about{{"format", "pt"}, {"recipe", recipe.name}, {"recipe_sha256", recipe.sha256}};
    write_world_files(out, *world);
    Training training = train(
        recipe, static_cast<int>(world->vocabulary().size()), rows_of(recipe), out / "checkpoint.safetensors", progress,
        [&](const Transformer& so_far) { save_model(out, so_far, about); }, device);
    if (training.steps_done < recipe.plan.steps) {
        message(common, "stopped after step " + std::to_string(training.steps_done) + "; the same command goes on from there");
        throw Cancelled();
    }
    save_model(out, training.model, about);
    write_file(out / "recipe.json", read_file(file));
    Result result;
    result.analysis = "train";
    result.views.push_back({"loss",
                            "Training loss, mean over the batch's tokens (and, of long runs, over the steps since the point before)",
                            loss_curve(training.losses)});
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    result.summary = {{"steps", training.steps_done}, {"final_loss", training.losses.back().loss}, {"seconds", seconds}};
    write_result(out / "training", result);
    write_figures(out / "training", result, Json{{"recipe", recipe.name}, {"recipe_sha256", recipe.sha256}}, common.figures);
    if (common.json)
        print_json(
            {{"out", out.string()}, {"steps", training.steps_done}, {"final_loss", training.losses.back().loss}, {"seconds", seconds}});
    else
        message(common, "wrote " + out.string());
}

}  // namespace

void add_train(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("train", "Train a small transformer from a recipe; resumes where it stopped");
    auto options = std::make_shared<Options>();
    command->add_option("RECIPE", options->recipe, "Recipe file (resources/recipes/*.json)")->required();
    command->add_option("--seed", options->seed, "Seed of weights and rows, in place of the recipe's")
        ->check(CLI::Range(std::int64_t(0), std::numeric_limits<std::int64_t>::max()));
    command->add_option("--device", common.model.device, "auto, cpu, cuda or cuda:N");
    command->add_option("--threads", common.model.threads, "Threads (0: the physical cores)");
    add_output_options(*command, common);
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
