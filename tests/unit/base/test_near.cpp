// Suggestions for mistyped names, and the UTF-8 check.
#include <QtTest>

#include "core/base/near.h"
#include "core/base/utf8.h"

using namespace microtome;
using Strings = std::vector<std::string>;

class TestNear : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void distances();
    void near_names_come_nearest_first();
    void sentences();
    void utf8();
};

void TestNear::distances() {
    QCOMPARE(edit_distance("", "abc"), std::size_t{3});
    QCOMPARE(edit_distance("kitten", "sitting"), std::size_t{3});
    QCOMPARE(edit_distance("corrupt", "corrutp"), std::size_t{1});
    QCOMPARE(edit_distance("same", "same"), std::size_t{0});
}

void TestNear::near_names_come_nearest_first() {
    QCOMPARE(near_names("logit_diff", {"logit_diff_recovery", "logitdiff", "prob", "logitdiff"}),
             (Strings{"logitdiff", "logit_diff_recovery"}));
    QCOMPARE(near_names("activation", {"activation-patching", "attention"}), (Strings{"activation-patching"}));
    QCOMPARE(near_names("z", {"pattern", "q"}), (Strings{"q"}));
    QCOMPARE(near_names("", {"a"}), Strings{});
    QCOMPARE(near_names(std::string(1'000'000, 'a'), {"a"}), Strings{});
    QCOMPARE(near_names("aaaa", {"aaab", "aaac", "aaad", "aaae"}).size(), std::size_t{3});
}

void TestNear::sentences() {
    QCOMPARE(joined({}), std::string());
    QCOMPARE(joined({"a"}), std::string("a"));
    QCOMPARE(joined({"a", "b", "c"}), std::string("a, b or c"));
    QCOMPARE(with_suggestion("metrics", {"metric"}), std::string("\"metrics\" (did you mean \"metric\"?)"));
    QCOMPARE(with_suggestion("xyz", {"metric"}), std::string("\"xyz\""));
}

void TestNear::utf8() {
    QCOMPARE(first_bad_utf8("plain é \u20ac \U0001F600 \xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"), std::string_view::npos);
    QCOMPARE(first_bad_utf8(std::string_view("a\0b", 3)), std::string_view::npos);
    for (const char* bad : {"ab\xc0\x80", "ab\xc1\xbf", "ab\xe0\x9f\xbf", "ab\xed\xa0\x80", "ab\xf0\x8f\xbf\xbf", "ab\xf4\x90\x80\x80",
                            "ab\xf5\x80\x80\x80", "ab\xe2\x82", "ab\x80", "ab\xff", "ab\xe2\x28\xa1"})
        QCOMPARE(first_bad_utf8(bad), std::size_t{2});
}

QTEST_GUILESS_MAIN(TestNear)
#include "test_near.moc"
