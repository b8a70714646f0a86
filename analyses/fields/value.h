// The types a parameter may have: how each is named, read from JSON (strictly, within its field's limits) and written.
#pragma once

#include <optional>
#include <type_traits>

#include "analyses/analysis.h"
#include "analyses/files/prompts.h"

namespace microtome {

/// Reads `json` into `out`; an Error has the subject `subject` and says what the field allows.
void read_value(const Json& json, const FieldInfo& field, const std::string& subject, int& out);
void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::int64_t& out);
void read_value(const Json& json, const FieldInfo& field, const std::string& subject, double& out);
void read_value(const Json& json, const FieldInfo& field, const std::string& subject, bool& out);
void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::string& out);
void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::vector<std::string>& out);
void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::vector<int>& out);
void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::vector<std::int64_t>& out);
void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::vector<Prompt>& out);
void read_value(const Json& json, const FieldInfo& field, const std::string& subject, std::vector<PromptPair>& out);

template <class T>
Json value_json(const T& value) {
    return value;
}
Json value_json(const std::vector<Prompt>& prompts);
Json value_json(const std::vector<PromptPair>& pairs);

/// "integer", "number", … for a parameter's type; a view's kind for a result's.
template <class T>
constexpr const char* type_name() {
    if constexpr (std::is_same_v<T, int> || std::is_same_v<T, std::int64_t>)
        return "integer";
    else if constexpr (std::is_same_v<T, double>)
        return "number";
    else if constexpr (std::is_same_v<T, bool>)
        return "boolean";
    else if constexpr (std::is_same_v<T, std::string>)
        return "string";
    else if constexpr (std::is_same_v<T, std::vector<std::string>>)
        return "strings";
    else if constexpr (std::is_same_v<T, std::vector<int>> || std::is_same_v<T, std::vector<std::int64_t>>)
        return "integers";
    else if constexpr (std::is_same_v<T, std::vector<PromptPair>>)
        return "pairs";
    else if constexpr (std::is_same_v<T, std::vector<Prompt>>)
        return "prompts";
    else if constexpr (std::is_same_v<T, Scalar>)
        return "scalar";
    else if constexpr (std::is_same_v<T, Curve>)
        return "curve";
    else if constexpr (std::is_same_v<T, Grid>)
        return "grid";
    else if constexpr (std::is_same_v<T, Table>)
        return "table";
    else if constexpr (std::is_same_v<T, Graph>)
        return "graph";
    else if constexpr (std::is_same_v<T, TokenText>)
        return "token_text";
    else
        static_assert(!sizeof(T), "a field is a parameter type or a view");
}

template <class T>
inline constexpr bool is_view = std::is_constructible_v<View, T> && !std::is_arithmetic_v<T>;

/// "top_k" below "run.json#/steps/0" (a JSON pointer) or "activation-patching".
std::string within_subject(const std::string& subject, const std::string& name);
[[noreturn]] void refuse_unknown(const std::string& subject, const std::string& key, const std::vector<FieldInfo>& known);

}  // namespace microtome
