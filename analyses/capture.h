// Keeps the activations of a text that is made token by token, and writes them as a store of one prompt.
#pragma once

#include <filesystem>

#include "analyses/session.h"
#include "hooks/recorder.h"
#include "hooks/store/store.h"

namespace microtome {

class Capture : public SiteHandler {
  public:
    /// An Error if a pattern matches no site, or the file exists.
    Capture(const Session& session, const std::vector<std::string>& sites, std::filesystem::path out, const std::string& type);
    /// The next pass begins at this position; what was kept from there on is replaced.
    void enter(std::int64_t offset) { offset_ = offset; }
    bool wants(SiteRef ref) const override;
    Tensor see(SiteRef ref, Tensor x) override;
    void write(const std::vector<std::int64_t>& ids, const std::string& text) const;

  private:
    Tensor rows_of(std::size_t site, std::int64_t length) const;

    const Session& session_;
    std::vector<SiteRef> refs_;
    std::filesystem::path out_;
    std::string type_;
    std::int64_t offset_ = 0;
    std::vector<std::vector<Tensor>> kept_;  // [site] -> one tensor a position
};

}  // namespace microtome
