"""The text on a support vector machine for the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fertools.training.systems.entry import MethodsText
from fertools.training.systems.methods_terms import values

_FEATURES = {
    "hog": "Dalal, N., Triggs, B. (2005). Histograms of oriented gradients for human detection. CVPR.",
    "lbp": "Shan, C., Gong, S., McOwan, P. (2009). Facial expression recognition based on local binary "
    "patterns: a comprehensive study. Image and Vision Computing 27, 803-816.",
}
_PLATT = (
    "Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large Margin Classifiers, 61-74."
)


def describe(name: str, record: Mapping[str, Any]) -> MethodsText:
    """Return the text on the training of a support vector machine."""
    value = values(record)
    features = value("features")
    size = value("image_size")
    words = {
        "hog": "histograms of oriented gradients (Dalal and Triggs, 2005)",
        "lbp": "local binary patterns by region (Shan et al., 2009)",
    }
    sentence = (
        f"{name} is a linear support vector machine (C = {value('c'):g}) on {words[features]} of grey faces of "
        f"{size} × {size} pixels; sigmoids (Platt, 1999) fitted in {value('calibration_folds')} parts of the training "
        "subjects turn its margins into probabilities."
    )
    return MethodsText((sentence,), (_FEATURES[features], _PLATT))
