// Metric expressions: what they say, what they equal, their gradients, and what is refused.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <QtTest>
#include <cmath>

#include "core/base/error.h"
#include "hooks/metric.h"

using namespace microtome;

namespace {

constexpr std::int64_t rows = 3, length = 5, vocabulary = 11;

Tensor random(at::IntArrayRef shape, std::uint64_t seed) {
    auto generator = at::detail::createCPUGenerator(seed);
    return at::normal(0.0, 2.0, shape, generator, at::TensorOptions().dtype(at::kDouble));
}

// Logits of every position; answers, foils and roles of unequal size.
struct Case {
    Tensor logits = random({rows, length, vocabulary}, 1), clean = random({rows, length, vocabulary}, 2);
    std::vector<Question> questions{{{3}, {4, 5}, {}, {{" Mary", 7}}, {{"S", {1}}, {"END", {4}}, {"IO", {0, 2}}}},
                                    {{1, 9}, {0}, {}, {{" Mary", 7}}, {{"S", {2}}, {"END", {3}}, {"IO", {1}}}},
                                    {{10, 2, 6}, {8}, {}, {{" Mary", 7}}, {{"S", {0}}, {"END", {4}}, {"IO", {1, 2, 3}}}}};

    Tensor value(const std::string& expression, const Tensor& all) {
        Metric metric = metric_of(expression, "m");
        std::vector<const Question*> asked;
        for (Question& q : questions) asked.push_back(&q);
        MetricBatch batch(metric, asked, length);
        auto there = [&](const Tensor& x) { return x.gather(1, batch.positions().unsqueeze(-1).expand({-1, -1, vocabulary})); };
        for (std::size_t i = 0; i < questions.size(); ++i)
            questions[i].clean_logits = there(clean)[static_cast<std::int64_t>(i)].narrow(0, 0, batch.count(i));
        return batch(there(all));
    }
    std::vector<double> operator()(const std::string& expression) { return numbers_of(value(expression, logits)); }
    double at(std::int64_t row, std::int64_t position, std::int64_t token) const { return logits[row][position][token].item<double>(); }
    double lse(std::int64_t row, std::int64_t position) const {
        double sum = 0;
        for (std::int64_t t = 0; t < vocabulary; ++t) sum += std::exp(at(row, position, t));
        return std::log(sum);
    }
};

bool close(double a, double b) {
    return std::abs(a - b) < 1e-12 * (1 + std::abs(b));
}

QString refused(const std::string& expression) {
    try {
        metric_of(expression, "metric_expr");
    } catch (const Error& error) {
        return QString::fromStdString(error.what());
    }
    return "taken";
}

}  // namespace

class TestMetric : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void what_each_function_is();
    void positions();
    void arithmetic();
    void names_are_expressions();
    void gradients_data();
    void gradients();
    void rows_do_not_matter_to_each_other();
    void mistakes_data();
    void mistakes();
    void what_a_prompt_lacks();
};

void TestMetric::what_each_function_is() {
    Case c;
    auto logit = c("logit(answer)"), prob = c("prob(foil)"), logprob = c("logprob([answer, foil])"), set = c("logsumexp([\" Mary\", 2])");
    auto lse = c("logsumexp()"), all = c("logit(all)"), rank = c("rank(answer)"), kl = c("kl()");
    for (std::int64_t r = 0; r < rows; ++r) {
        auto i = static_cast<std::size_t>(r);
        const Question& q = c.questions[i];
        double mean = 0, p = 0, both = 0, whole = 0, divergence = 0, best = vocabulary;
        for (auto t : q.answers) mean += c.at(r, 4, t) / static_cast<double>(q.answers.size());
        for (auto t : q.foils) p += std::exp(c.at(r, 4, t) - c.lse(r, 4));
        for (const auto& tokens : {q.answers, q.foils})
            for (auto t : tokens) both += std::exp(c.at(r, 4, t) - c.lse(r, 4));
        Tensor log_p = c.clean[r][4].log_softmax(0);
        for (std::int64_t t = 0; t < vocabulary; ++t) {
            whole += c.at(r, 4, t) / vocabulary;
            double lp = log_p[t].item<double>();
            divergence += std::exp(lp) * (lp - c.at(r, 4, t) + c.lse(r, 4));
        }
        for (auto t : q.answers) {
            double before = 0;
            for (std::int64_t u = 0; u < vocabulary; ++u) before += c.at(r, 4, u) > c.at(r, 4, t);
            best = std::min(best, before);
        }
        QVERIFY(close(logit[i], mean) && close(prob[i], p) && close(logprob[i], std::log(both)) && close(lse[i], c.lse(r, 4)));
        QVERIFY(close(set[i], std::log(std::exp(c.at(r, 4, 7)) + std::exp(c.at(r, 4, 2)))));
        QVERIFY(close(all[i], whole) && close(kl[i], divergence) && divergence > 0.1);
        QCOMPARE(rank[i], best);
    }
    c.logits.fill_(1);  // ties go to the lower id
    QCOMPARE(c("rank(answer)"), (std::vector<double>{3, 1, 2}));
}

