"""What a trained system makes of faces: pictures, and the first metrics.

The metrics here need no other network. The discriminator's own head has been trained against the generator, so
that its opinion on generated faces says how far the two agree, not whether people or an independent classifier would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fertools.statistics.concordance import concordance, correlation, root_mean_square_error, sign_agreement
from fertools.training.data.batch import Batch
from fertools.training.data.batch_loader import BatchLoader
from fertools.training.data.faces import Faces, Pixels
from fertools.training.evaluation.image_similarity import reconstruction_metrics
from fertools.training.runs.generated import write_pictures
from fertools.training.systems.base import System, Translation

_BATCH = 32
Autocast = Callable[[], AbstractContextManager[object]]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Translator:
    """A trained system, ready to translate.

    Attributes:
        system: whose translations are used.
        networks: its networks by name, or their moving averages.
        loader: where faces come from.
        translations: the ways in which faces are translated.
        autocast: the precision that networks run in.
    """

    system: System
    networks: Mapping[str, nn.Module]
    loader: BatchLoader
    translations: Sequence[Translation]
    autocast: Autocast

    @torch.no_grad()
    def translate(self, images: Tensor, translation: Translation) -> Tensor:
        """Return images translated, float32 in [-1, 1]."""
        with self.autocast():
            return self.system.translate(self.networks[translation.network], images, translation).float()

    @torch.no_grad()
    def translate_back(self, images: Tensor, translation: Translation, batch: Batch) -> Tensor | None:
        """Return translated images brought back to the faces of a batch; None where there is no way back."""
        if translation.back is None:
            return None
        with self.autocast():
            return self.system.translate_back(self.networks[translation.back], images, translation, batch).float()

    def translate_cycle(self, batch: Batch, translation: Translation) -> tuple[Tensor, NDArray[np.float64]]:
        """Return faces translated, and Nx3 metrics of what comes of translating them back; NaN without a way back."""
        generated = self.translate(batch.images, translation)
        back = self.translate_back(generated, translation, batch)
        if back is None:
            return generated, np.full((len(generated), 3), np.nan)
        return generated, reconstruction_metrics(batch.images, back).cpu().double().numpy()

    def of(self, domain: str) -> list[Translation]:
        """Return the translations that take faces of a domain."""
        return [translation for translation in self.translations if translation.source == domain]

    @property
    def domains(self) -> list[str]:
        """The domains whose faces are translated, in order."""
        return list(dict.fromkeys(translation.source for translation in self.translations))

    def grid(self, rows: Rows, domain: str) -> tuple[list[str], list[list[Pixels]]]:
        """Return the headings of a sample grid, and for each face its pictures as SxSx3 pixels.

        A domain with a single translation has a column for the way back, too.
        """
        batch, chosen = self.loader.batch(rows, domain), self.of(domain)
        headings, columns = ["input"], [batch.images]
        for translation in chosen:
            headings.append(translation.name)
            columns.append(self.translate(batch.images, translation))
        if len(chosen) == 1 and (back := self.translate_back(columns[-1], chosen[0], batch)) is not None:
            headings.append("and back")
            columns.append(back)
        return headings, [list(line) for line in zip(*(to_pixels(column) for column in columns), strict=True)]


def to_pixels(images: Tensor) -> Pixels:
    """Return Nx3xSxS images in [-1, 1] as NxSxSx3 uint8."""
    coded = images.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    pixels: Pixels = coded.permute(0, 2, 3, 1).cpu().numpy()
    return pixels


@torch.no_grad()
def translate_held_out(
    translator: Translator, domains: Mapping[str, Faces], rows: Mapping[str, Rows], folder: Path
) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """Translate held-out faces in every way, write the pictures, and return metrics.

    Args:
        translator: the trained system.
        domains: all faces by domain.
        rows: by domain, the positions of the faces that are translated.
        folder: where pictures go, one folder per translation.

    Returns:
        `faces`, how many; `reconstruction_l1`, mean |x - F(G(x))| over faces and translations on the scale [-1, 1];
        where the discriminator has a head for classes, `own_head` with accuracies on real faces and on generated ones
        by translation, and for valence and arousal `own_head_va` with CCC, PCC, RMSE and SAGR on real faces. And, by
        translation, Nx3 metrics of `reconstruction_metrics`.
    """
    qualities: dict[str, NDArray[np.float64]] = {}
    results: dict[str, Any] = {"faces": sum(len(rows[name]) for name in translator.domains)}
    heads: dict[str, Any] = {}
    for name in translator.domains:
        found, head = _translate_domain(translator, domains[name], rows[name], name, folder)
        qualities |= found
        heads = heads or head
    l1 = np.concatenate([quality[:, 0] for quality in qualities.values()])
    if not np.isnan(l1).all():
        results["reconstruction_l1"] = float(np.mean([np.mean(quality[:, 0]) for quality in qualities.values()]))
    return results | heads, qualities


def _translate_domain(
    translator: Translator, faces: Faces, rows: Rows, domain: str, folder: Path
) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
    chosen = translator.of(domain)
    parts: list[list[NDArray[np.float64]]] = [[] for _ in chosen]
    real: list[tuple[Tensor, Tensor]] = []
    right = {translation.name: 0 for translation in chosen if translation.emotion is not None}
    for part in split_batches(rows):
        batch = translator.loader.batch(part, domain)
        with translator.autocast():
            if (head := translator.system.own_head(batch.images)) is not None:
                real.append((head[0].cpu(), head[1].cpu()))
        for translation, found in zip(chosen, parts, strict=True):
            generated, quality = translator.translate_cycle(batch, translation)
            with translator.autocast():
                head = translator.system.own_head(generated)
            found.append(quality)
            if head is not None and translation.emotion is not None:
                wanted = faces.classes.index(translation.emotion)
                right[translation.name] += int((head[0].argmax(dim=1) == wanted).sum())
            write_pictures(folder, translation, faces, part, to_pixels(generated))
    names = [translation.name for translation in chosen]
    return dict(zip(names, map(np.concatenate, parts), strict=True)), _own_head(faces, rows, real, right)


def _own_head(
    faces: Faces, rows: Rows, real: Sequence[tuple[Tensor, Tensor]], right: Mapping[str, int]
) -> dict[str, Any]:
    """Return what the discriminator's own head reads, as far as it has one."""
    if not real:
        return {}
    logits, valence_arousal = (torch.cat(parts) for parts in zip(*real, strict=True))
    results: dict[str, Any] = {}
    if logits.shape[1]:
        hits = logits.argmax(dim=1).numpy() == faces.emotions[rows]
        shares = {name: count / len(rows) for name, count in right.items()}
        results["own_head"] = {"real": float(np.mean(hits)), "translated": shares}
    if valence_arousal.shape[1]:
        results["own_head_va"] = {
            name: measure_va(valence_arousal[:, axis].numpy(), faces.valence_arousal[rows, axis])
            for axis, name in enumerate(("valence", "arousal"))
        }
    return results


def measure_va(estimates: NDArray[np.float32], truths: NDArray[np.float32]) -> dict[str, float]:
    """Return CCC, PCC, RMSE and SAGR of one of valence and arousal."""
    return {
        "ccc": concordance(estimates, truths, undefined=0.0),
        "pcc": correlation(estimates, truths, undefined=0.0),
        "rmse": root_mean_square_error(estimates, truths),
        "sagr": sign_agreement(estimates, truths),
    }


def split_batches(rows: Rows) -> Iterator[Rows]:
    """Yield rows, so many at a time as are translated together."""
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]
