#include "widgets/store_browser.h"

#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QSplitter>
#include <QToolButton>
#include <QVBoxLayout>
#include <utility>

#include "widgets/field_form.h"

namespace microtome {

StoreBrowser::StoreBrowser(Workspace& workspace, QWidget* parent) : QWidget(parent), workspace_(workspace) {
    model_ = new StoreTree(this);
    make_tree();
    prompt_ = new QSpinBox(this);
    prompt_->setAccessibleName(tr("Prompt of the store"));
    site_ = new QComboBox(this);
    site_->setAccessibleName(tr("Site"));
    site_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    site_->setMinimumContentsLength(24);
    columns_ = new QComboBox(this);
    columns_->setAccessibleName(tr("Axis shown as columns"));
    axes_ = new QWidget(this);
    panel_ = new MatrixPanel(workspace.selection(), tr("Activations"), this);
    const auto line = [this] {
        auto* label = new QLabel(this);
        label->setTextFormat(Qt::PlainText);
        label->setMinimumWidth(1);
        return label;
    };
    text_ = line();
    statistics_ = line();
    statistics_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    statistics_->setWordWrap(true);
    message_ = new NoticeLabel(this);
    message_->setMinimumWidth(1);
    lay_out();
    link();
}

void StoreBrowser::make_tree() {
    tree_ = new QTreeView(this);
    tree_->setAccessibleName(tr("Contents of the store"));
    tree_->setModel(model_);
    tree_->setFrameShape(QFrame::NoFrame);
    tree_->setUniformRowHeights(true);
    tree_->header()->setStretchLastSection(false);
    tree_->header()->setSectionResizeMode(StoreTree::shape, QHeaderView::Stretch);
    tree_->setTextElideMode(Qt::ElideMiddle);  // layers stand at the front of a hook name, what it is at the end
    tree_->setColumnWidth(StoreTree::name, fontMetrics().averageCharWidth() * 31);
    tree_->setColumnWidth(StoreTree::size, fontMetrics().averageCharWidth() * 11);
}

void StoreBrowser::lay_out() {
    const auto label = [this](const QString& text, QWidget* buddy) {
        auto* made = new QLabel(text, this);
        made->setBuddy(buddy);
        return made;
    };
    auto* row = new QHBoxLayout;
    row->addWidget(label(tr("P&rompt"), prompt_));
    row->addWidget(prompt_);
    row->addWidget(label(tr("&Site"), site_));
    row->addWidget(site_, 1);
    auto* axes = new QHBoxLayout(axes_);
    axes->setContentsMargins(0, 0, 0, 0);
    axes->addWidget(label(tr("&Columns"), columns_));
    axes->addWidget(columns_);
    axes->addStretch(1);
    auto* table = new QToolButton(this);
    table->setText(tr("Table"));
    table->setCheckable(true);
    table->setToolTip(tr("Read the numbers as a table (Ctrl+T)"));
    table->setAccessibleName(tr("Activations as a table"));
    connect(table, &QToolButton::toggled, panel_, &MatrixPanel::show_table);
    connect(panel_, &MatrixPanel::table_shown, table, &QToolButton::setChecked);
    auto* second = new QHBoxLayout;
    second->addWidget(axes_, 1);
    second->addWidget(table);
    auto* right = new QWidget(this);
    auto* column = new QVBoxLayout(right);
    column->addLayout(row);
    column->addWidget(text_);
    column->addLayout(second);
    column->addWidget(panel_, 1);
    column->addWidget(statistics_);
    auto* split = new QSplitter(this);
    split->addWidget(tree_);
    split->addWidget(right);
    split->setStretchFactor(1, 1);
    split->setSizes({fontMetrics().averageCharWidth() * 62, fontMetrics().averageCharWidth() * 80});
    auto* all = new QVBoxLayout(this);
    all->addWidget(message_);
    all->addWidget(split, 1);
}

void StoreBrowser::link() {
    connect(model_, &StoreTree::prompts_wanted, this, &StoreBrowser::fetch);
    connect(&workspace_, &Workspace::model_changed, this, &StoreBrowser::read_slice);  // its tokenizer may know the tokens
    connect(tree_->selectionModel(), &QItemSelectionModel::currentChanged, this, [this](const QModelIndex& index) {
        if (StoreTree::group_of(index) == StoreTree::sites) choose_site(index.row());
        if (StoreTree::group_of(index) == StoreTree::prompts) choose_prompt(index.row());
    });
    connect(prompt_, &QSpinBox::valueChanged, this, [this] {
        show_axes();
        read_slice();
    });
    connect(site_, &QComboBox::currentIndexChanged, this, [this] {
        make_axes();
        read_slice();
    });
    connect(columns_, &QComboBox::currentIndexChanged, this, [this] {
        show_axes();
        read_slice();
    });
}

void StoreBrowser::open(const QString& file) {
    jobs_.cancel(open_job_);
    show_message(tr("Opening %1…").arg(file), false);
    const auto work = [this, file](RunProgress& progress) -> JobQueue::Deliver {
        auto store = std::make_shared<StoreView>(file.toStdString());
        progress.check();
        return [this, store, file] {
            file_ = file;
            adopt(store);
        };
    };
    const auto failed = [this](const QString& error) {
        if (error.isEmpty()) return;
        show_message(error, true);
        Q_EMIT this->failed(error);
    };
    open_job_ = jobs_.start(tr("Open %1").arg(file), work, {}, failed);
}

void StoreBrowser::adopt(std::shared_ptr<StoreView> store) {
    release();
    store_ = std::move(store);
    const StoreFacts& facts = store_->facts();
    model_->set_facts(facts);
    tree_->expand(model_->group(StoreTree::sites));
    {
        const QSignalBlocker quiet(site_), still(prompt_);
        site_->clear();
        for (const StoredSite& site : facts.sites) site_->addItem(site_label(site));
        prompt_->setRange(0, std::max(static_cast<int>(facts.prompts) - 1, 0));
        prompt_->setValue(0);
        prompt_->setSuffix(tr(" of 0–%1").arg(prompt_->maximum()));
    }
    show_message({}, false);
    make_axes();
    read_slice();
    Q_EMIT opened(QFileInfo(file_).fileName());
}

void StoreBrowser::release() {
    if (!store_) return;
    auto work = [held = std::exchange(store_, nullptr)](RunProgress&) mutable -> JobQueue::Deliver {
        held.reset();
        return {};
    };
    jobs_.start(tr("Close the store"), std::move(work));  // moved: no copy is left to close the file here
}

void StoreBrowser::close() {
    jobs_.cancel_all();
    release();
    file_.clear();
    model_->set_facts({});
    show_message({}, false);
    panel_->set_grid(nullptr, {}, {});
    for (QLabel* label : {text_, statistics_}) label->clear();
    const QSignalBlocker quiet(site_);
    site_->clear();
    make_axes();
}

void StoreBrowser::fetch(std::uint64_t first, std::uint64_t count) {
    const auto work = [this, store = store_, first, count](RunProgress& progress) mutable -> JobQueue::Deliver {
        auto prompts = std::make_shared<std::vector<StoredPrompt>>();
        for (std::uint64_t i = first; i < first + count; ++i) {
            progress.check();
            prompts->push_back(store->prompt(i));
        }
        return [this, from = std::exchange(store, nullptr).get(), prompts] {
            if (from == store_.get()) model_->add_prompts(*prompts);
        };
    };
    jobs_.start(tr("Read prompts"), work, {}, [this](const QString& error) {
        if (!error.isEmpty()) show_message(error, true);
    });
}

const StoredSite* StoreBrowser::site() const {
    const int row = site_->currentIndex();
    return store_ && row >= 0 ? &store_->facts().sites[static_cast<std::size_t>(row)] : nullptr;
}

void StoreBrowser::choose_site(int row) {
    site_->setCurrentIndex(row);
}

void StoreBrowser::choose_prompt(int row) {
    prompt_->setValue(row);
}

QSpinBox* StoreBrowser::index_box(const QString& axis) const {
    for (const auto& [label, box] : indices_)
        if (box->objectName() == axis) return box;
    return nullptr;
}

void StoreBrowser::show_message(const QString& text, bool error) {
    message_->show_notice(text, error ? NoticeLabel::Tone::error : NoticeLabel::Tone::dim);
    message_->setVisible(!text.isEmpty());
    if (!store_) panel_->map()->set_message(error ? tr("No store is open.") : text);
}

}  // namespace microtome
