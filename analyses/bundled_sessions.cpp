#include "analyses/bundled_sessions.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/models/model.h"

namespace microtome {
namespace fs = std::filesystem;

std::vector<std::pair<std::string, fs::path>> bundled_sessions() {
    static const std::string ending = ".microtome.json";
    std::vector<std::pair<std::string, fs::path>> found;
    try {
        std::error_code failed;
        for (const auto& entry : fs::directory_iterator(resources_folder() / "sessions", failed)) {
            const std::string file = entry.path().filename().string();
            if (file.ends_with(ending)) found.emplace_back(file.substr(0, file.size() - ending.size()), entry.path());
        }
    } catch (const Error&) {  // no resources: files can still be run
    }
    std::sort(found.begin(), found.end());
    return found;
}

fs::path bundled_session(const std::string& name) {
    std::error_code failed;
    if (fs::exists(name, failed)) return {};
    for (const auto& [bundled, file] : bundled_sessions())
        if (bundled == name) return file;
    return {};
}

}  // namespace microtome
