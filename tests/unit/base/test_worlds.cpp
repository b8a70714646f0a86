#include <QTemporaryDir>
#include <QTest>
#include <map>
#include <set>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/worlds/bigram.h"
#include "core/worlds/facts.h"
#include "core/worlds/names.h"
#include "core/worlds/world.h"

using namespace microtome;

namespace {

const World& tinyworld() {
    static const auto world = make_world("tinyworld", 0);
    return *world;
}

/// 20,000 training rows as text, split into sentences at nothing: " w1 w2 … " with a blank at both ends.
const std::vector<std::string>& rows() {
    static const std::vector<std::string> texts = [] {
        std::vector<std::string> made;
        Rng rng(1);
        for (int i = 0; i < 20000; ++i) {
            std::string text = " ";
            for (const int id : tinyworld().training_row(rng, 64)) text += tinyworld().vocabulary()[static_cast<std::size_t>(id)] + " ";
            made.push_back(std::move(text));
        }
        return made;
    }();
    return texts;
}

int count(const std::string& part) {
    int found = 0;
    for (const auto& row : rows()) found += row.find(part) != std::string::npos ? 1 : 0;
    return found;
}

/// The words of a form between slots are literal, a slot stands for one word (two in {s}); true if `row` holds it.
bool holds(const Words& row, const Words& form, std::size_t at, std::size_t word) {
    if (word == form.size()) return true;
    if (at == row.size()) return false;
    if (form[word].front() != '{') return row[at] == form[word] && holds(row, form, at + 1, word + 1);
    return holds(row, form, at + 1, word + 1) || (form[word] == "{s}" && at + 1 < row.size() && holds(row, form, at + 2, word + 1));
}

/// The longest run of words without a slot, with blanks around it: rows without it need no closer look.
std::string longest_literal(const Words& form) {
    std::string best, run = " ";
    for (const auto& word : form) {
        run = word.front() == '{' ? " " : run + word + " ";
        if (run.size() > best.size()) best = run;
    }
    return best;
}

}  // namespace

