#include "analyses/unit_values.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>

#include "core/base/error.h"
#include "hooks/edit_axes.h"
#include "hooks/recorder.h"
#include "hooks/store/store_reader.h"

namespace microtome {
namespace {

// (token, unit), (token, head, width) or (query, key, head) -> (token, unit)
Tensor reduced(const Tensor& x, UnitChoice choice) {
    Tensor y = x.to(at::kCPU, at::kDouble);
    if (pairs_positions(choice.ref.site)) {
        // A first token that may not count still is what the first query looks at.
        if (choice.exclude_first && y.size(1) > 1)
            y = at::cat({y.select(1, 0).narrow(0, 0, 1), y.narrow(0, 1, y.size(0) - 1).narrow(1, 1, y.size(1) - 1).amax(1)});
        else
            y = y.amax(1);
        return y;
    }
    return y.dim() == 3 ? y.norm(2, -1) : y;
}

class FromModel : public UnitValues {
  public:
    FromModel(Session& session, const std::vector<Prompt>& prompts, UnitChoice choice)
        : session_(session), choice_(choice), edits_(tokens_of(session, prompts)) {}

    std::size_t prompts() const override { return ids_.size(); }
    std::vector<std::int64_t> ids(std::size_t prompt) const override { return ids_[prompt]; }
    void check() const override { edits_.check_fired(); }
    Tensor values(std::size_t prompt) override {
        c10::AutoGradMode without_gradients(false);
        const Transformer& model = session_.impl().model;
        Tensor ids = ids_tensor({ids_[prompt]});
        if (!edits_.empty()) edits_.enter({ids, {prompt}});
        Recorder recorder({choice_.ref});
        Chain chain({edits_.empty() ? nullptr : &edits_, &recorder});
        bool end = choice_.ref.site == Site::unembed_in || choice_.ref.site == Site::unembed_out ||
                   choice_.ref.site == Site::ln_final_scale || choice_.ref.site == Site::ln_final_normalized;
        Tensor residual = model.residual(ids, Tap(chain));
        if (end) model.logits(residual, Tap(chain));
        Tensor x = recorder.at(choice_.ref)[0];
        return reduced(pairs_positions(choice_.ref.site) ? x.permute({1, 2, 0}) : x, choice_);
    }

  private:
    Edits tokens_of(const Session& session, const std::vector<Prompt>& prompts) {
        std::vector<PromptTokens> tokens;
        for (const Prompt& prompt : prompts) {
            ids_.push_back(resolve(session, prompt));
            tokens.push_back({ids_.back(), prompt.spans});
        }
        return edits_for(session, tokens);
    }

    Session& session_;
    UnitChoice choice_;
    std::vector<std::vector<std::int64_t>> ids_;
    Edits edits_;
};

class FromStore : public UnitValues {
  public:
    FromStore(const Session& session, const std::string& file, UnitChoice choice)
        : store_(file), choice_(choice), site_(hook_name(choice.ref)) {
        if (store_.identity().model_sha256 != session.facts().sha256)
            throw Error(file, "activations of this model (" + session.facts().sha256.substr(0, 12) + ")",
                        store_.identity().model_sha256.substr(0, 12) + " (" + store_.identity().model + ")");
        if (store_.chosen()) throw Error(file, "all tokens of the prompts", "those at " + store_.identity().positions);
        const StoreSite& site = store_.site(site_);
        if (site.shape.size() > (site.pairs ? 1U : 2U))
            throw Error(file, "one number or one vector a unit at " + site_, std::to_string(site.shape.size()) + " axes");
    }

    std::size_t prompts() const override { return store_.prompts(); }
    std::vector<std::int64_t> ids(std::size_t prompt) const override {
        auto ids = store_.prompt(prompt).ids;
        return {ids.begin(), ids.end()};
    }
    Tensor values(std::size_t prompt) override {
        return store_.site(site_).type == h5::Type::float64 ? read<double>(prompt, at::kDouble) : read<float>(prompt, at::kFloat);
    }

  private:
    template <class T>
    Tensor read(std::size_t prompt, at::ScalarType type) const {
        h5::Array<T> array = store_.read<T>(site_, prompt);
        std::vector<std::int64_t> shape(array.shape.begin(), array.shape.end());
        Tensor x = at::empty(shape, at::TensorOptions().dtype(type));
        std::memcpy(x.data_ptr(), array.values.data(), array.values.size() * sizeof(T));
        return reduced(x, choice_);
    }

    StoreReader store_;
    UnitChoice choice_;
    std::string site_;
};

}  // namespace

std::string unit_word(Site site) {
    std::string axes = info(site).axes;
    if (axes.find('h') != std::string::npos) return "head";
    if (axes.find('k') != std::string::npos) return "key/value head";
    return axes.back() == 'f' ? "neuron" : axes.back() == 'v' ? "token" : "dimension";
}

std::string window_text(const Session& session, const std::vector<std::int64_t>& ids, std::int64_t first, std::int64_t last) {
    // Pieces of a tokenizer of words hold no blanks; ids read better apart.
    bool spaced = session.facts().tokenizer == "words" || !session.has_tokenizer();
    std::string text;
    for (std::int64_t p = std::max<std::int64_t>(0, first); p < std::min(last, static_cast<std::int64_t>(ids.size())); ++p)
        text += (spaced && !text.empty() ? " " : "") + session.token(ids[static_cast<std::size_t>(p)]).text;
    return text;
}

std::unique_ptr<UnitValues> values_of_model(Session& session, const std::vector<Prompt>& prompts, UnitChoice choice) {
    return std::make_unique<FromModel>(session, prompts, choice);
}

std::unique_ptr<UnitValues> values_of_store(const Session& session, const std::string& file, UnitChoice choice) {
    return std::make_unique<FromStore>(session, file, choice);
}

}  // namespace microtome
