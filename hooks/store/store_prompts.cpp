#include "hooks/store/store_prompts.h"

#include "core/base/error.h"
#include "hooks/store/store_layout.h"

namespace microtome {
namespace {

using Strings = std::vector<std::string>;

template <class Member>
Strings strings_of(std::span<const StorePrompt> prompts, Member member) {
    Strings out;
    for (const StorePrompt& prompt : prompts) out.push_back(prompt.*member);
    return out;
}

template <class Member>
std::vector<std::int32_t> numbers_of(std::span<const StorePrompt> prompts, Member member) {
    std::vector<std::int32_t> out;
    for (const StorePrompt& prompt : prompts) out.insert(out.end(), (prompt.*member).begin(), (prompt.*member).end());
    return out;
}

}  // namespace

PromptColumns::PromptColumns(const h5::File& file, const StoreIdentity& identity)
    : chosen_(identity.positions != all_positions),
      texts_(file.dataset(texts_path)),
      ids_(file.dataset(ids_path)),
      offsets_(file.dataset(offsets_path)),
      offsets2_(file.dataset(offsets2_path)) {
    if (chosen_) positions_ = file.dataset(positions_path);
    if (identity.has_gradients()) {
        questions_ = file.dataset(question_path);
        metrics_ = file.dataset(metric_path);
    }
    if (!file.has(label_path)) return;
    labels_ = file.dataset(label_path);
    groups_ = file.dataset(group_path);
}

void PromptColumns::truncate(std::uint64_t prompts, StoreEnd end) {
    const auto cut = [](h5::Dataset& data, std::uint64_t rows) {
        if (data.rows() != rows) data.resize(rows);
    };
    cut(texts_, prompts);
    cut(ids_, end.tokens);
    for (auto* data : {&labels_, &groups_, &questions_, &metrics_})
        if (*data) cut(**data, prompts);
    if (positions_) cut(*positions_, end.tokens);
    cut(offsets_, prompts + 1);
    cut(offsets2_, prompts + 1);
}

void PromptColumns::check(const StorePrompt& prompt, const std::string& file) const {
    for (const std::string* text : {&prompt.text, &prompt.label, &prompt.group, &prompt.question})
        if (text->find('\0') != std::string::npos) throw Error(file, "prompts without NUL characters", *text);
    const std::size_t positions = chosen_ ? prompt.ids.size() : 0;
    if (prompt.positions.size() != positions)
        throw Error(file, std::to_string(positions) + " positions of " + prompt.text, std::to_string(prompt.positions.size()));
    if (!labels_ && !(prompt.label.empty() && prompt.group.empty()))
        throw Error(file, "prompts without labels and groups, as those that it was begun with", prompt.text);
    if (questions_.has_value() == prompt.question.empty())
        throw Error(file, questions_ ? "what the metric reads of " + prompt.text : "prompts without a metric",
                    questions_ ? "nothing" : prompt.question);
}

void PromptColumns::append(h5::File& file, std::span<const StorePrompt> prompts, std::span<const StoreEnd> ends, bool careful) {
    std::vector<std::int64_t> offsets, offsets2;
    for (StoreEnd end : ends) {
        offsets.push_back(static_cast<std::int64_t>(end.tokens));
        offsets2.push_back(static_cast<std::int64_t>(end.pairs));
    }
    // HDF5 first frees the texts that it finds where new ones go: leftovers of a killed run there would name texts that are not its own.
    file.set_careful(true);
    texts_.append_strings(strings_of(prompts, &StorePrompt::text));
    if (labels_) labels_->append_strings(strings_of(prompts, &StorePrompt::label));
    if (groups_) groups_->append_strings(strings_of(prompts, &StorePrompt::group));
    if (questions_) questions_->append_strings(strings_of(prompts, &StorePrompt::question));
    file.set_careful(careful);
    const std::vector<std::int32_t> ids = numbers_of(prompts, &StorePrompt::ids), positions = numbers_of(prompts, &StorePrompt::positions);
    ids_.append(ids.size(), ids.data());
    if (positions_) positions_->append(positions.size(), positions.data());
    std::vector<double> metrics;
    for (const StorePrompt& prompt : prompts) metrics.push_back(prompt.metric);
    if (metrics_) metrics_->append(metrics.size(), metrics.data());
    offsets_.append(offsets.size(), offsets.data());
    offsets2_.append(offsets2.size(), offsets2.data());
}

void check_same_prompts(const h5::File& file, const StoreIdentity& identity, std::span<const StorePrompt> prompts, std::uint64_t done) {
    if (done == 0) return;
    if (prompts.size() < done) throw Error(file.subject(), "at most " + std::to_string(prompts.size()) + " prompts", std::to_string(done));
    const Strings texts = file.dataset(texts_path).read_strings(0, done);
    Strings questions(done);
    if (identity.has_gradients()) questions = file.dataset(question_path).read_strings(0, done);
    std::vector<std::int32_t> ids, positions;
    const h5::Dataset stored = file.dataset(ids_path);
    const bool chosen = identity.positions != all_positions;
    const h5::Dataset kept = file.dataset(chosen ? positions_path : ids_path);
    std::vector<std::int64_t> offsets(done + 1);
    file.dataset(offsets_path).read_rows(0, done + 1, offsets.data());
    for (std::size_t i = 0; i < done; ++i) {
        const auto refuse = [&](const std::string& expected, const std::string& got) {
            throw Error(file.subject() + ": prompt " + std::to_string(i), expected, got);
        };
        ids.resize(static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
        stored.read_rows(static_cast<std::uint64_t>(offsets[i]), ids.size(), ids.data());
        if (texts[i] != prompts[i].text || ids != prompts[i].ids)
            refuse(prompts[i].text, texts[i] == prompts[i].text ? "other ids" : texts[i]);
        if (questions[i] != prompts[i].question) refuse("a metric that reads " + prompts[i].question + " (this run)", questions[i]);
        if (!chosen) continue;
        positions.resize(ids.size());
        kept.read_rows(static_cast<std::uint64_t>(offsets[i]), positions.size(), positions.data());
        if (positions != prompts[i].positions) refuse("the positions that this run keeps", "others");
    }
}

}  // namespace microtome
