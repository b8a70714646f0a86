// Requests to a model hub: HTTP through libcurl, the token for the hub's own host alone, errors as the caller can tell them apart.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

namespace microtome {

struct HttpAnswer {
    long status = 0;                             // of the last answer, behind all redirects; 0: none came
    std::map<std::string, std::string> headers;  // of the last answer, names in lower case
    std::string body;
    std::string failure;  // why the transfer did not come to its end; empty: it did
    bool sink_refused = false;

    std::string header(const std::string& name) const;
    /// Worth another try: no connection, a cut, a server that is busy or broken.
    bool passing() const;
};

class Http {
  public:
    /// `token` may be empty. Requests end soon after a stop was requested, with Cancelled.
    Http(std::string token, std::stop_token stop);
    ~Http();
    Http(const Http&) = delete;
    Http& operator=(const Http&) = delete;

    /// The whole answer; more than `most` bytes are a failure.
    HttpAnswer get(const std::string& url, std::size_t most);
    /// The headers; redirects to another host are not followed (the first host knows the checksum).
    HttpAnswer head(const std::string& url);
    /// Takes bytes as they come; false ends the transfer. It sees the answer's status and headers so far.
    using Sink = std::function<bool(const HttpAnswer& answer, std::string_view bytes)>;
    /// From byte `from` on, if the server can (status 206), or all of it (200).
    HttpAnswer get_from(const std::string& url, std::uint64_t from, const Sink& sink);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// `text` as one part of a URL's path; `keep` holds further characters that stay.
std::string url_escaped(std::string_view text, std::string_view keep = "");

}  // namespace microtome
