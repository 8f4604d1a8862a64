"""Predictions of a model for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from fertools.core.notebook import html_table
from fertools.inference.detect import Face

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20


@dataclass(frozen=True, eq=False)
class PicturePrediction:
    """The prediction of a model for one picture.

    Attributes:
        picture: path of the file, or index of the picture in the call.
        face: the face that was used, the largest of the picture; None if the picture was given as a crop, or has no
            face.
        emotion: the most probable class; None if the model does not predict classes, or the picture has no face.
        probabilities: probability by class; empty in the same cases.
        valence: -1 to 1; None if the model does not predict it, or the picture has no face.
        arousal: -1 to 1, or None in the same cases.
    """

    picture: str
    face: Face | None
    emotion: str | None
    probabilities: dict[str, float]
    valence: float | None
    arousal: float | None


@dataclass(frozen=True, eq=False)
class PicturePredictions(Sequence[PicturePrediction]):
    """The predictions of a model for N pictures, in the given order.

    Attributes:
        pictures: path of each file, or its index in the call.
        faces: the face that was used in each; None if a picture was given as a crop, or has no face.
        read: N booleans: False for a picture without a face.
        classes: names of the classes, in the order of `probabilities`; empty if the model predicts none.
        probabilities: N x C float32; NaN for a picture without a face.
        valence_arousal: N x 2 float32, or N x 0 if the model does not predict them; NaN for a picture without a face.
    """

    pictures: tuple[str, ...]
    faces: tuple[Face | None, ...]
    read: NDArray[np.bool_]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    valence_arousal: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pictures)

    @overload
    def __getitem__(self, place: int) -> PicturePrediction: ...
    @overload
    def __getitem__(self, place: slice) -> list[PicturePrediction]: ...
    def __getitem__(self, place: int | slice) -> PicturePrediction | list[PicturePrediction]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        probabilities, valence_arousal = self.probabilities[place].tolist(), self.valence_arousal[place].tolist()
        has_face = bool(self.read[place])
        return PicturePrediction(
            picture=self.pictures[place],
            face=self.faces[place],
            emotion=self.classes[int(np.argmax(probabilities))] if has_face and self.classes else None,
            probabilities=dict(zip(self.classes, probabilities, strict=True)) if has_face else {},
            valence=valence_arousal[0] if has_face and valence_arousal else None,
            arousal=valence_arousal[1] if has_face and valence_arousal else None,
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame with a row per picture; a picture without a face has None and NaN.

        The columns are `image`, `emotion`, `p_<class>` for each class, `valence` and `arousal`, as far as the model
        predicts them.
        """
        import pandas as pd

        columns: dict[str, object] = {"image": pd.Series(self.pictures, dtype=object)}
        if self.classes:
            columns["emotion"] = pd.Series([one.emotion for one in self], dtype=object)
            columns |= {f"p_{name}": self.probabilities[:, place] for place, name in enumerate(self.classes)}
        if self.valence_arousal.shape[1]:
            columns |= {"valence": self.valence_arousal[:, 0], "arousal": self.valence_arousal[:, 1]}
        return pd.DataFrame(columns)

    def _repr_html_(self) -> str:
        axes = ("valence", "arousal") if self.valence_arousal.shape[1] else ()
        columns = (*self.probabilities.T[:, :_SHOWN], *self.valence_arousal.T[:, :_SHOWN])
        rows = zip(self.pictures[:_SHOWN], *(column.tolist() for column in columns), strict=True)
        lacking = int((~self.read).sum())
        caption = f"{len(self)} picture{'' if len(self) == 1 else 's'}"
        caption += f", {lacking} without a face" if lacking else ""
        caption += f", the first {_SHOWN}" if len(self) > _SHOWN else ""
        return html_table(caption, ("image", *self.classes, *axes), rows)
