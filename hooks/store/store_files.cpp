#include "hooks/store/store_files.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "core/base/error.h"
#include "core/base/files.h"
#include "hooks/store/journaled_file.h"
#include "hooks/store/store_layout.h"

namespace microtome {
namespace {

void write_identity(h5::File& file, const StoreIdentity& identity) {
    file.set_string("format", store_format);
    file.set_integer("schema", store_schema);
    file.set_string("model", identity.model);
    file.set_string("model_sha256", identity.model_sha256);
    file.set_string("processing", identity.processing);
    file.set_string("dtype", identity.dtype);
    file.set_string("tokenizer_sha256", identity.tokenizer_sha256);
    if (identity.positions != all_positions) file.set_string("positions", identity.positions);
    if (!identity.interventions.empty()) file.set_string("interventions", identity.interventions);
    if (identity.has_gradients()) {
        file.set_string("metric", identity.metric);
        file.set_string("metric_run", identity.metric_run);
    }
    file.set_string("tool_version", MICROTOME_VERSION);
    file.set_integer("prompts_done", 0);
}

void write_site(h5::Group& activations, const StoreSite& site, const StorePlan& plan, int deflate) {
    if (site.name.empty() || site.name.find('/') != std::string::npos || site.name == ".")
        throw Error("site", "a name without slashes", site.name);
    if (site.symbols.size() != site.shape.size()) throw Error(site.name, "a symbol for every axis", std::to_string(site.symbols.size()));
    const std::uint64_t rows = chunk_rows(site.row_bytes(), site.pairs ? plan.pairs : plan.tokens);
    h5::Dataset made = activations.create_extendible(site.name, site.type, site.shape, {rows, deflate});
    std::vector<std::string> symbols{site.pairs ? "pairs" : "tokens"};
    symbols.insert(symbols.end(), site.symbols.begin(), site.symbols.end());
    made.set_string("site", site.name);
    made.set_strings("shape", symbols);
    made.set_string("unit", site.unit);
}

std::string text_of(const StoreSite& site) {
    std::string text = site.pairs ? "(pairs" : "(tokens";
    for (std::size_t i = 0; i < site.shape.size(); ++i) text += ", " + site.symbols[i] + " = " + std::to_string(site.shape[i]);
    return text + ") " + h5::name_of(site.type);
}

void write_contents(h5::File& file, const StoreIdentity& identity, std::span<const StoreSite> sites, const StorePlan& plan, int deflate) {
    write_identity(file, identity);
    file.create_group(prompts_path);
    file.create_extendible(texts_path, h5::Type::string, {}, {chunk_rows(16, plan.prompts), 0});
    file.create_extendible(ids_path, h5::Type::int32, {}, {chunk_rows(4, plan.tokens), 0});
    if (identity.positions != all_positions) file.create_extendible(positions_path, h5::Type::int32, {}, {chunk_rows(4, plan.tokens), 0});
    if (plan.labels)
        for (const char* path : {label_path, group_path})
            file.create_extendible(path, h5::Type::string, {}, {chunk_rows(16, plan.prompts), 0});
    if (identity.has_gradients()) {
        file.create_extendible(question_path, h5::Type::string, {}, {chunk_rows(16, plan.prompts), 0});
        file.create_extendible(metric_path, h5::Type::float64, {}, {chunk_rows(8, plan.prompts), 0});
    }
    const std::vector<std::int64_t> zero{0};
    for (const char* path : {offsets_path, offsets2_path})
        file.create_extendible(path, h5::Type::int64, {}, {chunk_rows(8, plan.prompts ? plan.prompts + 1 : 0), 0}).append(1, zero.data());
    h5::Group activations = file.create_group(activations_path);
    std::optional<h5::Group> gradients;
    for (const StoreSite& site : sites) {
        if (site.gradient && !gradients) gradients = file.create_group(gradients_path);
        write_site(site.gradient ? *gradients : activations, site, plan, deflate);
    }
}

}  // namespace

void write_empty_store(const std::filesystem::path& part, const StoreIdentity& identity, std::span<const StoreSite> sites,
                       const StorePlan& plan, int deflate) {
    AtomicFile aside(part);
    h5::File file(aside.temporary(), h5::Mode::create, part.string());
    try {
        write_contents(file, identity, sites, plan, deflate);
        file.flush();
    } catch (...) {
        file.abandon();  // a full disk: HDF5 must not try again at exit
        throw;
    }
    file.close();
    std::filesystem::remove(JournaledFile::journal_of(part));  // left where someone removed a part
    aside.commit();
}

void check_same_run(const StoreReader& file, const StoreIdentity& identity, std::span<const StoreSite> sites) {
    const StoreIdentity& old = file.identity();
    const auto same = [&](const char* name, const std::string& ours, const std::string& theirs) {
        const auto shown = [](const std::string& value) { return value.empty() ? "none" : value; };
        if (ours != theirs) throw Error(file.name() + ": attribute " + name, shown(ours) + " (this run)", shown(theirs));
    };
    same("model_sha256", identity.model_sha256, old.model_sha256);
    same("processing", identity.processing, old.processing);
    same("dtype", identity.dtype, old.dtype);
    same("tokenizer_sha256", identity.tokenizer_sha256, old.tokenizer_sha256);
    same("positions", identity.positions, old.positions);
    same("metric", identity.metric, old.metric);
    same("metric_run", identity.metric_run, old.metric_run);
    same("interventions", identity.interventions, old.interventions);
    for (const StoreSite& site : sites) {
        const StoreSite* found = file.find(site.key());
        if (!found) throw Error(file.name(), "site " + site.key() + " (this run)", "a store without it");
        if (text_of(site) != text_of(*found)) throw Error(file.name() + ": " + site.key(), text_of(site) + " (this run)", text_of(*found));
    }
    for (const StoreSite& site : file.sites())
        if (std::none_of(sites.begin(), sites.end(), [&](const StoreSite& s) { return s.key() == site.key(); }))
            throw Error(file.name(), "only the sites of this run", "also " + site.key());
}

static std::string megabytes(std::uint64_t bytes) {
    return std::to_string(bytes / 1'000'000) + " MB";
}

void check_room(const std::filesystem::path& file, std::uint64_t bytes) {
    const std::filesystem::path folder = std::filesystem::absolute(file).parent_path();
    std::error_code unknown;
    const std::filesystem::space_info space = std::filesystem::space(folder, unknown);
    if (!unknown && space.available < bytes)
        throw Error(file.string(), megabytes(bytes) + " free on this disk", megabytes(space.available));
}

void rename_new(const std::filesystem::path& from, const std::filesystem::path& to) {
    int result = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
    if (result != 0 && errno == EINVAL) {  // a file system without that flag
        errno = EEXIST;
        if (!std::filesystem::exists(to)) result = ::rename(from.c_str(), to.c_str());
    }
    if (result != 0) throw Error(to.string(), "a new name for " + from.string(), std::strerror(errno));
}

}  // namespace microtome
