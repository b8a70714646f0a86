// microtome download and --download against a hub on this computer that redirects, cuts, lies and refuses.
#include <QCryptographicHash>
#include <QtTest>
#include <csignal>

#include "command.h"
#include "hub_server.h"

using namespace microtome;

namespace {

const QString planted = QStringLiteral(MICROTOME_SOURCE_DIR "/resources/models/planted/");
const QByteArray commit(40, 'a');
const QByteArray weights = "model.safetensors";

QByteArray read(const QString& name) {
    QFile file(name);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

QByteArray git_hash(const QByteArray& content) {
    return QCryptographicHash::hash("blob " + QByteArray::number(content.size()) + QByteArray(1, '\0') + content, QCryptographicHash::Sha1)
        .toHex();
}

QByteArray sha256_of(const QByteArray& content) {
    return QCryptographicHash::hash(content, QCryptographicHash::Sha256).toHex();
}

}  // namespace

class TestDownload : public QObject {
    Q_OBJECT

    using Request = HubServer::Request;
    using Answer = HubServer::Answer;

    QMap<QByteArray, QByteArray> files_;
    std::unique_ptr<QTemporaryDir> home_;
    Json list_;                                                     // what /api/models answers
    std::function<std::optional<Answer>(const Request&)> on_file_;  // another answer for a file
    std::optional<Answer> on_list_;
    std::unique_ptr<HubServer> hub_;

    QString cache(const QString& name = {}) const {
        return home_->filePath("hub/models--org--tiny" + (name.isEmpty() ? name : "/" + name));
    }
    QString snapshot(const QString& name) const { return cache("snapshots/" + commit + "/" + name); }
    QString blob(const QByteArray& name) const {
        return cache("blobs/" + (name == weights ? sha256_of(files_[name]) : git_hash(files_[name])));
    }

    Answer content(const Request& request, const QByteArray& name) const {
        const QByteArray whole = files_[name];
        const qint64 from = request.from();
        if (from == 0) return {200, whole, {}};
        if (from >= whole.size()) return {416, "", {}};
        return {206,
                whole.mid(from),
                {"Content-Range: bytes " + QByteArray::number(from) + "-" + QByteArray::number(whole.size() - 1) + "/" +
                 QByteArray::number(whole.size())}};
    }

    Answer answer(const Request& request) const {
        if (request.path.startsWith("/api/models/org/tiny/revision/")) {
            if (on_list_) return *on_list_;
            return {200, QByteArray::fromStdString(list_.dump()), {"Content-Type: application/json"}};
        }
        const QByteArray start = "/org/tiny/resolve/" + commit + "/";
        if (!request.path.startsWith(start) || !files_.contains(request.path.mid(start.size())))
            return {404, "Not Found", {"X-Error-Code: EntryNotFound"}};
        if (on_file_)
            if (auto other = on_file_(request)) return *other;
        return content(request, request.path.mid(start.size()));
    }

    void add_listed(const char* name, std::int64_t size, const QByteArray& hash, bool large) {
        Json entry{{"rfilename", name}, {"size", size}, {"blobId", large ? std::string(40, 'b') : hash.toStdString()}};
        if (large) entry["lfs"] = {{"sha256", hash.toStdString()}, {"size", size}, {"pointerSize", 134}};
        list_["siblings"].push_back(entry);
    }

