#include "widgets/download_dialog.h"

#include <QDialogButtonBox>
#include <QDir>
#include <QFormLayout>
#include <QVBoxLayout>

#include "core/base/hub_cache.h"
#include "widgets/units.h"

namespace microtome {

DownloadDialog::DownloadDialog(const Engine& engine, QWidget* parent) : QDialog(parent), engine_(engine) {
    setWindowTitle(tr("Download Model"));
    name_ = new QLineEdit(this);
    name_->setAccessibleName(tr("Name of the model"));
    name_->setPlaceholderText(tr("ORGANISATION/NAME, or ORGANISATION/NAME@REVISION"));
    auto* folder = new QLabel(QDir::toNativeSeparators(QString::fromStdString(hub_cache().string())), this);
    folder->setTextFormat(Qt::PlainText);
    folder->setWordWrap(true);
    folder->setTextInteractionFlags(Qt::TextSelectableByMouse);
    bar_ = new QProgressBar(this);
    bar_->setAccessibleName(tr("Progress of the download"));
    bar_->setTextVisible(false);
    bar_->setRange(0, 1000);
    status_ = new NoticeLabel(this);
    show_status(tr("The network is used when Download is pressed, not before."));
    auto* buttons = new QDialogButtonBox(this);
    start_ = buttons->addButton(tr("&Download"), QDialogButtonBox::ActionRole);
    start_->setDefault(true);
    cancel_ = buttons->addButton(QDialogButtonBox::Close);
    auto* form = new QFormLayout;
    form->addRow(tr("&Model"), name_);
    form->addRow(tr("Into"), folder);
    auto* layout = new QVBoxLayout(this);
    layout->addLayout(form);
    layout->addWidget(bar_);
    layout->addWidget(status_);
    layout->addStretch(1);
    layout->addWidget(buttons);
    connect(name_, &QLineEdit::textChanged, this, &DownloadDialog::show_buttons);
    connect(start_, &QPushButton::clicked, this, &DownloadDialog::start);
    connect(cancel_, &QPushButton::clicked, this, [this] { busy() ? cancel() : reject(); });
    connect(&jobs_, &JobQueue::updated, this, &DownloadDialog::show_progress);
    show_buttons();
    resize(fontMetrics().averageCharWidth() * 70, sizeHint().height());
}

void DownloadDialog::show_buttons() {
    name_->setEnabled(!busy());
    start_->setEnabled(!busy() && HubName::of(name_->text().trimmed().toStdString()).valid());
    cancel_->setText(busy() ? tr("&Cancel") : tr("&Close"));
}

void DownloadDialog::start() {
    if (!start_->isEnabled()) return;
    const QString name = name_->text().trimmed();
    first_ = -1;
    bar_->setRange(0, 0);  // until the size is known
    const auto work = [this, name](RunProgress& progress) -> JobQueue::Deliver {
        engine_.download(name.toStdString(), progress);
        return [this, name] {
            job_ = 0;
            bar_->setRange(0, 1000);
            bar_->setValue(1000);
            show_status(tr("%1 is here.").arg(name));
            show_buttons();
            Q_EMIT downloaded(name);
        };
    };
    const auto failed = [this](const QString& error) {
        job_ = 0;
        bar_->setRange(0, 1000);
        if (error.isEmpty())
            show_status(tr("Cancelled. What came is kept: Download goes on from there."));
        else
            show_status(error, true);
        show_buttons();
    };
    job_ = jobs_.start(tr("Download %1").arg(name), work, {}, failed);
    show_status(tr("Asking for the list of files…"));
    show_buttons();
}

void DownloadDialog::cancel() {
    jobs_.cancel(job_);
    if (busy()) show_status(tr("Cancelling…"));
}

void DownloadDialog::show_progress() {
    const JobInfo* job = busy() ? jobs_.find(job_) : nullptr;
    if (!job || job->total <= 0) {
        if (job && !job->message.isEmpty()) show_status(job->message);
        return;
    }
    if (first_ < 0) first_ = job->done, first_seconds_ = job->seconds;
    bar_->setRange(0, 1000);
    bar_->setValue(static_cast<int>(1000 * job->done / job->total));
    QString text = amount_text(job->done, job->total, job->unit);
    const double seconds = job->seconds - first_seconds_;
    if (job->done > first_ && seconds > 0) {
        const double rate = static_cast<double>(job->done - first_) / seconds;
        text += tr(" · %1 · %2 left").arg(rate_text(rate, job->unit), shown_seconds(static_cast<double>(job->total - job->done) / rate));
    }
    show_status(job->message.isEmpty() ? text : text + QLatin1Char('\n') + job->message);
}

void DownloadDialog::show_status(const QString& text, bool error) {
    status_->show_notice(text, error ? NoticeLabel::Tone::error : NoticeLabel::Tone::plain);
}

void DownloadDialog::done(int result) {
    cancel();
    QDialog::done(result);
}

}  // namespace microtome
