#include "widgets/step_names.h"

#include <algorithm>

#include "widgets/field_form.h"

namespace microtome {

std::vector<std::string> step_names(const SessionFile& session) {
    std::vector<std::string> names;
    for (const SessionStep& step : session.steps) {
        const bool first = std::find(names.begin(), names.end(), step.run) == names.end();
        names.push_back(first ? step.run : step.run + '#' + step.id);
    }
    return names;
}

std::string analysis_of(const std::string& step_name) {
    return step_name.substr(0, step_name.find('#'));
}

QString step_title(const std::string& step_name) {
    const std::size_t id = step_name.find('#');
    const QString analysis = titled(analysis_of(step_name));
    return id == std::string::npos ? analysis : analysis + QStringLiteral(" · ") + QString::fromStdString(step_name.substr(id + 1));
}

}  // namespace microtome
