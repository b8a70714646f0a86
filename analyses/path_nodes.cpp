#include "analyses/path_nodes.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "core/base/error.h"

namespace microtome {
namespace {

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, at);) {
        auto first = part.find_first_not_of(' '), last = part.find_last_not_of(' ');
        parts.push_back(first == std::string::npos ? "" : part.substr(first, last - first + 1));
    }
    return parts;
}

// "L12" -> 12; -1 if it is not of this form, or not below `end`.
int index_of(const std::string& text, char letter, int end) {
    int n = -1;
    if (text.size() < 2 || text[0] != letter) return -1;
    auto [rest, wrong] = std::from_chars(text.data() + 1, text.data() + text.size(), n);
    return wrong == std::errc() && rest == text.data() + text.size() && n >= 0 && n < end ? n : -1;
}

[[noreturn]] void refuse(const std::string& subject, const std::string& expected, const std::string& got, const ModelConfig& c) {
    std::string ranges = " (layers L0 to L" + std::to_string(c.n_layers - 1) + ", heads H0 to H" + std::to_string(c.n_heads - 1);
    if (c.n_kv_heads != c.n_heads) ranges += ", of keys and values H0 to H" + std::to_string(c.n_kv_heads - 1);
    throw Error(subject, expected + ranges + ")", "\"" + got + "\"");
}

PathNode sender(const std::string& text, const ModelConfig& c, const std::string& subject) {
    auto parts = split(text, '.');
    if (text == "embed") return {{Site::embed, -1}, -1};
    int layer = parts.size() == 2 ? index_of(parts[0], 'L', c.n_layers) : -1;
    if (layer >= 0 && parts[1] == "mlp" && c.mlp != MlpKind::none) return {{Site::mlp_out, layer}, -1};
    int head = layer >= 0 ? index_of(parts[1], 'H', c.n_heads) : -1;
    if (head < 0) refuse(subject, "heads, mlps, all, or a list such as L0.H1,L2.mlp,embed,L0.H1+L0.H2", text, c);
    return {{Site::z, layer}, head};
}

}  // namespace

std::vector<SenderSet> parse_senders(const std::string& text, const ModelConfig& c, const std::string& subject) {
    std::vector<SenderSet> out;
    if (text == "heads" || text == "mlps" || text == "all") {
        for (int l = 0; l < c.n_layers; ++l) {
            std::string layer = "L" + std::to_string(l);
            for (int h = 0; h < c.n_heads && text != "mlps"; ++h) out.push_back({layer + ".H" + std::to_string(h), {{{Site::z, l}, h}}});
            if (text != "heads" && c.mlp != MlpKind::none) out.push_back({layer + ".mlp", {{{Site::mlp_out, l}, -1}}});
        }
        if (out.empty()) refuse(subject, "senders that this model has: it has no MLPs", text, c);
        return out;
    }
    for (const std::string& part : split(text, ',')) {
        SenderSet set{part, {}};
        for (const std::string& name : split(part, '+')) set.nodes.push_back(sender(name, c, subject));
        if (set.nodes.empty()) sender(part, c, subject);
        out.push_back(std::move(set));
    }
    if (out.empty()) sender(text, c, subject);
    return out;
}

std::vector<PathNode> parse_receivers(const std::string& text, const ModelConfig& c, const std::string& subject) {
    std::vector<PathNode> out;
    auto add = [&](PathNode node) {
        if (std::find(out.begin(), out.end(), node) == out.end()) out.push_back(node);
    };
    auto wrong = [&](const std::string& part) {
        refuse(subject, "logits, or a list such as L2.H1.q,L2.H0.k,L2.H0.v,L3.H1,L2.mlp", part, c);
    };
    for (const std::string& part : split(text, ',')) {
        auto parts = split(part, '.');
        if (part == "logits") {
            add({{Site::resid_post, c.n_layers - 1}, -1});
            continue;
        }
        int layer = parts.size() >= 2 && parts.size() <= 3 ? index_of(parts[0], 'L', c.n_layers) : -1;
        if (layer >= 0 && parts.size() == 2 && parts[1] == "mlp" && c.mlp != MlpKind::none) {
            add({{Site::mlp_in, layer}, -1});
            continue;
        }
        int head = layer >= 0 ? index_of(parts[1], 'H', c.n_heads) : -1, group = c.n_heads / c.n_kv_heads;
        std::string letter = parts.size() == 3 ? parts[2] : "";
        bool shared = letter == "k" || letter == "v";
        if (head < 0 || (shared && head >= c.n_kv_heads) || (parts.size() == 3 && letter != "q" && !shared)) wrong(part);
        if (parts.size() == 2 || letter == "q") add({{Site::q, layer}, head});
        if (parts.size() == 2 || letter == "k") add({{Site::k, layer}, parts.size() == 2 ? head / group : head});
        if (parts.size() == 2 || letter == "v") add({{Site::v, layer}, parts.size() == 2 ? head / group : head});
    }
    if (out.empty()) wrong(text);
    return out;
}

}  // namespace microtome
