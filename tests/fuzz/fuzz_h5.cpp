// Any bytes as a store, a result.h5 and a plain HDF5 file: opened or refused, and slices of everything are read.
#include <cstdint>
#include <span>

#include "analyses/views/serialize.h"
#include "core/base/error.h"
#include "hooks/store/store_reader.h"

namespace {

using namespace microtome;

constexpr std::uint64_t most_values = 1 << 16;

template <class F>
bool tried(F&& f) {
    try {
        f();
        return true;
    } catch (const Error&) {
        return false;
    }
}

void read_store(std::span<const std::byte> image) {
    const StoreReader store(image, "fuzz");
    for (std::size_t p = 0; p < std::min<std::size_t>(store.prompts(), 3); ++p) {
        tried([&] { store.prompt(p); });
        for (const StoreSite& site : store.sites()) {
            const auto& ends = site.pairs ? store.offsets2() : store.offsets();
            const std::uint64_t width = site.row_values();
            if (width == 0 || ends[p + 1] - ends[p] > most_values / width) continue;
            tried([&] { store.read<float>(site.name, p); });
            tried([&] { store.read<double>(site.name, p); });
        }
    }
}

// First and last rows of every dataset, and every attribute.
void read_all(const h5::Group& group, int depth) {
    for (const std::string& name : group.attribute_names())
        if (!tried([&] { group.get_strings(name); })) tried([&] { group.get_numbers(name); });
    for (const std::string& name : group.names()) {
        if (group.is_group(name)) {
            if (depth < 8) tried([&] { read_all(group.group(name), depth + 1); });
            continue;
        }
        tried([&] {
            const h5::Dataset data = group.dataset(name);
            for (const std::string& attribute : data.attribute_names())
                if (!tried([&] { data.get_strings(attribute); })) tried([&] { data.get_numbers(attribute); });
            data.check_stored();
            const h5::Shape shape = data.shape();
            const std::uint64_t rows = data.rows(), width = h5::elements(shape, name) / std::max<std::uint64_t>(1, rows);
            const std::uint64_t count = std::min<std::uint64_t>(rows, 5);
            if (count == 0 || width == 0 || width > most_values) return;
            if (data.type() == h5::Type::string) {
                tried([&] { data.read_strings(rows - count, count); });
                return;
            }
            std::vector<double> out(count * width);
            tried([&] { data.read_rows(0, count, out.data()); });
            tried([&] { data.read_rows(rows - count, count, out.data()); });
        });
    }
}

}  // namespace

// HDF5 1.10 forgets some hundred bytes where it refuses a malformed message.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libhdf5";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::byte> image(reinterpret_cast<const std::byte*>(data), size);
    tried([&] { read_store(image); });
    tried([&] { read_result_h5(image, "fuzz"); });
    tried([&] { read_all(h5::File::from_image(image, "fuzz"), 0); });
    return 0;
}
