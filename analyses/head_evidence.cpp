#include "analyses/head_evidence.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include "analyses/files/positions.h"
#include "core/base/error.h"
#include "hooks/patching.h"
#include "hooks/recorder.h"

namespace microtome {

const char* const look_names[n_looks] = {"END to IO", "END to S1",      "END to S2",     "END to after S2",
                                         "S2 to S1",  "S2 to after S1", "after S1 to S1"};

namespace {

constexpr std::int64_t top = 5;  // Wang et al. 2022, section 3.1

Tensor wide(const Tensor& x) {
    return x.to(at::kCPU, at::kDouble);
}

struct Gaze {
    std::int64_t from, to;
};

Gaze places(const RolePrompt& p, int look) {
    switch (static_cast<Look>(look)) {
        case Look::end_io:
            return {p.end, p.io};
        case Look::end_s1:
            return {p.end, p.s1};
        case Look::end_s2:
            return {p.end, p.s2};
        case Look::end_after_s2:
            return {p.end, p.s2 + 1};
        case Look::s2_s1:
            return {p.s2, p.s1};
        case Look::s2_after_s1:
            return {p.s2, p.s1 + 1};
        case Look::after_s1_s1:
            return {p.s1 + 1, p.s1};
    }
    return {p.end, p.io};
}

// One prompt's run: patterns (layer, head, destination, source), z at END, the final scale, the stream after the first layer.
struct Seen {
    Tensor pattern, z, scale, early;
    double logit_diff = 0;
};

Seen run_one(const Transformer& model, const RolePrompt& p, Edits* edits, std::size_t index) {
    std::vector<SiteRef> sites{{Site::ln_final_scale, -1}, {Site::resid_post, 0}};
    if (model.config.norm == Norm::none || !model.config.final_norm) sites.erase(sites.begin());
    for (int l = 0; l < model.config.n_layers; ++l) {
        sites.push_back({Site::pattern, l});
        sites.push_back({Site::z, l});
    }
    Recorder recorder(sites);
    Chain chain({edits, &recorder});
    Tensor ids = ids_tensor({p.ids});
    if (edits) edits->enter({ids, {index}});
    Tensor logits = wide(last_logits(model, ids, &chain)[0]);
    Seen seen;
    seen.logit_diff = logits[p.name].item<double>() - logits[p.other].item<double>();
    std::vector<Tensor> patterns, zs;
    for (int l = 0; l < model.config.n_layers; ++l) {
        patterns.push_back(wide(recorder.at({Site::pattern, l})[0]));
        zs.push_back(wide(recorder.at({Site::z, l})[0][p.end]));
    }
    seen.pattern = at::stack(patterns);
    seen.z = at::stack(zs);
    seen.scale = sites[0].site == Site::ln_final_scale ? wide(recorder.at(sites[0])[0][p.end]) : at::ones({1}, at::kDouble);
    seen.early = wide(recorder.at({Site::resid_post, 0})[0]);
    return seen;
}

// W_O per head (layer, head, d_head, d_model), as the final norm reads what it writes: centred for LayerNorm, times the norm's weight.
Tensor read_out(const Transformer& model) {
    std::vector<Tensor> layers;
    const ModelConfig& c = model.config;
    for (const Block& block : model.blocks) layers.push_back(wide(block.attn.o.weight).view({c.n_heads, c.d_head, c.d_model}));
    Tensor W = at::stack(layers);
    if (model.ln_final.kind == Norm::layer) W = W - W.mean(-1, true);
    if (model.ln_final.weight.defined()) W = W * (wide(model.ln_final.weight) + model.ln_final.offset);
    return W;
}

NormLayer wide(NormLayer norm) {
    for (Tensor* part : {&norm.weight, &norm.bias})
        if (part->defined()) *part = wide(*part);
    return norm;
}

// Which rows of `written` (n, d_model) hold their own name among the top five of the vocabulary; equals count as above it.
double top_share(const NormLayer& norm, const Tensor& W_U, const Tensor& written, const Tensor& names) {
    Tensor logits = at::matmul(norm(written), W_U);
    return ((logits >= logits.gather(1, names.unsqueeze(1))).sum(1) <= top).to(at::kDouble).mean().item<double>();
}

// Copy rates of every head on streams (n, d_model) that stand on the names (n), and those of random heads.
void copying(const Transformer& model, const Tensor& streams, const Tensor& names, int n_random, Rng& rng, HeadEvidence& out) {
    const ModelConfig& c = model.config;
    NormLayer last = wide(model.ln_final);
    Tensor W_U = wide(model.unembed.weight);
    out.copy_rate = at::zeros({c.n_layers, c.n_heads}, at::kDouble);
    out.negative_copy_rate = at::zeros_like(out.copy_rate);
    for (int l = 0; l < c.n_layers; ++l) {
        const Block& block = model.blocks[static_cast<std::size_t>(l)];
        Tensor normed = wide(block.ln1)(streams), v = at::matmul(normed, wide(block.attn.v.weight));
        if (block.attn.v.bias.defined()) v = v + wide(block.attn.v.bias);
        for (int h = 0; h < c.n_heads; ++h) {
            Tensor own = v.narrow(1, std::int64_t{h / (c.n_heads / c.n_kv_heads)} * c.d_head, c.d_head);
            Tensor written = at::matmul(own, wide(block.attn.o.weight.narrow(0, std::int64_t{h} * c.d_head, c.d_head)));
            out.copy_rate[l][h] = top_share(last, W_U, written, names);
            out.negative_copy_rate[l][h] = top_share(last, W_U, -written, names);
        }
    }
    at::Generator generator = at::detail::createCPUGenerator(rng.next());
    auto draw = [&](std::int64_t rows, std::int64_t columns) {
        return at::randn({rows, columns}, generator, at::TensorOptions().dtype(at::kDouble));
    };
    std::vector<double> rates;
    Tensor normed = wide(model.blocks[0].ln1)(streams);
    for (int i = 0; i < n_random; ++i)
        rates.push_back(top_share(last, W_U, at::matmul(at::matmul(normed, draw(c.d_model, c.d_head)), draw(c.d_head, c.d_model)), names));
    Tensor all = at::tensor(rates, at::kDouble);
    out.copy_null = all.mean().item<double>();
    out.copy_null_sd = all.std().item<double>();
}

// The queries' attention to sources drawn at random: neither the first token nor the one that is looked at.
Tensor random_attention(const Tensor& pattern, Gaze at, Rng& rng) {
    std::vector<std::int64_t> sources;
    for (std::int64_t s = 1; s <= at.from; ++s)
        if (s != at.to) sources.push_back(s);
    return sources.empty() ? at::zeros_like(pattern.select(-1, 0).select(-1, 0)) : pattern.select(2, at.from).select(2, rng.pick(sources));
}

// Names of another prompt, none of them in this one; random tokens where there is no such prompt.
std::pair<std::int64_t, std::int64_t> other_names(const std::vector<RolePrompt>& prompts, const RolePrompt& p, std::int64_t vocabulary,
                                                  Rng& rng) {
    for (int tries = 0; tries < 50; ++tries) {
        const RolePrompt& q = rng.pick(prompts);
        if (q.name != p.name && q.name != p.other && q.other != p.name && q.other != p.other) return {q.name, q.other};
    }
    auto token = [&] { return static_cast<std::int64_t>(rng.below(static_cast<std::size_t>(vocabulary))); };
    return {token(), token()};
}

}  // namespace

RolePrompt role_prompt(const Session& session, const PromptPair& pair, const ResolvedPair& resolved) {
    RolePrompt out;
    out.ids = resolved.clean;
    auto texts = pieces(session, out.ids);
    auto place = [&](const char* role, bool needed) {
        auto span = pair.spans.find(role);
        std::string subject = pair_name(pair) + ", spans";
        if (span == pair.spans.end()) {
            if (needed) throw Error(subject, "the roles IO, S1 and S2 (and END, if it is not the last token)", std::string("no ") + role);
            return static_cast<std::int64_t>(out.ids.size()) - 1;
        }
        auto found = resolve_span(span->second, texts, subject + " " + role);
        if (found.size() != 1) throw Error(subject + " " + role, "one token", std::to_string(found.size()));
        return static_cast<std::int64_t>(found[0]);
    };
    out.io = place("IO", true);
    out.s1 = place("S1", true);
    out.s2 = place("S2", true);
    out.end = place("END", false);
    out.name = resolved.answers[0];
    out.other = resolved.foils[0];
    if (!(out.s1 < out.s2 && out.io < out.end && out.s2 < out.end && out.end == static_cast<std::int64_t>(out.ids.size()) - 1))
        throw Error(pair_name(pair) + ", spans", "S1 before S2, IO and S2 before END, END the last token",
                    "IO " + std::to_string(out.io) + ", S1 " + std::to_string(out.s1) + ", S2 " + std::to_string(out.s2) + ", END " +
                        std::to_string(out.end));
    return out;
}

HeadEvidence head_evidence(const Transformer& model, const std::vector<RolePrompt>& prompts, Edits* edits, int n_null, Rng& rng,
                           const Progress& progress) {
    c10::AutoGradMode without_gradients(false);
    const auto n = static_cast<std::int64_t>(prompts.size());
    const ModelConfig& c = model.config;
    Tensor W = read_out(model), W_U = wide(model.unembed.weight);
    HeadEvidence out;
    out.attention = at::zeros({n_looks, c.n_layers, c.n_heads}, at::kDouble);
    Tensor null = at::zeros({n_null, n_looks, c.n_layers, c.n_heads}, at::kDouble),
           direct_null = at::zeros({n_null, c.n_layers, c.n_heads}, at::kDouble);
    std::vector<Tensor> direct, streams;
    std::vector<std::int64_t> names;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        progress.check();
        const RolePrompt& p = prompts[i];
        Seen seen = run_one(model, p, edits, i);
        out.logit_diff += seen.logit_diff / static_cast<double>(n);
        for (int look = 0; look < n_looks; ++look) {
            Gaze at = places(p, look);
            out.attention[look] += seen.pattern.select(2, at.from).select(2, at.to) / n;
            for (int draw = 0; draw < n_null; ++draw) null[draw][look] += random_attention(seen.pattern, at, rng) / n;
        }
        Tensor written = at::einsum("lhe,lhem->lhm", {seen.z, W}) / seen.scale;  // as the unembedding reads it
        auto effect = [&](std::int64_t name, std::int64_t other) {
            return at::matmul(written, W_U.select(1, name) - W_U.select(1, other));
        };
        direct.push_back(effect(p.name, p.other));
        for (int draw = 0; draw < n_null; ++draw) {
            auto [name, other] = other_names(prompts, p, c.d_vocab, rng);
            direct_null[draw] += effect(name, other) / n;
        }
        for (std::int64_t at : {p.io, p.s1}) {
            streams.push_back(seen.early[at]);
            names.push_back(p.ids[static_cast<std::size_t>(at)]);
        }
    }
    out.attention_null = null.mean(0);
    out.attention_null_sd = null.std(0);
    Tensor each = at::stack(direct);
    out.direct = each.mean(0);
    out.direct_sem = n > 1 ? each.std(0) / std::sqrt(static_cast<double>(n)) : at::full_like(out.direct, NAN);
    out.direct_null = direct_null.mean(0);
    out.direct_null_sd = direct_null.std(0);
    copying(model, at::stack(streams), at::tensor(names, at::kLong), n_null, rng, out);
    return out;
}

}  // namespace microtome
