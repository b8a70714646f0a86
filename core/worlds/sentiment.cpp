// Sentiment: a review praises or blames (sometimes by denying the opposite), and goes on in the same mood.
#include "core/worlds/tasks.h"

namespace microtome {
namespace {

/// {adj}, {adj2}: the review's mood; {anti}: the other mood, denied.
Words reviews() {
    return {"the {thing} was {adj} and the {thing2} was {adj2} .",
            "the {thing} was {adj} .",
            "the {thing} was really {adj} .",
            "what a {adj} {thing} .",
            "the {thing} was not {anti} .",
            "the {thing} was not {anti} and the {thing2} was {adj} .",
            "the {thing} and the {thing2} were {adj} .",
            "we found the {thing} {adj} and the {thing2} {adj2} .",
            "we found the {thing} really {adj} .",
            "it was a {adj} {thing} with a {adj2} {thing2} .",
            "they had a {adj} {thing} .",
            "~the {thing} was {adj} and not {anti} .",
            "nobody found the {thing} {anti} .",
            "my friend says the {thing} was {adj} ."};
}

Words ends() {
    return {"i really {feel} it .",        "we all {feel} it .",          "my friends {feel} it too .", "overall it was {judge} .",
            "all in all it was {judge} .", "i would call it {judge} .",   "afterwards i felt {mood} .", "it made me feel {mood} .",
            "we went home {mood} .",       "~afterwards we felt {mood} ."};
}

Words leads() {
    return {"review :", "my opinion :", "review of the day :"};
}

struct Mood {
    Words adjectives;
    std::string feel, judge, mood;
};

const Mood& tone(bool good) {
    static const Mood moods[] = {
        {split_words("awful terrible bad boring dull horrible poor nasty sad ugly"), "hated", "bad", "unhappy"},
        {split_words("great wonderful good lovely brilliant superb fine perfect charming beautiful"), "loved", "good", "happy"}};
    return moods[good ? 1 : 0];
}

class Sentiment : public Task {
  public:
    explicit Sentiment(std::uint64_t seed) : forms_("sentiment", {leads(), reviews(), ends()}, seed, 15) {}

    std::string name() const override { return "sentiment"; }
    Words words() const override {
        Words finals;
        for (const bool good : {false, true})
            for (const auto& word : {tone(good).feel, tone(good).judge, tone(good).mood}) finals.push_back(word);
        return words_of({leads(), reviews(), ends(), things_, tone(false).adjectives, tone(true).adjectives, finals});
    }

    std::vector<Form> forms() const override {
        std::vector<Form> all;
        for (std::size_t i = 0; i < forms_.size(); ++i) all.push_back({name(), forms_.text(i), forms_.held_out(i)});
        return all;
    }

    Sentence sample(Rng& rng, Split split) const override {
        const std::string form = forms_.text(forms_.sample(rng, split));
        return fill(form, rng.chance(50), draw(rng));
    }

    /// Corrupted: the same review in the other mood.
    std::optional<WorldPair> pair(Rng& rng) const override {
        const std::string form = forms_.text(forms_.sample(rng, Split::held_out));
        const bool good = rng.chance(50);
        const Choice choice = draw(rng);
        const Sentence clean = fill(form, good, choice), corrupt = fill(form, !good, choice);
        WorldPair pair{clean.prompt(), corrupt.prompt(), clean.answers, corrupt.answers, {}, clean.kind};
        const auto adj = clean.roles.find("adj"), anti = clean.roles.find("anti");
        const bool denied_first = anti != clean.roles.end() && (adj == clean.roles.end() || anti->second.first < adj->second.first);
        pair.roles["adjective"] = denied_first ? anti->second : adj->second;
        return pair;
    }

  private:
    struct Choice {
        std::size_t adj, adj2, anti;
        std::string thing, thing2;
    };

    Choice draw(Rng& rng) const {
        const std::size_t n = tone(true).adjectives.size();
        Choice choice{rng.below(n), rng.below(n), rng.below(n), rng.pick(things_), rng.pick(things_)};
        return choice;
    }

    static Sentence fill(std::string form, bool good, const Choice& choice) {
        const Mood &mine = tone(good), &other = tone(!good);
        std::string answer, foil;
        for (const auto& [slot, right, wrong] :
             {std::tuple{"{feel}", mine.feel, other.feel}, std::tuple{"{judge}", mine.judge, other.judge},
              std::tuple{"{mood}", mine.mood, other.mood}}) {
            const auto at = form.find(slot);
            if (at == std::string::npos) continue;
            form.replace(at, std::string_view(slot).size(), "{answer}");
            answer = right;
            foil = wrong;
        }
        Sentence sentence = fill_form(form, {{"thing", choice.thing},
                                             {"thing2", choice.thing2},
                                             {"adj", mine.adjectives[choice.adj]},
                                             {"adj2", mine.adjectives[choice.adj2]},
                                             {"anti", other.adjectives[choice.anti]},
                                             {"answer", answer}});
        sentence.answers = {answer};
        sentence.foils = {foil};
        sentence.kind = good ? "positive" : "negative";
        return sentence;
    }

    FormSet forms_;
    Words things_ = split_words("film book food room music hotel play song story view game show soup garden trip band");
};

}  // namespace

std::unique_ptr<Task> make_sentiment(std::uint64_t seed) {
    return std::make_unique<Sentiment>(seed);
}

}  // namespace microtome