void TestMetric::positions() {
    Case c;
    auto second = c("logit(2, 1)"), from_end = c("logit(2, -2)"), role = c("logit(2, role:END)"), several = c("mean(logprob(2, role:IO))"),
         every = c("mean(logit(2, all))"), both = c("mean(logit(2, role:IO) * logit(3, role:IO))");
    for (std::int64_t r = 0; r < rows; ++r) {
        auto i = static_cast<std::size_t>(r);
        QVERIFY(close(second[i], c.at(r, 1, 2)) && close(from_end[i], c.at(r, 3, 2)));
        QVERIFY(close(role[i], c.at(r, c.questions[i].roles["END"][0], 2)));
        double mean = 0, whole = 0, product = 0;
        const auto& io = c.questions[i].roles["IO"];
        for (auto p : io) {
            mean += (c.at(r, p, 2) - c.lse(r, p)) / static_cast<double>(io.size());
            product += c.at(r, p, 2) * c.at(r, p, 3) / static_cast<double>(io.size());
        }
        for (std::int64_t p = 0; p < length; ++p) whole += c.at(r, p, 2) / length;
        QVERIFY(close(several[i], mean) && close(every[i], whole) && close(both[i], product));
    }
}

void TestMetric::arithmetic() {
    Case c;
    auto a = c("logit(1)"), b = c("logit(2)"), x = c("-logit(1) * 2 - (logit(2) - 3) / 4 - 1"), mean = c("mean(logit(1), logit(2), 5)"),
         power = c("2 - 3 - logit(1)"), ratio = c("8 / 4 / logit(2)");
    for (std::size_t i = 0; i < rows; ++i) {
        QVERIFY(close(x[i], -a[i] * 2 - (b[i] - 3) / 4 - 1));
        QVERIFY(close(mean[i], (a[i] + b[i] + 5) / 3));
        QVERIFY(close(power[i], -1 - a[i]) && close(ratio[i], 2 / b[i]));
    }
}

void TestMetric::names_are_expressions() {
    Case c;
    std::vector<const Question*> asked;
    for (Question& q : c.questions) {
        q.clean_logits = c.clean[static_cast<std::int64_t>(asked.size())][4];
        asked.push_back(&q);
    }
    Tensor last = c.logits.select(1, 4);
    for (const std::string& name : metric_names()) {
        Metric metric = parse_metric(name);
        QCOMPARE(measure(metric, last, asked), numbers_of(c.value(to_text(metric.expression), c.logits)));
        for (std::size_t i = 0; i < asked.size(); ++i) c.questions[i].clean_logits = c.clean[static_cast<std::int64_t>(i)][4];
    }
    QCOMPARE(metric_names().size(), std::size_t(7));
    QVERIFY(parse_metric("logit_diff").needs_foil() && !parse_metric("prob").needs_foil() && !parse_metric("kl").needs_answer());
    QVERIFY(parse_metric("kl").differentiable() && !parse_metric("rank").differentiable());
}

void TestMetric::gradients_data() {
    QTest::addColumn<QString>("expression");
    for (const char* text : {"logit(answer) - logit(foil)", "prob(answer) - prob(foil)", "logprob(answer)", "kl()", "kl(role:END)",
                             "logsumexp([1, 2]) - logsumexp()", "mean(logprob([answer, \" Mary\"], role:IO))",
                             "mean(logit(all, all), prob(2, 0)) / (1 + prob(3)) * -2"})
        QTest::newRow(text) << text;
}

