"""The keys of a recipe of unpaired recognition; `training/unpaired.toml` has their values and meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from fertools.core.errors import RecipeError
from fertools.core.spelling import nearest
from fertools.training.networks.names import BACKBONES
from fertools.training.recipes.classes import read_classes
from fertools.training.recipes.course import Course, Stage
from fertools.training.recipes.domains import Domain, Modality, Pairing, Part
from fertools.training.recipes.recipe import EngineRecipe
from fertools.training.recipes.values import bounded

VISIBLE, THERMAL = "visible", "thermal"
"""The two domains, and the classifier of each."""
DECODER, FEATURE_CRITIC, LABEL_CRITIC = "decoder", "discriminator_features", "discriminator_predictions"
"""The networks that are needed only in training."""
CLASSIFIER, CRITIC = "classifier", "discriminator"
"""Parts of a step, beside the decoder; each may have its own precision."""
CLASSIFIERS, GUIDANCE = "classifiers", "guidance"
"""The two stages: first, each network is trained by itself; then the thermal one guides the visible one."""
TERMS = {
    "v": "cross-entropy",
    "a": "cross-entropy with the adaptive weight",
    "h": "adversarial loss of the features",
    "l": "adversarial loss of the predictions",
    "r": "reconstruction",
}
"""The terms that the key `losses` may name."""
PAIR = "pair"
"""The term of the paired baselines; `losses` cannot name it."""
_PAIRED = {"wang": frozenset({"v", PAIR}), "pan": frozenset({"v", "h", PAIR})}
_STEP_PX = 8
"""Side of a face per pixel of its feature maps, in pixels."""
Alignment = Literal["identity", "intersection", "sorted", "off"]


@dataclass(frozen=True, kw_only=True)
class UnpairedRecipe(EngineRecipe):
    """The recipe of a visible classifier that a thermal one guides.

    Raises:
        RecipeError: keys contradict each other: losses, classes, sizes, or pairs that `unpaired_unit` would separate.
    """

    predicts = True

    visible_modality: Modality
    thermal_modality: Modality
    visible_dataset: str
    thermal_dataset: str
    thermal_faces: Literal["given", "noise", "grey"]
    unpaired_unit: Literal["off", "subject", "sample"]
    samples: int = bounded(0)
    paired: Literal["none", "wang", "pan"]
    classes: str
    thermal_classes: str
    label_align: Alignment
    load_size: int = bounded(8, 2048)
    rotate_deg: float = bounded(0, 180)
    network: str
    width: float = bounded(0.05, 4)
    visible_start: str
    thermal_start: str
    losses: str
    adv: Literal["non-saturating", "saturating"]
    adaptive: Literal["entropy", "permuted"]
    thermal: Literal["frozen", "joint"]
    lambda_h: float = bounded(0)
    lambda_l: float = bounded(0)
    lambda_r: float = bounded(0)
    lambda_pair: float = bounded(0)
    stage1_epochs: int = bounded(0)
    stage2_epochs: int = bounded(0)
    momentum: float = bounded(0, 0.9999)
    weight_decay: float = bounded(0, 1)
    discriminator_lr: float = bounded(0, 1)
    beta1: float = bounded(0, 0.9999)
    beta2: float = bounded(0, 0.999999)
    val_share: float = bounded(0, 0.5)
    analysis_faces: int = bounded(0, 2000)

    def __post_init__(self) -> None:
        super().__post_init__()
        read_losses(self.losses)
        self._refuse_sizes()
        self._refuse_classes()
        if self.batch_size // self.accumulate < 2:
            raise RecipeError(
                f"batch_size is {self.batch_size} in {self.accumulate} parts, and batch norm needs two faces in each; "
                f"give batch_size={2 * self.accumulate} or more"
            )
        if "a" in self.active and not {"h", "l"} & self.active:
            raise RecipeError(
                f"losses is {self.losses}, and with label_align=off no discriminator is left for the adaptive weight "
                "(a); add h, or replace a by v"
            )
        if not (self.stage1_epochs or self.stage2_epochs):
            raise RecipeError(
                "stage1_epochs and stage2_epochs are both 0, so nothing is trained; give 1 or more to one"
            )
        if not (self.stage1_epochs or self.thermal_start):
            raise RecipeError(
                "stage1_epochs is 0, so the thermal network is never trained; set thermal_start to a trained one, such "
                "as training/unpaired/RUN/models/thermal.safetensors"
            )
        if self.paired != "none" and self.unpaired_unit != "off":
            raise RecipeError(
                f"paired is {self.paired}, and unpaired_unit={self.unpaired_unit} leaves no pair to learn from; set "
                "unpaired_unit=off"
            )
        if (self.visible_modality, self.visible_dataset, self.thermal_faces) == (
            self.thermal_modality,
            self.thermal_dataset,
            "given",
        ):
            raise RecipeError(
                f"both domains are the same {self.visible_modality} faces; set thermal_modality=thermal, another "
                "dataset, or thermal_faces=grey for the control"
            )

    def _refuse_sizes(self) -> None:
        known = [name for name in BACKBONES if name.startswith("resnet")]
        if self.network not in known:
            raise RecipeError(
                f"network is '{self.network}'{nearest(self.network, known)}, and the features come from the second "
                f"stage of a ResNet; choose one of {', '.join(known)}"
            )
        least = BACKBONES[self.network]
        if self.image_size < least or self.image_size % _STEP_PX:
            raise RecipeError(
                f"image_size is {self.image_size}, and {self.network} with the decoder needs {least} pixels or more, a "
                f"multiple of {_STEP_PX}; give {max(least, math.ceil(self.image_size / _STEP_PX) * _STEP_PX)}"
            )
        if self.load_size < self.image_size:
            raise RecipeError(
                f"load_size is {self.load_size}, and a square of image_size={self.image_size} is cut out of it; give "
                f"{self.image_size} or more"
            )

    def _refuse_classes(self) -> None:
        read_classes(self.classes)
        if set(self.thermal_class_names) == set(self.class_names):
            return
        differing = ", ".join(sorted(set(self.thermal_class_names) ^ set(self.class_names)))
        if self.label_align == "identity":
            raise RecipeError(
                f"label_align is identity, and the classes of the two domains differ ({differing}); set "
                "label_align=intersection, sorted or off"
            )
        if self.paired != "none":
            raise RecipeError(
                f"paired is {self.paired}, which compares predictions class by class, and the classes of the two "
                f"domains differ ({differing}); leave thermal_classes empty"
            )
        if self.label_align == "intersection" and len(self.shared_classes) < 2:
            raise RecipeError(
                f"label_align is intersection, and the two domains share {len(self.shared_classes)} of their classes; "
                "set label_align=sorted or off"
            )

    @property
    def domains(self) -> tuple[Domain, ...]:
        """Visible faces, which also test the system, and thermal faces."""
        unit = self.unpaired_unit
        parts = [None if unit == "off" else Part(unit, number, of=2) for number in (0, 1)]
        visible = Domain(VISIBLE, self.visible_modality, self.visible_dataset, needs_emotion=True, samples=self.samples)
        return (
            replace(visible, part=parts[0]),
            replace(
                visible,
                name=THERMAL,
                modality=self.thermal_modality,
                dataset=self.thermal_dataset,
                part=parts[1],
                classes=self.thermal_class_names,
            ),
        )

    @property
    def domain_pairing(self) -> Pairing:
        """Faces of one moment for the paired baselines, else any faces."""
        return "none" if self.paired == "none" else "capture"

    @property
    def loaded_px(self) -> int:
        """The key `load_size`."""
        return self.load_size

    @property
    def parts(self) -> tuple[str, ...]:
        """Both classifiers, both discriminators, and the decoder."""
        return (CLASSIFIER, CRITIC, DECODER)

    @property
    def predicts_emotion(self) -> bool:
        """Whether the system predicts expressions: always."""
        return True

    @property
    def class_names(self) -> tuple[str, ...]:
        """The expressions of visible faces."""
        return read_classes(self.classes)

    @property
    def thermal_class_names(self) -> tuple[str, ...]:
        """The expressions of thermal faces; in the order of the visible ones if they are the same."""
        names = read_classes(self.thermal_classes or self.classes)
        return self.class_names if set(names) == set(self.class_names) else names

    @property
    def shared_classes(self) -> tuple[str, ...]:
        """The expressions that both domains have, in the order of the visible ones."""
        return tuple(name for name in self.class_names if name in self.thermal_class_names)

    @property
    def alignment(self) -> Alignment:
        """How predictions of both networks are made comparable; with equal classes, `intersection` is `identity`."""
        equal = self.class_names == self.thermal_class_names
        return "identity" if equal and self.label_align == "intersection" else self.label_align

    @property
    def thermal_outputs(self) -> tuple[str, ...]:
        """The expressions that the thermal network predicts."""
        return self.shared_classes if self.alignment == "intersection" else self.thermal_class_names

    @property
    def active(self) -> frozenset[str]:
        """The terms of the visible network's loss; a paired baseline has its own."""
        if self.paired != "none":
            return _PAIRED[self.paired]
        found = read_losses(self.losses)
        return found - {"l"} if self.label_align == "off" else found

    @property
    def starting_weights(self) -> Mapping[str, str]:
        """The keys `visible_start` and `thermal_start`."""
        begun = {VISIBLE: self.visible_start, THERMAL: self.thermal_start}
        return {name: weights for name, weights in begun.items() if weights}

    @property
    def inner_validation(self) -> float:
        """Share of the training people that select the best epoch."""
        return self.val_share

    def course(self, faces: Mapping[str, int]) -> Course:
        """Return both stages, measured in epochs of the visible faces."""
        epoch = math.ceil(faces[VISIBLE] / self.batch_size)
        stages = {CLASSIFIERS: self.stage1_epochs, GUIDANCE: self.stage2_epochs}
        return Course(
            tuple(Stage(name, epochs * epoch) for name, epochs in stages.items() if epochs),
            validate_every=epoch if self.val_share else 0,
            epoch=epoch,
        )


def read_losses(text: str) -> frozenset[str]:
    """Return the terms that the key `losses` names.

    Raises:
        RecipeError: a term is unknown or given twice, or there are none or both of `v` and `a`, or `a` without `h` and
            `l`.

    Example:
        >>> sorted(read_losses("a, h, l, r"))
        ['a', 'h', 'l', 'r']
    """
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in TERMS]:
        listed = ", ".join(f"{name} ({words})" for name, words in TERMS.items())
        raise RecipeError(f"losses names '{unknown[0]}'; it takes {listed}, separated by commas")
    if len(set(names)) < len(names) or len({"v", "a"} & set(names)) != 1:
        raise RecipeError(f"losses is '{text}'; give each term once, and either v or a, such as a,h,l,r")
    if "a" in names and not {"h", "l"} & set(names):
        raise RecipeError(
            f"losses is '{text}', and the adaptive weight (a) comes from the discriminators of h and l; add h or l, or "
            "replace a by v"
        )
    return frozenset(names)
