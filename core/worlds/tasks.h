// The tasks of the languages. `seed` decides what is held out.
#pragma once

#include <memory>

#include "core/worlds/facts.h"
#include "core/worlds/names.h"
#include "core/worlds/world.h"

namespace microtome {

using NamesPtr = std::shared_ptr<const Names>;
using FactsPtr = std::shared_ptr<const FactBook>;

std::unique_ptr<Task> make_ioi(NamesPtr names, std::uint64_t seed);
std::unique_ptr<Task> make_pronouns(NamesPtr names, std::uint64_t seed);
std::unique_ptr<Task> make_facts(FactsPtr facts, std::uint64_t seed);
std::unique_ptr<Task> make_truth(FactsPtr facts, std::uint64_t seed);
std::unique_ptr<Task> make_speakers(FactsPtr facts, std::uint64_t seed);
std::unique_ptr<Task> make_agreement(std::uint64_t seed);
std::unique_ptr<Task> make_greater_than(std::uint64_t seed);
std::unique_ptr<Task> make_refusal(std::uint64_t seed);
std::unique_ptr<Task> make_sentiment(std::uint64_t seed);

/// Repeated sequences of different random words. Lengths of the repeated part: [shortest, longest].
std::unique_ptr<Task> make_repeats(Words words, int shortest, int longest);

/// Every word of these texts, slots left out.
Words words_of(const std::vector<Words>& texts);

}  // namespace microtome
