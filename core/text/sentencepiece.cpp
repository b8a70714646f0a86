// SentencePiece's model file: google/sentencepiece, src/sentencepiece_model.proto, read as a protocol buffer by hand (five messages).
#include <cmath>
#include <cstring>

#include "core/base/error.h"
#include "core/text/plain.h"
#include "core/text/step_json.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

enum PieceType { normal = 1, unknown_piece = 2, control = 3, user_defined = 4, unused = 5, byte_piece = 6 };

struct Model {
    std::vector<ScoredToken> tokens;
    std::vector<int> types;
    std::int64_t model_type = 1, unknown = 0, bos = 1;  // defaults of the .proto
    bool byte_fallback = false, space_after = false, space_before = true, trims = true, escapes = true;
    std::size_t rules = 0;  // bytes of the table of character rules
};

// Fields of one message; `next` gives false at its end.
class Fields {
  public:
    Fields(std::string_view bytes, const std::string& subject) : bytes_(bytes), subject_(subject) {}

    std::uint64_t number = 0, value = 0;  // value: of varints and fixed-width fields
    std::string_view text;                // of length-delimited ones

    bool next() {
        if (bytes_.empty()) return false;
        const std::uint64_t key = varint();
        number = key >> 3;
        text = {};
        switch (key & 7) {
            case 0:
                value = varint();
                return true;
            case 1:
                value = fixed(8);
                return true;
            case 2:
                text = take(varint());
                return true;
            case 5:
                value = fixed(4);
                return true;
            default:
                refuse("a field of the wire type " + std::to_string(key & 7));
        }
    }

    [[noreturn]] void refuse(const std::string& got) const { throw Error(subject_, "a SentencePiece model", got); }

  private:
    std::string_view take(std::uint64_t size) {
        if (size > bytes_.size()) refuse("a field that is cut off");
        const std::string_view out = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return out;
    }
    std::uint64_t varint() {
        std::uint64_t out = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto byte = static_cast<std::uint8_t>(take(1)[0]);
            out |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return out;
        }
        refuse("a number of more than ten bytes");
    }
    std::uint64_t fixed(std::size_t size) {
        std::uint64_t out = 0;
        std::memcpy(&out, take(size).data(), size);
        return out;
    }

    std::string_view bytes_;
    const std::string& subject_;
};

float as_float(std::uint64_t bits) {
    const auto low = static_cast<std::uint32_t>(bits);
    float value;
    std::memcpy(&value, &low, sizeof value);
    return value;
}

void read_piece(std::string_view bytes, Model& model, const std::string& subject) {
    ScoredToken token;
    std::uint64_t type = normal;
    const std::string where = subject + ": piece " + std::to_string(model.tokens.size());
    for (Fields f(bytes, where); f.next();) {
        if (f.number == 1) token.text = f.text;
        if (f.number == 2) token.score = as_float(f.value);
        if (f.number == 3) type = f.value;
    }
    require_utf8(token.text, where);
    if (token.text.empty() || std::isnan(token.score)) throw Error(where, "a text and a score", "none");
    if (type < normal || type > byte_piece || type == unused)
        throw Error(where, "the type normal, unknown, control, user-defined or byte", std::to_string(type) + ", which is not supported");
    token.matched = type == normal;
    model.tokens.push_back(std::move(token));
    model.types.push_back(static_cast<int>(type));
}

void read_trainer(std::string_view bytes, Model& model, const std::string& subject) {
    for (Fields f(bytes, subject); f.next();) {
        const auto value = static_cast<std::int64_t>(f.value);
        if (f.number == 3) model.model_type = value;
        if (f.number == 24) model.space_after = value != 0;
        if (f.number == 35) model.byte_fallback = value != 0;
        if (f.number == 40) model.unknown = value;
        if (f.number == 41) model.bos = value;
    }
}

void read_normalizer_spec(std::string_view bytes, Model& model, const std::string& subject) {
    for (Fields f(bytes, subject); f.next();) {
        if (f.number == 2) model.rules = f.text.size();
        if (f.number == 3) model.space_before = f.value != 0;
        if (f.number == 4) model.trims = f.value != 0;
        if (f.number == 5) model.escapes = f.value != 0;
    }
}

