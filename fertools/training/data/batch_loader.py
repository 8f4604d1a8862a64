"""The batch loader: augmented batches of faces on the device, one per domain, from pixels stored as uint8."""

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
from fertools.training.data.batch import Batch, Labels, send
from fertools.training.data.faces import Faces, Pixels
from fertools.training.data.pairing import Partners
from fertools.training.data.sampler import Position, Sampler
from fertools.training.recipes.domains import Pairing

LoaderState = tuple[dict[str, Tensor], dict[str, int]]
"""Tensors and numbers that determine the next batch."""
_DEVICE_SHARE = 4
"""Pixels are copied to a GPU if they fit into this fraction (one quarter) of its free memory."""


@dataclass(frozen=True)
class FaceSource:
    """The faces of one domain.

    Attributes:
        faces: rows and labels.
        pixels: NxSxSx3 uint8 pixels of the same rows, for training.
        evaluation_pixels: NxTxTx3 uint8 pixels of the same rows, for evaluation; None to use `pixels`.
        weights: N float32 weights in a loss; None for 1 each.
        sampling_weights: sampling weight of each training face; None for each face once per epoch. See `Sampler`.
    """

    faces: Faces
    pixels: Pixels
    evaluation_pixels: Pixels | None = None
    weights: NDArray[np.float32] | None = None
    sampling_weights: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class BatchPlan:
    """The faces of the next batch and the random numbers of their augmentation, by domain.

    Attributes:
        rows: N row numbers among all faces of the domain.
        augmentation_draws: N rows of `Augmentation.draw`.
    """

    rows: Mapping[str, Tensor]
    augmentation_draws: Mapping[str, Tensor]

    def select(self, rows: slice) -> BatchPlan:
        """Return a slice of the batch."""
        return BatchPlan(
            {name: values[rows] for name, values in self.rows.items()},
            {name: values[rows] for name, values in self.augmentation_draws.items()},
        )


class BatchLoader:
    """An endless series of batches of training faces, one batch per domain at a time.

    The faces of the first domain come in random order: each once per epoch, or by its sampling weight. `pairing` says
    how the faces of the other domains are chosen. With `alike`, the faces of a pair get the same augmentation.
    If a face comes several times in an epoch, and the augmentation has variants, each time has a variant of its own.

    Args:
        sources: the faces by domain, the first domain first.
        batch_size: faces per batch and domain.
        augmentation: augmentation of training faces.
        seed: seed of the order and of the augmentation.
        device: device of the batches.
        pairing: how the faces of later domains are chosen.
        pairings: how those of single domains are chosen, by domain, if otherwise.
        augmentations: augmentation of single domains, by domain, if another.
        alike: whether the faces of a pair get the same augmentation.

    Raises:
        InputError: the pairing finds no pairs.
    """

    def __init__(
        self,
        sources: Mapping[str, FaceSource],
        *,
        batch_size: int,
        augmentation: Augmentation,
        seed: int,
        device: str,
        pairing: Pairing = "none",
        pairings: Mapping[str, Pairing] | None = None,
        augmentations: Mapping[str, Augmentation] | None = None,
        alike: bool = False,
    ) -> None:
        self._sources, self._device = sources, device
        self._augmentations = dict.fromkeys(sources, augmentation) | dict(augmentations or {})
        self.main = next(iter(sources))
        first = sources[self.main].faces
        self._partners = {
            name: Partners(first, source.faces, (pairings or {}).get(name, pairing), _seed(seed, number))
            for number, (name, source) in enumerate(sources.items())
            if name != self.main
        }
        copies = first.in_an_epoch()
        rows, sampling_weights = np.repeat(first.rows("train"), copies), sources[self.main].sampling_weights
        copy_numbers = np.arange(len(rows)) - np.repeat(np.cumsum(copies) - copies, copies)
        sampling_weights = sampling_weights if sampling_weights is None else np.repeat(sampling_weights, copies)
        for partners in self._partners.values():
            kept = partners.has(rows)
            rows, copy_numbers, sampling_weights = (
                rows[kept],
                copy_numbers[kept],
                sampling_weights if sampling_weights is None else sampling_weights[kept],
            )
        self._rows, self._copies = torch.from_numpy(rows), torch.from_numpy(copy_numbers)
        self._same_augmentation = alike
        self._labels = {name: _labels(source) for name, source in sources.items()}
        # All labels are on the device, so that a batch sends only the row numbers of its faces.
        self._device_labels = {
            name: Labels(**{field.name: getattr(known, field.name).to(device) for field in fields(Labels)})
            for name, known in self._labels.items()
        }
        self._sampler = Sampler(len(rows), batch_size, seed, sampling_weights)
        self._draws = torch.Generator().manual_seed(seed + 1)
        self._resident = {name: _resident(source.pixels, device) for name, source in sources.items()}
        self._rows_of_process = slice(0)
        self._prefetched: tuple[BatchPlan, LoaderState] | None = None

    @property
    def size_px(self) -> int:
        """Side of the faces for evaluation, in pixels."""
        source = self._sources[self.main]
        return int((source.pixels if source.evaluation_pixels is None else source.evaluation_pixels).shape[1])

    def prefetch(self, share: slice) -> None:
        """Ask the operating system for the pixels of the next batch while the current one is processed.

        This matters where memory cannot hold all pixels. It does nothing if they are all on the device.

        Args:
            share: the faces of a batch that this process works on.
        """
        self._rows_of_process = share if any(pixels is None for pixels in self._resident.values()) else slice(0)

    def next(self) -> BatchPlan:
        """Return the faces of the next batch of each domain."""
        plan = self._prefetched[0] if self._prefetched is not None else self._draw()
        self._prefetched = None
        if self._rows_of_process.stop:
            # The prefetched batch is not part of the state of the loader: a resumed run draws it again.
            state = self.state()
            self._prefetched = self._draw(), state
            for name, rows in self._prefetched[0].rows.items():
                if self._resident[name] is None:
                    _prefetch_rows(self._sources[name].pixels, rows[self._rows_of_process])
        return plan

    def labels(self, plan: BatchPlan) -> dict[str, Labels]:
        """Return the labels of the faces of a batch, by domain, on the CPU."""
        return {name: _take_labels(self._labels[name], rows) for name, rows in plan.rows.items()}

    def load(self, plan: BatchPlan) -> dict[str, Batch]:
        """Return the augmented faces of a batch on the device, by domain."""
        batches = {}
        for name, rows in plan.rows.items():
            augmentation_draws = send(plan.augmentation_draws[name], self._device)
            # Cropping and mirroring bytes moves a quarter of the memory that floats would take.
            augmentation = self._augmentations[name]
            coded = augmentation.cut(self._coded(name, rows), augmentation_draws)
            images = _to_unit_range(augmentation.mirror(coded, augmentation_draws))
            batches[name] = self._labelled(name, rows, augmentation.change(images, augmentation_draws))
        return batches

    def batch(self, rows: Tensor | NDArray[np.int64], domain: str = "") -> Batch:
        """Return faces without augmentation.

        Args:
            rows: row numbers among all faces of the domain.
            domain: name of the domain; empty for the first.
        """
        name, rows = domain or self.main, torch.as_tensor(rows)
        evaluation_pixels = self._sources[name].evaluation_pixels
        coded = (
            self._coded(name, rows) if evaluation_pixels is None else _load_bytes(evaluation_pixels, rows, self._device)
        )
        return self._labelled(name, rows, _to_unit_range(coded))

    def _coded(self, name: str, rows: Tensor) -> Tensor:
        """Return Nx3xSxS bytes on the device."""
        if (resident := self._resident[name]) is not None:
            return resident[send(rows, self._device)].permute(0, 3, 1, 2).contiguous()
        return _load_bytes(self._sources[name].pixels, rows, self._device)

    def _labelled(self, name: str, rows: Tensor, images: Tensor) -> Batch:
        known = _take_labels(self._device_labels[name], send(rows, self._device))
        return Batch(images=images, **{field.name: getattr(known, field.name) for field in fields(Labels)})

    def _draw(self) -> BatchPlan:
        items = self._sampler.next()
        first = self._rows[items]
        rows = {self.main: first} | {name: partners.of(first) for name, partners in self._partners.items()}
        augmentation = self._augmentations[self.main]
        drawn = augmentation.draw(len(first), self._draws)
        augmentation_draws = {self.main: augmentation.at_variant(drawn, self._copies[items])}
        for name in self._partners:
            same = self._same_augmentation
            augmentation_draws[name] = (
                augmentation_draws[self.main] if same else self._augmentations[name].draw(len(first), self._draws)
            )
        return BatchPlan(rows, augmentation_draws)

    def state(self) -> LoaderState:
        """Return the state of the loader. `restore` continues from it with the same batches."""
        if self._prefetched is not None:
            return self._prefetched[1]
        position = self._sampler.position
        partners = {f"partners/{name}": partners.state() for name, partners in self._partners.items()}
        return (
            {"order": position.state, "changes": self._draws.get_state(), **partners},
            {"offset": position.offset},
        )

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, int]) -> None:
        """Continue from the state of a loader of the same faces."""
        self._prefetched = None
        self._sampler.restore(Position(numbers["offset"], tensors["order"]))
        self._draws.set_state(tensors["changes"])
        for name, partners in self._partners.items():
            partners.restore(tensors[f"partners/{name}"])


