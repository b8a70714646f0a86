// What the indexes of a map's position axis stand for in each pair: the same position everywhere, or the tokens of a role.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analyses/files/prompts.h"

namespace microtome {

/// A pair's clean prompt as positions see it.
struct PairTokens {
    std::vector<std::int64_t> ids;
    std::vector<std::string> pieces;
    std::map<std::string, Span> spans;
    std::string name{};  // "pair p1", for messages
};

/// How a map tells positions of several pairs: "position", "role", or "auto": by role where roles say which words correspond and the words
/// or lengths differ.
struct PositionChoice {
    std::string positions = "all", by = "auto";
};

struct Places {
    std::vector<std::string> labels;
    std::vector<std::vector<std::vector<std::int64_t>>> at;  // [place][pair], ascending; empty: the pair lacks the role
    bool by_role = false;
    std::string note;  // what the user should know of it
};

Places find_places(const std::vector<PairTokens>& pairs, const PositionChoice& choice);

/// Pairs of one length, with the same roles at the same positions and the same tokens outside of them.
bool same_template(const std::vector<PairTokens>& pairs);

/// Roles of any of the pairs, in order of appearance in the first pair's text; those that it lacks follow, pair by pair.
std::vector<std::string> roles_in_order(const std::vector<PairTokens>& pairs);

}  // namespace microtome
