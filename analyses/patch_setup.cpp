#include "analyses/patch_setup.h"

#include "analyses/question.h"
#include "core/base/error.h"

namespace microtome {

PatchSetup set_up_patching(const Session& session, const std::vector<PromptPair>& pairs, const Metric& metric, bool denoise,
                           const PatchTarget& target) {
    if (pairs.empty()) throw Error("prompts", "at least one pair (--pairs FILE, or --clean, --corrupt, --answer, --foil)", "none");
    PatchSetup setup;
    std::vector<PairTokens> tokens;
    for (const PromptPair& given : pairs) {
        const ResolvedPair pair = resolve(session, given, metric.needs_answer(), metric.needs_foil());
        tokens.push_back({pair.clean, pieces(session, pair.clean), given.spans, pair_name(given)});
        setup.prompts.push_back({pair.clean, given.spans});
        setup.sweep.pairs.push_back(
            {denoise ? pair.corrupt : pair.clean, denoise ? pair.clean : pair.corrupt, question_of(session, metric, given, pair)});
    }
    setup.map = patch_map(target.preset, target.site, target.axes, target.layer_window, target.position_window, session.impl().model.config,
                          tokens, target.positions);
    setup.sweep.cells = setup.map.cells;
    setup.sweep.places = setup.map.layout.places;
    setup.sweep.metric = metric;
    setup.sweep.ranks = session.impl().ranks;
    setup.sweep.source_is_clean = denoise;
    return setup;
}

}  // namespace microtome
