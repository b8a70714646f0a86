#include "analyses/cache_plan.h"

#include <algorithm>

#include "analyses/files/positions.h"
#include "core/base/error.h"
#include "hooks/edit_axes.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

struct Axis {
    char letter;
    const char* symbol;
    int ModelConfig::*size;
};
constexpr Axis axes[] = {{'h', "n_heads", &ModelConfig::n_heads}, {'k', "n_kv_heads", &ModelConfig::n_kv_heads},
                         {'e', "d_head", &ModelConfig::d_head},   {'m', "d_model", &ModelConfig::d_model},
                         {'f', "d_mlp", &ModelConfig::d_mlp},     {'v', "d_vocab", &ModelConfig::d_vocab}};

// Batches are a function of the prompts and batch_tokens alone: a resumed run makes the same ones.
void plan_batches(CachePlan& plan, std::int64_t batch_tokens) {
    std::size_t first = 0, longest = 0;
    for (std::size_t i = 0; i < plan.ids.size(); ++i) {
        std::size_t length = std::max(longest, plan.ids[i].size());
        if (i > first && static_cast<std::int64_t>(length * (i - first + 1)) > batch_tokens) {
            plan.batches.emplace_back(first, i);
            first = i;
            length = plan.ids[i].size();
        }
        longest = length;
    }
    plan.batches.emplace_back(first, plan.ids.size());
}

StorePrompt store_prompt(const Session& session, const Prompt& prompt, const std::vector<std::int64_t>& ids, const CacheRequest& request,
                         const std::string& subject) {
    StorePrompt out{prompt.text, {ids.begin(), ids.end()}, {}, prompt.label, prompt.group};
    if (request.positions == "all") return out;
    const std::vector<int> kept = resolve_positions(request.positions, pieces(session, ids), prompt.spans, subject + ", --positions");
    out.ids.clear();
    for (int position : kept) {
        out.ids.push_back(static_cast<std::int32_t>(ids[static_cast<std::size_t>(position)]));
        out.positions.push_back(position);
    }
    return out;
}

void plan_prompts(CachePlan& plan, Session& session, const CacheRequest& request) {
    const ModelConfig& config = session.impl().model.config;
    for (std::size_t i = 0; i < request.prompts.size(); ++i) {
        const std::string subject = "prompt " + std::to_string(i + 1);
        std::vector<std::int64_t> ids;
        try {
            ids = resolve(session, request.prompts[i]);
        } catch (const Error& error) {
            throw Error(subject, error.expected(), error.got());
        }
        if (config.positions == Positions::learned && static_cast<int>(ids.size()) > config.n_ctx)
            throw Error(subject, "at most " + std::to_string(config.n_ctx) + " tokens", std::to_string(ids.size()));
        plan.prompts.push_back(store_prompt(session, request.prompts[i], ids, request, subject));
        plan.sizes.add(plan.prompts.back());
        if (!session.impl().interventions.empty()) plan.tokens.push_back({ids, request.prompts[i].spans});
        plan.estimate.tokens += ids.size();
        plan.ids.push_back(std::move(ids));
    }
}

void estimate(CachePlan& plan) {
    plan.estimate.prompts = plan.sizes.prompts;
    plan.estimate.kept = plan.sizes.tokens;
    plan.estimate.sites = plan.sites.size();
    plan.estimate.bytes = store_bytes(plan.sites, plan.sizes);
    for (const StoreSite& site : plan.sites) {
        std::string shape = "(";
        shape += std::to_string(site.pairs ? plan.sizes.pairs : plan.sizes.tokens);
        for (std::uint64_t n : site.shape) shape += ", " + std::to_string(n);
        plan.estimate.by_site.push_back({site.name, shape + ")", site_bytes(site, plan.sizes)});
    }
}

}  // namespace

StoreSite store_site(SiteRef ref, const ModelConfig& config, h5::Type type) {
    StoreSite site;
    site.name = hook_name(ref);
    site.pairs = pairs_positions(ref.site);
    site.type = type;
    for (char letter : std::string_view(info(ref.site).axes)) {
        if (letter == 'p' || letter == 's') continue;
        const Axis* axis = std::find_if(std::begin(axes), std::end(axes), [&](const Axis& a) { return a.letter == letter; });
        const bool one = axis == std::end(axes);
        site.symbols.emplace_back(one ? "1" : axis->symbol);
        site.shape.push_back(one ? 1 : static_cast<std::uint64_t>(config.*(axis->size)));
    }
    return site;
}

CachePlan plan_cache(Session& session, const CacheRequest& request) {
    if (request.prompts.empty()) throw Error("prompts", "at least one", "none");
    if (request.sites.empty()) throw Error("sites", "at least one hook name or pattern", "none");
    if (request.batch_tokens < 1) throw Error("batch-tokens", "a number ≥ 1", std::to_string(request.batch_tokens));
    if (request.compress < 0 || request.compress > 9) throw Error("--compress", "0 (off) to 9", std::to_string(request.compress));
    check_positions(request.positions, "--positions");
    CachePlan plan;
    const ModelConfig& config = session.impl().model.config;
    plan.refs = match_sites(config, request.sites);
    const h5::Type type = store_type(request.store);
    for (SiteRef ref : plan.refs) plan.sites.push_back(store_site(ref, config, type));
    plan_prompts(plan, session, request);
    plan_batches(plan, request.batch_tokens);
    estimate(plan);
    return plan;
}

}  // namespace microtome
