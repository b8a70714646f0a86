// Runs the command as a user would, and keeps what it said.
#pragma once

#include <QtTest>

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

inline Ran microtome_command(const QStringList& arguments, const QString& folder = {}) {
    QProcess process;
    if (!folder.isEmpty()) process.setWorkingDirectory(folder);
    process.start(MICROTOME_BIN_DIR "/microtome", arguments);
    return finished(process);
}
