// Stores of gradients: against the reference library's, and against finite differences.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <QtTest>

#include "analyses/gradients.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "golden.h"
#include "hooks/patching.h"
#include "hooks/recorder.h"
#include "hooks/store/h5.h"

using namespace microtome;

namespace {

std::unique_ptr<Session> open(const QString& model) {
    ModelOptions options;
    options.model = golden::folder(model.toStdString()).string();
    options.dtype = "float64";
    options.device = "cpu";
    options.threads = 1;
    return Session::open(options);
}

// The two prompts of ids.json, each with its answer and foil; the same ids on both sides.
GradientRequest request_of(const std::string& model, const QTemporaryDir& folder) {
    GradientRequest request;
    Json question = read_json(golden::folder(model) / "metric.json");
    for (const auto& ids : golden::batch(model)) {
        std::size_t i = request.pairs.size();
        request.pairs.emplace_back();
        PromptPair& pair = request.pairs.back();
        pair.clean_ids = pair.corrupt_ids = ids;
        pair.answer_id = {question.at("answer_ids").at(i).get<std::int64_t>()};
        pair.foil_id = {question.at("foil_ids").at(i).get<std::int64_t>()};
    }
    request.sites = {"*"};
    request.store = "float64";
    request.out = folder.filePath("grads.h5").toStdString();
    return request;
}

// A token-major dataset of two prompts of equal length as the batch that it was: (prompt, …).
Tensor batch_of(const h5::File& file, const std::string& path, SiteRef ref) {
    auto array = file.read<double>(path);
    std::vector<std::int64_t> shape(array.shape.begin(), array.shape.end());
    Tensor x = at::tensor(array.values, at::kDouble).view(shape);
    x = x.unflatten(0, {2, x.size(0) / 2});
    if (std::string_view(info(ref.site).axes) != "hps") return x;
    auto length = static_cast<std::int64_t>(std::lround(std::sqrt(x.size(1))));
    return x.unflatten(1, {length, length}).permute({0, 3, 1, 2});
}

}  // namespace

class TestGradients : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { at::set_num_threads(1); }
    void as_the_reference_data();
    void as_the_reference();
    void finite_differences_data();
    void finite_differences();
    void batches_and_mistakes();
};

void TestGradients::as_the_reference_data() {
    QTest::addColumn<QString>("model");
    for (const char* model : {"gpt2", "llama", "attn-only-ln"}) QTest::newRow(model) << model;
}

void TestGradients::as_the_reference() {
    QFETCH(QString, model);
    std::string name = model.toStdString();
    QTemporaryDir folder;
    auto session = open(model);
    GradientRequest request = request_of(name, folder);
    Progress progress;
    GradientOutcome out = write_gradients(*session, request, progress);
    QVERIFY(std::abs(out.metric - read_json(golden::folder(name) / "metric.json").at("value").get<double>()) < 1e-9);
    golden::Reference grads(golden::folder(name) / "grads.safetensors"), sites(golden::folder(name) / "sites64.safetensors");
    h5::File file(request.out);
    std::size_t compared = 0;
    for (SiteRef ref : all_sites(session->impl().model.config)) {
        std::string hook = hook_name(ref);
        // The reference's is that of the mean over the two prompts.
        std::string wrong = golden::difference(batch_of(file, "gradients/" + hook, ref) / 2, grads.at(hook), 1e-9);
        QVERIFY2(wrong.empty(), (hook + ": " + wrong).c_str());
        if (Tensor expected = sites.find(hook); expected.defined()) {
            wrong = golden::difference(batch_of(file, "activations/" + hook, ref), expected, 1e-9);
            QVERIFY2(wrong.empty(), (hook + ": " + wrong).c_str());
            ++compared;
        }
    }
    QVERIFY(compared > 20);
}

void TestGradients::finite_differences_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("metric");
    QTest::addColumn<QString>("intervention");
    for (const char* model : {"gpt2", "llama", "tl-mlp"}) {
        QTest::addRow("%s logprob", model) << model << "logprob(answer)"
                                           << "";
        QTest::addRow("%s kl", model) << model << "mean(kl(4), prob(foil, all))"
                                      << "scale L0.attn_out strength=0.5";
    }
}

