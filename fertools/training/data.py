"""Faces for training: which rows of the manifest take part, on which side, and their pixels in memory.

A face is on the held-out side if its fold is the test fold, or, where the manifest was split by a hold-out, if its
split is `test`; one that is in neither takes no part. No person is on both sides: that is looked up again here,
whoever made the split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fertools.core import files
from fertools.core.errors import CheckFailed, InputError
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.leaks import COLUMNS as LEAK_COLUMNS
from fertools.manifests.leaks import find_leaks

Side = Literal["train", "test"]
Pixels = NDArray[np.uint8]

_PIXEL_COLUMNS = ("face_id", "path")
_MEANING = (*_PIXEL_COLUMNS, "emotion", "valence", "arousal", "subject_id", "fold", "split")
"""What a run depends on: a change in one of these makes it another run."""


@dataclass(frozen=True)
class Faces:
    """The rows that a run works on, in the order of `face_id`.

    Attributes:
        table: the rows with all columns of the manifest.
        held_out: which of them are never trained on.
        emotions: index into EMOTIONS; -1 where unknown.
        valence_arousal: Nx2 float32; NaN where unknown.
    """

    table: pa.Table
    held_out: NDArray[np.bool_]
    emotions: NDArray[np.int64]
    valence_arousal: NDArray[np.float32]

    def fingerprint(self) -> str:
        """Return a digest of everything about these rows that training depends on."""
        return store.fingerprint(self.table, _MEANING)

    def rows(self, side: Side) -> NDArray[np.int64]:
        """Return the positions of one side's rows."""
        return np.flatnonzero(self.held_out if side == "test" else ~self.held_out)

    def counts(self, side: Side) -> dict[str, int]:
        """Return faces per expression of one side, all seven named, in order."""
        found = Counter(self.emotions[self.rows(side)].tolist())
        return {emotion: found[index] for index, emotion in enumerate(EMOTIONS)}

    def subjects(self, side: Side) -> int:
        """Return the number of people on one side."""
        return len(set(self.table["subject_id"].take(pa.array(self.rows(side))).to_pylist()) - {None})

    def prototypes(self) -> NDArray[np.float32]:
        """Return 7x2 mean valence and arousal of each expression in the training part; 0 where none is known."""
        means = np.zeros((len(EMOTIONS), 2), np.float32)
        known = ~self.held_out & ~np.isnan(self.valence_arousal).any(axis=1)
        for index in range(len(EMOTIONS)):
            if (members := known & (self.emotions == index)).any():
                means[index] = self.valence_arousal[members].mean(axis=0)
        return means


def select_faces(workspace: Workspace, *, modality: str, test_fold: int, needs_emotion: bool, needs_va: bool) -> Faces:
    """Return the faces that a system can be trained and tested on.

    Args:
        workspace: whose manifest.
        modality: which pictures.
        test_fold: the fold to hold out, where the manifest has folds.
        needs_emotion: leave out faces without one of the seven expressions.
        needs_va: leave out faces without valence and arousal.

    Raises:
        InputError: no manifest, no faces, no split, no labels, a single class, or an empty side; the message says
            which command comes first.
        CheckFailed: a person is on both sides.
    """
    table = store.read_faces(workspace)
    real = pc.and_(pc.equal(table["status"], "kept"), pc.is_null(table["parent_id"]))
    table = table.filter(pc.and_(real, pc.and_(pc.equal(table["modality"], modality), pc.is_valid(table["path"]))))
    if not len(table):
        raise InputError(f"{workspace.manifest} has no kept {modality} faces with crops; ingest some first")
    table = _with_a_side(workspace, table)
    if needs_emotion:
        table = _with_emotion(table)
    if needs_va:
        table = table.filter(pc.and_(pc.is_valid(table["valence"]), pc.is_valid(table["arousal"])))
        if not len(table):
            raise InputError(
                "no face has valence and arousal, which this condition needs; rate them with `fertools annotate --va`"
            )
    held_out = _held_out(table, test_fold)
    _refuse_leaks(table, held_out)
    faces = Faces(
        table=table,
        held_out=held_out,
        emotions=_emotion_indices(table),
        valence_arousal=np.stack(
            [np.asarray(table[name].to_numpy(), np.float32) for name in ("valence", "arousal")], axis=1
        ),
    )
    _refuse_one_sided(faces, needs_emotion=needs_emotion)
    return faces


def _with_a_side(workspace: Workspace, table: pa.Table) -> pa.Table:
    """Return the rows in a fold, or where there are no folds, those in the training or the test part.

    A face without a fold beside others that have one came after the split; nobody knows yet where its person belongs.
    """
    folds = pc.is_valid(table["fold"])
    parts = pc.is_in(table["split"], value_set=pa.array(["train", "test"]))
    table = table.filter(folds if pc.any(folds).as_py() else parts)
    if not len(table):
        raise InputError(
            f"no face of {workspace.manifest} is in a fold or split; run `fertools split --folds 10` first"
        )
    return table


def _with_emotion(table: pa.Table) -> pa.Table:
    labelled = table.filter(pc.is_in(table["emotion"], value_set=pa.array(EMOTIONS)))
    present = pc.unique(labelled["emotion"]).to_pylist()
    if not present:
        raise InputError(
            "no face has one of the seven expressions as its label; put videos into folders named by emotion and "
            "ingest them, or label them with `fertools annotate --emotion`"
        )
    if len(present) == 1:
        raise InputError(
            f"every labelled face is {present[0]}, so there is nothing to translate to; add faces of another emotion"
        )
    return labelled


