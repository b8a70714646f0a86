// Any text as a question to a small store: refused in words, or answered; and refused or not, the same way twice.
#include <cstdint>
#include <cstdlib>

#include "analyses/query/query.h"
#include "core/base/error.h"
#include "core/base/files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace microtome;
    static const std::string image = read_file(MICROTOME_FUZZ_STORE);
    static const StoreReader store(std::as_bytes(std::span(image)), "store");
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto ask = [&]() -> std::string {
        try {
            Progress progress;
            const auto piece = [](std::int64_t id) { return std::string(1, static_cast<char>('a' + id % 26)); };
            const query::Answer answer = query::ask(store, text, {5, query::Order::file, 1}, piece, progress);
            return std::to_string(answer.matches) + " " + std::to_string(answer.rows.size());
        } catch (const Error& error) {
            if (error.expected().empty() || error.got().empty()) std::abort();
            return error.what();
        }
    };
    if (ask() != ask()) std::abort();
    return 0;
}
