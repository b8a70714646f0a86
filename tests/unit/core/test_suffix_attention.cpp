// Every variant of the attention over suffixes against its specification, over awkward shapes; what may be read, and what may not.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <QtTest>
#include <cmath>
#include <functional>
#include <limits>

#include "core/kernels/lanes/suffix_task.h"
#include "core/kernels/suffix_attention.h"

using namespace microtome;

namespace {

struct Row {
    std::int64_t start, tokens, prompt;
    std::vector<std::int64_t> queries;  // positions
};

std::vector<std::int64_t> from_to(std::int64_t a, std::int64_t b) {
    std::vector<std::int64_t> out;
    for (; a < b; ++a) out.push_back(a);
    return out;
}

// Whole suffixes, single queries, gaps, a row without queries, one without tokens, a start at 0, several prompts.
const std::vector<Row> mixed{
    {3, 9, 0, from_to(3, 12)}, {0, 5, 1, from_to(0, 5)}, {11, 1, 2, {11}},           {4, 6, 1, {}}, {2, 8, 2, {9}}, {5, 0, 0, {}},
    {1, 11, 0, {2, 5, 6, 11}}, {0, 1, 0, {0}},           {12, 7, 1, from_to(12, 19)}};

SuffixRows packed(const std::vector<Row>& rows) {
    std::vector<std::int64_t> start, first{0}, prompt, query_first{0}, position;
    for (const Row& row : rows) {
        start.push_back(row.start), prompt.push_back(row.prompt);
        first.push_back(first.back() + row.tokens);
        position.insert(position.end(), row.queries.begin(), row.queries.end());
        query_first.push_back(static_cast<std::int64_t>(position.size()));
    }
    auto list = [](const std::vector<std::int64_t>& x) { return at::tensor(x, at::kLong).to(at::kInt); };
    return {list(start), list(first), list(prompt), list(query_first), list(position)};
}

struct Inputs {
    Tensor q, k, v, prefix_k, prefix_v;
    SuffixRows rows;
    AttentionRule rule;
};

// q, k, v as slices of one projection, and prefixes with heads before positions, where `strided`.
Inputs inputs(const std::vector<Row>& rows, int heads, int kv_heads, int d_head, at::ScalarType dtype, bool strided, AttentionRule rule) {
    auto generator = at::detail::createCPUGenerator(7);
    auto normal = [&](std::vector<std::int64_t> shape) {
        return at::normal(0.0, 1.0, shape, generator, at::TensorOptions().dtype(at::kDouble)).to(dtype);
    };
    SuffixRows suffixes = packed(rows);
    std::int64_t queries = suffixes.query_position.size(0), tokens = suffixes.first[-1].item<int>(), prompts = 3, length = 20;
    if (!strided)
        return {normal({queries, heads, d_head}),
                normal({tokens, kv_heads, d_head}),
                normal({tokens, kv_heads, d_head}),
                normal({prompts, length, kv_heads, d_head}),
                normal({prompts, length, kv_heads, d_head}),
                suffixes,
                rule};
    Tensor kv = normal({tokens, 2, kv_heads, d_head + 3}), wide = normal({heads, queries, 2 * d_head}),
           prefix = normal({prompts, kv_heads, length, 2, d_head});
    return {wide.narrow(2, d_head, d_head).transpose(0, 1),
            kv.select(1, 0).narrow(2, 1, d_head),
            kv.select(1, 1).narrow(2, 0, d_head),
            prefix.select(3, 0).transpose(1, 2),
            prefix.select(3, 1).transpose(1, 2),
            suffixes,
            rule};
}

using Variant = std::function<Tensor(const Inputs&)>;

template <class F>
Variant plain(F f) {
    return [f](const Inputs& in) { return f(in.q, in.k, in.v, in.prefix_k, in.prefix_v, in.rows, in.rule); };
}
const Variant reference = plain(suffix_attention_reference);

std::vector<std::pair<std::string, Variant>> vectorised() {
    std::vector<std::pair<std::string, Variant>> all;
    for (const SuffixLanes* lanes : suffix_lanes())
        all.emplace_back(lanes->name, [lanes](const Inputs& in) {
            return suffix_attention_cpu(in.q, in.k, in.v, in.prefix_k, in.prefix_v, in.rows, in.rule, *lanes);
        });
    return all;
}
std::vector<std::pair<std::string, Variant>> variants() {
    auto all = vectorised();
    all.emplace_back("torch", plain(suffix_attention_torch));
    all.emplace_back("chosen", plain(suffix_attention));
    return all;
}

}  // namespace

