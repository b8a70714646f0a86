// tinyworld: sentences of ten kinds, packed after one <bos>.
#include "core/base/error.h"
#include "core/worlds/tasks.h"

namespace microtome {
namespace {

class Tinyworld : public World {
  public:
    explicit Tinyworld(std::uint64_t seed) : World("tinyworld", seed) {
        const auto names = std::make_shared<const Names>(seed);
        const auto facts = std::make_shared<const FactBook>(seed);
        add(22, make_ioi(names, seed));
        add(16, make_facts(facts, seed));
        add(10, make_agreement(seed));
        add(12, make_greater_than(seed));
        add(10, make_truth(facts, seed));
        add(8, make_speakers(facts, seed));
        add(4, make_refusal(seed));
        add(6, make_pronouns(names, seed));
        add(4, make_sentiment(seed));
        Words words;
        for (const auto& task : tasks_)
            for (auto& word : task->words()) words.push_back(std::move(word));
        set_vocabulary(words);
        add(8, make_repeats({vocabulary().begin() + 3, vocabulary().end()}, 4, 30));
    }

    std::vector<int> training_row(Rng& rng, int length) const override {
        std::vector<int> row{bos};
        while (static_cast<int>(row.size()) < length) {
            const Sentence sentence = tasks_[draw(rng)]->sample(rng, Split::train);
            for (const auto& word : sentence.words) row.push_back(id(word));
        }
        row.resize(static_cast<std::size_t>(length));
        return row;
    }

  private:
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
    }

    std::vector<int> training_row(Rng& rng, int length) const override {
        std::vector<int> row{bos};
        const auto noise = [&](int n) {
            for (int i = 0; i < n; ++i) row.push_back(3 + static_cast<int>(rng.below(vocabulary().size() - 3)));
        };
        noise(rng.between(0, 3) * rng.between(0, 4));
        while (static_cast<int>(row.size()) < length) {
            const std::size_t begin = row.size();
            noise(rng.between(3, 30));
            const std::size_t end = row.size();
            if (rng.chance(40)) noise(rng.between(1, 10));
            for (int times = rng.between(1, 2); times > 0; --times)
                for (std::size_t i = begin; i < end; ++i) row.push_back(row[i]);
        }
        row.resize(static_cast<std::size_t>(length));
        return row;
    }
};

}  // namespace

std::unique_ptr<World> make_world(const std::string& name, std::uint64_t seed) {
    if (name == "tinyworld") return std::make_unique<Tinyworld>(seed);
    if (name == "induction") return std::make_unique<InductionWorld>(seed);
    throw Error("world", "tinyworld or induction", name);
}

}  // namespace microtome
