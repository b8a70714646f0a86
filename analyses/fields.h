// Parameter and result structs described once, by a tuple of member pointers; the rest (JSON, command line, forms, help) loops over it.
//   struct Params {
//       std::string metric = "logit_diff";
//       int top_k = 5;
//       static constexpr std::tuple fields{Field{"metric", &Params::metric, "What is measured", one_of("logit_diff", "prob")},
//                                          Field{"top_k", &Params::top_k, "Tokens shown per cell", between(1, 1000)}};
//   };
#pragma once

#include <array>
#include <tuple>

#include "analyses/fields/value.h"

namespace microtome {

struct AnyValue {
    void limit(FieldInfo&) const {}
};
template <std::size_t N>
struct OneOf {
    std::array<const char*, N> choices;
    void limit(FieldInfo& field) const { field.choices.assign(choices.begin(), choices.end()); }
};
struct Between {
    std::optional<double> least, most;
    void limit(FieldInfo& field) const { field.least = least, field.most = most; }
};

/// Allowed strings (of a list: of each element).
template <class... T>
constexpr OneOf<sizeof...(T)> one_of(T... choices) {
    return {{choices...}};
}
/// Both ends are allowed.
constexpr Between between(double least, double most) {
    return {least, most};
}
constexpr Between at_least(double least) {
    return {least, {}};
}

template <class S, class T, class C = AnyValue>
struct Field {
    const char* name;
    T S::*member;
    const char* help;
    C constraint{};
    constexpr Field(const char* n, T S::*m, const char* h, C c = {}) : name(n), member(m), help(h), constraint(c) {}
};

template <class S>
concept HasFields = requires {
    std::tuple_size<std::remove_cvref_t<decltype(S::fields)>>::value;
};

/// Calls `visit(field)` in the order of declaration.
template <HasFields S, class Visit>
void each_field(Visit visit) {
    std::apply([&](const auto&... field) { (visit(field), ...); }, S::fields);
}

/// A result's view may be optional: absent from this run's files.
template <class T>
struct Unwrapped {
    using type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> {
    using type = T;
};

template <HasFields S, class T, class C>
FieldInfo field_info(const Field<S, T, C>& field, const S& defaults) {
    using Value = typename Unwrapped<T>::type;
    FieldInfo info{field.name, type_name<Value>(), field.help, {}, {}, {}, {}};
    if constexpr (!is_view<Value>) info.fallback = value_json(defaults.*field.member);
    field.constraint.limit(info);
    return info;
}

template <HasFields S>
std::vector<FieldInfo> field_infos() {
    const S defaults{};
    std::vector<FieldInfo> infos;
    each_field<S>([&](const auto& field) { infos.push_back(field_info(field, defaults)); });
    return infos;
}

/// Missing keys keep their default; `check(subject)` of the struct, if it has one, refuses what no single field can. `subject` begins an Error: "run.json#/steps/0" or the analysis' name.
template <HasFields P>
P from_json(const Json& json, const std::string& subject) {
    if (!json.is_object()) throw Error(subject, "an object of parameters", json.type_name());
    const std::vector<FieldInfo> known = field_infos<P>();
    for (const auto& [key, ignored] : json.items()) {
        bool found = false;
        for (const FieldInfo& info : known) found = found || info.name == key;
        if (!found) refuse_unknown(subject, key, known);
    }
    P params{};
    std::size_t i = 0;
    each_field<P>([&](const auto& field) {
        const FieldInfo& info = known[i++];
        if (auto it = json.find(info.name); it != json.end())
            read_value(*it, info, within_subject(subject, info.name), params.*field.member);
    });
    if constexpr (requires { params.check(subject); }) params.check(subject);
    return params;
}

/// Every parameter, in the order of declaration.
template <HasFields P>
Json to_json(const P& params) {
    Json json = Json::object();
    each_field<P>([&](const auto& field) { json[field.name] = value_json(params.*field.member); });
    return json;
}

template <HasFields R>
std::vector<NamedView> result_views(R result) {
    std::vector<NamedView> views;
    each_field<R>([&](const auto& field) {
        auto& value = result.*field.member;
        if constexpr (requires { value.has_value(); }) {
            if (value) views.push_back({field.name, field.help, std::move(*value)});
        } else {
            views.push_back({field.name, field.help, std::move(value)});
        }
    });
    return views;
}

}  // namespace microtome
