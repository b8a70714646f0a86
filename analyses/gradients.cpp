#include "analyses/gradients.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "analyses/cache_plan.h"
#include "analyses/question.h"
#include "core/base/error.h"
#include "core/kept_heap.h"
#include "hooks/attribution.h"
#include "hooks/patching.h"
#include "hooks/recorder.h"
#include "hooks/store/store_reader.h"

namespace microtome {
namespace {

struct Row {
    std::vector<std::int64_t> clean;
    Question question;
};

struct Plan {
    Metric metric;
    std::vector<SiteRef> refs;
    std::vector<StoreSite> sites;  // the activations of refs, then their gradients
    std::vector<Row> rows;
    std::vector<std::vector<std::int64_t>> ids;  // as they are run
    std::vector<StorePrompt> prompts;            // without the metric's value
    std::vector<PromptTokens> tokens;            // for interventions
    StorePlan sizes;
    Batches batches;
};

// All that decides a prompt's metric, besides the model and what it reads of the run itself.
std::string question_text(const Metric& metric, const Row& row) {
    Json out = Json::object();
    if (metric.needs_answer()) out["answer"] = row.question.answers;
    if (metric.needs_foil()) out["foil"] = row.question.foils;
    if (!row.question.words.empty()) out["words"] = row.question.words;
    if (!row.question.roles.empty()) out["roles"] = row.question.roles;
    if (metric.needs_clean()) out["clean"] = row.clean;
    return out.dump();
}

// Neighbours of one length run together. A function of the prompts and batch_tokens alone: a resumed run makes the same batches.
Batches plan_batches(const Plan& plan, std::int64_t batch_tokens) {
    Batches batches;
    for (std::size_t first = 0, last = 0; first < plan.ids.size(); first = last) {
        const std::size_t length = plan.ids[first].size();
        for (last = first + 1; last < plan.ids.size() && plan.ids[last].size() == length; ++last)
            if (static_cast<std::int64_t>((last - first + 1) * length) > batch_tokens) break;
        batches.emplace_back(first, last);
    }
    return batches;
}

Plan plan_gradients(const Session& session, const GradientRequest& request) {
    Plan plan;
    plan.metric = choose_metric(request.metric, request.metric_expr);
    plan.refs = match_sites(session.impl().model.config, request.sites);
    if (!plan.metric.differentiable()) throw Error("metric", "one with a gradient", "rank counts tokens");
    if (request.pairs.empty()) throw Error("prompts", "at least one pair (--pairs FILE, or --clean, --corrupt, --answer, --foil)", "none");
    for (bool gradient : {false, true})
        for (SiteRef ref : plan.refs) {
            plan.sites.push_back(store_site(ref, session.impl().model.config, store_type(request.store)));
            plan.sites.back().gradient = gradient;
        }
    for (const PromptPair& pair : request.pairs) {
        ResolvedPair resolved = resolve(session, pair, plan.metric.needs_answer(), plan.metric.needs_foil());
        plan.tokens.push_back({resolved.clean, pair.spans});
        plan.ids.push_back(request.corrupt ? resolved.corrupt : resolved.clean);
        plan.rows.push_back({resolved.clean, question_of(session, plan.metric, pair, resolved)});
        const auto& ids = plan.ids.back();
        plan.prompts.push_back({request.corrupt ? pair.corrupt : pair.clean, {ids.begin(), ids.end()}, {}, pair.label, pair.group});
        plan.prompts.back().question = question_text(plan.metric, plan.rows.back());
        plan.sizes.add(plan.prompts.back());
    }
    plan.batches = plan_batches(plan, request.batch_tokens);
    return plan;
}

class Backward {
  public:
    Backward(Session& session, Plan& plan) : model_(session.impl().model), plan_(plan), edits_(edits_for(session, plan.tokens)) {}

    Edits& edits() { return edits_; }

