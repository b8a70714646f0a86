#include "hooks/sweep/plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace microtome {
namespace {

// A patch there changes what comes later only at its own position, until the next layer.
bool stays_at_its_position(Site site) {
    return site == Site::q_input || site == Site::q || site == Site::q_norm_scale || site == Site::q_norm_normalized ||
           site == Site::rot_q || site == Site::attn_scores || site == Site::pattern || stage_of(site) >= Stage::mixed;
}

int entry_layer(const ModelConfig& config, SiteRef ref) {
    if (ref.layer >= 0) return ref.layer;
    return ref.site == Site::embed || ref.site == Site::pos_embed ? 0 : config.n_layers;
}

// Positions of a slice that differ and that the metric can see.
std::vector<std::int64_t> reaching(const ModelConfig& config, const PatchSweep& sweep, const PatchGroup& group, const PatchSlice& slice,
                                   std::size_t pair, const std::vector<std::int64_t>& read) {
    auto changed = changed_positions(sweep, group, slice, pair);
    int layer = entry_layer(config, slice.ref);
    bool local =
        layer == config.n_layers || (layer == config.n_layers - 1 && slice.ref.layer >= 0 && stays_at_its_position(slice.ref.site));
    std::erase_if(changed, [&](std::int64_t p) { return local ? !std::binary_search(read.begin(), read.end(), p) : p > read.back(); });
    return changed;
}

// The stream put in from the first token on that differs: up to the last token in a row that is put in, all goes on as in the source run.
void follow_source(const PatchSweep& sweep, const PatchGroup& group, SweepRow& row, const std::vector<std::int64_t>& read) {
    const PatchCell& cell = sweep.cells[row.cell];
    if (!group.both_cached || cell.size() != 1 || cell[0].ref.site != Site::resid_pre || cell[0].head >= 0) return;
    Tensor differ = group.base[static_cast<std::int64_t>(row.pair)].ne(group.source[static_cast<std::int64_t>(row.pair)]);
    if (row.start > 0 && differ.narrow(0, 0, row.start).any().item<bool>()) return;
    const auto* places = positions_at(sweep, cell[0].place, group.pairs[row.pair]);
    std::int64_t start = row.start;
    while (start < group.length() && (!places || std::find(places->begin(), places->end(), start) != places->end())) ++start;
    if (std::lower_bound(read.begin(), read.end(), row.start) != std::lower_bound(read.begin(), read.end(), start) || start > read.back())
        return;
    row.start = start;
    row.after_source = true;
}

std::optional<SweepRow> row_of(const ModelConfig& config, const PatchSweep& sweep, const PatchGroup& group, std::size_t cell,
                               std::size_t pair, const std::vector<std::int64_t>& read) {
    std::optional<SweepRow> row;
    for (const PatchSlice& slice : sweep.cells[cell]) {
        auto positions = reaching(config, sweep, group, slice, pair, read);
        if (positions.empty()) continue;
        int layer = entry_layer(config, slice.ref);
        Stage stage = slice.ref.layer < 0 ? Stage::pre : stage_of(slice.ref.site);
        if (!row) row = SweepRow{cell, pair, layer, stage, positions.front(), false};
        row->start = std::min(row->start, positions.front());
        if (std::tie(layer, stage) < std::tie(row->layer, row->stage)) row->layer = layer, row->stage = stage;
    }
    if (row) follow_source(sweep, group, *row, read);
    return row;
}

std::int64_t tokens_of(const ModelConfig& config, const SweepRow& row, std::int64_t length, const std::vector<std::int64_t>& read) {
    bool narrow = row.layer == config.n_layers || (row.layer == config.n_layers - 1 && row.stage >= Stage::mixed);
    if (!narrow) return length - row.start;
    return std::max<std::int64_t>(1, read.end() - std::lower_bound(read.begin(), read.end(), row.start));
}

// Chunks of about equal size: the last one is not a remainder.
void cut(std::vector<SweepChunk>& chunks, const ModelConfig& config, const PatchSweep& sweep, const PatchGroup& group,
         const MetricPositions& read, std::vector<SweepRow>& rows) {
    std::stable_sort(rows.begin(), rows.end(),
                     [](const SweepRow& a, const SweepRow& b) { return std::tie(a.layer, a.stage) < std::tie(b.layer, b.stage); });
    std::int64_t total = 0;
    for (const SweepRow& row : rows) total += tokens_of(config, row, group.length(), read[row.pair]);
    std::int64_t parts = std::max<std::int64_t>(1, (total + sweep.batch_tokens - 1) / sweep.batch_tokens);
    std::int64_t most = (total + parts - 1) / parts, held = most + 1;
    for (const SweepRow& row : rows) {
        std::int64_t tokens = tokens_of(config, row, group.length(), read[row.pair]);
        if (held + tokens > most) chunks.emplace_back(), held = 0;
        chunks.back().push_back(row);
        held += tokens;
    }
}

}  // namespace

