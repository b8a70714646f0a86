// The Hugging Face pipeline: added tokens, normalizer, pre-tokenizer, model, decoder.
#pragma once

#include "core/text/added_tokens.h"
#include "core/text/tokenizer.h"

namespace microtome {

struct PipelineParts {
    AddedTokens added;
    Normalizer normalizer;       // empty: none
    PreTokenizer pre_tokenizer;  // empty: none
    Decoder decoder;             // empty: tokens joined by spaces
    std::unique_ptr<SubwordModel> model;
};

class PipelineTokenizer : public Tokenizer {
  public:
    PipelineTokenizer(PipelineParts parts, TokenizerFacts facts);

  protected:
    void encode_text(std::string_view text, std::vector<std::int64_t>& ids) const override;
    std::string decode_ids(std::span<const std::int64_t> ids, bool skip_special) const override;
    std::optional<std::string> bytes(std::int64_t id) const override;
    std::vector<std::int64_t> known_ids() const override;

  private:
    PipelineParts parts_;
};

/// What the files beside a tokenizer say of BOS (tokenizer_config.json, special_tokens_map.json, generation_config.json).
struct BosHints {
    std::optional<std::string> token;
    std::optional<std::int64_t> id;
    std::optional<bool> prepend;
};
BosHints read_bos_hints(const std::filesystem::path& folder);
/// Completes `facts` from the hints; `find` gives the id of a token's name. What a post-processor `told` stays.
void settle_bos(TokenizerFacts& facts, const BosHints& hints, bool told,
                const std::function<std::optional<std::int64_t>(std::string_view)>& find);

/// The ids that the post-processor puts around a text; false if it says nothing of them.
bool read_post_processor(const Json& value, const std::string& subject, TokenizerFacts& facts);
/// `tokenizer.json`. `subject` names it in messages.
std::unique_ptr<Tokenizer> read_tokenizer_json(const Json& json, const std::string& subject, const BosHints& hints, std::string sha256);

}  // namespace microtome
