// Inside the store's writer: what /prompts says of each prompt, column by column.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "hooks/store/h5.h"
#include "hooks/store/store.h"

namespace microtome {

/// Rows up to the end of a prompt.
struct StoreEnd {
    std::uint64_t tokens = 0, pairs = 0;
};

class PromptColumns {
  public:
    PromptColumns(const h5::File& file, const StoreIdentity& identity);
    /// Keeps the first `prompts`, whose rows end at `end`.
    void truncate(std::uint64_t prompts, StoreEnd end);
    /// An Error where the file has no place for what a prompt says, or lacks what it must say.
    void check(const StorePrompt& prompt, const std::string& file) const;
    /// The rows of `prompts` end at `ends`. `careful`: as the file is to be again afterwards.
    void append(h5::File& file, std::span<const StorePrompt> prompts, std::span<const StoreEnd> ends, bool careful);

  private:
    bool chosen_;
    h5::Dataset texts_, ids_, offsets_, offsets2_;
    std::optional<h5::Dataset> positions_, labels_, groups_, questions_, metrics_;  // where the file has them
};

/// An Error unless the first `done` of `prompts` are those of the file.
void check_same_prompts(const h5::File& file, const StoreIdentity& identity, std::span<const StorePrompt> prompts, std::uint64_t done);

}  // namespace microtome
