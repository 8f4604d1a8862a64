"""Options of the networks that evaluate generated faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fertools.core.arguments import argument
from fertools.core.errors import InputError


@dataclass(frozen=True)
class EvaluationOptions:
    """Which networks evaluate generated faces, and on which device.

    Attributes:
        judges: runs of classifiers trained on real faces of other people.
        features: weights of Inception for FID and KID, as a path or a name that `fertools weights` lists; empty for
            none.
        identity: weights of the face recognition network, as a path or a name; empty for none.
        gan_train: whether to train a classifier on generated faces alone, with the recipe of each judge.
        drawn: whether to compare translations of drawn faces with the true images. A classifier of other drawn people
            is trained first, and evaluates both.
        people_probe: whether to test how well a linear classifier tells people apart on generated faces, and on their
            unchanged inputs; see `fertools.training.evaluation.people_probe`.
        nearest: whether to find the nearest real training face of the target domain for each generated face.
        allow_leaks: whether to use judges that were trained on people whose faces were translated; the tables say so.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.

    Raises:
        InputError: `gan_train` is set without a judge.
    """

    judges: Sequence[str] = ()
    features: str = ""
    identity: str = ""
    gan_train: bool = False
    drawn: bool = False
    people_probe: bool = False
    nearest: bool = False
    allow_leaks: bool = False
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.gan_train and not self.judges:
            raise InputError(f"GAN-train takes the recipe of a judge; name one with {argument('judges')}")

    @property
    def any_work(self) -> bool:
        """Whether they ask for anything that is not yet in the folder of a run."""
        return bool(self.judges or self.features or self.identity or self.drawn or self.people_probe or self.nearest)
