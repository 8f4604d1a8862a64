"""The recipe of a classifier; `training/classifier.toml` has the values and the meaning of its keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from fertools.core.errors import RecipeError
from fertools.core.spelling import nearest
from fertools.training.losses.attention_forms import AttentionForm
from fertools.training.networks.names import BACKBONES, FEATURES_ALONE, TIMM
from fertools.training.recipes.augmented import AugmentedRecipe
from fertools.training.recipes.classes import read_classes
from fertools.training.recipes.course import Course
from fertools.training.recipes.domains import FACES, Modality
from fertools.training.recipes.recipe import SingleDomainRecipe, TestCrops
from fertools.training.recipes.values import bounded

NETWORK = "network"
"""Name of the trained network."""
TEACHER = "teacher"
"""Name of the frozen network whose attention it learns."""


@dataclass(frozen=True, kw_only=True)
class ClassifierRecipe(AugmentedRecipe, SingleDomainRecipe):
    """The recipe of a classifier.

    Raises:
        RecipeError: the network or the set of classes is unknown, or the face is too small for the network.
    """

    predicts = True

    task: Literal["emotion", "va", "emotion+va"]
    classes: str
    network: str
    width: float = bounded(0.05, 4)
    dropout: float = bounded(0, 0.95)
    init: Literal["he", "normal"]
    pretrained: str
    teacher: str
    at_form: AttentionForm
    beta: float = bounded(0)
    lr_schedule: Literal["constant", "linear", "cosine"]
    epochs: float = bounded(0)
    optimiser: Literal["sgd", "adam", "adamw"]
    momentum: float = bounded(0, 0.9999)
    beta1: float = bounded(0, 0.9999)
    beta2: float = bounded(0, 0.999999)
    weight_decay: float = bounded(0, 1)
    va_loss: Literal["ccc", "mse"]
    lambda_va: float = bounded(0)
    label_smoothing: float = bounded(0, 0.99)
    mixup: float = bounded(0, 100)
    soft_labels: str
    generated: str
    generated_ratio: float = bounded(0, 1000)
    real_copies: int = bounded(1, 1000)
    extra_modality: Literal["", "visible", "thermal", "nir", "animated"]
    character: str
    grey: bool
    class_weights: Literal["none", "inverse", "root"]
    val_share: float = bounded(0, 0.5)
    patience: int = bounded(0)
    early_stop: Literal["validation", "test-fold"]
    learn_from: Literal["training-folds", "all"]
    dataset: str
    test_crops: TestCrops

    def __post_init__(self) -> None:
        super().__post_init__()
        read_classes(self.classes)
        if not self.network.startswith(TIMM):
            if self.network not in BACKBONES:
                raise RecipeError(
                    f"network is '{self.network}'{nearest(self.network, BACKBONES)}; choose one of "
                    f"{', '.join(BACKBONES)}, or {TIMM}NAME where timm is installed"
                )
            if self.image_size < (least := BACKBONES[self.network]):
                raise RecipeError(
                    f"image_size is {self.image_size}, but {self.network} needs {least} pixels; give {least} or more"
                )
        if self.pretrained in FEATURES_ALONE:
            raise RecipeError(
                f"pretrained is {self.pretrained}, whose layout or scale of pixels is not a classifier's here; give "
                "other weights, such as resnet50-imagenet"
            )
        if self.width != 1 and self.network.startswith(TIMM):
            raise RecipeError(f"width is for our own networks; with {self.network} set width to 1")
        if self.dropout and not self.network.startswith("resnet"):
            raise RecipeError(f"dropout is for ResNets; with {self.network} set dropout to 0")
        if self.attends and not self.network.startswith("resnet"):
            raise RecipeError(
                f"teacher is '{self.teacher}', and attention is compared after each stage of a ResNet, but network is "
                f"{self.network}; choose a ResNet, such as resnet18"
            )
        if not (self.epochs or self.pretrained):
            raise RecipeError("epochs is 0, and there are no weights to test; set pretrained to some, or epochs to 1")
        if self.patience and not (self.val_share or self.stops_on_test):
            raise RecipeError("patience needs people to validate on; set val_share to 0.1, or patience to 0")
        if self.character and self.val_share:
            raise RecipeError(
                f"character is '{self.character}', which nobody validates, and val_share is {self.val_share:g}; set "
                "val_share and patience to 0"
            )
        if self.extra_modality == self.modality:
            raise RecipeError(
                f"extra_modality is {self.extra_modality}, and those faces are trained on already; give another one, "
                "or use real_copies to let each face come more than once"
            )

    @property
    def predicts_emotion(self) -> bool:
        """Whether the system predicts expressions."""
        return self.task != "va"

    @property
    def predicts_va(self) -> bool:
        """Whether the system predicts valence and arousal."""
        return self.task != "emotion"

    @property
    def needs_emotion(self) -> bool:
        """Whether to leave out faces without one of the classes."""
        return self.task == "emotion"

    @property
    def needs_va(self) -> bool:
        """Whether to leave out faces without valence and arousal."""
        return self.task == "va"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their indices."""
        return read_classes(self.classes)

    @property
    def attends(self) -> bool:
        """Whether the attention of a teacher is learned."""
        return bool(self.teacher and self.beta)

    @property
    def crops_in_tests(self) -> TestCrops:
        """The key `test_crops`."""
        return self.test_crops

    @property
    def only_dataset(self) -> str:
        """The key `dataset`."""
        return self.dataset

    @property
    def inner_validation(self) -> float:
        """Share of the training people that select the best epoch."""
        return 0.0 if self.stops_on_test else self.val_share

    @property
    def stops_on_test(self) -> bool:
        """Whether the best epoch is selected on the test people."""
        return self.early_stop == "test-fold"

    @property
    def trains_on_test(self) -> bool:
        """Whether the faces of test people are trained on."""
        return self.learn_from == "all"

    @property
    def most_generated(self) -> float:
        """The key `generated_ratio`."""
        return self.generated_ratio

    @property
    def copies_of_real(self) -> int:
        """The key `real_copies`."""
        return self.real_copies

    @property
    def further_modality(self) -> Modality | Literal[""]:
        """The key `extra_modality`."""
        return self.extra_modality

    @property
    def only_character(self) -> str:
        """The key `character`."""
        return self.character

    @property
    def parts(self) -> tuple[str, ...]:
        """The only part of a step is the network."""
        return ("network",)

    @property
    def generated_runs(self) -> tuple[str, ...]:
        """The runs in the key `generated`."""
        names = (name.strip().removeprefix("training/") for name in self.generated.split(","))
        return tuple(name for name in names if name)

    def for_generated(self, size_px: int, test_folds: tuple[int, ...]) -> ClassifierRecipe:
        """Return this recipe for training on generated faces alone; see `EngineRecipe.for_generated`.

        Faces are no larger than the generated ones, if the network allows that. So real faces have no more detail than
        generated ones.
        """
        least = max(size_px, BACKBONES.get(self.network, 0))
        return replace(
            self,
            task="emotion",
            image_size=min(self.image_size, least),
            test_folds=test_folds,
            soft_labels="",
            generated="",
            teacher="",
            extra_modality="",
            character="",
            real_copies=1,
            early_stop="validation",
            learn_from="training-folds",
            patience=self.patience if self.val_share else 0,
        )

    @property
    def soft_label_file(self) -> str:
        """The file in the key `soft_labels`."""
        return self.soft_labels

    @property
    def starting_weights(self) -> Mapping[str, str]:
        """The weights in the keys `pretrained` and `teacher`."""
        wanted = {NETWORK: self.pretrained, TEACHER: self.teacher if self.attends else ""}
        return {name: weights for name, weights in wanted.items() if weights}

    @property
    def class_weighting(self) -> Literal["none", "inverse", "root"]:
        """The key `class_weights`."""
        return self.class_weights

    def course(self, faces: Mapping[str, int]) -> Course:
        """Return the course of `epochs` epochs, with a validation after each epoch."""
        count = faces[FACES]
        epoch = math.ceil(count / self.batch_size)
        iterations = math.ceil(self.epochs * count / self.batch_size)
        validates = self.val_share or self.stops_on_test
        return Course.of(iterations, validate_every=epoch if validates else 0, patience=self.patience)
