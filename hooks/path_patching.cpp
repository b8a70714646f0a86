#include "hooks/path_patching.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/base/error.h"
#include "core/kept_heap.h"
#include "hooks/recorder.h"
#include "hooks/shared_parts.h"

namespace microtome {
namespace {

using Values = std::map<std::pair<Site, int>, Tensor>;

std::pair<Site, int> key_of(SiteRef ref) {
    return {ref.site, ref.layer};
}

Tensor part_of(const Tensor& x, int head) {  // (…, pos, head, d_head) or (…, pos, d_model)
    return head < 0 ? x : x.select(-2, head);
}

// Pairs of one length run together.
struct Group {
    std::vector<std::size_t> pairs;
    Tensor base, source;                // ids (pair, pos)
    Values base_values, source_values;  // (pair, …)
};

struct Row {
    std::size_t sender, pair;  // pair: within its group
};

// Pass 2: the sender's output from the source, the rest of what heads (and MLPs) put out from the base run.
class Sending : public SiteHandler {
  public:
    Sending(const PathSweep& sweep, const Group& group, const std::vector<Row>& rows, const Tensor& which)
        : sweep_(sweep), group_(group), rows_(rows), which_(which) {}

    bool wants(SiteRef ref) const override { return frozen(ref) || sends(ref); }
    Tensor see(SiteRef ref, Tensor x) override {
        Tensor y = frozen(ref) ? group_.base_values.at(key_of(ref)).index_select(0, which_) : x.clone();
        for (std::size_t i = 0; i < rows_.size(); ++i)
            for (const PathNode& node : sweep_.senders[rows_[i].sender])
                if (node.ref == ref)
                    part_of(y.select(0, static_cast<std::int64_t>(i)), node.head)
                        .copy_(
                            part_of(group_.source_values.at(key_of(ref)).select(0, static_cast<std::int64_t>(rows_[i].pair)), node.head));
        return y;
    }

  private:
    bool frozen(SiteRef ref) const { return ref.site == Site::z || (ref.site == Site::mlp_out && !sweep_.through_mlps); }
    bool sends(SiteRef ref) const {
        for (const Row& row : rows_)
            for (const PathNode& node : sweep_.senders[row.sender])
                if (node.ref == ref) return true;
        return false;
    }

    const PathSweep& sweep_;
    const Group& group_;
    const std::vector<Row>& rows_;
    const Tensor& which_;
};

// Pass 3: the receivers' inputs as pass 2 left them.
class Receiving : public SiteHandler {
  public:
    Receiving(const std::vector<PathNode>& receivers, const Recorder& kept) : receivers_(receivers), kept_(kept) {}

    bool wants(SiteRef ref) const override {
        return std::any_of(receivers_.begin(), receivers_.end(), [&](const PathNode& node) { return node.ref == ref; });
    }
    Tensor see(SiteRef ref, Tensor x) override {
        Tensor y = x.clone();
        for (const PathNode& node : receivers_)
            if (node.ref == ref) part_of(y, node.head).copy_(part_of(kept_.at(ref), node.head));
        return y;
    }

  private:
    const std::vector<PathNode>& receivers_;
    const Recorder& kept_;
};

class Loop {
  public:
    Loop(const Transformer& model, const PathSweep& sweep) : model_(model), sweep_(sweep), questions_(sweep.pairs.size()) {
        out_.values.resize(sweep.senders.size());
        out_.base.resize(sweep.pairs.size());
        out_.source.resize(sweep.pairs.size());
        for (std::size_t i = 0; i < sweep.pairs.size(); ++i) questions_[i] = sweep.pairs[i].question;
        for (const PathNode& node : sweep.receivers) add(receiver_sites_, node.ref);
        for (const auto& set : sweep.senders)
            for (const PathNode& node : set) add(sender_sites_, node.ref);
        for (int l = 0; l < model.config.n_layers; ++l) {
            base_sites_.push_back({Site::z, l});
            if (model.config.mlp != MlpKind::none && !sweep.through_mlps) base_sites_.push_back({Site::mlp_out, l});
        }
    }

    PatchOutcome run(Progress& progress, const std::function<void(const PatchOutcome&, std::size_t, std::size_t)>& on_senders) {
        make_groups();
        std::size_t longest = 0;
        for (const PatchPair& pair : sweep_.pairs) longest = std::max(longest, pair.base.size());
        std::size_t rows = std::max<std::size_t>(1, static_cast<std::size_t>(sweep_.batch_tokens) / longest),
                    step = std::max<std::size_t>(1, rows / sweep_.pairs.size());
        share_cells(
            sweep_.ranks, out_, step, "senders", progress,
            [&](std::size_t first, std::size_t last) { return run_senders(first, last, rows, progress); }, on_senders);
        return std::move(out_);
    }

  private:
    static void add(std::vector<SiteRef>& sites, SiteRef ref) {
        if (std::find(sites.begin(), sites.end(), ref) == sites.end()) sites.push_back(ref);
    }

    void make_groups() {
        std::map<std::size_t, std::vector<std::size_t>> by_length;
        for (std::size_t i = 0; i < sweep_.pairs.size(); ++i) {
            const PatchPair& pair = sweep_.pairs[i];
            if (pair.base.size() != pair.source.size())
                throw Error("pair " + std::to_string(i + 1), "a clean and a corrupted prompt of equal length in tokens",
                            std::to_string(pair.source.size()) + " and " + std::to_string(pair.base.size()));
            by_length[pair.base.size()].push_back(i);
        }
        for (auto& [length, pairs] : by_length) {
            std::vector<std::vector<std::int64_t>> base, source;
            for (std::size_t i : pairs) {
                base.push_back(sweep_.pairs[i].base);
                source.push_back(sweep_.pairs[i].source);
            }
            groups_.push_back({pairs, ids_tensor(base), ids_tensor(source), {}, {}});
            first_pass(groups_.back());
        }
    }

