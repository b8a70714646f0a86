// Encoding and decoding WikiText-2 with real tokenizers: bytes of text a second on one core.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <filesystem>

#include "core/base/files.h"
#include "core/text/tokenizer.h"

namespace {

using namespace microtome;
namespace fs = std::filesystem;

const fs::path shared = MICROTOME_SHARED_DIR;

void encode(benchmark::State& state, const char* folder) {
    const auto tokenizer = load_tokenizer(shared / folder);
    const std::string text = read_file(shared / "data/wikitext-2/test.txt");
    std::size_t tokens = 0;
    for (auto _ : state) tokens = tokenizer->encode(text).size();
    state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
    state.counters["tokens"] = static_cast<double>(tokens);
}

// Short prompts, as analyses encode them.
void encode_lines(benchmark::State& state, const char* folder) {
    const auto tokenizer = load_tokenizer(shared / folder);
    const std::string text = read_file(shared / "data/wikitext-2/test.txt").substr(0, 200'000);
    for (auto _ : state)
        for (std::size_t at = 0; at < text.size(); at += 100) benchmark::DoNotOptimize(tokenizer->encode(text.substr(at, 100)));
    state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}

void decode(benchmark::State& state, const char* folder) {
    const auto tokenizer = load_tokenizer(shared / folder);
    const std::string text = read_file(shared / "data/wikitext-2/test.txt");
    const auto ids = tokenizer->encode(text);
    for (auto _ : state) benchmark::DoNotOptimize(tokenizer->decode(ids));
    state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}

void load(benchmark::State& state, const char* folder) {
    for (auto _ : state) benchmark::DoNotOptimize(load_tokenizer(shared / folder));
}

}  // namespace

int main(int argc, char** argv) {
    if (!fs::exists(shared / "tokenizers/gpt2")) {
        std::fprintf(stderr, "The real tokenizers are not beside the repository (%s)\n", MICROTOME_SHARED_DIR);
        return 2;
    }
    for (const char* folder : {"tokenizers/gpt2", "tokenizers/gpt-neox-20b", "models/tinystories-656k"}) {
        const std::string name = fs::path(folder).filename().string();
        benchmark::RegisterBenchmark(("encode/" + name).c_str(), encode, folder)->Unit(benchmark::kMillisecond);
        benchmark::RegisterBenchmark(("encode_lines/" + name).c_str(), encode_lines, folder)->Unit(benchmark::kMillisecond);
        benchmark::RegisterBenchmark(("decode/" + name).c_str(), decode, folder)->Unit(benchmark::kMillisecond);
        benchmark::RegisterBenchmark(("load/" + name).c_str(), load, folder)->Unit(benchmark::kMillisecond);
    }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
