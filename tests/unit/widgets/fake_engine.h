// A stand-in for the engine, for tests of the widgets alone: words are tokens, numbers follow a formula, and a sweep takes as long as told.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <sstream>
#include <thread>

#include "widgets/engine.h"

namespace microtome::fake {

struct Control {
    std::atomic<int> layer_ms{0};   // time a layer of a sweep takes
    std::atomic<bool> fail{false};  // the next run throws
    std::atomic<int> runs{0};
    ModelOptions opened;  // of the newest model
};

inline double effect(int layer, int position) {
    return std::sin(layer * 3.0 + position) * (layer + 1) / 4;
}
inline double head_score(std::int64_t layer, std::int64_t head) {
    return static_cast<double>((layer * 7 + head * 5) % 12) / 12;
}
inline double weight(int layer, int head, int destination, int source) {
    return source > destination ? 0 : 1.0 / (destination + 1) + 0.01 * layer + 0.001 * head;
}

class Model final : public OpenModel {
  public:
    explicit Model(Control& control) : control_(control) {
        facts_.name = "toy", facts_.path = "/toy", facts_.sha256 = std::string(64, 'a'), facts_.dtype = "float32", facts_.device = "cpu";
        facts_.processing = "raw", facts_.n_layers = 4, facts_.n_heads = 3, facts_.n_ctx = 40, facts_.d_model = 8;
        outline_.parts.push_back(
            {"Embedding", -1, 0, {{"embed.weight", {50, 8}}}, {{"hook_embed", "embed", "Token embedding", {"tokens", "8"}, false}}, {}});
        for (int l = 0; l < facts_.n_layers; ++l) {
            const std::string at = "blocks." + std::to_string(l) + ".";
            OutlinePart attention{"Attention",
                                  l,
                                  facts_.n_heads,
                                  {{at + "attn.q.weight", {8, 8}}},
                                  {{at + "attn.hook_z", "z", "Mixed values", {"tokens", "3", "4"}, false}},
                                  {}};
            outline_.parts.push_back({"Block " + std::to_string(l),
                                      l,
                                      0,
                                      {},
                                      {{at + "hook_resid_pre", "resid_pre", "Entering", {"tokens", "8"}, false}},
                                      {attention}});
        }
    }
    const ModelFacts& facts() const override { return facts_; }
    const ModelOutline& outline() const override { return outline_; }
    bool has_tokenizer() const override { return true; }
    std::vector<Token> tokens(const std::string& text, std::optional<bool>) const override {
        std::vector<Token> out;
        std::istringstream words(text);
        for (std::string word; words >> word;) {
            std::int64_t id = 0;
            for (const char c : word) id = (id * 31 + c) % 9973;
            out.push_back({id, word});
        }
        return out;
    }
    Token token(std::int64_t id) const override { return {id, "#" + std::to_string(id)}; }

    RunRecord run(const RunRequest& request, RunProgress& progress) override {
        ++control_.runs;
        if (control_.fail.exchange(false)) throw Error("toy model", "a lucky day", "a failure on request");
        RunRecord record;
        record.result.analysis = request.analysis;
        if (request.analysis == "attention-patterns")
            patterns(request, record.result);
        else if (request.analysis == "head-scores")
            scores(request, progress, record.result);
        else
            patching(request, progress, record.result);
        record.manifest = Json{{"analysis", request.analysis}};
        return record;
    }

