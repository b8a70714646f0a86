// Runs the command as a user would, and keeps what it said.
#pragma once

#include <QtTest>

#include "core/base/json.h"

struct Ran {
    int code = -1;
    QByteArray out, error;
    microtome::Json json() const { return microtome::parse_json(out.toStdString(), "stdout"); }
};

inline Ran microtome_command(const QStringList& arguments, const QString& folder = {}) {
    QProcess process;
    if (!folder.isEmpty()) process.setWorkingDirectory(folder);
    process.start(MICROTOME_BIN_DIR "/microtome", arguments);
    Ran ran;
    if (!process.waitForFinished(120'000)) return ran;
    ran.code = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2;
    ran.out = process.readAllStandardOutput();
    ran.error = process.readAllStandardError();
    return ran;
}
