#include "hooks/recorder.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/base/error.h"

namespace microtome {

Recorder::Recorder(std::vector<SiteRef> sites, bool gradients) : sites_(std::move(sites)), gradients_(gradients) {}

bool Recorder::wants(SiteRef ref) const {
    return std::find(sites_.begin(), sites_.end(), ref) != sites_.end();
}

Tensor Recorder::see(SiteRef ref, Tensor x) {
    if (gradients_) {
        // The first kept site starts the graph: weights need no gradient. A fresh handle says "changed", so that costly copies are really
        // read.
        x = x.requires_grad() ? x.view_as(x) : x.detach().set_requires_grad(true);
        x.retain_grad();
    }
    seen_.emplace_back(ref, x);
    return x;
}

const Tensor& Recorder::at(SiteRef ref) const {
    for (auto it = seen_.rbegin(); it != seen_.rend(); ++it)
        if (it->first == ref) return it->second;
    throw Error(hook_name(ref), "a site that the model reaches", "none in this run");
}

Tensor Recorder::gradient(SiteRef ref) const {
    const Tensor& x = at(ref);
    return x.grad().defined() ? x.grad() : at::zeros_like(x);
}

Chain::Chain(std::vector<SiteHandler*> handlers) : handlers_(std::move(handlers)) {
    std::erase(handlers_, nullptr);
}

bool Chain::wants(SiteRef ref) const {
    return std::any_of(handlers_.begin(), handlers_.end(), [&](const SiteHandler* h) { return h->wants(ref); });
}

Tensor Chain::see(SiteRef ref, Tensor x) {
    for (SiteHandler* h : handlers_)
        if (h->wants(ref)) x = h->see(ref, std::move(x));
    return x;
}

std::vector<SiteRef> match_sites(const ModelConfig& config, const std::vector<std::string>& patterns) {
    std::vector<bool> used(patterns.size(), false);
    std::vector<SiteRef> found;
    for (SiteRef ref : all_sites(config)) {
        bool wanted = false;
        for (std::size_t i = 0; i < patterns.size(); ++i) {
            if (!glob_match(patterns[i], hook_name(ref)) && !glob_match(patterns[i], info(ref.site).name)) continue;
            wanted = used[i] = true;
        }
        if (wanted) found.push_back(ref);
    }
    for (std::size_t i = 0; i < patterns.size(); ++i)
        if (!used[i]) throw Error("sites " + patterns[i], "a hook name or pattern that this model has (microtome list sites)", "no match");
    return found;
}

}  // namespace microtome
