#include "core/worlds/world.h"

#include <set>

#include "core/base/error.h"
#include "core/worlds/tasks.h"

namespace microtome {

Words words_of(const std::vector<Words>& texts) {
    Words words;
    for (const auto& list : texts) {
        for (const auto& text : list) {
            for (auto& word : split_words(text)) {
                std::erase_if(word, [](char c) { return c == '~' || c == '^'; });
                if (!word.starts_with('{')) words.push_back(std::move(word));
            }
        }
    }
    return words;
}

void World::set_vocabulary(const Words& words) {
    vocabulary_ = {"<bos>", "<pad>", "<unk>"};
    const std::set<std::string> sorted(words.begin(), words.end());
    vocabulary_.insert(vocabulary_.end(), sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < vocabulary_.size(); ++i) ids_.emplace(vocabulary_[i], static_cast<int>(i));
}

int World::id(const std::string& word) const {
    const auto found = ids_.find(word);
    return found == ids_.end() ? unk : found->second;
}

std::vector<int> World::ids(const Words& words) const {
    std::vector<int> ids;
    ids.reserve(words.size());
    for (const auto& word : words) ids.push_back(id(word));
    return ids;
}

const Task& World::task(const std::string& name) const {
    std::string names;
    for (const auto& task : tasks_) {
        if (task->name() == name) return *task;
        names += (names.empty() ? "" : ", ") + task->name();
    }
    throw Error("suite of " + name_, "one of " + names, name);
}

Suite World::suite(const std::string& name, int n) const {
    const Task& task = this->task(name);
    Suite suite{name, name_, task.metric(), seed_, {}};
    Rng rng(hash64("suite/" + name, seed_));
    const int share = task.kinds().empty() ? 0 : n / static_cast<int>(task.kinds().size());
    std::map<std::string, int> of_kind;
    std::set<std::string> seen;
    for (int tries = 0; static_cast<int>(suite.items.size()) < n && tries < 100 * n; ++tries) {
        const Sentence sentence = task.sample(rng, Split::held_out);
        std::string prompt = join_words(sentence.prompt());
        if (!task.examines(sentence) || (share != 0 && of_kind[sentence.kind] == share) || !seen.insert(prompt).second) continue;
        ++of_kind[sentence.kind];
        suite.items.push_back({std::move(prompt), sentence.answers, sentence.foils, sentence.kind});
    }
    return suite;
}

std::vector<WorldPair> World::pairs(const std::string& name, int n) const {
    const Task& task = this->task(name);
    std::vector<WorldPair> pairs;
    Rng rng(hash64("pairs/" + name, seed_));
    std::set<std::string> seen;
    for (int tries = 0; static_cast<int>(pairs.size()) < n && tries < 100 * n; ++tries) {
        auto pair = task.pair(rng);
        if (pair && seen.insert(join_words(pair->clean)).second) pairs.push_back(std::move(*pair));
    }
    return pairs;
}

}  // namespace microtome
