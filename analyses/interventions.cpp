// Interventions as data become edits of the loaded model.
#include <map>

#include "analyses/files/positions.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"

namespace microtome {
namespace {

EditKind kind_of(const Intervention& i) {
    static const std::map<std::string, EditKind> known{{"zero", EditKind::zero}, {"scale", EditKind::scale}, {"noise", EditKind::noise}};
    auto it = known.find(i.type);
    if (it == known.end()) throw Error("intervention " + i.id, "a type that runs here: zero, scale or noise", "\"" + i.type + "\"");
    return it->second;
}

// Positions that hold in every prompt of the run: one tensor is edited for all of them.
std::vector<std::int64_t> places_of(const Session& session, const Intervention& i, const std::vector<PromptTokens>& prompts) {
    if (i.positions == "all") return {};
    if (i.positions == "last") return {-1};
    std::vector<std::int64_t> places;
    for (const PromptTokens& prompt : prompts) {
        auto found = resolve_positions(i.positions, pieces(session, prompt.ids), prompt.spans, "intervention " + i.id);
        std::vector<std::int64_t> here(found.begin(), found.end());
        if (!places.empty() && places != here)
            throw Error("intervention " + i.id, "positions that are the same tokens in every prompt of the run",
                        i.positions + " differs between prompts");
        places = here;
    }
    return places;
}

}  // namespace

Edits edits_for(const Session& session, const std::vector<PromptTokens>& prompts) {
    std::vector<Edit> edits;
    for (const Intervention& i : session.impl().interventions) {
        if (!i.enabled) continue;
        Target target = parse_target(i.target);
        Edit edit;
        edit.name = "intervention " + i.id;
        edit.kind = kind_of(i);
        edit.ref = target.ref;
        if (target.head >= 0) edit.heads = {target.head};
        if (!i.heads.empty()) edit.heads.assign(i.heads.begin(), i.heads.end());
        edit.positions = places_of(session, i, prompts);
        edit.strength = i.strength;
        edit.seed = i.seed;
        for (int layer : i.layers.empty() ? std::vector<int>{target.ref.layer} : i.layers) {
            edit.ref.layer = layer;
            edits.push_back(edit);
        }
    }
    return Edits(std::move(edits), session.impl().model.config);
}

}  // namespace microtome
