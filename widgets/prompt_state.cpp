#include "widgets/prompt_state.h"

#include <algorithm>

#include "widgets/figures/text.h"
#include "widgets/token_text.h"

namespace microtome {
namespace {

/// Collects tokens and problems of one pair.
class Reader {
  public:
    Reader(const OpenModel& model, const PromptPair& pair) : model_(model), pair_(pair) {}

    PromptState read() {
        state_.clean = prompt(PromptField::clean, pair_.clean, pair_.clean_ids);
        state_.corrupt = prompt(PromptField::corrupt, pair_.corrupt, pair_.corrupt_ids);
        state_.bos_added = pair_.prepend_bos.value_or(model_.facts().prepends_bos);
        const auto answers = tokens_of(PromptField::answer, pair_.answer, pair_.answer_id);
        const auto foils = tokens_of(PromptField::foil, pair_.foil, pair_.foil_id);
        for (const std::int64_t id : foils)
            if (std::find(answers.begin(), answers.end(), id) != answers.end())
                add(PromptField::foil, true, QStringLiteral("Answer equals foil."));
        if (!state_.clean.empty() && !state_.corrupt.empty()) compare();
        return std::move(state_);
    }

  private:
    void add(PromptField field, bool blocks, const QString& text) { state_.problems.push_back({field, blocks, text}); }

    std::vector<Token> prompt(PromptField field, const std::string& text, const std::vector<std::int64_t>& ids) {
        std::vector<Token> tokens;
        const QString name = field == PromptField::clean ? QStringLiteral("Clean") : QStringLiteral("Corrupted");
        try {
            if (ids.empty() && !text.empty()) tokens = model_.tokens(text, pair_.prepend_bos);
            for (const std::int64_t id : ids) tokens.push_back(model_.token(id));
        } catch (const Error& error) {
            add(field, true, QString::fromUtf8(error.what()));
            return tokens;
        }
        if (tokens.empty()) add(field, true, name + QStringLiteral(" prompt is empty."));
        if (!text.empty() && text.back() == ' ') add(field, false, name + QStringLiteral(" prompt ends with a space."));
        const int longest = model_.facts().n_ctx;
        if (longest > 0 && static_cast<int>(tokens.size()) > longest)
            add(field, true, QStringLiteral("%1 prompt has %2 tokens; the model reads %3.").arg(name).arg(tokens.size()).arg(longest));
        return tokens;
    }

    std::vector<std::int64_t> tokens_of(PromptField field, const std::vector<std::string>& texts, const std::vector<std::int64_t>& ids) {
        const QString name = field == PromptField::answer ? QStringLiteral("Answer") : QStringLiteral("Foil");
        std::vector<std::int64_t> out = ids;
        if (out.empty() && texts.empty()) add(field, true, name + QStringLiteral(" is empty."));
        if (!out.empty()) return out;
        for (const std::string& text : texts) {
            const std::vector<Token> tokens = pieces(field, text);
            if (tokens.size() == 1) {
                out.push_back(tokens.front().id);
                space_hint(field, name, text, tokens.front().id);
            } else if (!tokens.empty() || text.empty()) {
                QStringList shown;
                for (const Token& token : tokens) shown << visible_token(token.text);
                add(field, true,
                    text.empty() ? name + QStringLiteral(" is empty.")
                                 : QStringLiteral("%1 is not a single token: %2.").arg(name, shown.join(QStringLiteral(" | "))));
            }
        }
        return out;
    }

    std::vector<Token> pieces(PromptField field, const std::string& text) {
        try {
            return text.empty() ? std::vector<Token>() : model_.tokens(text, false);
        } catch (const Error& error) {
            add(field, true, QString::fromUtf8(error.what()));
            return {Token{-1, text}, Token{-1, ""}};
        }
    }

    /// " Mary" and "Mary" are different tokens of most models, and the next word after "to" is the one with the space.
    void space_hint(PromptField field, const QString& name, const std::string& text, std::int64_t id) {
        if (text.front() == ' ' || (!pair_.clean.empty() && pair_.clean.back() == ' ')) return;
        try {
            const std::vector<Token> spaced = model_.tokens(" " + text, false);
            if (spaced.size() == 1 && spaced.front().id != id)
                add(field, false,
                    QStringLiteral("%1 does not start with a space; the next word would be %2.").arg(name, quoted_text(" " + text)));
        } catch (const Error&) {  // a hint only: a tokenizer that refuses the text has said so above
        }
    }

    void compare() {
        state_.alignment = align(state_.clean, state_.corrupt);
        if (!state_.alignment.aligned())
            add(PromptField::corrupt, true, QString::fromStdString(state_.alignment.refusal));
        else if (state_.alignment.substituted == 0)
            add(PromptField::corrupt, true, QStringLiteral("The two prompts are the same: there is nothing to patch."));
    }

    const OpenModel& model_;
    const PromptPair& pair_;
    PromptState state_;
};

}  // namespace

bool PromptState::can_run() const {
    return !clean.empty() && !corrupt.empty() &&
           std::none_of(problems.begin(), problems.end(), [](const PromptProblem& p) { return p.blocks; });
}

QString PromptState::refusal() const {
    const auto found = std::find_if(problems.begin(), problems.end(), [](const PromptProblem& p) { return p.blocks; });
    return found == problems.end() ? QString() : found->text;
}

PromptState prompt_state(const OpenModel& model, const PromptPair& pair) {
    return Reader(model, pair).read();
}

}  // namespace microtome
