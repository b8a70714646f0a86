// Editors for the parameters of an analysis, made from their descriptions: choices become a box, numbers a spin box.
#pragma once

#include <QWidget>
#include <functional>
#include <map>

#include "analyses/analysis.h"

namespace microtome {

/// One editor. It shows `value` (null: the default) and reports edits; a null edit means "the default again".
class FieldEditor : public QWidget {
    Q_OBJECT
  public:
    static FieldEditor* make(const FieldInfo& info, QWidget* parent);
    ~FieldEditor() override = default;

    const FieldInfo& info() const { return info_; }
    virtual void show_value(const Json& value) = 0;
    /// The control itself, for labels and tests.
    virtual QWidget* control() const = 0;

  Q_SIGNALS:
    void edited(const std::string& name, const microtome::Json& value);

  protected:
    FieldEditor(const FieldInfo& info, QWidget* parent) : QWidget(parent), info_(info) {}
    void report(const Json& value) { Q_EMIT edited(info_.name, value == info_.fallback ? Json() : value); }
    void adopt(QWidget* control);
    Json shown(const Json& value) const { return value.is_null() ? info_.fallback : value; }

  private:
    FieldInfo info_;
};

/// False for parameters that the window gives by other means: prompts and pairs.
bool has_editor(const FieldInfo& info);
/// "logit_diff_recovery" → "logit diff recovery", "head-scores" → "head scores".
QString spaced(const std::string& name);
/// The same with a capital.
QString titled(const std::string& name);

}  // namespace microtome