    QProcessEnvironment environment() const {
        QProcessEnvironment e = QProcessEnvironment::systemEnvironment();
        for (const char* name :
             {"HF_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
            e.remove(name);
        e.insert("HF_HOME", home_->path());
        e.insert("HF_ENDPOINT", hub_->url() + "/");
        return e;
    }

    Ran run(const QStringList& arguments, const QMap<QString, QString>& more = {}) const {
        QProcess process;
        QProcessEnvironment e = environment();
        for (auto it = more.begin(); it != more.end(); ++it) e.insert(it.key(), it.value());
        process.setProcessEnvironment(e);
        process.start(MICROTOME_BIN_DIR "/microtome", arguments);
        return finished(process);
    }
    Ran download(const QStringList& more = {}, const QMap<QString, QString>& variables = {}) const {
        return run(QStringList{"download", "org/tiny"} + more, variables);
    }

    // A request that went on from this byte, or a later multiple of it.
    bool asked_from(qint64 byte) const {
        const QList<Request> seen = hub_->seen();
        return std::any_of(seen.begin(), seen.end(), [byte](const Request& r) { return r.from() > 0 && r.from() % byte == 0; });
    }

    void is_whole() const {
        for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json", "model.safetensors"}) {
            QCOMPARE(read(snapshot(name)), files_[name]);
            QVERIFY2(QFileInfo(snapshot(name)).isSymLink(), name);
        }
        QCOMPARE(read(cache("refs/main")), commit);
        QVERIFY(QDir(cache("blobs")).entryList({"*.incomplete"}).isEmpty());
    }

  private Q_SLOTS:
    void initTestCase() {
        hub_ = std::make_unique<HubServer>([this](const Request& request) { return answer(request); });
    }

    void init() {
        home_ = std::make_unique<QTemporaryDir>();
        files_.clear();
        for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json", "model.safetensors"})
            files_[name] = read(planted + name);
        for (const char* name : {"README.md", "pytorch_model.bin", "consolidated.safetensors", "onnx/model.safetensors"})
            files_[name] = "not wanted";
        list_ = {{"id", "org/tiny"}, {"sha", commit.toStdString()}, {"siblings", Json::array()}};
        for (auto it = files_.begin(); it != files_.end(); ++it)
            add_listed(it.key().constData(), it.value().size(), it.key() == weights ? sha256_of(it.value()) : git_hash(it.value()),
                       it.key() == weights);
        on_file_ = nullptr;
        on_list_.reset();
        hub_->forget();
    }

    void a_model_arrives_and_is_found_by_its_name() {
        const Ran refused = run({"info", "org/tiny"});
        QCOMPARE(refused.code, 2);
        QVERIFY(hub_->seen().isEmpty());  // nobody asked for the network
        const Ran ran = download({"--json"});
        QVERIFY2(ran.code == 0, ran.error);
        is_whole();
        QCOMPARE(ran.json()["files"].size(), std::size_t(5));
        QCOMPARE(ran.json()["folder"].get<std::string>(), cache("snapshots/" + commit).toStdString());
        QCOMPARE(hub_->seen().size(), qsizetype(6));
        QVERIFY(run({"info", "org/tiny", "--json"}).json()["n_layers"] == 2);
        hub_->forget();
        const Ran again = download({"--json"});
        QCOMPARE(again.json()["fetched_bytes"], Json(0));
        QCOMPARE(hub_->seen().size(), qsizetype(1));  // the list
    }

    void a_model_is_fetched_when_it_is_not_here() {
        const QStringList arguments{"generate", "--model", "org/tiny", "--download", "--prompt", "a b", "--max-new-tokens", "1", "--json"};
        const Ran typo = run(QStringList{"generate", "--model", "org/tiny", "--download", "--promt", "a"});
        QCOMPARE(typo.code, 2);
        QVERIFY(hub_->seen().isEmpty());
        const Ran ran = run(arguments);
        QVERIFY2(ran.code == 0, ran.error);
        QVERIFY(!ran.json()["ids"].empty());
        is_whole();
        hub_->forget();
        QCOMPARE(run(arguments).code, 0);
        QCOMPARE(run({"info", "planted", "--download"}).code, 0);  // a bundled one
        QVERIFY(hub_->seen().isEmpty());
        QFile::remove(snapshot("model.safetensors"));  // a part of a model is not one
        QCOMPARE(run({"info", "org/tiny", "--download"}).code, 0);
        is_whole();
    }

    void a_revision_has_its_own_reference() {
        QCOMPARE(download({"--revision", "refs/pr/1"}).code, 0);
        QVERIFY(hub_->seen().first().path.contains("/revision/refs%2Fpr%2F1?"));
        QCOMPARE(read(cache("refs/refs/pr/1")), commit);
        QVERIFY(!QFile::exists(cache("refs/main")));
        QCOMPARE(run({"info", "org/tiny@refs/pr/1"}).code, 0);
        QCOMPARE(run({"info", "org/tiny@v2"}).code, 2);
    }

    void files_are_chosen() {
        const Ran list = download({"--file", "onnx/*", "--file", "*.md", "--list"});
        QVERIFY2(list.code == 0, list.error);
        QVERIFY(list.out.contains("onnx/model.safetensors") && list.out.contains("README.md") && !list.out.contains("config.json"));
        QVERIFY(!QFile::exists(cache()));
        QCOMPARE(download({"--file", "onnx/*"}).code, 0);
        QCOMPARE(read(snapshot("onnx/model.safetensors")), QByteArray("not wanted"));
        QVERIFY(!QFile::exists(snapshot("config.json")));
        QVERIFY(download({"--file", "pytorch_model.bin"}).error.contains("no pickle"));
        QVERIFY(download({"--file", "confg.json"}).error.contains("did you mean \"config.json\"?"));
    }

    void the_token_stays_with_the_hub() {
        HubServer storage([this](const Request& request) { return content(request, weights); });
        on_file_ = [&](const Request& request) -> std::optional<Answer> {
            if (!request.path.endsWith(weights)) return {};
            return Answer{302, "", {"Location: " + storage.url().toLatin1() + "/signed?key=1"}};
        };
        const Ran ran = download({}, {{"HF_TOKEN", "hf_secret\n"}});
        QVERIFY2(ran.code == 0, ran.error);
        is_whole();
        for (const Request& request : hub_->seen()) QCOMPARE(request.headers["authorization"], QByteArray("Bearer hf_secret"));
        QCOMPARE(storage.seen().size(), qsizetype(1));
        QVERIFY(!storage.seen().first().headers.contains("authorization"));
        QVERIFY(!ran.error.contains("secret"));
    }

    void a_list_without_facts_is_completed_by_the_files() {
        for (Json& entry : list_["siblings"]) entry = Json{{"rfilename", entry["rfilename"]}};
        on_file_ = [&](const Request& request) -> std::optional<Answer> {
            if (request.method != "HEAD") return {};
            const QByteArray name = request.path.mid(request.path.lastIndexOf('/') + 1), size = QByteArray::number(files_[name].size());
            if (name == weights)
                return Answer{
                    302,
                    "",
                    {"Location: http://127.0.0.1:1/", "X-Linked-Etag: \"" + sha256_of(files_[name]) + "\"", "X-Linked-Size: " + size}};
            return Answer{200, "", {"ETag: W/\"" + git_hash(files_[name]) + "\"", "Content-Length: " + size}};
        };
        const Ran ran = download();
        QVERIFY2(ran.code == 0, ran.error);
        is_whole();
    }

    void a_cut_file_goes_on_where_it_was_cut() {
        int asked = 0;
        on_file_ = [&](const Request& request) -> std::optional<Answer> {
            if (!request.path.endsWith(weights)) return {};
            Answer part = content(request, weights);
            if (++asked == 1) part.cut = 1000;
            if (asked == 2) return Answer{503, "busy", {"Retry-After: 1"}};
            return part;
        };
        const Ran ran = download();
        QVERIFY2(ran.code == 0, ran.error);
        QCOMPARE(asked, 3);
        is_whole();
        QVERIFY(asked_from(1000));
        QVERIFY2(ran.error.contains("model.safetensors") && ran.error.contains("once more"), ran.error);
    }

    void an_earlier_part_is_used_if_it_fits_data() {
        QTest::addColumn<QByteArray>("part");
        QTest::addColumn<bool>("ranges");
        const QByteArray whole = read(planted + weights);
        QTest::newRow("beginning") << whole.left(3000) << true;
        QTest::newRow("server without ranges") << whole.left(3000) << false;
        QTest::newRow("whole") << whole << true;
        QTest::newRow("too long") << whole + "x" << true;
        QTest::newRow("another file's") << QByteArray(3000, 'x') << true;
    }
    void an_earlier_part_is_used_if_it_fits() {
        QFETCH(QByteArray, part);
        QFETCH(bool, ranges);
        QVERIFY(QDir().mkpath(cache("blobs")));
        QFile file(blob(weights) + ".incomplete");
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(part);
        file.close();
        if (!ranges)
            on_file_ = [this](const Request& request) -> std::optional<Answer> {
                return Answer{200, files_[request.path.mid(request.path.lastIndexOf('/') + 1)], {}};
            };
        const Ran ran = download();
        QVERIFY2(ran.code == 0, ran.error);
        is_whole();
    }

    void a_cancelled_download_keeps_its_part_and_goes_on() {
        on_file_ = [this](const Request& request) -> std::optional<Answer> {
            if (!request.path.endsWith(weights)) return {};
            Answer slow = content(request, weights);
            slow.pause_ms = 400;
            return slow;
        };
        QProcess process;
        process.setProcessEnvironment(environment());
        process.start(MICROTOME_BIN_DIR "/microtome", {"download", "org/tiny"});
        const QString part = blob(weights) + ".incomplete";
        QTRY_VERIFY_WITH_TIMEOUT(QFileInfo(part).size() > 0, 20'000);
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        const Ran ran = finished(process);
        QCOMPARE(ran.code, 3);
        QVERIFY(QFileInfo(part).size() > 0 && !QFile::exists(blob(weights)) && !QFile::exists(snapshot("config.json")));
        QCOMPARE(run({"info", "org/tiny"}).code, 2);
        on_file_ = nullptr;
        hub_->forget();
        QCOMPARE(download().code, 0);
        QVERIFY(asked_from(4096));
        is_whole();
    }

    void progress_is_told_in_bytes() {
        on_file_ = [this](const Request& request) -> std::optional<Answer> {
            Answer slow = content(request, request.path.mid(request.path.lastIndexOf('/') + 1));
            slow.pause_ms = 30;
            return slow;
        };
        QProcess process;  // on a terminal of its own
        process.setProcessEnvironment(environment());
        process.start("script", {"-qec", MICROTOME_BIN_DIR "/microtome download org/tiny", "/dev/null"});
        const Ran ran = finished(process);
        QVERIFY2(ran.code == 0, ran.out + ran.error);
        const QRegularExpression told(QStringLiteral("\\d+\\.\\d kB of \\d+\\.\\d kB  \\d+\\.\\d kB/s  \\d+:\\d\\d left"));
        QVERIFY2(told.match(QString::fromUtf8(ran.out)).hasMatch(), ran.out);
    }

    void two_at_once_fetch_one_file_once() {
        on_file_ = [this](const Request& request) -> std::optional<Answer> {
            Answer slow = content(request, request.path.mid(request.path.lastIndexOf('/') + 1));
            slow.pause_ms = 20;
            return slow;
        };
        QProcess first, second;
        for (QProcess* process : {&first, &second}) {
            process->setProcessEnvironment(environment());
            process->start(MICROTOME_BIN_DIR "/microtome", {"download", "org/tiny"});
        }
        const Ran a = finished(first), b = finished(second);
        QVERIFY2(a.code == 0 && b.code == 0, a.error + b.error);
        is_whole();
        QCOMPARE(hub_->seen().size(), qsizetype(7));  // two lists, five files
    }

    void a_mistake_is_one_line_data() {
        QTest::addColumn<QString>("what");
        QTest::addColumn<QString>("says");
        QTest::newRow("unknown") << "unknown"
                                 << "org/tiny: expected a public model";
        QTest::newRow("gated") << "gated"
                               << "accept the model's terms";
        QTest::newRow("revision") << "revision"
                                  << "in this revision, got status 404";
        QTest::newRow("not JSON") << "not JSON"
                                  << "syntax error";
        QTest::newRow("leaves its folder") << "leaves its folder"
                                           << "names of files inside the model's folder, got \"../../evil.json\"";
        QTest::newRow("commit") << "commit"
                                << "a commit (sha) of 40 digits";
        QTest::newRow("checksum text") << "checksum text"
                                       << "a SHA-256 or SHA-1 in hexadecimal";
        QTest::newRow("checksum") << "checksum"
                                  << "model.safetensors: expected the checksum";
        QTest::newRow("too long") << "too long"
                                  << "model.safetensors: expected";
        QTest::newRow("disk") << "disk"
                              << "of free disk space";
        QTest::newRow("pickles") << "pickles"
                                 << "pickles alone";
        QTest::newRow("gone") << "gone"
                              << "config.json: expected";
    }
    void a_mistake_is_one_line() {
        QFETCH(QString, what);
        QFETCH(QString, says);
        const auto entry = [this](const char* name) -> Json& {
            for (Json& file : list_["siblings"])
                if (file["rfilename"] == name) return file;
            return list_;
        };
        if (what == "unknown") on_list_ = Answer{401, "{}", {"X-Error-Code: RepoNotFound"}};
        if (what == "revision") on_list_ = Answer{404, "{}", {"X-Error-Code: RevisionNotFound"}};
        if (what == "not JSON") on_list_ = Answer{200, "<html>", {}};
        if (what == "leaves its folder") list_["siblings"].push_back({{"rfilename", "../../evil.json"}});
        if (what == "commit") list_["sha"] = "../../..";
        if (what == "checksum text") entry("config.json")["blobId"] = "../../../evil";
        if (what == "disk") entry("model.safetensors")["lfs"]["size"] = std::int64_t{1} << 60;
        if (what == "pickles")
            for (Json& file : list_["siblings"])
                if (file["rfilename"] != "pytorch_model.bin") file["rfilename"] = "other/" + file["rfilename"].get<std::string>();
        on_file_ = [&](const Request& request) -> std::optional<Answer> {
            if (what == "gated") return Answer{403, "", {"X-Error-Code: GatedRepo"}};
            if (what == "gone" && request.path.endsWith("/config.json")) return Answer{410, "", {}};
            if (!request.path.endsWith(weights)) return {};
            QByteArray other = files_[weights];
            other[100] = static_cast<char>(other[100] ^ 1);
            if (what == "checksum") return Answer{200, other, {}};
            if (what == "too long") return Answer{200, other + "x", {}};
            return {};
        };
        const Ran ran = download({"--quiet"});
        QCOMPARE(ran.code, 2);
        QVERIFY2(ran.error.contains(says.toUtf8()) && ran.error.trimmed().count('\n') == 0, ran.error);
        QVERIFY(!QFile::exists(snapshot("config.json")) && !QFile::exists(blob(weights)) && !QFile::exists(home_->filePath("evil.json")));
        QVERIFY(download({"--json", "--quiet"}).json()["error"].contains("subject"));
    }

    void what_can_t_be_asked_is_told_at_once() {
        const Ran nobody = download({}, {{"HF_ENDPOINT", "http://127.0.0.1:9"}});
        QCOMPARE(nobody.code, 2);
        QVERIFY2(nobody.error.contains("http://127.0.0.1:9: expected an answer, got"), nobody.error);
        QVERIFY(download({}, {{"HF_ENDPOINT", "ftp://x"}}).error.contains("HF_ENDPOINT"));
        QVERIFY(download({}, {{"HF_HUB_OFFLINE", "1"}}).error.contains("HF_HUB_OFFLINE"));
        QVERIFY(download({}, {{"HF_TOKEN", "two words"}}).error.contains("HF_TOKEN"));
        for (const char* name : {"../x", "a/b/c", "org/tiny@../x", "org/", "-x"}) {
            const Ran ran = run({"download", "--", name});
            QCOMPARE(ran.code, 2);
            QVERIFY2(ran.error.contains("a name of the hub"), ran.error);
        }
        QVERIFY(hub_->seen().isEmpty());
    }
};

QTEST_GUILESS_MAIN(TestDownload)
#include "test_download.moc"
