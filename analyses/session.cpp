#include "analyses/session.h"

#include <ATen/ATen.h>

#include <cctype>
#include <chrono>

#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "core/device.h"
#include "core/models/model.h"
#include "core/models/processing.h"

namespace microtome {
namespace {

ModelFacts facts_of(const Session::Impl& s, const LoadedModel& loaded, const std::string& name) {
    const ModelConfig& c = s.model.config;
    ModelFacts f;
    f.name = name;
    f.path = std::filesystem::absolute(loaded.path).lexically_normal().string();
    f.sha256 = loaded.sha256;
    f.architecture = c.architecture;
    f.dtype = dtype_name(s.model.dtype());
    f.device = s.model.device().str();
    f.processing = s.options.processing;
    f.tokenizer = s.tokenizer ? s.tokenizer->kind() : "";
    f.n_layers = c.n_layers;
    f.n_heads = c.n_heads;
    f.n_kv_heads = c.n_kv_heads;
    f.d_model = c.d_model;
    f.d_head = c.d_head;
    f.d_mlp = c.d_mlp;
    f.d_vocab = c.d_vocab;
    f.n_ctx = c.n_ctx;
    f.parameters = s.model.count_parameters();
    f.prepends_bos = s.tokenizer && s.tokenizer->prepends_bos();
    f.has_mlp = c.mlp != MlpKind::none;
    return f;
}

// But for spaces around and case: what a tokenizer that has no such token may make of it. Not the token of unknown words.
bool same_word(const std::string& a, const std::string& b) {
    auto plain = [](const std::string& text) {
        std::string out;
        for (char c : text)
            if (c != ' ') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        return out;
    };
    return plain(a) == plain(b);
}

std::vector<std::int64_t> tokens_of(const Session& session, const std::vector<std::string>& texts, const std::vector<std::int64_t>& ids,
                                    const std::string& subject) {
    std::vector<std::int64_t> out;
    for (const std::string& text : texts) out.push_back(token_of(session, text, subject));
    for (std::int64_t id : ids) {
        if (id < 0 || id >= session.facts().d_vocab)
            throw Error(subject, "an id from 0 to " + std::to_string(session.facts().d_vocab - 1), std::to_string(id));
        out.push_back(id);
    }
    return out;
}

std::vector<std::int64_t> ids_of(const Session& session, const std::string& text, const std::vector<std::int64_t>& ids,
                                 std::optional<bool> bos, const std::string& subject) {
    std::vector<std::int64_t> out = ids;
    if (ids.empty()) {
        if (!session.impl().tokenizer) throw Error(subject, "token ids: this model has no tokenizer", "a text");
        out = session.impl().tokenizer->encode(text, bos);
    }
    if (out.empty()) throw Error(subject, "at least one token", "none");
    for (std::int64_t id : out)
        if (id < 0 || id >= session.facts().d_vocab)
            throw Error(subject, "ids from 0 to " + std::to_string(session.facts().d_vocab - 1), std::to_string(id));
    return out;
}

}  // namespace

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

std::unique_ptr<Session> Session::open(const ModelOptions& options) {
    auto start = std::chrono::steady_clock::now();
    auto impl = std::make_unique<Impl>();
    impl->options = options;
    impl->threads = set_threads(options.threads);
    at::Device device = open_device(options.device, &impl->device_note);
    std::filesystem::path path = locate_model(options.model), folder = folder_of(path);
    const at::ScalarType dtype = parse_dtype(options.dtype);
    const bool raw = options.processing == "raw";
    // What is to be processed is read in at least single precision, and cast when that is done.
    LoadedModel loaded = load_model(path, raw || dtype == at::kDouble ? dtype : at::kFloat, device, options.memory_limit);
    impl->model = std::move(loaded.transformer);
    if (!raw && impl->model.pages)
        throw Error("memory-limit", "raw numerics for weights beyond it (processing needs them in memory)", options.processing);
    if (!raw) impl->model = convert(processed(impl->model, parse_processing(options.processing, impl->model.config)), dtype, device);
    if (microtome::has_tokenizer(folder)) {
        impl->tokenizer = load_tokenizer(folder);
        impl->tokenizer_sha256 = impl->tokenizer->facts().sha256;
        if (impl->tokenizer->vocab_size() > impl->model.config.d_vocab)
            throw Error(folder.string(), "a tokenizer of at most d_vocab " + std::to_string(impl->model.config.d_vocab) + " ids",
                        std::to_string(impl->tokenizer->vocab_size()));
    }
    impl->facts = facts_of(*impl, loaded, options.model);
    impl->load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::unique_ptr<Session>(new Session(std::move(impl)));
}

const ModelOptions& Session::options() const {
    return impl_->options;
}

const ModelFacts& Session::facts() const {
    return impl_->facts;
}

bool Session::has_tokenizer() const {
    return impl_->tokenizer != nullptr;
}

std::vector<Token> Session::tokens(const std::string& text, std::optional<bool> prepend_bos) const {
    if (!impl_->tokenizer) throw Error("model " + facts().name, "a tokenizer in its folder", "none: give token ids");
    std::vector<Token> out;
    for (std::int64_t id : impl_->tokenizer->encode(text, prepend_bos)) out.push_back(token(id));
    return out;
}

Token Session::token(std::int64_t id) const {
    return {id, impl_->tokenizer ? impl_->tokenizer->piece(id) : std::to_string(id)};
}

void Session::set_interventions(std::vector<Intervention> interventions, std::vector<PromptPair> named) {
    impl_->interventions = std::move(interventions);
    impl_->named = std::move(named);
}

std::string pair_name(const PromptPair& pair) {
    return pair.id.empty() ? std::string("pair") : "pair " + pair.id;
}

std::int64_t token_of(const Session& session, const std::string& text, const std::string& subject) {
    const Tokenizer* tokenizer = session.impl().tokenizer.get();
    if (!tokenizer) throw Error(subject, "token ids (answer_id, foil_id): this model has no tokenizer", "\"" + text + "\"");
    if (auto id = tokenizer->token_id(text)) return *id;
    auto ids = tokenizer->encode(text, false);
    if (ids.size() == 1 && same_word(tokenizer->decode(ids, false), text)) return ids[0];
    if (ids.size() == 1) throw Error(subject, "a token of the model", "\"" + text + "\"");
    throw Error(subject, "a single token", "\"" + text + "\", " + std::to_string(ids.size()) + " tokens");
}

std::vector<PromptPair> named_prompts(const std::vector<Prompt>& prompts) {
    std::vector<PromptPair> out;
    for (const Prompt& prompt : prompts) {
        out.emplace_back();
        out.back().clean = prompt.text;
        out.back().clean_ids = prompt.ids;
        out.back().spans = prompt.spans;
        out.back().prepend_bos = prompt.prepend_bos;
    }
    return out;
}

std::vector<std::pair<std::string, std::filesystem::path>> bundled_models() {
    return models_in(resources_folder() / "models");
}

ResolvedPair resolve(const Session& session, const PromptPair& pair, bool answer_needed, bool foil_needed) {
    std::string name = pair_name(pair);
    ResolvedPair r;
    r.clean = ids_of(session, pair.clean, pair.clean_ids, pair.prepend_bos, name + ", clean");
    r.corrupt = ids_of(session, pair.corrupt, pair.corrupt_ids, pair.prepend_bos, name + ", corrupt");
    if (r.clean.size() != r.corrupt.size())
        throw Error(name, "a clean and a corrupted prompt of equal length in tokens (positions would not match)",
                    std::to_string(r.clean.size()) + " and " + std::to_string(r.corrupt.size()));
    r.answers = tokens_of(session, pair.answer, pair.answer_id, name + ", answer");
    r.foils = tokens_of(session, pair.foil, pair.foil_id, name + ", foil");
    if (answer_needed && r.answers.empty()) throw Error(name + ", answer", "at least one token for this metric", "none");
    if (foil_needed && r.foils.empty()) throw Error(name + ", foil", "at least one token for this metric", "none");
    return r;
}

std::vector<std::int64_t> resolve(const Session& session, const Prompt& prompt) {
    return ids_of(session, prompt.text, prompt.ids, prompt.prepend_bos, "prompt");
}

std::vector<std::string> numbers(int n) {
    std::vector<std::string> out;
    for (int i = 0; i < n; ++i) out.push_back(std::to_string(i));
    return out;
}

std::vector<std::string> pieces(const Session& session, const std::vector<std::int64_t>& ids) {
    std::vector<std::string> out;
    for (std::int64_t id : ids) out.push_back(session.token(id).text);
    return out;
}

}  // namespace microtome
