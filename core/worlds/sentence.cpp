#include "core/worlds/sentence.h"

#include <algorithm>

#include "core/base/error.h"

namespace microtome {

Words split_words(std::string_view text) {
    Words words;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        if (end > at) words.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

std::string join_words(const Words& words) {
    std::string text;
    for (const auto& word : words) {
        if (!text.empty()) text += ' ';
        text += word;
    }
    return text;
}

Sentence fill_form(std::string_view form, const Slots& slots) {
    Sentence sentence;
    for (auto& piece : split_words(form)) {
        if (piece.size() < 3 || piece.front() != '{') {
            sentence.words.push_back(std::move(piece));
            continue;
        }
        const std::string name = piece.substr(1, piece.size() - 2);
        const auto slot = std::find_if(slots.begin(), slots.end(), [&](const auto& entry) { return entry.first == name; });
        if (slot == slots.end()) throw Error("form \"" + std::string(form) + "\"", "a value for each slot", "none for {" + name + "}");
        const int first = static_cast<int>(sentence.words.size());
        for (auto& word : split_words(slot->second)) sentence.words.push_back(std::move(word));
        sentence.roles.emplace(name, std::pair{first, static_cast<int>(sentence.words.size()) - 1});
        if (name == "answer") sentence.answer_at = first;
    }
    return sentence;
}

FormSet::FormSet(std::string task, std::vector<Words> parts, std::uint64_t seed, int percent)
    : task_(std::move(task)), parts_(std::move(parts)) {
    for (const auto& part : parts_) size_ *= part.size();
    held_out_.resize(size_);
    for (std::size_t form = 0; form < size_; ++form) {
        const std::string text = raw(form);
        held_out_[form] =
            text.find_first_of("~^") != std::string::npos || hash64(task_ + "/" + text, seed) % 100 < static_cast<std::uint64_t>(percent);
    }
}

std::string FormSet::raw(std::size_t form) const {
    std::string text;
    for (const auto& part : parts_) {
        const std::string& option = part[form % part.size()];
        form /= part.size();
        if (!option.empty()) text += (text.empty() ? "" : " ") + option;
    }
    return text;
}

std::string FormSet::text(std::size_t form) const {
    std::string text = raw(form);
    std::erase_if(text, [](char c) { return c == '~' || c == '^'; });
    return text;
}

std::size_t FormSet::sample(Rng& rng, Split split) const {
    for (;;) {
        const std::size_t form = rng.below(size_);
        if (split == Split::train ? !held_out_[form] : held_out_[form] && raw(form).find('^') == std::string::npos) return form;
    }
}

}  // namespace microtome
