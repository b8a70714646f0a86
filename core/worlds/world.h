// Small languages that the project makes itself, from a seed: the text that the bundled models are trained on and examined with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/worlds/sentence.h"

namespace microtome {

/// A surface form: the text with its slots.
struct Form {
    std::string task, text;
    bool held_out = false;
};

/// Two prompts of equal length, and what the metric reads after them. `roles` as in Sentence.
struct WorldPair {
    Words clean, corrupt;
    Words answer, foil;
    std::map<std::string, std::pair<int, int>> roles;
    std::string label;
};

/// One kind of sentence.
class Task {
  public:
    virtual ~Task() = default;

    virtual std::string name() const = 0;
    /// What a suite measures: "accuracy" (the argmax is an answer) or "mass" (the answers' probability).
    virtual std::string metric() const { return "accuracy"; }
    /// Every word that a sentence of this task can hold.
    virtual Words words() const = 0;
    virtual std::vector<Form> forms() const = 0;
    virtual Sentence sample(Rng& rng, Split split) const = 0;
    /// Whether a held-out sentence belongs into the suite (agreement: only those with an attractor).
    virtual bool examines(const Sentence&) const { return true; }
    /// Kinds that a suite holds equally often; empty: as they come.
    virtual Words kinds() const { return {}; }
    virtual std::optional<WorldPair> pair(Rng& rng) const = 0;
};

struct SuiteItem {
    std::string prompt;  // without BOS: the model's own rule puts it there
    Words answers, foils;
    std::string kind;
};

/// Held-out items of one task.
struct Suite {
    std::string name, world, metric;
    std::uint64_t seed = 0;
    std::vector<SuiteItem> items;
};

class World {
  public:
    static constexpr int bos = 0, pad = 1, unk = 2;

    World(std::string name, std::uint64_t seed) : name_(std::move(name)), seed_(seed) {}
    virtual ~World() = default;

    const std::string& name() const { return name_; }
    std::uint64_t seed() const { return seed_; }
    /// id = index; the first three are <bos>, <pad>, <unk>.
    const Words& vocabulary() const { return vocabulary_; }
    int id(const std::string& word) const;
    std::vector<int> ids(const Words& words) const;
    const std::vector<std::unique_ptr<Task>>& tasks() const { return tasks_; }
    const Task& task(const std::string& name) const;

    /// <bos>, then as many sentences as fit; `length` tokens, so the last one may be cut.
    virtual std::vector<int> training_row(Rng& rng, int length) const = 0;
    /// What training begins with, where the recipe asks for it: rows that teach copying before the rest competes with it.
    virtual std::vector<int> warm_up_row(Rng& rng, int length) const { return training_row(rng, length); }

    /// `n` different held-out items; the same for the same seed.
    Suite suite(const std::string& task, int n) const;
    std::vector<WorldPair> pairs(const std::string& task, int n) const;

  protected:
    void set_vocabulary(const Words& words);
    std::vector<std::unique_ptr<Task>> tasks_;

  private:
    std::string name_;
    std::uint64_t seed_;
    Words vocabulary_;
    std::unordered_map<std::string, int> ids_;
};

/// "tinyworld" or "induction". The seed decides what is held out and which items the suites hold.
std::unique_ptr<World> make_world(const std::string& name, std::uint64_t seed);

/// vocab.json, tokenizer.json and tokenizer_config.json (Hugging Face, model WordLevel): words between spaces, <bos> in front.
void write_word_tokenizer(const std::filesystem::path& folder, const Words& words, int context);
/// vocab.json, tokenizer.json and tokenizer_config.json (Hugging Face, model WordLevel), prompts/TASK.jsonl, suites/TASK.json.
void write_world_files(const std::filesystem::path& folder, const World& world);
Suite read_suite(const std::filesystem::path& file);

}  // namespace microtome
