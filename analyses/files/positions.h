// Positions as users write them: "all", "last", "3,5-7", "-1" (from the end), "role:S2", "token: John"; commas join them.
// Everything after "token:" is the token's text, spaces and commas included, so it comes last.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analyses/files/prompts.h"

namespace microtome {

/// An Error if `expression` is not of this grammar; needs no prompt.
void check_positions(const std::string& expression, const std::string& subject);

/// Indices into `pieces` (the prompt's tokens), ascending, each once; an Error if a part stands for nothing here.
std::vector<int> resolve_positions(const std::string& expression, const std::vector<std::string>& pieces,
                                   const std::map<std::string, Span>& spans, const std::string& subject);

/// A role's tokens. A part of the text must occur exactly once; the tokens that it touches count.
std::vector<int> resolve_span(const Span& span, const std::vector<std::string>& pieces, const std::string& subject);

}  // namespace microtome
