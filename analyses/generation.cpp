#include "analyses/generation.h"

#include <algorithm>
#include <chrono>

#include "analyses/capture.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "hooks/recorder.h"

namespace microtome {
namespace {

// Text of the ids so far, handed on as soon as it can't change any more.
class Stream {
  public:
    Stream(const Tokenizer* tokenizer, const std::vector<std::string>& stop, const std::function<void(std::string_view)>& on_text)
        : tokenizer_(tokenizer), stop_(stop), on_text_(on_text) {}

    /// False if a stop string ended the text; `start`: bytes that belong to the prompt.
    bool show(const std::vector<std::int64_t>& ids, std::size_t start) {
        if (!tokenizer_) return true;
        text_ = tokenizer_->decode(ids);
        std::size_t end = text_.size();
        for (const std::string& word : stop_) end = std::min(end, text_.find(word, std::min(start, text_.size())));
        bool stopped = end < text_.size();
        text_.resize(end);
        hand_on(stopped ? end : settled(start));
        return !stopped;
    }
    /// The text before the answer, which is not handed on.
    void skip(const std::vector<std::int64_t>& ids) {
        if (tokenizer_) text_ = tokenizer_->decode(ids);
        shown_ = text_.size();
    }
    void finish() { hand_on(text_.size()); }
    const std::string& text() const { return text_; }

  private:
    // Up to here nothing changes: not half a character, not what may begin a stop string.
    std::size_t settled(std::size_t start) const {
        std::size_t end = text_.size();
        while (end >= 3 && text_.compare(end - 3, 3, "\xef\xbf\xbd") == 0) end -= 3;
        for (const std::string& word : stop_)
            for (std::size_t n = std::min(word.size() - 1, text_.size()); n > 0; --n)
                if (text_.size() - n >= start && text_.compare(text_.size() - n, n, word, 0, n) == 0) {
                    end = std::min(end, text_.size() - n);
                    break;
                }
        return end;
    }
    void hand_on(std::size_t end) {
        if (end <= shown_) return;
        if (on_text_) on_text_(std::string_view(text_).substr(shown_, end - shown_));
        shown_ = end;
    }

    const Tokenizer* tokenizer_;
    const std::vector<std::string>& stop_;
    const std::function<void(std::string_view)>& on_text_;
    std::string text_;
    std::size_t shown_ = 0;
};

const char* end_name(GenerateEnd end, bool stop_string) {
    switch (end) {
        case GenerateEnd::length:
            return "length";
        case GenerateEnd::stop_id:
            return "end of text";
        case GenerateEnd::context:
            return "context";
        case GenerateEnd::cancelled:
            return "cancelled";
        case GenerateEnd::told:
            break;
    }
    return stop_string ? "stop string" : "told";
}

void check(const Session& session, const GenerationRequest& request) {
    for (const std::string& word : request.stop) {
        if (word.empty()) throw Error("stop", "a text", "nothing");
        if (!session.has_tokenizer()) throw Error("stop", "a model with a tokenizer", "none in its folder");
    }
    if (request.sites.empty() != request.out.empty())
        throw Error(request.sites.empty() ? "capture" : "out", "both --capture SITES and --out FILE.h5", "only one of them");
}

}  // namespace

std::vector<std::int64_t> end_ids(const Session& session) {
    for (const char* name : {"generation_config.json", "config.json"}) {
        std::filesystem::path file = std::filesystem::path(session.facts().path) / name;
        std::error_code ignored;
        if (!std::filesystem::exists(file, ignored)) continue;
        Json json = read_json(file);
        if (!json.is_object() || !json.contains("eos_token_id")) continue;
        const Json& ids = json["eos_token_id"];
        std::vector<std::int64_t> out;
        for (const Json& id : ids.is_array() ? ids : Json::array({ids}))
            if (id.is_number_integer()) out.push_back(id.get<std::int64_t>());
        if (!out.empty()) return out;
    }
    return {};
}

Generation generate_text(Session& session, const GenerationRequest& request, Progress& progress,
                         const std::function<void(std::string_view)>& on_text) {
    check(session, request);
    Generation made;
    made.prompt_ids = resolve(session, request.prompt);
    GenerateOptions options = request.options;
    if (!request.ignore_end)
        for (std::int64_t id : end_ids(session)) options.stop_ids.push_back(id);
    Edits edits = edits_for(session, {{made.prompt_ids, request.prompt.spans}});
    std::unique_ptr<Capture> capture;
    if (!request.sites.empty()) capture = std::make_unique<Capture>(session, request.sites, request.out, request.store);
    options.run_last = capture != nullptr;
    Chain chain({edits.empty() ? nullptr : &edits, capture.get()});
    GenerateWatch watch;
    if (!edits.empty() || capture) watch.handler = &chain;
    watch.before = [&](const Tensor& ids, std::int64_t offset) {
        edits.enter({ids, {0}, {static_cast<std::int64_t>(made.prompt_ids.size())}, offset});
        if (capture) capture->enter(offset);
    };
    Stream stream(session.impl().tokenizer.get(), request.stop, on_text);
    std::vector<std::int64_t> all = made.prompt_ids;
    if (request.answer_alone)
        stream.skip(all);
    else
        stream.show(all, SIZE_MAX);
    std::size_t start = stream.text().size();
    auto on_token = [&](std::int64_t id) {
        all.push_back(id);
        return stream.show(all, start);
    };
    auto begin = std::chrono::steady_clock::now();
    Generated generated = generate(session.impl().model, made.prompt_ids, options, progress, on_token, watch);
    made.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    stream.finish();
    edits.check_fired();
    made.ids = generated.ids;
    made.text = stream.text();
    made.continuation = made.text.substr(std::min(start, made.text.size()));
    made.end = end_name(generated.end, true);
    if (capture) capture->write(all, made.text);
    return made;
}

}  // namespace microtome
