#include "analyses/lens_texts.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "analyses/files/csv.h"
#include "analyses/session_impl.h"
#include "core/base/error.h"
#include "core/worlds/rng.h"

namespace microtome {
namespace {

using Ids = std::vector<std::int64_t>;

// The hashes below which a prompt is held out.
std::uint64_t split_at(const std::vector<std::uint64_t>& hashes, double share) {
    std::vector<std::uint64_t> unlike = hashes;
    std::sort(unlike.begin(), unlike.end());
    unlike.erase(std::unique(unlike.begin(), unlike.end()), unlike.end());
    if (unlike.size() < 2) throw Error("prompts", "at least two different ones (some are held out)", std::to_string(unlike.size()));
    const double wanted = std::ceil(share * static_cast<double>(unlike.size()));
    return unlike[std::min(static_cast<std::size_t>(wanted), unlike.size() - 1)];
}

void add_pieces(const Ids& ids, std::size_t length, bool bos, TokenRows& out) {
    const std::size_t head = bos && length > 1 ? 1 : 0;
    if (ids.size() <= length) {
        out.push_back(ids);
        return;
    }
    for (std::size_t at = head; at < ids.size(); at += length - head) {
        Ids piece(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(head));
        const std::size_t last = std::min(at + length - head, ids.size());
        piece.insert(piece.end(), ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(last));
        out.push_back(std::move(piece));
    }
}

// By the first row: what is wrong in it is told by who reads the file.
bool holds_pairs(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string line;
    while (std::getline(in, line) && line.find_first_not_of(" \t\r") == std::string::npos) {
    }
    if (line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
    try {
        if (line.starts_with("{")) {
            const Json row = parse_json(line, file.string());
            return row.contains("clean") || row.contains("clean_ids");
        }
        CsvRow header;
        if (CsvReader(line, file.string()).next(header, line.size()))
            for (const std::string& name : header.cells)
                if (name == "clean" || name == "clean_ids") return true;
    } catch (const Error&) {
    }
    return false;
}

std::size_t longest_piece(const Session& session, const LensRequest& request) {
    std::int64_t length = request.batch_tokens;
    if (session.facts().n_ctx > 0) length = std::min<std::int64_t>(length, session.facts().n_ctx);
    if (request.length > 0) length = std::min<std::int64_t>(length, request.length);
    return static_cast<std::size_t>(length);
}

}  // namespace

LensTexts lens_texts(const Session& session, const LensRequest& request) {
    std::vector<Ids> ids;
    std::vector<std::uint64_t> hashes;
    for (std::size_t i = 0; i < request.prompts.size(); ++i) {
        try {
            ids.push_back(resolve(session, request.prompts[i]));
        } catch (const Error& error) {
            throw Error("prompt " + std::to_string(i + 1), error.expected(), error.got());
        }
        const auto* bytes = reinterpret_cast<const char*>(ids.back().data());
        hashes.push_back(hash64({bytes, ids.back().size() * sizeof(std::int64_t)}, static_cast<std::uint64_t>(request.seed)));
    }
    const std::uint64_t limit = split_at(hashes, request.held_out);
    const std::size_t length = longest_piece(session, request);
    LensTexts out;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const bool bos = session.facts().prepends_bos && request.prompts[i].ids.empty() && request.prompts[i].prepend_bos.value_or(true);
        add_pieces(ids[i], length, bos, hashes[i] < limit ? out.held_out : out.training);
    }
    return out;
}

std::vector<Prompt> read_texts(const std::filesystem::path& file) {
    if (!holds_pairs(file)) return read_prompts(file);
    std::vector<Prompt> out;
    for (const PromptPair& pair : read_pairs(file))
        for (bool clean : {true, false}) {
            out.emplace_back();
            out.back().text = clean ? pair.clean : pair.corrupt;
            out.back().ids = clean ? pair.clean_ids : pair.corrupt_ids;
            out.back().prepend_bos = pair.prepend_bos;
        }
    return out;
}

}  // namespace microtome
