#include "core/train/recipe.h"

#include <array>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/models/architecture.h"

namespace microtome {
namespace {

template <class Kind, std::size_t n>
Kind choose(JsonReader& json, const std::string& key, const std::array<std::pair<const char*, Kind>, n>& choices) {
    std::string given = json.string(key, choices[0].first), names;
    for (auto [name, kind] : choices) {
        if (given == name) return kind;
        names += (names.empty() ? "" : ", ") + std::string(name);
    }
    throw Error(json.pointer(key), "one of " + names, "\"" + given + "\"");
}

double positive(JsonReader& json, const char* key, double fallback) {
    double x = json.number(key, fallback);
    if (!(x >= 0 && x < 1e9)) throw Error(json.pointer(key), "a number from 0 to 1e9", std::to_string(x));
    return x;
}

ModelConfig read_model(JsonReader json) {
    ModelConfig c;
    c.architecture = "recipe";
    c.n_layers = json_size(json, "n_layers");
    c.n_heads = json_size(json, "n_heads");
    c.n_kv_heads = json_size(json, "n_kv_heads", c.n_heads);
    c.d_model = json_size(json, "d_model");
    c.d_head = json_size(json, "d_head", c.n_heads ? c.d_model / c.n_heads : 0);
    c.n_ctx = json_size(json, "n_ctx");
    c.d_vocab = 1;
    c.norm = choose(json, "norm",
                    std::array<std::pair<const char*, Norm>, 3>{{{"layer", Norm::layer}, {"rms", Norm::rms}, {"none", Norm::none}}});
    c.final_norm = c.norm != Norm::none;
    c.positions = choose(json, "positions",
                         std::array<std::pair<const char*, Positions>, 3>{
                             {{"learned", Positions::learned}, {"rotary", Positions::rotary}, {"none", Positions::none}}});
    c.rotary.dim = c.positions == Positions::rotary ? c.d_head : 0;
    if (c.positions == Positions::rotary) c.rotary.base = positive(json, "rotary_base", c.rotary.base);
    c.mlp = choose(
        json, "mlp",
        std::array<std::pair<const char*, MlpKind>, 3>{{{"plain", MlpKind::plain}, {"gated", MlpKind::gated}, {"none", MlpKind::none}}});
    c.d_mlp = json_size(json, "d_mlp", 4 * c.d_model);
    c.activation = parse_activation(json.string("activation", "gelu_new"), json.pointer("activation"));
    c.tied = json.boolean("tied", false);
    json.done();
    check(c, json.pointer(""));
    return c;
}

TrainingPlan read_plan(JsonReader json) {
    TrainingPlan p;
    p.steps = json_size(json, "steps");
    p.batch = json_size(json, "batch");
    p.length = json_size(json, "length");
    p.warmup = json_size(json, "warmup", 0);
    p.warm_up_rows = json_size(json, "warm_up_rows", 0);
    p.learning_rate = positive(json, "learning_rate", p.learning_rate);
    p.final_learning_rate = positive(json, "final_learning_rate", p.learning_rate / 10);
    p.weight_decay = positive(json, "weight_decay", p.weight_decay);
    p.beta1 = positive(json, "beta1", p.beta1);
    p.beta2 = positive(json, "beta2", p.beta2);
    p.clip = positive(json, "clip", p.clip);
    p.init_std = positive(json, "init_std", p.init_std);
    p.position_std = positive(json, "position_std", 0);
    p.nearness = positive(json, "nearness", 0);
    p.seed = json.integer("seed", 0);
    p.checkpoint_seconds = json_size(json, "checkpoint_seconds", p.checkpoint_seconds);
    json.done();
    if (p.batch < 1 || p.length < 2) throw Error(json.pointer("batch"), "a batch of at least one row of two tokens", "fewer");
    return p;
}

}  // namespace

Recipe read_recipe(const std::filesystem::path& file) {
    std::string text = read_file(file, 1 << 20);
    Json value = parse_json(text, file.string());
    JsonReader json(value, file.string());
    if (json.integer("schema") != 1) throw Error(json.pointer("schema"), "1", std::to_string(json.integer("schema")));
    Recipe recipe;
    recipe.name = json.string("name");
    JsonReader world = json.object("world");
    recipe.world = world.string("name");
    recipe.world_seed = world.integer("seed", 0);
    world.done();
    recipe.model = read_model(json.object("model"));
    recipe.plan = read_plan(json.object("training"));
    json.done();
    if (recipe.model.positions == Positions::learned && recipe.plan.length > recipe.model.n_ctx)
        throw Error(json.pointer("training"), "rows no longer than n_ctx " + std::to_string(recipe.model.n_ctx),
                    std::to_string(recipe.plan.length));
    recipe.sha256 = sha256(text);
    return recipe;
}

}  // namespace microtome
