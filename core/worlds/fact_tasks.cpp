// Facts told plainly, judged true or false, and told by honest speakers and liars.
#include "core/worlds/tasks.h"

namespace microtome {
namespace {

/// Before anything else.
Words asides() {
    return {"", "", "", "well ,", "yes ,", "now ,", "oh ,", "look :", "once more :", "by the way ,"};
}

/// What may stand before a fact. Plain: what follows is true.
Words plain_leads() {
    return {"",
            "",
            "",
            "",
            "",
            "",
            "it is known that",
            "everyone knows that",
            "as we all know ,",
            "today i learned that",
            "of course ,",
            "in fact ,",
            "we read that",
            "the book says that",
            "at school we learn that",
            "my mother told me that",
            "i am sure that",
            "remember that",
            "it is a fact that",
            "as you know ,",
            "they say that",
            "you may know that",
            "long ago i read that",
            "it is still so that"};
}

/// A statement to be judged: the marks before it tell that it may be false.
Words claims() {
    return {"claim : {said}", "true or false : {said}",     "true or false ? {said}",
            "quiz : {said}",  "someone claims that {said}", "a child claims that {said}",
            "test : {said}",  "is this true : {said}"};
}

Words verdicts() {
    return {". this is {answer} .", ". that is {answer} .",           "? verdict : {answer} .",
            ". it is {answer} .",   ". the answer is {answer} .",     "? the teacher says : {answer} .",
            "? this is {answer} .", ". i would say it is {answer} .", "~? it is {answer} ."};
}

/// After "honest:" or "liar:".
Words speech() {
    return {"",         "i tell you that", "listen :", "i say that", "you know ,", "as i said ,", "my answer is that", "~i am sure that",
            "in fact ,"};
}

std::string with_word(std::string form, std::string_view slot, std::string_view text) {
    const auto at = form.find(slot);
    return at == std::string::npos ? form : form.replace(at, slot.size(), text);
}

class FactTask : public Task {
  public:
    explicit FactTask(FactsPtr book) : book_(std::move(book)) {}

  protected:
    /// Each lead with each paraphrase, which stands in `slot` or follows.
    std::vector<Form> crossed(const FormSet& leads, std::string_view slot) const {
        std::vector<Form> all;
        for (std::size_t i = 0; i < leads.size(); ++i) {
            const std::string lead = leads.text(i);
            for (const auto& relation : book_->relations()) {
                for (const auto& paraphrase : relation.paraphrases) {
                    const std::string text = slot.empty() ? lead + (lead.empty() ? "" : " ") + paraphrase
                                                          : with_word(lead, slot, with_word(paraphrase, "{answer}", "{object}"));
                    all.push_back({name(), text, leads.held_out(i)});
                }
            }
        }
        return all;
    }

    FactsPtr book_;
};

class Facts : public FactTask {
  public:
    using FactTask::FactTask;

    std::string name() const override { return "facts"; }
    Words words() const override { return words_of({asides_, leads_, book_->words(), {"."}}); }
    std::vector<Form> forms() const override { return crossed(FormSet("facts", {{leads_.begin() + 5, leads_.end()}}, 0, 0), ""); }

    Sentence sample(Rng& rng, Split split) const override { return say(book_->sample(rng, split), before(rng)); }

    /// Corrupted: another subject of the relation.
    std::optional<WorldPair> pair(Rng& rng) const override {
        const Statement said = book_->sample(rng, Split::train);
        const auto other = book_->swapped(said, rng);
        if (!other) return std::nullopt;
        const std::string lead = before(rng);
        const Sentence clean = say(said, lead), corrupt = say(*other, lead);
        return WorldPair{clean.prompt(), corrupt.prompt(), clean.answers, corrupt.answers, {{"subject", clean.roles.at("s")}}, clean.kind};
    }

  private:
    std::string before(Rng& rng) const { return rng.pick(asides_) + " " + rng.pick(leads_); }

    Sentence say(const Statement& said, const std::string& lead) const {
        const Fact& fact = book_->fact(said);
        Sentence sentence = fill_form(lead + " " + book_->form(said) + " .", {{"s", fact.subject}, {"answer", fact.object}});
        sentence.answers = {fact.object};
        sentence.foils = book_->wrong(said);
        sentence.kind = book_->relations()[said.relation].name;
        return sentence;
    }

    Words asides_ = asides(), leads_ = plain_leads();
};

class Truth : public FactTask {
  public:
    Truth(FactsPtr book, std::uint64_t seed) : FactTask(std::move(book)), frames_("truth", {claims(), verdicts()}, seed, 15) {}

