#include "core/hub/blob.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "core/base/digest.h"
#include "core/base/error.h"

namespace microtome {
namespace fs = std::filesystem;

namespace {

constexpr int most_tries = 5;  // without a byte of progress

class Descriptor {
  public:
    Descriptor(const fs::path& file, int flags) : file_(file), fd_(::open(file.c_str(), flags | O_CLOEXEC, 0644)) {
        if (fd_ < 0) refuse();
    }
    ~Descriptor() { ::close(fd_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    operator int() const { return fd_; }
    [[noreturn]] void refuse() const { throw Error(file_.string(), "room and permission to write", std::strerror(errno)); }

  private:
    fs::path file_;
    int fd_;
};

void lock(const Descriptor& descriptor, const Progress& progress, const std::function<void()>& waiting) {
    for (bool told = false; ::flock(descriptor, LOCK_EX | LOCK_NB) != 0;) {
        if (errno != EWOULDBLOCK && errno != EINTR) descriptor.refuse();
        if (!std::exchange(told, true)) waiting();
        wait_for(0.1, progress);
    }
}

// The part of a file that is here, and its checksum so far.
class Partial {
  public:
    Partial(const fs::path& place, const HubFile& file)
        : path_(place.string() + ".incomplete"), file_(file), out_(path_, O_RDWR | O_CREAT) {
        struct stat s {};
        if (::fstat(out_, &s) != 0) out_.refuse();
        start();
        if (s.st_size > file.size)
            clear();
        else
            read_what_is_here();
    }

    std::int64_t have() const { return have_; }
    bool whole() const { return have_ == file_.size; }

    void clear() {
        if (::ftruncate(out_, 0) != 0 || ::lseek(out_, 0, SEEK_SET) != 0) out_.refuse();
        start();
    }

    void write(std::string_view bytes) {
        digest_->add(bytes.data(), bytes.size());
        while (!bytes.empty()) {
            const ssize_t n = ::write(out_, bytes.data(), bytes.size());
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) out_.refuse();
            bytes.remove_prefix(static_cast<std::size_t>(n));
            have_ += n;
        }
    }

    /// The checksum; a file that does not have the right one is removed.
    std::string finish(const fs::path& place) {
        std::string checksum = digest_->text();
        if (checksum != file_.checksum) {
            ::unlink(path_.c_str());
        } else {
            if (::fsync(out_) != 0) out_.refuse();
            fs::rename(path_, place);
        }
        return checksum;
    }

  private:
    void start() {
        have_ = 0;
        digest_.emplace(file_.checksum.size() == 64 ? Digest::Kind::sha256 : Digest::Kind::sha1);
        if (file_.checksum.size() == 64) return;
        const std::string header = "blob " + std::to_string(file_.size);  // git hashes this and a 0 before the content
        digest_->add(header.c_str(), header.size() + 1);
    }

    void read_what_is_here() {
        std::vector<char> buffer(std::size_t{1} << 20);
        ssize_t n = 0;
        while ((n = ::read(out_, buffer.data(), buffer.size())) != 0) {
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) out_.refuse();
            digest_->add(buffer.data(), static_cast<std::size_t>(n));
            have_ += n;
        }
    }

