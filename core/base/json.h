// Reading and writing JSON with errors that name the file and the JSON pointer. Keys keep their order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace microtome {

using Json = nlohmann::ordered_json;

/// Parses `text`; `subject` (a file name, say) begins the message of an Error. Refuses nesting deeper than 100 and duplicate keys.
Json parse_json(std::string_view text, const std::string& subject);
Json read_json(const std::filesystem::path& file);
/// Writes to a temporary beside `file`, then renames. `indent` as nlohmann's dump; numbers read back equal.
void write_json(const std::filesystem::path& file, const Json& value, int indent = 1);

/// An object being read: every `get` notes its key, `done()` throws an Error naming the first key that nobody asked for.
class JsonReader {
  public:
    /// `where` is the JSON pointer of `value` inside `subject`.
    JsonReader(const Json& value, std::string subject, std::string where = "");

    bool has(const std::string& key) const;
    /// The value at `key`; an Error if it is missing.
    const Json& at(const std::string& key);
    JsonReader object(const std::string& key);
    std::string string(const std::string& key);
    std::string string(const std::string& key, std::string fallback);
    std::int64_t integer(const std::string& key);
    std::int64_t integer(const std::string& key, std::int64_t fallback);
    double number(const std::string& key);
    double number(const std::string& key, double fallback);
    bool boolean(const std::string& key, bool fallback);
    void done() const;

    std::string pointer(const std::string& key) const { return subject_ + "#" + where_ + "/" + key; }
    const Json& value() const { return value_; }

  private:
    const Json& value_;
    std::string subject_, where_;
    std::vector<std::string> seen_;
};

}  // namespace microtome
