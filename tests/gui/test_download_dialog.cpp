// Downloading a model in the window: from a hub on this computer, cancelled and taken up again, refused; and what a stand-in shows
// meanwhile.
#include <QCryptographicHash>
#include <QElapsedTimer>
#include <QStatusBar>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/json.h"
#include "tests/app/hub_server.h"
#include "tests/gui/quiet.h"
#include "tests/unit/widgets/fake_engine.h"
#include "widgets/main_window.h"
#include "widgets/theme.h"

using namespace microtome;

namespace {

const QString planted = QStringLiteral(MICROTOME_SOURCE_DIR "/resources/models/planted/");
const QByteArray commit(40, 'a');

QByteArray git_hash(const QByteArray& content) {
    return QCryptographicHash::hash("blob " + QByteArray::number(content.size()) + QByteArray(1, '\0') + content, QCryptographicHash::Sha1)
        .toHex();
}

/// A hub that has the planted model as org/tiny, and takes its time.
class Hub {
  public:
    Hub() : server_([this](const HubServer::Request& request) { return answer(request); }) {
        for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json", "model.safetensors"}) {
            QFile file(planted + name);
            if (!file.open(QIODevice::ReadOnly)) qFatal("no planted model");
            files_[name] = file.readAll();
        }
    }
    QString url() const { return server_.url(); }
    HubServer& server() { return server_; }
    std::atomic<int> pause_ms{0};

  private:
    HubServer::Answer answer(const HubServer::Request& request) const {
        if (request.path.startsWith("/api/models/org/tiny/revision/main")) {
            Json list{{"id", "org/tiny"}, {"sha", commit.toStdString()}, {"siblings", Json::array()}};
            for (auto it = files_.begin(); it != files_.end(); ++it)
                list["siblings"].push_back(
                    {{"rfilename", it.key().toStdString()}, {"size", it.value().size()}, {"blobId", git_hash(it.value()).toStdString()}});
            return {200, QByteArray::fromStdString(list.dump()), {}};
        }
        const QByteArray name = request.path.mid(request.path.lastIndexOf('/') + 1), whole = files_.value(name);
        if (whole.isEmpty()) return {401, "{}", {"X-Error-Code: RepoNotFound"}};
        const qint64 from = request.from();
        HubServer::Answer out{200, whole, {}};
        if (from > 0)
            out = {206,
                   whole.mid(from),
                   {"Content-Range: bytes " + QByteArray::number(from) + "-" + QByteArray::number(whole.size() - 1) + "/" +
                    QByteArray::number(whole.size())}};
        out.pause_ms = pause_ms;
        return out;
    }

    QMap<QByteArray, QByteArray> files_;
    HubServer server_;
};

}  // namespace

class TestDownloadDialog : public QObject {
    Q_OBJECT

    std::unique_ptr<Hub> hub_;
    std::unique_ptr<QTemporaryDir> home_;
    fake::Control control_;
    std::unique_ptr<MainWindow> window_;

