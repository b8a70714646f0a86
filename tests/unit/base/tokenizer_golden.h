// Compares a tokenizer with a golden file of tests/golden/tokenizers (made by make.py there).
#pragma once

#include <QTest>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/text/tokenizer.h"

namespace microtome {

inline std::vector<std::int64_t> ids_of(const Json& list) {
    return list.get<std::vector<std::int64_t>>();
}

/// Of the ids as little-endian int32.
inline std::string ids_sha256(const std::vector<std::int64_t>& ids) {
    const std::vector<std::int32_t> narrow(ids.begin(), ids.end());
    return sha256(std::as_bytes(std::span(narrow)));
}

/// "" if equal, else the first difference.
inline QString difference(const Tokenizer& tokenizer, const Json& golden) {
    const auto show = [](const std::string& text) { return Json(text).dump(-1, ' ', true); };
    const auto compare = [&](const Json& where, const auto& got, const auto& want) {
        return got == want ? QString()
                           : QString::fromStdString(where.dump(-1, ' ', true) + ": got " + Json(got).dump(-1, ' ', true) + ", want " +
                                                    Json(want).dump(-1, ' ', true));
    };
    for (const Json& row : golden["cases"]) {
        const std::string text = row["text"].get<std::string>();
        if (row.contains("error")) {
            try {
                tokenizer.encode(text);
                return QString::fromStdString(show(text) + ": taken");
            } catch (const Error&) {
                continue;
            }
        }
        const auto ids = tokenizer.encode(text);
        for (const QString& trouble : {compare(row["text"], ids, ids_of(row["ids"])),
                                       compare(row["text"], tokenizer.decode(ids), row.value("decoded", tokenizer.decode(ids))),
                                       compare(row["text"], tokenizer.decode(ids, false), row["decoded_all"].get<std::string>())})
            if (!trouble.isEmpty()) return trouble;
        if (tokenizer.facts().after.empty())
            if (const QString trouble = compare(row["text"], tokenizer.encode(text, false), ids_of(row["plain"])); !trouble.isEmpty())
                return trouble;
    }
    for (const Json& row : golden["decodes"]) {
        const auto ids = ids_of(row["ids"]);
        for (const QString& trouble : {compare(row["ids"], tokenizer.decode(ids), row.value("decoded", tokenizer.decode(ids))),
                                       compare(row["ids"], tokenizer.decode(ids, false), row["decoded_all"].get<std::string>())})
            if (!trouble.isEmpty()) return trouble;
    }
    return {};
}

}  // namespace microtome