Model read_model(std::string_view file, const std::string& subject) {
    Model model;
    for (Fields f(file, subject); f.next();) {
        if (f.number == 1) read_piece(f.text, model, subject);
        if (f.number == 2) read_trainer(f.text, model, subject + ": trainer_spec");
        if (f.number == 3) read_normalizer_spec(f.text, model, subject + ": normalizer_spec");
    }
    const std::string convert = " (a tokenizer.json made by transformers may be read instead)";
    if (model.rules)
        throw Error(subject, "the identity as normalization" + convert, "a table of rules of " + std::to_string(model.rules) + " bytes");
    if (model.space_after || !model.escapes) throw Error(subject, "spaces escaped, before words" + convert, "another way");
    if (model.model_type != 1 && model.model_type != 2)
        throw Error(subject, "a model of the type Unigram (1) or BPE (2)", std::to_string(model.model_type));
    if (model.unknown < 0 || static_cast<std::size_t>(model.unknown) >= model.tokens.size())
        throw Error(subject, "an unknown piece", std::to_string(model.unknown));
    return model;
}

// sentencepiece, normalizer.cc, without character rules: a run of spaces is one, those around the text go, the rest become ▁.
void escape_spaces(std::string& text, bool before, bool trims) {
    constexpr std::string_view mark = "▁";
    std::string_view rest = text;
    while (trims && rest.starts_with(' ')) rest.remove_prefix(1);
    std::string out(before && !rest.empty() ? mark : "");
    bool after_space = false;
    for (const char c : rest) {
        if (c != ' ')
            out += c;
        else if (!after_space)
            out += mark;
        after_space = trims && c == ' ';
    }
    while (trims && out.ends_with(mark)) out.resize(out.size() - mark.size());
    text = std::move(out);
}

Decoder decoder(bool space_before) {
    const Json replace = {{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}};
    const Json strip = {{"type", "Strip"}, {"content", " "}, {"start", space_before ? 1 : 0}, {"stop", 0}};
    return read_decoder({{"type", "Sequence"}, {"decoders", {replace, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}, strip}}}, "decoder");
}

}  // namespace

std::unique_ptr<Tokenizer> read_sentencepiece(std::string_view file, const std::string& subject, const BosHints& hints,
                                              std::string sha256) {
    const Model model = read_model(file, subject);
    PipelineParts parts;
    parts.model = model.model_type == 1 ? make_unigram(model.tokens, model.unknown, model.byte_fallback, subject)
                                        : make_scored_bpe(model.tokens, model.unknown, model.byte_fallback, subject);
    for (std::size_t i = 0; i < model.tokens.size(); ++i) {
        const bool user = model.types[i] == user_defined;
        if (!user && model.types[i] != control && model.types[i] != unknown_piece) continue;
        AddedToken token;
        token.id = static_cast<std::int64_t>(i);
        token.content = model.tokens[i].text;
        if (user) token.pattern = token.content;  // control pieces are no text: nothing is looked for
        token.normalized = true;
        token.special = !user;
        parts.added.add(std::move(token));
    }
    parts.normalizer = [before = model.space_before, trims = model.trims](std::string& text) { escape_spaces(text, before, trims); };
    parts.decoder = decoder(model.space_before);
    TokenizerFacts facts;
    facts.kind = model.model_type == 1 ? "Unigram" : "SentencePiece BPE";
    facts.sha256 = std::move(sha256);
    facts.vocab_size = static_cast<std::int64_t>(model.tokens.size());
    if (model.bos >= 0 && model.bos < facts.vocab_size && model.types[static_cast<std::size_t>(model.bos)] == control)
        facts.bos_id = model.bos;
    const auto own = facts.bos_id;
    settle_bos(facts, hints, false, [&parts](std::string_view name) { return parts.model->vocabulary().find(name); });
    if (own && hints.prepend.value_or(true)) facts.before = {*own};  // the file can't say; Llama's own code prepends it
    return std::make_unique<PipelineTokenizer>(std::move(parts), std::move(facts));
}

}  // namespace microtome
