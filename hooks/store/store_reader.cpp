#include "hooks/store/store_reader.h"

#include <algorithm>
#include <cctype>

#include "core/base/error.h"
#include "hooks/store/store_layout.h"

namespace microtome {
namespace {

// "blocks.2.x" before "blocks.10.x": numbers compare by value, and equal values ("02", "2") by text.
bool natural_less(const std::string& a, const std::string& b) {
    std::size_t i = 0, j = 0;
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    while (i < a.size() && j < b.size()) {
        if (digit(a[i]) && digit(b[j])) {
            std::size_t m = i, n = j;
            while (m < a.size() && digit(a[m])) ++m;
            while (n < b.size() && digit(b[n])) ++n;
            if (m - i != n - j) return m - i < n - j;
            if (const int order = a.compare(i, m - i, b, j, n - j); order != 0) return order < 0;
            i = m;
            j = n;
        } else {
            if (a[i] != b[j]) return a[i] < b[j];
            ++i;
            ++j;
        }
    }
    return a.size() - i < b.size() - j;
}

void expect_list(const h5::Dataset& data, h5::Type type) {
    if (data.shape().size() != 1) throw Error(data.subject(), "a list", std::to_string(data.shape().size()) + " axes");
    if (data.type() != type) throw Error(data.subject(), h5::name_of(type), h5::name_of(data.type()));
    data.check_stored();
}

// Offsets from 0, never falling, up to prompt `done`.
std::vector<std::uint64_t> read_ends(const h5::Dataset& data, std::uint64_t done) {
    expect_list(data, h5::Type::int64);
    if (data.rows() < done + 1) throw Error(data.subject(), std::to_string(done + 1) + " offsets", std::to_string(data.rows()));
    std::vector<std::int64_t> values(done + 1);
    data.read_rows(0, done + 1, values.data());
    for (std::size_t i = 0; i < values.size(); ++i)
        if (values[i] < (i ? values[i - 1] : 0) || (i == 0 && values[0] != 0))
            throw Error(data.subject(), i ? "offsets that never fall" : "offsets from 0",
                        std::to_string(values[i]) + " at " + std::to_string(i));
    return {values.begin(), values.end()};
}

StoreSite describe(const h5::Dataset& data, const std::string& name) {
    StoreSite site;
    site.name = data.get_string("site");
    if (site.name != name) throw Error(data.subject() + ": attribute site", name, site.name);
    site.symbols = data.get_strings("shape");
    site.shape = data.shape();
    const std::string rows = site.symbols.empty() ? "" : site.symbols.front();
    if (rows != "tokens" && rows != "pairs") throw Error(data.subject() + ": attribute shape", "tokens or pairs first", rows);
    if (site.symbols.size() != site.shape.size())
        throw Error(data.subject(), std::to_string(site.symbols.size()) + " axes", std::to_string(site.shape.size()));
    site.symbols.erase(site.symbols.begin());
    site.shape.erase(site.shape.begin());
    site.pairs = rows == "pairs";
    site.unit = data.get_string("unit");
    site.type = data.type();
    if (site.type != h5::Type::float16 && site.type != h5::Type::float32 && site.type != h5::Type::float64)
        throw Error(data.subject(), "float16, float32 or float64", h5::name_of(site.type));
    data.check_stored();
    return site;
}

}  // namespace

StoreReader::StoreReader(const std::filesystem::path& file) : StoreReader(h5::File(file)) {}

StoreReader::StoreReader(std::span<const std::byte> image, const std::string& shown) : StoreReader(h5::File::from_image(image, shown)) {}

StoreReader::StoreReader(h5::File file) : file_(std::move(file)), identity_(read_identity()), prompts_(file_.group(prompts_path)) {
    read_offsets();
    read_sites(file_.group(activations_path), false);
    if (file_.has(gradients_path)) read_sites(file_.group(gradients_path), true);
}

StoreIdentity StoreReader::read_identity() {
    const std::string format = file_.has_attribute("format") ? file_.get_string("format") : "no attribute format";
    if (format != store_format) throw Error(name(), "an activation store", format);
    const std::int64_t schema = file_.get_integer("schema");
    if (schema != store_schema) throw Error(name() + ": attribute schema", std::to_string(store_schema), std::to_string(schema));
    tool_version_ = file_.get_string("tool_version");
    const auto optional = [&](const char* name, const char* otherwise) {
        return file_.has_attribute(name) ? file_.get_string(name) : otherwise;
    };
    return {file_.get_string("model"), file_.get_string("model_sha256"),     file_.get_string("processing"),
            file_.get_string("dtype"), file_.get_string("tokenizer_sha256"), optional("positions", all_positions),
            optional("metric", ""),    optional("metric_run", ""),           optional("interventions", "")};
}

void StoreReader::read_offsets() {
    const std::int64_t done = file_.get_integer("prompts_done");
    const h5::Dataset texts = file_.dataset(texts_path), ids = file_.dataset(ids_path);
    expect_list(texts, h5::Type::string);
    expect_list(ids, h5::Type::int32);
    if (done < 0 || static_cast<std::uint64_t>(done) > texts.rows())
        throw Error(name() + ": attribute prompts_done", "0 to " + std::to_string(texts.rows()), std::to_string(done));
    const auto prompts = static_cast<std::uint64_t>(done);
    offsets_ = read_ends(file_.dataset(offsets_path), prompts);
    offsets2_ = read_ends(file_.dataset(offsets2_path), prompts);
    if (offsets_.back() > ids.rows())
        throw Error(ids.subject(), std::to_string(offsets_.back()) + " ids, as the offsets say", std::to_string(ids.rows()));
    const auto expect_rows = [](const h5::Dataset& data, h5::Type type, std::uint64_t rows) {
        expect_list(data, type);
        if (data.rows() < rows)
            throw Error(data.subject(), std::to_string(rows) + " rows, as the offsets say", std::to_string(data.rows()));
    };
    if (chosen()) expect_rows(file_.dataset(positions_path), h5::Type::int32, offsets_.back());
    if (identity_.has_gradients()) {
        expect_rows(file_.dataset(question_path), h5::Type::string, prompts);
        expect_rows(file_.dataset(metric_path), h5::Type::float64, prompts);
    }
    labelled_ = file_.has(label_path);
    for (const char* path : {label_path, group_path})
        if (labelled_) expect_rows(file_.dataset(path), h5::Type::string, prompts);
    for (std::size_t i = 0; i < prompts; ++i) {
        const std::uint64_t length = offsets_[i + 1] - offsets_[i], pairs = offsets2_[i + 1] - offsets2_[i];
        if (length > UINT32_MAX || pairs != length * length)
            throw Error(name() + ": /" + offsets2_path, "length² of prompt " + std::to_string(i), std::to_string(pairs));
    }
}

void StoreReader::read_sites(const h5::Group& group, bool gradients) {
    std::vector<std::string> names = group.names();
    std::sort(names.begin(), names.end(), natural_less);
    for (const std::string& name : names) {
        h5::Dataset data = group.dataset(name);
        StoreSite site = describe(data, name);
        site.gradient = gradients;
        const std::uint64_t rows = (site.pairs ? offsets2_ : offsets_).back();
        if (data.rows() < rows)
            throw Error(data.subject(), std::to_string(rows) + " rows, as the offsets say", std::to_string(data.rows()));
        sites_.push_back(std::move(site));
        data_.push_back(std::move(data));
    }
}

const StoreSite* StoreReader::find(const std::string& key) const {
    for (const StoreSite& site : sites_)
        if (site.key() == key) return &site;
    return nullptr;
}

std::size_t StoreReader::index(const std::string& key) const {
    if (const StoreSite* site = find(key)) return static_cast<std::size_t>(site - sites_.data());
    std::string all;
    for (const StoreSite& known : sites_) all += (all.empty() ? "" : ", ") + known.key();
    throw Error(name(), "one of the sites " + (all.empty() ? "(none)" : all), key);
}

std::uint64_t StoreReader::length(std::size_t prompt) const {
    if (prompt >= prompts()) throw Error(name(), "a prompt below " + std::to_string(prompts()), std::to_string(prompt));
    return offsets_[prompt + 1] - offsets_[prompt];
}

StorePrompt StoreReader::prompt(std::size_t prompt) const {
    StorePrompt out;
    out.ids.resize(length(prompt));
    const h5::Dataset ids = prompts_.dataset("ids");
    ids.read_rows(offsets_[prompt], out.ids.size(), out.ids.data());
    for (std::int32_t id : out.ids)
        if (id < 0) throw Error(ids.subject(), "ids from 0", std::to_string(id) + " in prompt " + std::to_string(prompt));
    out.text = file_.dataset(texts_path).read_strings(prompt, 1).front();
    if (chosen()) {
        out.positions.resize(out.ids.size());
        const h5::Dataset positions = file_.dataset(positions_path);
        positions.read_rows(offsets_[prompt], out.positions.size(), out.positions.data());
        for (std::size_t i = 0; i < out.positions.size(); ++i)
            if (out.positions[i] < (i ? out.positions[i - 1] + std::int64_t{1} : 0))
                throw Error(positions.subject(), "positions that rise",
                            std::to_string(out.positions[i]) + " in prompt " + std::to_string(prompt));
    }
    if (labelled_) {
        out.label = file_.dataset(label_path).read_strings(prompt, 1).front();
        out.group = file_.dataset(group_path).read_strings(prompt, 1).front();
    }
    if (identity_.has_gradients()) {
        out.question = file_.dataset(question_path).read_strings(prompt, 1).front();
        file_.dataset(metric_path).read_rows(prompt, 1, &out.metric);
    }
    return out;
}

std::vector<double> StoreReader::metrics() const {
    std::vector<double> out(identity_.has_gradients() ? prompts() : 0);
    if (!out.empty()) file_.dataset(metric_path).read_rows(0, out.size(), out.data());
    return out;
}

std::vector<std::uint64_t> StoreReader::shape_of(std::size_t index, std::size_t prompt) const {
    h5::Shape shape{length(prompt)};
    if (sites_[index].pairs) shape.push_back(length(prompt));
    shape.insert(shape.end(), sites_[index].shape.begin(), sites_[index].shape.end());
    return shape;
}

void StoreReader::check_rows(std::size_t index, std::uint64_t first, std::uint64_t count) const {
    const std::uint64_t rows = (sites_[index].pairs ? offsets2_ : offsets_).back();
    if (first > rows || count > rows - first)
        throw Error(data_[index].subject(), "rows inside 0.." + std::to_string(rows),
                    std::to_string(first) + " + " + std::to_string(count));
}

}  // namespace microtome
