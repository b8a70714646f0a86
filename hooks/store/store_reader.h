// Reading activation stores. A file is checked whole when it is opened; a running store (.part) shows the prompts that are complete.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hooks/store/h5.h"
#include "hooks/store/store.h"

namespace microtome {

class StoreReader {
  public:
    explicit StoreReader(const std::filesystem::path& file);
    /// A store held in memory; `shown` is its name in messages.
    StoreReader(std::span<const std::byte> image, const std::string& shown);

    const std::string& name() const { return file_.subject(); }
    const StoreIdentity& identity() const { return identity_; }
    /// Not all tokens of the prompts were kept: prompt().positions says which.
    bool chosen() const { return identity_.positions != "all"; }
    bool labelled() const { return labelled_; }
    const std::string& tool_version() const { return tool_version_; }
    /// Activations, then gradients.
    const std::vector<StoreSite>& sites() const { return sites_; }
    /// By the site's key. An Error that lists what is stored where it is not.
    const StoreSite& site(const std::string& key) const { return sites_[index(key)]; }
    /// nullptr where it is not there.
    const StoreSite* find(const std::string& key) const;

    std::size_t prompts() const { return offsets_.size() - 1; }
    std::uint64_t length(std::size_t prompt) const;
    StorePrompt prompt(std::size_t prompt) const;
    /// The metric of each prompt; empty where there are no gradients.
    std::vector<double> metrics() const;
    /// Rows of prompt p are [offsets[p], offsets[p + 1]); of a site of pairs: offsets2.
    const std::vector<std::uint64_t>& offsets() const { return offsets_; }
    const std::vector<std::uint64_t>& offsets2() const { return offsets2_; }

    /// One prompt at one site (its key): (length, row shape…), or (query, key, row shape…) for pairs. T: float, double; Half from a float16
    /// store.
    template <h5::Number T>
    h5::Array<T> read(const std::string& site, std::size_t prompt) const {
        const std::size_t i = index(site);
        const auto& rows = sites_[i].pairs ? offsets2_ : offsets_;
        h5::Array<T> out{shape_of(i, prompt), {}};
        out.values.resize(h5::elements(out.shape, name()));
        data_[i].read_rows(rows[prompt], rows[prompt + 1] - rows[prompt], out.values.data());
        return out;
    }
    /// Rows [first, first + count) of a site, across prompts, into `out` (count × row_values).
    template <h5::Number T>
    void read_rows(const std::string& site, std::uint64_t first, std::uint64_t count, T* out) const {
        const std::size_t i = index(site);
        check_rows(i, first, count);
        data_[i].read_rows(first, count, out);
    }

  private:
    explicit StoreReader(h5::File file);
    StoreIdentity read_identity();
    void read_offsets();
    void read_sites(const h5::Group& group, bool gradients);
    std::size_t index(const std::string& key) const;
    h5::Shape shape_of(std::size_t index, std::size_t prompt) const;
    void check_rows(std::size_t index, std::uint64_t first, std::uint64_t count) const;

    h5::File file_;
    std::string tool_version_;
    StoreIdentity identity_;
    h5::Group prompts_;
    std::vector<std::uint64_t> offsets_, offsets2_;
    bool labelled_ = false;
    std::vector<StoreSite> sites_;
    std::vector<h5::Dataset> data_;  // as sites_
};

}  // namespace microtome
