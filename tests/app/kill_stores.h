// Runs of the command that write a store and are killed on the way.
#pragma once

#include <QRandomGenerator>
#include <utility>

#include "command.h"
#include "hooks/store/store_reader.h"

/// Starts the command, which is to write `store` of `prompts` prompts, again and again, and kills it (SIGKILL) a moment after there is
/// something of the file, each time later, until three kills came between its beginning and its end. How many did: less than three if the
/// command ended before. Prompts that were done must stay so.
inline int kill_store_again_and_again(const QStringList& command, const QString& store, std::uint64_t prompts) {
    const QString part = store + ".part";
    const QStringList arguments = command + QStringList{"--out", store, "--resume", "--flush-every", "0"};
    QRandomGenerator random(7);
    std::uint64_t done = 0;
    int times = 0;
    for (int moment = 1; times < 3; moment += 50 + random.bounded(150)) {
        QProcess process;
        process.start(MICROTOME_BIN_DIR "/microtome", arguments);
        for (int i = 0; i < 20'000 && !QFile::exists(part) && process.state() != QProcess::NotRunning; ++i) process.waitForFinished(1);
        if (process.waitForFinished(moment) || process.state() == QProcess::NotRunning) {
            if (process.exitCode() != 0) qFatal("%s", process.readAllStandardError().constData());
            break;
        }
        process.kill();
        process.waitForFinished();
        if (!QFile::exists(part)) continue;  // it came to its end
        const std::uint64_t before = std::exchange(done, microtome::StoreReader(part.toStdString()).prompts());
        if (done < before) qFatal("prompts that were done are lost");
        if (done > before && done < prompts) ++times;
    }
    return times;
}
