// Interventions as data become edits of the loaded model.
#include <algorithm>
#include <charconv>
#include <map>

#include "analyses/files/positions.h"
#include "analyses/sources.h"
#include "core/base/error.h"
#include "core/base/near.h"
#include "core/worlds/rng.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

using Ids = std::vector<std::int64_t>;

const std::map<std::string, EditKind> kinds{{"zero", EditKind::zero},   {"scale", EditKind::scale},
                                            {"noise", EditKind::noise}, {"mean", EditKind::mean},
                                            {"patch", EditKind::put},   {"resample", EditKind::put},
                                            {"swap", EditKind::put},    {"freeze", EditKind::freeze},
                                            {"add", EditKind::add},     {"project_out", EditKind::project_out}};

// Sites, heads and units of a target: "L9.H6.z", "blocks.*.attn.hook_z", the neuron "L5.mlp.n1234".
struct Aim {
    std::vector<SiteRef> refs;
    Ids heads, units;
};

Aim aim_of(const Intervention& i, const ModelConfig& config, const std::string& subject) {
    Aim aim;
    if (std::size_t neuron = i.target.find(".mlp.n"); i.target.starts_with("L") && neuron != std::string::npos) {
        SiteRef ref{Site::mlp_post, -1};
        std::int64_t unit = -1;
        const char *text = i.target.data(), *end = text + i.target.size();
        std::from_chars(text + 1, text + neuron, ref.layer);
        std::from_chars(text + neuron + 6, end, unit);
        aim = {{ref}, {}, {unit}};
    } else if (i.target.find(".sae:") != std::string::npos) {
        throw Error(subject, "a site or a neuron", "the feature " + i.target);
    } else if (i.target.find('*') != std::string::npos) {
        aim.refs = match_sites(config, {i.target});
    } else {
        Target target = parse_target(i.target);
        aim.refs = {target.ref};
        if (target.head >= 0) aim.heads = {target.head};
    }
    if (!i.heads.empty()) aim.heads.assign(i.heads.begin(), i.heads.end());
    if (i.layers.empty()) return aim;
    std::vector<SiteRef> layers;
    for (int layer : i.layers) {
        bool many = aim.refs.size() > 1;
        for (SiteRef ref : aim.refs)
            if (!many || ref.layer == layer) layers.push_back({ref.site, layer});
    }
    aim.refs = layers;
    return aim;
}

class Maker {
  public:
    Maker(const Session& session, const std::vector<PromptTokens>& prompts) : session_(session), prompts_(prompts) {}

    std::vector<Edit> operator()(const Intervention& i) {
        std::string subject = "intervention " + i.id;
        auto kind = kinds.find(i.type);
        if (kind == kinds.end()) {
            std::vector<std::string> known;
            for (const auto& [name, ignored] : kinds) known.push_back(name);
            throw Error(subject, "a type that runs here: " + joined(known), "\"" + i.type + "\"");
        }
        Aim aim = aim_of(i, session_.impl().model.config, subject);
        Edit frame;
        frame.name = subject;
        frame.kind = kind->second;
        frame.heads = aim.heads;
        frame.units = aim.units;
        frame.strength = i.strength;
        frame.seed = i.seed;
        frame.positions = positions(i, subject);
        if (i.type == "patch") patch(i, frame, subject);
        if (i.type == "resample") resample(i, frame, subject);
        if (i.type == "swap") swap_runs(i, frame, subject);
        std::vector<Edit> edits;
        for (SiteRef ref : aim.refs) {
            edits.push_back(frame);
            edits.back().ref = ref;
            fill(i, edits.back(), subject);
        }
        return edits;
    }

  private:
    const Sources& sources() {
        if (!sources_) sources_ = std::make_unique<Sources>(session_);
        return *sources_;
    }

    Ids resolved(const Intervention& i, const PromptTokens& prompt, const std::string& subject) const {
        auto found = resolve_positions(i.positions, pieces(session_, prompt.ids), prompt.spans, subject);
        return {found.begin(), found.end()};
    }

    // Of each prompt, or one list where they agree.
    std::vector<Ids> positions(const Intervention& i, const std::string& subject) const {
        std::vector<Ids> out;
        if (i.positions == "all") return out;
        for (const PromptTokens& prompt : prompts_) out.push_back(resolved(i, prompt, subject));
        if (std::all_of(out.begin(), out.end(), [&](const Ids& one) { return one == out[0]; }))
            out.resize(std::min<std::size_t>(1, out.size()));
        return out;
    }

    // Positions go to positions: the same ones, or what the same words ("role:S2") stand for in the source.
    EditSource source(const Intervention& i, const PromptTokens& into, const PromptTokens& from, const std::string& subject) const {
        if (i.positions == "all") {
            if (into.ids.size() != from.ids.size())
                throw Error(subject + ", source", "a prompt of as many tokens (" + std::to_string(into.ids.size()) + ")",
                            std::to_string(from.ids.size()));
            return {from.ids, {}};
        }
        Ids here = resolved(i, into, subject), there = resolved(i, from, subject + ", source");
        if (here.size() != there.size())
            throw Error(subject + ", source", "as many positions as in the prompt (" + std::to_string(here.size()) + ")",
                        std::to_string(there.size()));
        return {from.ids, there};
    }

