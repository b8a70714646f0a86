#include "analyses/query/query.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analyses/query/terms.h"
#include "core/base/error.h"

namespace microtome::query {
namespace {

const Node* first_comparison(const Node& node) {
    if (node.kind == Kind::compare) return &node;
    for (const Node& child : node.children)
        if (const Node* found = first_comparison(child)) return found;
    return nullptr;
}

class Question {
  public:
    Question(const StoreReader& store, Query query, const Pieces& pieces)
        : query_(std::move(query)), store_(store), terms_(store), pieces_(pieces) {
        bind(query_.root);
        if (query_.where) bind(*query_.where);
        const bool condition = is_condition(query_.root);
        const Node* comparison = condition ? first_comparison(query_.root) : nullptr;
        value_ = !condition ? &query_.root : comparison ? &comparison->children.front() : nullptr;
    }

    Terms& terms() { return terms_; }
    std::uint64_t top() const { return query_.top; }
    bool has_value() const { return value_ != nullptr; }
    bool holds(const Place& place) {
        if (query_.where && !truth(*query_.where, place)) return false;
        return !is_condition(query_.root) || truth(query_.root, place);
    }
    double value(const Place& place) { return value_ ? number(*value_, place) : 1; }

  private:
    // `values`: the argument of a function, which may be several numbers.
    void bind(Node& node, bool values = false) {
        if (node.kind == Kind::activation) terms_.bind(node, values);
        if (node.kind == Kind::match && node.text == "token" && !pieces_)
            throw Error(at_column(node.column), "the tokenizer of this store's model (--model), or id = NUMBER", "no tokenizer");
        if (node.kind == Kind::match && (node.text == "label" || node.text == "group") && !store_.labelled())
            throw Error(at_column(node.column), "a store of prompts with labels or groups", "one without");
        if (node.kind == Kind::variable && node.text == "metric" && !store_.identity().has_gradients())
            throw Error(at_column(node.column), "a store with gradients, which has their metric", "one of activations only");
        const bool takes_values = node.kind == Kind::function && node.text != "abs" && node.children.size() == 1;
        for (Node& child : node.children) bind(child, takes_values);
    }

    double number(const Node& node, const Place& place) {
        switch (node.kind) {
            case Kind::number:
                return node.value;
            case Kind::variable:
                return variable(node.text, place);
            case Kind::activation:
                return terms_.at(node, place).front();
            case Kind::negate:
                return -number(node.children.front(), place);
            case Kind::arithmetic:
                return arithmetic(node, place);
            default:
                return function(node, place);
        }
    }

    static double variable(const std::string& name, const Place& place) {
        if (name == "position") return static_cast<double>(place.position());
        if (name == "length") return static_cast<double>(place.length);
        if (name == "prompt") return static_cast<double>(place.prompt);
        if (name == "metric") return place.text->metric;
        return place.text->ids[place.row];
    }

    double arithmetic(const Node& node, const Place& place) {
        const double a = number(node.children[0], place), b = number(node.children[1], place);
        return node.text == "+" ? a + b : node.text == "-" ? a - b : node.text == "*" ? a * b : a / b;
    }

    double function(const Node& node, const Place& place) {
        if (node.text == "abs") return std::abs(number(node.children.front(), place));
        std::vector<double> own;
        std::span<const double> x;
        if (node.children.size() == 1 && node.children.front().kind == Kind::activation) {
            x = terms_.at(node.children.front(), place);
        } else {
            for (const Node& child : node.children) own.push_back(number(child, place));
            x = own;
        }
        if (node.text == "max") return *std::max_element(x.begin(), x.end());
        if (node.text == "min") return *std::min_element(x.begin(), x.end());
        double sum = 0;
        for (double value : x) sum += node.text == "norm" ? value * value : value;
        if (node.text == "norm") return std::sqrt(sum);
        return node.text == "mean" ? sum / static_cast<double>(x.size()) : sum;
    }

    bool truth(const Node& node, const Place& place) {
        switch (node.kind) {
            case Kind::conjunction:
                return truth(node.children[0], place) && truth(node.children[1], place);
            case Kind::disjunction:
                return truth(node.children[0], place) || truth(node.children[1], place);
            case Kind::negation:
                return !truth(node.children[0], place);
            case Kind::match:
                return matches(node, place);
            default:
                break;
        }
        const double a = number(node.children[0], place), b = number(node.children[1], place);
        if (node.text == "<") return a < b;
        if (node.text == "<=") return a <= b;
        if (node.text == ">") return a > b;
        if (node.text == ">=") return a >= b;
        return node.text == "=" ? a == b : a < b || a > b;  // nothing is true of NaN
    }