    fs::path path_;
    const HubFile& file_;
    Descriptor out_;
    std::int64_t have_ = 0;
    std::optional<Digest> digest_;
};

// One request for what is missing. The partial grows by whatever came.
HttpAnswer ask(Http& http, const BlobRequest& request, Partial& partial, const std::function<void(std::int64_t)>& have) {
    bool begun = false;
    std::string wrong;
    const std::int64_t from = partial.have();
    const Http::Sink sink = [&](const HttpAnswer& answer, std::string_view bytes) {
        if (answer.status != 200 && answer.status != 206) return true;  // a message, which nobody reads
        if (!std::exchange(begun, true)) {
            if (answer.status == 200) partial.clear();  // the server starts anew
            const std::string range = answer.header("content-range"), expected = "bytes " + std::to_string(from) + "-";
            if (answer.status == 206 && !range.starts_with(expected)) wrong = "another part of it (" + range + ")";
        }
        if (partial.have() + static_cast<std::int64_t>(bytes.size()) > request.file.size) wrong = "more";
        if (!wrong.empty()) return false;
        partial.write(bytes);
        have(partial.have());
        return true;
    };
    HttpAnswer answer = http.get_from(request.url, static_cast<std::uint64_t>(from), sink);
    if (!wrong.empty()) {
        partial.clear();
        throw Error(request.file.name, std::to_string(request.file.size) + " bytes", wrong);
    }
    return answer;
}

// Until every byte is here.
void complete(Http& http, const BlobRequest& request, Partial& partial, const Progress& progress,
              const std::function<void(std::int64_t)>& have, const std::function<void(const std::string&)>& note) {
    for (int tries = 1; !partial.whole(); ++tries) {
        const std::int64_t before = partial.have();
        const HttpAnswer answer = ask(http, request, partial, have);
        if (partial.whole()) return;
        if (partial.have() > before) tries = 1;
        const bool content = answer.status == 200 || answer.status == 206;
        if (answer.status == 416) partial.clear();
        if ((!answer.passing() && !content && answer.status != 416) || tries >= most_tries)
            refuse_answer(answer, request.file.name, request.url);
        const double seconds = back_off(answer, tries);
        const std::string why = !answer.failure.empty() ? answer.failure
                                : content               ? "the connection ended"
                                                        : "status " + std::to_string(answer.status);
        note(request.file.name + ": " + why + "; once more in " + std::to_string(static_cast<int>(seconds)) + " s");
        wait_for(seconds, progress);
    }
}

}  // namespace

void wait_for(double seconds, const Progress& progress) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (std::chrono::steady_clock::now() < until) {
        progress.check();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

double back_off(const HttpAnswer& answer, int tries) {
    const double asked = std::strtod(answer.header("retry-after").c_str(), nullptr);
    if (asked >= 1 && asked <= 300) return asked;
    return static_cast<double>(1 << std::min(tries - 1, 5));
}

void refuse_answer(const HttpAnswer& answer, const std::string& what, const std::string& url) {
    const std::string code = answer.header("x-error-code"), status = "status " + std::to_string(answer.status);
    const std::string host = url.substr(0, url.find('/', url.find("://") + 3));
    if (answer.status == 0) throw Error(host, "an answer", answer.failure.empty() ? "none" : answer.failure);
    if (code == "RepoNotFound" || (answer.status == 401 && code != "GatedRepo"))
        throw Error(what, "a public model of " + host + ", or the token of someone who may read it (HF_TOKEN)", status + ", no such model");
    if (answer.status == 401 || answer.status == 403)
        throw Error(what, "access: accept the model's terms on its page at " + host + " and set HF_TOKEN", status + ", a gated model");
    if (answer.status == 404)
        throw Error(what, "something that " + host + " has" + (code == "RevisionNotFound" ? ", in this revision" : ""), status);
    throw Error(what, "an answer of " + host + " with its bytes", answer.failure.empty() ? status : answer.failure);
}

bool fetch_blob(Http& http, const BlobRequest& request, const Progress& progress, const std::function<void(std::int64_t)>& have,
                const std::function<void(const std::string&)>& note) {
    fs::create_directories(request.lock.parent_path());
    fs::create_directories(request.place.parent_path());
    const Descriptor held(request.lock, O_RDWR | O_CREAT);
    lock(held, progress, [&] { note(request.file.name + ": another download holds it; waiting"); });
    std::error_code absent;
    if (fs::is_regular_file(request.place, absent) &&
        fs::file_size(request.place, absent) == static_cast<std::uintmax_t>(request.file.size)) {
        have(request.file.size);
        return false;
    }
    for (bool again = false;; again = true) {
        Partial partial(request.place, request.file);
        const bool continued = partial.have() > 0;
        have(partial.have());
        complete(http, request, partial, progress, have, note);
        const std::string checksum = partial.finish(request.place);
        if (checksum == request.file.checksum) return true;
        // What an earlier run left may be the wrong part: then all of it once.
        if (!continued || again)
            throw Error(request.file.name, "the checksum " + request.file.checksum, checksum + " (fetched, and removed)");
        note(request.file.name + ": what an earlier download left does not fit; from the beginning");
    }
}

}  // namespace microtome
