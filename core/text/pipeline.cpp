#include "core/text/pipeline.h"

#include <algorithm>

#include "core/base/error.h"

namespace microtome {

PipelineTokenizer::PipelineTokenizer(PipelineParts parts, TokenizerFacts facts) : parts_(std::move(parts)) {
    facts_ = std::move(facts);
    facts_.vocab_size = std::max(parts_.model->vocabulary().highest(), parts_.added.highest()) + 1;
}

void PipelineTokenizer::encode_text(std::string_view text, std::vector<std::int64_t>& ids) const {
    std::vector<Piece> pieces = parts_.added.split(text, parts_.normalizer);
    if (parts_.pre_tokenizer) parts_.pre_tokenizer(pieces);
    for (const Piece& piece : pieces) {
        if (piece.token)
            ids.push_back(*piece.token);
        else
            parts_.model->tokenize(piece.text, ids);
    }
}

std::string PipelineTokenizer::decode_ids(std::span<const std::int64_t> ids, bool skip_special) const {
    std::vector<std::string> tokens;
    for (const std::int64_t id : ids) {
        if (const AddedToken* added = parts_.added.find(id)) {
            if (!skip_special || !added->special) tokens.push_back(added->pattern);
        } else if (const std::string* token = parts_.model->vocabulary().token(id)) {
            tokens.push_back(*token);
        }
    }
    if (parts_.decoder) parts_.decoder(tokens, DecodeScope::text);
    std::string text;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (i > 0 && !parts_.decoder) text += ' ';
        text += tokens[i];
    }
    return text;
}

std::optional<std::string> PipelineTokenizer::bytes(std::int64_t id) const {
    if (const AddedToken* added = parts_.added.find(id)) return added->content;
    const std::string* token = parts_.model->vocabulary().token(id);
    if (!token) return {};
    if (!parts_.decoder) return *token;
    std::vector<std::string> tokens{*token};
    parts_.decoder(tokens, DecodeScope::piece);
    std::string text;
    for (const std::string& part : tokens) text += part;
    return text;
}

std::vector<std::int64_t> PipelineTokenizer::known_ids() const {
    std::vector<std::int64_t> ids = parts_.model->vocabulary().known_ids();
    for (const auto& [id, token] : parts_.added.tokens())
        if (!parts_.model->vocabulary().token(id)) ids.push_back(id);
    return ids;
}

}  // namespace microtome
