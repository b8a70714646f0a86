#include "hooks/store/store.h"

#include "core/base/error.h"
#include "hooks/store/store_layout.h"

namespace microtome {

void StorePlan::add(const StorePrompt& prompt) {
    const std::uint64_t length = prompt.ids.size();
    prompts += 1;
    tokens += length;
    pairs += length * length;
    text_bytes += prompt.text.size() + prompt.label.size() + prompt.group.size() + prompt.question.size();
    labels = labels || !prompt.label.empty() || !prompt.group.empty();
    chosen = chosen || !prompt.positions.empty();
    questions = questions || !prompt.question.empty();
}

std::string StoreSite::key() const {
    return (gradient ? std::string(gradients_path) + "/" : "") + name;
}

std::uint64_t chunk_rows(std::uint64_t row_bytes, std::uint64_t rows) {
    const std::uint64_t most = std::max<std::uint64_t>(1, chunk_bytes / std::max<std::uint64_t>(1, row_bytes));
    if (rows == 0) return std::max<std::uint64_t>(1, most / 8);
    const std::uint64_t chunks = (rows + most - 1) / most;
    return (rows + chunks - 1) / chunks;
}

static std::uint64_t column(std::uint64_t row_bytes, std::uint64_t rows) {
    if (rows == 0) return 1000;
    const std::uint64_t chunk = chunk_rows(row_bytes, rows), chunks = (rows + chunk - 1) / chunk;
    const std::uint64_t header = 3000, index_entry = 60;  // measured: a dataset with its attributes, a chunk in its B-tree
    return chunks * (chunk * row_bytes + index_entry) + header;
}

std::uint64_t site_bytes(const StoreSite& site, const StorePlan& plan) {
    return column(site.row_bytes(), site.pairs ? plan.pairs : plan.tokens);
}

std::uint64_t store_bytes(std::span<const StoreSite> sites, const StorePlan& plan) {
    std::uint64_t bytes = column(16, plan.prompts) + column(4, plan.tokens) + 2 * column(8, plan.prompts + 1);
    bytes += plan.text_bytes + 24 * plan.prompts;  // heap entries are headed by 16 bytes and padded to 8
    if (plan.chosen) bytes += column(4, plan.tokens);
    if (plan.questions) bytes += column(16, plan.prompts) + column(8, plan.prompts) + 24 * plan.prompts;
    if (plan.labels) bytes += 2 * column(16, plan.prompts) + 48 * plan.prompts;
    for (const StoreSite& site : sites) bytes += site_bytes(site, plan);
    return bytes;
}

h5::Type store_type(const std::string& name) {
    for (h5::Type type : {h5::Type::float16, h5::Type::float32, h5::Type::float64})
        if (name == h5::name_of(type)) return type;
    throw Error("store", "float16, float32 or float64", name);
}

}  // namespace microtome
