#include <map>

#include "core/base/error.h"
#include "core/text/merge.h"
#include "core/text/subword.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

class ScoredBpe : public SubwordModel {
  public:
    ScoredBpe(const std::vector<ScoredToken>& tokens, std::int64_t unknown, bool byte_fallback, const std::string& subject)
        : unknown_(unknown), byte_fallback_(byte_fallback), vocabulary_(index(tokens, subject)), bytes_(vocabulary_) {
        if (!vocabulary_.token(unknown))
            throw Error(subject, "an unknown token below " + std::to_string(tokens.size()), std::to_string(unknown));
    }

    const Vocabulary& vocabulary() const override { return vocabulary_; }

    void tokenize(std::string_view text, std::vector<std::int64_t>& ids) const override {
        if (text.size() > INT32_MAX) throw Error("text", "at most 2 GiB", std::to_string(text.size()) + " bytes");
        std::vector<std::int64_t> spans;
        for (std::size_t i = 0; i < text.size(); i += code_point(text, i).bytes) spans.push_back(pack(i, i + code_point(text, i).bytes));
        merge_pairs(spans, 0, [&](std::int64_t left, std::int64_t right) -> std::optional<Merge> {
            const auto found = matched_.find(text.substr(begin(left), end(right) - begin(left)));
            if (found == matched_.end()) return {};
            return Merge{found->second.rank, pack(begin(left), end(right))};
        });
        bool in_run = false;  // of unknown characters, which are one token
        for (const std::int64_t span : spans) {
            const std::string_view part = text.substr(begin(span), end(span) - begin(span));
            const auto found = matched_.find(part);
            const bool known = found != matched_.end();
            if (known)
                ids.push_back(found->second.id);
            else if (!(byte_fallback_ && bytes_.append(part, ids)) && !in_run)
                ids.push_back(unknown_);
            in_run = !known && !byte_fallback_;
        }
    }

  private:
    // While merging, a symbol stands for the stretch of text that it covers.
    static std::int64_t pack(std::size_t begin, std::size_t end) { return static_cast<std::int64_t>(begin << 32 | end); }
    static std::size_t begin(std::int64_t span) { return static_cast<std::size_t>(span) >> 32; }
    static std::size_t end(std::int64_t span) { return static_cast<std::size_t>(span) & 0xffffffff; }

    Vocabulary index(const std::vector<ScoredToken>& tokens, const std::string& subject) {
        std::map<double, std::int64_t, std::greater<>> ranks;  // equal scores, equal ranks: then the left one goes first
        for (const ScoredToken& token : tokens) ranks[token.score] = 0;
        std::int64_t next = 0;
        for (auto& [score, rank] : ranks) rank = next++;
        Vocabulary vocabulary;
        for (const ScoredToken& token : tokens) {
            const auto id = static_cast<std::int64_t>(vocabulary.count());
            vocabulary.add(token.text, id, subject);
            if (token.matched) matched_.try_emplace(token.text, Merge{ranks.at(token.score), id});
        }
        return vocabulary;
    }

    std::int64_t unknown_;
    bool byte_fallback_;
    TextMap<Merge> matched_;
    Vocabulary vocabulary_;
    ByteTokens bytes_;
};

}  // namespace

std::unique_ptr<SubwordModel> make_scored_bpe(const std::vector<ScoredToken>& tokens, std::int64_t unknown, bool byte_fallback,
                                              const std::string& subject) {
    return std::make_unique<ScoredBpe>(tokens, unknown, byte_fallback, subject);
}

}  // namespace microtome
