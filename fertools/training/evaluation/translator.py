"""Translate faces with a trained system, and compute the first metrics.

These metrics need no other network. The discriminator's own head was trained against the generator. So its predictions
for generated faces only show how far the two agree, and not what an independent classifier would predict.
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
from fertools.training.systems.capabilities import translating, translating_back

_BATCH = 32
Autocast = Callable[[], AbstractContextManager[object]]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Translator:
    """A trained system, ready to translate.

    Attributes:
        system: the trained system.
        networks: its networks by name, or their moving averages.
        loader: loader of the faces.
        translations: translations to use.
        autocast: returns the autocast context of the networks.
    """

    system: System
    networks: Mapping[str, nn.Module]
    loader: BatchLoader
    translations: Sequence[Translation]
    autocast: Autocast

    @torch.no_grad()
    def translate(self, images: Tensor, translation: Translation) -> Tensor:
        """Return translated images, Nx3xSxS float32 in [-1, 1]."""
        with self.autocast():
            return translating(self.system).translate(self.networks[translation.network], images, translation).float()

    @torch.no_grad()
    def translate_back(self, images: Tensor, translation: Translation, batch: Batch) -> Tensor | None:
        """Return the reconstructions of a batch from its translated images; None if there is no network for that."""
        if translation.back is None:
            return None
        with self.autocast():
            network = self.networks[translation.back]
            return translating_back(self.system).translate_back(network, images, translation, batch).float()

    def translate_cycle(self, batch: Batch, translation: Translation) -> tuple[Tensor, NDArray[np.float64]]:
        """Return translated faces, and their Nx3 reconstruction metrics; NaN if they cannot be translated back."""
        generated = self.translate(batch.images, translation)
        back = self.translate_back(generated, translation, batch)
        if back is None:
            return generated, np.full((len(generated), 3), np.nan)
        return generated, reconstruction_metrics(batch.images, back).cpu().double().numpy()

    def of(self, domain: str) -> list[Translation]:
        """Return the translations from a source domain."""
        return [translation for translation in self.translations if translation.source == domain]

    @property
    def domains(self) -> list[str]:
        """The source domains of the translations, in order."""
        return list(dict.fromkeys(translation.source for translation in self.translations))

    def grid(self, rows: Rows, domain: str) -> tuple[list[str], list[list[Pixels]]]:
        """Return the headings of a sample grid, and for each face its SxSx3 uint8 images.

        A domain with a single translation has a column for the reconstruction, too.

        Args:
            rows: row numbers of the faces.
            domain: name of the source domain.
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
    """Translate held-out faces by all translations, write the images, and return metrics.

    Args:
        translator: the trained system.
        domains: all faces by domain.
        rows: row numbers of the faces to translate, by domain.
        folder: folder of the images; each translation has its own folder in it.

    Returns:
        Two results. The first has `faces`, the number of faces; and `reconstruction_l1`, the mean |x - F(G(x))| over
        faces and translations on the scale from -1 to 1. It has two more entries if the discriminator has its own head.
        `discriminator_head` has its accuracies on real faces, and on generated faces by translation.
        `discriminator_head_va` has CCC, PCC, RMSE and SAGR on real faces. The second result has the Nx3 metrics of
        `reconstruction_metrics` by translation.
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
            if (head := translator.system.discriminator_head(batch.images)) is not None:
                real.append((head[0].cpu(), head[1].cpu()))
        for translation, found in zip(chosen, parts, strict=True):
            generated, quality = translator.translate_cycle(batch, translation)
            with translator.autocast():
                head = translator.system.discriminator_head(generated)
            found.append(quality)
            if head is not None and translation.emotion is not None:
                wanted = faces.classes.index(translation.emotion)
                right[translation.name] += int((head[0].argmax(dim=1) == wanted).sum())
            write_pictures(folder, translation, faces, part, to_pixels(generated))
    names = [translation.name for translation in chosen]
    return dict(zip(names, map(np.concatenate, parts), strict=True)), _discriminator_head(faces, rows, real, right)


def _discriminator_head(
    faces: Faces, rows: Rows, real: Sequence[tuple[Tensor, Tensor]], right: Mapping[str, int]
) -> dict[str, Any]:
    """Return the metrics of the discriminator's own head; empty if it has none."""
    if not real:
        return {}
    logits, valence_arousal = (torch.cat(parts) for parts in zip(*real, strict=True))
    results: dict[str, Any] = {}
    if logits.shape[1]:
        hits = logits.argmax(dim=1).numpy() == faces.emotions[rows]
        shares = {name: count / len(rows) for name, count in right.items()}
        results["discriminator_head"] = {"real": float(np.mean(hits)), "translated": shares}
    if valence_arousal.shape[1]:
        results["discriminator_head_va"] = {
            name: measure_va(valence_arousal[:, axis].numpy(), faces.valence_arousal[rows, axis])
            for axis, name in enumerate(("valence", "arousal"))
        }
    return results


def measure_va(estimates: NDArray[np.float32], truths: NDArray[np.float32]) -> dict[str, float]:
    """Return CCC, PCC, RMSE and SAGR of valence or of arousal.

    Args:
        estimates: N predictions.
        truths: N labels.
    """
    return {
        "ccc": concordance(estimates, truths, undefined=0.0),
        "pcc": correlation(estimates, truths, undefined=0.0),
        "rmse": root_mean_square_error(estimates, truths),
        "sagr": sign_agreement(estimates, truths),
    }


def split_batches(rows: Rows) -> Iterator[Rows]:
    """Yield the row numbers in batches that are translated together."""
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]