    // "" or "corrupt", "clean": of the prompt's own pair; else a prompt by id.
    void patch(const Intervention& i, Edit& edit, const std::string& subject) {
        bool corrupt = i.source.empty() || i.source == "corrupt";
        for (const PromptTokens& prompt : prompts_) {
            if (i.source == "clean") {
                edit.sources.push_back(source(i, prompt, prompt, subject));
            } else if (corrupt) {
                auto own = std::find_if(sources().prompts().begin(), sources().prompts().end(),
                                        [&](const NamedPrompt& named) { return named.clean == prompt.ids && !named.corrupt.empty(); });
                if (own == sources().prompts().end())
                    throw Error(subject + ", source", "a prompt with a corrupted one, or a prompt's id", "none");
                edit.sources.push_back(source(i, prompt, {own->corrupt, own->spans}, subject));
            } else {
                auto terms = parse_list(i.source, sources().ids(), subject);
                if (terms.size() != 1) throw Error(subject + ", source", "one prompt", "\"" + i.source + "\"");
                edit.sources.push_back(source(i, prompt, sources().tokens(terms[0], subject), subject));
            }
        }
    }

    // Another prompt, drawn for each one by its own seed: what else runs does not matter.
    void resample(const Intervention& i, Edit& edit, const std::string& subject) {
        auto from = sources().list(i.source, subject);
        for (std::size_t k = 0; k < prompts_.size(); ++k) {
            std::vector<EditSource> fitting;
            for (const PromptTokens& candidate : from) {
                if (candidate.ids == prompts_[k].ids) continue;
                try {
                    fitting.push_back(source(i, prompts_[k], candidate, subject));
                } catch (const Error&) {  // another length, or without that role
                }
            }
            if (fitting.empty())
                throw Error(subject + ", source",
                            "another prompt of as many tokens (or positions by role) for prompt " + std::to_string(k + 1), "none");
            Rng rng(mix64(static_cast<std::uint64_t>(i.seed) + 1) + k);
            edit.sources.push_back(fitting[rng.below(fitting.size())]);
        }
    }

    // "p1|p2": each one's run gets the other's values, the clean run the clean one's. Words in quotation marks are directions: `fill`.
    void swap_runs(const Intervention& i, Edit& edit, const std::string& subject) {
        auto terms = parse_terms(i.source, '|', sources().ids(), subject);
        if (terms.size() != 2 || terms[0].word != terms[1].word)
            throw Error(subject + ", source", "two prompts or two tokens, p1|p2", "\"" + i.source + "\"");
        if (terms[0].word) {
            edit.kind = EditKind::exchange;
            return;
        }
        for (bool corrupt : {false, true}) {
            PromptTokens both[2];
            bool there = true;
            for (int k = 0; k < 2; ++k) {
                const auto& all = sources().prompts();
                auto named = std::find_if(all.begin(), all.end(),
                                          [&](const NamedPrompt& p) { return p.id == terms[static_cast<std::size_t>(k)].name; });
                both[k] = {corrupt ? named->corrupt : named->clean, named->spans};
                there = there && !both[k].ids.empty();
            }
            if (!there) continue;
            edit.by_ids[both[0].ids] = source(i, both[0], both[1], subject);
            edit.by_ids[both[1].ids] = source(i, both[1], both[0], subject);
        }
    }

    void fill(const Intervention& i, Edit& edit, const std::string& subject) {
        if (edit.kind == EditKind::mean) {
            edit.by_position = i.source.starts_with("position:");
            edit.value =
                sources().mean(sources().list(edit.by_position ? i.source.substr(9) : i.source, subject), edit.ref, edit.by_position);
        } else if (edit.kind == EditKind::add || edit.kind == EditKind::project_out) {
            edit.value = sources().direction(i.source, edit.ref, subject);
        } else if (edit.kind == EditKind::exchange) {
            auto terms = parse_terms(i.source, '|', sources().ids(), subject);
            edit.value = sources().direction(terms[0], edit.ref, subject);
            edit.other = sources().direction(terms[1], edit.ref, subject);
        }
    }

    const Session& session_;
    const std::vector<PromptTokens>& prompts_;
    std::unique_ptr<Sources> sources_;
};

}  // namespace

Edits edits_for(const Session& session, const std::vector<PromptTokens>& prompts) {
    std::vector<Edit> edits;
    Maker make(session, prompts);
    for (const Intervention& i : session.impl().interventions) {
        if (!i.enabled) continue;
        auto made = make(i);
        edits.insert(edits.end(), made.begin(), made.end());
    }
    return {std::move(edits), session.impl().model};
}

}  // namespace microtome