    std::vector<const Question*> asked(const std::vector<std::size_t>& pairs) const {
        std::vector<const Question*> out;
        for (std::size_t i : pairs) out.push_back(&questions_[i]);
        return out;
    }

    void first_pass(Group& group) {
        MetricBatch reading(sweep_.metric, asked(group.pairs), group.base.size(1));
        Tensor logits[2];
        for (int side = 0; side < 2; ++side) {
            const Tensor& ids = side == 0 ? group.base : group.source;
            const auto& sites = side == 0 ? base_sites_ : sender_sites_;
            if (sweep_.always) sweep_.always->enter({ids, group.pairs});
            Recorder recorder(sites);
            Chain chain({sweep_.always, &recorder});
            logits[side] = logits_at(model_, ids, &chain, reading.positions());
            for (SiteRef ref : sites) (side == 0 ? group.base_values : group.source_values)[key_of(ref)] = recorder.at(ref);
            out_.forward_rows += ids.size(0);
        }
        const Tensor& clean = logits[sweep_.source_is_clean ? 1 : 0];
        if (sweep_.metric.needs_clean())
            for (std::size_t i = 0; i < group.pairs.size(); ++i)
                questions_[group.pairs[i]].clean_logits = clean[static_cast<std::int64_t>(i)].narrow(0, 0, reading.count(i)).clone();
        auto base = numbers_of(reading(logits[0])), source = numbers_of(reading(logits[1]));
        for (std::size_t i = 0; i < group.pairs.size(); ++i) {
            out_.base[group.pairs[i]] = base[i];
            out_.source[group.pairs[i]] = source[i];
        }
    }

    bool reaches_any(const std::vector<PathNode>& set) const {
        for (const PathNode& sender : set)
            for (const PathNode& receiver : sweep_.receivers)
                if (reaches(model_.config, sender, receiver)) return true;
        return false;
    }

    // None if it was stopped before these senders were finished.
    std::optional<PartValues> run_senders(std::size_t first, std::size_t last, std::size_t most_rows, const Progress& progress) {
        PartValues out;
        std::vector<std::vector<double>> values(last - first, out_.base);
        for (const Group& group : groups_) {
            std::vector<Row> rows;
            for (std::size_t sender = first; sender < last; ++sender)
                if (reaches_any(sweep_.senders[sender]))
                    for (std::size_t pair = 0; pair < group.pairs.size(); ++pair) rows.push_back({sender, pair});
            for (std::size_t at = 0; at < rows.size(); at += most_rows) {
                if (progress.stopped()) return {};
                std::vector<Row> part(rows.begin() + static_cast<std::ptrdiff_t>(at),
                                      rows.begin() + static_cast<std::ptrdiff_t>(std::min(at + most_rows, rows.size())));
                run_rows(group, part, values, first);
                out.rows += 2 * static_cast<std::int64_t>(part.size());
            }
        }
        for (std::size_t sender = first; sender < last; ++sender) out.add(sender, values[sender - first]);
        return out;
    }

    void run_rows(const Group& group, const std::vector<Row>& rows, std::vector<std::vector<double>>& values, std::size_t first) {
        std::vector<std::int64_t> within;
        std::vector<std::size_t> pairs;
        for (const Row& row : rows) {
            within.push_back(static_cast<std::int64_t>(row.pair));
            pairs.push_back(group.pairs[row.pair]);
        }
        Tensor which = at::tensor(within, at::kLong), ids = group.base.index_select(0, which);
        Tensor there = which.to(model_.device());
        Sending sending(sweep_, group, rows, there);
        Recorder inputs(receiver_sites_);
        Chain second({sweep_.always, &sending, &inputs});
        if (sweep_.always) sweep_.always->enter({ids, pairs});
        model_.residual(ids, Tap(second));
        Receiving receiving(sweep_.receivers, inputs);
        Chain third({sweep_.always, &receiving});
        if (sweep_.always) sweep_.always->enter({ids, pairs});
        MetricBatch reading(sweep_.metric, asked(pairs), ids.size(1));
        auto measured = numbers_of(reading(logits_at(model_, ids, &third, reading.positions())));
        for (std::size_t i = 0; i < rows.size(); ++i) values[rows[i].sender - first][pairs[i]] = measured[i];
    }

    const Transformer& model_;
    const PathSweep& sweep_;
    std::vector<SiteRef> base_sites_, sender_sites_, receiver_sites_;
    std::vector<Question> questions_;
    std::vector<Group> groups_;
    PatchOutcome out_;
};

}  // namespace

bool reaches(const ModelConfig& config, const PathNode& sender, const PathNode& receiver) {
    if (receiver.ref.site == Site::resid_post || sender.ref.site == Site::embed) return true;
    if (sender.ref.layer != receiver.ref.layer) return sender.ref.layer < receiver.ref.layer;
    return sender.ref.site == Site::z && receiver.ref.site == Site::mlp_in && !config.parallel;
}

PatchOutcome path_patch(const Transformer& model, const PathSweep& sweep, Progress& progress,
                        const std::function<void(const PatchOutcome&, std::size_t, std::size_t)>& on_senders) {
    c10::AutoGradMode without_gradients(false);
    const KeptHeap heap;
    if (sweep.pairs.empty()) throw Error("prompts", "at least one pair", "none");
    if (sweep.receivers.empty()) throw Error("receivers", "at least one", "none");
    return Loop(model, sweep).run(progress, on_senders);
}

}  // namespace microtome
