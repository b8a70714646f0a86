// Which views of a result stand beside another one.
#include <QtTest>

#include "analyses/views/companions.h"

using namespace microtome;

namespace {

NamedView grid(const char* name, std::size_t columns = 3) {
    Grid g;
    g.axes = {{"layer", std::vector<std::string>(columns, "0")}};
    g.values.assign(columns, 1);
    return {name, "", g};
}

}  // namespace

class TestCompanions : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void grids_of_the_same_axes_stand_beside() {
        const std::vector<NamedView> views{grid("effect"), grid("effect_low"),  grid("effect_high"), grid("effect_n"),
                                           grid("change"), grid("change_n", 2), grid("change_low"),  {"effect_table", "", Table()}};
        const Companions effect = companions_of(views, "effect"), change = companions_of(views, "change");
        QCOMPARE(effect.low, &std::get<Grid>(views[1].view));
        QCOMPARE(effect.high, &std::get<Grid>(views[2].view));
        QCOMPARE(effect.n, &std::get<Grid>(views[3].view));
        QVERIFY(!change.any());  // other axes; and half an interval is none
        QVERIFY(!companions_of(views, "nothing").any() && !companions_of(views, "effect_table").any());
        for (std::size_t i = 0; i < views.size(); ++i) QCOMPARE(is_companion(views, views[i]), i >= 1 && i <= 3);
    }
};

QTEST_GUILESS_MAIN(TestCompanions)
#include "test_companions.moc"
