#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include "core/text/byte_level.h"
#include "core/text/step_json.h"
#include "core/text/steps.h"

namespace microtome {
namespace {

using Instance = const icu::Normalizer2* (*)(UErrorCode&);

Normalizer unicode_form(Instance instance) {
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* form = instance(status);
    if (U_FAILURE(status)) throw Error("Unicode normalization", "ICU's data", u_errorName(status));
    return [form](std::string& text) {
        if (text.size() > INT32_MAX) throw Error("Unicode normalization", "text of at most 2 GiB", std::to_string(text.size()) + " bytes");
        UErrorCode trouble = U_ZERO_ERROR;
        std::string out;
        icu::StringByteSink<std::string> sink(&out);
        form->normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), sink, nullptr, trouble);
        if (U_FAILURE(trouble)) throw Error("Unicode normalization", "text that ICU can normalize", u_errorName(trouble));
        text = std::move(out);
    };
}

// Maps each code point; nothing for one that is dropped.
template <typename Map>
void map_code_points(std::string& text, Map map) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const CodePoint c = code_point(text, i);
        map(c.value, out);
        i += c.bytes;
    }
    text = std::move(out);
}

// NOTE: character by character, as the reference does: a final sigma stays σ. U+0130 is the only one that becomes two.
void lowercase(std::string& text) {
    map_code_points(text, [](char32_t c, std::string& out) {
        append_utf8(out, c == 0x130 ? U'i' : static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))));
        if (c == 0x130) append_utf8(out, 0x307);
    });
}

void strip_accents(std::string& text) {
    map_code_points(text, [](char32_t c, std::string& out) {
        if (!is_mark(c)) append_utf8(out, c);
    });
}

// SentencePiece's nmt rules: control characters go, odd white space becomes a space.
void nmt(std::string& text) {
    map_code_points(text, [](char32_t c, std::string& out) {
        if ((c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f) return;
        const bool space = c == 9 || c == 0xa || c == 0xc || c == 0xd || c == 0x1680 || (c >= 0x200b && c <= 0x200f) || c == 0x2028 ||
                           c == 0x2029 || c == 0x2581 || c == 0xfeff || c == 0xfffd;
        append_utf8(out, space ? U' ' : c);
    });
}

Normalizer strip(bool left, bool right) {
    return [left, right](std::string& text) {
        std::size_t begin = text.size(), end = 0;
        for (std::size_t i = 0; i < text.size();) {
            const CodePoint c = code_point(text, i);
            if (!is_white_space(c.value)) begin = std::min(begin, i), end = i + c.bytes;
            i += c.bytes;
        }
        if (!left) begin = 0;
        if (!right) end = text.size();
        text = begin < end ? text.substr(begin, end - begin) : "";
    };
}

Normalizer sequence(JsonReader& reader, const std::string& subject) {
    auto all = steps::read_list<Normalizer>(reader, "normalizers", read_normalizer);
    return [all = std::move(all), subject](std::string& text) { steps::run_all(all, subject, text); };
}

}  // namespace

Normalizer read_normalizer(const Json& value, const std::string& subject) {
    if (value.is_null()) return {};
    JsonReader reader = reader_at(value, subject);
    const std::string type = reader.string("type");
    if (type == "Sequence") return sequence(reader, subject);
    if (type == "Prepend")
        return [prefix = reader.string("prepend")](std::string& text) {
            if (!text.empty()) text.insert(0, prefix);
        };
    if (type == "Replace")
        return [pattern = steps::read_pattern(reader, "pattern"), content = reader.string("content"), subject](std::string& text) {
            text = steps::replaced(text, pattern, content, subject);
        };
    if (type == "NFC") return unicode_form(icu::Normalizer2::getNFCInstance);
    if (type == "NFD") return unicode_form(icu::Normalizer2::getNFDInstance);
    if (type == "NFKC") return unicode_form(icu::Normalizer2::getNFKCInstance);
    if (type == "NFKD") return unicode_form(icu::Normalizer2::getNFKDInstance);
    if (type == "Lowercase") return lowercase;
    if (type == "StripAccents") return strip_accents;
    if (type == "Nmt") return nmt;
    if (type == "Strip") return strip(reader.boolean("strip_left", true), reader.boolean("strip_right", true));
    if (type == "ByteLevel") return [](std::string& text) { text = to_byte_level(text); };
    steps::unsupported(reader, "Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Nmt, ByteLevel");
}

}  // namespace microtome
