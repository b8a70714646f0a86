#include "analyses/lens_comparison.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "analyses/lens.h"

namespace microtome {
namespace {

constexpr std::int64_t chunk = 128;  // positions read at once: bounds the memory of float64 logits (pos, d_vocab)

struct Reading {
    Tensor logits, probabilities;  // float64 (pos, d_vocab)
};

class Comparison {
  public:
    Comparison(const Session& session, const ResolvedPair& pair, const LensQuestion& question)
        : session_(session), pair_(pair), question_(question), layers_(question.runs.front().stream->size()) {
        Axis runs{"run", {}};
        for (const LensRun& run : question.runs) runs.labels.push_back(run.name);
        const Axis layers{"layer", numbers(static_cast<int>(layers_))};
        const auto both = [&](Grid& grid, Grid& difference, const std::string& unit, bool diverging) {
            grid.axes = {runs, layers, {"position", question.positions}};
            difference.axes = {layers, {"position", question.changed}};
            for (Grid* each : {&grid, &difference}) each->values.assign(each->size(), std::nan(""));
            grid.unit = unit;
            grid.diverging = diverging;
            difference.unit = unit + ": " + question.runs[question.to].name + " − " + question.runs[question.from].name;
        };
        both(out.top, out.top_difference, "probability", false);
        out.top.texts.resize(out.top.size());
        out.top_difference.texts.resize(out.top_difference.size());
        if (pair.answers.empty()) return;
        both(out.answer.emplace(), out.answer_difference.emplace(), "probability", false);
        if (!pair.foils.empty()) both(out.margin.emplace(), out.margin_difference.emplace(), "logit difference", true);
    }

    void add(std::size_t layer, std::int64_t first) {
        std::vector<Reading> readings;
        for (std::size_t run = 0; run < question_.runs.size(); ++run) {
            const Tensor& stream = question_.runs[run].stream->at(layer);
            const Tensor part = stream.narrow(0, first, std::min(chunk, stream.size(0) - first));
            const Tensor logits = lens_logits(session_.impl().model, part, part, LensNorm::final);
            readings.push_back({logits, at::softmax(logits, -1)});
            put_run((run * layers_ + layer) * positions() + static_cast<std::size_t>(first), readings.back());
        }
        const std::size_t at = layer * positions() + static_cast<std::size_t>(first);
        put_difference(at, readings[question_.from], readings[question_.to]);
    }

    std::size_t layers() const { return layers_; }
    std::size_t positions() const { return question_.positions.size(); }
    LensComparison out;

  private:
    static void put(Grid& grid, std::size_t at, const Tensor& row) {
        for (std::int64_t p = 0; p < row.numel(); ++p) grid.values[at + static_cast<std::size_t>(p)] = row[p].item<double>();
    }
    void put_texts(Grid& grid, std::size_t at, const Tensor& ids) const {
        for (std::int64_t p = 0; p < ids.numel(); ++p)
            grid.texts[at + static_cast<std::size_t>(p)] = session_.token(ids[p].item<std::int64_t>()).text;
    }

    void put_run(std::size_t at, const Reading& reading) {
        const auto [best, id] = reading.probabilities.max(-1);
        put(out.top, at, best);
        put_texts(out.top, at, id);
        if (out.answer) put(*out.answer, at, answers_of(reading));
        if (out.margin) put(*out.margin, at, margin_of(reading));
    }

    void put_difference(std::size_t at, const Reading& from, const Reading& to) {
        const Tensor change = to.probabilities - from.probabilities, id = change.abs().argmax(-1, true);
        const Tensor most = change.gather(-1, id).squeeze(-1);
        put(out.top_difference, at, most);
        put_texts(out.top_difference, at, at::where(most == 0, to.probabilities.argmax(-1), id.squeeze(-1)));
        if (out.answer) put(*out.answer_difference, at, answers_of(to) - answers_of(from));
        if (out.margin) put(*out.margin_difference, at, margin_of(to) - margin_of(from));
    }

    Tensor answers_of(const Reading& reading) const { return reading.probabilities.index_select(1, at::tensor(pair_.answers)).sum(-1); }
    Tensor margin_of(const Reading& reading) const {
        return reading.logits.index_select(1, at::tensor(pair_.answers)).mean(-1) -
               reading.logits.index_select(1, at::tensor(pair_.foils)).mean(-1);
    }

    const Session& session_;
    const ResolvedPair& pair_;
    const LensQuestion& question_;
    std::size_t layers_;
};

}  // namespace

LensComparison compare_lenses(const Session& session, const ResolvedPair& pair, const LensQuestion& question, RunProgress& progress) {
    Comparison comparison(session, pair, question);
    for (std::size_t layer = 0; layer < comparison.layers(); ++layer)
        for (std::size_t first = 0; first < comparison.positions(); first += chunk) {
            progress.check();
            comparison.add(layer, static_cast<std::int64_t>(first));
        }
    return std::move(comparison.out);
}

}  // namespace microtome