def _seed(seed: int, number: int) -> int:
    """Return a seed for the choices in a later domain, different for each domain."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 1)


def _labels(source: FaceSource) -> Labels:
    faces, weights = source.faces, source.weights
    return Labels(
        torch.from_numpy(faces.emotions),
        torch.from_numpy(faces.valence_arousal),
        torch.ones(len(faces.table)) if weights is None else torch.from_numpy(weights),
        torch.from_numpy(faces.soft_labels),
    )


def _take_labels(labels: Labels, rows: Tensor) -> Labels:
    return Labels(**{field.name: getattr(labels, field.name)[rows] for field in fields(Labels)})


def _load_bytes(pixels: Pixels, rows: Tensor, device: str) -> Tensor:
    return send(torch.from_numpy(pixels[rows.numpy()]), device).permute(0, 3, 1, 2).contiguous()


def _to_unit_range(coded: Tensor) -> Tensor:
    """Return bytes as numbers in [-1, 1]."""
    return coded.float().div_(127.5).sub_(1)


def _resident(pixels: Pixels, device: str) -> Tensor | None:
    """Return all pixels on a CUDA device with enough free memory, else None."""
    if not device.startswith("cuda"):
        return None
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return torch.from_numpy(np.array(pixels)).to(device) if pixels.nbytes * _DEVICE_SHARE <= free_bytes else None


def _prefetch_rows(pixels: Pixels, rows: Tensor) -> None:
    """Ask the operating system to read pixels into memory in the background.

    The operating system reads them side by side. Reading them here would be one after another. A thread of ours would
    cost more than it saves, if the pixels are in memory already.
    """
    if not isinstance(pixels, np.memmap) or not hasattr(os, "posix_fadvise"):
        return
    length = pixels.strides[0]
    # The file may have been deleted while its pixels are still mapped.
    with contextlib.suppress(OSError), Path(str(pixels.filename)).open("rb") as stream:
        for row in rows.tolist():
            os.posix_fadvise(stream.fileno(), pixels.offset + row * length, length, os.POSIX_FADV_WILLNEED)
