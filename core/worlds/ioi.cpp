// Indirect objects (Wang et al. 2022): two people, one gives; the text goes on with the other.
#include "core/worlds/tasks.h"

namespace microtome {
namespace {

Words places() {
    return split_words(
        "park store school office garden house market station library museum beach river church kitchen hotel farm bank theater forest "
        "bridge");
}

Words objects() {
    return split_words(
        "ball book ring letter drink flower key box cake kiss phone hat coat map pen cup bag toy picture song basket ticket");
}

Words openings() {
    return {"when {A} and {B} went to the {place} ,",
            "when {A} and {B} came back from the {place} ,",
            "after {A} and {B} went to the {place} ,",
            "~after {A} and {B} had worked at the {place} ,",
            "after {A} and {B} came home from the {place} ,",
            "while {A} and {B} were working at the {place} ,",
            "while {A} and {B} waited near the {place} ,",
            "as {A} and {B} walked to the {place} ,",
            "because {A} and {B} had some time at the {place} ,",
            "since {A} and {B} met at the {place} every day ,",
            "before {A} and {B} left the {place} ,",
            "~before {A} and {B} walked to the {place} ,",
            "once {A} and {B} found the {place} ,",
            "{A} and {B} met at the {place} and",
            "{A} and {B} were friends , so",
            "{A} and {B} went to the {place} . later",
            "{A} and {B} had a long day at the {place} . then",
            "{A} met {B} at the {place} and",
            "{A} saw {B} near the {place} , so",
            "{A} sat with {B} in the {place} until",
            "{A} worked with {B} at the {place} . after some time",
            "~{A} waited with {B} at the {place} and",
            "the {place} was full when {A} and {B} came . then",
            "at the {place} , {A} and {B} had a talk . then",
            "near the {place} {A} saw {B} . soon",
            "friends of {A} and {B} worked at the {place} , so",
            "it was late when {A} met {B} at the {place} , but",
            "at the {place} {A} and {B} found a {thing} , and",
            "when {A} got a {thing} from {B} at the {place} ,",
            "every day {A} and {B} go to the {place} , and"};
}

Words transfers() {
    return {"{S} gave a {object} to {answer}",
            "{S} gave the {object} to {answer}",
            "{S} handed a {object} to {answer}",
            "{S} handed the {object} to {answer}",
            "{S} sent a {object} to {answer}",
            "{S} passed the {object} to {answer}",
            "{S} showed the {object} to {answer}",
            "~{S} showed a {object} to {answer}",
            "{S} decided to give a {object} to {answer}",
            "{S} decided to sell the {object} to {answer}",
            "{S} wanted to give the {object} to {answer}",
            "{S} wanted to send a {object} to {answer}",
            "~{S} decided to send the {object} to {answer}",
            "{S} said hello to {answer}",
            "{S} told a long story to {answer}",
            "{S} brought the {object} to {answer}",
            "{S} brought a {object} for {answer}",
            "{S} bought a {object} for {answer}",
            "{S} bought the old {object} for {answer}",
            "{S} made a {object} for {answer}",
            "{S} found a new {object} for {answer}",
            "{S} took a {object} from {answer}",
            "{S} got the {object} from {answer}",
            "{S} had to sing for {answer}",
            "{S} lent a {object} to {answer}"};
}

Words leads() {
    return {"",
            "",
            "",
            "",
            "then ,",
            "one day ,",
            "in the morning ,",
            "yesterday ,",
            "as we all know ,",
            "in the evening ,",
            "long ago ,",
            "in the end ,"};
}

Words tails() {
    return {".", ".", ".", ".", "in the evening .", "and went home .", "before the rain came .", "with a smile .", "at once ."};
}

class Ioi : public Task {
  public:
    Ioi(NamesPtr names, std::uint64_t seed) : names_(std::move(names)), forms_("ioi", {openings(), transfers()}, seed, 15) {}

    std::string name() const override { return "ioi"; }
    Words words() const override { return words_of({openings(), transfers(), leads(), tails(), places(), objects(), names_->all()}); }

    std::vector<Form> forms() const override {
        std::vector<Form> all;
        for (std::size_t i = 0; i < forms_.size(); ++i) all.push_back({name(), forms_.text(i), forms_.held_out(i)});
        return all;
    }

    Sentence sample(Rng& rng, Split split) const override {
        const std::string form = rng.pick(leads_) + " " + forms_.text(forms_.sample(rng, split)) + " " + rng.pick(tails_);
        const auto [a, b] = names_->pair(rng, split);
        const bool abba = rng.chance(50);
        const std::string &subject = abba ? b : a, &other = abba ? a : b;
        Sentence sentence = fill_form(form, {{"A", a},
                                             {"B", b},
                                             {"S", subject},
                                             {"answer", other},
                                             {"place", rng.pick(places_)},
                                             {"object", rng.pick(objects_)},
                                             {"thing", rng.pick(objects_)}});
        sentence.roles["IO"] = sentence.roles.at(abba ? "A" : "B");
        sentence.roles["S1"] = sentence.roles.at(abba ? "B" : "A");
        sentence.roles["S2"] = sentence.roles.at("S");
        sentence.answers = {other};
        sentence.foils = {subject};
        sentence.kind = abba ? "abba" : "baba";
        return sentence;
    }

    /// Corrupted: the other name gives, so that the answer turns over.
    std::optional<WorldPair> pair(Rng& rng) const override {
        const Sentence sentence = sample(rng, Split::held_out);
        WorldPair pair{sentence.prompt(), sentence.prompt(), sentence.answers, sentence.foils, {}, sentence.kind};
        for (const char* role : {"IO", "S1", "S2"}) pair.roles[role] = sentence.roles.at(role);
        pair.corrupt[static_cast<std::size_t>(pair.roles["S2"].first)] = sentence.answers.front();
        return pair;
    }

  private:
    NamesPtr names_;
    FormSet forms_;
    Words leads_ = leads(), tails_ = tails(), places_ = places(), objects_ = objects();
};

}  // namespace

std::unique_ptr<Task> make_ioi(NamesPtr names, std::uint64_t seed) {
    return std::make_unique<Ioi>(std::move(names), seed);
}

}  // namespace microtome
