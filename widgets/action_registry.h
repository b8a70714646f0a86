// Every action of the window in one place: menus, tool bar, the list of shortcuts and the tests read it.
#pragma once

#include <QAction>
#include <QKeySequence>
#include <QMainWindow>
#include <functional>
#include <vector>

namespace microtome {

struct ActionInfo {
    const char* id;    // "file.open_model"
    const char* menu;  // "&File"
    QString text;
    QKeySequence shortcut;
    QString tip;
    bool checkable = false;
    bool separator = false;  // a line before it
};

class ActionRegistry {
  public:
    explicit ActionRegistry(QMainWindow& window) : window_(window) {}

    /// Adds the action to the window and to its menu, which is made if it is new.
    QAction* add(const ActionInfo& info, std::function<void()> run);
    /// An action made elsewhere (a dock's switch, undo).
    QAction* adopt(QAction* action, const ActionInfo& info);
    QAction* find(const QString& id) const;
    const std::vector<QAction*>& all() const { return all_; }
    QMenu* menu(const QString& title);
    /// "Ctrl+O  Open Model Folder…" for every action that has a shortcut.
    QString shortcuts_text() const;

  private:
    QMainWindow& window_;
    std::vector<QAction*> all_;
};

}  // namespace microtome