  private:
    static Axis numbers(const char* name, int n) {
        Axis axis{name, {}};
        for (int i = 0; i < n; ++i) axis.labels.push_back(std::to_string(i));
        return axis;
    }
    Axis words(const char* name, const std::string& text) const {
        Axis axis{name, {}};
        for (const Token& token : tokens(text, {})) axis.labels.push_back(token.text);
        return axis;
    }
    void patching(const RunRequest& request, RunProgress& progress, Result& result) const {
        const std::string clean = request.params.at("prompts").at(0).at("clean");
        Grid grid;
        const bool heads = request.params.value("preset", "resid_pre") == "attn_head_out_all_pos";
        grid.axes = {numbers("layer", facts_.n_layers), heads ? numbers("head", facts_.n_heads) : words("position", clean)};
        if (!heads && request.params.value("positions", "all") == "3,9")
            grid.axes[1].labels = {grid.axes[1].labels[3], grid.axes[1].labels[9]};
        const int columns = static_cast<int>(grid.axes[1].size());
        grid.values.assign(grid.size(), std::nan(""));
        grid.mask.assign(grid.size(), 0);
        grid.unit = "recovery";
        for (int layer = 0; layer < facts_.n_layers; ++layer) {
            for (int waited = 0; waited < control_.layer_ms && !progress.stopped(); waited += 5)
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            if (progress.stopped()) {
                result.complete = false;
                break;
            }
            for (int c = 0; c < columns; ++c) {
                const auto at = static_cast<std::size_t>(layer * columns + c);
                grid.values[at] = effect(layer, c), grid.mask[at] = 1;
            }
            progress.partial({"effect", "Effect of the patch", grid});
            progress.step((layer + 1) * columns, facts_.n_layers * columns, "cells");
        }
        if (result.complete) grid.mask.clear();
        result.views.push_back({"effect", "Effect of the patch", grid});
        result.summary = {{"clean", 3.5}, {"corrupt", -1.0}};
    }
    void scores(const RunRequest& request, RunProgress& progress, Result& result) const {
        Table table;
        table.columns = {{"layer", ""}, {"head", ""}, {"induction", ""}, {"previous_token", ""}, {"duplicate_token", ""}};
        for (std::int64_t l = 0; l < facts_.n_layers; ++l) {
            for (int waited = 0; waited < control_.layer_ms; waited += 5) {
                progress.check();
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
            for (std::int64_t h = 0; h < facts_.n_heads; ++h) table.rows.push_back({l, h, head_score(l, h), 1 - head_score(l, h), 0.5});
            progress.step(l + 1, facts_.n_layers, "prompts");
        }
        result.views.push_back({"scores", "Scores", table});
        result.summary = {{"prompts", request.params.value("n_sequences", 20)}, {"tokens_each", 50}};
    }
    void patterns(const RunRequest& request, Result& result) const {
        const std::size_t length = request.params.at("prompts").at(0).at("ids").size();
        Grid grid;
        grid.axes = {numbers("layer", facts_.n_layers), numbers("head", facts_.n_heads), numbers("destination", static_cast<int>(length)),
                     numbers("source", static_cast<int>(length))};
        grid.diverging = false;
        const int n = static_cast<int>(grid.axes[2].size());
        for (int l = 0; l < facts_.n_layers; ++l)
            for (int h = 0; h < facts_.n_heads; ++h)
                for (int d = 0; d < n; ++d)
                    for (int s = 0; s < n; ++s) grid.values.push_back(weight(l, h, d, s));
        result.views.push_back({"pattern", "Attention", grid});
        for (double& v : grid.values) v *= 2;
        result.views.push_back({"value_weighted", "Attention times the norm of the value", grid});
    }

    Control& control_;
    ModelFacts facts_;
    ModelOutline outline_;
};

class Engine final : public microtome::Engine {
  public:
    explicit Engine(Control& control) : control_(control) {}
    std::shared_ptr<OpenModel> open(const ModelOptions& options) const override {
        if (options.model == "nowhere") throw Error("nowhere", "a model folder", "nothing");
        control_.opened = options;
        return std::make_shared<Model>(control_);
    }
    std::vector<std::pair<std::string, std::string>> analyses() const override {
        return {{"activation-patching", "Patch"}, {"attention-patterns", "Attention"}, {"head-scores", "Score every head"}};
    }
    std::vector<FieldInfo> params(const std::string& analysis) const override {
        if (analysis == "head-scores")
            return {{"prompts", "prompts", "Prompts", Json(), {}, {}, {}},
                    {"n_sequences", "integer", "Random sequences", 20, {}, 1.0, 10000.0},
                    {"exclude_first", "boolean", "Leave out the first token", false, {}, {}, {}}};
        return {{"preset", "string", "What is patched", "resid_pre", {"resid_pre", "attn_head_out_all_pos"}, {}, {}},
                {"direction", "string", "Which way", "denoise", {"denoise", "noise"}, {}, {}},
                {"metric", "string", "What is measured", "logit_diff_recovery", {"logit_diff", "logit_diff_recovery"}, {}, {}},
                {"positions", "string", "Only these positions", "all", {}, {}, {}},
                {"prompts", "pairs", "Prompt pairs", Json(), {}, {}, {}},
                {"batch_tokens", "integer", "Tokens in a chunk", 1024, {}, 1.0, 65536.0}};
    }
    std::vector<std::string> bundled() const override { return {"toy"}; }
    void download(const std::string& name, Progress& progress) const override {
        for (std::int64_t done = 0; done <= 20'000'000; done += 2'000'000) {
            progress.check();
            progress.step(done, 20'000'000, "bytes");
            std::this_thread::sleep_for(std::chrono::milliseconds(control_.layer_ms));
        }
        if (name == "org/none") throw Error("org/none", "a public model", "status 404");
    }

  private:
    Control& control_;
};

}  // namespace microtome::fake
