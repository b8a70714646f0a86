// Interventions on activations, ready to be applied: which slice of which site becomes what.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/models/transformer.h"
#include "core/tap.h"

namespace microtome {

enum class EditKind {
    zero,
    scale,        // times `strength`
    noise,        // plus Gaussian noise of `strength` standard deviations of the position's own values
    mean,         // `value` instead
    put,          // the value of another prompt's run
    freeze,       // the value of a run of the same tokens without any edit
    add,          // plus `strength` × `value`
    project_out,  // minus `strength` × the part along `value`
    exchange,     // the parts along `value` and `other` change places
};

/// Another prompt's run, and which of its positions go to the edit's (in order; empty: the same ones).
struct EditSource {
    std::vector<std::int64_t> ids, positions;
};

/// What an intervention does to one site. Positions are of the whole text; negative ones count from the end of what runs at once.
struct Edit {
    std::string name;  // for messages
    EditKind kind = EditKind::zero;
    SiteRef ref{Site::resid_pre, 0};
    std::vector<std::int64_t> heads{};  // empty: all
    std::vector<std::int64_t> units{};  // of the last axis; empty: all
    std::vector<std::vector<std::int64_t>>
        positions{};  // of each prompt, or one list for all of them; none: everywhere. Pattern: destinations
    double strength = 1;
    std::int64_t seed = 0;
    Tensor value{}, other{};                                   // (d) or (heads, d); mean by position: that first
    bool by_position = false;                                  // mean
    std::vector<EditSource> sources{};                         // put: of each prompt, or one for all
    std::map<std::vector<std::int64_t>, EditSource> by_ids{};  // put: for the prompts with these ids alone
};

/// The next forward pass.
struct EditRun {
    Tensor ids;                           // (rows, pos), the tokens that run
    std::vector<std::size_t> prompts;     // which prompt each row is, as Edit::positions and ::sources count them
    std::vector<std::int64_t> lengths{};  // of each row's prompt: what follows is padding or new; empty: whole rows
    std::int64_t offset = 0;              // position of the first token: what came before ran already
};

/// Applies edits in order. `check_fired` is an Error for one that no run reached.
class Edits : public SiteHandler {
  public:
    Edits(std::vector<Edit> edits, const Transformer& model);
    /// To be called before each pass, unless every edit does the same to all rows: runs what `put` and `freeze` take their values from.
    void enter(EditRun run);
    bool wants(SiteRef ref) const override;
    Tensor see(SiteRef ref, Tensor x) override;
    void check_fired() const;
    /// How often each has fired; and those of another process that ran a part of the prompts.
    const std::vector<std::int64_t>& fired() const { return fired_; }
    void add_fired(const std::vector<std::int64_t>& elsewhere);
    bool empty() const { return edits_.empty(); }

  private:
    using Values = std::map<int, Tensor>;  // by site and layer
    const EditSource* source_of(const Edit& edit, std::size_t row) const;
    const std::vector<std::int64_t>* positions_of(const Edit& edit, std::size_t row) const;
    Values run(const Tensor& ids, const std::vector<SiteRef>& refs, Context context) const;
    void fetch_sources();
    void fetch_own();
    Tensor where_of(const Edit& edit, const Tensor& x) const;
    Tensor put(const Edit& edit, const Tensor& x) const;
    Tensor noisy(const Edit& edit, const Tensor& x) const;
    Tensor replacement(const Edit& edit, const Tensor& x) const;

    std::vector<Edit> edits_;
    std::vector<std::int64_t> fired_;
    const Transformer& model_;
    EditRun run_;
    std::vector<std::vector<std::int64_t>> rows_;         // ids without padding
    std::map<std::vector<std::int64_t>, Values> others_;  // of `put`, without the batch axis
    Values own_;                                          // of `freeze`
    KvCache own_cache_;
};

}  // namespace microtome
