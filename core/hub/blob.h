// One file of the hub: fetched beside its place, continued where it was cut, checked, renamed.
#pragma once

#include <filesystem>
#include <functional>

#include "core/base/progress.h"
#include "core/hub/file_list.h"
#include "core/hub/http.h"

namespace microtome {

struct BlobRequest {
    HubFile file;  // with size and checksum
    std::string url;
    std::filesystem::path place, lock;  // blobs/CHECKSUM; held while it is fetched, by this program and huggingface_hub alike
};

/// What is at `place` already counts. `have` hears how many of the file's bytes are there, also of an earlier, cut download.
/// Passing failures are tried again, others are an Error; Cancelled keeps PLACE.incomplete, from which the next call goes on.
/// Returns whether anything had to be fetched.
bool fetch_blob(Http& http, const BlobRequest& request, const Progress& progress, const std::function<void(std::int64_t have)>& have,
                const std::function<void(const std::string&)>& note);

/// The Error that an answer amounts to. `what`: the model or file asked for.
[[noreturn]] void refuse_answer(const HttpAnswer& answer, const std::string& what, const std::string& url);

/// Waits `seconds`, or until a stop (Cancelled).
void wait_for(double seconds, const Progress& progress);
/// How long to wait before try number `tries` + 1: as the server says, or 1, 2, 4, … seconds.
double back_off(const HttpAnswer& answer, int tries);

}  // namespace microtome
