"""The feed: batches of faces with their labels on the device, mirrored at random, from pixels held as uint8."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fertools.training.data import Faces, Pixels
from fertools.training.engine.sampler import Position, Sampler
from fertools.training.systems.base import Batch

_DEVICE_SHARE = 4
"""One part in so many of a GPU's free memory may hold the pixels; more stays on the disk."""


class Feed:
    """Endless batches of the training faces.

    Args:
        faces: rows and labels.
        pixels: NxSxSx3 uint8 of the same rows.
        batch_size: faces per batch.
        flip: mirror each face with probability 1/2.
        seed: of the order and the mirroring.
        device: where batches go.
    """

    def __init__(self, faces: Faces, pixels: Pixels, *, batch_size: int, flip: bool, seed: int, device: str) -> None:
        self._faces, self._pixels, self._flip, self._device = faces, pixels, flip, device
        self._rows = torch.from_numpy(faces.rows("train"))
        self._sampler = Sampler(len(self._rows), batch_size, seed)
        self._flips = torch.Generator().manual_seed(seed + 1)
        self._resident = _resident(pixels, device)

    @property
    def size_px(self) -> int:
        """Side of the faces."""
        return int(self._pixels.shape[1])

    def next(self) -> Batch:
        """Return the next batch."""
        rows = self._rows[self._sampler.next()]
        # Drawn whether used or not, so that `flip` changes nothing else about a run.
        mirrored = torch.rand(len(rows), generator=self._flips) < 0.5
        batch = self.batch(rows)
        if not self._flip:
            return batch
        images = torch.where(mirrored.to(self._device).view(-1, 1, 1, 1), batch.images.flip(3), batch.images)
        return Batch(images, batch.emotions, batch.valence_arousal)

    def batch(self, rows: Tensor | NDArray[np.int64]) -> Batch:
        """Return the faces at some positions as they are."""
        rows = torch.as_tensor(rows)
        if self._resident is not None:
            coded = self._resident[rows.to(self._device)]
        else:
            coded = torch.from_numpy(self._pixels[rows.numpy()]).to(self._device)
        images = coded.permute(0, 3, 1, 2).float().div_(127.5).sub_(1).contiguous()
        emotions = torch.from_numpy(self._faces.emotions[rows.numpy()]).to(self._device)
        points = torch.from_numpy(self._faces.valence_arousal[rows.numpy()]).to(self._device)
        return Batch(images, emotions, points)

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        """Return tensors and numbers from which `restore` goes on with the same batches."""
        position = self._sampler.position
        return {"order": position.state, "flips": self._flips.get_state()}, {"offset": position.offset}

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, int]) -> None:
        """Go on from where a feed of the same faces stood."""
        self._sampler.move_to(Position(numbers["offset"], tensors["order"]))
        self._flips.set_state(tensors["flips"])


def _resident(pixels: Pixels, device: str) -> Tensor | None:
    """Return all pixels on a CUDA device that has the room, else None."""
    if not device.startswith("cuda"):
        return None
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return torch.from_numpy(np.array(pixels)).to(device) if pixels.nbytes * _DEVICE_SHARE <= free_bytes else None
