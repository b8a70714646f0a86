// Sessions that come with the program: `microtome run ioi`, File > Open Example.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace microtome {

/// Names and files, sorted; "ioi" is resources/sessions/ioi.microtome.json. None if the program has been moved away from its resources.
std::vector<std::pair<std::string, std::filesystem::path>> bundled_sessions();

/// The file of the bundled session of this name, unless a file of that name is here; else nothing.
std::filesystem::path bundled_session(const std::string& name);

}  // namespace microtome
