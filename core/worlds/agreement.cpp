// Subject and verb agree across the nouns between them (Linzen et al. 2016).
#include "core/worlds/tasks.h"

namespace microtome {
namespace {

struct Nouns {
    Words singular, plural;
    Nouns(std::string_view one, std::string_view many) : singular(split_words(one)), plural(split_words(many)) {}
};

const Nouns& things() {
    static const Nouns nouns(
        "key book cabinet table picture lamp door chair window box bottle coin shoe candle car boat tree stone dog cat bird teacher "
        "student "
        "doctor farmer guard pilot singer neighbor painter",
        "keys books cabinets tables pictures lamps doors chairs windows boxes bottles coins shoes candles cars boats trees stones dogs "
        "cats "
        "birds teachers students doctors farmers guards pilots singers neighbors painters");
    return nouns;
}

Words leads() {
    return {"", "", "today", "now", "yesterday", "last year", "i think that", "we know that", "long ago", "at noon"};
}

bool past(const std::string& lead) {
    return lead == "yesterday" || lead == "last year" || lead == "long ago";
}

Words subjects() {
    return {"the {N}", "the old {N}", "the small {N}", "my {N}", "the other {N}", "^my other {N}"};
}

/// {M} and {K} are attractors; no verb in here gives the subject's number away, and none begins like another, so that its end is known.
Words modifiers() {
    return {"",
            "near the {M}",
            "by the {M}",
            "behind the {M}",
            "next to the {M}",
            "with the {M}",
            "from the {M}",
            "under the {M} of the {K}",
            "close to the {M} by the {K}",
            "right behind the {M} with the {K}",
            "of the {M} from the town",
            "that the {M} saw",
            "that the {M} lost near the {K}",
            "that the {M} behind the {K} liked",
            "^that the {M} next to the {K} had",
            "that belonged to the {M}",
            "which came with the {M}",
            "^under the {M} by the {K}",
            "in front of the {M}",
            "between the {M} and the {K}"};
}

Words predicates() {
    return {"{answer} old .",   "{answer} very old .", "{answer} new .",          "{answer} in the garden .", "{answer} here .",
            "{answer} clean .", "{answer} not here .", "{answer} in the house .", "{answer} ready .",         "{answer} near the river ."};
}

class Agreement : public Task {
  public:
    explicit Agreement(std::uint64_t seed) : forms_("agreement", {subjects(), modifiers()}, seed, 15) {}

    std::string name() const override { return "agreement"; }
    Words words() const override {
        return words_of({leads(), subjects(), modifiers(), predicates(), things().singular, things().plural, {"is", "are", "was", "were"}});
    }

    std::vector<Form> forms() const override {
        std::vector<Form> all;
        for (std::size_t i = 0; i < forms_.size(); ++i) all.push_back({name(), forms_.text(i) + " {answer}", forms_.held_out(i)});
        return all;
    }

    Sentence sample(Rng& rng, Split split) const override {
        const std::string lead = rng.pick(leads_);
        const std::string form = lead + " " + forms_.text(forms_.sample(rng, split)) + " " + rng.pick(predicates_);
        const bool many = rng.chance(50), many_m = rng.chance(50), many_k = rng.chance(50);
        return fill(form, past(lead), rng.below(things().singular.size()), many, noun(rng, many_m), noun(rng, many_k), many_m, many_k);
    }

    bool examines(const Sentence& sentence) const override { return sentence.kind == "attractor"; }

    /// Corrupted: the subject in the other number.
    std::optional<WorldPair> pair(Rng& rng) const override {
        Sentence sentence = sample(rng, Split::held_out);
        if (!examines(sentence)) return std::nullopt;
        WorldPair pair{sentence.prompt(), sentence.prompt(), sentence.answers, sentence.foils, {}, {}};
        pair.roles["subject"] = sentence.roles.at("N");
        pair.roles["attractor"] = sentence.roles.at("M");
        auto& subject = pair.corrupt[static_cast<std::size_t>(pair.roles["subject"].first)];
        const Nouns& nouns = things();
        for (std::size_t i = 0; i < nouns.singular.size(); ++i) {
            if (pair.clean[static_cast<std::size_t>(pair.roles["subject"].first)] == nouns.singular[i]) subject = nouns.plural[i];
            if (pair.clean[static_cast<std::size_t>(pair.roles["subject"].first)] == nouns.plural[i]) subject = nouns.singular[i];
        }
        const bool many = sentence.answers.front() == "are" || sentence.answers.front() == "were";
        pair.label = many ? "plural" : "singular";
        return pair;
    }

  private:
    static const std::string& noun(Rng& rng, bool many) { return rng.pick(many ? things().plural : things().singular); }

    Sentence fill(const std::string& form, bool was, std::size_t subject, bool many, const std::string& m, const std::string& k,
                  bool many_m, bool many_k) const {
        const std::string one_verb = was ? "was" : "is", many_verb = was ? "were" : "are";
        const std::string &answer = many ? many_verb : one_verb, &foil = many ? one_verb : many_verb;
        const std::string& n = (many ? things().plural : things().singular)[subject];
        Sentence sentence = fill_form(form, {{"N", n}, {"M", m}, {"K", k}, {"answer", answer}});
        sentence.answers = {answer};
        sentence.foils = {foil};
        const bool misled = (sentence.roles.count("M") != 0 && many_m != many) || (sentence.roles.count("K") != 0 && many_k != many);
        sentence.kind = misled ? "attractor" : "plain";
        return sentence;
    }

    FormSet forms_;
    Words leads_ = leads(), predicates_ = predicates();
};

}  // namespace

std::unique_ptr<Task> make_agreement(std::uint64_t seed) {
    return std::make_unique<Agreement>(seed);
}

}  // namespace microtome
