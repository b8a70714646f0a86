#include "analyses/sources.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "analyses/files/positions.h"
#include "core/base/error.h"
#include "hooks/edit_axes.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

Prompt prompt_of(const PromptPair& pair, bool corrupt) {
    Prompt prompt;
    prompt.text = corrupt ? pair.corrupt : pair.clean;
    prompt.ids = corrupt ? pair.corrupt_ids : pair.clean_ids;
    prompt.prepend_bos = pair.prepend_bos;
    return prompt;
}

std::vector<PromptTokens> read_tokens(const Session& session, const std::string& file) {
    std::vector<PromptTokens> out;
    try {
        for (const Prompt& prompt : read_prompts(file)) out.push_back({resolve(session, prompt), prompt.spans});
    } catch (const Error&) {
        if (!out.empty()) throw;
        for (const PromptPair& pair : read_pairs(file)) out.push_back({resolve(session, prompt_of(pair, false)), pair.spans});
    }
    return out;
}

}  // namespace

Sources::Sources(const Session& session) : session_(session) {
    for (const PromptPair& pair : session.impl().named) {
        NamedPrompt named{
            pair.id.empty() ? std::to_string(prompts_.size() + 1) : pair.id, resolve(session, prompt_of(pair, false)), {}, pair.spans};
        if (!pair.corrupt.empty() || !pair.corrupt_ids.empty()) named.corrupt = resolve(session, prompt_of(pair, true));
        prompts_.push_back(std::move(named));
    }
}

std::vector<std::string> Sources::ids() const {
    std::vector<std::string> out;
    for (const NamedPrompt& prompt : prompts_) out.push_back(prompt.id);
    return out;
}

PromptTokens Sources::tokens(const SourceTerm& term, const std::string& subject) const {
    for (const NamedPrompt& prompt : prompts_) {
        if (prompt.id != term.name) continue;
        if (term.corrupt && prompt.corrupt.empty()) throw Error(subject + ", source", "a prompt with a corrupted one", prompt.id);
        return {term.corrupt ? prompt.corrupt : prompt.clean, prompt.spans};
    }
    throw Error(subject + ", source", "the id of a prompt", "\"" + term.name + "\"");
}

std::vector<PromptTokens> Sources::list(const std::string& source, const std::string& subject) const {
    std::vector<PromptTokens> out;
    if (names_a_file(source)) return read_tokens(session_, source);
    if (source.empty())
        for (const NamedPrompt& prompt : prompts_) out.push_back({prompt.clean, prompt.spans});
    else
        for (const SourceTerm& term : parse_list(source, ids(), subject)) out.push_back(tokens(term, subject));
    if (out.empty()) throw Error(subject + ", source", "prompts to take values from", "none");
    return out;
}

Tensor Sources::activation(const std::vector<std::int64_t>& ids, SiteRef ref) const {
    c10::AutoGradMode without_gradients(false);
    const Transformer& model = session_.impl().model;
    Recorder recorder({ref});
    Tap tap(recorder);
    Tensor residual = model.residual(ids_tensor({ids, ids}), tap);
    if (ref.site >= Site::ln_final_scale) model.logits(residual, tap);
    return recorder.at(ref).select(0, 0);
}

Tensor Sources::direction(const SourceTerm& term, SiteRef ref, const std::string& subject) const {
    if (term.word) {
        const Transformer& model = session_.impl().model;
        if (std::string_view(info(ref.site).axes) != "pm")
            throw Error(subject + ", source", "a site of the residual stream's size for a token's direction", hook_name(ref));
        return model.unembed.weight.select(1, token_of(session_, term.name, subject + ", source"));
    }
    PromptTokens prompt = tokens(term, subject);
    auto places = resolve_positions(term.position, pieces(session_, prompt.ids), prompt.spans, subject + ", source");
    Tensor x = activation(prompt.ids, ref);
    return x.index_select(0, at::tensor(std::vector<std::int64_t>(places.begin(), places.end()), at::kLong).to(x.device())).mean(0);
}

Tensor Sources::direction(const std::string& source, SiteRef ref, const std::string& subject) const {
    if (pairs_positions(ref.site)) throw Error(subject, "a site with a vector at each position", hook_name(ref));
    if (!names_a_file(source)) {
        auto terms = parse_terms(source, '-', ids(), subject);
        Tensor v = direction(terms[0], ref, subject);
        return terms.size() == 1 ? v : v - direction(terms[1], ref, subject);
    }
    Tensor v = read_vector(source, subject);
    auto shape = vector_shape(ref.site, session_.impl().model.config);
    std::int64_t whole = 1;
    for (std::int64_t n : shape) whole *= n;
    if (v.numel() != whole && v.numel() != shape.back())
        throw Error(
            source,
            std::to_string(whole) + (shape.size() > 1 ? " numbers, or " + std::to_string(shape.back()) + " for each head" : " numbers"),
            std::to_string(v.numel()));
    return v.numel() == whole ? v.reshape(shape) : v.reshape({-1});
}

Tensor Sources::mean(const std::vector<PromptTokens>& prompts, SiteRef ref, bool by_position) const {
    if (pairs_positions(ref.site)) throw Error("mean of " + hook_name(ref), "a site with a vector at each position", "attention");
    Tensor sum, count;
    for (const PromptTokens& prompt : prompts) {
        Tensor x = activation(prompt.ids, ref).to(at::kCPU, at::kDouble);
        if (!by_position) x = x.sum(0, true);
        std::int64_t n = by_position ? x.size(0) : 1, more = sum.defined() ? n - sum.size(0) : n;
        auto shape = x.sizes().vec();
        shape[0] = more;
        if (!sum.defined())
            sum = at::zeros(shape, x.options()), count = at::zeros({n}, x.options());
        else if (more > 0)
            sum = at::cat({sum, at::zeros(shape, x.options())}), count = at::cat({count, at::zeros({more}, x.options())});
        sum.narrow(0, 0, n).add_(x);
        count.narrow(0, 0, n).add_(by_position ? 1.0 : static_cast<double>(prompt.ids.size()));
    }
    std::vector<std::int64_t> shape(static_cast<std::size_t>(sum.dim()), 1);
    shape[0] = sum.size(0);
    Tensor mean = sum / count.view(shape);
    return by_position ? mean : mean[0];
}

}  // namespace microtome
