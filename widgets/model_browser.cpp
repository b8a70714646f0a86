#include "widgets/model_browser.h"

#include <QApplication>
#include <QClipboard>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QMenu>
#include <QSortFilterProxyModel>
#include <QVBoxLayout>
#include <algorithm>

namespace microtome {
namespace {

/// Keeps the rows whose name, hook or explanation contains every word, with what is above them.
class Filter final : public QSortFilterProxyModel {
  public:
    Filter(const ModelTree& tree, QObject* parent) : QSortFilterProxyModel(parent), tree_(tree) { setRecursiveFilteringEnabled(true); }
    void set_words(const QString& text) {
        words_ = text.split(QLatin1Char(' '), Qt::SkipEmptyParts);
        invalidateFilter();
    }

  protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override {
        const QModelIndex index = tree_.index(row, 0, parent);
        const QString text = index.data().toString() + QLatin1Char(' ') + index.data(Qt::ToolTipRole).toString();
        return std::all_of(words_.begin(), words_.end(), [&](const QString& word) { return text.contains(word, Qt::CaseInsensitive); });
    }

  private:
    const ModelTree& tree_;
    QStringList words_;
};

}  // namespace

ModelBrowser::ModelBrowser(Workspace& workspace, QWidget* parent) : QWidget(parent), workspace_(workspace) {
    model_ = new ModelTree(this);
    filtered_ = new Filter(*model_, this);
    filtered_->setSourceModel(model_);
    filter_ = new QLineEdit(this);
    filter_->setPlaceholderText(tr("Filter: hook_z, L2, mlp…"));
    filter_->setClearButtonEnabled(true);
    filter_->setAccessibleName(tr("Filter of the model's parts"));
    tree_ = new QTreeView(this);
    tree_->setAccessibleName(tr("Parts of the model"));
    tree_->setModel(filtered_);
    tree_->setFrameShape(QFrame::NoFrame);
    tree_->setUniformRowHeights(true);
    tree_->setContextMenuPolicy(Qt::CustomContextMenu);
    tree_->header()->setStretchLastSection(false);
    copy_ = new QPushButton(tr("Copy Hook Name"), this);
    copy_->setToolTip(tr("Copy the name of the chosen site, weight or head (Ctrl+C)"));
    summary_ = new QLabel(this);
    summary_->setTextFormat(Qt::PlainText);
    summary_->setWordWrap(true);
    summary_->setForegroundRole(QPalette::PlaceholderText);
    lay_out();
    connect(filter_, &QLineEdit::textChanged, this, &ModelBrowser::show_filter);
    connect(copy_, &QPushButton::clicked, this, &ModelBrowser::copy_hook);
    connect(tree_, &QTreeView::customContextMenuRequested, this, &ModelBrowser::show_menu);
    connect(&workspace, &Workspace::model_changed, this, &ModelBrowser::show_model);
    connect(tree_->selectionModel(), &QItemSelectionModel::currentChanged, this, [this] {
        copy_->setEnabled(!model_->hook(current()).isEmpty());
        const NodeRef place = model_->place(current());
        if (tree_->hasFocus() && !place.empty()) workspace_.selection().select(place, tree_);
    });
    show_model();
}

void ModelBrowser::lay_out() {
    auto* row = new QHBoxLayout;
    row->addWidget(copy_);
    row->addStretch(1);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(filter_);
    layout->addWidget(tree_, 1);
    layout->addLayout(row);
    layout->addWidget(summary_);
    tree_->setColumnWidth(ModelTree::name, fontMetrics().averageCharWidth() * 21);
    tree_->setColumnWidth(ModelTree::parameters, fontMetrics().averageCharWidth() * 12);
    tree_->setColumnWidth(ModelTree::shape, fontMetrics().averageCharWidth() * 17);
}

void ModelBrowser::show_model() {
    const OpenModel* model = workspace_.model();
    model_->set_outline(model ? model->outline() : ModelOutline());
    if (model) {
        const ModelFacts& facts = model->facts();
        summary_->setText(tr("%1: %2 parameters, %3 layers, %4 heads, d_model %5")
                              .arg(QString::fromStdString(facts.name), count_text(model->outline().parameters()))
                              .arg(facts.n_layers)
                              .arg(facts.n_heads)
                              .arg(facts.d_model));
    } else {
        summary_->setText(workspace_.model_error().isEmpty() ? tr("Opening the model…") : workspace_.model_error());
    }
    show_filter(filter_->text());
    copy_->setEnabled(false);
}

void ModelBrowser::show_filter(const QString& text) {
    static_cast<Filter*>(filtered_)->set_words(text);
    if (text.isEmpty())
        tree_->collapseAll();
    else
        tree_->expandAll();
}

QModelIndex ModelBrowser::current() const {
    return filtered_->mapToSource(tree_->currentIndex().siblingAtColumn(0));
}

QModelIndex ModelBrowser::find(const QString& hook) const {
    QList<QModelIndex> todo{{}};
    while (!todo.isEmpty()) {
        const QModelIndex parent = todo.takeFirst();
        for (int row = 0; row < filtered_->rowCount(parent); ++row) {
            const QModelIndex index = filtered_->index(row, 0, parent);
            if (model_->hook(filtered_->mapToSource(index)) == hook) return index;
            todo << index;
        }
    }
    return {};
}

void ModelBrowser::copy_hook() {
    const QString hook = model_->hook(current());
    if (!hook.isEmpty()) QApplication::clipboard()->setText(hook);
}

QString ModelBrowser::target(const QModelIndex& index) const {
    if (model_->kind(index) == ModelTree::Kind::head) return model_->hook(index) + QStringLiteral(".z");
    return model_->kind(index) == ModelTree::Kind::site ? model_->hook(index) : QString();
}

void ModelBrowser::show_menu(const QPoint& at) {
    const QModelIndex index = current();
    if (!index.isValid()) return;
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    QAction* copy = menu->addAction(tr("&Copy Hook Name"), this, &ModelBrowser::copy_hook);
    copy->setEnabled(!model_->hook(index).isEmpty());
    const QString where = target(index);
    QAction* intervene = menu->addAction(tr("&Intervene Here"), this, [this, where] { Q_EMIT intervention_wanted(where); });
    intervene->setEnabled(!where.isEmpty());
    menu->popup(tree_->viewport()->mapToGlobal(at));
}

}  // namespace microtome
