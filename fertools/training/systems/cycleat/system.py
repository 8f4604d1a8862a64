"""CycleAT: a CycleGAN, and a classifier of its generated faces that attends like a classifier of the source faces.

Source: Zhang et al., "Facial Expression Recognition in the Wild: A Cycle-Consistent Adversarial Attention Transfer
Approach" (2018), section 3; the guard from the code of Hoffman et al., "CyCADA" (2018). `docs/systems/cycleat.md` says
what the paper leaves open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from fertools.core.errors import InputError
from fertools.training.data.batch import Batch
from fertools.training.losses.attention import attention_transfer
from fertools.training.losses.float32 import widened
from fertools.training.losses.labels import soft_cross_entropy, target_probabilities
from fertools.training.networks.backbones import build_backbone, load_weights
from fertools.training.networks.feature_maps import resized
from fertools.training.networks.imagenet import normalised
from fertools.training.networks.initial_weights import init_normal
from fertools.training.networks.resnet import ResNet, like_weights
from fertools.training.networks.starting_weights import StartingWeights
from fertools.training.recipes.course import Iteration
from fertools.training.systems.base import Autocast, Noise, Prediction, Step, Translation, full_precision
from fertools.training.systems.cycleat.recipe import (
    CLASSIFIER,
    JOINT,
    NORMAL,
    RANDOM,
    RECOGNITION,
    TEACHER,
    WILD,
    CycleatRecipe,
)
from fertools.training.systems.cyclegan.networks import DOMAINS
from fertools.training.systems.cyclegan.recipe import GENERATOR, SOURCE, TARGET
from fertools.training.systems.cyclegan.system import GENERATORS, Cyclegan

_HEAD = ("fc.weight", "fc.bias")


class Cycleat(Cyclegan):
    """CycleGAN's networks and steps, and a classifier that learns together with the generators.

    Args:
        recipe: sizes, weights and options.

    Attributes:
        networks: those of CycleGAN, and `classifier`.
        frozen: the network `teacher`, if the losses or the initial weights need it. `take_weights` builds it, except a
            random one, which is there from the start.
        averaged: both generators and the classifier.
        optimisers: CycleGAN's; the one of the generators also trains the classifier, as both have a common loss.
    """

    recipe: CycleatRecipe
    averaged = (*Cyclegan.averaged, CLASSIFIER)

    def __init__(self, recipe: CycleatRecipe) -> None:
        super().__init__(recipe)
        network = self._build()
        if recipe.start == NORMAL:
            init_normal(network)
            nn.init.normal_(network.fc.weight, 0.0, 0.02)
            nn.init.zeros_(network.fc.bias)
        self.networks = {**self.networks, CLASSIFIER: network}
        plan = self.optimisers[GENERATORS]
        self.optimisers = {**self.optimisers, GENERATORS: replace(plan, networks=(*plan.networks, CLASSIFIER))}
        self.frozen: dict[str, ResNet] = {}
        if recipe.teacher == RANDOM and (recipe.attends or recipe.start == TEACHER):
            self._take_teacher(self._build(), RANDOM)
        if recipe.wild_dataset and self.prediction is not None:
            self.further_predictions = (Prediction(CLASSIFIER, WILD),)

    def take_weights(self, name: str, weights: StartingWeights) -> bool:
        """Build the teacher from its weights, from which the classifier may also begin, or load the classifier's.

        Raises:
            InputError: the teacher predicts other expressions than those of the recipe, or is no ResNet. Or the
                classifier should begin with the weights of another network.
        """
        if name == CLASSIFIER:
            return load_weights(self.networks[CLASSIFIER], self._without_other_classes(weights), weights.where)
        self._take_teacher(like_weights(self._with_our_classes(weights), weights.where), weights.where)
        return True

    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast = full_precision
    ) -> Iterator[Step]:
        """Yield the steps of the stage: of the GAN, of the GAN with the classifier, or of the classifier alone.

        The GAN gets the first `gan_batch` faces of a batch, and the classifier the translations of all its source
        faces.
        """
        source = batches[SOURCE]
        if iteration.stage == RECOGNITION:
            with torch.no_grad(), cast(GENERATOR):
                made = self._generator(TARGET)(source.images)
            loss, terms = self.classifier_loss(source, made, cast)
            yield Step(GENERATORS, loss, terms)
            return
        count = len(source.images) * self.recipe.gan_batch // self.recipe.batch_size
        real = {domain: batches[domain].images[:count] for domain in DOMAINS}
        step, fake = self.generator_step(real, cast)
        if iteration.stage == JOINT:
            made = fake[TARGET]
            if count < len(source.images):
                with cast(GENERATOR):
                    made = torch.cat([made, self._generator(TARGET)(source.images[count:])])
            loss, terms = self.classifier_loss(source, made, cast)
            step = replace(step, loss=step.loss + loss, terms=step.terms | terms)
        yield step
        yield self.discriminator_step(real, self.pooled(fake, noise), cast)

    def classifier_loss(
        self, source: Batch, made: Tensor, cast: Autocast = full_precision
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss L_W of the classifier on translated source faces, and its terms.

        Let G(x) be the translation of a source face x of the class y, f the classifier and t the teacher. The loss is

            cross-entropy(f(G(x)), y) + beta AT(f on G(x), t on x)

        Its gradient reaches f and, through the images, G. While the cross-entropy of f on x itself exceeds `guard`, the
        gradient does not reach G.

        Args:
            source: N source faces with their labels.
            made: Nx3xSxS translations, with the graph of the generator or without one.
            cast: autocast context of each part.
        """
        recipe = self.recipe
        network = self.networks[CLASSIFIER]
        assert isinstance(network, ResNet)
        terms: dict[str, Tensor] = {}
        if recipe.guard and made.requires_grad:
            # In eval mode, so that real faces do not change the running statistics.
            network.eval()
            with torch.no_grad(), cast(CLASSIFIER):
                real = _cross_entropy(network(self._seen(source.images)), source)
            opened = (real <= recipe.guard).to(made.dtype)
            terms |= {"classifier/loss_real": real, "classifier/guard_open": opened}
            # The values stay as they are; the gradient is multiplied by 0 or 1, so that no GPU waits for the CPU.
            made = torch.lerp(made.detach(), made, opened)
        network.train(recipe.norms == "batch")
        seen = self._seen(made)
        with cast(CLASSIFIER):
            logits, stages = network.forward_with_stages(seen)
        loss = terms["classifier/loss_class"] = _cross_entropy(logits, source)
        if recipe.attends:
            shown = self._seen(source.images) if recipe.at_teacher_input == "source" else seen.detach()
            with torch.no_grad(), cast(CLASSIFIER):
                wanted = self.frozen[TEACHER].stages(shown)
            terms["classifier/loss_attention"] = attention_transfer(stages, wanted, recipe.at_form)
            loss = loss + recipe.beta * terms["classifier/loss_attention"]
        return loss, {name: value.detach() for name, value in terms.items()}

    def translations(self, prototypes: Tensor) -> list[Translation]:
        """Return both directions. Only translated source faces have an expression: labels of the target are not used.

        So `fertools generate` makes no faces of the other direction, which nobody could train on.
        """
        return [
            translation if translation.source == SOURCE else replace(translation, keeps_emotion=False)
            for translation in super().translations(prototypes)
        ]

    @property
    def prediction(self) -> Prediction | None:
        """The prediction of the classifier on source faces; None if it has learned nothing."""
        return Prediction(CLASSIFIER, SOURCE) if self.recipe.predicts_emotion else None

    def predict(self, network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return NxK logits of Nx3xSxS faces in [-1, 1], and an Nx0 tensor in place of valence and arousal."""
        outputs = widened(network(self._seen(images)))
        return outputs, outputs[:, :0]

    def _seen(self, images: Tensor) -> Tensor:
        """Return Nx3xSxS faces in [-1, 1] in the size and on the scale of the classifier, with a gradient in them."""
        images = resized(normalised(widened(images)), self.recipe.classifier_px)
        return images.contiguous(memory_format=torch.channels_last)

    def _take_teacher(self, teacher: ResNet, where: str) -> None:
        self.frozen[TEACHER] = _laid_out(teacher)
        if self.recipe.start == TEACHER:
            load_weights(self.networks[CLASSIFIER], teacher.state_dict(), where)

    def _build(self) -> ResNet:
        recipe = self.recipe
        side = recipe.classifier_px or recipe.image_size
        network = build_backbone(recipe.network, len(recipe.class_names), recipe.width, size_px=side)
        assert isinstance(network, ResNet)
        return _laid_out(network)

    def _with_our_classes(self, weights: StartingWeights) -> Mapping[str, Tensor]:
        """Return the weights of a classifier of the recipe's expressions, its outputs in our order."""
        ours, theirs = self.recipe.class_names, weights.classes
        head = weights.tensors.get(_HEAD[0])
        outputs = 0 if head is None else len(head)
        if set(theirs or ours) != set(ours) or outputs != len(ours):
            told = ", ".join(theirs) or f"{outputs} unnamed classes"
            raise InputError(
                f"{weights.where} predicts {told}, and the source faces show {', '.join(ours)}; give a teacher that "
                "was trained on the same classes, or set classes to those of the teacher"
            )
        if not theirs:
            return weights.tensors
        rows = [theirs.index(name) for name in ours]
        return {**weights.tensors, **{part: weights.tensors[part][rows] for part in _HEAD if part in weights.tensors}}

    def _without_other_classes(self, weights: StartingWeights) -> Mapping[str, Tensor]:
        """Return weights without a last layer for other expressions; that of our expressions is in our order."""
        if set(weights.classes) == set(self.recipe.class_names):
            return self._with_our_classes(weights)
        if not weights.classes:
            return weights.tensors
        return {name: value for name, value in weights.tensors.items() if name not in _HEAD}


def _laid_out(network: ResNet) -> ResNet:
    """Return a network with the channels of a pixel together, which is faster."""
    moved: ResNet = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # untyped
    return moved


def _cross_entropy(logits: Tensor, faces: Batch) -> Tensor:
    return soft_cross_entropy(logits, target_probabilities(faces.emotions, faces.soft_labels, 0.0), faces.weights)
