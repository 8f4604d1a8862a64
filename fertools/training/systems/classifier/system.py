"""The classifier: one network that predicts the expression, valence and arousal, or both.

Its head has a logit per class. For tasks with valence and arousal, it has two more outputs, each through a tanh. Faces
are normalised like ImageNet, because published weights expect that.

Source: Mollahosseini et al., "AffectNet" (2019), for both tasks on one kind of network; Kollias and Zafeiriou, "Affect
Analysis in-the-wild" (2021), for the CCC as a loss beside the cross-entropy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch import Batch, Labels
from fertools.training.losses.attention import attention_transfer
from fertools.training.losses.float32 import widened
from fertools.training.losses.labels import ccc_loss, soft_cross_entropy, squared_error, target_probabilities
from fertools.training.networks.backbones import build_backbone, head_name
from fertools.training.networks.imagenet import normalised
from fertools.training.networks.initial_weights import init_normal
from fertools.training.networks.resnet import ResNet, like_weights
from fertools.training.networks.starting_weights import StartingWeights
from fertools.training.recipes.course import Iteration
from fertools.training.recipes.domains import FACES
from fertools.training.systems.analysis import Analysis
from fertools.training.systems.attention_pictures import compared_attention
from fertools.training.systems.base import Autocast, Noise, Prediction, Step, System, full_precision
from fertools.training.systems.classifier.recipe import NETWORK, TEACHER, ClassifierRecipe
from fertools.training.systems.optimiser_plan import OptimiserPlan

_ANALYSED = 64
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luma of ITU-R BT.601."""


