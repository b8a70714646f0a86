#include "analyses/lens_training.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "analyses/lens.h"
#include "analyses/lens_texts.h"
#include "analyses/manifest.h"
#include "analyses/session_impl.h"
#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"

namespace microtome {
namespace {

void check(const LensRequest& r) {
    auto want = [](bool good, const char* option, const char* expected, double got) {
        if (!good) throw Error(option, expected, Json(got).dump());
    };
    if (r.out.empty()) throw Error("--out", "a folder for the lens", "nothing");
    if (r.at != "pre" && r.at != "mid") throw Error("--at", "pre or mid", "\"" + r.at + "\"");
    want(r.steps >= 1 && r.steps <= 10'000'000, "--steps", "1 to 10000000", r.steps);
    want(r.batch_tokens >= 2, "--batch-tokens", "a number ≥ 2", static_cast<double>(r.batch_tokens));
    want(r.length == 0 || r.length >= 2, "--length", "0 (as long as possible) or a number ≥ 2", r.length);
    want(r.learning_rate > 0 && r.learning_rate <= 10, "--learning-rate", "a number above 0, at most 10", r.learning_rate);
    want(r.weight_decay >= 0 && r.weight_decay <= 100, "--weight-decay", "0 to 100", r.weight_decay);
    want(r.held_out > 0 && r.held_out < 1, "--held-out", "a share between 0 and 1", r.held_out);
    want(r.checkpoint_seconds >= 0, "--checkpoint-seconds", "a number ≥ 0", r.checkpoint_seconds);
}

Json params_of(const LensRequest& r) {
    return {{"at", r.at},
            {"steps", r.steps},
            {"batch_tokens", r.batch_tokens},
            {"length", r.length},
            {"learning_rate", r.learning_rate},
            {"weight_decay", r.weight_decay},
            {"held_out", r.held_out}};
}

std::string hash_of(const LensTexts& texts) {
    Digest digest;
    for (const TokenRows* rows : {&texts.training, &texts.held_out}) {
        for (const auto& row : *rows) {
            const auto length = static_cast<std::int64_t>(row.size());
            digest.add(&length, sizeof length);
            digest.add(row.data(), row.size() * sizeof(std::int64_t));
        }
        const std::int64_t end = -1;
        digest.add(&end, sizeof end);
    }
    return digest.text();
}

// What determines every number of the training: weights, texts, options.
std::string identity_of(const Session& session, const LensRequest& request, const std::string& texts) {
    const ModelFacts& f = session.facts();
    const Json all{{"params", params_of(request)}, {"seed", request.seed}, {"model", f.sha256},
                   {"processing", f.processing},   {"dtype", f.dtype},     {"texts", texts}};
    return sha256(all.dump());
}

// At most about a thousand points, each the mean of as many steps.
Curve loss_curve(const std::vector<LensLoss>& losses) {
    constexpr std::size_t points = 1000;
    const std::size_t width = (losses.size() + points - 1) / points, layers = losses.front().kl.size();
    Curve curve{"step", "nats a token", {}, {}};
    for (std::size_t l = 0; l < layers; ++l) curve.series.push_back({"layer " + std::to_string(l), {}, {}});
    for (std::size_t at = 0; at < losses.size(); at += width) {
        const std::size_t last = std::min(at + width, losses.size());
        curve.x.push_back(losses[last - 1].step);
        for (std::size_t l = 0; l < layers; ++l) {
            double sum = 0;
            for (std::size_t i = at; i < last; ++i) sum += losses[i].kl[l];
            curve.series[l].y.push_back(sum / static_cast<double>(last - at));
        }
    }
    return curve;
}

double mean(const std::vector<double>& values) {
    double sum = 0;
    for (double x : values) sum += x;
    return sum / static_cast<double>(values.size());
}

Result result_of(const LensTraining& training, const std::vector<double>& before, const std::vector<double>& after) {
    Curve held_out{"layer", "nats a token", {}, {{"logit lens", before, {}}, {"tuned lens", after, {}}}};
    for (std::size_t l = 0; l < before.size(); ++l) held_out.x.push_back(static_cast<double>(l));
    Table layers{{{"layer", ""}, {"logit lens", "nats a token"}, {"tuned lens", "nats a token"}}, {}};
    for (std::size_t l = 0; l < before.size(); ++l) layers.rows.push_back({static_cast<std::int64_t>(l), before[l], after[l]});
    Result result;
    result.analysis = "lens-train";
    result.views.push_back({"held_out",
                            "KL of the model's distribution from the lens's on held-out texts: before (the logit lens) and after",
                            std::move(held_out)});
    result.views.push_back({"layers", "The same numbers", std::move(layers)});
    result.views.push_back(
        {"loss",
         "The tuned lens's KL on the batches trained on, before each step (of long runs: mean over the steps since the point before)",
         loss_curve(training.losses)});
    result.summary = {{"steps", training.steps_done}, {"logit_lens_kl", mean(before)}, {"tuned_lens_kl", mean(after)}};
    for (std::size_t l = 0; l < before.size(); ++l)
        if (after[l] > before[l])
            result.warnings.push_back("layer " + std::to_string(l) +
                                      ": on held-out texts the tuned lens is farther from the model than the logit lens");
    return result;
}

std::int64_t tokens_in(const TokenRows& rows) {
    std::int64_t n = 0;
    for (const auto& row : rows) n += static_cast<std::int64_t>(row.size());
    return n;
}

}  // namespace

RunRecord train_lens(Session& session, const LensRequest& request, Progress& progress) {
    check(request);
    c10::AutoGradMode without_gradients(false);
    const auto start = std::chrono::steady_clock::now();
    const Transformer& model = session.impl().model;
    const TunedLens identity = identity_lens(model, request.at == "mid" ? Site::resid_mid : Site::resid_pre);
    const LensTexts texts = lens_texts(session, request);
    const std::string texts_sha256 = hash_of(texts), training_id = identity_of(session, request, texts_sha256);
    std::error_code failed;
    std::filesystem::create_directories(request.out, failed);
    if (failed) throw Error(request.out.string(), "a folder that can be made", failed.message());
    LensPlan plan{request.steps,         request.batch_tokens, request.seed,
                  request.learning_rate, request.weight_decay, request.checkpoint_seconds};
    LensTraining training =
        train_lens(model, identity, texts.training, plan, training_id, request.out / "checkpoint.safetensors", progress);
    if (training.steps_done < plan.steps) {
        progress.note("stopped after step " + std::to_string(training.steps_done) + "; the same command goes on from there");
        throw Cancelled();
    }
    progress.note("measuring on " + std::to_string(texts.held_out.size()) + " held-out texts");
    Progress measuring(progress.token());  // its rate is not that of steps
    const std::vector<double> before = lens_kl(model, identity, texts.held_out, request.batch_tokens, measuring),
                              after = lens_kl(model, training.lens, texts.held_out, request.batch_tokens, measuring);
    save_lens(lens_file(request.out), training.lens, owner_of(session), {{"training", training_id}, {"steps", std::to_string(plan.steps)}});
    RunRecord record{result_of(training, before, after), {}};
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    record.manifest =
        record_manifest(session, record.result, {"lens-train", params_of(request), {}, request.seed, request.command, {}}, seconds);
    record.manifest["lens"] = "tuned lens, norm final";
    record.manifest["lens_sha256"] = sha256_file(lens_file(request.out));
    record.manifest["texts"] = {{"sha256", texts_sha256},
                                {"training", texts.training.size()},
                                {"training_tokens", tokens_in(texts.training)},
                                {"held_out", texts.held_out.size()},
                                {"held_out_tokens", tokens_in(texts.held_out)}};
    return record;
}

}  // namespace microtome
