#include "core/base/safetensors.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/base/error.h"
#include "core/base/json.h"

namespace microtome {
namespace {

struct TypeRow {
    StoredType type;
    std::string_view name;
    std::size_t bytes;
};
constexpr std::array<TypeRow, 10> types{{{StoredType::F64, "F64", 8},
                                         {StoredType::F32, "F32", 4},
                                         {StoredType::F16, "F16", 2},
                                         {StoredType::BF16, "BF16", 2},
                                         {StoredType::I64, "I64", 8},
                                         {StoredType::I32, "I32", 4},
                                         {StoredType::I16, "I16", 2},
                                         {StoredType::I8, "I8", 1},
                                         {StoredType::U8, "U8", 1},
                                         {StoredType::BOOL, "BOOL", 1}}};

constexpr std::size_t longest_header = 100'000'000;  // the reference library's limit

std::string shown(const Json& value) {
    std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 60) + "…" : text;
}

// Bytes of `shape` × `width`; false if that doesn't fit a size_t or the product an int64.
bool count_bytes(const std::vector<std::int64_t>& shape, std::size_t width, std::size_t& bytes) {
    std::int64_t product = 1;
    for (std::int64_t n : shape)
        if (__builtin_mul_overflow(product, n, &product)) return false;
    return !__builtin_mul_overflow(static_cast<std::size_t>(product), width, &bytes);
}

// A non-negative integer that fits an int64.
std::int64_t natural(const Json& value, const std::string& subject, const char* what) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
        throw Error(subject, what, shown(value));
    return value.get<std::int64_t>();
}

StoredTensor read_entry(const std::string& name, const Json& entry, std::span<const std::byte> data, const std::string& file) {
    const std::string subject = file + ": tensor \"" + name + "\"";
    JsonReader reader(entry, subject);
    StoredTensor tensor{name, StoredType::F32, {}, {}};
    const std::string dtype = reader.string("dtype");
    auto row = std::find_if(types.begin(), types.end(), [&](const TypeRow& r) { return r.name == dtype; });
    if (row == types.end()) throw Error(subject, "a dtype out of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL", "\"" + dtype + "\"");
    tensor.type = row->type;

    const Json& shape = reader.at("shape");
    if (!shape.is_array()) throw Error(subject, "a list of sizes as shape", shown(shape));
    for (const Json& n : shape) tensor.shape.push_back(natural(n, subject, "sizes from 0 to 2^63 - 1 in its shape"));
    std::size_t bytes = 0;
    if (!count_bytes(tensor.shape, row->bytes, bytes)) throw Error(subject, "a shape of fewer than 2^63 elements", shown(shape));

    const Json& offsets = reader.at("data_offsets");
    if (!offsets.is_array() || offsets.size() != 2) throw Error(subject, "[begin, end] as data_offsets", shown(offsets));
    const auto begin = static_cast<std::size_t>(natural(offsets[0], subject, "a data offset from 0"));
    const auto end = static_cast<std::size_t>(natural(offsets[1], subject, "a data offset from 0"));
    if (begin > end || end > data.size())
        throw Error(subject, "data_offsets in order within " + std::to_string(data.size()) + " bytes of data", shown(offsets));
    if (end - begin != bytes)
        throw Error(subject, std::to_string(bytes) + " bytes for " + dtype + " " + shown(shape), std::to_string(end - begin));
    reader.done();
    tensor.bytes = data.subspan(begin, bytes);
    return tensor;
}

// The format: data has neither overlaps nor holes, and ends with the last tensor.
void check_layout(std::vector<StoredTensor>& tensors, std::span<const std::byte> data, const std::string& file) {
    std::stable_sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
        return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
    });
    std::size_t reached = 0;
    for (const StoredTensor& t : tensors) {
        const auto begin = static_cast<std::size_t>(t.bytes.data() - data.data());
        if (begin != reached)
            throw Error(file + ": tensor \"" + t.name + "\"",
                        "data from byte " + std::to_string(reached) + (begin < reached ? " (it overlaps the one before)" : " (no holes)"),
                        std::to_string(begin));
        reached = begin + t.bytes.size();
    }
    if (reached != data.size())
        throw Error(file, std::to_string(reached) + " bytes of data, as its header says", std::to_string(data.size()));
}

}  // namespace