// Central differences in double precision, at every logit.
void TestMetric::gradients() {
    QFETCH(QString, expression);
    Case c;
    c10::AutoGradMode grad(true);
    Tensor x = c.logits.clone().set_requires_grad(true);
    c.value(expression.toStdString(), x).sum().backward();
    constexpr double step = 1e-5;
    double largest = 0;
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        Tensor up = c.logits.clone(), down = c.logits.clone();
        up.view(-1)[i] += step;
        down.view(-1)[i] -= step;
        double slope = (c.value(expression.toStdString(), up) - c.value(expression.toStdString(), down)).sum().item<double>() / (2 * step);
        double ours = x.grad().reshape(-1)[i].item<double>();
        QVERIFY2(std::abs(slope - ours) < 1e-8, qPrintable(QString("logit %1: %2, differences say %3").arg(i).arg(ours).arg(slope)));
        largest = std::max(largest, std::abs(ours));
    }
    QVERIFY(largest > 1e-3);
}

void TestMetric::rows_do_not_matter_to_each_other() {
    Case c;
    const std::string expression = "kl() + mean(prob([answer, 3], role:IO)) - logit(foil, 1)";
    auto together = c(expression);
    for (std::size_t i = 0; i < rows; ++i) {
        Case one;
        one.questions = {c.questions[i]};
        one.logits = c.logits.narrow(0, static_cast<std::int64_t>(i), 1);
        one.clean = c.clean.narrow(0, static_cast<std::int64_t>(i), 1);
        QVERIFY(close(one(expression)[0], together[i]));
    }
}

void TestMetric::mistakes_data() {
    QTest::addColumn<QString>("message");
    auto row = [](const char* expression, const char* message) { QTest::newRow(expression) << message; };
    row("logit(answer", "column 13: expected , or ), got the end");
    row("logit(anser)", "column 7: expected answer, foil, all, a token id or a quoted word, got \"anser\"");
    row("logits(answer)",
        "column 1: expected one of logit, prob, logprob, logsumexp, rank, kl or mean, got \"logits\" (did you mean \"logit\"?)");
    row("logit(answer) $ 2", "column 15: expected + - * / or the end, got \"$\"");
    row("logit(answer) +", "column 16: expected a number, ( or one of logit, prob, logprob, logsumexp, rank, kl or mean, got the end");
    row("logit(answer, middle)", "column 15: expected a position: last, all, a number, or role:NAME, got \"middle\"");
    row("logit(\" Mary)", "column 7: expected a word that ends with its quotation mark, got \"\"\"");
    row("logit([1, all])", "column 11: expected tokens, not all of them, in a list, got \"all\"");
    row("1e999 * logit(1)", "column 1: expected a number, got \"1e999\"");
    row("1 + 2", "expected an expression that reads the logits: logit(answer) - logit(foil), got \"1 + 2\"");
}

void TestMetric::mistakes() {
    QFETCH(QString, message);
    QString said = refused(QTest::currentDataTag());
    QVERIFY2(said.startsWith("metric_expr") && said.endsWith(message), qPrintable(said));
    QVERIFY(refused(QString(200, '(').toStdString()).contains("levels"));
    QVERIFY(refused(QString(20'000, ' ').toStdString()).contains("bytes"));
}

void TestMetric::what_a_prompt_lacks() {
    Case c;
    QVERIFY_THROWS_EXCEPTION(Error, c("logit(answer, 5)"));
    QVERIFY_THROWS_EXCEPTION(Error, c("logit(answer, role:NOBODY)"));
    QVERIFY_THROWS_EXCEPTION(Error, c("logit(11)"));
    QVERIFY_THROWS_EXCEPTION(Error, c("logit(answer, role:IO)"));                   // several positions, no mean
    QVERIFY_THROWS_EXCEPTION(Error, c("mean(logit(1, role:IO) + logit(1, all))"));  // of two places
    c.questions[1].foils.clear();
    QVERIFY_THROWS_EXCEPTION(Error, c("logit(answer) - logit(foil)"));
    QCOMPARE(c("logit(answer)").size(), std::size_t(rows));
}

QTEST_GUILESS_MAIN(TestMetric)
#include "test_metric.moc"
