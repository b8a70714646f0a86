// The prompt as running text, each token shaded by the attention that one token (outlined) pays to it.
#pragma once

#include <vector>

#include "widgets/table_canvas.h"

namespace microtome {

class TokenFlow : public TableCanvas {
    Q_OBJECT
  public:
    explicit TokenFlow(QWidget* parent = nullptr);

    void set_tokens(const std::vector<std::string>& tokens);
    /// One weight a token, 0 to 1 (NaN: not shaded), as seen from token `from`.
    void set_weights(const std::vector<double>& weights, int from);
    const std::vector<double>& weights() const { return weights_; }
    int from() const { return from_; }

    int rows() const override { return tokens_.empty() ? 0 : 1; }
    int columns() const override { return static_cast<int>(tokens_.size()); }
    QString cell_text(CellIndex cell) const override;
    QString row_title(int) const override { return {}; }
    QString column_title(int column) const override { return QString::number(column); }
    QRectF cell_rect(CellIndex cell) const override;
    CellIndex cell_at(QPointF point) const override;

    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

  protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

  private:
    std::vector<QRectF> placed(int width) const;

    std::vector<std::string> tokens_;
    std::vector<double> weights_;
    std::vector<QRectF> boxes_;
    int from_ = -1;
};

}  // namespace microtome
