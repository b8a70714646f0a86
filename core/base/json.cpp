#include "core/base/json.h"

#include <algorithm>
#include <unordered_set>

#include "core/base/error.h"
#include "core/base/files.h"

namespace microtome {
namespace {

constexpr int deepest = 100;

std::string shown(const Json& value) {
    std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 60) + "…" : text;
}

// Builds the value and refuses what the library's own reader takes silently: deep nesting (stack) and duplicate keys (the last one wins).
// It also appends to objects without searching them, so that a vocabulary of 10^5 keys takes milliseconds.
class Builder : public nlohmann::json_sax<Json> {
  public:
    Json root;
    std::string trouble;

    bool null() override { return put(nullptr); }
    bool boolean(bool v) override { return put(v); }
    bool number_integer(number_integer_t v) override { return put(v); }
    bool number_unsigned(number_unsigned_t v) override { return put(v); }
    bool number_float(number_float_t v, const string_t&) override { return put(v); }
    bool string(string_t& v) override { return put(std::move(v)); }
    bool binary(binary_t&) override { return false; }  // no JSON text holds one
    bool start_object(std::size_t) override { return enter(Json::object()); }
    bool start_array(std::size_t) override { return enter(Json::array()); }
    bool end_object() override { return leave(); }
    bool end_array() override { return leave(); }
    bool key(std::string& k) override {
        if (!open_.back().keys.insert(k).second) {
            trouble = "the key \"" + k + "\" twice in one object";
            return false;
        }
        open_.back().key = std::move(k);
        return true;
    }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
        trouble = "a syntax error at byte " + std::to_string(position);
        return false;
    }

  private:
    struct Level {
        Json* value;  // stays where it is while it is open: its siblings come later
        std::string key;
        std::unordered_set<std::string> keys;
    };
    std::vector<Level> open_;

    bool put(Json value) {
        add(std::move(value));
        return true;
    }
    bool enter(Json empty) {
        open_.push_back({add(std::move(empty)), {}, {}});
        if (open_.size() <= deepest) return true;
        trouble = "nesting deeper than " + std::to_string(deepest);
        return false;
    }
    bool leave() {
        open_.pop_back();
        return true;
    }
    Json* add(Json value) {
        if (open_.empty()) return &(root = std::move(value));
        Level& level = open_.back();
        if (level.value->is_array()) {
            auto& array = level.value->get_ref<Json::array_t&>();
            return &array.emplace_back(std::move(value));
        }
        std::vector<std::pair<const std::string, Json>>& members = level.value->get_ref<Json::object_t&>();
        return &members.emplace_back(std::move(level.key), std::move(value)).second;
    }
};

}  // namespace

Json parse_json(std::string_view text, const std::string& subject) {
    Builder builder;
    if (!Json::sax_parse(text.begin(), text.end(), &builder)) throw Error(subject, "valid JSON", builder.trouble);
    return std::move(builder.root);
}

Json read_json(const std::filesystem::path& file) {
    return parse_json(read_file(file), file.string());
}

void write_json(const std::filesystem::path& file, const Json& value, int indent) {
    AtomicFile out(file);
    out.write(value.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n");
    out.commit();
}

JsonReader::JsonReader(const Json& value, std::string subject, std::string where)
    : value_(value), subject_(std::move(subject)), where_(std::move(where)) {
    if (!value_.is_object()) throw Error(subject_ + "#" + where_, "a JSON object", shown(value_));
}

bool JsonReader::has(const std::string& key) const {
    return value_.contains(key);
}

const Json& JsonReader::at(const std::string& key) {
    seen_.push_back(key);
    auto it = value_.find(key);
    if (it == value_.end()) throw Error(pointer(key), "this key", "nothing");
    return *it;
}

JsonReader JsonReader::object(const std::string& key) {
    return {at(key), subject_, where_ + "/" + key};
}

std::string JsonReader::string(const std::string& key) {
    const Json& v = at(key);
    if (!v.is_string()) throw Error(pointer(key), "a string", shown(v));
    return v.get<std::string>();
}

std::string JsonReader::string(const std::string& key, std::string fallback) {
    return has(key) ? string(key) : fallback;
}

std::int64_t JsonReader::integer(const std::string& key) {
    const Json& v = at(key);
    if (!v.is_number_integer() || (v.is_number_unsigned() && v.get<std::uint64_t>() > INT64_MAX))
        throw Error(pointer(key), "an integer", shown(v));
    return v.get<std::int64_t>();
}

std::int64_t JsonReader::integer(const std::string& key, std::int64_t fallback) {
    return has(key) ? integer(key) : fallback;
}

double JsonReader::number(const std::string& key) {
    const Json& v = at(key);
    if (!v.is_number()) throw Error(pointer(key), "a number", shown(v));
    return v.get<double>();
}

double JsonReader::number(const std::string& key, double fallback) {
    return has(key) ? number(key) : fallback;
}

bool JsonReader::boolean(const std::string& key, bool fallback) {
    if (!has(key)) return fallback;
    const Json& v = at(key);
    if (!v.is_boolean()) throw Error(pointer(key), "true or false", shown(v));
    return v.get<bool>();
}

void JsonReader::done() const {
    for (const auto& [key, ignored] : value_.items())
        if (std::find(seen_.begin(), seen_.end(), key) == seen_.end())
            throw Error(pointer(key), "a key that is known here", "\"" + key + "\"");
}

}  // namespace microtome
