#include "core/worlds/planted.h"

#include <map>

#include "core/base/json.h"
#include "core/base/safetensors.h"
#include "core/worlds/rng.h"
#include "core/worlds/world.h"

namespace microtome {
namespace {

constexpr int V = PlantedModel::vocabulary, N = PlantedModel::context, M = PlantedModel::d_model, E = PlantedModel::d_head,
              H = PlantedModel::heads;
constexpr int A = 0, B = V, C = V + N, D = 2 * V + N;  // where the four parts of the stream begin

// A matrix that is written entry by entry and lives until the file is written.
struct Matrix {
    std::vector<std::int64_t> shape;
    std::vector<float> values;
    explicit Matrix(std::vector<std::int64_t> s) : shape(std::move(s)) {
        std::size_t n = 1;
        for (std::int64_t size : shape) n *= static_cast<std::size_t>(size);
        values.assign(n, 0);
    }
    float& at(int row, int column) {
        return values[static_cast<std::size_t>(row) * static_cast<std::size_t>(shape.back()) + static_cast<std::size_t>(column)];
    }
};

using Matrices = std::map<std::string, Matrix>;

// Head 0 comes first in [head, d_model, d_head] and [head, d_head, d_model], so that `at(row, column)` addresses it; head 1 stays zero.
void write_heads(Matrices& out) {
    const float root = 8;  // scores are divided by sqrt(d_head)
    for (const char* layer : {"blocks.0.attn.", "blocks.1.attn."}) {
        for (const char* part : {"W_Q", "W_K", "W_V"}) out.emplace(std::string(layer) + part, Matrix({H, M, E}));
        out.emplace(std::string(layer) + "W_O", Matrix({H, E, M}));
    }
    for (int p = 0; p < N; ++p) {
        out.at("blocks.0.attn.W_Q").at(B + p, p) = root;
        out.at("blocks.0.attn.W_K").at(B + p, p + 1) = PlantedModel::gap;
        out.at("blocks.1.attn.W_K").at(B + p, V) = root * PlantedModel::gap * static_cast<float>(p == 0 ? 32 : p);
    }
    for (int t = 0; t < V; ++t) {
        out.at("blocks.1.attn.W_Q").at(A + t, t) = 1;
        out.at("blocks.1.attn.W_Q").at(A + t, V) = 1;
        out.at("blocks.1.attn.W_K").at(C + t, t) = root * PlantedModel::gap * 64;
        if (t == 0) continue;  // <bos> says nothing
        for (const char* layer : {"blocks.0.attn.W_V", "blocks.1.attn.W_V"}) out.at(layer).at(A + t, t) = 1;
        out.at("blocks.0.attn.W_O").at(t, C + t) = 1;
        out.at("blocks.1.attn.W_O").at(t, D + t) = 1;
    }
}

Matrices weights() {
    Matrices out;
    write_heads(out);
    Matrix embed({V, M}), position({N, M}), unembed({M, V});
    for (int t = 0; t < V; ++t) {
        embed.at(t, A + t) = 1;
        unembed.at(D + t, t) = PlantedModel::logit;
    }
    for (int p = 0; p < N; ++p) position.at(p, B + p) = 1;
    out.emplace("embed.W_E", std::move(embed));
    out.emplace("pos_embed.W_pos", std::move(position));
    out.emplace("unembed.W_U", std::move(unembed));
    return out;
}

// `x a y … a` calls for y; corrupted, another letter stands for y, or for the first a.
std::string prompts() {
    auto words = planted_vocabulary();
    Rng rng(mix64(11));
    std::string lines;
    for (int i = 0; i < 24; ++i) {
        Words letters(words.begin() + 2, words.end());
        rng.shuffle(letters);
        int before = rng.between(0, 3), between = rng.between(0, 4);
        Words clean(letters.begin() + 4, letters.begin() + 4 + before);
        const std::string &a = letters[0], &y = letters[1], &other = letters[2], &stranger = letters[3];
        clean.insert(clean.end(), {a, y});
        clean.insert(clean.end(), letters.begin() + 4 + before, letters.begin() + 4 + before + between);
        clean.push_back(a);
        Words corrupt = clean;
        bool previous = i % 2 == 1;
        corrupt[static_cast<std::size_t>(before + (previous ? 0 : 1))] = previous ? stranger : other;
        Json pair = {{"id", "planted-" + std::to_string(i + 1)},      {"clean", ""}, {"corrupt", ""}, {"answer", y}, {"foil", other},
                     {"label", previous ? "no match" : "other token"}};
        for (std::size_t k = 0; k < clean.size(); ++k) {
            pair["clean"] = pair["clean"].get<std::string>() + (k ? " " : "") + clean[k];
            pair["corrupt"] = pair["corrupt"].get<std::string>() + (k ? " " : "") + corrupt[k];
        }
        lines += pair.dump() + "\n";
    }
    return lines;
}

}  // namespace

std::vector<std::string> planted_vocabulary() {
    std::vector<std::string> words{"<bos>", "<unk>"};
    for (char c = 'a'; c < 'a' + PlantedModel::letters; ++c) words.emplace_back(1, c);
    return words;
}

void write_planted(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder / "prompts");
    Matrices matrices = weights();
    std::vector<StoredTensor> tensors;
    for (const auto& [name, matrix] : matrices)
        tensors.push_back({name, StoredType::F32, matrix.shape, std::as_bytes(std::span(matrix.values))});
    write_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}, {"recipe", "planted"}});
    write_json(folder / "config.json", {{"format", "transformer_lens"},
                                        {"n_layers", PlantedModel::layers},
                                        {"n_heads", H},
                                        {"d_model", M},
                                        {"d_head", E},
                                        {"n_ctx", N},
                                        {"d_vocab", V},
                                        {"attn_only", true},
                                        {"normalization_type", nullptr},
                                        {"positional_embedding_type", "standard"}});
    write_word_tokenizer(folder, planted_vocabulary(), N);
    write_file(folder / "prompts" / "induction.jsonl", prompts());
}

}  // namespace microtome
