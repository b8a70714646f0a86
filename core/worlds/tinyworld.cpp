// tinyworld: sentences of ten kinds, packed after one <bos>.
#include "core/base/error.h"
#include "core/worlds/tasks.h"

namespace microtome {
namespace {

// How random stretches come again in a row: nothing but copying predicts it.
struct Repeats {
    int brief_percent;  // so many stretches have 2 to 8 words and come again up to five times
    int shortest;       // of the others, of up to 30 words, that come again once or twice
    int gap_percent, longest_gap;
};

std::vector<int> repeating_row(Rng& rng, int length, const std::vector<int>& words, const Repeats& how) {
    std::vector<int> row{World::bos};
    const auto noise = [&](int n) {
        for (int i = 0; i < n; ++i) row.push_back(rng.pick(words));
    };
    noise(rng.between(0, 6));
    while (static_cast<int>(row.size()) < length) {
        const bool brief = rng.chance(how.brief_percent);
        const std::size_t begin = row.size();
        noise(brief ? rng.between(2, 8) : rng.between(how.shortest, 30));
        const std::size_t end = row.size();
        for (int times = brief ? rng.between(2, 5) : rng.between(1, 2); times > 0; --times) {
            if (rng.chance(how.gap_percent)) noise(rng.between(1, how.longest_gap));
            for (std::size_t i = begin; i < end; ++i) row.push_back(row[i]);
        }
    }
    row.resize(static_cast<std::size_t>(length));
    return row;
}

class Tinyworld : public World {
  public:
    explicit Tinyworld(std::uint64_t seed) : World("tinyworld", seed) {
        const auto names = std::make_shared<const Names>(seed);
        const auto facts = std::make_shared<const FactBook>(seed);
        add(16, make_ioi(names, seed));
        add(12, make_facts(facts, seed));
        add(18, make_agreement(seed));
        add(12, make_greater_than(seed));
        add(16, make_truth(facts, seed));
        add(12, make_speakers(facts, seed));
        add(4, make_refusal(seed));
        add(8, make_pronouns(names, seed));
        add(6, make_sentiment(seed));
        Words words;
        for (const auto& task : tasks_)
            for (auto& word : task->words()) words.push_back(std::move(word));
        set_vocabulary(words);
        add(2, make_repeats({vocabulary().begin() + 3, vocabulary().end()}, 4, 30));
        all_ = ids({vocabulary().begin() + 3, vocabulary().end()});
    }

    /// One row in five only repeats.
    std::vector<int> training_row(Rng& rng, int length) const override {
        if (rng.chance(repeating_percent)) return repeating_row(rng, length, all_, repeats);
        std::vector<int> row{bos};
        while (static_cast<int>(row.size()) < length) {
            const Sentence sentence = tasks_[draw(rng)]->sample(rng, Split::train);
            for (const auto& word : sentence.words) row.push_back(id(word));
        }
        row.resize(static_cast<std::size_t>(length));
        return row;
    }

    std::vector<int> warm_up_row(Rng& rng, int length) const override { return repeating_row(rng, length, all_, repeats); }

  private:
    static constexpr int repeating_percent = 20;
    static constexpr Repeats repeats{60, 8, 25, 4};

    void add(std::size_t weight, std::unique_ptr<Task> task) {
        tasks_.push_back(std::move(task));
        weights_.push_back(weight);
        total_ += weight;
    }

    std::size_t draw(Rng& rng) const {
        std::size_t left = rng.below(total_), task = 0;
        while (left >= weights_[task]) left -= weights_[task++];
        return task;
    }

    std::vector<std::size_t> weights_;
    std::size_t total_ = 0;
    std::vector<int> all_;
};

/// Rows of random syllables in which a stretch comes again after a gap.
class InductionWorld : public World {
  public:
    explicit InductionWorld(std::uint64_t seed) : World("induction", seed) {
        Words words;
        for (const char consonant : std::string_view("bdfgklmnprstvwz"))
            for (const char vowel : std::string_view("aeiou")) words.push_back({consonant, vowel});
        set_vocabulary(words);
        tasks_.push_back(make_repeats(words, 4, 30));
        all_ = ids({vocabulary().begin() + 3, vocabulary().end()});
    }

    std::vector<int> training_row(Rng& rng, int length) const override { return repeating_row(rng, length, all_, {0, 3, 40, 10}); }

  private:
    std::vector<int> all_;
};

}  // namespace

std::unique_ptr<World> make_world(const std::string& name, std::uint64_t seed) {
    if (name == "tinyworld") return std::make_unique<Tinyworld>(seed);
    if (name == "induction") return std::make_unique<InductionWorld>(seed);
    throw Error("world", "tinyworld or induction", name);
}

}  // namespace microtome
