// What an edit puts in place of an activation, and where.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/worlds/rng.h"
#include "hooks/edit_axes.h"
#include "hooks/edits.h"

namespace microtome {
namespace {

std::string subject_of(const Edit& edit) {
    return edit.name + " on " + hook_name(edit.ref);
}

// A line of booleans along one axis of x, to be broadcast.
Tensor along(const Tensor& x, int axis, const std::vector<std::int64_t>& wanted) {
    Tensor line = at::zeros({x.size(axis)}, at::kBool);
    for (std::int64_t i : wanted) line[i] = true;
    std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
    shape[static_cast<std::size_t>(axis)] = x.size(axis);
    return line.view(shape).to(x.device());
}

// Part along v of x, as the factor of v: x·v / v·v over the last axis.
Tensor factor(const Tensor& x, const Tensor& v) {
    return (x * v).sum(-1, true) / (v * v).sum(-1, true);
}

// Coordinates a, b of x's part in the plane of u and v: x = a u + b v + rest.
std::pair<Tensor, Tensor> coordinates(const Tensor& x, const Tensor& u, const Tensor& v) {
    Tensor uu = (u * u).sum(-1, true), vv = (v * v).sum(-1, true), uv = (u * v).sum(-1, true), xu = (x * u).sum(-1, true),
           xv = (x * v).sum(-1, true), determinant = uu * vv - uv * uv;
    return {(xu * vv - xv * uv) / determinant, (xv * uu - xu * uv) / determinant};
}

}  // namespace

// True where the edit applies; undefined: nowhere in this pass.
Tensor Edits::where_of(const Edit& edit, const Tensor& x) const {
    Site site = edit.ref.site;
    int axis = position_axis(site);
    std::int64_t n = x.size(axis);
    Tensor where = at::ones(std::vector<std::int64_t>(static_cast<std::size_t>(x.dim()), 1), x.options().dtype(at::kBool));
    auto limit = [&](const std::vector<std::int64_t>& wanted, int which, const char* what) {
        if (wanted.empty()) return;
        if (which < 0) throw Error(subject_of(edit), std::string("a site with ") + what, info(site).axes);
        for (std::int64_t i : wanted)
            if (i < 0 || i >= x.size(which))
                throw Error(subject_of(edit), std::string(what) + " from 0 to " + std::to_string(x.size(which) - 1), std::to_string(i));
        where = where.logical_and(along(x, which, wanted));
    };
    limit(edit.heads, head_axis(site), "heads");
    limit(edit.units, pairs_positions(site) ? -1 : static_cast<int>(x.dim()) - 1, "units");
    bool anywhere = false, each_row = edit.positions.size() > 1 || !edit.by_ids.empty();
    std::vector<Tensor> rows;
    for (std::int64_t r = 0; r < (each_row ? x.size(0) : 1); ++r) {
        const auto* wanted = positions_of(edit, static_cast<std::size_t>(r));
        bool skipped = !edit.by_ids.empty() && !source_of(edit, static_cast<std::size_t>(r));
        std::vector<std::int64_t> here;
        for (std::int64_t i = 0; !skipped && i < static_cast<std::int64_t>(wanted ? wanted->size() : static_cast<std::size_t>(n)); ++i) {
            std::int64_t given = wanted ? (*wanted)[static_cast<std::size_t>(i)] : i + run_.offset;
            std::int64_t p = given < 0 ? given + n : given - run_.offset;
            bool beyond = edit.kind == EditKind::mean && edit.by_position && p + run_.offset >= edit.value.size(0);
            if (p >= 0 && p < n && !beyond) here.push_back(p);
            if (wanted && run_.offset == 0 && (p < 0 || p >= n))
                throw Error(subject_of(edit), "positions from 0 to " + std::to_string(n - 1), std::to_string(given));
        }
        anywhere = anywhere || !here.empty();
        rows.push_back(along(x, axis, here));
    }
    if (!anywhere) return {};
    where = where.logical_and(each_row ? at::cat(rows) : rows[0]);
    if (pairs_positions(site))
        where = where.logical_and(causal_mask(n, x.size(3), run_.offset, model_.config.window(edit.ref.layer), x).logical_not());
    return where;
}

Tensor Edits::put(const Edit& edit, const Tensor& x) const {
    Tensor y = x.clone();
    int axis = position_axis(edit.ref.site) - 1;  // without the batch
    for (std::int64_t r = 0; r < x.size(0); ++r) {
        auto row = static_cast<std::size_t>(r);
        const EditSource* source = source_of(edit, row);
        if (!source) continue;
        Tensor value = others_.at(source->ids).at(edit.ref.layer * 64 + static_cast<int>(edit.ref.site)), into = y.select(0, r);
        const auto* wanted = positions_of(edit, row);
        auto count = wanted ? static_cast<std::int64_t>(wanted->size()) : value.size(axis);
        for (std::int64_t i = 0; i < count; ++i) {
            auto at = static_cast<std::size_t>(i);
            std::int64_t to = (wanted ? (*wanted)[at] : i), from = source->positions.empty() ? to : source->positions[at];
            to -= run_.offset;
            if (to < 0 || to >= into.size(axis)) continue;
            Tensor there = into.select(axis, to), what = value.select(axis, from);
            std::int64_t width = std::min(there.size(-1), what.size(-1));  // of a pattern: the sources that both have
            there.narrow(-1, 0, width).copy_(what.narrow(-1, 0, width));
        }
    }
    return y;
}

// Each position's noise is its own: the same in every row, whatever else runs, whether at once or token by token.
Tensor Edits::noisy(const Edit& edit, const Tensor& x) const {
    Tensor y = x.clone();
    int axis = position_axis(edit.ref.site);
    for (std::int64_t p = 0; p < x.size(axis); ++p) {
        std::int64_t position = p + run_.offset;
        Tensor slice = y.select(axis, p), before = x.select(axis, p);
        if (pairs_positions(edit.ref.site)) slice = slice.narrow(-1, 0, position + 1), before = before.narrow(-1, 0, position + 1);
        auto generator =
            at::detail::createCPUGenerator(mix64(mix64(static_cast<std::uint64_t>(edit.seed)) + static_cast<std::uint64_t>(position)));
        auto shape = slice.sizes().vec();
        shape[0] = 1;
        Tensor noise = at::normal(0.0, 1.0, shape, generator, at::TensorOptions().dtype(at::kDouble)).to(x.options());
        std::vector<std::int64_t> rest;
        for (std::int64_t d = 1; d < slice.dim(); ++d) rest.push_back(d);
        slice.copy_(before + noise * before.std(rest, /*unbiased=*/false, /*keepdim=*/true) * edit.strength);
    }
    return y;
}

Tensor Edits::replacement(const Edit& edit, const Tensor& x) const {
    switch (edit.kind) {
        case EditKind::zero:
            return at::zeros_like(x);
        case EditKind::scale:
            return x * edit.strength;
        case EditKind::noise:
            return noisy(edit, x);
        case EditKind::mean: {
            if (!edit.by_position) return edit.value.expand_as(x);
            std::int64_t n = x.size(1), known = std::min(edit.value.size(0) - run_.offset, n);  // > 0, or `where_of` has none
            Tensor y = x.clone();
            y.narrow(1, 0, known).copy_(edit.value.narrow(0, run_.offset, known).expand_as(y.narrow(1, 0, known)));
            return y;
        }
        case EditKind::put:
            return put(edit, x);
        case EditKind::freeze:
            return own_.at(edit.ref.layer * 64 + static_cast<int>(edit.ref.site));
        case EditKind::add:
            return x + edit.value * edit.strength;
        case EditKind::project_out:
            return x - factor(x, edit.value) * edit.value * edit.strength;
        case EditKind::exchange: {
            auto [a, b] = coordinates(x, edit.value, edit.other);
            return x + (b - a) * (edit.value - edit.other) * edit.strength;
        }
    }
    return x;
}

}  // namespace microtome
