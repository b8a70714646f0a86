#include "core/base/sites.h"

#include <algorithm>
#include <charconv>

#include "core/base/error.h"

namespace microtome {
namespace {

constexpr std::string_view block = "blocks.{l}.";

bool number(std::string_view& text, int& out) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || out < 0 || end == text.data()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

[[noreturn]] void unknown(std::string_view text) {
    throw Error("site", "a hook name such as blocks.0.attn.hook_z, or L0.z (see: microtome list sites)", "\"" + std::string(text) + "\"");
}

const SiteInfo* by_name(std::string_view name) {
    for (const SiteInfo& row : site_table)
        if (name == row.name) return &row;
    return nullptr;
}

}  // namespace

bool per_layer(Site site) {
    return std::string_view(info(site).hook).starts_with(block);
}

std::string hook_name(SiteRef ref) {
    std::string hook = info(ref.site).hook;
    if (!per_layer(ref.site)) return hook;
    return "blocks." + std::to_string(ref.layer) + "." + hook.substr(block.size());
}

Site parse_site(std::string_view name) {
    if (const SiteInfo* row = by_name(name)) return row->site;
    std::string names;
    for (const SiteInfo& row : site_table) names += (names.empty() ? "" : " ") + std::string(row.name);
    throw Error("site", "one of " + names, "\"" + std::string(name) + "\"");
}

SiteRef parse_hook(std::string_view name) {
    std::string_view rest = name;
    int layer = -1;
    if (rest.starts_with("blocks.")) {
        rest.remove_prefix(7);
        if (!number(rest, layer) || !rest.starts_with(".")) unknown(name);
        rest.remove_prefix(1);
        for (const SiteInfo& row : site_table)
            if (per_layer(row.site) && rest == std::string_view(row.hook).substr(block.size())) return {row.site, layer};
        unknown(name);
    }
    if (rest.starts_with("L") && rest.size() > 1 && rest[1] >= '0' && rest[1] <= '9') {
        rest.remove_prefix(1);
        if (!number(rest, layer) || !rest.starts_with(".")) unknown(name);
        const SiteInfo* row = by_name(rest.substr(1));
        if (!row || !per_layer(row->site)) unknown(name);
        return {row->site, layer};
    }
    for (const SiteInfo& row : site_table)
        if (!per_layer(row.site) && (rest == row.hook || rest == row.name)) return {row.site, -1};
    unknown(name);
}

bool glob_match(std::string_view pattern, std::string_view name) {
    std::size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
    while (n < name.size()) {
        if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n]) && pattern[p] != '*') {
            ++p, ++n;
        } else if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

Target parse_target(std::string_view text) {
    std::string_view rest = text;
    int layer = -1, head = -1;
    if (rest.starts_with("L")) {
        rest.remove_prefix(1);
        if (number(rest, layer) && rest.starts_with(".H")) {
            rest.remove_prefix(2);
            if (!number(rest, head) || !rest.starts_with(".")) unknown(text);
            Target target{parse_hook("L" + std::to_string(layer) + std::string(rest)), head};
            std::string_view axes = info(target.ref.site).axes;
            if (axes.find('h') == std::string_view::npos && axes.find('k') == std::string_view::npos)
                throw Error("target " + std::string(text), "a site with heads", std::string(info(target.ref.site).name));
            return target;
        }
    }
    return {parse_hook(text), -1};
}

}  // namespace microtome
