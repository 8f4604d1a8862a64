"""The metrics of one finished run as an object with named fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.core.notebook import html_fields, html_table
from fertools.statistics.classification import confusion_matrix
from fertools.training.evaluation.predictions import read_predictions
from fertools.training.runs.folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

_FIELDS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "uar",
    "macro_f1": "macro_f1",
    "ccc": "ccc",
    "ccc_valence": "ccc_valence",
    "ccc_arousal": "ccc_arousal",
    "reconstruction_l1": "reconstruction_l1",
}
"""Fields of a `RunEvaluation`, with the keys of the same metrics in `run.json`."""


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """How often each true class was predicted as each class.

    Attributes:
        classes: names of the classes, in the order of rows and columns.
        counts: C x C int64 numbers of faces; a row per true class, a column per predicted one.
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]

    def to_pandas(self) -> pd.DataFrame:
        """Return the counts as a DataFrame; its index is the true class, its columns are the predicted ones."""
        import pandas as pd

        true, predicted = (pd.Index(self.classes, name=name) for name in ("true", "predicted"))
        return pd.DataFrame(self.counts, true, predicted)

    def __repr__(self) -> str:
        return f"ConfusionMatrix({dict(zip(self.classes, self.counts.tolist(), strict=True))})"

    def _repr_html_(self) -> str:
        rows = ((name, *counts) for name, counts in zip(self.classes, self.counts.tolist(), strict=True))
        return html_table("faces; rows are the true classes", ("", *self.classes), rows)


@dataclass(frozen=True, eq=False)
class RunEvaluation:
    """The metrics of a run on its held-out faces; None where the model does not predict what a metric needs.

    Attributes:
        faces: number of held-out faces.
        accuracy: share of the labelled faces with a correct class, 0 to 1.
        balanced_accuracy: mean recall of the classes (UAR), 0 to 1.
        macro_f1: mean F1 of the classes, 0 to 1.
        ccc: mean of `ccc_valence` and `ccc_arousal`, -1 to 1.
        ccc_valence: concordance of predicted and true valence, -1 to 1.
        ccc_arousal: concordance of predicted and true arousal, -1 to 1.
        reconstruction_l1: mean absolute difference of faces and their translations translated back, 0 to 2.
        confusion: confusion matrix of the labelled faces.
        figures: all figures as `run.json` has them, also those of single translations and further folds; see
            `fertools.training.evaluation.translator.translate_held_out`.
    """

    faces: int
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    ccc: float | None = None
    ccc_valence: float | None = None
    ccc_arousal: float | None = None
    reconstruction_l1: float | None = None
    confusion: ConfusionMatrix | None = None
    figures: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def _repr_html_(self) -> str:
        values = {name.replace("_", " "): getattr(self, name) for name in ("faces", *_FIELDS)}
        shown = html_fields("held-out faces", {name: value for name, value in values.items() if value is not None})
        return shown + (self.confusion._repr_html_() if self.confusion is not None else "")


def read_evaluation(folder: RunFolder) -> RunEvaluation:
    """Return the metrics of a finished run.

    Args:
        folder: folder of the run.

    Raises:
        InputError: the run has no results, or its record or predictions cannot be read.
        SchemaError: the predictions are not a table of predictions.
    """
    results = (folder.read() or {}).get("results")
    if not results:
        raise InputError(f"{folder.root} has no results; train the run to its end first")
    confusion = None
    if folder.predictions_path().is_file():
        predictions = read_predictions(folder.predictions_path())
        if classes := predictions.classes:
            labels = predictions.labels()
            predicted = predictions.probabilities()[labels >= 0].argmax(axis=1)
            counts = confusion_matrix(labels[labels >= 0], predicted, len(classes))
            confusion = ConfusionMatrix(classes, counts.astype(np.int64))
    values = {name: float(results[key]) for name, key in _FIELDS.items() if key in results}
    return RunEvaluation(int(results["faces"]), **values, confusion=confusion, figures=results)
