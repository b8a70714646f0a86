// How the steps of a session are called in the window: the first that runs an analysis as the analysis, others "path-patching#id".
#pragma once

#include <QString>
#include <string>
#include <vector>

#include "analyses/files/session_file.h"

namespace microtome {

/// In the order of the steps.
std::vector<std::string> step_names(const SessionFile& session);
/// "path-patching" of "path-patching#id".
std::string analysis_of(const std::string& step_name);
/// "Path patching", "Path patching · id".
QString step_title(const std::string& step_name);

}  // namespace microtome
