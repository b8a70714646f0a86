#include "widgets/file_chooser.h"

#include <QFileDialog>
#include <QFileInfo>

namespace microtome {
namespace {

class DialogChooser final : public FileChooser {
  public:
    void ask(QWidget* parent, const Question& question, const Answer& answer) override {
        auto* dialog = new QFileDialog(parent, question.title, question.suggestion, question.filter);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        if (question.kind == Kind::open_folder)
            dialog->setFileMode(QFileDialog::Directory);
        else
            dialog->setFileMode(question.kind == Kind::save_file ? QFileDialog::AnyFile : QFileDialog::ExistingFile);
        if (question.kind == Kind::save_file) {
            dialog->setAcceptMode(QFileDialog::AcceptSave);
            dialog->selectFile(QFileInfo(question.suggestion).fileName());
            dialog->setDefaultSuffix(QFileInfo(question.suggestion).completeSuffix());
        }
        QObject::connect(dialog, &QFileDialog::fileSelected, parent, answer);
        dialog->open();
    }
};

}  // namespace

std::unique_ptr<FileChooser> make_file_chooser() {
    return std::make_unique<DialogChooser>();
}

}  // namespace microtome
