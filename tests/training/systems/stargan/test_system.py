"""StarGAN's steps against a literal second implementation of the losses."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fertools.core.vocabulary import EMOTIONS
from fertools.training.data.batch import Batch
from fertools.training.recipes.course import Iteration
from fertools.training.recipes.domains import FACES
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.base import Noise
from fertools.training.systems.stargan.recipe import StarganRecipe
from fertools.training.systems.stargan.system import D, G, Stargan


def recipe(*overrides: str) -> StarganRecipe:
    return resolve_recipe("stargan", StarganRecipe, "smoke", overrides).recipe


def system(*overrides: str) -> Stargan:
    torch.manual_seed(0)
    built = Stargan(recipe(*overrides))
    for network in built.networks.values():
        network.double()
    return built


def batches(count: int, size: int = 4, noise: float = 0.0) -> list[tuple[Batch, Noise]]:
    generator = torch.Generator().manual_seed(5)
    result = []
    for _ in range(count):
        images = torch.rand(size, 3, 64, 64, generator=generator, dtype=torch.float64) * 2 - 1
        emotions = torch.randint(7, (size,), generator=generator)
        points = torch.rand(size, 2, generator=generator, dtype=torch.float64) * 2 - 1
        order = torch.randperm(size, generator=generator)
        alpha = torch.rand(size, 1, 1, 1, generator=generator, dtype=torch.float64)
        batch = Batch(emotions, points, torch.ones(size), torch.full((size, 7), torch.nan), images)
        draws = {"emotions": emotions[order], "valence_arousal": points[order], "alpha": alpha}
        if noise:
            draws["noise"] = noise * torch.randn(size, 2, 3, 64, 64, generator=generator, dtype=torch.float64)
        result.append((batch, draws))
    return result


def optimisers(networks: Mapping[str, nn.Module]) -> dict[str, torch.optim.Adam]:
    return {
        name: torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.5, 0.999)) for name, network in networks.items()
    }


def run(built: Stargan, data: list[tuple[Batch, Noise]]) -> list[dict[str, float]]:
    logs = []
    adam = optimisers(built.networks)
    for iteration, (batch, draws) in enumerate(data):
        log: dict[str, float] = {}
        for step in built.iterate(Iteration(iteration), {FACES: batch}, draws):
            adam[step.optimiser].zero_grad()
            step.loss.backward()  # type: ignore[no-untyped-call]  # torch leaves backward untyped
            adam[step.optimiser].step()
            log |= {name: value.item() for name, value in step.terms.items()}
        logs.append(log)
    return logs


def condition_of(kind: str, labels: Tensor, points: Tensor) -> Tensor:
    onehot = torch.eye(7, dtype=torch.float64)[labels]
    return {"class7": onehot, "va2": points, "class7+va2": torch.cat([onehot, points], dim=1)}[kind]


def run_literally(
    networks: Mapping[str, nn.Module], data: list[tuple[Batch, Noise]], settings: StarganRecipe
) -> list[dict[str, float]]:
    """The losses as the paper and the reference write them, nothing shared between the steps."""
    generator, discriminator = networks[G], networks[D]
    adam = optimisers(networks)
    logs = []

    def label_losses(heads: Tensor, labels: Tensor, points: Tensor, prefix: str) -> dict[str, Tensor]:
        if settings.condition == "class7":
            return {f"{prefix}/loss_cls": F.cross_entropy(heads, labels)}
        if settings.condition == "va2":
            return {f"{prefix}/loss_va": ((heads - points) ** 2).mean()}
        return {
            f"{prefix}/loss_cls": F.cross_entropy(heads[:, :7], labels),
            f"{prefix}/loss_va": ((heads[:, 7:] - points) ** 2).mean(),
        }

    def weigh(losses: dict[str, Tensor]) -> Tensor:
        weights = {"loss_cls": settings.lambda_cls, "loss_va": settings.lambda_va}
        return sum((weights[name.split("/")[1]] * loss for name, loss in losses.items()), torch.zeros(()))

    for iteration, (batch, draws) in enumerate(data):
        x, labels, points = batch.images, batch.emotions, batch.valence_arousal
        wanted_labels, wanted_points = draws["emotions"], draws["valence_arousal"]
        original = condition_of(settings.condition, labels, points)
        wanted = condition_of(settings.condition, wanted_labels, wanted_points)

        of_real, of_made = draws["noise"].unbind(1) if "noise" in draws else (0.0, 0.0)
        if iteration < settings.head_start:
            losses = label_losses(discriminator(x + of_real)[1], labels, points, "D")
            adam[D].zero_grad()
            weigh(losses).backward()  # type: ignore[no-untyped-call]  # torch leaves backward untyped
            adam[D].step()
            logs.append({name: value.item() for name, value in losses.items()})
            continue
        real_map, real_heads = discriminator(x + of_real)
        fake = generator(x, wanted).detach() + of_made
        fake_map, _ = discriminator(fake)
        mixed = (draws["alpha"] * (x + of_real) + (1 - draws["alpha"]) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(mixed)[0].sum(), mixed, create_graph=True)
        penalty = ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()
        losses = label_losses(real_heads, labels, points, "D")
        total = -real_map.mean() + fake_map.mean() + weigh(losses) + settings.lambda_gp * penalty
        for optimiser in adam.values():
            optimiser.zero_grad()
        total.backward()
        adam[D].step()
        log = {"D/loss_real": -real_map.mean(), "D/loss_fake": fake_map.mean(), "D/loss_gp": penalty, **losses}

        if (iteration + 1) % settings.n_critic == 0:
            fake = generator(x, wanted)
            fake_map, heads = discriminator(fake + of_made)
            reconstructed = generator(fake, original)
            rec = (x - reconstructed).abs().mean()
            losses = label_losses(heads, wanted_labels, wanted_points, "G")
            change = (x - fake).abs().mean()
            total = -fake_map.mean() + settings.lambda_rec * rec + weigh(losses) + settings.lambda_change * change
            for optimiser in adam.values():
                optimiser.zero_grad()
            total.backward()
            adam[G].step()
            log |= {"G/loss_fake": -fake_map.mean(), "G/loss_rec": rec, **losses}
            log |= {"G/loss_change": change} if settings.lambda_change else {}
        logs.append({name: value.item() for name, value in log.items()})
    return logs


@pytest.mark.parametrize("condition", ["class7", pytest.param("va2", marks=pytest.mark.slow), "class7+va2"])
@pytest.mark.parametrize("conditioning", ["concat", "cin"])
def test_shared_work_changes_nothing(condition: str, conditioning: str) -> None:
    ours = system(f"condition={condition}", f"conditioning={conditioning}")
    literal = copy.deepcopy(ours.networks)
    data = batches(4)
    logs, expected = run(ours, data), run_literally(literal, data, ours.recipe)
    for log, wanted in zip(logs, expected, strict=True):
        assert log == pytest.approx(wanted, rel=1e-8, abs=1e-10)
    for name, network in ours.networks.items():
        for key, value in network.state_dict().items():
            torch.testing.assert_close(value, literal[name].state_dict()[key], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "extra",
    [
        *("head_start=2", "lambda_change=5", "generator_output=change"),
        *(pytest.param(other, marks=pytest.mark.slow) for other in ("input_noise=0.2", "upsampling=resize")),
    ],
)
def test_what_is_not_the_papers_is_what_its_note_says(extra: str) -> None:
    ours = system("n_critic=1", extra)
    literal = copy.deepcopy(ours.networks)
    data = batches(4, noise=ours.recipe.input_noise)
    logs, expected = run(ours, data), run_literally(literal, data, ours.recipe)
    for log, wanted in zip(logs, expected, strict=True):
        assert log == pytest.approx(wanted, rel=1e-8, abs=1e-10)


def test_noise_is_drawn_only_where_it_is_asked_for() -> None:
    (batch, _), *_ = batches(1)
    assert "noise" not in system().draw({FACES: batch}, torch.Generator())
    noise = system("input_noise=0.2").draw({FACES: batch}, torch.Generator().manual_seed(1))["noise"]
    assert noise.shape == (4, 2, 3, 64, 64)
    assert noise.std().item() == pytest.approx(0.2, rel=0.05)


def test_terms_have_the_names_of_the_paper() -> None:
    logs = run(system(), batches(2))
    assert set(logs[0]) == {"D/loss_real", "D/loss_fake", "D/loss_cls", "D/loss_gp"}
    assert set(logs[1]) == set(logs[0]) | {"G/loss_fake", "G/loss_rec", "G/loss_cls"}


@pytest.mark.parametrize("n_critic", [1, 3, 5])
def test_generator_steps_once_per_n_critic(n_critic: int) -> None:
    built = system(f"n_critic={n_critic}", "conv_dim=2")
    stepped = [
        len(list(built.iterate(Iteration(i), {FACES: batch}, draws))) == 2
        for i, (batch, draws) in enumerate(batches(6, 2))
    ]
    assert stepped == [(i + 1) % n_critic == 0 for i in range(6)]


def test_generator_step_leaves_no_gradient_in_the_discriminator_and_hands_it_back_trainable() -> None:
    built = system("n_critic=1")
    (batch, draws) = batches(1)[0]
    steps = built.iterate(Iteration(0), {FACES: batch}, draws)
    next(steps)
    step = next(steps)
    step.loss.backward()  # type: ignore[no-untyped-call]  # torch leaves backward untyped
    assert all(parameter.grad is None for parameter in built.networks[D].parameters())
    assert all(parameter.requires_grad for parameter in built.networks[D].parameters())
    assert all(parameter.grad is not None for parameter in built.networks[G].parameters())


def test_discriminator_step_leaves_the_generator_alone() -> None:
    built = system()
    (batch, draws) = batches(1)[0]
    step = next(iter(built.iterate(Iteration(1), {FACES: batch}, draws)))
    step.loss.backward()  # type: ignore[no-untyped-call]  # torch leaves backward untyped
    assert all(parameter.grad is None for parameter in built.networks[G].parameters())


def test_options_leave_terms_out() -> None:
    logs = run(system("gp=none", "lambda_rec=0"), batches(2))
    assert "D/loss_gp" not in logs[0]
    assert "G/loss_rec" not in logs[1]


def test_r1_is_taken_at_the_real_faces() -> None:
    built = system("gp=r1")
    (batch, draws) = batches(1)[0]
    points = batch.images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(built.networks[D](points)[0].sum(), points)
    step = next(iter(built.iterate(Iteration(0), {FACES: batch}, draws)))
    expected = gradient.square().sum().item() / len(points) / 2
    assert step.terms["D/loss_gp"].item() == pytest.approx(expected, rel=1e-9)


def test_untrained_expression_loss_is_that_of_guessing() -> None:
    log = run(system(), batches(1, 16))[0]
    assert log["D/loss_cls"] == pytest.approx(math.log(7), abs=0.1)


def test_draws_come_from_the_generator_alone() -> None:
    built = system()
    labels = batches(1, 8)[0][0]
    first, again, other = (built.draw({FACES: labels}, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["alpha"], other["alpha"])
    pairs = zip(labels.emotions.tolist(), labels.valence_arousal.tolist(), strict=True)
    drawn = zip(first["emotions"].tolist(), first["valence_arousal"].tolist(), strict=True)
    assert sorted(pairs) == sorted(drawn), "the batch's own labels, in another order"


@pytest.mark.parametrize(("condition", "dim", "name"), [("class7", 7, "anger"), ("class7+va2", 9, "anger")])
def test_translations_to_classes_are_the_seven_expressions_in_order(condition: str, dim: int, name: str) -> None:
    prototypes = torch.arange(14.0).view(7, 2) / 14
    translations = system(f"condition={condition}").translations(prototypes)
    assert translations[0].name == name
    assert [translation.emotion for translation in translations] == list(EMOTIONS)
    conditions = [translation.condition for translation in translations if translation.condition is not None]
    assert [condition[:7].argmax().item() for condition in conditions] == list(range(7))
    assert all(len(condition) == dim for condition in conditions)
    if dim == 9:
        assert torch.equal(torch.stack([condition[7:] for condition in conditions]), prototypes)
        assert [translation.valence_arousal for translation in translations] == [
            tuple(row) for row in prototypes.tolist()
        ]


def test_translations_to_va_lie_in_the_square_and_are_written_out() -> None:
    translations = system("condition=va2").translations(torch.zeros(7, 2))
    assert all(translation.emotion is None for translation in translations)
    conditions = [translation.condition for translation in translations if translation.condition is not None]
    assert len(conditions) == len(translations) == 7
    assert all(condition.abs().max() <= 1 for condition in conditions)
    assert translations[0].name == "v -0.8 a +0.0"


@pytest.mark.parametrize("condition", ["class7", "class7+va2"])
def test_a_face_is_translated_and_brought_back_by_the_generator_with_their_labels(condition: str) -> None:
    built = system(f"condition={condition}")
    (batch, _) = batches(1)[0]
    prototypes = torch.arange(14.0, dtype=torch.float64).view(7, 2) / 14
    fear = built.translations(prototypes)[EMOTIONS.index("fear")]
    generator = built.networks[fear.network]
    assert (fear.network, fear.back, fear.source, fear.target, fear.keeps_emotion) == (G, G, FACES, FACES, False)
    with torch.no_grad():
        generated = built.translate(generator, batch.images, fear)
        back = built.translate_back(generator, generated, fear, batch)
        wanted = condition_of(condition, torch.full((4,), 2), prototypes[[2]].expand(4, -1))
        expected = generator(batch.images, wanted)
        own = condition_of(condition, batch.emotions, batch.valence_arousal)
        torch.testing.assert_close(generated, expected)
        torch.testing.assert_close(back, generator(expected, own))


@pytest.mark.parametrize("condition", ["class7", "class7+va2"])
def test_a_class_for_made_faces_is_learned_beside_the_expressions(condition: str) -> None:
    built = system(f"condition={condition}", "generated_class=true", "n_critic=1")
    (batch, draws) = batches(1)[0]
    d_step, g_step = built.iterate(Iteration(0), {FACES: batch}, draws)
    with torch.no_grad():
        fake = built.networks[G](batch.images, built.condition(draws["emotions"], draws["valence_arousal"]))
        heads = built.networks[D](fake)[1]
        own = built.networks[D](batch.images)[1]
    expressions = built.classes
    logits = torch.cat([heads[:, :expressions], heads[:, -1:]], dim=1)
    made = -logits.log_softmax(dim=1)[:, -1].mean()
    assert d_step.terms["D/loss_generated"].item() == pytest.approx(made.item(), rel=1e-8)
    assert "G/loss_generated" not in g_step.terms
    classes, points = built.discriminator_head(batch.images)
    assert (classes.shape[1], points.shape[1]) == (expressions, built.regressions)
    if built.regressions:
        torch.testing.assert_close(points, own[:, expressions : expressions + 2])


def test_with_augmented_seen_all_that_the_discriminator_sees_is_changed_and_nothing_that_the_generator_sees() -> None:
    settings = ("augmented=seen", "shift=0.2", "brightness=0.2", "n_critic=1")
    built, plain = system(*settings), system("n_critic=1")
    (batch, draws) = batches(1)[0]
    changed = draws | {"changes": built.draw({FACES: batch}, torch.Generator().manual_seed(1))["changes"].double()}
    seen: list[Tensor] = []
    built.networks[D].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    given: list[Tensor] = []
    built.networks[G].register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].detach()))
    steps = list(built.iterate(Iteration(0), {FACES: batch}, changed))
    real, made = seen[0].chunk(2)
    assert not torch.equal(real, batch.images)
    torch.testing.assert_close(given[0], batch.images)
    with torch.no_grad():
        fake = plain.networks[G](batch.images, plain.condition(draws["emotions"], draws["valence_arousal"]))
    assert (made - fake).abs().mean() > 0.01
    assert "changes" not in plain.draw({FACES: batch}, torch.Generator())
    steps[1].loss.backward()  # type: ignore[no-untyped-call]  # torch leaves backward untyped
    gradients = [parameter.grad for parameter in built.networks[G].parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