std::string_view name_of(StoredType type) {
    return types[static_cast<std::size_t>(type)].name;
}

std::size_t size_of(StoredType type) {
    return types[static_cast<std::size_t>(type)].bytes;
}

std::int64_t StoredTensor::elements() const {
    std::int64_t product = 1;
    for (std::int64_t n : shape) product *= n;
    return product;
}

SafetensorsContent parse_safetensors(std::span<const std::byte> file, const std::string& subject) {
    if (file.size() < 8)
        throw Error(subject, "a safetensors file (8 bytes of header length first)", std::to_string(file.size()) + " bytes");
    std::uint64_t length = 0;
    for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<std::uint8_t>(file[i]);
    const std::size_t most = std::min(file.size() - 8, longest_header);
    if (length > most)
        throw Error(subject, "a safetensors header of at most " + std::to_string(most) + " bytes", "a length of " + std::to_string(length));
    const std::string_view header(reinterpret_cast<const char*>(file.data()) + 8, length);
    if (header.empty() || header[0] != '{')
        throw Error(subject, "a safetensors header that begins with {", "\"" + std::string(header.substr(0, 8)) + "\"");
    const Json json = parse_json(header, subject + ": header");

    SafetensorsContent content;
    const std::span<const std::byte> data = file.subspan(8 + length);
    for (const auto& [name, entry] : json.items()) {
        if (name != "__metadata__") {
            content.tensors.push_back(read_entry(name, entry, data, subject));
            continue;
        }
        if (!entry.is_object()) throw Error(subject + ": __metadata__", "an object of strings", shown(entry));
        for (const auto& [key, value] : entry.items()) {
            if (!value.is_string()) throw Error(subject + ": __metadata__/" + key, "a string", shown(value));
            content.metadata[key] = value.get<std::string>();
        }
    }
    check_layout(content.tensors, data, subject);
    return content;
}

SafetensorsFile::SafetensorsFile(std::shared_ptr<const MappedFile> mapping, SafetensorsContent content)
    : mapping_(std::move(mapping)), content_(std::move(content)) {
    for (std::size_t i = 0; i < content_.tensors.size(); ++i) index_[content_.tensors[i].name] = i;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& file) : SafetensorsFile(std::make_shared<const MappedFile>(file)) {}

SafetensorsFile::SafetensorsFile(const std::shared_ptr<const MappedFile>& mapping)
    : SafetensorsFile(mapping, parse_safetensors(mapping->bytes(), mapping->path().string())) {}

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
    auto it = index_.find(name);
    return it == index_.end() ? nullptr : &content_.tensors[it->second];
}

void write_safetensors(const std::filesystem::path& file, std::vector<StoredTensor> tensors,
                       const std::map<std::string, std::string>& metadata) {
    std::stable_sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
        return std::pair(size_of(b.type), std::string_view(a.name)) < std::pair(size_of(a.type), std::string_view(b.name));
    });
    Json header = Json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::size_t reached = 0;
    for (const StoredTensor& t : tensors) {
        const std::string subject = file.string() + ": tensor \"" + t.name + "\"";
        std::size_t bytes = 0;
        if (std::any_of(t.shape.begin(), t.shape.end(), [](std::int64_t n) { return n < 0; }) ||
            !count_bytes(t.shape, size_of(t.type), bytes) || bytes != t.bytes.size())
            throw Error(subject, "as many bytes as its shape needs", std::to_string(t.bytes.size()) + " for " + shown(Json(t.shape)));
        if (t.name == "__metadata__" || header.contains(t.name)) throw Error(subject, "a name of its own", "one in use");
        header[t.name] = {{"dtype", name_of(t.type)}, {"shape", t.shape}, {"data_offsets", {reached, reached + bytes}}};
        reached += bytes;
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const nlohmann::json::exception&) {
        throw Error(file.string(), "tensor names and metadata in UTF-8", "other bytes");
    }
    text.resize((text.size() + 7) / 8 * 8, ' ');
    std::string length(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xff);
    AtomicFile out(file);
    out.write(length + text);
    for (const StoredTensor& t : tensors) out.write({reinterpret_cast<const char*>(t.bytes.data()), t.bytes.size()});
    out.commit();
}

}  // namespace microtome
