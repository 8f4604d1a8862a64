"""`FaceDataset`: the faces of one split part as a torch dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.notebook import html_fields
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import nested
from fertools.training.data.faces import Faces, Side, select_faces
from fertools.training.data.pixel_cache import load_pixels

_SIDES: tuple[Side, ...] = ("train", "val", "test")


class FaceLabels(NamedTuple):
    """The labels of a face. A DataLoader collates them into the labels of a batch, one row per face.

    Attributes:
        emotion: int64 index into the `classes` of the dataset; -1 where unknown.
        valence: float32 in [-1, 1]; NaN where unknown.
        arousal: float32 in [-1, 1]; NaN where unknown.
        face_id: identifier of the face in the manifest.
        subject_id: the person; empty where unknown.
    """

    emotion: Tensor
    valence: Tensor
    arousal: Tensor
    face_id: str
    subject_id: str


class FaceDataset(Dataset[tuple[Tensor, FaceLabels]]):
    """The faces of one split part; no person is in two parts.

    Crops are read once, into a file in the workspace's `training/pixels/` that later datasets and training runs share.

    Args:
        workspace: workspace with the manifest, or the path of its folder. It has to be split (`fertools.split`).
        fold: number of the held-out fold, or several numbers. Not used if the workspace was split by a hold-out.
        side: split part: `train`, `val`, or the held-out part `test`.
        modality: modality of the faces: `visible`, `thermal`, `nir` or `animated`.
        image_size: side S of the faces in pixels.
        transform: applied to each image; takes and returns a tensor.
        classes: names of the expressions.
        needs_emotion: leave out faces without one of `classes`.
        needs_va: leave out faces without valence and arousal.
        val_share: share of the faces outside the test part that is kept for `val`, by person; 0 for none.

    Attributes:
        classes: names of the expressions, in the order of their indices.
        side: as given.
        table: the rows of the manifest, in the order of the dataset.

    Raises:
        InputError: an argument is out of range, the workspace has no faces or no split, or the part has no faces.
        CheckFailed: a person is in two parts.

    Example:
        >>> train, test = (FaceDataset("my-dataset", fold=0, side=side, image_size=64) for side in ("train", "test"))
        >>> image, labels = train[0]
        >>> len(train), len(test), tuple(image.shape), train.classes[int(labels.emotion)]
        (21, 7, (3, 64, 64), 'surprise')
    """

    def __init__(
        self,
        workspace: WorkspaceLike,
        fold: int | Sequence[int] = 0,
        side: Side = "train",
        *,
        modality: str = "visible",
        image_size: int = 112,
        transform: Callable[[Tensor], Tensor] | None = None,
        classes: Sequence[str] = EMOTIONS,
        needs_emotion: bool = True,
        needs_va: bool = False,
        val_share: float = 0.0,
    ) -> None:
        if side not in _SIDES:
            raise InputError(f"{argument('side')} is '{side}'; choose one of {', '.join(_SIDES)}")
        if not 4 <= image_size <= 1024:
            raise InputError(f"{argument('image_size')} is {image_size}; give 4 to 1024 pixels")
        if not 0 <= val_share <= 0.5:
            raise InputError(f"{argument('val_share')} is {val_share}; give a share from 0 to 0.5, such as 0.1")
        if side == "val" and not val_share:
            raise InputError(
                f"{argument('val_share')} is 0, which keeps nobody for the part 'val'; give a share, such as 0.1"
            )
        workspace = Workspace(workspace)
        faces = _select(
            workspace,
            fold,
            modality=modality,
            classes=classes,
            needs_emotion=needs_emotion,
            needs_va=needs_va,
            val_share=val_share,
        )
        self.classes, self.side, self._transform = tuple(classes), side, transform
        # Rows of all parts, so that the datasets of all parts and folds share one file.
        self._pixels = load_pixels(workspace, faces, image_size, workspace.pixels)
        self._rows = faces.rows(side)
        self._emotions = torch.from_numpy(faces.emotions[self._rows])
        self._valence_arousal = torch.from_numpy(faces.valence_arousal[self._rows])
        self.table: pa.Table = nested.take(faces.table, self._rows)
        self._face_ids: list[str] = self.table["face_id"].to_pylist()
        self._subject_ids: list[str] = [name or "" for name in self.table["subject_id"].to_pylist()]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[Tensor, FaceLabels]:
        """Return a face.

        Args:
            index: its number, from 0; a negative one counts from the end.

        Returns:
            The image, 3xSxS float32 RGB in [-1, 1], and its labels.

        Raises:
            IndexError: there is no such face.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"face {index} of {len(self)}")
        coded = torch.from_numpy(np.array(self._pixels[self._rows[index]]))
        image = coded.permute(2, 0, 1).float().div_(127.5).sub_(1)
        if self._transform is not None:
            image = self._transform(image)
        valence, arousal = self._valence_arousal[index]
        labels = FaceLabels(self._emotions[index], valence, arousal, self._face_ids[index], self._subject_ids[index])
        return image, labels

    def __iter__(self) -> Iterator[tuple[Tensor, FaceLabels]]:
        return (self[index] for index in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        # A worker that is not forked maps the file itself, so that the pixels need not be sent to it.
        state = self.__dict__.copy()
        pixels = state.pop("_pixels")
        return state | {"_mapped": (str(pixels.filename), pixels.offset, pixels.shape)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        path, offset, shape = state.pop("_mapped")
        self.__dict__.update(state)
        self._pixels = np.memmap(path, np.uint8, "r", offset, shape)

    def _repr_html_(self) -> str:
        counts = {name: int((self._emotions == number).sum()) for number, name in enumerate(self.classes)}
        people = len(set(self._subject_ids) - {""})
        return html_fields(f"{self.side}: {len(self):,} faces of {people:,} people", counts)


def _select(workspace: Workspace, fold: int | Sequence[int], **options: Any) -> Faces:
    """Return the faces of all parts."""
    return select_faces(workspace, test_folds=(fold,) if isinstance(fold, int) else tuple(fold), **options)
