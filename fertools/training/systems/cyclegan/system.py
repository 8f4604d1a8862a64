"""CycleGAN: a generator to each of two domains, a discriminator of each, and the way there and back.

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
    """What the generators' step has at hand.

    Attributes:
        real: faces by domain.
        fake: translated faces with their graph, by the domain that they imitate.
        back: real faces after the way there and back, with their graph, by domain; empty without a cycle loss.
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
        """Return what decides which generated faces come from the pools."""
        count = len(labels[SOURCE].emotions)
        return {_pool(domain): ImagePool.draw(count, generator) for domain in DOMAINS}

    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast = full_precision
    ) -> Iterator[Step]:
        """Yield the step of both generators, then that of both discriminators on the faces that these made."""
        real = {domain: batches[domain].images for domain in DOMAINS}
        step, fake = self.generator_step(real, cast)
        yield step
        pooled = {domain: self._pools[_pool(domain)].exchange(fake[domain], noise[_pool(domain)]) for domain in DOMAINS}
        yield self.discriminator_step(real, pooled, cast)

    def generator_step(self, real: Mapping[str, Tensor], cast: Autocast = full_precision) -> tuple[Step, Images]:
        """Return the loss of both generators, and the faces that they made.

        For x of one domain, y of the other, G from x's domain to y's and F back, the loss is
        adv(D(G(x))) + lambda_cycle mean|F(G(x)) - x| + lambda_cycle lambda_identity mean|G(y) - y|,
        plus the same with the domains exchanged, plus the terms of `further_terms`.

        Args:
            real: Nx3xSxS faces by domain.
            cast: the precision of the generators and of the discriminators.

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
            # Instance norm keeps the faces of a batch apart, so that one pass gives what two would.
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
            # The step needs no weight gradients of a discriminator, and they are a third of its backward pass.
            discriminator.requires_grad_(False)
            with cast(DISCRIMINATOR):
                logits = discriminator(fake[domain])
            discriminator.requires_grad_(True)
            terms[f"G/loss_gan_{domain}"] = WeightedTerm(adversarial_loss(logits, recipe.gan_mode, real=True), 1.0)
        terms |= self.further_terms(Faces(real, fake, back), cast)
        loss = torch.stack([term.weight * term.value for term in terms.values()]).sum()
        return Step(GENERATORS, loss, _detached({name: term.value for name, term in terms.items()})), fake

    def further_terms(self, faces: Faces, cast: Autocast) -> Mapping[str, WeightedTerm]:
        """Return what a system on these parts adds to the loss of both generators, by the names they are logged under.

        CycleGAN itself adds nothing. No generator has to make a face again: all that were made are at hand.

        Args:
            faces: real and generated.
            cast: the precision of each part.
        """
        del faces, cast
        return {}

    def discriminator_step(
        self, real: Mapping[str, Tensor], fake: Mapping[str, Tensor], cast: Autocast = full_precision
    ) -> Step:
        """Return the loss of both discriminators: half the sum of that on real and that on generated faces, for each.

        Args:
            real: Nx3xSxS faces by domain.
            fake: Nx3xSxS generated faces without a graph, by the domain that they imitate.
            cast: the precision of the discriminators.
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
        """Return both directions, that to the target first. The expression of a face stays what it was."""
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
        """Return the output of the generator of the other direction, which asks for no labels."""
        del translation, labels
        back: Tensor = network(images)
        return back

    def _generator(self, domain: str) -> nn.Module:
        return self.networks[generator_to(domain)]


def name_directions(recipe: TwoWayRecipe) -> dict[str, str]:
    """Return what a reader calls the faces of each domain: by modality, else by dataset, else by the domain's name."""
    source, target = recipe.domains
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
        decay_epochs=recipe.decay_epochs,
        beta1=recipe.beta1,
        beta2=recipe.beta2,
    )
