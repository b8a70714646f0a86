#include "widgets/action_registry.h"

#include <QMenu>
#include <QMenuBar>
#include <algorithm>

namespace microtome {

QMenu* ActionRegistry::menu(const QString& title) {
    for (QAction* action : window_.menuBar()->actions())
        if (action->text() == title) return action->menu();
    return window_.menuBar()->addMenu(title);
}

QAction* ActionRegistry::add(const ActionInfo& info, std::function<void()> run) {
    auto* action = new QAction(&window_);
    action->setCheckable(info.checkable);
    QObject::connect(action, &QAction::triggered, &window_, [run = std::move(run)] { run(); });
    return adopt(action, info);
}

QAction* ActionRegistry::adopt(QAction* action, const ActionInfo& info) {
    action->setObjectName(QString::fromLatin1(info.id));
    if (!info.text.isEmpty()) action->setText(info.text);
    action->setShortcut(info.shortcut);
    action->setStatusTip(info.tip);
    const QString keys = info.shortcut.toString(QKeySequence::NativeText);
    action->setToolTip(keys.isEmpty() ? info.tip : QStringLiteral("%1 (%2)").arg(info.tip, keys));
    QMenu* into = menu(QString::fromLatin1(info.menu));
    if (info.separator) into->addSeparator();
    into->addAction(action);
    window_.addAction(action);
    all_.push_back(action);
    return action;
}

QAction* ActionRegistry::find(const QString& id) const {
    const auto found = std::find_if(all_.begin(), all_.end(), [&](const QAction* action) { return action->objectName() == id; });
    return found == all_.end() ? nullptr : *found;
}

QString ActionRegistry::shortcuts_text() const {
    QStringList lines;
    for (const QAction* action : all_)
        if (!action->shortcut().isEmpty())
            lines << QStringLiteral("%1\t%2").arg(action->shortcut().toString(QKeySequence::NativeText),
                                                  QString(action->text()).remove(QLatin1Char('&')));
    return lines.join(QLatin1Char('\n'));
}

}  // namespace microtome
