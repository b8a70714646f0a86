// Inside the store's writer: the empty file, the comparison with a file that is to be continued, renaming without replacing.
#pragma once

#include <filesystem>
#include <span>

#include "hooks/store/store_reader.h"

namespace microtome {

/// A store without prompts. It appears under `part` only when it is complete, so that a kill leaves no half-made file there.
void write_empty_store(const std::filesystem::path& part, const StoreIdentity& identity, std::span<const StoreSite> sites,
                       const StorePlan& plan, int deflate);

/// An Error naming the first difference between the file and the run that wants to continue it.
void check_same_run(const StoreReader& file, const StoreIdentity& identity, std::span<const StoreSite> sites);

/// An Error unless the disk that `file` will be on has `bytes` free.
void check_room(const std::filesystem::path& file, std::uint64_t bytes);

/// Renames; an Error where `to` exists.
void rename_new(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace microtome