def _held_out(table: pa.Table, test_fold: int) -> NDArray[np.bool_]:
    if table["fold"].null_count == len(table):
        return np.asarray(pc.equal(table["split"], "test").to_numpy(zero_copy_only=False), bool)
    folds = pc.unique(table["fold"].drop_null()).to_pylist()
    if test_fold not in folds:
        raise InputError(
            f"test_fold is {test_fold}, and the manifest's folds go from {min(folds)} to {max(folds)}; give one of them"
        )
    return np.asarray(pc.equal(table["fold"], test_fold).to_numpy(zero_copy_only=False), bool)


def _refuse_leaks(table: pa.Table, held_out: NDArray[np.bool_]) -> None:
    sides = store.replace_columns(
        table.select(list(LEAK_COLUMNS)),
        {"fold": pa.nulls(len(table), pa.int32()), "split": np.where(held_out, "test", "train").tolist()},
    )
    if leaks := find_leaks(sides):
        raise CheckFailed(
            f"{len(leaks)} leaks between training and held-out faces, the first: {leaks[0]}; split again with "
            "`fertools split --overwrite`"
        )


def _emotion_indices(table: pa.Table) -> NDArray[np.int64]:
    indices = pc.index_in(table["emotion"], value_set=pa.array(EMOTIONS))
    return np.asarray(pc.fill_null(indices, -1).to_numpy(), np.int64)


def _refuse_one_sided(faces: Faces, *, needs_emotion: bool) -> None:
    sides: dict[Side, str] = {"train": "training", "test": "held-out"}
    for side, words in sides.items():
        if not len(faces.rows(side)):
            raise InputError(f"no labelled face is left on the {words} side; split again with other folds")
    present = [emotion for emotion, count in faces.counts("train").items() if count]
    if needs_emotion and len(present) == 1:
        raise InputError(
            f"every training face is {present[0]}, so there is nothing to translate to; choose another test_fold"
        )


def load_pixels(workspace: Workspace, faces: Faces, size_px: int, cache: Path) -> Pixels:
    """Return the crops of `faces`, NxSxSx3 RGB, read once and kept in `cache` for the next start.

    Args:
        workspace: what the paths of the crops are relative to.
        faces: which.
        size_px: S; crops are brought to it by area averaging, or by cubic interpolation where they are smaller.
        cache: folder for the file of pixels, whose name tells which faces and size it is of.

    Raises:
        InputError: a crop is missing or cannot be read.
        StorageError: the disk is full.
    """
    path = cache / f"faces-{store.fingerprint(faces.table, _PIXEL_COLUMNS)[:16]}-{size_px}.npy"
    if not path.is_file():
        with files.replacing(path) as temporary:
            shape = (len(faces.table), size_px, size_px, 3)
            # Plain writes, since a full disk kills a process that writes through a memory map.
            with temporary.open("wb") as stream:
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                for pixels in _read_crops(workspace, faces, size_px):
                    stream.write(pixels.tobytes())
    mapped: Pixels = np.load(path, mmap_mode="r")
    return mapped


def _read_crops(workspace: Workspace, faces: Faces, size_px: int) -> Iterator[Pixels]:
    names = faces.table["path"].to_pylist()
    with ThreadPoolExecutor() as pool:
        # In pieces, so that no more than these wait in memory for the disk.
        for start in range(0, len(names), 1024):
            yield from pool.map(lambda name: read_crop(workspace.root / name, size_px), names[start : start + 1024])


def read_crop(path: Path, size_px: int) -> Pixels:
    """Return the picture at `path` as SxSx3 RGB.

    Raises:
        InputError: it is missing or cannot be read.
    """
    try:
        coded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(f"the crop {path} cannot be read ({error.strerror}); ingest with --overwrite") from error
    bgr = cv2.imdecode(coded, cv2.IMREAD_COLOR) if coded.size else None
    if bgr is None:
        raise InputError(f"the crop {path} is not a picture; ingest with --overwrite")
    shrinks = min(bgr.shape[:2]) >= size_px
    resized = cv2.resize(bgr, (size_px, size_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.ascontiguousarray(resized[..., ::-1], np.uint8)


def pick_examples(faces: Faces, count: int) -> NDArray[np.int64]:
    """Return positions of at most `count` held-out faces for sample grids: as many people as can be, then expressions.

    The choice depends on the rows alone.
    """
    rows = faces.rows("test")
    subjects = faces.table["subject_id"].take(pa.array(rows)).to_pylist()
    by_subject: dict[str | None, list[int]] = {}
    for row, subject in zip(rows.tolist(), subjects, strict=True):
        by_subject.setdefault(subject, []).append(row)
    chosen: list[int] = []
    seen: Counter[int] = Counter()
    queues = list(by_subject.values())
    while len(chosen) < count and any(queues):
        for queue in queues:
            if queue and len(chosen) < count:
                best = min(queue, key=lambda row: (seen[int(faces.emotions[row])], row))
                queue.remove(best)
                seen[int(faces.emotions[best])] += 1
                chosen.append(best)
    return np.array(chosen, np.int64)
