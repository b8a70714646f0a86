#include "core/worlds/bigram.h"

#include <algorithm>

namespace microtome {

void Bigram::add(const std::vector<int>& row) {
    for (std::size_t i = 1; i < row.size(); ++i) ++counts_[static_cast<std::size_t>(row[i - 1]) * size_ + static_cast<std::size_t>(row[i])];
}

int Bigram::best(int last) const {
    const auto begin = counts_.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(last) * size_);
    return static_cast<int>(std::max_element(begin, begin + static_cast<std::ptrdiff_t>(size_)) - begin);
}

double Bigram::probability(int last, int next) const {
    const std::size_t row = static_cast<std::size_t>(last) * size_;
    double total = 0;
    for (std::size_t i = 0; i < size_; ++i) total += counts_[row + i];
    return total == 0 ? 0 : counts_[row + static_cast<std::size_t>(next)] / total;
}

Bigram count_bigrams(const World& world, int rows, int length) {
    Bigram bigram(world.vocabulary().size());
    Rng rng(hash64("bigram", world.seed()));
    for (int i = 0; i < rows; ++i) bigram.add(world.training_row(rng, length));
    return bigram;
}

double bigram_score(const Bigram& bigram, const World& world, const Suite& suite) {
    double sum = 0;
    for (const auto& item : suite.items) {
        const Words words = split_words(item.prompt);
        const int last = words.empty() ? World::bos : world.id(words.back());
        const auto answers = world.ids(item.answers);
        if (suite.metric == "mass") {
            for (const int answer : answers) sum += bigram.probability(last, answer);
        } else if (std::find(answers.begin(), answers.end(), bigram.best(last)) != answers.end()) {
            sum += 1;
        }
    }
    return suite.items.empty() ? 0 : sum / static_cast<double>(suite.items.size());
}

}  // namespace microtome
