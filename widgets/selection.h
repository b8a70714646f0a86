// The one selection of the window: what is under the pointer, what is selected, what is pinned. No view keeps its own.
#pragma once

#include <QObject>
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace microtome {

enum class Side { none, clean, corrupt };

/// A place inside a model, as far as it is known: every field may be absent (-1, empty).
/// Text form: `clean/L9.H6.z@14`, `L5.mlp.n1234@3`, `L8.sae:res-jb.f5432@7`, `L9.H6.pattern@14←3`, `logit:' John'@14`.
struct NodeRef {
    Side side = Side::none;
    int layer = -1;
    int head = -1;
    std::string site;  // "z", "resid_pre", "mlp", "pattern", "sae:res-jb"
    int unit = -1, feature = -1;
    std::optional<std::string> token;  // an entry of the vocabulary
    int position = -1, source = -1;

    bool operator==(const NodeRef&) const = default;
    bool empty() const { return *this == NodeRef(); }
};

std::string to_string(const NodeRef& ref);
/// The inverse of to_string (`<-` is read as `←`); an Error says what was expected where.
NodeRef parse_node_ref(const std::string& text);
/// `base` with every field that `change` has: choosing a head keeps the position.
NodeRef merged(NodeRef base, const NodeRef& change);

class SelectionModel : public QObject {
    Q_OBJECT
  public:
    static constexpr int pin_slots = 8;
    using Pins = std::array<std::optional<NodeRef>, pin_slots>;

    using QObject::QObject;

    const NodeRef& hover() const { return hover_; }
    const NodeRef& current() const { return current_; }
    const Pins& pins() const { return pins_; }

    /// `origin` travels with the signal, so that a view ignores the echo of its own change.
    void set_hover(const NodeRef& ref, const void* origin);
    /// Merges into the current place and remembers the old one for `back`.
    void select(const NodeRef& change, const void* origin);
    void set_current(const NodeRef& ref, const void* origin);
    /// Pins or unpins; false (and `pins_full`) if all slots are taken.
    bool toggle_pin(const NodeRef& ref);
    void unpin(int slot);
    void clear_pins();
    /// Sets them without an edit: for sessions and undo.
    void set_pins(const Pins& pins);

    bool can_go_back() const { return at_ > 0; }
    bool can_go_forward() const { return at_ + 1 < history_.size(); }
    void back();
    void forward();

  Q_SIGNALS:
    void hover_changed(const microtome::NodeRef& ref, const void* origin);
    void current_changed(const microtome::NodeRef& ref, const void* origin);
    void pins_changed();
    /// The user changed the pins; `before` is what undo brings back.
    void pins_edited(const microtome::SelectionModel::Pins& before);
    void pins_full();

  private:
    void go_to(std::size_t at);
    void edit_pins(const Pins& pins);

    NodeRef hover_, current_;
    Pins pins_;
    std::vector<NodeRef> history_{NodeRef()};  // history_[at_] is the current place
    std::size_t at_ = 0;
};

}  // namespace microtome
