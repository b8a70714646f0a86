#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QtTest>
#include <thread>

#include "tests/unit/widgets/fake_engine.h"
#include "widgets/jobs.h"
#include "widgets/workspace.h"

using namespace microtome;

class TestJobs : public QObject {
    Q_OBJECT

    static std::unique_ptr<Workspace> opened(fake::Control& control) {
        auto workspace = std::make_unique<Workspace>(std::make_unique<fake::Engine>(control));
        workspace->open_model("toy");
        if (!QTest::qWaitFor([&] { return workspace->model() != nullptr; })) qFatal("the toy model did not open");
        return workspace;
    }

  private Q_SLOTS:
    void jobs_run_in_order_on_one_thread_and_deliver_here() {
        JobQueue jobs;
        const QAbstractItemModelTester tester(&jobs, QAbstractItemModelTester::FailureReportingMode::QtTest);
        std::vector<int> order;
        std::vector<std::thread::id> lanes(3);
        for (int i = 0; i < 3; ++i)
            jobs.start(QString::number(i), [&, i](RunProgress&) -> JobQueue::Deliver {
                lanes[static_cast<std::size_t>(i)] = std::this_thread::get_id();
                return [&, i] {
                    order.push_back(i);
                    QCOMPARE(QThread::currentThread(), qApp->thread());
                };
            });
        QTRY_VERIFY(!jobs.busy());
        QCOMPARE(order, (std::vector<int>{0, 1, 2}));
        QVERIFY(jobs.job(0).seconds > 0);
        QVERIFY(lanes[0] == lanes[1] && lanes[1] == lanes[2] && lanes[0] != std::this_thread::get_id());
    }

    void progress_and_partial_views_arrive() {
        JobQueue jobs;
        int partials = 0;
        jobs.start(
            "sweep",
            [](RunProgress& progress) -> JobQueue::Deliver {
                for (int i = 1; i <= 40; ++i) {
                    progress.step(i, 40, "cells");
                    progress.partial({"effect", "", Scalar{double(i), ""}});
                    std::this_thread::sleep_for(std::chrono::milliseconds(10));
                }
                return [] {};
            },
            [&](const NamedView&) { ++partials; });
        QTRY_VERIFY(jobs.job(0).state == JobState::running && jobs.job(0).done > 0);
        QTRY_VERIFY(jobs.job(0).seconds_left() > 0 || !jobs.busy());
        QTRY_VERIFY(!jobs.busy());
        QCOMPARE(jobs.job(0).done, std::int64_t(40));
        QVERIFY(partials >= 2 && partials < 40);  // 30 a second at most, so some states were skipped
        QCOMPARE(jobs.index(0, JobQueue::progress).data().toString(), QString("40 of 40 cells"));
    }

    void a_failure_is_told() {
        JobQueue jobs;
        QString told;
        jobs.start(
            "bad", [](RunProgress&) -> JobQueue::Deliver { throw Error("model", "weights", "none"); }, {},
            [&](const QString& text) { told = text; });
        QTRY_COMPARE(jobs.job(0).state, JobState::failed);
        QVERIFY(told.contains("expected weights"));
        QVERIFY(jobs.index(0, JobQueue::state).data().toString().contains("weights"));
    }

