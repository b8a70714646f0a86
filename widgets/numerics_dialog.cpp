#include "widgets/numerics_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QCoreApplication>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QGroupBox>
#include <QLabel>
#include <QPushButton>
#include <QRadioButton>
#include <QSpinBox>
#include <QVBoxLayout>
#include <algorithm>
#include <array>

namespace microtome {
namespace {

struct Switch {
    const char *name, *title, *what;
};

constexpr std::array rewritings{
    Switch{"fold_norms", QT_TRANSLATE_NOOP("NumericsDialog", "Fold &norms"),
           QT_TRANSLATE_NOOP("NumericsDialog", "Weights and biases of the norms go into the maps that read the normed stream")},
    Switch{"center_writing", QT_TRANSLATE_NOOP("NumericsDialog", "Centre &writing weights"),
           QT_TRANSLATE_NOOP("NumericsDialog", "What is written to the stream has no mean; only where every reader is a LayerNorm")},
    Switch{"center_unembed", QT_TRANSLATE_NOOP("NumericsDialog", "Centre the &unembedding"),
           QT_TRANSLATE_NOOP("NumericsDialog", "Logits have no mean over the vocabulary; not before a soft cap")},
    Switch{"fold_value_biases", QT_TRANSLATE_NOOP("NumericsDialog", "Fold &value biases"),
           QT_TRANSLATE_NOOP("NumericsDialog", "The values' biases go into the bias of the attention output")}};

QString shown(const char* text) {
    return QCoreApplication::translate("NumericsDialog", text);
}

QComboBox* choices(const QStringList& all, const std::string& now, QWidget* parent) {
    auto* box = new QComboBox(parent);
    box->addItems(all);
    const QString current = QString::fromStdString(now);
    if (!all.contains(current)) box->addItem(current);
    box->setCurrentText(current);
    return box;
}

}  // namespace

NumericsDialog::NumericsDialog(const SessionModel& model, int threads, QWidget* parent) : QDialog(parent), model_(model) {
    setWindowTitle(tr("Numerics"));
    dtype_ = choices({"float32", "float64", "bfloat16", "float16"}, model.dtype, this);
    dtype_->setToolTip(tr("float64 proves equality; bfloat16 and float16 are previews"));
    device_ = choices({"auto", "cpu", "cuda"}, model.device, this);
    device_->setEditable(true);
    device_->setToolTip(tr("auto: a GPU where one can be used. cuda:1 is the second one"));
    threads_ = new QSpinBox(this);
    threads_->setRange(0, 4096);
    threads_->setValue(threads);
    threads_->setSpecialValueText(tr("physical cores"));
    auto* form = new QFormLayout;
    form->addRow(tr("Number &type:"), dtype_);
    form->addRow(tr("&Device:"), device_);
    form->addRow(tr("T&hreads:"), threads_);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, this);
    buttons->button(QDialogButtonBox::Ok)->setText(tr("&Open Again"));
    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* layout = new QVBoxLayout(this);
    layout->addLayout(form);
    layout->addWidget(make_processing());
    layout->addWidget(buttons);
    show_processing(model.processing);
}

QWidget* NumericsDialog::make_processing() {
    auto* group = new QGroupBox(tr("Weights"), this);
    auto* layout = new QVBoxLayout(group);
    raw_ = new QRadioButton(tr("&Raw: as they are in the files"), group);
    processed_ = new QRadioButton(tr("&Processed: every rewriting that leaves this model's log-probabilities alone"), group);
    some_ = new QRadioButton(tr("&Some of these:"), group);
    for (QRadioButton* button : {raw_, processed_, some_}) {
        layout->addWidget(button);
        connect(button, &QRadioButton::toggled, this, &NumericsDialog::follow);
    }
    auto* inner = new QVBoxLayout;
    inner->setContentsMargins(fontMetrics().height() * 2, 0, 0, 0);
    for (const Switch& known : rewritings) {
        auto* box = new QCheckBox(shown(known.title), group);
        box->setToolTip(shown(known.what));
        box->setObjectName(QLatin1String(known.name));
        inner->addWidget(box);
        switches_.push_back(box);
    }
    layout->addLayout(inner);
    return group;
}

void NumericsDialog::show_processing(const std::string& processing) {
    const QStringList named = QString::fromStdString(processing).split(QLatin1Char(','));
    for (QCheckBox* box : switches_) box->setChecked(named.contains(box->objectName()));
    (processing == "raw" ? raw_ : processing == "processed" ? processed_ : some_)->setChecked(true);
    follow();
}

void NumericsDialog::follow() {
    for (QCheckBox* box : switches_) box->setEnabled(some_->isChecked());
}

SessionModel NumericsDialog::chosen() const {
    SessionModel model = model_;
    model.dtype = dtype_->currentText().toStdString();
    model.device = device_->currentText().trimmed().toStdString();
    QStringList named;
    for (const QCheckBox* box : switches_)
        if (box->isChecked()) named << box->objectName();
    const bool some = some_->isChecked() && !named.isEmpty();
    model.processing = processed_->isChecked() ? "processed" : some ? named.join(QLatin1Char(',')).toStdString() : "raw";
    return model;
}

int NumericsDialog::threads() const {
    return threads_->value();
}

}  // namespace microtome
