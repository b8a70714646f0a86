#include "widgets/selection.h"

#include <algorithm>

namespace microtome {
namespace {

constexpr std::size_t longest_history = 200;

}  // namespace

NodeRef merged(NodeRef base, const NodeRef& change) {
    const auto take = [](int& into, int from) {
        if (from >= 0) into = from;
    };
    if (change.side != Side::none) base.side = change.side;
    if (!change.site.empty()) base.site = change.site;
    if (change.token) base.token = change.token;
    take(base.layer, change.layer);
    take(base.head, change.head);
    take(base.unit, change.unit);
    take(base.feature, change.feature);
    take(base.position, change.position);
    take(base.source, change.source);
    return base;
}

void SelectionModel::set_hover(const NodeRef& ref, const void* origin) {
    if (hover_ == ref) return;
    hover_ = ref;
    Q_EMIT hover_changed(hover_, origin);
}

void SelectionModel::select(const NodeRef& change, const void* origin) {
    set_current(merged(current_, change), origin);
}

void SelectionModel::set_current(const NodeRef& ref, const void* origin) {
    if (current_ == ref) return;
    current_ = ref;
    history_.resize(at_ + 1);
    history_.push_back(ref);
    if (history_.size() > longest_history) history_.erase(history_.begin());
    at_ = history_.size() - 1;
    Q_EMIT current_changed(current_, origin);
}

bool SelectionModel::toggle_pin(const NodeRef& ref) {
    Pins next = pins_;
    auto slot = std::find(next.begin(), next.end(), std::optional(ref));
    if (slot != next.end()) {
        slot->reset();
    } else {
        slot = std::find(next.begin(), next.end(), std::nullopt);
        if (slot == next.end()) {
            Q_EMIT pins_full();
            return false;
        }
        *slot = ref;
    }
    edit_pins(next);
    return true;
}

void SelectionModel::unpin(int slot) {
    Pins next = pins_;
    if (slot >= 0 && slot < pin_slots) next[static_cast<std::size_t>(slot)].reset();
    edit_pins(next);
}

void SelectionModel::clear_pins() {
    edit_pins({});
}

void SelectionModel::edit_pins(const Pins& pins) {
    if (pins_ == pins) return;
    const Pins before = pins_;
    set_pins(pins);
    Q_EMIT pins_edited(before);
}

void SelectionModel::set_pins(const Pins& pins) {
    if (pins_ == pins) return;
    pins_ = pins;
    Q_EMIT pins_changed();
}

void SelectionModel::back() {
    if (can_go_back()) go_to(at_ - 1);
}

void SelectionModel::forward() {
    if (can_go_forward()) go_to(at_ + 1);
}

void SelectionModel::go_to(std::size_t at) {
    at_ = at;
    current_ = history_[at_];
    Q_EMIT current_changed(current_, nullptr);
}

}  // namespace microtome
