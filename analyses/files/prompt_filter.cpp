#include "analyses/files/prompt_filter.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/near.h"

namespace microtome {
namespace {

struct Choice {
    const char* key;
    std::string Prompt::*member;
    std::vector<std::string> values{};

    void apply(std::vector<Prompt>& prompts) const {
        if (values.empty()) return;
        std::set<std::string> known;
        for (const Prompt& prompt : prompts) known.insert(prompt.*member);
        std::erase_if(prompts, [&](const Prompt& p) { return std::find(values.begin(), values.end(), p.*member) == values.end(); });
        if (!prompts.empty()) return;
        known.erase("");
        std::vector<std::string> some(known.begin(), known.end());
        const std::string there = some.empty()       ? std::string("prompts with a ") + key
                                  : some.size() <= 8 ? std::string("the ") + key + " " + joined(some)
                                                     : std::string("a ") + key + " that some prompt has";
        throw Error("--where", there, with_suggestion(values.front(), some));
    }
};

}  // namespace

std::vector<Prompt> choose_prompts(std::vector<Prompt> prompts, const std::vector<std::string>& where, std::uint64_t limit) {
    Choice choices[] = {{"label", &Prompt::label}, {"group", &Prompt::group}};
    for (const std::string& condition : where) {
        const std::size_t at = condition.find('=');
        const auto choice =
            std::find_if(std::begin(choices), std::end(choices), [&](const Choice& c) { return condition.substr(0, at) == c.key; });
        if (at == std::string::npos || choice == std::end(choices)) throw Error("--where", "label=TEXT or group=TEXT", condition);
        choice->values.push_back(condition.substr(at + 1));
    }
    for (const Choice& choice : choices) choice.apply(prompts);
    if (limit > 0 && prompts.size() > limit) prompts.resize(limit);
    return prompts;
}

}  // namespace microtome
