// Runs the command as a user would, and keeps what it said.
#pragma once

#include <QtTest>
#include <functional>

#include "core/base/json.h"

struct Ran {
    int code = -1;  // -2: it crashed
    QByteArray out, error;
    long peak_kb = 0;  // VmHWM, as often as it was looked at
    microtome::Json json() const { return microtome::parse_json(out.toStdString(), "stdout"); }
};

inline long peak_of(qint64 process) {
    QFile status(QStringLiteral("/proc/%1/status").arg(process));
    if (!status.open(QIODevice::ReadOnly)) return 0;
    const QByteArray text = status.readAll();
    const qsizetype at = text.indexOf("VmHWM:");
    return at < 0 ? 0 : text.mid(at + 6, text.indexOf("kB", at) - at - 6).trimmed().toLong();
}

/// Waits for a started command.
inline Ran finished(QProcess& process) {
    Ran ran;
    bool ended = false;
    for (int i = 0; i < 60'000 && !ended; ++i) {
        ended = process.waitForFinished(2);
        if (process.state() == QProcess::NotRunning) ended = true;
        if (!ended) ran.peak_kb = std::max(ran.peak_kb, peak_of(process.processId()));
    }
    if (!ended) return ran;
    ran.code = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2;
    ran.out = process.readAllStandardOutput();
    ran.error = process.readAllStandardError();
    return ran;
}

/// Starts the command again and again and kills it (SIGKILL) a moment after `begun` is there, each time later, until `middle` said three
/// times that it stopped between beginning and end. How often it said so: less than three if the command came to its end.
inline int kill_again_and_again(const QStringList& arguments, const QString& begun, const std::function<bool()>& middle) {
    QRandomGenerator random(7);
    int times = 0;
    for (int moment = 1; times < 3; moment += 50 + random.bounded(150)) {
        QProcess process;
        process.start(MICROTOME_BIN_DIR "/microtome", arguments);
        for (int i = 0; i < 20'000 && !QFile::exists(begun) && process.state() != QProcess::NotRunning; ++i) process.waitForFinished(1);
        if (process.waitForFinished(moment) || process.state() == QProcess::NotRunning) {
            if (process.exitCode() != 0) qFatal("%s", process.readAllStandardError().constData());
            break;
        }
        process.kill();
        process.waitForFinished();
        if (middle()) ++times;
    }
    return times;
}

inline Ran microtome_command(const QStringList& arguments, const QString& folder = {}) {
    QProcess process;
    if (!folder.isEmpty()) process.setWorkingDirectory(folder);
    process.start(MICROTOME_BIN_DIR "/microtome", arguments);
    return finished(process);
}
