"""The feed: batches of faces with their labels on the device, changed at random, from pixels held as uint8."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch import Batch, Labels
from fertools.training.data.faces import Faces, Pixels
from fertools.training.data.sampler import Position, Sampler

FeedState = tuple[dict[str, Tensor], dict[str, int]]
"""Tensors and numbers that say which batch comes next."""
_DEVICE_SHARE = 4
"""One part in so many of a GPU's free memory may hold the pixels; more stays on the disk."""


@dataclass(frozen=True)
class Order:
    """Which faces come next, and what is done to them; a row per face.

    Attributes:
        rows: N positions among all faces.
        changes: what `Augmentation.draw` gave.
    """

    rows: Tensor
    changes: Tensor

    def part(self, rows: slice) -> Order:
        """Return some of it."""
        return Order(self.rows[rows], self.changes[rows])


class Feed:
    """Endless batches of the training faces.

    Args:
        faces: rows and labels.
        pixels: NxSxSx3 uint8 of the same rows.
        batch_size: faces per batch.
        augmentation: what is done to training faces.
        seed: of the order and the changes.
        device: where batches go.
        weights: for every face how much it counts in a loss; None for 1 each.
        chances: for every training face how often it comes; see `Sampler`.
    """

    def __init__(
        self,
        faces: Faces,
        pixels: Pixels,
        *,
        batch_size: int,
        augmentation: Augmentation,
        seed: int,
        device: str,
        weights: NDArray[np.float32] | None = None,
        chances: NDArray[np.float64] | None = None,
    ) -> None:
        self._pixels, self._augmentation, self._device = pixels, augmentation, device
        self._rows = torch.from_numpy(faces.rows("train"))
        self._labels = Labels(
            torch.from_numpy(faces.emotions),
            torch.from_numpy(faces.valence_arousal),
            torch.ones(len(faces.table)) if weights is None else torch.from_numpy(weights),
            torch.from_numpy(faces.shares),
        )
        self._sampler = Sampler(len(self._rows), batch_size, seed, chances)
        self._draws = torch.Generator().manual_seed(seed + 1)
        self._resident = _resident(pixels, device)
        self._share = slice(0)
        self._ahead: tuple[Order, FeedState] | None = None

    @property
    def size_px(self) -> int:
        """Side of the faces."""
        return int(self._pixels.shape[1])

    def ask_ahead(self, share: slice) -> None:
        """From now on ask the system for the next batch while one is worked on, unless all pixels are on the device.

        So what has to come from the disk, because memory cannot hold all pixels, is there when it is wanted.

        Args:
            share: the faces of a batch that this process works on.
        """
        self._share = share if self._resident is None else slice(0)

    def next(self) -> Order:
        """Return which faces the next batch has."""
        order = self._ahead[0] if self._ahead is not None else self._draw()
        self._ahead = None
        if self._share.stop:
            # What is drawn ahead is not yet part of the feed's state: a run that is resumed draws it again.
            state = self.state()
            self._ahead = self._draw(), state
            _ask_for(self._pixels, self._ahead[0].rows[self._share])
        return order

    def labels(self, rows: Tensor) -> Labels:
        """Return what is known of the faces at some positions, on the CPU."""
        return Labels(**{field.name: getattr(self._labels, field.name)[rows] for field in fields(Labels)})

    def load(self, order: Order) -> Batch:
        """Return the faces of an order on the device, changed as it says."""
        changes = order.changes.to(self._device)
        # Mirrored while a value is a byte, which is a quarter of what there is to move after.
        images = _scaled(self._augmentation.mirror(self._coded(order.rows), changes))
        return self._labelled(order.rows, self._augmentation.change(images, changes))

    def batch(self, rows: Tensor | NDArray[np.int64]) -> Batch:
        """Return the faces at some positions as they are."""
        rows = torch.as_tensor(rows)
        return self._labelled(rows, _scaled(self._coded(rows)))

    def _coded(self, rows: Tensor) -> Tensor:
        """Return Nx3xSxS bytes on the device."""
        if self._resident is not None:
            coded = self._resident[rows.to(self._device)]
        else:
            coded = torch.from_numpy(self._pixels[rows.numpy()]).to(self._device)
        return coded.permute(0, 3, 1, 2).contiguous()

    def _labelled(self, rows: Tensor, images: Tensor) -> Batch:
        known = self.labels(rows)
        sent = {field.name: getattr(known, field.name).to(self._device) for field in fields(Labels)}
        return Batch(images=images, **sent)

    def _draw(self) -> Order:
        rows = self._rows[self._sampler.next()]
        return Order(rows, self._augmentation.draw(len(rows), self._draws))

    def state(self) -> FeedState:
        """Return tensors and numbers from which `restore` goes on with the same batches."""
        if self._ahead is not None:
            return self._ahead[1]
        position = self._sampler.position
        return {"order": position.state, "changes": self._draws.get_state()}, {"offset": position.offset}

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, int]) -> None:
        """Go on from where a feed of the same faces stood."""
        self._ahead = None
        self._sampler.move_to(Position(numbers["offset"], tensors["order"]))
        self._draws.set_state(tensors["changes"])


def _scaled(coded: Tensor) -> Tensor:
    """Return bytes as numbers in [-1, 1]."""
    return coded.float().div_(127.5).sub_(1)


def _resident(pixels: Pixels, device: str) -> Tensor | None:
    """Return all pixels on a CUDA device that has the room, else None."""
    if not device.startswith("cuda"):
        return None
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return torch.from_numpy(np.array(pixels)).to(device) if pixels.nbytes * _DEVICE_SHARE <= free_bytes else None


def _ask_for(pixels: Pixels, rows: Tensor) -> None:
    """Ask the system to bring some pixels into memory while it does other things.

    It brings all of them at once, where reading would wait for one after another; and it needs no thread, which would
    cost more than reading does where the pixels are in memory already.
    """
    if not isinstance(pixels, np.memmap) or not hasattr(os, "posix_fadvise"):
        return
    length = pixels.strides[0]
    # The file may be gone already, while its pixels are still to be had.
    with contextlib.suppress(OSError), Path(str(pixels.filename)).open("rb") as stream:
        for row in rows.tolist():
            os.posix_fadvise(stream.fileno(), pixels.offset + row * length, length, os.POSIX_FADV_WILLNEED)
