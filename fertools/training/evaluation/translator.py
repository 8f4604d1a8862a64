"""What a finished generator does to held-out faces: pictures, and first measures.

The measures here need no other network. The discriminator's own head has been trained against the generator, so
that its opinion on made faces says how far the two agree, not whether people or an independent classifier would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fertools.core.vocabulary import EMOTIONS
from fertools.statistics.concordance import concordance, correlation, root_mean_square_error, sign_agreement
from fertools.training.data.batch import Batch
from fertools.training.data.batch_loader import Feed
from fertools.training.data.faces import Faces, Pixels
from fertools.training.evaluation.image_similarity import reconstruction
from fertools.training.runs.generated import write_pictures
from fertools.training.systems.base import Target, TranslatingSystem

_BATCH = 32
Autocast = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Translator:
    """A trained system, ready to translate.

    Attributes:
        system: whose translation and head are used.
        generator: the network, or its moving average.
        feed: where faces come from.
        targets: what they are translated to.
        autocast: the precision that networks run in.
    """

    system: TranslatingSystem
    generator: nn.Module
    feed: Feed
    targets: list[Target]
    autocast: Autocast

    @torch.no_grad()
    def translate(self, images: Tensor, target: Target) -> Tensor:
        """Return images translated to one target, float32 in [-1, 1]."""
        condition = target.condition.to(images.device).expand(len(images), -1)
        with self.autocast():
            return self.system.translate(self.generator, images, condition).float()

    @torch.no_grad()
    def there_and_back(self, batch: Batch, target: Target) -> tuple[Tensor, NDArray[np.float64]]:
        """Return faces translated to one target, and N x 3 measures of what comes of translating them back.

        Args:
            batch: faces with their own labels, which they are translated back to.
            target: what they are translated to.

        Returns:
            Images as `translate` gives them, and the measures of `reconstruction`.
        """
        made = self.translate(batch.images, target)
        origin = self.system.condition(batch.emotions, batch.valence_arousal)
        with self.autocast():
            back = self.system.translate(self.generator, made, origin).float()
        return made, reconstruction(batch.images, back).cpu().double().numpy()

    @torch.no_grad()
    def grid(self, rows: NDArray[np.int64]) -> list[list[Pixels]]:
        """Return, for each row of the manifest, the face and its translations as SxSx3 pixels."""
        images = self.feed.batch(rows).images
        columns = [images, *(self.translate(images, target) for target in self.targets)]
        return [list(line) for line in zip(*(to_pixels(column) for column in columns), strict=True)]


def to_pixels(images: Tensor) -> Pixels:
    """Return Nx3xSxS images in [-1, 1] as NxSxSx3 uint8."""
    coded = images.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    pixels: Pixels = coded.permute(0, 2, 3, 1).cpu().numpy()
    return pixels


@torch.no_grad()
def evaluate(
    translator: Translator, faces: Faces, rows: NDArray[np.int64], folder: Path
) -> tuple[dict[str, Any], list[NDArray[np.float64]]]:
    """Translate held-out faces to every target, write the pictures, and return measures.

    Args:
        translator: the trained system.
        faces: all rows.
        rows: which of them.
        folder: where pictures go, one folder per target.

    Returns:
        `faces`, how many; `reconstruction_l1`, mean |x - G(G(x, t), c)| over faces and targets on the scale [-1, 1];
        with classes, `own_head` with accuracies on real faces and on translations by target; with valence and
        arousal, `own_head_va` with CCC, PCC, RMSE and SAGR on real faces. And, for each target, N x 3 measures of
        `reconstruction` by face.
    """
    parts: list[list[NDArray[np.float64]]] = [[] for _ in translator.targets]
    real_logits, real_points = [], []
    right = dict.fromkeys((target.words for target in translator.targets), 0)
    for part in pieces(rows):
        batch = translator.feed.batch(part)
        with translator.autocast():
            logits, points = translator.system.read(batch.images)
        real_logits.append(logits.cpu())
        real_points.append(points.cpu())
        for target, found in zip(translator.targets, parts, strict=True):
            made, measures = translator.there_and_back(batch, target)
            with translator.autocast():
                read = translator.system.read(made)[0]
            found.append(measures)
            if target.emotion is not None:
                right[target.words] += int((read.argmax(dim=1) == EMOTIONS.index(target.emotion)).sum())
            write_pictures(folder, target, faces, part, to_pixels(made))
    qualities = [np.concatenate(found) for found in parts]
    results: dict[str, Any] = {"faces": len(rows), "reconstruction_l1": float(np.mean(np.stack(qualities)[..., 0]))}
    logits, points = torch.cat(real_logits), torch.cat(real_points)
    if logits.shape[1]:
        hits = logits.argmax(dim=1).numpy() == faces.emotions[rows]
        shares = {words: count / len(rows) for words, count in right.items()}
        results["own_head"] = {"real": float(np.mean(hits)), "translated": shares}
    if points.shape[1]:
        results["own_head_va"] = {
            name: measure_va(points[:, axis].numpy(), faces.valence_arousal[rows, axis])
            for axis, name in enumerate(("valence", "arousal"))
        }
    return results, qualities


def measure_va(estimates: NDArray[np.float32], truths: NDArray[np.float32]) -> dict[str, float]:
    """Return CCC, PCC, RMSE and SAGR of one of valence and arousal."""
    return {
        "ccc": concordance(estimates, truths, undefined=0.0),
        "pcc": correlation(estimates, truths, undefined=0.0),
        "rmse": root_mean_square_error(estimates, truths),
        "sagr": sign_agreement(estimates, truths),
    }


def pieces(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield rows, so many at a time as are translated together."""
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]