Stage stage_of(Site site) {
    switch (site) {
        case Site::q:
        case Site::k:
        case Site::v:
        case Site::q_norm_scale:
        case Site::q_norm_normalized:
        case Site::k_norm_scale:
        case Site::k_norm_normalized:
        case Site::rot_q:
        case Site::rot_k:
            return Stage::qkv;
        case Site::attn_scores:
        case Site::pattern:
        case Site::z:
        case Site::result:
        case Site::ln1_post_scale:
        case Site::ln1_post_normalized:
            return Stage::mixed;
        case Site::attn_out:
        case Site::resid_mid:
        case Site::mlp_in:
        case Site::ln2_scale:
        case Site::ln2_normalized:
        case Site::mlp_pre:
        case Site::mlp_pre_linear:
            return Stage::attended;
        case Site::mlp_post:
        case Site::ln2_post_scale:
        case Site::ln2_post_normalized:
            return Stage::neurons;
        case Site::mlp_out:
        case Site::resid_post:
            return Stage::written;
        default:
            return Stage::pre;
    }
}

int first_mix(const SweepRow& row) {
    return row.stage <= Stage::qkv ? row.layer : row.layer + 1;
}

std::vector<std::int64_t> early_positions(const PatchSweep& sweep, const PatchGroup& group, const SweepRow& row) {
    std::set<std::int64_t> found;
    for (const PatchSlice& slice : sweep.cells[row.cell]) {
        int layer = std::max(0, slice.ref.layer), mix = first_mix(row);
        Stage stage = slice.ref.layer < 0 ? Stage::pre : stage_of(slice.ref.site);
        bool before = layer < mix || (layer == mix && stage == Stage::pre);
        const auto* places = positions_at(sweep, slice.place, group.pairs[row.pair]);
        for (std::int64_t p = row.start; before && p < group.length(); ++p)
            if (!places || std::find(places->begin(), places->end(), p) != places->end()) found.insert(p);
    }
    return {found.begin(), found.end()};
}

std::vector<SweepChunk> plan_sweep(const ModelConfig& config, const PatchSweep& sweep, const PatchGroup& group, const MetricPositions& read,
                                   std::vector<std::size_t>& rows) {
    std::vector<SweepRow> all;
    for (std::size_t cell = 0; cell < sweep.cells.size(); ++cell)
        for (std::size_t pair = 0; pair < group.pairs.size(); ++pair)
            if (auto row = row_of(config, sweep, group, cell, pair, read[pair])) {
                all.push_back(*row);
                ++rows[cell];
            }
    std::vector<SweepChunk> chunks;
    std::map<std::size_t, std::vector<SweepRow>> batches;
    for (const SweepRow& row : all) batches[batch_kind(sweep, row.cell)].push_back(row);
    for (auto& [kind, batch] : batches) cut(chunks, config, sweep, group, read, batch);
    return chunks;
}

std::vector<SiteRef> entry_sites(const ModelConfig& config, const PatchSweep& sweep) {
    std::set<std::pair<int, int>> wanted{{config.n_layers - 1, static_cast<int>(Site::resid_post)}};
    auto want = [&](int layer, std::initializer_list<Site> sites) {
        for (Site site : sites)
            if (has_site(config, site)) wanted.emplace(layer, static_cast<int>(site));
    };
    for (const PatchCell& cell : sweep.cells)
        for (const PatchSlice& slice : cell) {
            int layer = slice.ref.layer;
            if (layer < 0) {
                if (entry_layer(config, slice.ref) == 0)
                    want(-1, {Site::embed, Site::pos_embed}), want(0, {Site::resid_pre, Site::q, Site::k, Site::v});
                continue;
            }
            want(layer, {Site::resid_pre});
            Stage stage = stage_of(slice.ref.site);
            int mix = stage <= Stage::qkv ? layer : layer + 1;
            if (mix < config.n_layers) want(mix, {Site::resid_pre, Site::q, Site::k, Site::v});
            if (stage == Stage::mixed) want(layer, {Site::z});
            if (stage >= Stage::attended) want(layer, {Site::attn_out});
            if (stage == Stage::neurons) want(layer, {Site::mlp_post});
            if (stage == Stage::written) want(layer, {Site::mlp_out});
        }
    std::vector<SiteRef> out;
    for (auto [layer, site] : wanted) out.push_back({static_cast<Site>(site), layer});
    return out;
}

}  // namespace microtome
