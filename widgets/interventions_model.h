// The session's interventions as an editable table. It holds nothing: every change goes through the document, and can be undone.
#pragma once

#include <QAbstractTableModel>

#include "widgets/document.h"

namespace microtome {

class InterventionsModel : public QAbstractTableModel {
    Q_OBJECT
  public:
    enum Column { type, target, positions, strength, source, seed, column_count };

    explicit InterventionsModel(SessionDocument& document, QObject* parent = nullptr);

    const std::vector<Intervention>& list() const { return document_.session().interventions; }
    /// The row that the change is about becomes the current one.
    void add(const std::string& target);
    void duplicate(int row);
    void remove(int row);
    void move(int row, int by);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    /// False, and `refused`, where the text is none of the kind.
    bool setData(const QModelIndex& index, const QVariant& value, int role) override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  Q_SIGNALS:
    void refused(const QString& text);
    void moved_to(int row);

  private:
    bool uses(const Intervention& intervention) const;
    QVariant shown(const Intervention& intervention, int column) const;
    bool change(int row, Intervention next, const QString& what);

    SessionDocument& document_;
    std::size_t rows_ = 0;
};

}  // namespace microtome
