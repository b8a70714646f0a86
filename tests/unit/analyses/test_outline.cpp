// The outline of a model holds every weight and every site once, in the part it belongs to.
#include <QtTest>
#include <set>

#include "analyses/model_outline.h"
#include "core/base/sites.h"

using namespace microtome;

class TestOutline : public QObject {
    Q_OBJECT

    static void collect(const OutlinePart& part, std::vector<OutlineSite>& sites, std::vector<OutlineWeight>& weights) {
        sites.insert(sites.end(), part.sites.begin(), part.sites.end());
        weights.insert(weights.end(), part.weights.begin(), part.weights.end());
        for (const OutlinePart& inner : part.parts) collect(inner, sites, weights);
    }

  private Q_SLOTS:
    void everything_is_there_once() {
        for (const auto& [name, folder] : bundled_models()) {
            ModelOptions options;
            options.model = name, options.threads = 1;
            const auto session = Session::open(options);
            const ModelOutline outline = outline_of(*session);
            const ModelFacts& facts = session->facts();
            QCOMPARE(outline.parameters(), facts.parameters);
            std::vector<OutlineSite> sites;
            std::vector<OutlineWeight> weights;
            int blocks = 0;
            for (const OutlinePart& part : outline.parts) {
                collect(part, sites, weights);
                if (part.layer < 0) continue;
                QCOMPARE(part.layer, blocks++);
                QCOMPARE(part.parts.front().name, std::string("Attention"));
                QCOMPARE(part.parts.front().heads, facts.n_heads);
                QCOMPARE(part.parts.size(), std::size_t(facts.has_mlp ? 2 : 1));
            }
            QCOMPARE(blocks, facts.n_layers);
            std::set<std::string> hooks, names;
            for (const OutlineSite& site : sites) {
                QVERIFY2(hooks.insert(site.hook).second, site.hook.c_str());
                QCOMPARE(hook_name(parse_hook(site.hook)), site.hook);
                for (const std::string& size : site.shape) QVERIFY2(size == "tokens" || std::stoi(size) > 0, site.hook.c_str());
            }
            for (const OutlineWeight& weight : weights) QVERIFY2(names.insert(weight.name).second, weight.name.c_str());
            QVERIFY(hooks.count("hook_embed") && hooks.count("blocks.0.attn.hook_z") && hooks.count("unembed.hook_out"));
            QCOMPARE(outline.parts.front().name, std::string("Embedding"));
            QCOMPARE(outline.parts.back().name, std::string("Unembedding"));
            QVERIFY(names.count("embed.weight") && outline.parts.front().parameters() >= std::int64_t(facts.d_vocab) * facts.d_model);
        }
    }
};

QTEST_GUILESS_MAIN(TestOutline)
#include "test_outline.moc"
