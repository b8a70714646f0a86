// The facts of tinyworld: three relations of twenty, and the ways to say them.
#pragma once

#include <array>
#include <optional>

#include "core/worlds/sentence.h"

namespace microtome {

struct Fact {
    std::string subject, object;
    int withheld = -1;  // the paraphrase that training never joins to this subject; none: -1
};

struct Relation {
    std::string name;
    std::vector<Fact> facts;
    Words paraphrases;  // slots {s} and {answer}, the answer last
    Words objects;      // different ones
};

/// A fact and a way to say it.
struct Statement {
    std::size_t relation = 0, fact = 0, paraphrase = 0;
};

class FactBook {
  public:
    explicit FactBook(std::uint64_t seed);

    const std::array<Relation, 3>& relations() const { return relations_; }
    const Fact& fact(const Statement& said) const { return relations_[said.relation].facts[said.fact]; }
    const std::string& form(const Statement& said) const { return relations_[said.relation].paraphrases[said.paraphrase]; }
    const Words& objects(const Statement& said) const { return relations_[said.relation].objects; }
    bool held_out(const Statement& said) const { return fact(said).withheld == static_cast<int>(said.paraphrase); }
    Statement sample(Rng& rng, Split split) const;
    /// An object of the same relation that is not the true one.
    const std::string& wrong(const Statement& said, Rng& rng) const;
    Words wrong(const Statement& said) const;
    /// Another fact of the relation: another object, a subject of as many words, not withheld from this paraphrase.
    std::optional<Statement> swapped(const Statement& said, Rng& rng) const;
    Words words() const;

  private:
    std::array<Relation, 3> relations_;
};

}  // namespace microtome
