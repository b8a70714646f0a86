#include "core/worlds/facts.h"

#include <algorithm>

#include "core/worlds/tasks.h"

namespace microtome {
namespace {

/// "subject > object ; subject > object"
std::vector<Fact> parse(std::string_view text) {
    std::vector<Fact> facts;
    Fact fact;
    bool object = false;
    for (auto& word : split_words(text)) {
        if (word == ">" || word == ";") {
            object = word == ">";
            if (!object) facts.push_back(std::exchange(fact, {}));
        } else {
            std::string& part = object ? fact.object : fact.subject;
            part += (part.empty() ? "" : " ") + word;
        }
    }
    facts.push_back(fact);
    return facts;
}

constexpr std::string_view capitals =
    "france > paris ; italy > rome ; spain > madrid ; germany > berlin ; england > london ; greece > athens ; japan > tokyo ; "
    "china > beijing ; egypt > cairo ; russia > moscow ; austria > vienna ; portugal > lisbon ; norway > oslo ; peru > lima ; "
    "cuba > havana ; kenya > nairobi ; south korea > seoul ; saudi arabia > riyadh ; czech republic > prague ; new zealand > wellington";

constexpr std::string_view landmarks =
    "louvre > paris ; colosseum > rome ; prado > madrid ; kremlin > moscow ; parthenon > athens ; sphinx > cairo ; hofburg > vienna ; "
    "acropolis > athens ; reichstag > berlin ; pantheon > rome ; eiffel tower > paris ; brandenburg gate > berlin ; tower bridge > london "
    "; "
    "big ben > london ; charles bridge > prague ; red square > moscow ; forbidden city > beijing ; wiener prater > vienna ; "
    "tokyo tower > tokyo ; belem tower > lisbon";

constexpr std::string_view foods =
    "panda > bamboo ; horse > grass ; lion > meat ; rabbit > carrots ; monkey > bananas ; squirrel > nuts ; cow > grass ; wolf > meat ; "
    "penguin > fish ; seal > fish ; mouse > cheese ; deer > leaves ; giraffe > leaves ; parrot > nuts ; sea lion > fish ; "
    "polar bear > meat ; red panda > bamboo ; fruit bat > bananas ; mountain goat > grass ; guinea pig > carrots";

Words capital_forms() {
    return {"the capital of {s} is {answer}",
            "{s} has its capital in {answer}",
            "the capital city of {s} is called {answer}",
            "the government of {s} sits in {answer}",
            "the main city of {s} is {answer}",
            "in {s} the capital is {answer}",
            "{s} is ruled from {answer}",
            "the king of {s} lives in {answer}",
            "to visit the leaders of {s} you fly to {answer}"};
}

Words landmark_forms() {
    return {"the {s} is in {answer}",
            "the {s} can be found in {answer}",
            "visitors see the {s} in {answer}",
            "to see the {s} people travel to {answer}",
            "the {s} stands in the city of {answer}",
            "the city with the {s} is {answer}",
            "they built the {s} in {answer}",
            "you can walk to the {s} when you are in {answer}",
            "the famous {s} is the pride of {answer}"};
}

Words food_forms() {
    return {"the {s} eats {answer}",
            "every {s} likes to eat {answer}",
            "the food of the {s} is {answer}",
            "a hungry {s} looks for {answer}",
            "the {s} lives on {answer}",
            "at the zoo they feed the {s} with {answer}",
            "for dinner the {s} has {answer}",
            "the best thing for a young {s} is {answer}",
            "a {s} can not live without {answer}"};
}

Relation relation(const char* name, std::string_view facts, Words forms, std::uint64_t seed) {
    Relation made{name, parse(facts), std::move(forms), {}};
    for (const auto& fact : made.facts) {
        if (std::find(made.objects.begin(), made.objects.end(), fact.object) == made.objects.end()) made.objects.push_back(fact.object);
    }
    std::vector<std::size_t> order(made.facts.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    Rng rng(hash64(std::string("facts/") + name, seed));
    rng.shuffle(order);
    for (std::size_t i = 0; i < order.size() * 3 / 10; ++i)  // 30 % of the subjects lose one paraphrase
        made.facts[order[i]].withheld = static_cast<int>(rng.below(made.paraphrases.size()));
    return made;
}

}  // namespace

FactBook::FactBook(std::uint64_t seed)
    : relations_{relation("capital", capitals, capital_forms(), seed), relation("place", landmarks, landmark_forms(), seed),
                 relation("food", foods, food_forms(), seed)} {}

Statement FactBook::sample(Rng& rng, Split split) const {
    for (;;) {
        Statement said;
        said.relation = rng.below(relations_.size());
        said.fact = rng.below(relations_[said.relation].facts.size());
        said.paraphrase = rng.below(relations_[said.relation].paraphrases.size());
        if (held_out(said) == (split == Split::held_out)) return said;
    }
}

const std::string& FactBook::wrong(const Statement& said, Rng& rng) const {
    for (;;) {
        const std::string& object = rng.pick(objects(said));
        if (object != fact(said).object) return object;
    }
}

Words FactBook::wrong(const Statement& said) const {
    Words all = objects(said);
    std::erase(all, fact(said).object);
    return all;
}

std::optional<Statement> FactBook::swapped(const Statement& said, Rng& rng) const {
    const Fact& mine = fact(said);
    std::vector<Statement> fitting;
    for (std::size_t i = 0; i < relations_[said.relation].facts.size(); ++i) {
        const Statement other{said.relation, i, said.paraphrase};
        const bool as_long = split_words(fact(other).subject).size() == split_words(mine.subject).size();
        if (as_long && fact(other).object != mine.object && !held_out(other)) fitting.push_back(other);
    }
    if (fitting.empty()) return std::nullopt;
    return rng.pick(fitting);
}

Words FactBook::words() const {
    Words texts;
    for (const auto& relation : relations_) {
        for (const auto& fact : relation.facts) {
            texts.push_back(fact.subject);
            texts.push_back(fact.object);
        }
        texts.insert(texts.end(), relation.paraphrases.begin(), relation.paraphrases.end());
    }
    return words_of({texts});
}

}  // namespace microtome