class TestSuffixAttention : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void equals_the_specification_data() {
        QTest::addColumn<int>("d_head");
        for (int d : {1, 2, 7, 8, 17, 64, 80, 256}) QTest::addRow("d_head %d", d) << d;
    }
    void equals_the_specification() {
        QFETCH(int, d_head);
        for (auto [heads, kv_heads] : {std::pair{4, 4}, {4, 2}, {3, 1}})
            for (auto dtype : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf})
                for (bool strided : {false, true})
                    for (AttentionRule rule : {AttentionRule{1 / std::sqrt(d_head), 0, 0},
                                               {0.5, 2, 0},
                                               {1, 0, 1},
                                               {0.2, 30, 4},
                                               {6 / std::sqrt(d_head), 0, 6}}) {
                        Inputs in = inputs(mixed, heads, kv_heads, d_head, dtype, strided, rule);
                        Tensor expected = reference(in).to(at::kDouble);
                        double size = in.v.abs().max().item<double>();
                        double allowed = dtype == at::kDouble ? 1e-13 : dtype == at::kFloat ? 1e-5 : dtype == at::kHalf ? 4e-3 : 3e-2;
                        for (const auto& [name, run] : variants()) {
                            // The scores of halves are rounded before tanh there: too coarse where they are large.
                            if (name == "torch" && at::elementSize(dtype) == 2 && rule.scale > 0.3) continue;
                            Tensor z = run(in);
                            QVERIFY(z.sizes() == in.q.sizes() && z.scalar_type() == dtype);
                            double error = (z.to(at::kDouble) - expected).abs().max().item<double>();
                            QVERIFY2(error <= allowed * size,
                                     qPrintable(QString("%1, %2 of %3 heads, %4, window %5, cap %6, strided %7: %8")
                                                    .arg(name.c_str())
                                                    .arg(kv_heads)
                                                    .arg(heads)
                                                    .arg(at::toString(dtype))
                                                    .arg(rule.window)
                                                    .arg(rule.cap)
                                                    .arg(strided)
                                                    .arg(error)));
                        }
                    }
    }

    void every_instruction_set_is_here() {
        QVERIFY(!suffix_lanes().empty());
        QCOMPARE(std::string(suffix_lanes().back()->name), std::string("plain"));
    }

    // With q = 0 all sources that may be read weigh the same: z counts them.
    void windows_end_where_they_should() {
        constexpr int length = 20;
        for (int window : {0, 1, 2, 5, 19, 20, 40}) {
            Inputs in = inputs(mixed, 2, 1, length, at::kDouble, false, {1, 0, window});
            in.q.zero_();
            Tensor places = at::eye(length, in.v.options());
            in.prefix_v.copy_(places.view({1, length, 1, length}).expand_as(in.prefix_v));
            std::vector<std::int64_t> own;
            for (const Row& row : mixed)
                for (std::int64_t t = 0; t < row.tokens; ++t) own.push_back(row.start + t);
            in.v.copy_(places.index_select(0, at::tensor(own, at::kLong)).unsqueeze(1));
            auto all = variants();
            all.emplace_back("reference", reference);
            for (const auto& [name, run] : all) {
                Tensor z = run(in);
                for (std::int64_t i = 0; i < z.size(0); ++i) {
                    int t = in.rows.query_position[i].item<int>(), from = window > 0 ? std::max(0, t - window + 1) : 0;
                    for (int s = 0; s < length; ++s) {
                        double expected = s >= from && s <= t ? 1.0 / (t - from + 1) : 0;
                        for (int h = 0; h < 2; ++h) {
                            double got = z[i][h][s].item<double>();
                            QVERIFY2(std::abs(got - expected) < 1e-14, (name + ", query " + std::to_string(i)).c_str());
                        }
                    }
                }
            }
        }
    }

    // A NaN is in every query that reads it, whole, and in no other: neither an earlier one nor one whose window has left it.
    void nan_goes_where_it_is_read() {
        const std::vector<Row> rows{{2, 14, 0, from_to(2, 16)}, {0, 6, 1, from_to(0, 6)}};
        for (auto dtype : {at::kFloat, at::kDouble})
            for (int window : {0, 3})
                for (double cap : {0.0, 5.0})
                    for (int where = 0; where < 4; ++where) {
                        Inputs in = inputs(rows, 2, 2, 19, dtype, false, {0.3, cap, window});
                        bool prefix = where >= 2;
                        int at = prefix ? 1 : 7;  // position of the text
                        Tensor poisoned = where == 0   ? in.k[at - 2]
                                          : where == 1 ? in.v[at - 2]
                                          : where == 2 ? in.prefix_k[0][at]
                                                       : in.prefix_v[0][at];
                        poisoned.select(0, 1).fill_(std::numeric_limits<double>::quiet_NaN());
                        for (const auto& [name, run] : vectorised()) {
                            Tensor bad = run(in).isnan();
                            for (std::int64_t i = 0; i < bad.size(0); ++i) {
                                int t = in.rows.query_position[i].item<int>();
                                bool reads = i < 14 && t >= at && (window == 0 || at > t - window);
                                QVERIFY2(!bad[i][0].any().item<bool>(), name.c_str());
                                QVERIFY2(bad[i][1].eq(reads).all().item<bool>(), (name + ", query " + std::to_string(i)).c_str());
                            }
                        }
                    }
    }

    // Differences of scores beyond what exp can hold.
    void extreme_scores() {
        for (auto dtype : {at::kFloat, at::kDouble})
            for (double scale : {1e-30, 40.0, 2000.0}) {
                Inputs in = inputs(mixed, 2, 2, 24, dtype, false, {scale, 0, 0});
                Tensor expected = reference(in);
                for (const auto& [name, run] : variants()) {
                    double error = (run(in) - expected).abs().max().item<double>();
                    QVERIFY2(error <= (dtype == at::kFloat ? 1e-3 : 1e-11), (name + ": " + std::to_string(error)).c_str());
                }
            }
    }

    void bits_depend_on_the_row_alone() {
        std::vector<Row> many;
        for (int i = 0; i < 12; ++i) many.insert(many.end(), mixed.begin(), mixed.end());
        Inputs in = inputs(many, 4, 2, 64, at::kFloat, false, {0.125, 0, 0});
        for (const auto& [name, run] : vectorised()) {
            int before = at::get_num_threads();
            at::set_num_threads(1);
            Tensor one = run(in);
            at::set_num_threads(2);
            Tensor two = run(in);
            at::set_num_threads(before);
            QVERIFY2(one.equal(two), name.c_str());
            Inputs alone = in;
            alone.rows = packed({many[0]});
            alone.q = in.q.narrow(0, 0, 9), alone.k = in.k.narrow(0, 0, 9), alone.v = in.v.narrow(0, 0, 9);
            QVERIFY2(one.narrow(0, 0, 9).equal(run(alone)), name.c_str());
            // A query gives the same whether its neighbours ask beside it or not.
            alone.rows = packed({{many[0].start, many[0].tokens, many[0].prompt, {many[0].queries[4]}}});
            alone.q = in.q.narrow(0, 4, 1);
            QVERIFY2(one.narrow(0, 4, 1).equal(run(alone)), name.c_str());
        }
    }

    void nothing_to_do() {
        for (const std::vector<Row>& rows : {std::vector<Row>{}, {{3, 0, 0, {}}}, {{1, 4, 1, {}}}}) {
            Inputs in = inputs(rows, 2, 2, 8, at::kFloat, false, {1, 0, 0});
            for (const auto& [name, run] : variants()) QVERIFY2(run(in).numel() == 0, name.c_str());
        }
    }

    // Gradients by central differences.
    void gradients() {
        Inputs in = inputs(mixed, 2, 1, 5, at::kDouble, false, {0.7, 0, 4});
        Tensor weight = at::arange(in.q.numel(), in.q.options()).view(in.q.sizes()).sin();
        for (Tensor* x : {&in.q, &in.k, &in.prefix_v}) {
            x->set_requires_grad(true);
            plain(suffix_attention)(in).mul(weight).sum().backward();
            Tensor gradient = x->grad().flatten();
            x->set_requires_grad(false);
            double largest = 0;
            for (std::int64_t i = 0; i < x->numel(); i += 3) {
                Tensor at = x->view({-1})[i];
                auto value = [&](double step) {
                    at.add_(step);
                    double y = plain(suffix_attention)(in).mul(weight).sum().item<double>();
                    at.sub_(step);
                    return y;
                };
                double slope = (value(1e-5) - value(-1e-5)) / 2e-5;
                largest = std::max(largest, std::abs(slope));
                QVERIFY(std::abs(gradient[i].item<double>() - slope) < 1e-8);
            }
            QVERIFY(largest > 1e-2);
        }
    }
};

QTEST_GUILESS_MAIN(TestSuffixAttention)
#include "test_suffix_attention.moc"
