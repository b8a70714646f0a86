// A model hub of one model on this computer: answers as the hub does, and fails as it is told to.
#pragma once

#include <QTcpServer>
#include <QTcpSocket>
#include <QtTest>
#include <functional>
#include <mutex>
#include <thread>

/// One request a connection, one connection at a time, in a thread of its own.
class HubServer {
  public:
    struct Request {
        QByteArray method, path;
        QMap<QByteArray, QByteArray> headers;  // names in lower case
        qint64 from() const {                  // of a Range
            const QByteArray range = headers.value("range");
            return range.startsWith("bytes=") ? range.mid(6, range.indexOf('-') - 6).toLongLong() : 0;
        }
    };
    struct Answer {
        int status = 200;
        QByteArray body;
        QList<QByteArray> headers;  // "Name: value"
        qint64 cut = -1;            // bytes of the body after which the connection ends
        int pause_ms = 0;           // behind every 4 kB
    };
    using Handler = std::function<Answer(const Request&)>;

    explicit HubServer(Handler handler) : handler_(std::move(handler)) {
        thread_ = std::thread([this] { serve(); });
        while (port_ == 0) std::this_thread::yield();
    }
    ~HubServer() {
        ending_ = true;
        thread_.join();
    }

    QString url() const { return QStringLiteral("http://127.0.0.1:%1").arg(port_.load()); }
    QList<Request> seen() {
        std::lock_guard held(mutex_);
        return seen_;
    }
    void forget() {
        std::lock_guard held(mutex_);
        seen_.clear();
    }

  private:
    void serve() {
        QTcpServer server;
        if (!server.listen(QHostAddress::LocalHost)) qFatal("no port to listen at");
        port_ = server.serverPort();
        while (!ending_) {
            if (!server.hasPendingConnections() && !server.waitForNewConnection(20)) continue;  // it may have taken several at once
            std::unique_ptr<QTcpSocket> socket(server.nextPendingConnection());
            if (socket) answer(*socket);
        }
    }

    void answer(QTcpSocket& socket) {
        QByteArray text;
        while (!text.contains("\r\n\r\n") && socket.waitForReadyRead(5000)) text += socket.readAll();
        const QList<QByteArray> lines = text.split('\n');
        const QList<QByteArray> words = lines.value(0).trimmed().split(' ');
        Request request{words.value(0), words.value(1), {}};
        for (const QByteArray& line : lines.mid(1))
            if (const qsizetype colon = line.indexOf(':'); colon > 0)
                request.headers[line.left(colon).toLower()] = line.mid(colon + 1).trimmed();
        {
            std::lock_guard held(mutex_);
            seen_ << request;
        }
        send(socket, handler_(request), request.method == "HEAD");
    }

    void send(QTcpSocket& socket, const Answer& answer, bool head_only) {
        QByteArray head = "HTTP/1.1 " + QByteArray::number(answer.status) + " Answer\r\nConnection: close\r\n";
        bool sized = false;
        for (const QByteArray& line : answer.headers) {
            head += line + "\r\n";
            sized = sized || line.startsWith("Content-Length");
        }
        if (!sized) head += "Content-Length: " + QByteArray::number(answer.body.size()) + "\r\n";
        socket.write(head + "\r\n");
        const qint64 size = head_only ? 0 : answer.cut >= 0 ? qMin<qint64>(answer.cut, answer.body.size()) : answer.body.size();
        for (qint64 at = 0; at < size && socket.state() == QAbstractSocket::ConnectedState && !ending_;) {
            const qint64 n = answer.pause_ms > 0 ? qMin<qint64>(4096, size - at) : size - at;
            socket.write(answer.body.constData() + at, n);
            at += n;
            while (socket.bytesToWrite() > 0 && socket.waitForBytesWritten(5000)) continue;
            if (answer.pause_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(answer.pause_ms));
        }
        socket.disconnectFromHost();
        if (socket.state() != QAbstractSocket::UnconnectedState) socket.waitForDisconnected(2000);
    }

    Handler handler_;
    std::atomic<quint16> port_ = 0;
    std::atomic<bool> ending_ = false;
    std::mutex mutex_;
    QList<Request> seen_;
    std::thread thread_;
};
