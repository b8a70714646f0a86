#include "core/hub/download.h"

#include <unistd.h>

#include <cstdlib>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/hub/blob.h"

namespace microtome {
namespace fs = std::filesystem;

namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

std::string endpoint() {
    std::string url = environment("HF_ENDPOINT");
    if (url.empty()) return "https://huggingface.co";
    if (!url.starts_with("https://") && !url.starts_with("http://")) throw Error("HF_ENDPOINT", "a URL, https://… or http://…", url);
    while (url.ends_with('/')) url.pop_back();
    return url;
}

std::string token() {
    std::string text = environment("HF_TOKEN");
    if (text.empty()) {
        fs::path file = environment("HF_TOKEN_PATH");
        if (file.empty())
            file = environment("HF_HOME").empty() ? fs::path(environment("HOME")) / ".cache" / "huggingface"
                                                  : fs::path(environment("HF_HOME"));
        if (environment("HF_TOKEN_PATH").empty()) file /= "token";
        std::error_code absent;
        if (fs::is_regular_file(file, absent)) text = read_file(file, 10'000);
    }
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
    for (const char c : text)
        if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
            throw Error("HF_TOKEN", "a token: one word", "other characters");
    return text;
}

void refuse_offline() {
    const std::string offline = environment("HF_HUB_OFFLINE");
    if (!offline.empty() && offline != "0") throw Error("HF_HUB_OFFLINE", "0 or nothing, to download", offline);
}

class Downloading {
  public:
    Downloading(const DownloadRequest& request, Progress& progress)
        : request_(request), progress_(progress), endpoint_(endpoint()), http_(token(), progress.token()) {}

    Downloaded run() {
        const HubRevision revision = list();
        std::vector<HubFile> files = choose_files(revision, request_.files, what());
        for (HubFile& file : files)
            if (file.size < 0 || file.checksum.empty()) ask_for_facts(file, revision.commit);
        Downloaded result{revision.commit, request_.model.folder() / "snapshots" / revision.commit, {}};
        for (const HubFile& file : files) {
            std::error_code absent;
            result.files.push_back({file.name, file.size, !fs::is_regular_file(blob(file), absent)});
        }
        if (request_.list_only) return result;
        need_space(files);
        fetch(files, revision.commit, result);
        for (const HubFile& file : files) link(file, result.folder);
        if (request_.model.revision != revision.commit) {
            const fs::path ref = request_.model.folder() / "refs" / request_.model.revision;
            fs::create_directories(ref.parent_path());
            write_file(ref, revision.commit);
        }
        return result;
    }

  private:
    std::string what() const {
        return "model " + request_.model.name + (request_.model.revision == "main" ? "" : "@" + request_.model.revision);
    }
    fs::path blob(const HubFile& file) const { return request_.model.folder() / "blobs" / file.checksum; }
    std::string url_of(const HubFile& file, const std::string& commit) const {
        return endpoint_ + "/" + request_.model.name + "/resolve/" + commit + "/" + url_escaped(file.name, "/");
    }

    HubRevision list() {
        const std::string url =
            endpoint_ + "/api/models/" + request_.model.name + "/revision/" + url_escaped(request_.model.revision) + "?blobs=true";
        for (int tries = 1;; ++tries) {
            const HttpAnswer answer = http_.get(url, std::size_t{64} << 20);
            if (answer.status == 200 && answer.failure.empty()) return read_revision(parse_json(answer.body, url), what());
            // No connection at all is told at once.
            if (!answer.passing() || answer.status == 0 || tries >= 4) refuse_answer(answer, what(), url);
            const double seconds = back_off(answer, tries);
            progress_.note(endpoint_ + ": status " + std::to_string(answer.status) + "; once more in " +
                           std::to_string(static_cast<int>(seconds)) + " s");
            wait_for(seconds, progress_);
        }
    }

    // A server that leaves sizes and checksums out of its list has them in the file's headers.
    void ask_for_facts(HubFile& file, const std::string& commit) {
        std::string url = url_of(file, commit);
        HttpAnswer answer = http_.head(url);
        for (int hops = 0; hops < 5 && answer.status / 100 == 3 && answer.header("location").starts_with("/"); ++hops)
            answer = http_.head(endpoint_ + answer.header("location"));  // a model that was renamed
        if (answer.status / 100 != 2 && answer.status / 100 != 3) refuse_answer(answer, file.name, url);
        const auto either = [&answer](const char* linked, const char* own) {
            return answer.header(linked).empty() ? answer.header(own) : answer.header(linked);
        };
        std::string checksum = either("x-linked-etag", "etag"), size = either("x-linked-size", "content-length");
        if (checksum.starts_with("W/")) checksum.erase(0, 2);
        std::erase(checksum, '"');
        if (!is_checksum(checksum))
            throw Error(file.name, "a checksum of " + endpoint_, checksum.empty() ? "none" : "\"" + checksum + "\"");
        if (size.empty() || size.size() > 18 || size.find_first_not_of("0123456789") != std::string::npos)
            throw Error(file.name, "a size of " + endpoint_, size.empty() ? "none" : "\"" + size + "\"");
        file.checksum = checksum;
        file.size = std::stoll(size);
    }

    void need_space(const std::vector<HubFile>& files) const {
        const fs::path folder = request_.model.folder();
        fs::create_directories(folder / "blobs");
        double needed = 0;
        for (const HubFile& file : files) {
            std::error_code absent;
            const auto part = fs::file_size(blob(file).string() + ".incomplete", absent);
            if (!fs::exists(blob(file), absent))
                needed += static_cast<double>(file.size) - (part == static_cast<std::uintmax_t>(-1) ? 0.0 : static_cast<double>(part));
        }
        const auto free = static_cast<double>(fs::space(folder).available);
        const auto text = [](double bytes) { return std::to_string(static_cast<std::int64_t>(bytes / 1e6) + 1) + " MB"; };
        if (needed > free) throw Error(folder.string(), text(needed) + " of free disk space", text(free));
    }

    void fetch(const std::vector<HubFile>& files, const std::string& commit, Downloaded& result) {
        std::int64_t total = 0, before = 0;
        for (const HubFile& file : files) total += file.size;
        const fs::path locks = hub_cache() / ".locks" / request_.model.folder().filename();
        for (std::size_t i = 0; i < files.size(); ++i) {
            const HubFile& file = files[i];
            progress_.check();
            result.files[i].fetched = fetch_blob(
                http_, {file, url_of(file, commit), blob(file), locks / (file.checksum + ".lock")}, progress_,
                [&](std::int64_t have) { progress_.step(before + have, total, "bytes"); },
                [&](const std::string& line) { progress_.note(line); });
            before += file.size;
        }
    }

    // The snapshot's file is a link to its blob, relative, so that the cache can be moved.
    static void link(const HubFile& file, const fs::path& snapshot) {
        const fs::path at = snapshot / file.name;
        fs::create_directories(at.parent_path());
        fs::path target = "../..";
        for (const char c : file.name)
            if (c == '/') target /= "..";
        target = target / "blobs" / file.checksum;
        std::error_code absent;
        if (fs::is_symlink(at, absent) && fs::read_symlink(at, absent) == target) return;
        const fs::path temporary = at.string() + ".tmp-" + std::to_string(::getpid());
        fs::remove(temporary, absent);
        fs::create_symlink(target, temporary);
        fs::rename(temporary, at);
    }

    const DownloadRequest& request_;
    Progress& progress_;
    std::string endpoint_;
    Http http_;
};

}  // namespace

Downloaded download_model(const DownloadRequest& request, Progress& progress) {
    if (!request.model.valid())
        throw Error("model", "a name of the hub, ORGANISATION/NAME or ORGANISATION/NAME@REVISION",
                    "\"" + request.model.name + (request.model.revision == "main" ? "" : "@" + request.model.revision) + "\"");
    refuse_offline();
    try {
        return Downloading(request, progress).run();
    } catch (const fs::filesystem_error& error) {
        throw Error(error.path1().string(), "room and permission to write", error.code().message());
    }
}

}  // namespace microtome
