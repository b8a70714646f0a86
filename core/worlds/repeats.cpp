// Repeated random sequences: what came after this word last time comes again (Olsson et al. 2022).
#include <algorithm>

#include "core/worlds/tasks.h"

namespace microtome {
namespace {

class Repeats : public Task {
  public:
    Repeats(Words words, int shortest, int longest) : words_(std::move(words)), shortest_(shortest), longest_(longest) {}

    std::string name() const override { return "induction"; }
    Words words() const override { return words_; }
    std::vector<Form> forms() const override { return {}; }

    /// A segment of different words and its repetition; the answer lies in the repetition. No two samples are likely to be equal,
    /// so that there is nothing to hold out.
    Sentence sample(Rng& rng, Split) const override {
        const int n = rng.between(shortest_, longest_);
        Sentence sentence;
        sentence.words = different(rng, n);
        const Words first = sentence.words;
        sentence.words.insert(sentence.words.end(), first.begin(), first.end());
        sentence.answer_at = n + rng.between(1, n - 1);
        sentence.answers = {sentence.words[static_cast<std::size_t>(sentence.answer_at)]};
        sentence.foils = first;
        std::erase(sentence.foils, sentence.answers.front());
        sentence.roles["source"] = {sentence.answer_at - n, sentence.answer_at - n};
        sentence.roles["previous"] = {sentence.answer_at - n - 1, sentence.answer_at - n - 1};
        return sentence;
    }

    /// Corrupted: another word followed the first time.
    std::optional<WorldPair> pair(Rng& rng) const override {
        const Sentence sentence = sample(rng, Split::held_out);
        WorldPair pair{sentence.prompt(), sentence.prompt(), sentence.answers, {}, sentence.roles, {}};
        auto& word = pair.corrupt[static_cast<std::size_t>(pair.roles["source"].first)];
        const auto used = [&](const std::string& w) {
            return std::find(sentence.words.begin(), sentence.words.end(), w) != sentence.words.end();
        };
        do {
            word = rng.pick(words_);
        } while (used(word));
        pair.foil = {word};
        return pair;
    }

  private:
    Words different(Rng& rng, int n) const {
        Words drawn;
        while (static_cast<int>(drawn.size()) < n) {
            const std::string& word = rng.pick(words_);
            if (std::find(drawn.begin(), drawn.end(), word) == drawn.end()) drawn.push_back(word);
        }
        return drawn;
    }

    Words words_;
    int shortest_, longest_;
};

}  // namespace

std::unique_ptr<Task> make_repeats(Words words, int shortest, int longest) {
    return std::make_unique<Repeats>(std::move(words), shortest, longest);
}

}  // namespace microtome