    bool matches(const Node& node, const Place& place) {
        const std::string text = node.text == "token"   ? pieces_(place.text->ids[place.row])
                                 : node.text == "text"  ? place.text->text
                                 : node.text == "label" ? place.text->label
                                                        : place.text->group;
        if (node.how == "contains") return text.find(node.string) != std::string::npos;
        return (text == node.string) == (node.how == "=");
    }

    Query query_;
    const StoreReader& store_;
    Terms terms_;
    const Pieces& pieces_;
    const Node* value_ = nullptr;
};

// Keeps the matches to be shown: all, the first so many, or the largest (smallest) so many.
class Kept {
  public:
    Kept(std::uint64_t limit, Order order) : limit_(limit), order_(order) {}

    void add(const Match& match) {
        if (order_ == Order::file) {
            if (limit_ == 0 || matches_.size() < limit_) matches_.push_back(match);
            return;
        }
        matches_.push_back(match);
        if (limit_ == 0) return;
        const auto before = [this](const Match& a, const Match& b) { return comes_first(a, b); };
        std::push_heap(matches_.begin(), matches_.end(), before);  // in front: the one that comes last
        if (matches_.size() <= limit_) return;
        std::pop_heap(matches_.begin(), matches_.end(), before);
        matches_.pop_back();
    }

    std::vector<Match> sorted() {
        if (order_ != Order::file)
            std::sort(matches_.begin(), matches_.end(), [this](const Match& a, const Match& b) { return comes_first(a, b); });
        return std::move(matches_);
    }

  private:
    bool comes_first(const Match& a, const Match& b) const {
        if (a.value != b.value) return order_ == Order::descending ? a.value > b.value : a.value < b.value;
        return std::pair(a.prompt, a.row) < std::pair(b.prompt, b.row);
    }
    std::uint64_t limit_;
    Order order_;
    std::vector<Match> matches_;
};

Shown shown(const StoreReader& store, const Match& match, const Pieces& pieces, std::uint64_t context) {
    const StorePrompt prompt = store.prompt(match.prompt);
    const auto piece = [&](std::uint64_t row) {
        const std::int64_t id = prompt.ids[row];
        return pieces ? pieces(id) : std::to_string(id);
    };
    const std::uint64_t first = match.row > context ? match.row - context : 0;
    const std::uint64_t last = context < prompt.ids.size() - match.row ? match.row + 1 + context : prompt.ids.size();
    std::vector<std::string> window;
    for (std::uint64_t row = first; row < last; ++row) window.push_back(piece(row));
    // Tokenizers that take words apart at spaces show pieces without them.
    const bool spaced = std::any_of(window.begin(), window.end(), [](const std::string& p) { return p.find(' ') != std::string::npos; });
    const char* between = spaced ? "" : " ";
    Shown out{match, prompt.ids[match.row], piece(match.row), "", "", prompt.label, prompt.group};
    for (std::uint64_t row = first; row < last; ++row) {
        if (row < match.row) out.before += window[row - first] + between;
        if (row > match.row) out.after += between + window[row - first];
    }
    return out;
}

}  // namespace

Answer ask(const StoreReader& store, const std::string& text, const Options& options, const Pieces& pieces, Progress& progress) {
    Question question(store, parse(text), pieces);
    Answer answer;
    answer.tokens = store.offsets().back();
    const bool top = question.top() > 0;
    Kept kept(top ? question.top() : options.limit, top ? Order::descending : options.order);
    StorePrompt prompt;
    std::uint64_t p = 0, read = UINT64_MAX;
    for (std::uint64_t first = 0; first < answer.tokens;) {
        const std::uint64_t end = question.terms().load(first, answer.tokens);
        for (std::uint64_t token = first; token < end; ++token) {
            while (store.offsets()[p + 1] <= token) ++p;
            if (read != p) prompt = store.prompt(p), read = p;
            const Place place{p, token - store.offsets()[p], token, &prompt, store.length(p)};
            if (!question.holds(place)) continue;
            const double value = question.value(place);
            if (std::isnan(value)) continue;
            ++answer.matches;
            kept.add({p, place.position(), value, place.row});
        }
        first = end;
        progress.check();
        progress.step(static_cast<std::int64_t>(first), static_cast<std::int64_t>(answer.tokens), "tokens");
    }
    for (const Match& match : kept.sorted()) answer.rows.push_back(shown(store, match, pieces, options.context));
    return answer;
}

}  // namespace microtome::query
