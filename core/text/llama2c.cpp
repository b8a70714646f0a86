#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "core/base/error.h"
#include "core/text/merge.h"
#include "core/text/plain.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

constexpr std::int64_t bos = 1, eos = 2, first_byte = 3;  // karpathy/llama2.c, run.c

template <typename Value>
Value read_at(std::string_view file, std::size_t at) {
    Value value;
    std::memcpy(&value, file.data() + at, sizeof value);
    return value;
}

struct Row {
    float score;
    std::string_view text;
};

// Nothing if the file has another form.
std::optional<std::vector<Row>> read_rows(std::string_view file) {
    if (file.size() < 4) return {};
    const auto longest = read_at<std::int32_t>(file, 0);
    if (longest < 1 || longest > 65536) return {};
    std::vector<Row> rows;
    for (std::size_t at = 4; at < file.size();) {
        if (file.size() - at < 8) return {};
        const auto score = read_at<float>(file, at);
        const auto length = read_at<std::int32_t>(file, at + 4);
        at += 8;
        if (std::isnan(score) || length < 0 || length > longest || static_cast<std::size_t>(length) > file.size() - at) return {};
        rows.push_back({score, file.substr(at, static_cast<std::size_t>(length))});
        at += static_cast<std::size_t>(length);
    }
    if (rows.size() < 259) return {};
    return rows;
}

class Llama2c : public Tokenizer {
  public:
    Llama2c(const std::vector<Row>& rows, const std::string& subject, std::string sha256) {
        std::map<float, std::int64_t, std::greater<>> ranks;
        for (const Row& row : rows) ranks[row.score] = 0;
        std::int64_t next = 0;
        for (auto& [score, rank] : ranks) rank = next++;
        for (const Row& row : rows) {
            const auto id = static_cast<std::int64_t>(texts_.size());
            require_utf8(row.text, subject + ": token " + std::to_string(id));
            texts_.emplace_back(row.text);
            by_text_.try_emplace(texts_.back(), Merge{ranks.at(row.score), id});
        }
        facts_ = {"SentencePiece BPE (llama2.c)", std::move(sha256), next_id(), bos, {bos}, {}};
    }

  protected:
    // run.c, encode(): a space before the text, characters or their bytes, then the best-scored merge until none is left.
    void encode_text(std::string_view text, std::vector<std::int64_t>& ids) const override {
        const std::size_t from = ids.size();
        const std::string spaced = text.empty() ? "" : " " + std::string(text);
        for (std::size_t i = 0; i < spaced.size();) {
            const std::string_view character = std::string_view(spaced).substr(i, code_point(spaced, i).bytes);
            i += character.size();
            if (const auto found = by_text_.find(character); found != by_text_.end())
                ids.push_back(found->second.id);
            else
                for (char byte : character) ids.push_back(first_byte + static_cast<std::uint8_t>(byte));
        }
        merge_pairs(ids, from, [this](std::int64_t left, std::int64_t right) -> std::optional<Merge> {
            const auto found = by_text_.find(texts_[static_cast<std::size_t>(left)] + texts_[static_cast<std::size_t>(right)]);
            if (found == by_text_.end()) return {};
            return found->second;
        });
    }

    std::string decode_ids(std::span<const std::int64_t> ids, bool skip_special) const override {
        std::string text;
        bool first = true;
        for (const std::int64_t id : ids) {
            if (skip_special && (id == 0 || id == bos || id == eos)) continue;
            std::string part = bytes(id).value_or("");
            if (first && part.starts_with(' ')) part.erase(0, 1);
            first = false;
            text += part;
        }
        return text;
    }

    std::optional<std::string> bytes(std::int64_t id) const override {
        if (id < 0 || id >= next_id()) return {};
        if (id >= first_byte && id < first_byte + 256) return std::string(1, static_cast<char>(id - first_byte));
        std::string_view text = texts_[static_cast<std::size_t>(id)];
        if (id == bos || id == eos) {  // the file holds "\n<s>\n", whose newlines are no part of any text
            while (text.starts_with('\n')) text.remove_prefix(1);
            while (text.ends_with('\n')) text.remove_suffix(1);
        }
        return std::string(text);
    }

    std::vector<std::int64_t> known_ids() const override {
        std::vector<std::int64_t> ids(texts_.size());
        std::iota(ids.begin(), ids.end(), 0);
        return ids;
    }

  private:
    std::int64_t next_id() const { return static_cast<std::int64_t>(texts_.size()); }

    std::vector<std::string> texts_;
    TextMap<Merge> by_text_;
};

}  // namespace

bool is_llama2c(std::string_view file) {
    return read_rows(file).has_value();
}

std::unique_ptr<Tokenizer> read_llama2c(std::string_view file, const std::string& subject, std::string sha256) {
    const auto rows = read_rows(file);
    if (!rows)
        throw Error(subject, "a llama2.c tokenizer (longest length, then score, length and bytes of at least 259 tokens)", "other bytes");
    return std::make_unique<Llama2c>(*rows, subject, std::move(sha256));
}

}  // namespace microtome