    void a_waiting_job_can_be_cancelled() {
        JobQueue jobs;
        bool ran = false;
        jobs.start("first", [](RunProgress& progress) -> JobQueue::Deliver {
            while (!progress.stopped()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            return [] {};
        });
        const int second = jobs.start("second", [&](RunProgress&) -> JobQueue::Deliver { return ran = true, [] {}; });
        jobs.cancel(second);
        jobs.cancel_all();
        QTRY_VERIFY(!jobs.busy());
        QVERIFY(!ran);
        QCOMPARE(jobs.job(1).state, JobState::cancelled);
    }

    void the_queue_goes_away_while_a_job_runs() {
        auto jobs = std::make_unique<JobQueue>();
        jobs->start("endless", [](RunProgress& progress) -> JobQueue::Deliver {
            while (!progress.stopped()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            return [] { QFAIL("delivered to nobody"); };
        });
        QTest::qWait(20);
        jobs.reset();
    }

    void a_sweep_streams_and_finishes() {
        fake::Control control;
        control.layer_ms = 60;
        const auto workspace = opened(control);
        QVERIFY(workspace->run_patching());
        QTRY_VERIFY(workspace->patching().growing.has_value());
        const auto& grid = std::get<Grid>(workspace->patching().view("effect")->view);
        QVERIFY(grid.computed(0) && !grid.computed(grid.size() - 1));
        QTRY_VERIFY(workspace->patching().record.has_value());
        QVERIFY(!workspace->patching_is_stale());
    }

    void cancelling_keeps_what_is_finished() {
        fake::Control control;
        control.layer_ms = 150;
        const auto workspace = opened(control);
        workspace->run_patching();
        QTRY_VERIFY(workspace->patching().growing.has_value());
        QElapsedTimer clock;
        clock.start();
        workspace->cancel();
        QTRY_VERIFY(!workspace->patching().running());
        QVERIFY2(clock.elapsed() < 250, qPrintable(QString::number(clock.elapsed())));
        QVERIFY(!workspace->patching().record->result.complete);
        const auto& grid = std::get<Grid>(workspace->patching().view("effect")->view);
        QVERIFY(grid.computed(0) && !grid.computed(grid.size() - 1));
    }

    void undo_shows_the_earlier_result_without_a_run() {
        fake::Control control;
        const auto workspace = opened(control);
        workspace->run_patching();
        QTRY_VERIFY(workspace->patching().record.has_value());
        const int runs = control.runs;
        workspace->document().edit_param("preset", "attn_head_out_all_pos");
        QVERIFY(workspace->patching_is_stale());
        workspace->run_patching();
        QTRY_VERIFY(workspace->patching().record.has_value());
        QCOMPARE(control.runs, runs + 1);
        workspace->document().undo_stack().undo();
        QVERIFY(workspace->patching().cached && !workspace->patching_is_stale());
        QCOMPARE(std::get<Grid>(workspace->patching().view("effect")->view).axes[1].name, std::string("position"));
        QCOMPARE(control.runs, runs + 1);
    }

    void a_failed_run_can_be_tried_again() {
        fake::Control control;
        const auto workspace = opened(control);
        QSignalSpy failed(workspace.get(), &Workspace::failed);
        control.fail = true;
        workspace->run_patching();
        QTRY_COMPARE(failed.count(), 1);
        QVERIFY(workspace->patching().error.contains("lucky"));
        workspace->run_patching();
        QTRY_VERIFY(workspace->patching().record.has_value());
        QVERIFY(workspace->patching().error.isEmpty());
    }

    void a_model_that_is_not_there() {
        fake::Control control;
        Workspace workspace(std::make_unique<fake::Engine>(control));
        workspace.open_model("nowhere");
        QTRY_VERIFY(!workspace.model_error().isEmpty());
        QVERIFY(!workspace.run_patching());
    }

    void a_session_brings_its_own_numerics() {
        fake::Control control;
        const auto workspace = opened(control);
        SessionFile session = welcome_session();
        session.model.path = "toy", session.model.dtype = "float64", session.threads = 3;
        session.model.sha256 = std::string(64, 'a');
        workspace->load_session(session);
        QTRY_VERIFY(!workspace->jobs().busy());
        QCOMPARE(control.opened.dtype, std::string("float64"));
        QCOMPARE(control.opened.threads, 3);
        QCOMPARE(workspace->document().session().model.dtype, std::string("float64"));
    }

    void another_model_than_the_saved_one_is_told() {
        fake::Control control;
        const auto workspace = opened(control);
        QSignalSpy failed(workspace.get(), &Workspace::failed);
        SessionFile session = welcome_session();
        session.model.sha256 = std::string(64, 'b');
        workspace->load_session(session);
        QTRY_COMPARE(failed.count(), 1);
        QVERIFY(failed[0][0].toString().contains("bbbbbbbb") && failed[0][0].toString().contains("aaaaaaaa"));
    }

    void refused_prompts_do_not_run() {
        fake::Control control;
        const auto workspace = opened(control);
        workspace->document().edit_text(PromptField::corrupt, "one two");
        QVERIFY(!workspace->run_patching());
        QVERIFY(workspace->prompts().refusal().contains("refused"));
        QCOMPARE(workspace->patching().running(), false);
    }

    void the_script_holds_the_shown_step_alone() {
        fake::Control control;
        const auto workspace = opened(control);
        SessionFile session = welcome_session();
        session.prompts.push_back(session.prompts.front());
        session.prompts.back().id = "p2";
        SessionStep other = session.steps.front();
        other.id = "s2", other.run = "logit-lens", other.params = Json::object();
        session.steps.push_back(other);
        session.notes = "mine";
        workspace->load_session(session);
        const SessionFile script = workspace->script();
        QCOMPARE(script.prompts.size(), std::size_t(1));
        QCOMPARE(script.steps.size(), std::size_t(1));
        QVERIFY(script.notes.empty());
        QCOMPARE(to_json(session_from_json(to_json(script), "script")).dump(), to_json(script).dump());
    }
};

QTEST_GUILESS_MAIN(TestJobs)
#include "test_jobs.moc"
