// microtome eval MODEL [SUITE...]: task accuracies on held-out items, beside a bigram baseline. The bundled models' cards are made with it.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "analyses/session_impl.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/worlds/bigram.h"
#include "core/worlds/world.h"
#include "hooks/patching.h"

namespace microtome {
namespace {

struct Options {
    std::vector<std::string> suites;
    bool baseline = true;
};

struct Score {
    double model = 0, baseline = -1;
    std::size_t n = 0;
};

// Logits after each prompt's last token; prompts of one length share a batch.
std::vector<Tensor> answers_of(const Session& session, const std::vector<std::vector<std::int64_t>>& prompts, TerminalProgress& progress) {
    std::map<std::size_t, std::vector<std::size_t>> by_length;
    for (std::size_t i = 0; i < prompts.size(); ++i) by_length[prompts[i].size()].push_back(i);
    std::vector<Tensor> out(prompts.size());
    std::size_t done = 0;
    for (const auto& [length, which] : by_length)
        for (std::size_t at = 0; at < which.size(); at += 64) {
            progress.check();
            std::vector<std::vector<std::int64_t>> rows;
            std::size_t last = std::min(at + 64, which.size());
            for (std::size_t i = at; i < last; ++i) rows.push_back(prompts[which[i]]);
            Tensor logits = last_logits(session.impl().model, ids_tensor(rows), nullptr);
            for (std::size_t i = at; i < last; ++i) out[which[i]] = logits[static_cast<std::int64_t>(i - at)];
            progress.step(static_cast<std::int64_t>(done += last - at), static_cast<std::int64_t>(prompts.size()), "prompts");
        }
    return out;
}

Score score(const Session& session, const Suite& suite, TerminalProgress& progress) {
    std::vector<std::vector<std::int64_t>> prompts;
    std::vector<Question> questions;
    for (const SuiteItem& item : suite.items) {
        Prompt prompt;
        prompt.text = item.prompt;
        prompts.push_back(resolve(session, prompt));
        questions.emplace_back();
        for (const std::string& answer : item.answers) {
            auto id = session.impl().tokenizer->token_id(answer);
            if (!id) throw Error("suite " + suite.name, "answers that are tokens of the model", "\"" + answer + "\"");
            questions.back().answers.push_back(*id);
        }
    }
    auto logits = answers_of(session, prompts, progress);
    Score total;
    total.n = suite.items.size();
    bool mass = suite.metric == "mass";
    Metric metric = parse_metric(mass ? "prob" : "rank");
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        double m = measure(metric, logits[i].unsqueeze(0), {&questions[i]})[0];
        total.model += mass ? m : m == 0;
    }
    total.model /= static_cast<double>(total.n);
    return total;
}

void run(const Options& options, Common& common) {
    namespace fs = std::filesystem;
    c10::AutoGradMode without_gradients(false);
    auto session = Session::open(common.model);
    fs::path folder = fs::path(session->facts().path) / "suites";
    std::error_code failed;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder, failed))
        if (entry.path().extension() == ".json") files.push_back(entry.path());
    if (files.empty()) throw Error(folder.string(), "task suites (suites/*.json) in the model's folder", "none");
    std::sort(files.begin(), files.end());
    TerminalProgress progress(common.quiet);
    Json json = Json::object();
    std::vector<std::vector<std::string>> rows{{"suite", "metric", "n", "model", "bigram"}};
    std::unique_ptr<World> world;
    std::unique_ptr<Bigram> bigram;
    auto percent = [](double x) {
        char text[16];
        std::snprintf(text, sizeof text, "%.1f %%", 100 * x);
        return std::string(text);
    };
    std::size_t matched = 0;
    for (const fs::path& file : files) {
        bool wanted =
            options.suites.empty() || std::find(options.suites.begin(), options.suites.end(), file.stem().string()) != options.suites.end();
        if (!wanted) continue;
        ++matched;
        Suite suite = read_suite(file);
        Score result = score(*session, suite, progress);
        if (options.baseline) {
            if (!world || world->name() != suite.world || world->seed() != suite.seed) {
                world = make_world(suite.world, suite.seed);
                bigram = std::make_unique<Bigram>(count_bigrams(*world, 20'000, 48));
            }
            result.baseline = bigram_score(*bigram, *world, suite);
        }
        json[suite.name] = {{"metric", suite.metric}, {"n", result.n}, {"model", result.model}};
        if (result.baseline >= 0) json[suite.name]["bigram"] = result.baseline;
        rows.push_back({suite.name, suite.metric, std::to_string(result.n), percent(result.model),
                        result.baseline >= 0 ? percent(result.baseline) : "-"});
    }
    if (matched == 0) {
        std::string names;
        for (const fs::path& file : files) names += (names.empty() ? "" : ", ") + file.stem().string();
        throw Error("suite", "one of " + names, options.suites.front());
    }
    if (common.json)
        print_json({{"model", session->facts().name}, {"sha256", session->facts().sha256}, {"suites", json}});
    else
        print_rows(rows);
}

}  // namespace

void add_eval(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("eval", "Task accuracies of a bundled model on held-out items, beside a bigram baseline");
    auto options = std::make_shared<Options>();
    command->add_option("MODEL", common.model.model, "Bundled name or folder with suites/");
    command->add_option("SUITE", options->suites, "Only these suites");
    command->add_flag("!--no-baseline", options->baseline, "Skip the bigram baseline");
    add_model_options(*command, common);
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No progress");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