    StoreBatch operator()(std::size_t first, std::size_t last) {
        std::vector<const Question*> asked;
        for (std::size_t i = first; i < last; ++i) asked.push_back(&plan_.rows[i].question);
        MetricBatch reading(plan_.metric, asked, static_cast<std::int64_t>(plan_.ids[first].size()));
        if (plan_.metric.needs_clean()) run_clean(first, last, reading);
        StoreBatch batch;
        batch.prompts.assign(plan_.prompts.begin() + static_cast<std::ptrdiff_t>(first),
                             plan_.prompts.begin() + static_cast<std::ptrdiff_t>(last));
        batch.rows.resize(plan_.sites.size());
        const Tensor ids = ids_of(first, last, false);
        for (const auto& pass : gradient_passes(plan_.refs)) {
            c10::AutoGradMode with_gradients(true);
            Recorder recorder(pass, true);
            edits_.enter({ids, numbers(first, last)});
            Chain chain({edits_.empty() ? nullptr : &edits_, &recorder});
            const Tensor metrics = reading(logits_at(model_, ids, &chain, reading.positions()));
            const std::vector<double> values = numbers_of(metrics);
            for (std::size_t i = 0; i < values.size(); ++i) batch.prompts[i].metric = values[i];
            if (metrics.requires_grad()) metrics.sum().backward();
            for (SiteRef ref : pass) keep(ref, recorder, batch);
        }
        for (std::size_t i = first; i < last; ++i) plan_.rows[i].question.clean_logits = Tensor();
        return batch;
    }

  private:
    Tensor ids_of(std::size_t first, std::size_t last, bool clean) const {
        std::vector<std::vector<std::int64_t>> rows;
        for (std::size_t i = first; i < last; ++i) rows.push_back(clean ? plan_.rows[i].clean : plan_.ids[i]);
        return ids_tensor(rows);
    }

    static std::vector<std::size_t> numbers(std::size_t first, std::size_t last) {
        std::vector<std::size_t> out;
        for (std::size_t i = first; i < last; ++i) out.push_back(i);
        return out;
    }

    // KL is measured from the clean run.
    void run_clean(std::size_t first, std::size_t last, const MetricBatch& reading) {
        const Tensor ids = ids_of(first, last, true);
        edits_.enter({ids, numbers(first, last)});
        const Tensor clean = logits_at(model_, ids, edits_.empty() ? nullptr : &edits_, reading.positions());
        for (std::size_t i = first; i < last; ++i)
            plan_.rows[i].question.clean_logits =
                clean[static_cast<std::int64_t>(i - first)].narrow(0, 0, reading.count(i - first)).clone();
    }

    void keep(SiteRef ref, const Recorder& recorder, StoreBatch& batch) const {
        const auto site = static_cast<std::size_t>(std::find(plan_.refs.begin(), plan_.refs.end(), ref) - plan_.refs.begin());
        for (bool gradient : {false, true})
            for (std::size_t i = 0; i < batch.prompts.size(); ++i)
                batch.rows[site + (gradient ? plan_.refs.size() : 0)].push_back(
                    store_rows(gradient ? recorder.gradient(ref) : recorder.at(ref), ref, static_cast<std::int64_t>(i),
                               static_cast<std::int64_t>(batch.prompts[i].ids.size())));
    }

    const Transformer& model_;
    Plan& plan_;
    Edits edits_;
};

// Of all prompts, those of an earlier run too.
double mean_metric(const std::filesystem::path& file) {
    const std::vector<double> values = StoreReader(file).metrics();
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

GradientOutcome write_gradients(Session& session, const GradientRequest& request, Progress& progress) {
    c10::AutoGradMode without_gradients(false);
    const KeptHeap heap;
    if (request.batch_tokens < 1) throw Error("batch-tokens", "a number ≥ 1", std::to_string(request.batch_tokens));
    if (request.compress < 0 || request.compress > 9) throw Error("--compress", "0 (off) to 9", std::to_string(request.compress));
    Plan plan = plan_gradients(session, request);
    Backward backward(session, plan);
    const StoreWork work{session.impl().ranks, plan.sites, plan.batches, plan.prompts, plan.ids, backward.edits(), std::ref(backward)};
    GradientOutcome outcome{plan.sizes.prompts, plan.sizes.tokens, plan.refs.size()};
    if (lend_batches(work)) return outcome;
    if (request.compress == 0) check_room_for_store(request.out, store_bytes(plan.sites, plan.sizes));
    StoreIdentity identity = store_identity(session);
    identity.metric = plan.metric.name;
    identity.metric_run = request.corrupt ? "corrupt" : "clean";
    StoreWriter writer(request.out, identity, plan.sites,
                       {request.resume, request.compress, plan.sizes, stops_of(plan.batches), request.flush_every});
    writer.check_prompts(plan.prompts);
    write_batches(writer, work, progress);
    writer.finish();
    outcome.metric = mean_metric(request.out);
    return outcome;
}

}  // namespace microtome
