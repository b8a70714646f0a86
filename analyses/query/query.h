// Answers questions (expression.h) from an activation store, a few megabytes of it at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analyses/query/expression.h"
#include "core/base/progress.h"
#include "hooks/store/store_reader.h"

namespace microtome::query {

/// Pieces of token ids, as a tokenizer shows them.
using Pieces = std::function<std::string(std::int64_t id)>;

enum class Order { file, descending, ascending };

struct Options {
    std::uint64_t limit = 0;    // 0: all
    Order order = Order::file;  // of the values; a question with `top` is descending, whatever this says
    std::uint64_t context = 5;  // tokens shown on each side
};

/// One token. The value is the question's number, or the left side of its first comparison.
struct Match {
    std::uint64_t prompt = 0, position = 0;  // position: in the whole prompt
    double value = 0;
    std::uint64_t row = 0;  // of the prompt's stored tokens
};

struct Shown {
    Match match;
    std::int64_t id = 0;
    std::string token, before, after, label, group;
};

struct Answer {
    std::vector<Shown> rows;
    std::uint64_t matches = 0, tokens = 0;  // that the condition holds for; that were looked at
};

/// `pieces` may be empty: then tokens show as their ids, and a condition on `token` is an Error. Errors name the column in `text`.
Answer ask(const StoreReader& store, const std::string& text, const Options& options, const Pieces& pieces, Progress& progress);

}  // namespace microtome::query
