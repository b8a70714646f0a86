// A model of the hub, fetched into the local hub cache as huggingface_hub would, so that both find it there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/hub_cache.h"
#include "core/base/progress.h"

namespace microtome {

struct DownloadRequest {
    HubName model;
    std::vector<std::string> files;  // patterns; none: configuration, tokenizer and safetensors
    bool list_only = false;          // say what would be fetched
};

struct DownloadedFile {
    std::string name;
    std::int64_t bytes = 0;
    bool fetched = false;  // or it was there
};

struct Downloaded {
    std::string commit;
    std::filesystem::path folder;  // the snapshot
    std::vector<DownloadedFile> files;
};

/// From HF_ENDPOINT (https://huggingface.co) with the token of HF_TOKEN, HF_TOKEN_PATH or the cache's file, if there is one.
/// The snapshot is linked and refs/REVISION written only when every file is there and checked; until then blobs/ holds what came.
Downloaded download_model(const DownloadRequest& request, Progress& progress);

}  // namespace microtome
