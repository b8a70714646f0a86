#include <QtTest>
#include <random>

#include "core/base/error.h"
#include "widgets/grid_node.h"
#include "widgets/selection.h"

using namespace microtome;

class TestSelection : public QObject {
    Q_OBJECT

    static NodeRef random_ref(std::mt19937& random) {
        const auto chance = [&] { return random() % 2 == 0; };
        const auto number = [&] { return static_cast<int>(random() % 200); };
        NodeRef ref;
        ref.side = static_cast<Side>(random() % 3);
        if (chance()) ref.layer = number();
        if (chance()) ref.head = number();
        if (chance()) ref.site = std::vector<std::string>{"z", "resid_pre", "mlp", "pattern", "sae:res-jb"}[random() % 5];
        if (chance()) ref.unit = number();
        if (chance()) ref.feature = number();
        if (chance()) ref.token = std::vector<std::string>{" John", "it's", "a\\b", "@", "", "."}[random() % 6];
        if (chance()) ref.position = number();
        if (ref.position >= 0 && chance()) ref.source = number();
        return ref;
    }

  private Q_SLOTS:
    void text_forms() {
        QCOMPARE(to_string(parse_node_ref("clean/L9.H6.z@14")), std::string("clean/L9.H6.z@14"));
        QCOMPARE(parse_node_ref("L9.H6.pattern@14<-3"), parse_node_ref("L9.H6.pattern@14←3"));
        QCOMPARE(parse_node_ref("L5.mlp.n1234@3").unit, 1234);
        QCOMPARE(parse_node_ref("L8.sae:res-jb.f5432@7").site, std::string("sae:res-jb"));
        QCOMPARE(*parse_node_ref("logit:' John'@14").token, std::string(" John"));
        QCOMPARE(parse_node_ref(""), NodeRef());
        QCOMPARE(parse_node_ref("@3").position, 3);
    }

    void printing_and_parsing_are_inverse() {
        std::mt19937 random(7);
        for (int i = 0; i < 2000; ++i) {
            const NodeRef ref = random_ref(random);
            const std::string text = to_string(ref);
            QVERIFY2(parse_node_ref(text) == ref, text.c_str());
        }
    }

    void mistakes_are_named_data() {
        QTest::addColumn<QString>("text");
        for (const char* text : {"L", "L3.", "L3..H1", "L3@", "L3@x", "L3@2←", "L3@2 ", "logit:'x", "L3.L4", "z.q", "L99999999999"})
            QTest::newRow(text) << text;
    }
    void mistakes_are_named() {
        QFETCH(QString, text);
        if (text == "L")
            QCOMPARE(parse_node_ref("L").site, std::string("L"));  // a name like any other
        else
            QVERIFY_EXCEPTION_THROWN(parse_node_ref(text.toStdString()), Error);
    }

    void choosing_a_head_keeps_the_position() {
        SelectionModel selection;
        selection.select(parse_node_ref("L2@5"), nullptr);
        selection.select(parse_node_ref("L3.H1"), nullptr);
        QCOMPARE(to_string(selection.current()), std::string("L3.H1@5"));
    }

    void signals_carry_their_origin_and_nothing_echoes() {
        SelectionModel selection;
        std::vector<const void*> origins;
        connect(&selection, &SelectionModel::current_changed, this, [&](const NodeRef&, const void* origin) { origins.push_back(origin); });
        selection.select(parse_node_ref("L2"), this);
        selection.select(parse_node_ref("L2"), nullptr);
        QCOMPARE(origins, std::vector<const void*>{this});
    }

    void history_goes_back_and_forward() {
        SelectionModel selection;
        for (const char* text : {"L1", "L2", "L3"}) selection.set_current(parse_node_ref(text), nullptr);
        selection.back();
        selection.back();
        QCOMPARE(selection.current().layer, 1);
        selection.forward();
        QCOMPARE(selection.current().layer, 2);
        selection.set_current(parse_node_ref("L7"), nullptr);
        QVERIFY(!selection.can_go_forward());
        selection.back();
        QCOMPARE(selection.current().layer, 2);
    }

    void eight_pins() {
        SelectionModel selection;
        NodeRef ref;
        for (ref.layer = 0; ref.layer < 8; ++ref.layer) QVERIFY(selection.toggle_pin(ref));
        QVERIFY(!selection.toggle_pin(ref));
        ref.layer = 3;
        QVERIFY(selection.toggle_pin(ref));
        QVERIFY(!selection.pins()[3]);
    }

    void cells_and_places() {
        Grid grid;
        grid.axes = {{"kind", {"z", "q"}}, {"layer", {"2", "3"}}, {"head", {"0", "1", "2"}}};
        grid.values.resize(12);
        for (std::size_t i = 0; i < 12; ++i) QCOMPARE(*cell_of(grid, node_of(grid, i)), i);
        QCOMPARE(to_string(node_of(grid, 11)), std::string("L3.H2.q"));
        QVERIFY(!cell_of(grid, parse_node_ref("L3")));     // which head?
        QVERIFY(!cell_of(grid, parse_node_ref("L0.H1")));  // not in the map
        QCOMPARE(*cell_of(grid, parse_node_ref("L2.H1@9")), std::size_t(1));
        QCOMPARE(site_of_preset("attn_head_out_all_pos"), std::string("z"));
        QCOMPARE(site_of_preset("attn_head_k_by_pos"), std::string("k"));
        QCOMPARE(site_of_preset("resid_mid"), std::string("resid_mid"));
        QCOMPARE(site_of_preset("block_every"), std::string());
    }
};

QTEST_GUILESS_MAIN(TestSelection)
#include "test_selection.moc"
