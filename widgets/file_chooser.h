// Asking for a file without blocking: tests answer in the user's place.
#pragma once

#include <QString>
#include <QWidget>
#include <functional>
#include <memory>

namespace microtome {

class FileChooser {
  public:
    enum class Kind { open_file, open_folder, save_file };
    struct Question {
        Kind kind = Kind::open_file;
        QString title, filter, suggestion;
    };
    using Answer = std::function<void(const QString& path)>;

    virtual ~FileChooser() = default;
    /// Calls `answer` later, or never if the user gives up.
    virtual void ask(QWidget* parent, const Question& question, const Answer& answer) = 0;
};

/// Qt's file dialog.
std::unique_ptr<FileChooser> make_file_chooser();

}  // namespace microtome
