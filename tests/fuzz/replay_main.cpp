// Drives a fuzz target without libFuzzer: every file of the corpus as it is, then deterministic mutations of it.
//   fuzz_NAME CORPUS-FOLDER|FILE... [--only]        --only: no mutations
// A crash leaves the input in crash-NAME in the working folder.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

namespace fs = std::filesystem;

std::string crash_name;
std::string input;  // the one being run

// NOTE: not async-signal-safe; it runs once, in a program that is ending anyway.
void keep_input() {
    if (std::FILE* file = std::fopen(crash_name.c_str(), "wb")) {
        std::fwrite(input.data(), 1, input.size(), file);
        std::fclose(file);
    }
    std::fprintf(stderr, "the input is in %s\n", crash_name.c_str());
}

void on_signal(int signal) {
    keep_input();
    ::signal(signal, SIG_DFL);
    ::raise(signal);
}

bool run(const std::string& name) {
    // An exact allocation, so that a sanitizer sees the first byte read past the end.
    const std::vector<std::uint8_t> exact(input.begin(), input.end());
    try {
        LLVMFuzzerTestOneInput(exact.data(), exact.size());
        return true;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s: escaped: %s\n", name.c_str(), e.what());
    } catch (...) {
        std::fprintf(stderr, "%s: something escaped\n", name.c_str());
    }
    keep_input();
    return false;
}

// SplitMix64 (Steele et al. 2014): the same numbers everywhere.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::size_t below(std::size_t n) { return n ? static_cast<std::size_t>(next() % n) : 0; }
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }

  private:
    std::uint64_t state_;
};

constexpr std::string_view words[] = {"{",
                                      "}",
                                      "[",
                                      "]",
                                      "\"",
                                      ",",
                                      ":",
                                      "null",
                                      "true",
                                      "0",
                                      "-1",
                                      "1e308",
                                      "18446744073709551615",
                                      "4294967296",
                                      "\\u0000",
                                      "\\ud800",
                                      "\xff",
                                      "\xe2\x96\x81",
                                      "[]",
                                      "{}",
                                      "\"\"",
                                      "\"type\":",
                                      "\"Sequence\"",
                                      "F64",
                                      "BOOL",
                                      "(?:",
                                      "*+",
                                      "\\\\s"};
constexpr std::uint64_t numbers[] = {
    0, 1, 7, 8, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff, 0xffffffffffffffff};

void mutate(std::string& text, const std::string& other, Random& random) {
    const std::size_t at = random.below(text.size() + 1), rest = text.size() - at;
    const std::size_t length = std::min(rest, std::size_t{1} << random.below(8));
    switch (random.below(9)) {
        case 0:
            if (rest) text[at] = static_cast<char>(text[at] ^ 1 << random.below(8));
            break;
        case 1:
            if (rest) text[at] = static_cast<char>(random.next());
            break;
        case 2:
            text.erase(at, length);
            break;
        case 3:
            text.insert(at, text.substr(at, length));
            break;
        case 4:
            text.insert(at, words[random.below(std::size(words))]);
            break;
        case 5:
            text.resize(at);
            break;
        case 6: {
            const std::uint64_t number = numbers[random.below(std::size(numbers))];
            std::memcpy(text.data() + at, &number, std::min<std::size_t>(rest, std::size_t{1} << random.below(4)));
            break;
        }
        case 7:
            text.insert(at, other.substr(random.below(other.size() + 1), std::size_t{1} << random.below(10)));
            break;
        default: {
            const std::string_view word = words[random.below(std::size(words))];
            text.replace(at, std::min(rest, word.size()), word);
        }
    }
}

// About the same number of bytes for each file, so that large ones don't take all the time.
std::size_t mutations_of(std::size_t size) {
    return std::clamp<std::size_t>((std::size_t{1} << 20) / (size + 1), 20, 2000);
}

std::vector<fs::path> corpus(const std::vector<std::string>& arguments) {
    std::vector<fs::path> files;
    for (const std::string& argument : arguments) {
        if (!fs::is_directory(argument)) {
            files.emplace_back(argument);
            continue;
        }
        for (const auto& item : fs::directory_iterator(argument)) files.push_back(item.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const bool only = std::erase(arguments, "--only") > 0;
    crash_name = "crash-" + fs::path(argv[0]).filename().string();
    for (int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL}) ::signal(signal, on_signal);
    if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(keep_input);

    const std::vector<fs::path> files = corpus(arguments);
    if (files.empty()) {
        std::fprintf(stderr, "no corpus\n");
        return 1;
    }
    std::vector<std::string> texts;
    for (const fs::path& file : files) texts.push_back(microtome::read_file(file));
    std::size_t runs = 0;
    for (std::size_t f = 0; f < files.size(); ++f) {
        input = texts[f];
        if (!run(files[f].string())) return 1;
        ++runs;
        Random random(f);
        for (std::size_t m = 0; !only && m < mutations_of(texts[f].size()); ++m, ++runs) {
            input = texts[f];
            for (std::size_t k = 1 + random.below(4); k > 0; --k) mutate(input, texts[random.below(texts.size())], random);
            if (!run(files[f].string() + ", mutation " + std::to_string(m))) return 1;
        }
    }
    std::printf("%zu files, %zu runs\n", files.size(), runs);
}
