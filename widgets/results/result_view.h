// What one analysis found: a tab for each of its views, the headline numbers, warnings, and where it all came from.
#pragma once

#include <QLabel>
#include <QTabWidget>
#include <vector>

#include "widgets/results/view_widget.h"
#include "widgets/workspace.h"

namespace microtome {

class ResultView : public QWidget {
    Q_OBJECT
  public:
    ResultView(Workspace& workspace, std::string analysis, QWidget* parent = nullptr);

    const std::string& analysis() const { return analysis_; }
    const ShownResult& result() const { return workspace_.result(analysis_); }
    /// The widget of the view in front; null before there is one. A focus that came earlier goes on to it.
    ViewWidget* current() const;
    /// By the view's name; null if there is none.
    ViewWidget* widget(const std::string& view) const;
    QTabWidget* tabs() const { return tabs_; }
    QString notice() const { return notice_->text(); }
    QString summary() const { return summary_->text(); }
    QString provenance() const { return provenance_->text(); }
    /// The view in front as it is shown, for export.
    std::optional<NamedView> shown() const;
    SceneOptions scene_options() const;

  private:
    struct Page {
        std::string name;
        std::size_t kind;  // which alternative of View, or compared
        ViewWidget* widget;
    };
    static constexpr std::size_t compared = std::variant_size_v<View>;
    void show_result();
    void show_text();
    /// `difference`: what belongs to the runs of `view`; null for a view of its own.
    void show_page(std::size_t index, const NamedView& view, const NamedView* difference);
    ViewPlace place_of(const NamedView& view) const;

    Workspace& workspace_;
    std::string analysis_;
    QTabWidget* tabs_;
    std::vector<Page> pages_;
    QLabel *notice_, *summary_, *provenance_;
};

}  // namespace microtome
