// Choice boxes that are as wide as what is chosen asks for, not as the longest choice: the window stays narrow and no text is cut.
#pragma once

#include <QComboBox>
#include <QStyle>
#include <QStyleOptionComboBox>

namespace microtome {

inline void fit_choice(QComboBox* box) {
    QStyleOptionComboBox option;
    option.initFrom(box);
    const QFontMetrics metrics = box->fontMetrics();
    const QSize text(metrics.horizontalAdvance(box->currentText()) + 2 * metrics.averageCharWidth(), metrics.height());
    box->setMinimumWidth(box->style()->sizeFromContents(QStyle::CT_ComboBox, &option, text, box).width());
}

/// Keeps the width right from now on.
inline void keep_choice_fitted(QComboBox* box) {
    QObject::connect(box, &QComboBox::currentTextChanged, box, [box] { fit_choice(box); });
    fit_choice(box);
}

}  // namespace microtome
