#include <cstdio>

#include "app/commands/cli.h"
#include "core/base/error.h"

namespace microtome {
namespace {

// Columns on a terminal: code points, not bytes.
std::size_t width_of(const std::string& text) {
    std::size_t n = 0;
    for (char c : text) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return n;
}

}  // namespace

void print_json(const Json& value) {
    std::string text = value.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
        throw Error("standard output", "room to write", "an error");
}

void message(const Common& common, const std::string& line) {
    if (!common.quiet) std::fprintf(stderr, "%s\n", line.c_str());
}

std::string bytes_text(std::uint64_t bytes) {
    char text[32];
    const auto size = static_cast<double>(bytes);
    if (size < 1e6)
        std::snprintf(text, sizeof text, "%.1f kB", size / 1e3);
    else
        std::snprintf(text, sizeof text, size < 1e9 ? "%.1f MB" : "%.2f GB", size / (size < 1e9 ? 1e6 : 1e9));
    return text;
}

void print_rows(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (widths.size() <= i) widths.push_back(0);
            widths[i] = std::max(widths[i], width_of(row[i]));
        }
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) line += std::string(widths[i] - width_of(row[i]) + 2, ' ');
        }
        std::printf("%s\n", line.c_str());
    }
    std::fflush(stdout);
}

std::string caption_of(const Json& manifest) {
    std::string line;
    auto add = [&](const std::string& text) {
        if (!text.empty()) line += (line.empty() ? "" : " · ") + text;
    };
    auto text = [](const Json& json, const char* key) {
        auto it = json.find(key);
        return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    if (manifest.contains("model") && manifest["model"].is_object()) {
        const Json& model = manifest["model"];
        add(text(model, "name") + " " + text(model, "sha256").substr(0, 8));
        add(text(model, "processing"));
        add(text(model, "dtype"));
    }
    add(text(manifest, "lens"));
    if (manifest.contains("params") && manifest["params"].is_object()) {
        const Json& params = manifest["params"];
        bool expression = !text(params, "metric_expr").empty();
        for (const char* key : {"preset", "direction", expression ? "metric_expr" : "metric"}) add(text(params, key));
        if (params.contains("prompts") && params["prompts"].is_array()) {
            std::size_t n = params["prompts"].size();
            add(std::to_string(n) + (n == 1 ? " prompt" : " prompts"));
        }
    }
    if (std::string interval = text(manifest, "interval"); !interval.empty()) add("intervals " + interval);
    add("microtome " MICROTOME_VERSION);
    return line;
}

}  // namespace microtome
