"""Pairing: the choice of a face of another domain for each face of the first domain."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from fertools.core.errors import InputError
from fertools.training.data.faces import Faces
from fertools.training.recipes.domains import Pairing


class Partners:
    """Chooses a random training face of another domain for each face of the first domain.

    Args:
        first: faces of the first domain.
        other: faces of the other domain; only its training faces are chosen.
        pairing: `none` for any face; `label` for one of the same class; `capture` for one with the same `pair_id`.
        seed: seed of the choices.

    Raises:
        InputError: no face has a partner, a class of the first domain has no face in the other, or the manifest has no
            `pair_id`.
    """

    def __init__(self, first: Faces, other: Faces, pairing: Pairing, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        training = other.rows("train")
        keys, wanted = _keys(first, other, pairing)
        order = np.argsort(keys[training], kind="stable")
        self._rows = torch.from_numpy(training[order])
        sorted_keys = keys[training][order]
        begins = np.searchsorted(sorted_keys, wanted, side="left")
        counts = np.searchsorted(sorted_keys, wanted, side="right") - begins
        counts[wanted < 0] = 0
        self._begins, self._counts = torch.from_numpy(begins), torch.from_numpy(counts)
        rows = first.rows("train")
        if pairing == "label" and (missing := sorted(set(wanted[rows][counts[rows] == 0].tolist()) - {-1})):
            raise InputError(
                f"pairing is label, and no training face of the other domain shows {first.classes[missing[0]]}; add "
                "some, or set pairing=none"
            )
        if not self.has(rows).any():
            what, how = (
                ("the same pair_id", "import a table with a pair_id column by `fertools annotate import csv TABLE`")
                if pairing == "capture"
                else ("a label in common", "label faces of both domains with the same expressions")
            )
            raise InputError(
                f"pairing is {pairing}, and no two training faces of the two domains have {what}; "
                f"{how}, or set pairing=none"
            )

    def has(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return N booleans: whether a face of the first domain has a partner."""
        return np.asarray(self._counts[torch.from_numpy(rows)].numpy() > 0)

    def of(self, rows: Tensor) -> Tensor:
        """Return a partner for each of N faces of the first domain, as row numbers of the other domain."""
        counts = self._counts[rows]
        draws = torch.rand(len(rows), generator=self._generator, dtype=torch.float64)
        # A product of two float64 may round up to the count itself.
        chosen = torch.minimum((draws * counts).long(), counts - 1)
        return self._rows[self._begins[rows] + chosen]

    def state(self) -> Tensor:
        """Return the random state of the choices."""
        return self._generator.get_state()

    def restore(self, state: Tensor) -> None:
        """Continue from the random state of the choices."""
        self._generator.set_state(state)


def _keys(first: Faces, other: Faces, pairing: Pairing) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a key for each face of the other and of the first domain: partners have equal keys, -1 has no partner."""
    if pairing == "none":
        return np.zeros(len(other.table), np.int64), np.zeros(len(first.table), np.int64)
    if pairing == "label":
        return other.emotions, first.emotions
    if not all("pair_id" in faces.table.column_names for faces in (first, other)):
        raise InputError(
            "pairing is capture, and the manifest has no column pair_id, which says which faces show the same moment; "
            "set pairing=none or pairing=label"
        )
    both = pa.chunked_array([*first.table["pair_id"].chunks, *other.table["pair_id"].chunks], pa.string())
    codes = both.combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    codes = np.asarray(codes, np.int64)
    return codes[len(first.table) :], codes[: len(first.table)]
