#include <algorithm>

#include "core/text/byte_level.h"
#include "core/text/step_json.h"
#include "core/text/steps.h"

namespace microtome {
namespace {

using Tokens = std::vector<std::string>;

int hexadecimal(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// The byte of "<0x41>", or -1.
int byte_of(const std::string& token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
    const int high = hexadecimal(token[3]), low = hexadecimal(token[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void byte_fallback(Tokens& tokens, DecodeScope scope) {
    Tokens out;
    std::string bytes;
    const auto flush = [&] {
        std::size_t i = 0;
        bool valid = true;
        for (; i < bytes.size(); i += code_point(bytes, i).bytes) valid = valid && code_point(bytes, i).valid;
        if (valid || scope == DecodeScope::piece) {
            if (!bytes.empty()) out.push_back(bytes);
        } else {
            out.insert(out.end(), bytes.size(), "\xef\xbf\xbd");  // NOTE: one for each byte of the run, as the reference does
        }
        bytes.clear();
    };
    for (std::string& token : tokens) {
        if (const int byte = byte_of(token); byte >= 0) {
            bytes += static_cast<char>(byte);
            continue;
        }
        flush();
        out.push_back(std::move(token));
    }
    flush();
    tokens = std::move(out);
}

void fuse(Tokens& tokens, DecodeScope) {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens = {std::move(all)};
}

// Without up to `front` times `content` before and `back` times after the text.
std::string stripped(std::string_view text, const std::string& content, std::int64_t front, std::int64_t back) {
    for (; front > 0 && text.starts_with(content); --front) text.remove_prefix(content.size());
    for (; back > 0 && text.ends_with(content); --back) text.remove_suffix(content.size());
    return std::string(text);
}

Decoder strip(JsonReader& reader) {
    const std::string content = steps::read_character(reader, "content");
    const std::int64_t start = reader.integer("start"), stop = reader.integer("stop");
    return [=](Tokens& tokens, DecodeScope scope) {
        if (scope == DecodeScope::piece) return;  // it removes the space that encoding puts before a text
        for (std::string& token : tokens) token = stripped(token, content, start, stop);
    };
}

Decoder metaspace(JsonReader& reader) {
    const std::string mark = steps::read_character(reader, "replacement");
    std::string scheme = reader.string("prepend_scheme", "always");
    if (reader.has("add_prefix_space") && !reader.at("add_prefix_space").is_null() && !reader.boolean("add_prefix_space", true))
        scheme = "never";
    return [mark, scheme](Tokens& tokens, DecodeScope scope) {
        const auto marks = [&mark](std::string_view text) { return stretches_of(text, mark); };
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            const bool first = i == 0 && scope == DecodeScope::text && scheme != "never";
            tokens[i] = steps::replaced(tokens[i], marks, first ? "" : " ", "Metaspace");
        }
    };
}

Decoder sequence(JsonReader& reader, const std::string& subject) {
    auto all = steps::read_list<Decoder>(reader, "decoders", read_decoder);
    return [all = std::move(all), subject](Tokens& tokens, DecodeScope scope) { steps::run_all(all, subject, tokens, scope); };
}

}  // namespace

Decoder byte_level_decoder() {
    return [](Tokens& tokens, DecodeScope scope) {
        std::string bytes;
        for (const std::string& token : tokens) bytes += from_byte_level(token).value_or(token);
        tokens = {scope == DecodeScope::text ? to_valid_utf8(bytes) : std::move(bytes)};
    };
}

Decoder read_decoder(const Json& value, const std::string& subject) {
    if (value.is_null()) return {};
    JsonReader reader = reader_at(value, subject);
    const std::string type = reader.string("type");
    if (type == "Sequence") return sequence(reader, subject);
    if (type == "ByteLevel") return byte_level_decoder();
    if (type == "ByteFallback") return byte_fallback;
    if (type == "Fuse") return fuse;
    if (type == "Strip") return strip(reader);
    if (type == "Metaspace") return metaspace(reader);
    if (type == "Replace")
        return
            [pattern = steps::read_pattern(reader, "pattern"), content = reader.string("content"), subject](Tokens& tokens, DecodeScope) {
                for (std::string& token : tokens) token = steps::replaced(token, pattern, content, subject);
            };
    steps::unsupported(reader, "Sequence, ByteLevel, ByteFallback, Fuse, Strip, Metaspace, Replace");
}

}  // namespace microtome