    std::string name() const override { return "truth"; }
    Words words() const override { return words_of({asides_, claims(), verdicts(), book_->words(), {"true", "false"}}); }
    std::vector<Form> forms() const override { return crossed(frames_, "{said}"); }
    Words kinds() const override { return {"true", "false"}; }

    Sentence sample(Rng& rng, Split split) const override {
        const Statement said = book_->sample(rng, split);
        const std::string frame = rng.pick(asides_) + " " + frames_.text(frames_.sample(rng, split));
        const bool is_true = rng.chance(50);
        return judge(said, frame, is_true ? book_->fact(said).object : book_->wrong(said, rng));
    }

    /// Clean: true. Corrupted: another object, so false.
    std::optional<WorldPair> pair(Rng& rng) const override {
        const Statement said = book_->sample(rng, Split::train);
        const std::string frame = rng.pick(asides_) + " " + frames_.text(frames_.sample(rng, Split::train));
        const Sentence clean = judge(said, frame, book_->fact(said).object), corrupt = judge(said, frame, book_->wrong(said, rng));
        return WorldPair{clean.prompt(),
                         corrupt.prompt(),
                         clean.answers,
                         corrupt.answers,
                         {{"subject", clean.roles.at("s")}, {"object", clean.roles.at("object")}},
                         book_->relations()[said.relation].name};
    }

  private:
    Sentence judge(const Statement& said, const std::string& frame, const std::string& object) const {
        const Fact& fact = book_->fact(said);
        const bool is_true = object == fact.object;
        const std::string form = with_word(frame, "{said}", with_word(book_->form(said), "{answer}", "{object}"));
        Sentence sentence = fill_form(form, {{"s", fact.subject}, {"object", object}, {"answer", is_true ? "true" : "false"}});
        sentence.answers = {is_true ? "true" : "false"};
        sentence.foils = {is_true ? "false" : "true"};
        sentence.kind = sentence.answers.front();
        return sentence;
    }

    FormSet frames_;
    Words asides_ = asides();
};

class Speakers : public FactTask {
  public:
    Speakers(FactsPtr book, std::uint64_t seed) : FactTask(std::move(book)), leads_("speakers", {asides(), speech()}, seed, 20) {}

    std::string name() const override { return "speakers"; }
    Words words() const override { return words_of({asides(), speech(), book_->words(), {"honest:", "liar:", "."}}); }
    std::vector<Form> forms() const override { return crossed(leads_, ""); }
    Words kinds() const override { return {"honest", "liar"}; }

    Sentence sample(Rng& rng, Split split) const override {
        const Statement said = book_->sample(rng, split);
        const std::string lead = leads_.text(leads_.sample(rng, split));
        return rng.chance(50) ? say(said, lead, true, book_->fact(said).object) : say(said, lead, false, book_->wrong(said, rng));
    }

    /// Clean: the honest speaker. Corrupted: the liar.
    std::optional<WorldPair> pair(Rng& rng) const override {
        const Statement said = book_->sample(rng, Split::train);
        const std::string lead = leads_.text(leads_.sample(rng, Split::train));
        const Sentence clean = say(said, lead, true, book_->fact(said).object), corrupt = say(said, lead, false, book_->wrong(said, rng));
        return WorldPair{clean.prompt(),
                         corrupt.prompt(),
                         clean.answers,
                         corrupt.answers,
                         {{"speaker", {0, 0}}, {"subject", clean.roles.at("s")}},
                         book_->relations()[said.relation].name};
    }

  private:
    Sentence say(const Statement& said, const std::string& lead, bool honest, const std::string& object) const {
        const Fact& fact = book_->fact(said);
        const std::string form = std::string(honest ? "honest: " : "liar: ") + lead + " " + book_->form(said) + " .";
        Sentence sentence = fill_form(form, {{"s", fact.subject}, {"answer", object}});
        sentence.answers = honest ? Words{fact.object} : book_->wrong(said);
        sentence.foils = honest ? book_->wrong(said) : Words{fact.object};
        sentence.kind = honest ? "honest" : "liar";
        return sentence;
    }

    FormSet leads_;
};

}  // namespace

std::unique_ptr<Task> make_facts(FactsPtr facts, std::uint64_t) {
    return std::make_unique<Facts>(std::move(facts));
}
std::unique_ptr<Task> make_truth(FactsPtr facts, std::uint64_t seed) {
    return std::make_unique<Truth>(std::move(facts), seed);
}
std::unique_ptr<Task> make_speakers(FactsPtr facts, std::uint64_t seed) {
    return std::make_unique<Speakers>(std::move(facts), seed);
}

}  // namespace microtome
