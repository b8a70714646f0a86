#include <QtTest>
#include <random>

#include "tests/unit/widgets/fake_engine.h"
#include "widgets/document.h"
#include "widgets/prompt_state.h"

using namespace microtome;

class TestDocument : public QObject {
    Q_OBJECT

    static std::string state(const SessionDocument& document) { return to_json(document.session()).dump(); }
    fake::Control control_;
    fake::Model model_{control_};

  private Q_SLOTS:
    void undo_takes_everything_back_and_redo_restores_it() {
        SessionDocument document;
        const std::string start = state(document);
        std::mt19937 random(3);
        for (int i = 0; i < 60; ++i) {
            const auto field = static_cast<PromptField>(random() % 4);
            switch (random() % 5) {
                case 3: {
                    std::vector<Intervention> list = document.session().interventions;
                    if (list.size() > 3 || (random() % 3 == 0 && !list.empty())) {
                        list.erase(list.begin());
                    } else {
                        Intervention made;
                        made.id = document.new_intervention_id(), made.type = "zero", made.target = "L1.H0.z";
                        list.push_back(made);
                    }
                    document.edit_interventions(list, QStringLiteral("Edit"));
                    (void)session_from_json(to_json(document.session()), "edited");  // no step uses one that is gone
                    break;
                }
                case 0:
                    document.edit_param("metric", random() % 2 ? "logit_diff" : "kl");
                    break;
                case 1:
                    document.swap_answer_and_foil();
                    break;
                case 2:
                    document.swap_prompts();
                    break;
                default:
                    document.edit_text(field, QString::number(random() % 50));
                    break;
            }
        }
        const std::string end = state(document);
        QVERIFY(start != end);
        QUndoStack& stack = document.undo_stack();
        while (stack.canUndo()) stack.undo();
        QCOMPARE(state(document), start);
        while (stack.canRedo()) stack.redo();
        QCOMPARE(state(document), end);
    }

    void typing_is_one_command() {
        SessionDocument document;
        for (const char* text : {"a", "ab", "abc"}) document.edit_text(PromptField::clean, QString::fromLatin1(text));
        QCOMPARE(document.undo_stack().count(), 1);
        document.edit_text(PromptField::foil, QStringLiteral("x"));
        QCOMPARE(document.undo_stack().count(), 2);
    }

    void a_default_is_not_stored() {
        SessionDocument document;
        document.edit_param("direction", "noise");
        QCOMPARE(document.step().params.at("direction").get<std::string>(), std::string("noise"));
        document.edit_param("direction", Json());
        QVERIFY(!document.step().params.contains("direction"));
    }

    void a_session_without_a_patching_step_gets_one() {
        SessionDocument document;
        SessionFile session = welcome_session();
        session.steps.front().run = "logit-lens";
        document.load(session);
        QCOMPARE(document.session().steps.size(), std::size_t(2));
        QCOMPARE(document.step().run, std::string("activation-patching"));
        QVERIFY(document.step().id != document.session().steps.front().id);
    }

    void several_answers() {
        QCOMPARE(split_tokens(" Mary| John"), (std::vector<std::string>{" Mary", " John"}));
        for (const std::vector<std::string>& tokens : {std::vector<std::string>{"a|b", "c"}, {" x"}, {}})
            QCOMPARE(split_tokens(joined_tokens(tokens)), tokens);
    }

    void prompts_of_one_length_are_aligned() {
        const PromptState state = prompt_state(model_, welcome_session().prompts.front());
        QVERIFY(state.can_run());
        QCOMPARE(state.alignment.columns.size(), std::size_t(14));
        QCOMPARE(state.alignment.substituted, 1);
        QCOMPARE(state.alignment.columns[9].match, Match::substituted);
        QCOMPARE(state.alignment.columns[8].match, Match::same);
    }

    void prompts_of_two_lengths_are_refused_with_the_reason() {
        PromptPair pair = welcome_session().prompts.front();
        pair.corrupt = "when ann and big tom went to the park , ann gave a ball to";
        const PromptState state = prompt_state(model_, pair);
        QVERIFY(!state.can_run());
        QVERIFY(state.refusal().contains("14 tokens") && state.refusal().contains("15") && state.refusal().contains("position 3"));
        QCOMPARE(state.alignment.columns[3].match, Match::only_corrupt);
        QCOMPARE(state.alignment.columns[3].clean, -1);
        QCOMPARE(state.alignment.columns.size(), std::size_t(15));
        QCOMPARE(state.alignment.columns[10].match, Match::substituted);
        int a = 0, b = 0;
        for (const AlignedColumn& column : state.alignment.columns) {
            if (column.clean >= 0) QCOMPARE(column.clean, a++);
            if (column.corrupt >= 0) QCOMPARE(column.corrupt, b++);
        }
        QCOMPARE(a, 14);
        QCOMPARE(b, 15);
    }

    void problems_data() {
        QTest::addColumn<int>("field");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("message");
        QTest::addColumn<bool>("runs");
        QTest::newRow("two tokens") << 2 << "ann tom"
                                    << "Answer is not a single token: ann | tom." << false;
        QTest::newRow("answer equals foil") << 2 << "tom"
                                            << "Answer equals foil." << false;
        QTest::newRow("no foil") << 3 << ""
                                 << "Foil is empty." << false;
        QTest::newRow("space at the end") << 0 << "when ann and tom went to the park , tom gave a ball to "
                                          << "Clean prompt ends with a space." << true;
        QTest::newRow("empty") << 1 << ""
                               << "Corrupted prompt is empty." << false;
        QTest::newRow("the same") << 1 << "when ann and tom went to the park , tom gave a ball to"
                                  << "The two prompts are the same: there is nothing to patch." << false;
    }
    void problems() {
        QFETCH(int, field);
        QFETCH(QString, text);
        QFETCH(QString, message);
        QFETCH(bool, runs);
        SessionDocument document;
        document.edit_text(static_cast<PromptField>(field), text);
        const PromptState state = prompt_state(model_, document.pair());
        QStringList all;
        for (const PromptProblem& problem : state.problems) all << problem.text;
        QVERIFY2(all.contains(message), qPrintable(all.join("; ")));
        QCOMPARE(state.can_run(), runs);
    }

    void too_long() {
        SessionDocument document;
        document.edit_text(PromptField::clean, QStringLiteral("a ").repeated(41).trimmed());
        QVERIFY(prompt_state(model_, document.pair()).refusal().contains("has 41 tokens; the model reads 40"));
    }
};

QTEST_GUILESS_MAIN(TestDocument)
#include "test_document.moc"