    DownloadDialog* ask() {
        window_->actions().find(QStringLiteral("file.download"))->trigger();
        return window_->findChild<DownloadDialog*>();
    }
    void make(std::unique_ptr<Engine> engine) {
        window_ = std::make_unique<MainWindow>(std::move(engine));
        window_->open_first({});
        window_->show();
        QTRY_VERIFY_WITH_TIMEOUT(window_->workspace().model() && !window_->workspace().jobs().busy(), 60'000);
    }

  private Q_SLOTS:
    void initTestCase() {
        apply_theme(*qApp, false);
        hub_ = std::make_unique<Hub>();
        for (const char* name :
             {"HF_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
            qunsetenv(name);
        qputenv("HF_ENDPOINT", hub_->url().toLatin1());
    }
    void init() {
        fail_on_warnings();
        home_ = std::make_unique<QTemporaryDir>();
        qputenv("HF_HOME", home_->path().toLocal8Bit());
        control_.layer_ms = 0;
    }
    void cleanup() { window_.reset(); }

    void a_model_is_fetched_and_opened() {
        make(make_engine());
        const qsizetype before = hub_->server().seen().size();
        DownloadDialog* dialog = ask();
        QVERIFY(dialog && dialog->isVisible());
        QVERIFY(!dialog->start_button()->isEnabled());
        QTest::keyClicks(dialog->name(), "../evil");
        QVERIFY(!dialog->start_button()->isEnabled());
        dialog->name()->selectAll();
        QTest::keyClicks(dialog->name(), "org/tiny");
        QCOMPARE(hub_->server().seen().size(), before);  // nobody pressed anything yet
        QTest::mouseClick(dialog->start_button(), Qt::LeftButton);
        QVERIFY(dialog->busy());
        QTRY_VERIFY_WITH_TIMEOUT(!dialog->isVisible(), 30'000);
        QTRY_VERIFY_WITH_TIMEOUT(
            window_->workspace().model() && window_->workspace().model()->facts().n_layers == 2 && !window_->workspace().jobs().busy(),
            60'000);
        QVERIFY(QFile::exists(home_->filePath("hub/models--org--tiny/snapshots/" + commit + "/model.safetensors")));
    }

    void a_cancelled_one_goes_on_where_it_was() {
        make(make_engine());
        hub_->pause_ms = 300;
        DownloadDialog* dialog = ask();
        dialog->name()->setText("org/tiny");
        QTest::keyClick(dialog->name(), Qt::Key_Return);
        QTRY_VERIFY_WITH_TIMEOUT(dialog->status().contains(" kB of ") && dialog->bar()->value() > 0, 30'000);
        QVERIFY(!dialog->start_button()->isEnabled() && !dialog->name()->isEnabled());
        QTest::mouseClick(dialog->cancel_button(), Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(!dialog->busy(), 10'000);
        QVERIFY2(dialog->status().startsWith("Cancelled."), qPrintable(dialog->status()));
        QVERIFY(!QFile::exists(home_->filePath("hub/models--org--tiny/snapshots")));
        hub_->pause_ms = 0;
        QTest::mouseClick(dialog->start_button(), Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(!dialog->isVisible(), 30'000);
        QVERIFY(QFile::exists(home_->filePath("hub/models--org--tiny/snapshots/" + commit + "/model.safetensors")));
    }

    void a_model_that_is_not_there_is_told_in_one_line() {
        make(make_engine());
        DownloadDialog* dialog = ask();
        dialog->name()->setText("org/none");
        dialog->start();
        QTRY_VERIFY_WITH_TIMEOUT(!dialog->busy(), 30'000);
        QVERIFY2(dialog->status().startsWith("model org/none: expected a public model") && !dialog->status().contains('\n'),
                 qPrintable(dialog->status()));
        QVERIFY(dialog->isVisible() && dialog->start_button()->isEnabled());
    }

    void the_window_stays_at_hand_and_the_progress_has_units() {
        make(std::make_unique<fake::Engine>(control_));
        control_.layer_ms = 100;
        DownloadDialog* dialog = ask();
        dialog->name()->setText("org/large");
        dialog->start();
        qint64 longest = 0;
        QElapsedTimer since;
        QString seen;
        const QRegularExpression told(QStringLiteral("^\\d+\\.\\d MB of 20\\.0 MB · \\d+\\.\\d MB/s · [^·]+ left$"));
        for (since.start(); dialog->busy(); since.restart()) {
            QCoreApplication::processEvents(QEventLoop::AllEvents, 20);
            longest = std::max(longest, since.elapsed());
            if (told.match(dialog->status()).hasMatch()) seen = dialog->status();
        }
        QVERIFY2(!seen.isEmpty(), qPrintable(dialog->status()));
        QVERIFY2(longest < 600, qPrintable(QString::number(longest)));  // the transfer takes a second
        QTRY_VERIFY(control_.opened.model == "org/large");
    }

    void closing_the_dialog_cancels() {
        make(std::make_unique<fake::Engine>(control_));
        control_.layer_ms = 100;
        DownloadDialog* dialog = ask();
        dialog->name()->setText("org/large");
        dialog->start();
        QTest::keyClick(dialog, Qt::Key_Escape);
        QVERIFY(!dialog->isVisible());
        QTRY_VERIFY(!dialog->busy());
        QVERIFY(control_.opened.model != "org/large");
        QCOMPARE(ask(), dialog);  // the same one, and it can go on
        QVERIFY(dialog->isVisible() && dialog->start_button()->isEnabled());
    }
};

QTEST_MAIN(TestDownloadDialog)
#include "test_download_dialog.moc"