// Steps along random directions at sites of the fused path, where nothing inside attention is kept.
void TestGradients::finite_differences() {
    QFETCH(QString, model);
    QFETCH(QString, metric);
    QFETCH(QString, intervention);
    QTemporaryDir folder;
    auto session = open(model);
    GradientRequest request = request_of(model.toStdString(), folder);
    request.sites = {"resid_pre", "attn_out", "z", "v"};
    request.metric_expr = metric.toStdString();
    std::swap(request.pairs[0].clean_ids, request.pairs[1].clean_ids);  // so that KL is not 0
    std::vector<Intervention> held;
    if (!intervention.isEmpty()) held.push_back(intervention_from_text(intervention.toStdString(), "i1", "test"));
    session->set_interventions(held);
    Progress progress;
    write_gradients(*session, request, progress);
    h5::File file(request.out);
    const Transformer& transformer = session->impl().model;
    const PromptPair& pair = request.pairs[1];
    Metric measured = metric_of(request.metric_expr, "test");
    Question question{pair.answer_id, pair.foil_id};
    MetricBatch reading(measured, {&question}, 7);
    auto value = [&](std::vector<Edit> more, bool clean) {
        std::vector<Edit> edits;
        if (!held.empty()) edits.push_back({.name = "held", .kind = EditKind::scale, .ref = {Site::attn_out, 0}, .strength = 0.5});
        edits.insert(edits.end(), more.begin(), more.end());
        Edits all(edits, transformer);
        return logits_at(transformer, ids_tensor({clean ? pair.clean_ids : pair.corrupt_ids}), &all, reading.positions());
    };
    question.clean_logits = value({}, true)[0];
    constexpr double step = 1e-5;
    for (Site site : {Site::resid_pre, Site::attn_out, Site::z, Site::v})
        for (std::int64_t position : {0, 4, 6}) {
            SiteRef ref{site, 1};
            Tensor gradient = batch_of(file, "gradients/" + hook_name(ref), ref)[1][position], direction = at::zeros_like(gradient);
            auto* numbers = direction.mutable_data_ptr<double>();
            for (std::int64_t i = 0; i < direction.numel(); ++i) numbers[i] = std::sin(1.0 + 3.7 * static_cast<double>(i + position));
            auto at = [&](double strength) {
                Edit edit{
                    .name = "step", .kind = EditKind::add, .ref = ref, .positions = {{position}}, .strength = strength, .value = direction};
                return numbers_of(reading(value({edit}, false)))[0];
            };
            double slope = (at(step) - at(-step)) / (2 * step), ours = (gradient * direction).sum().item<double>();
            QVERIFY2(std::abs(slope - ours) < 1e-8 * (1 + std::abs(slope)),
                     qPrintable(QString("%1, differences say %2").arg(ours).arg(slope)));
        }
}

void TestGradients::batches_and_mistakes() {
    QTemporaryDir folder;
    auto session = open("gpt2");
    GradientRequest request = request_of("gpt2", folder);
    request.sites = {"resid_post", "attn_out"};
    Progress progress;
    write_gradients(*session, request, progress);
    QVERIFY_THROWS_EXCEPTION(Error, write_gradients(*session, request, progress));  // never overwritten
    Tensor together = batch_of(h5::File(request.out), "gradients/blocks.1.hook_attn_out", {Site::attn_out, 1});
    request.out = folder.filePath("single.h5").toStdString();
    request.batch_tokens = 1;
    write_gradients(*session, request, progress);
    Tensor alone = batch_of(h5::File(request.out), "gradients/blocks.1.hook_attn_out", {Site::attn_out, 1});
    QVERIFY(golden::difference(alone, together, 1e-12).empty());
    request.out = folder.filePath("none.h5").toStdString();
    request.metric = "rank";
    QVERIFY_THROWS_EXCEPTION(Error, write_gradients(*session, request, progress));
    request.metric = "prob_diff";
    request.pairs[0].foil_id.clear();
    QVERIFY_THROWS_EXCEPTION(Error, write_gradients(*session, request, progress));
    QVERIFY(!QFile::exists(folder.filePath("none.h5")) && !QFile::exists(folder.filePath("none.h5.part")));
}

QTEST_GUILESS_MAIN(TestGradients)
#include "test_gradients.moc"
