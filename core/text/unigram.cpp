// Unigram language model (Kudo 2018, arXiv:1804.10959): the split of the highest total score, found by Viterbi's algorithm.
#include <limits>

#include "core/base/error.h"
#include "core/text/subword.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

constexpr double unknown_penalty = 10;  // below the worst token (sentencepiece, unigram_model.cc)

class Unigram : public SubwordModel {
  public:
    Unigram(const std::vector<ScoredToken>& tokens, std::optional<std::int64_t> unknown, bool byte_fallback, const std::string& subject)
        : unknown_(unknown), byte_fallback_(byte_fallback), vocabulary_(index(tokens, subject)), bytes_(vocabulary_) {
        if (unknown_ && (*unknown_ < 0 || static_cast<std::size_t>(*unknown_) >= tokens.size()))
            throw Error(subject, "an unk_id below " + std::to_string(tokens.size()), std::to_string(*unknown_));
    }

    const Vocabulary& vocabulary() const override { return vocabulary_; }

    void tokenize(std::string_view text, std::vector<std::int64_t>& ids) const override {
        const std::vector<Node> best = best_paths(text);
        std::vector<std::pair<std::size_t, std::size_t>> parts;  // from the last to the first; runs of unknown characters are one
        bool in_run = false;
        for (std::size_t end = text.size(); end > 0; end = best[end].begin) {
            const bool unknown = best[end].id == unknown_;
            if (unknown && in_run)
                parts.back().first = best[end].begin;
            else
                parts.emplace_back(best[end].begin, end);
            in_run = unknown;
        }
        for (auto part = parts.rbegin(); part != parts.rend(); ++part) append(text.substr(part->first, part->second - part->first), ids);
    }

  private:
    struct Node {
        double score = 0;
        std::size_t begin = std::string_view::npos;  // of the best path's last token; npos: not reached
        std::int64_t id = 0;
    };

    Vocabulary index(const std::vector<ScoredToken>& tokens, const std::string& subject) {
        Vocabulary vocabulary;
        leaf_.push_back(-1);
        for (const ScoredToken& token : tokens) {
            const auto id = static_cast<std::int64_t>(scores_.size());
            vocabulary.add(token.text, id, subject + "/" + std::to_string(id));
            scores_.push_back(token.score);
            if (!token.matched) continue;
            worst_ = std::min(worst_, token.score);
            add_to_trie(token.text, id);
        }
        return vocabulary;
    }

    static std::uint64_t edge(std::uint32_t node, char byte) {
        return static_cast<std::uint64_t>(node) << 8 | static_cast<std::uint8_t>(byte);
    }

    void add_to_trie(const std::string& token, std::int64_t id) {
        std::uint32_t node = 0;
        for (char byte : token) {
            const auto [place, is_new] = edges_.try_emplace(edge(node, byte), static_cast<std::uint32_t>(leaf_.size()));
            if (is_new) leaf_.push_back(-1);
            node = place->second;
        }
        if (node != 0) leaf_[node] = id;
    }

    std::vector<Node> best_paths(std::string_view text) const {
        std::vector<Node> best(text.size() + 1);
        const auto reach = [&best](std::size_t begin, std::size_t end, double score, std::int64_t id) {
            if (best[end].begin == std::string_view::npos || best[begin].score + score > best[end].score)
                best[end] = {best[begin].score + score, begin, id};
        };
        for (std::size_t begin = 0, width = 0; begin < text.size(); begin += width) {
            width = code_point(text, begin).bytes;
            bool single = false;
            std::uint32_t node = 0;
            for (std::size_t end = begin; end < text.size();) {
                const auto next = edges_.find(edge(node, text[end]));
                if (next == edges_.end()) break;
                node = next->second;
                ++end;
                if (leaf_[node] < 0) continue;
                reach(begin, end, scores_[static_cast<std::size_t>(leaf_[node])], leaf_[node]);
                single = single || end - begin == width;
            }
            if (single) continue;
            if (!unknown_)
                throw Error("text", "characters of the vocabulary (it has no token for others)",
                            "\"" + std::string(text.substr(begin, width)) + "\"");
            reach(begin, begin + width, worst_ - unknown_penalty, *unknown_);
        }
        return best;
    }

    // The token that reads `part`, or -1.
    std::int64_t matched(std::string_view part) const {
        std::uint32_t node = 0;
        for (char byte : part) {
            const auto next = edges_.find(edge(node, byte));
            if (next == edges_.end()) return -1;
            node = next->second;
        }
        return leaf_[node];
    }

    void append(std::string_view part, std::vector<std::int64_t>& ids) const {
        if (const auto id = matched(part); id >= 0)
            ids.push_back(id);
        else if (!(byte_fallback_ && bytes_.append(part, ids)))
            ids.push_back(*unknown_);
    }

    std::optional<std::int64_t> unknown_;
    bool byte_fallback_;
    std::vector<double> scores_;
    double worst_ = std::numeric_limits<double>::infinity();
    std::unordered_map<std::uint64_t, std::uint32_t> edges_;  // trie: (node, byte) → node
    std::vector<std::int64_t> leaf_;                          // node → id, -1: inner
    Vocabulary vocabulary_;
    ByteTokens bytes_;
};

}  // namespace

std::unique_ptr<SubwordModel> make_unigram(const std::vector<ScoredToken>& tokens, std::optional<std::int64_t> unknown, bool byte_fallback,
                                           const std::string& subject) {
    return std::make_unique<Unigram>(tokens, unknown, byte_fallback, subject);
}

std::unique_ptr<SubwordModel> read_unigram(JsonReader& reader) {
    std::optional<std::int64_t> unknown;
    if (reader.has("unk_id") && !reader.at("unk_id").is_null()) unknown = reader.integer("unk_id");
    const bool bytes = reader.has("byte_fallback") && !reader.at("byte_fallback").is_null() && reader.boolean("byte_fallback", false);
    const Json& list = reader.at("vocab");
    const std::string subject = reader.pointer("vocab");
    if (!list.is_array()) throw Error(subject, "a list of [token, score]", list.type_name());
    std::vector<ScoredToken> tokens;
    for (const Json& row : list) {
        if (!row.is_array() || row.size() != 2 || !row[0].is_string() || !row[1].is_number())
            throw Error(subject + "/" + std::to_string(tokens.size()), "[token, score]", "something else");
        tokens.push_back({row[0].get<std::string>(), row[1].get<double>()});
    }
    return make_unigram(tokens, unknown, bytes, subject);
}

}  // namespace microtome
