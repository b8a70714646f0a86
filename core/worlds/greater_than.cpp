// Greater-than (Hanna et al. 2023): a span of years ends after it began. A two-digit year is one word.
#include "core/worlds/tasks.h"

namespace microtome {
namespace {

Words events() {
    return split_words(
        "war siege strike feast plague famine march storm drought trial voyage expedition festival revolt reform rule peace project "
        "dispute "
        "conflict campaign tour exhibition lawsuit boom crisis alliance occupation reign quest");
}

Words openings() {
    return {"the {event} lasted",
            "the {event} went on",
            "the long {event} lasted",
            "the great {event} took place",
            "the {event} was held",
            "people remember the {event}",
            "the book describes the {event}",
            "the {event} continued",
            "^the long {event} went on",
            "the famous {event} took place",
            "our {event} lasted",
            "the first {event} was held",
            "the {event} in northern lands lasted",
            "the second {event} continued"};
}

Words spans() {
    return {"from {century} {year} to {century} {answer}",
            "from the year {century} {year} to the year {century} {answer}",
            "between {century} {year} and {century} {answer}",
            "from {century} {year} until {century} {answer}",
            "from early {century} {year} to late {century} {answer}",
            "^from early {century} {year} until late {century} {answer}",
            "beginning in {century} {year} and ending in {century} {answer}",
            "which began in {century} {year} and ended in {century} {answer}",
            "between the years {century} {year} and {century} {answer}",
            "since {century} {year} and until {century} {answer}"};
}

Words tails() {
    return {".", ".", ".", "in the end .", "as we know ."};
}

std::string two_digits(int n) {
    return {static_cast<char>('0' + n / 10), static_cast<char>('0' + n % 10)};
}

Words years(int first, int last) {
    Words all;
    for (int year = first; year <= last; ++year) all.push_back(two_digits(year));
    return all;
}

class GreaterThan : public Task {
  public:
    explicit GreaterThan(std::uint64_t seed) : seed_(seed), forms_("greater_than", {openings(), spans()}, seed, 15) {}

    std::string name() const override { return "greater_than"; }
    std::string metric() const override { return "mass"; }
    Words words() const override { return words_of({years(0, 99), openings(), spans(), tails(), events_}); }

    std::vector<Form> forms() const override {
        std::vector<Form> all;
        for (std::size_t i = 0; i < forms_.size(); ++i) all.push_back({name(), forms_.text(i), forms_.held_out(i)});
        return all;
    }

    /// Held out are forms and starts (century and year).
    Sentence sample(Rng& rng, Split split) const override {
        const std::string form = forms_.text(forms_.sample(rng, split)) + " " + rng.pick(tails_);
        for (;;) {
            const std::string century = two_digits(rng.between(11, 19));
            const int year = rng.between(1, 98);
            if (held_out(century, year) == (split == Split::held_out))
                return fill(form, century, year, rng.between(year + 1, 99), rng.pick(events_));
        }
    }

    /// Corrupted: it began in the year 01 of the century, so that any year may follow.
    std::optional<WorldPair> pair(Rng& rng) const override {
        const Sentence sentence = sample(rng, Split::held_out);
        if (sentence.foils.size() <= 2) return std::nullopt;
        WorldPair pair{sentence.prompt(), sentence.prompt(), sentence.answers, sentence.foils, {}, {}};
        for (const char* role : {"year", "century", "event"}) pair.roles[role] = sentence.roles.at(role);
        pair.corrupt[static_cast<std::size_t>(pair.roles["year"].first)] = "01";
        return pair;
    }

  private:
    bool held_out(const std::string& century, int year) const { return hash64("year/" + century + two_digits(year), seed_) % 100 < 15; }

    static Sentence fill(const std::string& form, const std::string& century, int year, int end, const std::string& event) {
        Sentence sentence =
            fill_form(form, {{"event", event}, {"century", century}, {"year", two_digits(year)}, {"answer", two_digits(end)}});
        sentence.answers = years(year + 1, 99);
        sentence.foils = years(0, year);
        return sentence;
    }

    std::uint64_t seed_;
    FormSet forms_;
    Words events_ = events(), tails_ = tails();
};

}  // namespace

std::unique_ptr<Task> make_greater_than(std::uint64_t seed) {
    return std::make_unique<GreaterThan>(seed);
}

}  // namespace microtome