class TestWorlds : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void the_generator_is_splitmix64() {
        Rng rng(1234567);  // reference values: Vigna's splitmix64.c
        QCOMPARE(rng.next(), std::uint64_t{6457827717110365317ULL});
        QCOMPARE(rng.next(), std::uint64_t{3203168211198807973ULL});
        for (int i = 0; i < 1000; ++i) QVERIFY(rng.below(7) < 7);
    }

    void rows_depend_on_the_seed_alone() {
        const auto digest = [](const std::string& name, std::uint64_t seed) {
            const auto world = make_world(name, seed);
            Rng rng(5);
            std::string text;
            for (int i = 0; i < 50; ++i)
                for (const int id : world->training_row(rng, 64)) text += world->vocabulary()[static_cast<std::size_t>(id)] + " ";
            return sha256(text);
        };
        QCOMPARE(digest("tinyworld", 0), digest("tinyworld", 0));
        QVERIFY(digest("tinyworld", 0) != digest("tinyworld", 1));
    }

    void rows_are_packed_after_one_bos() {
        for (const char* name : {"tinyworld", "induction"}) {
            const auto world = make_world(name, 0);
            Rng rng(2);
            for (int i = 0; i < 200; ++i) {
                const auto row = world->training_row(rng, 64);
                QCOMPARE(row.size(), std::size_t{64});
                QCOMPARE(row[0], World::bos);
                for (std::size_t k = 1; k < row.size(); ++k)
                    QVERIFY(row[k] > World::unk && row[k] < static_cast<int>(world->vocabulary().size()));
            }
        }
    }

    void the_language_is_rich() {
        std::map<std::string, std::set<std::string>> forms;
        for (const auto& task : tinyworld().tasks())
            for (const auto& form : task->forms()) forms[task->name()].insert(form.text);
        std::size_t all = 0;
        for (const auto& [task, texts] : forms) all += texts.size();
        QVERIFY(all >= 200);
        QVERIFY(forms.at("ioi").size() >= 60);
        QVERIFY(tinyworld().vocabulary().size() <= 900);
        QCOMPARE(tinyworld().tasks().size(), std::size_t{10});
    }

    void sentences_are_short_enough() {
        Rng rng(3);
        for (const auto& task : tinyworld().tasks()) {
            for (int i = 0; i < 2000; ++i) {
                const auto sentence = task->sample(rng, i % 2 == 0 ? Split::train : Split::held_out);
                QVERIFY(sentence.words.size() <= (task->name() == "induction" ? 63U : 40U));
                QVERIFY(sentence.answer_at > 0);
                QCOMPARE(std::count(sentence.answers.begin(), sentence.answers.end(),
                                    sentence.words[static_cast<std::size_t>(sentence.answer_at)]),
                         std::ptrdiff_t{1});
            }
        }
    }

    void the_session_example_is_in_the_language() {
        const Words example = split_words("when ann and tom went to the park , tom gave a ball to");
        bool found = false;
        for (const auto& form : tinyworld().task("ioi").forms())
            found = found || form.text.starts_with("when {A} and {B} went to the {place} , {S} gave a {object} to");
        QVERIFY(found);
        for (const int id : tinyworld().ids(example)) QVERIFY(id != World::unk);
    }

    void held_out_names_are_absent() {
        const Names names(0);
        const std::set<std::string> all(names.all().begin(), names.all().end());
        std::set<std::pair<std::string, std::string>> seen;
        for (const auto& row : rows()) {
            for (auto at = row.find(" and "); at != std::string::npos; at = row.find(" and ", at + 1)) {
                const auto before = row.rfind(' ', at - 1) + 1, after = row.find(' ', at + 5);
                if (before < at && after != std::string::npos)
                    seen.emplace(row.substr(before, at - before), row.substr(at + 5, after - at - 5));
            }
        }
        std::erase_if(seen, [&](const auto& pair) { return all.count(pair.first) == 0 || all.count(pair.second) == 0; });
        QVERIFY(seen.size() > 700);  // the check below could fail
        for (const auto& [a, b] : seen) QVERIFY2(!names.held_out(a, b), (a + " and " + b).c_str());
        std::size_t held_out = 0;
        for (const auto& a : all)
            for (const auto& b : all) held_out += a != b && names.held_out(a, b) ? 1 : 0;
        QVERIFY(held_out > 100);
    }

    void held_out_forms_are_absent() {
        for (const char* task : {"ioi", "greater_than", "sentiment"}) {
            int held_out = 0, seen = 0, checked = 0;
            for (const auto& form : tinyworld().task(task).forms()) {
                if (!form.held_out && ++checked % 10 != 0) continue;
                const Words words = split_words(form.text);
                const std::string literal = longest_literal(words);
                bool found = false;
                for (const auto& row : rows()) {
                    if (found || row.find(literal) == std::string::npos) continue;
                    const Words text = split_words(row);
                    for (std::size_t at = 0; at < text.size() && !found; ++at) found = holds(text, words, at, 0);
                }
                if (form.held_out) {
                    ++held_out;
                    QVERIFY2(!found, form.text.c_str());
                } else {
                    seen += found ? 1 : 0;
                }
            }
            QVERIFY(held_out >= 10);
            QVERIFY2(seen >= 5, task);  // the check above could fail
        }
    }

    void facts_are_consistent() {
        const FactBook book(0);
        int subjects = 0, withheld = 0, two_words = 0;
        std::map<std::string, std::string> objects;
        for (std::size_t r = 0; r < book.relations().size(); ++r) {
            for (std::size_t f = 0; f < book.relations()[r].facts.size(); ++f) {
                const Fact& fact = book.relations()[r].facts[f];
                QVERIFY2(objects.emplace(fact.subject, fact.object).second, fact.subject.c_str());
                QCOMPARE(split_words(fact.object).size(), std::size_t{1});
                ++subjects;
                two_words += split_words(fact.subject).size() == 2 ? 1 : 0;
                if (fact.withheld < 0) continue;
                ++withheld;
                const Statement said{r, f, static_cast<std::size_t>(fact.withheld)};
                std::string text = book.form(said);
                text.replace(text.find("{s}"), 3, fact.subject);
                text.erase(text.find("{answer}"));
                QVERIFY2(count(" " + text) == 0, text.c_str());
            }
        }
        QCOMPARE(subjects, 60);
        QCOMPARE(withheld, 18);
        QVERIFY(two_words >= 15);
    }

    void plain_facts_are_true_and_liars_lie() {
        const FactBook book(0);
        Rng rng(7);
        for (int i = 0; i < 3000; ++i) {
            for (const char* task : {"facts", "speakers", "truth"}) {
                const auto sentence = tinyworld().task(task).sample(rng, Split::train);
                const auto [first, last] = sentence.roles.at("s");
                const std::string subject = join_words({sentence.words.begin() + first, sentence.words.begin() + last + 1});
                const bool judged = std::string(task) == "truth";
                const int at = judged ? sentence.roles.at("object").first : sentence.answer_at;
                std::string object;
                for (const auto& relation : book.relations())
                    for (const auto& fact : relation.facts)
                        if (fact.subject == subject) object = fact.object;
                const bool is_true = sentence.words[static_cast<std::size_t>(at)] == object;
                QCOMPARE(is_true, sentence.kind != "liar" && sentence.kind != "false");
            }
        }
    }

    void suites_hold_enough_and_differ_from_the_baseline() {
        const Bigram bigram = count_bigrams(tinyworld(), 2000, 64);
        for (const auto& task : tinyworld().tasks()) {
            const Suite suite = tinyworld().suite(task->name(), 500);
            QVERIFY2(suite.items.size() == 500, task->name().c_str());
            std::set<std::string> prompts;
            for (const auto& item : suite.items) {
                prompts.insert(item.prompt);
                QVERIFY(!item.answers.empty());
                for (const auto* words : {&item.answers, &item.foils})
                    for (const auto& word : *words) QVERIFY2(tinyworld().id(word) > World::unk, word.c_str());
                for (const auto& word : split_words(item.prompt)) QVERIFY2(tinyworld().id(word) > World::unk, word.c_str());
                for (const auto& foil : item.foils)
                    QVERIFY(std::find(item.answers.begin(), item.answers.end(), foil) == item.answers.end());
            }
            QCOMPARE(prompts.size(), std::size_t{500});
            const double score = bigram_score(bigram, tinyworld(), suite);
            QVERIFY2(score < 0.6, (task->name() + ": " + std::to_string(score)).c_str());
        }
    }

    void pairs_differ_where_their_spans_say() {
        const std::map<std::string, std::string> changed{
            {"ioi", "S2"},           {"facts", "subject"}, {"agreement", "subject"}, {"greater_than", "year"},   {"truth", "object"},
            {"speakers", "speaker"}, {"refusal", "harm"},  {"pronouns", "subject"},  {"sentiment", "adjective"}, {"induction", "source"}};
        for (const auto& task : tinyworld().tasks()) {
            const auto pairs = tinyworld().pairs(task->name(), 120);
            QVERIFY2(pairs.size() >= 100, task->name().c_str());
            for (const auto& pair : pairs) {
                QCOMPARE(pair.clean.size(), pair.corrupt.size());
                int first = 0;
                while (pair.clean[static_cast<std::size_t>(first)] == pair.corrupt[static_cast<std::size_t>(first)]) ++first;
                const auto [begin, end] = pair.roles.at(changed.at(task->name()));
                QVERIFY2(begin <= first && first <= end, join_words(pair.clean).c_str());
                QVERIFY(!pair.answer.empty() && !pair.foil.empty() && pair.answer != pair.foil);
            }
        }
    }

    void spans_point_at_the_words() {
        for (const auto& pair : tinyworld().pairs("ioi", 120)) {
            const auto word = [&](const char* role) { return pair.clean[static_cast<std::size_t>(pair.roles.at(role).first)]; };
            QCOMPARE(word("IO"), pair.answer.front());
            QCOMPARE(word("S1"), pair.foil.front());
            QCOMPARE(word("S2"), pair.foil.front());
            QVERIFY(pair.roles.at("S1").first < pair.roles.at("S2").first);
        }
        for (const auto& pair : tinyworld().pairs("induction", 120)) {
            const auto word = [&](const char* role) { return pair.clean[static_cast<std::size_t>(pair.roles.at(role).first)]; };
            QCOMPARE(word("source"), pair.answer.front());
            QCOMPARE(word("previous"), pair.clean.back());
        }
        for (const auto& pair : tinyworld().pairs("greater_than", 120)) {
            const auto year = std::stoi(pair.clean[static_cast<std::size_t>(pair.roles.at("year").first)]);
            QCOMPARE(static_cast<int>(pair.answer.size()), 99 - year);
            QCOMPARE(std::stoi(pair.foil.back()), year);
        }
    }

    void files_are_written_and_read_back() {
        QTemporaryDir folder;
        const std::filesystem::path path = folder.path().toStdString();
        write_world_files(path, tinyworld());
        const Json vocabulary = read_json(path / "vocab.json"), tokenizer = read_json(path / "tokenizer.json");
        QCOMPARE(vocabulary.size(), tinyworld().vocabulary().size());
        QCOMPARE(vocabulary.at("ann").get<int>(), tinyworld().id("ann"));
        QVERIFY(tokenizer.at("model").at("vocab") == vocabulary);
        for (const auto& task : tinyworld().tasks()) {
            const Suite suite = read_suite(path / "suites" / (task->name() + ".json"));
            QCOMPARE(suite.metric, task->metric());
            QVERIFY(suite.items.size() >= 500);
            QCOMPARE(suite.items[3].prompt, tinyworld().suite(task->name(), 600).items[3].prompt);
        }
        const std::string lines = read_file(path / "prompts" / "ioi.jsonl");
        const Json first = parse_json(lines.substr(0, lines.find('\n')), "ioi.jsonl");
        const Words words = split_words("<bos> " + first.at("clean").get<std::string>());
        QCOMPARE(words[first.at("spans").at("IO").at(0).get<std::size_t>()], first.at("answer").get<std::string>());  // <bos> counts
    }

    void mistakes_are_named() {
        QVERIFY_EXCEPTION_THROWN(make_world("atlantis", 0), Error);
        QVERIFY_EXCEPTION_THROWN(tinyworld().suite("chess", 1), Error);
        QTemporaryDir folder;
        const std::filesystem::path file = folder.filePath("suite.json").toStdString();
        write_file(file, R"({"schema": 1, "name": "x", "metric": "accuracy", "items": [{"prompt": "a", "answers": "b"}]})");
        try {
            read_suite(file);
            QFAIL("a word where a list should be");
        } catch (const Error& error) {
            QVERIFY2(error.subject().find("/items/0/answers") != std::string::npos, error.what());
        }
    }
};

QTEST_GUILESS_MAIN(TestWorlds)
#include "test_worlds.moc"
