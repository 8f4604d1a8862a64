"""Unpaired recognition: thermal faces as privileged information for a visible classifier, without pairs.

Source: Xia and Wang, "Unpaired Multimodal Facial Expression Recognition" (2020), section 3. `docs/systems/unpaired.md`
says what the paper leaves open and where it contradicts itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch import Batch, Labels
from fertools.training.losses.float32 import widened
from fertools.training.losses.labels import soft_cross_entropy, target_probabilities
from fertools.training.networks.imagenet import normalised
from fertools.training.networks.resnet import ResNet
from fertools.training.recipes.course import Iteration
from fertools.training.systems.analysis import Analysis
from fertools.training.systems.base import Autocast, Noise, Prediction, Step, System, full_precision
from fertools.training.systems.optimiser_plan import OptimiserPlan
from fertools.training.systems.unpaired.epoch_mean import EpochMean
from fertools.training.systems.unpaired.feature_analysis import analyse
from fertools.training.systems.unpaired.guidance_losses import (
    adaptive_weight,
    critic_loss,
    fooling_loss,
    mean_of,
    thermal_fooling_loss,
)
from fertools.training.systems.unpaired.label_alignment import LabelAlignment
from fertools.training.systems.unpaired.networks import FEATURE_STAGES, build_networks
from fertools.training.systems.unpaired.recipe import (
    CLASSIFIER,
    CLASSIFIERS,
    CRITIC,
    DECODER,
    FEATURE_CRITIC,
    LABEL_CRITIC,
    PAIR,
    THERMAL,
    VISIBLE,
    UnpairedRecipe,
)

VISIBLE_ALONE, THERMAL_ALONE = "visible_alone", "thermal_alone"
"""Optimisers of the first stage."""
CRITICS, GUIDED, THERMAL_JOINT = "discriminators", "guided", "thermal_joint"
"""Optimisers of the second stage: the discriminators, the visible network with the decoder, and the thermal one."""
Terms = dict[str, Tensor]
FORMAT = torch.channels_last
"""Memory format with the channels of a pixel together. With it, a step takes a quarter less time on a CPU."""


class Unpaired(System):
    """The networks, their losses, and the order of their steps.

    Args:
        recipe: sizes, weights and options.

    Attributes:
        networks: `visible` and `thermal`. Also `discriminator_features`, `discriminator_predictions` and `decoder`, if
            the losses of the recipe need them.
        memory: the mean adaptive weight of the epoch so far.
        averaged: the visible network.
        optimisers: separate optimisers for each stage, so that no momentum of the first stage is left in the second.
    """

    averaged = (VISIBLE,)

    def __init__(self, recipe: UnpairedRecipe) -> None:
        self.recipe = recipe
        self.networks = {name: _laid_out(network) for name, network in build_networks(recipe).items()}
        self._align = LabelAlignment(recipe)
        self._mean_weight = EpochMean()
        self.memory = {"mean_weight": self._mean_weight} if "a" in recipe.active else {}
        self._critics = [name for name in (FEATURE_CRITIC, LABEL_CRITIC) if name in self.networks]
        self.optimisers = self._plans()
        smaller = recipe.load_size != recipe.image_size
        self.augmentation = Augmentation(
            flip=recipe.flip, rotate_deg=recipe.rotate_deg, cut_px=recipe.image_size if smaller else 0
        )
        fewer = recipe.thermal_outputs if recipe.thermal_outputs != recipe.thermal_class_names else ()
        self.analysed_faces = recipe.analysis_faces
        self.further_predictions = (Prediction(THERMAL, THERMAL, fewer),)
        self.further_models = {name: VISIBLE for name in self.networks if name not in (VISIBLE, THERMAL)}

    def draw(self, labels: Mapping[str, Labels], generator: torch.Generator) -> Noise:
        """Return the random numbers of the controls: noise in place of thermal faces, and an order of the weights."""
        drawn: Noise = {}
        if self.recipe.thermal_faces == "noise":
            side = self.recipe.image_size
            count = len(labels[THERMAL].emotions)
            drawn["thermal"] = torch.rand(count, 3, side, side, generator=generator) * 2 - 1
        if self.recipe.adaptive == "permuted":
            drawn["order"] = torch.rand(len(labels[VISIBLE].emotions), generator=generator)
        return drawn

    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast = full_precision
    ) -> Iterator[Step]:
        """Yield the steps of the stage: each classifier by itself, or the thermal one guides the visible one."""
        visible, thermal = batches[VISIBLE], batches[THERMAL]
        faces = {VISIBLE: visible.images, THERMAL: self._thermal_faces(thermal.images, noise)}
        images = {name: normalised(some).contiguous(memory_format=FORMAT) for name, some in faces.items()}
        if iteration.stage == CLASSIFIERS:
            yield self._alone(VISIBLE_ALONE, VISIBLE, images, visible, cast)
            yield self._alone(THERMAL_ALONE, THERMAL, images, thermal, cast)
            return
        guide = None
        if self._critics or PAIR in self.recipe.active:
            guide = self._look(THERMAL, images, cast)
        if self._critics and guide is not None:
            # Both in eval mode: if only one network used batch statistics, that would reveal the modality.
            seen = self._look(VISIBLE, images, cast)
            yield self._critics_step(seen, guide, visible, thermal, cast)
        yield self._guided_step(iteration, images, visible, guide, noise, cast)
        if self.recipe.thermal == "joint":
            yield self._thermal_step(images, visible, thermal, cast)

    def _alone(self, optimiser: str, name: str, images: Mapping[str, Tensor], batch: Batch, cast: Autocast) -> Step:
        with cast(CLASSIFIER):
            logits = self.networks[name].train()(images[name])
        loss = self._cross_entropy(name, logits, batch)
        return Step(optimiser, loss, {f"{name}/loss_class": loss.detach()})

    @torch.no_grad()
    def _look(self, name: str, images: Mapping[str, Tensor], cast: Autocast) -> tuple[Tensor, Tensor | None]:
        """Return features and logits of a batch in eval mode, without a graph; None for logits that nothing needs."""
        network = self._classifier(name).eval()
        with cast(CLASSIFIER):
            features = network.begin(images[name], FEATURE_STAGES)
            if {LABEL_CRITIC, PAIR}.isdisjoint({*self._critics, *self.recipe.active}):
                return features, None
            return features, network.finish(features, FEATURE_STAGES)

    def analyse(self, networks: Mapping[str, nn.Module], images: Mapping[str, Tensor]) -> Analysis:
        """Return how well features and predictions show the modality, and reconstructions by the decoder."""
        grey = self.recipe.thermal_faces == "grey"
        return analyse(self.recipe, networks, {**images, THERMAL: _grey(images[THERMAL]) if grey else images[THERMAL]})

    def _critics_step(
        self,
        visible: tuple[Tensor, Tensor | None],
        thermal: tuple[Tensor, Tensor | None],
        faces: Batch,
        guides: Batch,
        cast: Autocast,
    ) -> Step:
        """Return the loss of the discriminators of this recipe, on features and predictions without a graph."""
        terms: Terms = {}
        if FEATURE_CRITIC in self._critics:
            everybody = torch.ones_like(faces.weights), torch.ones_like(guides.weights)
            # In a discriminator, the faces of a batch do not influence one another. So one pass replaces two.
            with cast(CRITIC):
                logits = self.networks[FEATURE_CRITIC](torch.cat([visible[0], thermal[0]]))
            judged = logits.split([len(faces.weights), len(guides.weights)])
            terms["D/loss_h"] = critic_loss(judged, everybody)
        if LABEL_CRITIC in self._critics:
            assert visible[1] is not None
            assert thermal[1] is not None
            shown = self._align.visible(visible[1]), self._align.thermal(thermal[1])
            rows = self._align.visible_rows(faces), self._align.thermal_rows(guides)
            with cast(CRITIC):
                logits = self.networks[LABEL_CRITIC](torch.cat(shown))
            terms["D/loss_l"] = critic_loss(logits.split([len(part) for part in shown]), rows)
        return Step(CRITICS, torch.stack([*terms.values()]).sum(), _detached(terms))

    def _guided_step(
        self,
        iteration: Iteration,
        images: Mapping[str, Tensor],
        batch: Batch,
        guide: tuple[Tensor, Tensor | None] | None,
        noise: Noise,
        cast: Autocast,
    ) -> Step:
        """Return the loss of the visible network and the decoder."""
        recipe, active = self.recipe, self.recipe.active
        network = self._classifier(VISIBLE).train()
        with cast(CLASSIFIER):
            features = network.begin(images[VISIBLE], FEATURE_STAGES)
            logits = network.finish(features, FEATURE_STAGES)
        terms: Terms = {"class": self._cross_entropy(VISIBLE, logits, batch)}
        compared = self._align.visible_rows(batch)
        of_features = of_predictions = None
        if "h" in active:
            of_features = self._judged(FEATURE_CRITIC, features, cast)
            terms["h"] = fooling_loss(of_features, recipe.adv).mean()
        if "l" in active:
            of_predictions = self._judged(LABEL_CRITIC, self._align.visible(logits), cast)
            # A face with a class that the other domain does not have adds 0, but still counts in the mean.
            terms["l"] = (fooling_loss(of_predictions, recipe.adv) * compared).mean()
        if "r" in active:
            with cast(DECODER):
                decoded = self.networks[DECODER].train()(features)
            terms["r"] = F.mse_loss(widened(decoded), (batch.images + 1) / 2)
        if PAIR in active:
            assert guide is not None
            assert guide[1] is not None
            terms[PAIR] = _distance(logits, guide[1])
        loss = self._weighted({name: value for name, value in terms.items() if name != "class"})
        logged = {f"{VISIBLE}/loss_{name}": value for name, value in terms.items()}
        if "a" in active:
            weights = adaptive_weight(of_features, of_predictions, compared)
            epoch = iteration.in_stage * recipe.stage2_epochs // iteration.stage_iterations
            logged[f"{VISIBLE}/weight"] = self._mean_weight.add(weights, epoch)
            if recipe.adaptive == "permuted":
                weights = weights[noise["order"].argsort()]
            logged[f"{VISIBLE}/loss_weighted"] = self._cross_entropy(VISIBLE, logits, batch, weights)
            return Step(GUIDED, logged[f"{VISIBLE}/loss_weighted"] + loss, _detached(logged))
        return Step(GUIDED, terms["class"] + loss, _detached(logged))

    def _thermal_step(self, images: Mapping[str, Tensor], visible: Batch, thermal: Batch, cast: Autocast) -> Step:
        """Return the loss of the thermal network if it keeps learning: equations 3 and 4 as printed, cross-entropy."""
        active, network = self.recipe.active, self._classifier(THERMAL).train()
        with cast(CLASSIFIER):
            features = network.begin(images[THERMAL], FEATURE_STAGES)
            logits = network.finish(features, FEATURE_STAGES)
        terms: Terms = {"class": self._cross_entropy(THERMAL, logits, thermal)}
        if "h" in active:
            terms["h"] = thermal_fooling_loss(self._judged(FEATURE_CRITIC, features, cast)).mean()
        if "l" in active:
            judged = self._judged(LABEL_CRITIC, self._align.thermal(logits), cast)
            terms["l"] = mean_of(thermal_fooling_loss(judged), self._align.thermal_rows(thermal))
        if PAIR in active:
            _, shown = self._look(VISIBLE, images, cast)
            assert shown is not None
            terms[PAIR] = _distance(logits, shown)
        rest = self._weighted({name: value for name, value in terms.items() if name != "class"})
        logged = {f"{THERMAL}/loss_{name}": value for name, value in terms.items()}
        return Step(THERMAL_JOINT, terms["class"] + rest, _detached(logged))

    def _judged(self, critic: str, shown: Tensor, cast: Autocast) -> Tensor:
        """Return the logits of a discriminator, with gradients for its inputs but not for its weights."""
        network = self.networks[critic]
        network.requires_grad_(False)
        with cast(CRITIC):
            logits: Tensor = network(shown)
        network.requires_grad_(True)
        return logits

    def _weighted(self, terms: Mapping[str, Tensor]) -> Tensor | float:
        factors = {
            "h": self.recipe.lambda_h,
            "l": self.recipe.lambda_l,
            "r": self.recipe.lambda_r,
            PAIR: self.recipe.lambda_pair,
        }
        return torch.stack([factors[name] * value for name, value in terms.items()]).sum() if terms else 0.0

    def _cross_entropy(self, name: str, logits: Tensor, batch: Batch, weights: Tensor | None = None) -> Tensor:
        """Return the cross-entropy of a classifier; for the thermal one, only over faces of its classes."""
        counted = batch.weights if weights is None else batch.weights * weights
        if name == VISIBLE:
            return soft_cross_entropy(logits, target_probabilities(batch.emotions, batch.soft_labels, 0.0), counted)
        labels, rows = self._align.thermal_labels(batch)
        losses = F.cross_entropy(widened(logits), labels, reduction="none")
        return mean_of(counted * losses, rows)

    def _thermal_faces(self, images: Tensor, noise: Noise) -> Tensor:
        if self.recipe.thermal_faces == "noise" and "thermal" in noise:
            return noise["thermal"]
        return _grey(images) if self.recipe.thermal_faces == "grey" else images

    def _classifier(self, name: str) -> ResNet:
        network = self.networks[name]
        assert isinstance(network, ResNet)
        return network

    def _plans(self) -> dict[str, OptimiserPlan]:
        recipe = self.recipe
        joint = {DECODER} & self.networks.keys()
        trained = {VISIBLE_ALONE: (VISIBLE,), THERMAL_ALONE: (THERMAL,), GUIDED: (VISIBLE, *joint)}
        if recipe.thermal == "joint":
            trained[THERMAL_JOINT] = (THERMAL,)
        plans = {
            name: OptimiserPlan(
                networks=networks,
                kind="sgd",
                lr=recipe.lr,
                schedule=recipe.lr_schedule,
                warmup=recipe.warmup,
                momentum=recipe.momentum,
                weight_decay=recipe.weight_decay,
            )
            for name, networks in trained.items()
        }
        if self._critics:
            plans[CRITICS] = OptimiserPlan(
                networks=tuple(self._critics), lr=recipe.discriminator_lr, beta1=recipe.beta1, beta2=recipe.beta2
            )
        return plans

    @property
    def prediction(self) -> Prediction:
        """The prediction of the visible network on visible faces."""
        return Prediction(VISIBLE, VISIBLE)

    def predict(self, network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return NxK logits of Nx3xSxS faces in [-1, 1], and an Nx0 tensor in place of valence and arousal."""
        grey = self.recipe.thermal_faces == "grey" and network is self.networks[THERMAL]
        outputs = widened(network(normalised(_grey(images) if grey else images)))
        return outputs, outputs[:, :0]


def _laid_out(network: nn.Module) -> nn.Module:
    moved: nn.Module = network.to(memory_format=FORMAT)  # type: ignore[call-overload]  # untyped
    return moved


def _distance(logits: Tensor, others: Tensor) -> Tensor:
    """Return the mean over faces of the squared distance of two predictions."""
    predictions = [widened(values).softmax(dim=1) for values in (logits, others)]
    return (predictions[0] - predictions[1]).square().sum(dim=1).mean()


def _grey(images: Tensor) -> Tensor:
    """Return Nx3xSxS images with each colour replaced by the luma of ITU-R BT.601."""
    share = images.new_tensor((0.299, 0.587, 0.114)).view(1, 3, 1, 1)
    return (images * share).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)


def _detached(terms: Mapping[str, Tensor]) -> Terms:
    return {name: value.detach() for name, value in terms.items()}
