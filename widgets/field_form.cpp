#include "widgets/field_form.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QSpinBox>
#include <algorithm>

#include "widgets/combo_width.h"

namespace microtome {
namespace {

class ChoiceEditor final : public FieldEditor {
  public:
    ChoiceEditor(const FieldInfo& info, QWidget* parent) : FieldEditor(info, parent), box_(new QComboBox(this)) {
        for (const std::string& choice : info.choices)
            box_->addItem(choice.empty() ? tr("(none)") : QString::fromStdString(choice), QString::fromStdString(choice));
        adopt(box_);
        keep_choice_fitted(box_);
        connect(box_, &QComboBox::currentIndexChanged, this, [this](int row) { report(box_->itemData(row).toString().toStdString()); });
    }
    void show_value(const Json& value) override {
        const QSignalBlocker quiet(box_);
        const Json now = shown(value);
        box_->setCurrentIndex(now.is_string() ? box_->findData(QString::fromStdString(now.get<std::string>())) : -1);
        fit_choice(box_);
    }
    QWidget* control() const override { return box_; }

  private:
    QComboBox* box_;
};

class IntegerEditor final : public FieldEditor {
  public:
    IntegerEditor(const FieldInfo& info, QWidget* parent) : FieldEditor(info, parent), box_(new QSpinBox(this)) {
        const auto limit = [](double value) { return static_cast<int>(std::clamp(value, -2147483648.0, 2147483647.0)); };
        box_->setRange(limit(info.least.value_or(-2e9)), limit(info.most.value_or(2e9)));
        box_->setKeyboardTracking(false);
        adopt(box_);
        connect(box_, &QSpinBox::valueChanged, this, [this](int value) { report(value); });
    }
    void show_value(const Json& value) override {
        const QSignalBlocker quiet(box_);
        const Json now = shown(value);
        if (now.is_number()) box_->setValue(now.get<int>());
    }
    QWidget* control() const override { return box_; }

  private:
    QSpinBox* box_;
};

class BooleanEditor final : public FieldEditor {
  public:
    BooleanEditor(const FieldInfo& info, QWidget* parent) : FieldEditor(info, parent), box_(new QCheckBox(this)) {
        adopt(box_);
        connect(box_, &QCheckBox::toggled, this, [this](bool on) { report(on); });
    }
    void show_value(const Json& value) override {
        const QSignalBlocker quiet(box_);
        const Json now = shown(value);
        box_->setChecked(now.is_boolean() && now.get<bool>());
    }
    QWidget* control() const override { return box_; }

  private:
    QCheckBox* box_;
};

/// Strings, real numbers and lists (comma-separated), checked when the editing ends.
class TextEditor final : public FieldEditor {
  public:
    TextEditor(const FieldInfo& info, QWidget* parent) : FieldEditor(info, parent), line_(new QLineEdit(this)) {
        adopt(line_);
        connect(line_, &QLineEdit::editingFinished, this, &TextEditor::finish);
    }
    void show_value(const Json& value) override {
        last_ = text_of(shown(value));
        line_->setText(last_);
    }
    QWidget* control() const override { return line_; }

  private:
    static QString text_of(const Json& value) {
        if (value.is_null()) return {};
        if (value.is_string()) return QString::fromStdString(value.get<std::string>());
        if (!value.is_array()) return QString::fromStdString(value.dump());
        QStringList parts;
        for (const Json& part : value) parts << text_of(part);
        return parts.join(QStringLiteral(", "));
    }
    Json read(const QString& text) const {
        const auto number = [&](const QString& part) {
            bool ok = false;
            const double value = part.toDouble(&ok);
            if (!ok) throw Error(info().name, "a number", "'" + part.toStdString() + "'");
            return value;
        };
        if (info().type == "number") return number(text);
        if (info().type != "strings" && info().type != "integers") return text.toStdString();
        Json list = Json::array();
        for (const QString& part : text.split(QLatin1Char(','), Qt::SkipEmptyParts)) {
            if (info().type == "strings")
                list.push_back(part.trimmed().toStdString());
            else
                list.push_back(static_cast<std::int64_t>(number(part.trimmed())));
        }
        return list;
    }
    void finish() {
        if (line_->text() == last_) return;
        try {
            const Json value = read(line_->text());
            last_ = line_->text();
            line_->setToolTip(QString::fromStdString(info().help));
            report(value);
        } catch (const Error& error) {
            line_->setToolTip(QString::fromUtf8(error.what()));
            line_->setText(last_);
        }
    }

    QLineEdit* line_;
    QString last_;
};

}  // namespace

void FieldEditor::adopt(QWidget* control) {
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(control);
    control->setToolTip(QString::fromStdString(info_.help));
    control->setAccessibleName(titled(info_.name));
    control->setAccessibleDescription(QString::fromStdString(info_.help));
    setFocusProxy(control);
}

FieldEditor* FieldEditor::make(const FieldInfo& info, QWidget* parent) {
    FieldEditor* made = nullptr;
    if (!info.choices.empty())
        made = new ChoiceEditor(info, parent);
    else if (info.type == "integer")
        made = new IntegerEditor(info, parent);
    else if (info.type == "boolean")
        made = new BooleanEditor(info, parent);
    else
        made = new TextEditor(info, parent);
    made->show_value({});
    return made;
}

bool has_editor(const FieldInfo& info) {
    return info.type != "pairs" && info.type != "prompts";
}

QString titled(const std::string& name) {
    if (name == "kl") return QStringLiteral("KL");
    QString text = spaced(name);
    return text.isEmpty() ? text : text.replace(0, 1, text[0].toUpper());
}

QString spaced(const std::string& name) {
    return QString::fromStdString(name).replace(QLatin1Char('_'), QLatin1Char(' ')).replace(QLatin1Char('-'), QLatin1Char(' '));
}

}  // namespace microtome
