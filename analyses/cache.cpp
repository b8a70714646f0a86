#include "analyses/cache.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "hooks/recorder.h"
#include "hooks/store/store_writer.h"

namespace microtome {
namespace {

std::int64_t size_of(char axis, const ModelConfig& c) {
    switch (axis) {
        case 'h':
            return c.n_heads;
        case 'k':
            return c.n_kv_heads;
        case 'e':
            return c.d_head;
        case 'm':
            return c.d_model;
        case 'f':
            return c.d_mlp;
        case 'v':
            return c.d_vocab;
        default:
            return 1;
    }
}

const char* symbol_of(char axis) {
    switch (axis) {
        case 'h':
            return "n_heads";
        case 'k':
            return "n_kv_heads";
        case 'e':
            return "d_head";
        case 'm':
            return "d_model";
        case 'f':
            return "d_mlp";
        case 'v':
            return "d_vocab";
        default:
            return "1";
    }
}

bool of_pairs(Site site) {
    return std::string_view(info(site).axes) == "hps";
}

StoreSite store_site(SiteRef ref, const ModelConfig& config, h5::Type type) {
    StoreSite site;
    site.name = hook_name(ref);
    site.pairs = of_pairs(ref.site);
    site.type = type;
    for (char axis : std::string_view(info(ref.site).axes)) {
        if (axis == 'p' || axis == 's') continue;
        site.symbols.emplace_back(symbol_of(axis));
        site.shape.push_back(static_cast<std::uint64_t>(size_of(axis, config)));
    }
    return site;
}

struct Plan {
    std::vector<StorePrompt> prompts;
    std::vector<SiteRef> refs;
    std::vector<StoreSite> sites;
    StorePlan sizes;
    std::vector<std::pair<std::size_t, std::size_t>> batches;  // [first, last) prompts
    CacheEstimate estimate;
};

// Batches are a function of the prompts and batch_tokens alone: a resumed run makes the same ones.
void plan_batches(Plan& plan, std::int64_t batch_tokens) {
    std::size_t first = 0, longest = 0;
    for (std::size_t i = 0; i < plan.prompts.size(); ++i) {
        std::size_t length = std::max(longest, plan.prompts[i].ids.size());
        if (i > first && static_cast<std::int64_t>(length * (i - first + 1)) > batch_tokens) {
            plan.batches.emplace_back(first, i);
            first = i;
            length = plan.prompts[i].ids.size();
        }
        longest = length;
    }
    plan.batches.emplace_back(first, plan.prompts.size());
}

Plan make_plan(Session& session, const CacheRequest& request) {
    if (request.prompts.empty()) throw Error("prompts", "at least one", "none");
    if (request.sites.empty()) throw Error("sites", "at least one hook name or pattern", "none");
    if (request.batch_tokens < 1) throw Error("batch-tokens", "a number ≥ 1", std::to_string(request.batch_tokens));
    Plan plan;
    const ModelConfig& config = session.impl().model.config;
    plan.refs = match_sites(config, request.sites);
    h5::Type type = store_type(request.store);
    for (SiteRef ref : plan.refs) plan.sites.push_back(store_site(ref, config, type));
    for (std::size_t i = 0; i < request.prompts.size(); ++i) {
        auto ids = resolve(session, request.prompts[i]);
        if (config.positions == Positions::learned && static_cast<int>(ids.size()) > config.n_ctx)
            throw Error("prompt " + std::to_string(i + 1), "at most " + std::to_string(config.n_ctx) + " tokens",
                        std::to_string(ids.size()));
        plan.prompts.push_back({request.prompts[i].text, {ids.begin(), ids.end()}});
        plan.sizes.add(plan.prompts.back());
    }
    plan_batches(plan, request.batch_tokens);
    plan.estimate = {plan.sizes.prompts, plan.sizes.tokens, plan.sites.size(), store_bytes(plan.sites, plan.sizes)};
    return plan;
}

// One prompt's rows, padding left out: (token, …), or (query, key, head) for pairs.
Tensor rows_of(const Tensor& x, SiteRef ref, std::int64_t row, std::int64_t length) {
    Tensor one = x.select(0, row);
    if (of_pairs(ref.site))
        one = one.permute({1, 2, 0}).narrow(0, 0, length).narrow(1, 0, length);
    else
        one = one.narrow(0, 0, length);
    return one.to(at::kCPU, x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat).contiguous();
}

// Causal attention never looks at the padding behind a prompt. At least two columns: a one-row product has other bits than a batched one.
Tensor padded_ids(const Plan& plan, std::size_t first, std::size_t last) {
    std::size_t longest = 2;
    for (std::size_t i = first; i < last; ++i) longest = std::max(longest, plan.prompts[i].ids.size());
    std::vector<std::vector<std::int64_t>> rows;
    for (std::size_t i = first; i < last; ++i) {
        rows.emplace_back(plan.prompts[i].ids.begin(), plan.prompts[i].ids.end());
        rows.back().resize(longest, 0);
    }
    return ids_tensor(rows);
}

void run_batch(const Session& session, const Plan& plan, std::size_t first, std::size_t last, StoreWriter& writer, Edits& edits) {
    const Transformer& model = session.impl().model;
    Recorder recorder(plan.refs);
    Chain chain({edits.empty() ? nullptr : &edits, &recorder});
    Tap tap(chain);
    Tensor residual = model.residual(padded_ids(plan, first, last), tap);
    bool unembeds = std::any_of(plan.refs.begin(), plan.refs.end(), [](SiteRef ref) { return ref.site >= Site::ln_final_scale; });
    if (unembeds) model.logits(residual, tap);
    writer.add_prompts(std::span(plan.prompts).subspan(first, last - first));
    for (std::size_t s = 0; s < plan.refs.size(); ++s)
        for (std::size_t i = first; i < last; ++i) {
            auto length = static_cast<std::int64_t>(plan.prompts[i].ids.size());
            Tensor rows = rows_of(recorder.at(plan.refs[s]), plan.refs[s], static_cast<std::int64_t>(i - first), length);
            auto count = static_cast<std::uint64_t>(of_pairs(plan.refs[s].site) ? length * length : length);
            if (rows.scalar_type() == at::kDouble)
                writer.append(s, rows.const_data_ptr<double>(), count);
            else
                writer.append(s, rows.const_data_ptr<float>(), count);
        }
    writer.batch_done();
}

}  // namespace

CacheEstimate estimate_cache(Session& session, const CacheRequest& request) {
    return make_plan(session, request).estimate;
}

CacheEstimate write_cache(Session& session, const CacheRequest& request, Progress& progress) {
    c10::AutoGradMode without_gradients(false);
    Plan plan = make_plan(session, request);
    const ModelFacts& f = session.facts();
    StoreIdentity identity{f.name, f.sha256, f.processing, f.dtype, session.impl().tokenizer_sha256};
    StoreWriter writer(request.out, identity, plan.sites, {request.resume, 0, plan.sizes});
    writer.check_prompts(plan.prompts);
    std::vector<PromptTokens> tokens;
    for (const StorePrompt& prompt : plan.prompts) tokens.push_back({{prompt.ids.begin(), prompt.ids.end()}, {}});
    Edits edits = edits_for(session, tokens);
    std::uint64_t done = writer.prompts_done();
    std::int64_t counted = 0;
    for (auto [first, last] : plan.batches) {
        for (std::size_t i = first; i < last; ++i) counted += static_cast<std::int64_t>(plan.prompts[i].ids.size());
        if (last <= done) continue;
        if (first < done)
            throw Error(request.out.string(), "a store that stops where a batch of this plan ends (the same --batch-tokens)",
                        std::to_string(done) + " prompts");
        if (progress.stopped()) {
            writer.flush_done();
            throw Cancelled();
        }
        run_batch(session, plan, first, last, writer, edits);
        progress.step(counted, static_cast<std::int64_t>(plan.sizes.tokens), "tokens");
    }
    writer.finish();
    return plan.estimate;
}

}  // namespace microtome
