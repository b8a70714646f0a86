// A loaded model with its tokenizer, ready to be analysed. Free of torch: the app and the command include this.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analyses/files/prompts.h"
#include "analyses/files/session_file.h"
#include "core/base/json.h"

namespace microtome {

struct ModelOptions {
    std::string model = "tinyworld";  // bundled name, folder, llama2.c .bin, or name in the local hub cache
    std::string device = "auto";      // auto cpu cuda[:N]
    std::string dtype = "float32";    // float32 float64 bfloat16 float16
    std::string processing = "raw";
    int threads = 0;                                    // 0: physical cores
    std::int64_t memory_limit = std::int64_t{8} << 30;  // bytes; 0: no limit
};

/// What is known of a model without running it.
struct ModelFacts {
    std::string name, path, sha256, architecture, dtype, device, processing, tokenizer;
    int n_layers = 0, n_heads = 0, n_kv_heads = 0, d_model = 0, d_head = 0, d_mlp = 0, d_vocab = 0, n_ctx = 0;
    std::int64_t parameters = 0;
    bool prepends_bos = false, has_mlp = true;
};

struct Token {
    std::int64_t id = 0;
    std::string text;  // the piece as it reads in the text; bytes that are not UTF-8 as \xNN
};

class Session {
  public:
    static std::unique_ptr<Session> open(const ModelOptions& options);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    const ModelOptions& options() const;
    const ModelFacts& facts() const;
    /// Tokens with the model's own BOS rule, or as told. An Error if the folder has no tokenizer.
    std::vector<Token> tokens(const std::string& text, std::optional<bool> prepend_bos = {}) const;
    Token token(std::int64_t id) const;
    bool has_tokenizer() const;
    /// Interventions that hold in every run from now on (the session's `use`), and the prompts that their sources can name.
    void set_interventions(std::vector<Intervention> interventions, std::vector<PromptPair> named = {});

    struct Impl;  // analyses/session_impl.h: torch inside
    Impl& impl() { return *impl_; }
    const Impl& impl() const { return *impl_; }

  private:
    explicit Session(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Prompts as interventions name them: by number, from 1.
std::vector<PromptPair> named_prompts(const std::vector<Prompt>& prompts);

/// Names and folders of the models that come with the program.
std::vector<std::pair<std::string, std::filesystem::path>> bundled_models();

}  // namespace microtome
