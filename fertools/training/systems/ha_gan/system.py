"""HA-GAN: a generator draws the character with a human expression, and a head of the discriminator recognises it.

Source: Ali, Isler and Hughes, "Facial Expression Recognition Using Human to Animated-Character Expression Translation"
(2019). `docs/systems/ha-gan.md` says what the paper leaves open and where it contradicts itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch import Batch, Labels
from fertools.training.losses.adversarial import adversarial_loss
from fertools.training.losses.float32 import widened
from fertools.training.recipes.course import Iteration
from fertools.training.systems.analysis import Analysis
from fertools.training.systems.base import Autocast, Noise, Prediction, Step, System, Translation, full_precision
from fertools.training.systems.ha_gan.networks import Generator, Recogniser
from fertools.training.systems.ha_gan.recipe import CHARACTER, DISCRIMINATOR, GENERATOR, HUMAN, NEUTRAL, HaGanRecipe
from fertools.training.systems.optimiser_plan import OptimiserPlan

RECOGNISER = "recogniser"
"""The one network of the system; it holds the generator and the discriminator."""
Terms = dict[str, Tensor]
_NOISE = "z"
_DRAWS = 4
"""Draws of the noise per face, whose pictures `analyse` compares."""


class HaGan(System):
    """The networks, their losses, and the order of their steps.

    Args:
        recipe: sizes, weights and options.

    Attributes:
        networks: the recogniser, which holds the generator and the discriminator.
        optimisers: one Adam for the generator and one for the discriminator; for the baseline one alone.
    """

    def __init__(self, recipe: HaGanRecipe) -> None:
        self.recipe = recipe
        self._recogniser = Recogniser(recipe)
        self.networks = {RECOGNISER: self._recogniser}
        factors = {DISCRIMINATOR: recipe.d_lr_factor}
        if recipe.method == "ha-gan":
            factors[GENERATOR] = 1.0
        self.optimisers = {part: _plan(recipe, part, factor) for part, factor in factors.items()}
        self.augmentation = Augmentation(
            flip=recipe.flip, cut_px=recipe.image_size, cut_at="five", angles_deg=recipe.angles_deg
        )
        self.augmentations = {
            CHARACTER: Augmentation(cut_px=recipe.image_size),
            NEUTRAL: Augmentation(cut_px=recipe.image_size, cut_at="centre"),
        }
        self.analysed_faces = recipe.analysis_faces if self._generator is not None and recipe.z_dim else 0

    def draw(self, labels: Mapping[str, Labels], generator: torch.Generator) -> Noise:
        """Return the noise of the generator, in [-1, 1]."""
        if self._generator is None or not self.recipe.z_dim:
            return {}
        return {_NOISE: torch.rand(len(labels[HUMAN].emotions), self.recipe.z_dim, generator=generator) * 2 - 1}

    def iterate(
        self, iteration: Iteration, batches: Mapping[str, Batch], noise: Noise, cast: Autocast = full_precision
    ) -> Iterator[Step]:
        """Yield the step of the discriminator, then the step of the generator on the same generated faces."""
        del iteration
        human, network = batches[HUMAN], self._recogniser.train()
        if network.generator is None:
            with cast(DISCRIMINATOR):
                logits = network.discriminator.classify(human.images, human.images)
            loss = _cross_entropy(logits, human)
            yield Step(DISCRIMINATOR, loss, {"loss_class": loss.detach()})
            return
        if NEUTRAL in batches and network.generator.by_image:
            # All faces of this domain are the one neutral picture. The network keeps it for tests.
            network.generator.get_buffer("neutral").copy_(batches[NEUTRAL].images[0])
        with cast(GENERATOR):
            drawn = network.generator(human.images, noise.get(_NOISE))
        yield self.discriminator_step(human, batches[CHARACTER], drawn.detach(), cast)
        yield self.generator_step(batches, drawn, cast)

    def discriminator_step(self, human: Batch, character: Batch, drawn: Tensor, cast: Autocast) -> Step:
        """Return the loss of the discriminator, times `d_loss_factor`.

        With x a human face of expression E, s a real face of the character with E, and s' the generated one, it is

            CE(D_e(x, s), E) + BCE(D_R(x, s), 1) + BCE(D_R(x, s'), 0).

        Args:
            human: human faces.
            character: faces of the character with the same expressions.
            drawn: Nx3xSxS generated faces without a graph.
            cast: autocast context of each part.
        """
        recipe, critic = self.recipe, self._recogniser.discriminator
        terms: Terms = {}
        # Real and generated faces go through batch norm separately.
        if recipe.lambda_real:
            with cast(DISCRIMINATOR):
                of_real, logits = critic.judge_and_classify(human.images, character.images)
                of_fake = critic.judge(human.images, drawn)
            terms["D/loss_real"] = adversarial_loss(of_real, "vanilla", real=True)
            terms["D/loss_fake"] = adversarial_loss(of_fake, "vanilla", real=False)
        else:
            with cast(DISCRIMINATOR):
                logits = critic.classify(human.images, character.images)
        terms["D/loss_class"] = _cross_entropy(logits, human)
        return Step(DISCRIMINATOR, recipe.d_loss_factor * torch.stack([*terms.values()]).sum(), _detached(terms))

    def generator_step(self, batches: Mapping[str, Batch], drawn: Tensor, cast: Autocast) -> Step:
        """Return the loss of the generator.

        With the words of `discriminator_step` and the target picture s*, it is

            CE(D_e(x, s'), E) + lambda_real BCE(D_R(x, s'), 1) + lambda_pixel mean|s' - s*|.

        Args:
            batches: faces by domain.
            drawn: Nx3xSxS generated faces with their graph.
            cast: autocast context of each part.
        """
        recipe, critic, human = self.recipe, self._recogniser.discriminator, batches[HUMAN]
        terms: Terms = {}
        critic.requires_grad_(False)
        with cast(DISCRIMINATOR):
            if recipe.lambda_real:
                of_fake, logits = critic.judge_and_classify(human.images, drawn)
                terms["G/loss_gan"] = adversarial_loss(of_fake, "vanilla", real=True)
            else:
                logits = critic.classify(human.images, drawn)
        critic.requires_grad_(True)
        terms["G/loss_class"] = _cross_entropy(logits, human)
        if recipe.lambda_pixel:
            wanted = batches[NEUTRAL if recipe.l1_target == "neutral" else CHARACTER].images
            distance = F.l1_loss if recipe.pixel_loss == "l1" else F.mse_loss
            terms["G/loss_pixel"] = distance(widened(drawn), wanted)
        weights = {"G/loss_class": 1.0, "G/loss_gan": recipe.lambda_real, "G/loss_pixel": recipe.pixel_weight}
        loss = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
        return Step(GENERATOR, loss, _detached(terms))

    @property
    def prediction(self) -> Prediction:
        """The expression head recognises human faces by the pictures that the generator draws of them."""
        return Prediction(RECOGNISER, HUMAN)

    def predict(self, network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return NxC logits, and an empty Nx0."""
        logits = widened(network(images))
        return logits, logits.new_empty(len(logits), 0)

    @property
    def controls(self) -> Mapping[str, str]:
        """Of the pair, the human half is changed: an expression head that reads it will then be wrong."""
        if self._generator is None or self.recipe.d_input != "pair":
            return {}
        return {"zeroed": "human half zeroed", "other": "human half of another person and expression"}

    def predict_control(self, network: nn.Module, images: Tensor, others: Tensor, control: str) -> Tensor:
        """Return NxC logits of pairs of another human half and the character drawn of the face itself."""
        assert isinstance(network, Recogniser)
        assert network.generator is not None
        human = torch.zeros_like(images) if control == "zeroed" else others
        return widened(network.discriminator.classify(human, network.generator(images)))

    def translations(self, prototypes: Tensor) -> list[Translation]:
        """Return the one translation, to the character; the baseline has none."""
        del prototypes
        if self._generator is None:
            return []
        name = self.recipe.character or self.recipe.character_modality
        return [Translation(name, RECOGNISER, source=HUMAN, target=CHARACTER, keeps_emotion=True)]

    def translate(self, network: nn.Module, images: Tensor, translation: Translation) -> Tensor:
        """Return the pictures of the generator, without noise."""
        del translation
        assert isinstance(network, Recogniser)
        assert network.generator is not None
        pictures: Tensor = network.generator(images)
        return pictures

    @torch.no_grad()
    def analyse(self, networks: Mapping[str, nn.Module], images: Mapping[str, Tensor]) -> Analysis | None:
        """Return how much the noise changes a generated face."""
        network = networks[RECOGNISER]
        assert isinstance(network, Recogniser)
        assert network.generator is not None
        faces = images[HUMAN]
        generator = torch.Generator().manual_seed(0)
        drawn = []
        for _ in range(_DRAWS):
            noise = torch.rand(len(faces), self.recipe.z_dim, generator=generator) * 2 - 1
            drawn.append(network.generator(faces, noise.to(faces.device)).float())
        spread = float(torch.stack(drawn).std(dim=0).mean())
        return Analysis(
            numbers={"noise": spread},
            words={
                "noise": f"Mean standard deviation of a pixel over {_DRAWS} draws of the noise z, on the scale from -1 "
                "to 1. Close to 0, the generator ignores the noise."
            },
        )

    @property
    def _generator(self) -> Generator | None:
        return self._recogniser.generator


def _cross_entropy(logits: Tensor, human: Batch) -> Tensor:
    return (human.weights * F.cross_entropy(widened(logits), human.emotions, reduction="none")).mean()


def _detached(terms: Mapping[str, Tensor]) -> Terms:
    return {name: value.detach() for name, value in terms.items()}


def _plan(recipe: HaGanRecipe, part: str, factor: float) -> OptimiserPlan:
    return OptimiserPlan(
        networks=(f"{RECOGNISER}.{part}",),
        lr=factor * recipe.lr,
        schedule=recipe.lr_schedule,
        warmup=recipe.warmup,
        beta1=recipe.beta1,
        beta2=recipe.beta2,
    )
