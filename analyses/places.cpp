#include "analyses/places.h"

#include <algorithm>

#include "analyses/files/positions.h"
#include "core/base/error.h"
#include "core/base/split.h"

namespace microtome {
namespace {

std::string subject_of(const PairTokens& pair, std::size_t index) {
    return pair.name.empty() || pair.name == "pair" ? "pair " + std::to_string(index + 1) : pair.name;
}

// Tokens of every role of a pair.
std::map<std::string, std::vector<int>> roles_of(const PairTokens& pair, std::size_t index) {
    std::map<std::string, std::vector<int>> roles;
    for (const auto& [name, span] : pair.spans) roles[name] = resolve_span(span, pair.pieces, subject_of(pair, index) + ", role " + name);
    return roles;
}

bool has_roles(const std::vector<PairTokens>& pairs) {
    return std::any_of(pairs.begin(), pairs.end(), [](const PairTokens& pair) { return !pair.spans.empty(); });
}

// Two texts of one template have most of their words in common.
std::string note_on_words(const std::vector<PairTokens>& pairs) {
    const auto& first = pairs[0].ids;
    for (std::size_t i = 1; i < pairs.size(); ++i) {
        std::size_t shared = 0;
        for (std::size_t p = 0; p < first.size(); ++p) shared += first[p] == pairs[i].ids[p];
        if (2 * shared >= first.size()) continue;
        return subject_of(pairs[0], 0) + " and " + subject_of(pairs[i], i) + " have " + std::to_string(shared) + " of " +
               std::to_string(first.size()) +
               " tokens in common: averages by position mean something only for prompts of one template (spans in every prompt give "
               "averages by role; --by position says that the prompts are aligned)";
    }
    return {};
}

Places by_index(const std::vector<PairTokens>& pairs, const PositionChoice& choice) {
    const std::size_t length = pairs[0].ids.size();
    for (std::size_t i = 0; i < pairs.size(); ++i)
        if (pairs[i].ids.size() != length)
            throw Error(subject_of(pairs[i], i),
                        "as many tokens as the first pair (" + std::to_string(length) + "), or positions by role: " +
                            (has_roles(pairs) ? "--by role, or --positions role:NAME" : "\"spans\" that name the roles in every prompt"),
                        std::to_string(pairs[i].ids.size()));
    std::vector<int> wanted;
    if (choice.positions == "all")
        for (std::size_t p = 0; p < length; ++p) wanted.push_back(static_cast<int>(p));
    else
        wanted = resolve_positions(choice.positions, pairs[0].pieces, pairs[0].spans, "positions");
    Places places;
    for (int p : wanted) {
        places.labels.push_back(pairs.size() == 1 ? pairs[0].pieces[static_cast<std::size_t>(p)] : std::to_string(p));
        places.at.emplace_back(pairs.size(), std::vector<std::int64_t>{p});
    }
    if (choice.by == "auto" && pairs.size() > 1 && !(has_roles(pairs) && choice.positions == "all")) places.note = note_on_words(pairs);
    return places;
}

// One place a part of "role:S2,last", each prompt's own tokens.
Places by_parts(const std::vector<PairTokens>& pairs, const std::string& positions) {
    Places places;
    places.by_role = true;
    for (const std::string& part : split(positions, ',')) {
        places.labels.push_back(part);
        places.at.emplace_back();
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            const PairTokens& pair = pairs[i];
            auto found =
                resolve_positions(part, pair.pieces, pair.spans, pairs.size() == 1 ? "positions" : "positions, " + subject_of(pair, i));
            places.at.back().emplace_back(found.begin(), found.end());
        }
    }
    return places;
}

Places by_all_roles(const std::vector<PairTokens>& pairs) {
    Places places;
    places.by_role = true;
    for (const std::string& role : roles_in_order(pairs)) {
        places.labels.push_back(role);
        places.at.emplace_back(pairs.size());
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto roles = roles_of(pairs[i], i);
        if (roles.empty())
            throw Error(subject_of(pairs[i], i),
                        "\"spans\" that name roles, as other pairs have them, for averages by role (--by position: by index)", "none");
        for (std::size_t place = 0; place < places.labels.size(); ++place)
            if (auto it = roles.find(places.labels[place]); it != roles.end())
                places.at[place][i].assign(it->second.begin(), it->second.end());
    }
    return places;
}

}  // namespace

std::vector<std::string> roles_in_order(const std::vector<PairTokens>& pairs) {
    std::vector<std::string> order;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto roles = roles_of(pairs[i], i);
        std::vector<std::string> fresh;
        for (const auto& [name, ignored] : roles)
            if (std::find(order.begin(), order.end(), name) == order.end()) fresh.push_back(name);
        std::stable_sort(fresh.begin(), fresh.end(), [&](const auto& a, const auto& b) { return roles.at(a) < roles.at(b); });
        order.insert(order.end(), fresh.begin(), fresh.end());
    }
    return order;
}

bool same_template(const std::vector<PairTokens>& pairs) {
    const auto roles = roles_of(pairs[0], 0);
    std::vector<bool> in_role(pairs[0].ids.size(), false);
    for (const auto& [ignored, positions] : roles)
        for (int p : positions) in_role[static_cast<std::size_t>(p)] = true;
    for (std::size_t i = 1; i < pairs.size(); ++i) {
        if (pairs[i].ids.size() != in_role.size() || roles_of(pairs[i], i) != roles) return false;
        for (std::size_t p = 0; p < in_role.size(); ++p)
            if (!in_role[p] && pairs[i].ids[p] != pairs[0].ids[p]) return false;
    }
    return true;
}

Places find_places(const std::vector<PairTokens>& pairs, const PositionChoice& choice) {
    const std::string& wanted = choice.positions;
    const bool named = wanted.starts_with("role:"), all = wanted == "all";
    if (choice.by == "position" && named) throw Error("by", "role or auto, with --positions role:NAME", "position");
    if (choice.by == "role" && !named && !all && wanted != "last")
        throw Error("positions", "all, last or role:NAME, with --by role", "\"" + wanted + "\"");
    if (named || (wanted == "last" && choice.by != "position")) return by_parts(pairs, wanted);
    if (choice.by == "role") {
        if (!has_roles(pairs)) throw Error("by", "prompts with \"spans\" that name their roles, for averages by role", "none");
        return by_all_roles(pairs);
    }
    const bool roles = choice.by == "auto" && all && pairs.size() > 1 && has_roles(pairs);
    return roles && !same_template(pairs) ? by_all_roles(pairs) : by_index(pairs, choice);
}

}  // namespace microtome
