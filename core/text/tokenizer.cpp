#include "core/text/tokenizer.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace microtome {

std::vector<std::int64_t> Tokenizer::encode(std::string_view text, std::optional<bool> prepend_bos) const {
    std::string mended;
    if (!is_utf8(text)) text = mended = to_valid_utf8(text);
    std::vector<std::int64_t> ids;
    if (prepend_bos.value_or(prepends_bos())) {
        if (!prepends_bos() && !facts_.bos_id) throw Error("prepend_bos", "false (this tokenizer has no BOS token)", "true");
        ids = prepends_bos() ? facts_.before : std::vector{*facts_.bos_id};
    }
    encode_text(text, ids);
    ids.insert(ids.end(), facts_.after.begin(), facts_.after.end());
    return ids;
}

std::string Tokenizer::decode(std::span<const std::int64_t> ids, bool skip_special) const {
    return to_valid_utf8(decode_ids(ids, skip_special));
}

std::string Tokenizer::piece(std::int64_t id) const {
    const auto found = bytes(id);
    return found ? readable(*found) : "[id " + std::to_string(id) + "]";
}

std::optional<std::int64_t> Tokenizer::token_id(std::string_view text) const {
    std::call_once(looked_up_, [this] {
        std::vector<std::int64_t> ids = known_ids();
        std::sort(ids.begin(), ids.end());
        for (const std::int64_t id : ids)
            if (auto found = bytes(id)) by_text_.try_emplace(std::move(*found), id);
    });
    const auto found = by_text_.find(text);
    if (found == by_text_.end()) return {};
    return found->second;
}

}  // namespace microtome
