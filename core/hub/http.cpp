#include "core/hub/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "core/base/error.h"

namespace microtome {
namespace {

struct Transfer {
    HttpAnswer answer;
    const Http::Sink* sink;
    CURL* curl;
};

std::string trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
    return std::string(text);
}

// Each answer of a chain of redirects begins with its status line.
std::size_t on_header(char* data, std::size_t one, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    std::string_view line(data, one * count);
    if (line.starts_with("HTTP/")) {
        transfer.answer.headers.clear();
        return line.size();
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || transfer.answer.headers.size() > 200) return line.size();
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    transfer.answer.headers[name] = trimmed(line.substr(colon + 1));
    return line.size();
}

std::size_t on_bytes(char* data, std::size_t one, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &transfer.answer.status);
    transfer.answer.sink_refused = !(*transfer.sink)(transfer.answer, std::string_view(data, one * count));
    return transfer.answer.sink_refused ? 0 : one * count;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<std::stop_token*>(user)->stop_requested();
}

// The certificates that the user names for other tools; the system's otherwise.
const char* certificates() {
    for (const char* name : {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"})
        if (const char* file = std::getenv(name); file && *file) return file;
    return nullptr;
}

}  // namespace

std::string HttpAnswer::header(const std::string& name) const {
    const auto it = headers.find(name);
    return it == headers.end() ? std::string() : it->second;
}

bool HttpAnswer::passing() const {
    if (sink_refused) return false;
    return !failure.empty() || status == 408 || status == 429 || status >= 500;
}

struct Http::State {
    std::string token;
    std::stop_token stop;
    CURL* curl = nullptr;

    // Everything but what makes the request a GET or a HEAD.
    void prepare(const std::string& url, Transfer& transfer) {
        curl_easy_reset(curl);  // connections stay open
        curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "microtome/" MICROTOME_VERSION);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        // A redirect never leaves TLS once it was there.
        curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, url.starts_with("https:") ? "https" : "http,https");
        curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 30L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);  // nothing for a minute: cut
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stop);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
        if (const char* file = certificates()) curl_easy_setopt(curl, CURLOPT_CAINFO, file);
        if (!token.empty()) {  // libcurl sends it to the URL's own host and port, not to where that redirects
            curl_easy_setopt(curl, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
            curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token.c_str());
        }
    }

    HttpAnswer perform(Transfer& transfer) {
        char text[CURL_ERROR_SIZE] = "";
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
        const CURLcode code = curl_easy_perform(curl);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
        if (stop.stop_requested()) throw Cancelled();
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &transfer.answer.status);
        if (code != CURLE_OK) transfer.answer.failure = *text ? text : curl_easy_strerror(code);
        return std::move(transfer.answer);
    }
};

Http::Http(std::string token, std::stop_token stop) : state_(std::make_unique<State>()) {
    state_->token = std::move(token);
    state_->stop = std::move(stop);
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    state_->curl = ready == CURLE_OK ? curl_easy_init() : nullptr;
    if (!state_->curl) throw Error("network", "a working libcurl", "an error from it");
}

Http::~Http() {
    curl_easy_cleanup(state_->curl);
}

HttpAnswer Http::get(const std::string& url, std::size_t most) {
    std::string body;
    const Sink collect = [&](const HttpAnswer&, std::string_view bytes) {
        body += bytes;
        return body.size() <= most;
    };
    HttpAnswer answer = get_from(url, 0, collect);
    answer.body = std::move(body);
    return answer;
}

HttpAnswer Http::head(const std::string& url) {
    const Sink nothing = [](const HttpAnswer&, std::string_view) { return true; };
    Transfer transfer{{}, &nothing, state_->curl};
    state_->prepare(url, transfer);
    curl_easy_setopt(state_->curl, CURLOPT_NOBODY, 1L);
    return state_->perform(transfer);
}

HttpAnswer Http::get_from(const std::string& url, std::uint64_t from, const Sink& sink) {
    Transfer transfer{{}, &sink, state_->curl};
    state_->prepare(url, transfer);
    curl_easy_setopt(state_->curl, CURLOPT_FOLLOWLOCATION, 1L);
    const std::string range = std::to_string(from) + "-";  // libcurl keeps a copy
    if (from > 0) curl_easy_setopt(state_->curl, CURLOPT_RANGE, range.c_str());
    return state_->perform(transfer);
}

std::string url_escaped(std::string_view text, std::string_view keep) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x80 && std::isalnum(byte)) || c == '-' || c == '.' || c == '_' || c == '~' || keep.find(c) != std::string_view::npos) {
            out += c;
        } else {
            out += '%';
            out += "0123456789ABCDEF"[byte >> 4];
            out += "0123456789ABCDEF"[byte & 15];
        }
    }
    return out;
}

}  // namespace microtome
