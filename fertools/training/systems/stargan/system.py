"""StarGAN: one generator that translates a face to any expression, and one discriminator with an expression head.

Source: Banerjee, "Emotion Generation and Recognition: A StarGAN Approach" (2019), chapter 4; signs, target labels and
the order of updates from yunjey/stargan. `docs/systems/stargan.md` lists what the paper leaves open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.core.vocabulary import EMOTIONS
from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch import Batch, Labels
from fertools.training.losses.float32 import widened
from fertools.training.losses.gradient_penalty import gradient_penalty, input_gradient, interpolate
from fertools.training.recipes.course import Iteration
from fertools.training.recipes.domains import FACES
from fertools.training.systems.base import Autocast, Noise, Step, System, Translation, full_precision
from fertools.training.systems.optimiser_plan import OptimiserPlan
from fertools.training.systems.stargan.networks import SLOPE, Discriminator, Generator, init_he
from fertools.training.systems.stargan.recipe import StarganRecipe

G, D = "generator", "discriminator"
CIRCLE = ((-0.8, 0.0), (-0.6, 0.6), (0.0, 0.8), (0.6, 0.6), (0.8, 0.0), (0.5, -0.5), (-0.5, -0.5))
"""Targets of (valence, arousal) around the plane, for samples of a StarGAN without classes."""


class Stargan(System):
    """The two networks, their losses, and the order of their steps.

    Args:
        recipe: recipe of the StarGAN.

    Attributes:
        networks: `generator` and `discriminator`.
        averaged: name of the generator.
        optimisers: one Adam for each network.
    """

    averaged = (G,)

    def __init__(self, recipe: StarganRecipe) -> None:
        self.recipe = recipe
        self.classes = len(EMOTIONS) if recipe.condition.startswith("class7") else 0
        self.regressions = 2 if recipe.condition.endswith("va2") else 0
        dim = self.classes + self.regressions
        self._generator = Generator(
            dim,
            recipe.conv_dim,
            recipe.generator_blocks,
            recipe.conditioning,
            output=recipe.generator_output,
            upsampling=recipe.upsampling,
        )
        width = recipe.discriminator_conv_dim or recipe.conv_dim
        self._discriminator = Discriminator(
            recipe.image_size, dim + recipe.generated_class, width, recipe.discriminator_layers
        )
        if recipe.initial_weights == "he":
            init_he(self._discriminator)
        self._changes = replace(Augmentation.of(recipe), flip=False) if recipe.augmented == "seen" else None
        self.augmentation = Augmentation(flip=recipe.flip) if recipe.augmented == "seen" else Augmentation.of(recipe)
        self.networks = {G: self._generator, D: self._discriminator}
        self.optimisers = {name: _plan(name, recipe) for name in self.networks}

    def condition(self, emotions: Tensor, valence_arousal: Tensor) -> Tensor:
        """Return N x n_c conditions: one-hot classes, then (valence, arousal), as set by the recipe."""
        parts = []
        if self.classes:
            parts.append(F.one_hot(emotions, self.classes).to(valence_arousal.dtype))
        if self.regressions:
            parts.append(valence_arousal)
        return torch.cat(parts, dim=1)

    def draw(self, labels: Mapping[str, Labels], generator: torch.Generator) -> Noise:
        """Return the target labels, a permutation of the labels of the batch, and the weights of the penalty.

        `input_noise` adds Nx2x3xSxS noise for the real and the generated faces that the discriminator gets.
        `augmented=seen` adds Nx2x9 random numbers for their augmentation.
        """
        known = labels[FACES]
        count, size = len(known.emotions), self.recipe.image_size
        order = torch.randperm(count, generator=generator)
        draws = {
            "emotions": known.emotions[order],
            "valence_arousal": known.valence_arousal[order],
            "alpha": torch.rand(count, 1, 1, 1, generator=generator),
        }
        if self._changes is not None:
            draws["changes"] = torch.stack([self._changes.draw(count, generator) for _ in range(2)], dim=1)
        if self.recipe.input_noise:
            draws["noise"] = self.recipe.input_noise * torch.randn(count, 2, 3, size, size, generator=generator)
        return draws

    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast = full_precision
    ) -> Iterator[Step]:
        """Yield the discriminator's step, and on every `n_critic`-th iteration the generator's on the same batch.

        The generator does not change between the two steps. So its images are computed once, with a graph only if its
        own step follows.

        In the first `head_start` iterations, only the expression head of the discriminator learns. A generator cannot
        learn from an untrained head.
        """
        batch = batches[FACES]
        seen = replace(batch, images=self._seen(batch.images, noise, 0))
        if iteration.number < self.recipe.head_start:
            yield self.head_step(seen, cast)
            return
        with_generator = (iteration.number + 1) % self.recipe.n_critic == 0
        target = replace(batch, emotions=noise["emotions"], valence_arousal=noise["valence_arousal"])
        with torch.set_grad_enabled(with_generator), cast(G):
            fake = self._generator(batch.images, self.condition(target.emotions, target.valence_arousal))
        shown = self._seen(fake, noise, 1)
        yield self.d_step(seen, shown.detach(), noise["alpha"], cast)
        if with_generator:
            yield self.g_step(batch, target, fake, cast, shown)

    def head_step(self, batch: Batch, cast: Autocast = full_precision) -> Step:
        """Return the loss of the expression head alone: lambda_cls CE(D_cls(x), c).

        Args:
            batch: real faces x with their own labels c.
            cast: autocast context of each part.
        """
        with cast(D):
            _, heads = self._discriminator(batch.images)
        terms: dict[str, Tensor] = {}
        return _step(D, self._label_loss("D", heads, batch, terms), terms)

    def d_step(self, batch: Batch, fake: Tensor, alpha: Tensor, cast: Autocast = full_precision) -> Step:
        """Return the discriminator's loss.

            -mean D(x) + mean D(G(x, c')) + lambda_cls CE(D_cls(x), c) + lambda_gp GP

        If the condition has valence and arousal, lambda_va MSE(D_va(x), c) is added. With `generated_class`,
        lambda_cls CE(D_cls(G(x, c')), made) is added.

        Args:
            batch: real faces x with their own labels c.
            fake: G(x, c'), detached.
            alpha: Nx1x1x1 weights of x in the interpolated images of the penalty.
            cast: autocast context of each part.
        """
        recipe = self.recipe
        # Without normalisation, outputs do not depend on the rest of the batch. So real and fake share a batch.
        with cast(D):
            critic, heads = self._discriminator(torch.cat([batch.images, fake]))
        real_critic, fake_critic = widened(critic).chunk(2)
        terms = {"D/loss_real": -real_critic.mean(), "D/loss_fake": fake_critic.mean()}
        loss = terms["D/loss_real"] + terms["D/loss_fake"]
        of_real, of_generated = heads.chunk(2)
        loss = loss + self._label_loss("D", of_real, batch, terms)
        if recipe.generated_class:
            generated = torch.full_like(batch.emotions, self.classes)
            terms["D/loss_generated"] = F.cross_entropy(self._class_logits(widened(of_generated)), generated)
            loss = loss + recipe.lambda_cls * terms["D/loss_generated"]
        if recipe.gp != "none":
            points = interpolate(batch.images, fake, alpha) if recipe.gp == "wgan-gp" else batch.images
            with cast("penalty"):
                gradient = input_gradient(self._discriminator.critic, points, SLOPE, recipe.gp_impl)
            terms["D/loss_gp"] = gradient_penalty(gradient, recipe.gp)
            loss = loss + recipe.lambda_gp * terms["D/loss_gp"]
        return _step(D, loss, terms)

    def g_step(
        self, batch: Batch, target: Batch, fake: Tensor, cast: Autocast = full_precision, shown: Tensor | None = None
    ) -> Step:
        """Return the generator's loss.

            -mean D(G(x, c')) + lambda_rec mean|x - G(G(x, c'), c)| + lambda_cls CE(D_cls(G(x, c')), c')
                + lambda_change mean|x - G(x, c')|

        If the condition has valence and arousal, lambda_va MSE(D_va(G(x, c')), c') is added.

        Args:
            batch: real faces x with their own labels c.
            target: the labels c'.
            fake: G(x, c') with its graph.
            cast: autocast context of each part.
            shown: augmented G(x, c') for the discriminator, with its graph; None to use `fake`.
        """
        # The weight gradients of the discriminator are not needed. They would be a third of its backward pass.
        self._discriminator.requires_grad_(False)
        with cast(D):
            critic, heads = self._discriminator(fake if shown is None else shown)
        self._discriminator.requires_grad_(True)
        terms = {"G/loss_fake": -widened(critic).mean()}
        loss = terms["G/loss_fake"]
        if self.recipe.lambda_rec:
            with cast(G):
                back = self._generator(fake, self.condition(batch.emotions, batch.valence_arousal))
            terms["G/loss_rec"] = (batch.images - back).abs().mean()
            loss = loss + self.recipe.lambda_rec * terms["G/loss_rec"]
        if self.recipe.lambda_change:
            terms["G/loss_change"] = (batch.images - fake).abs().mean()
            loss = loss + self.recipe.lambda_change * terms["G/loss_change"]
        return _step(G, loss + self._label_loss("G", heads, target, terms), terms)

    def translations(self, prototypes: Tensor) -> list[Translation]:
        """Return the translations to the seven expressions, or to the targets of CIRCLE."""
        if not self.classes:
            return [
                Translation(f"v {v:+.1f} a {a:+.1f}", G, condition=torch.tensor([v, a]), valence_arousal=(v, a), back=G)
                for v, a in CIRCLE
            ]
        rows = self.condition(torch.arange(self.classes), prototypes)
        points = [(v, a) if self.regressions else None for v, a in prototypes.tolist()]
        return [
            Translation(word, G, emotion=word, condition=row, valence_arousal=point, back=G)
            for word, row, point in zip(EMOTIONS, rows, points, strict=True)
        ]

    def translate(self, network: nn.Module, images: Tensor, translation: Translation) -> Tensor:
        """Return G(images, condition)."""
        if translation.condition is None:
            raise ValueError("a translation of StarGAN has a condition")
        translated: Tensor = network(images, translation.condition.to(images.device).expand(len(images), -1))
        return translated

    def translate_back(self, network: nn.Module, images: Tensor, translation: Translation, labels: Labels) -> Tensor:
        """Return G(images, c) with the faces' own labels c."""
        back: Tensor = network(images, self.condition(labels.emotions, labels.valence_arousal))
        return back

    def discriminator_head(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the predictions of the discriminator's head: Nx7 logits (Nx0 without classes) and Nx2 regressions."""
        heads = widened(self._discriminator(images)[1])
        return heads[:, : self.classes], heads[:, self.classes : self.classes + self.regressions]

    def _seen(self, images: Tensor, draws: Noise, which: int) -> Tensor:
        """Return the input of the discriminator for real (which=0) or generated faces (1): augmented, with noise.

        Source: Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training" (2020).
        """
        if self._changes is not None:
            images = self._changes.apply(images, draws["changes"][:, which])
        return images + draws["noise"][:, which] if "noise" in draws else images

    def _class_logits(self, heads: Tensor) -> Tensor:
        """Return the logits of the expressions; with `generated_class`, the logit of generated faces is the last.

        Source: Salimans et al., "Improved Techniques for Training GANs" (2016), section 5.
        """
        if not self.recipe.generated_class:
            return heads[:, : self.classes]
        return torch.cat([heads[:, : self.classes], heads[:, -1:]], dim=1)

    def _label_loss(self, network: str, heads: Tensor, wanted: Batch, terms: dict[str, Tensor]) -> Tensor:
        """Return the weighted label loss of a network, and add its terms to `terms`."""
        heads = widened(heads)
        loss = heads.new_zeros(())
        if self.classes:
            terms[f"{network}/loss_cls"] = F.cross_entropy(self._class_logits(heads), wanted.emotions)
            loss = loss + self.recipe.lambda_cls * terms[f"{network}/loss_cls"]
        if self.regressions:
            terms[f"{network}/loss_va"] = F.mse_loss(
                heads[:, self.classes : self.classes + self.regressions], wanted.valence_arousal
            )
            loss = loss + self.recipe.lambda_va * terms[f"{network}/loss_va"]
        return loss


def _step(network: str, loss: Tensor, terms: dict[str, Tensor]) -> Step:
    return Step(network, loss, {name: value.detach() for name, value in terms.items()})


def _plan(network: str, recipe: StarganRecipe) -> OptimiserPlan:
    return OptimiserPlan(
        networks=(network,),
        lr=recipe.lr,
        schedule=recipe.lr_schedule,
        warmup=recipe.warmup,
        beta1=recipe.beta1,
        beta2=recipe.beta2,
    )
