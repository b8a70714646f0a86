#include "analyses/question.h"

#include "analyses/files/positions.h"

namespace microtome {

Question question_of(const Session& session, const Metric& metric, const PromptPair& pair, const ResolvedPair& resolved) {
    Question question{resolved.answers, resolved.foils, {}, {}, {}};
    for (const std::string& word : metric.expression.words()) question.words[word] = token_of(session, word, "metric_expr");
    auto roles = metric.expression.roles();
    if (roles.empty()) return question;
    auto texts = pieces(session, resolved.clean);
    for (const std::string& role : roles) {
        auto found = resolve_positions("role:" + role, texts, pair.spans, "metric_expr, " + pair_name(pair));
        question.roles[role].assign(found.begin(), found.end());
    }
    return question;
}

}  // namespace microtome