class Classifier(System):
    """The network of a classifier, its losses and its step.

    Args:
        recipe: recipe of the classifier.

    Attributes:
        networks: the single network, `network`.
        frozen: the network `teacher`, if the recipe has one. `take_weights` builds it.
        averaged: name of the network.
        optimisers: the single optimiser.
    """

    averaged = (NETWORK,)

    def __init__(self, recipe: ClassifierRecipe) -> None:
        self.recipe = recipe
        self.classes = len(recipe.class_names) if recipe.predicts_emotion else 0
        self.outputs = self.classes + (2 if recipe.predicts_va else 0)
        self.augmentation = Augmentation.of(recipe)
        self.networks = {
            NETWORK: build_backbone(recipe.network, self.outputs, recipe.width, recipe.dropout, recipe.image_size)
        }
        if recipe.init == "normal":
            init_normal(self.networks[NETWORK])
        self.frozen: dict[str, ResNet] = {}
        self.analysed_faces = _ANALYSED if recipe.attends else 0
        self.optimisers = {
            NETWORK: OptimiserPlan(
                networks=(NETWORK,),
                kind=recipe.optimiser,
                lr=recipe.lr,
                schedule=recipe.lr_schedule,
                warmup=recipe.warmup,
                beta1=recipe.beta1,
                beta2=recipe.beta2,
                momentum=recipe.momentum,
                weight_decay=recipe.weight_decay,
            )
        }

    def take_weights(self, name: str, weights: StartingWeights) -> bool:
        """Load initial weights, or build the teacher from its weights.

        A head whose classes are known is taken over class by class, in our order. With fewer classes than there, it
        predicts as if the logits of the others were masked. If it lacks a class of ours, the head is left out.
        """
        if name == TEACHER:
            self.frozen[TEACHER] = like_weights(weights.tensors, weights.where)
            return True
        return super().take_weights(name, self._with_our_classes(weights))

    def _with_our_classes(self, weights: StartingWeights) -> StartingWeights:
        names, theirs, tensors = self.recipe.class_names, weights.classes, dict(weights.tensors)
        if not theirs or not self.classes:
            return weights
        parts = [f"{head_name(self.networks[NETWORK])}.{part}" for part in ("weight", "bias")]
        head = [tensors.pop(part, None) for part in parts]
        # A head may also have two outputs for valence and arousal, after those of the classes.
        rows = [theirs.index(name) for name in names if name in theirs]
        rows += range(len(theirs), len(theirs) + 2) if self.recipe.predicts_va else ()
        for part, value in zip(parts, head, strict=True):
            if value is not None and len(rows) == self.outputs and max(rows) < len(value):
                tensors[part] = value[rows]
        return replace(weights, tensors=tensors)

    def draw(self, labels: Mapping[str, Labels], generator: torch.Generator) -> Noise:
        """Return the mixup weight of each face; 1 for no mixing."""
        count = len(labels[FACES].emotions)
        if not self.recipe.mixup:
            return {"mix": torch.ones(count)}
        # The beta distribution of torch takes no generator.
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
        weights = rng.beta(self.recipe.mixup, self.recipe.mixup, -(-count // 2))
        return {"mix": torch.from_numpy(np.repeat(weights, 2)[:count].astype(np.float32))}

    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast = full_precision
    ) -> Iterator[Step]:
        """Yield the single step: cross-entropy plus lambda_va times the loss of valence and arousal.

        With a teacher, beta times the distance of the attention maps is added. Both networks see the same images.

        With mixup, a face is mixed with its neighbour in the batch; the order of the batch is random anyway. Pairs stay
        together when a batch is split. The losses of both labels are mixed with the same weights.

        Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2018), section 2, for mixup.
        """
        del iteration
        batch, network = batches[FACES], self.networks[NETWORK]
        network.train()
        images, mix, other = self._seen(batch.images), noise["mix"], None
        if self.recipe.mixup:
            other = _neighbours(len(images), images.device)
            images = torch.lerp(images[other], images, mix.view(-1, 1, 1, 1))
        terms: dict[str, Tensor] = {}
        with cast(NETWORK):
            if self.frozen and isinstance(network, ResNet):
                outputs, stages = network.forward_with_stages(images)
                with torch.no_grad():
                    wanted = self.frozen[TEACHER].stages(images)
            else:
                outputs, stages, wanted = network(images), [], []
        loss = self._loss(outputs, batch, batch.weights * mix, slice(None), terms)
        if other is not None:
            second: dict[str, Tensor] = {}
            loss = loss + self._loss(outputs, batch, batch.weights[other] * (1 - mix), other, second)
            terms = {name: value + second[name] for name, value in terms.items()}
        if stages:
            terms["loss_attention"] = attention_transfer(stages, wanted, self.recipe.at_form)
            loss = loss + self.recipe.beta * terms["loss_attention"]
        terms["loss"] = loss
        yield Step(NETWORK, loss, {name: value.detach() for name, value in terms.items()})

    @property
    def prediction(self) -> Prediction:
        """The single network predicts."""
        return Prediction(NETWORK)

    def predict(self, network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return NxC logits and Nx2 (valence, arousal) in [-1, 1], or Nx0 each, of Nx3xSxS faces in [-1, 1]."""
        outputs = widened(network(self._seen(images)))
        return outputs[:, : self.classes], outputs[:, self.classes :].tanh()

    @torch.no_grad()
    def analyse(self, networks: Mapping[str, nn.Module], images: Mapping[str, Tensor]) -> Analysis | None:
        """Return the attention maps of the network and of its teacher on the same faces; None without a teacher."""
        network, faces = networks[NETWORK].eval(), images[FACES]
        if not self.frozen or not isinstance(network, ResNet):
            return None
        seen = self._seen(faces)
        stages = {"student": network.stages(seen), TEACHER: self.frozen[TEACHER].stages(seen)}
        columns, numbers = compared_attention(faces, stages, self.recipe.at_form)
        words = dict.fromkeys(numbers, "Mean cosine of the maps of the network and of its teacher; 1 is equal.")
        words["attention"] = "Held-out faces, and what the network and its teacher attend to after each stage."
        return Analysis(numbers, words, grids={"attention": {"face": faces, **columns}})

    def _seen(self, images: Tensor) -> Tensor:
        """Return the inputs of the network: images without colour if the recipe has `grey`, and normalised."""
        return normalised(without_colour(images) if self.recipe.grey else images)

    def _loss(
        self, outputs: Tensor, batch: Batch, weights: Tensor, rows: slice | Tensor, terms: dict[str, Tensor]
    ) -> Tensor:
        """Return the loss against the labels in `rows`, and add its terms to `terms`."""
        recipe, loss = self.recipe, widened(outputs).sum() * 0
        if self.classes:
            targets = target_probabilities(batch.emotions[rows], batch.soft_labels[rows], recipe.label_smoothing)
            terms["loss_emotion"] = soft_cross_entropy(outputs[:, : self.classes], targets, weights)
            loss = loss + terms["loss_emotion"]
        if recipe.predicts_va:
            va_loss = ccc_loss if recipe.va_loss == "ccc" else squared_error
            estimates = widened(outputs[:, self.classes :]).tanh()
            terms["loss_va"] = va_loss(estimates, batch.valence_arousal[rows], weights)
            loss = loss + recipe.lambda_va * terms["loss_va"]
        return loss


def without_colour(images: Tensor) -> Tensor:
    """Return Nx3xHxW images with the luma of ITU-R BT.601 in all three channels; grey images do not change.

    Example:
        >>> without_colour(torch.full((1, 3, 1, 1), 0.5)).flatten().tolist()
        [0.5, 0.5, 0.5]
    """
    luma = (images * images.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    return luma.expand_as(images)


def _neighbours(count: int, device: torch.device) -> Tensor:
    """Return the index of each face's neighbour: 1, 0, 3, 2 and so on; an odd last face is its own neighbour."""
    return (torch.arange(count, device=device) ^ 1).clamp(max=count - 1)
