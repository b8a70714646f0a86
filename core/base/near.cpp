#include "core/base/near.h"

#include <algorithm>

namespace microtome {
namespace {

// Longer names are never suggested and would make the table large.
constexpr std::size_t longest = 100;
constexpr std::size_t most = 3;

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size()][b.size()];
}

std::vector<std::string> near_names(std::string_view name, const std::vector<std::string>& known) {
    if (name.empty() || name.size() > longest) return {};
    std::vector<std::pair<std::size_t, std::string>> found;
    for (const std::string& k : known) {
        if (k.empty() || k.size() > longest) continue;
        if (std::any_of(found.begin(), found.end(), [&](const auto& f) { return f.second == k; })) continue;
        std::size_t distance = edit_distance(name, k);
        bool begins = name.size() >= 3 && k.size() >= 3 && (k.starts_with(name) || name.starts_with(k));
        if (begins || distance <= std::max<std::size_t>(1, name.size() / 3)) found.emplace_back(distance, k);
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::min(most, found.size()); ++i) names.push_back(found[i].second);
    return names;
}

std::string with_suggestion(std::string_view name, const std::vector<std::string>& known) {
    std::string text = "\"" + std::string(name) + "\"";
    std::vector<std::string> near = near_names(name, known);
    for (std::string& n : near) n = "\"" + n + "\"";
    return near.empty() ? text : text + " (did you mean " + joined(near) + "?)";
}

std::string joined(const std::vector<std::string>& words, std::string_view last) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? last : std::string_view(", ");
        text += words[i];
    }
    return text;
}

}  // namespace microtome
