// Pronouns: "she" or "he" follows the person that the main clause is about, not the one in the clause before it.
#include "core/worlds/tasks.h"

namespace microtome {
namespace {

Words leads() {
    return {"",
            "while {B} slept ,",
            "after {B} left ,",
            "when {B} called ,",
            "because {B} was late ,",
            "before {B} came home ,",
            "~since {B} was away ,",
            "as {B} had no time ,",
            "while {B} worked at the {place} ,",
            "when {B} lost the {object} ,"};
}

Words clauses() {
    return {"{A} stayed at the {place}",
            "{A} bought a {object}",
            "{A} found the {object} in the {place}",
            "{A} went to the {place}",
            "{A} was very tired",
            "{A} sang a song",
            "{A} talked about the {object}",
            "{A} waited near the {place}",
            "~{A} walked to the {place}",
            "{A} took the {object} home",
            "{A} was happy",
            "{A} made a {object}",
            "{A} left the {place}"};
}

/// Alternately the personal and the possessive pronoun follow.
Words personal() {
    return {"because {answer} was happy .",  "because {answer} had some time .", "before {answer} slept .",
            "but {answer} was sad .",        "when {answer} was young .",        "although {answer} was late .",
            "so that {answer} could rest .", "~because {answer} was tired ."};
}

Words possessive() {
    return {"together with {answer} brother .", "for {answer} mother .",        "and lost {answer} coat .", "near {answer} house .",
            "and thought of {answer} sister .", "instead of {answer} father .", "and forgot {answer} bag ."};
}

class Pronouns : public Task {
  public:
    Pronouns(NamesPtr names, std::uint64_t seed) : names_(std::move(names)), forms_("pronouns", {leads(), clauses(), ends()}, seed, 15) {}

    std::string name() const override { return "pronouns"; }
    Words words() const override {
        return words_of({leads(), clauses(), ends(), places_, objects_, {"she", "he", "her", "his"}, names_->all()});
    }

    std::vector<Form> forms() const override {
        std::vector<Form> all;
        for (std::size_t i = 0; i < forms_.size(); ++i) all.push_back({name(), forms_.text(i), forms_.held_out(i)});
        return all;
    }

    Sentence sample(Rng& rng, Split split) const override {
        const std::string form = forms_.text(forms_.sample(rng, split));
        const auto [b, a] = names_->pair(rng, split);
        return fill(form, a, b, rng.pick(places_), rng.pick(objects_));
    }

    /// Corrupted: a name of the other gender in the main clause.
    std::optional<WorldPair> pair(Rng& rng) const override {
        const Sentence sentence = sample(rng, Split::held_out);
        WorldPair pair{sentence.prompt(), sentence.prompt(), sentence.answers, sentence.foils, {}, sentence.kind};
        pair.roles["subject"] = sentence.roles.at("A");
        if (sentence.roles.count("B") != 0) pair.roles["other"] = sentence.roles.at("B");
        auto& name = pair.corrupt[static_cast<std::size_t>(pair.roles["subject"].first)];
        name = names_->of(!names_->is_female(name), rng);
        return pair;
    }

  private:
    static Words ends() {
        Words all = personal();
        for (auto& end : possessive()) all.push_back(std::move(end));
        return all;
    }

    Sentence fill(const std::string& form, const std::string& a, const std::string& b, const std::string& place,
                  const std::string& object) const {
        const bool female = names_->is_female(a);
        bool owns = false;
        for (const auto& end : possessive()) owns = owns || form.find(end) != std::string::npos;
        const std::string she = owns ? "her" : "she", he = owns ? "his" : "he";
        const std::string &answer = female ? she : he, &foil = female ? he : she;
        Sentence sentence = fill_form(form, {{"A", a}, {"B", b}, {"place", place}, {"object", object}, {"answer", answer}});
        sentence.answers = {answer};
        sentence.foils = {foil};
        const bool alone = sentence.roles.count("B") == 0;
        sentence.kind = alone ? "alone" : names_->is_female(b) == female ? "same" : "different";
        return sentence;
    }

    NamesPtr names_;
    FormSet forms_;
    Words places_ =
        split_words("park store school office garden house market station library museum beach river church kitchen hotel farm");
    Words objects_ = split_words("ball book ring letter flower key box cake phone hat map pen cup toy picture basket ticket");
};

}  // namespace

std::unique_ptr<Task> make_pronouns(NamesPtr names, std::uint64_t seed) {
    return std::make_unique<Pronouns>(std::move(names), seed);
}

}  // namespace microtome
