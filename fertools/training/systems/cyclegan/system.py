"""CycleGAN: a generator and a discriminator for each of two domains, trained with a cycle loss.

Source: Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks" (2017), sections
3 and 4; weights and the order of the steps from junyanz/pytorch-CycleGAN-and-pix2pix. `docs/systems/cyclegan.md` says
what the paper leaves open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch import Batch, Labels
from fertools.training.losses.adversarial import adversarial_loss
from fertools.training.losses.float32 import widened
from fertools.training.networks.image_pool import ImagePool
from fertools.training.recipes.course import Iteration
from fertools.training.systems.base import Autocast, Noise, Step, System, Translation, full_precision
from fertools.training.systems.cyclegan.networks import DOMAINS, build_networks, discriminator_of, generator_to
from fertools.training.systems.cyclegan.recipe import DISCRIMINATOR, GENERATOR, SOURCE, TARGET, TwoWayRecipe
from fertools.training.systems.optimiser_plan import OptimiserPlan

GENERATORS, DISCRIMINATORS = "generators", "discriminators"
"""The two optimisers."""
Images = dict[str, Tensor]
"""Nx3xSxS faces by domain."""
_OTHER = {SOURCE: TARGET, TARGET: SOURCE}


@dataclass(frozen=True)
class WeightedTerm:
    """A part of a loss.

    Attributes:
        value: a scalar with its graph; it is logged without the weight.
        weight: factor of the value in the loss.
    """

    value: Tensor
    weight: float


@dataclass(frozen=True)
class Faces:
    """The faces in a step of the generators.

    Attributes:
        real: faces by domain.
        fake: translated faces with their graph, by the domain that they imitate.
        back: reconstructions of the real faces with their graph, by domain; empty without a cycle loss.
    """

    real: Mapping[str, Tensor]
    fake: Mapping[str, Tensor]
    back: Mapping[str, Tensor]


class Cyclegan(System):
    """The four networks, their losses, and the order of their steps.

    Args:
        recipe: sizes, weights and options.

    Attributes:
        networks: `generator_target`, `generator_source`, `discriminator_target` and `discriminator_source`.
        memory: a pool of generated faces for each discriminator.
        averaged: both generators.
        optimisers: one Adam for both generators, one for both discriminators.
    """

    averaged = tuple(generator_to(domain) for domain in DOMAINS)

    def __init__(self, recipe: TwoWayRecipe) -> None:
        self.recipe = recipe
        self.networks = build_networks(recipe)
        shape = (3, recipe.image_size, recipe.image_size)
        self.memory = self._pools = {_pool(domain): ImagePool(recipe.pool_size, shape) for domain in DOMAINS}
        self.optimisers = {
            GENERATORS: _plan(recipe, generator_to),
            DISCRIMINATORS: _plan(recipe, discriminator_of),
        }
        smaller = recipe.load_size != recipe.image_size
        self.augmentation = Augmentation(flip=recipe.flip, cut_px=recipe.image_size if smaller else 0)

    def draw(self, labels: Mapping[str, Labels], generator: torch.Generator) -> Noise:
        """Return the random numbers of the image pools."""
        count = len(labels[SOURCE].emotions)
        return {_pool(domain): ImagePool.draw(count, generator) for domain in DOMAINS}

    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast = full_precision
    ) -> Iterator[Step]:
        """Yield the step of both generators, then the step of both discriminators on generated faces of the pools."""
        real = {domain: batches[domain].images for domain in DOMAINS}
        step, fake = self.generator_step(real, cast)
        yield step
        yield self.discriminator_step(real, self.pooled(fake, noise), cast)

    def generator_step(self, real: Mapping[str, Tensor], cast: Autocast = full_precision) -> tuple[Step, Images]:
        """Return the loss of both generators, and the generated faces.

        Let x be a face of one domain and y a face of the other. G translates the domain of x to that of y, F translates
        back, and D is the discriminator of the domain of y. The loss is

            adv(D(G(x))) + lambda_cycle mean|F(G(x)) - x| + lambda_cycle lambda_identity mean|G(y) - y|

        plus the same with the domains exchanged, plus the terms of `further_terms`.

        Args:
            real: Nx3xSxS faces by domain.
            cast: autocast context of each part.

        Returns:
            The step, and generated faces with their graph, by the domain that they imitate.
        """
        recipe = self.recipe
        cycle, identity = recipe.cycle_weight, recipe.identity_weight
        terms: dict[str, WeightedTerm] = {}
        fake: Images = {}
        back: Images = {}
        for domain in DOMAINS:
            others, own = real[_OTHER[domain]], real[domain]
            # With instance norm, the faces of a batch do not influence one another. So one pass replaces two.
            with cast(GENERATOR):
                made = self._generator(domain)(torch.cat([others, own]) if identity else others)
            fake[domain] = made[: len(others)]
            if identity:
                terms[f"G/loss_identity_{domain}"] = WeightedTerm(_difference(made[len(others) :], own), identity)
        for domain in DOMAINS:
            if cycle:
                with cast(GENERATOR):
                    back[domain] = self._generator(domain)(fake[_OTHER[domain]])
                terms[f"G/loss_cycle_{domain}"] = WeightedTerm(_difference(back[domain], real[domain]), cycle)
            discriminator = self.networks[discriminator_of(domain)]
            # The step needs no weight gradients of a discriminator. They would be a third of its backward pass.
            discriminator.requires_grad_(False)
            with cast(DISCRIMINATOR):
                logits = discriminator(fake[domain])
            discriminator.requires_grad_(True)
            terms[f"G/loss_gan_{domain}"] = WeightedTerm(adversarial_loss(logits, recipe.gan_mode, real=True), 1.0)
        terms |= self.further_terms(Faces(real, fake, back), cast)
        loss = torch.stack([term.weight * term.value for term in terms.values()]).sum()
        return Step(GENERATORS, loss, _detached({name: term.value for name, term in terms.items()})), fake

    def further_terms(self, faces: Faces, cast: Autocast) -> Mapping[str, WeightedTerm]:
        """Return further terms of the loss of both generators, by their name in the log.

        CycleGAN has none; systems built on it override this method. It gets all generated faces, so that no generator
        has to run again.

        Args:
            faces: real and generated faces.
            cast: autocast context of each part.
        """
        del faces, cast
        return {}

    def pooled(self, fake: Images, noise: Noise) -> Images:
        """Return generated faces without a graph, some of them from the pools, which keep some of the given ones.

        Args:
            fake: Nx3xSxS generated faces, by the domain that they imitate.
            noise: random numbers of `draw`; those of the first N faces are used.
        """
        return {
            domain: self._pools[_pool(domain)].exchange(made, noise[_pool(domain)][: len(made)])
            for domain, made in fake.items()
        }

    def discriminator_step(
        self, real: Mapping[str, Tensor], fake: Mapping[str, Tensor], cast: Autocast = full_precision
    ) -> Step:
        """Return the loss of both discriminators: for each, the mean of its losses on real and on generated faces.

        Args:
            real: Nx3xSxS faces by domain.
            fake: Nx3xSxS generated faces without a graph, by the domain that they imitate.
            cast: autocast context of each part.
        """
        terms: dict[str, Tensor] = {}
        for domain in DOMAINS:
            with cast(DISCRIMINATOR):
                logits = self.networks[discriminator_of(domain)](torch.cat([real[domain], fake[domain]]))
            of_real, of_fake = logits.split([len(real[domain]), len(fake[domain])])
            terms[f"D/loss_real_{domain}"] = adversarial_loss(of_real, self.recipe.gan_mode, real=True)
            terms[f"D/loss_fake_{domain}"] = adversarial_loss(of_fake, self.recipe.gan_mode, real=False)
        return Step(DISCRIMINATORS, torch.stack([*terms.values()]).sum() / 2, _detached(terms))

    def translations(self, prototypes: Tensor) -> list[Translation]:
        """Return both directions, first the one to the target. A face keeps its expression."""
        del prototypes
        names = name_directions(self.recipe)
        return [
            Translation(
                names[domain],
                generator_to(domain),
                source=_OTHER[domain],
                target=domain,
                keeps_emotion=True,
                back=generator_to(_OTHER[domain]),
            )
            for domain in (TARGET, SOURCE)
        ]

    def translate(self, network: nn.Module, images: Tensor, translation: Translation) -> Tensor:
        """Return the generator's output."""
        del translation
        translated: Tensor = network(images)
        return translated

    def translate_back(self, network: nn.Module, images: Tensor, translation: Translation, labels: Labels) -> Tensor:
        """Return the output of the generator of the other direction. It needs no labels."""
        del translation, labels
        back: Tensor = network(images)
        return back

    def _generator(self, domain: str) -> nn.Module:
        return self.networks[generator_to(domain)]


def name_directions(recipe: TwoWayRecipe) -> dict[str, str]:
    """Return a name of each domain for readers: its modality, else its dataset, else the name of the domain."""
    source, target = recipe.domains[:2]
    if source.modality != target.modality:
        return {SOURCE: source.modality, TARGET: target.modality}
    return {SOURCE: source.dataset or SOURCE, TARGET: target.dataset or TARGET}


def _pool(domain: str) -> str:
    return f"pool_{domain}"


def _difference(images: Tensor, others: Tensor) -> Tensor:
    return (widened(images) - others).abs().mean()


def _detached(terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in terms.items()}


def _plan(recipe: TwoWayRecipe, name: Callable[[str], str]) -> OptimiserPlan:
    return OptimiserPlan(
        networks=tuple(name(domain) for domain in DOMAINS),
        lr=recipe.lr,
        schedule=recipe.lr_schedule,
        warmup=recipe.warmup,
        decay_epochs=recipe.falling_epochs,
        beta1=recipe.beta1,
        beta2=recipe.beta2,
    )
