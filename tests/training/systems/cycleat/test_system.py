"""CycleAT against a plain second implementation, whom its losses reach, and its guard and stages."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from fertools.core.errors import InputError
from fertools.training.data.batch import Batch
from fertools.training.networks.backbones import build_backbone
from fertools.training.networks.patchgan import PatchGan
from fertools.training.networks.resnet import ResNet
from fertools.training.networks.resnet_generator import ResnetGenerator
from fertools.training.networks.starting_weights import StartingWeights
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.cycleat import ENTRY
from fertools.training.systems.cycleat.recipe import CLASSIFIER, TEACHER, CycleatRecipe
from fertools.training.systems.cycleat.system import Cycleat
from fertools.training.systems.cyclegan.system import GENERATORS, Cyclegan
from tests.training.systems.cycleat.made import PlainCycleat, course, recipe, run, system, turns

ENGLISH = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
RECOMMENDED = ("gan_mode=lsgan", "lambda_cycle=10", "at_form=reference", "beta=1", "start=teacher")
CASES: list[tuple[tuple[str, ...], float]] = [
    ((), 1.0),
    ((*RECOMMENDED, "guard=2.25"), 10.0),
    (("reduction=sum", "at_teacher_input=generated", "gan_batch=2", "batch_size=17"), 3.0 * 16**2),
    (("stage2_trains=classifier", "beta=0"), 1.0),
    (("norms=frozen", "start=teacher", "batch_size=4", "gan_batch=4"), 1.0),
]


@pytest.mark.parametrize(("overrides", "cycle"), CASES, ids=lambda value: str(value))
def test_eleven_iterations_are_those_of_a_plain_implementation(overrides: tuple[str, ...], cycle: float) -> None:
    ours = system(*overrides)
    plain = PlainCycleat(ours, cycle)
    data = turns(ours)
    logs, expected = run(ours, data), plain.run(data)
    assert len(logs) == 11
    for log, wanted in zip(logs, expected, strict=True):
        assert log == pytest.approx(wanted, rel=1e-6, abs=1e-9)
        assert log.keys() <= ENTRY.terms.keys()
    if ours.recipe.guard:
        # Both states of the guard were compared.
        assert {log["classifier/guard_open"] for log in logs[4:]} == {0.0, 1.0}
    for name, network in ours.networks.items():
        for key, value in network.state_dict().items():
            if key.endswith("weight"):
                torch.testing.assert_close(value, plain.networks[name].state_dict()[key], rtol=1e-4, atol=1e-6)


def translated(built: Cycleat) -> tuple[Batch, Tensor]:
    source = turns(built)[0][0]["source"]
    return source, built.networks["generator_target"](source.images)


def reached(built: Cycleat) -> set[str]:
    """Return the networks whose convolutions have a gradient other than 0."""
    return {
        name
        for name, network in {**built.networks, **built.frozen}.items()
        for weight in network.parameters()
        if weight.ndim == 4 and weight.grad is not None and bool(weight.grad.abs().max() > 0)
    }


@pytest.mark.parametrize("beta", [0.0, 1.0])
@pytest.mark.parametrize("seen", ["source", "generated"])
def test_the_loss_of_the_classifier_reaches_it_and_the_generator_to_the_web_alone(beta: float, seen: str) -> None:
    built = system(f"beta={beta}", f"at_teacher_input={seen}")
    torch.autograd.backward(built.classifier_loss(*translated(built))[0])
    assert reached(built) == {CLASSIFIER, "generator_target"}
    for name in ("generator_source", "discriminator_source", "discriminator_target"):
        assert all(weight.grad is None for weight in built.networks[name].parameters()), name


@pytest.mark.parametrize("form", ["literal", "reference"])
def test_attention_alone_reaches_the_generator_through_resizing_and_scaling(form: str) -> None:
    built = system(f"at_form={form}")
    source, made = translated(built)
    made.retain_grad()
    total, terms = built.classifier_loss(source, made)
    built.recipe = replace(built.recipe, beta=2 * built.recipe.beta)
    twice, _ = built.classifier_loss(source, made)
    torch.autograd.backward(twice - total)
    assert (twice - total).item() == pytest.approx(0.1 * terms["classifier/loss_attention"].item(), rel=1e-9)
    assert reached(built) == {CLASSIFIER, "generator_target"}
    assert made.grad is not None
    # Every pixel has an influence.
    assert bool((made.grad.abs().sum(dim=1) > 0).all())


@pytest.mark.parametrize(("limit", "names"), [(100.0, {CLASSIFIER, "generator_target"}), (0.001, {CLASSIFIER})])
def test_the_guard_keeps_a_bad_classifier_from_training_the_generator(limit: float, names: set[str]) -> None:
    built, free = system(f"guard={limit}"), system()
    states = {name: value.clone() for name, value in built.networks[CLASSIFIER].state_dict().items() if "runn" in name}
    loss, terms = built.classifier_loss(*translated(built))
    expected, _ = free.classifier_loss(*translated(free))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12), "the guard changes no loss"
    torch.autograd.backward(loss)
    assert reached(built) == names
    assert terms["classifier/guard_open"].item() == float("generator_target" in names)
    # Real faces have changed no running statistics: those of both systems are equal.
    for name, value in free.networks[CLASSIFIER].state_dict().items():
        if name in states:
            torch.testing.assert_close(built.networks[CLASSIFIER].state_dict()[name], value, rtol=1e-12, atol=0)
    torch.autograd.backward(expected)
    for mine, other in zip(
        built.networks[CLASSIFIER].parameters(), free.networks[CLASSIFIER].parameters(), strict=True
    ):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-9, atol=1e-15)


def test_the_first_stage_is_a_cyclegan_that_leaves_the_classifier_alone() -> None:
    ours = system("stage2_iterations=0", "batch_size=2", "gan_batch=2")
    torch.manual_seed(0)
    cyclegan = Cyclegan(ours.recipe)
    for module in (*cyclegan.networks.values(), *cyclegan.memory.values()):
        module.double()
    for name, network in cyclegan.networks.items():
        network.load_state_dict(ours.networks[name].state_dict())
    begun = {name: value.clone() for name, value in ours.networks[CLASSIFIER].state_dict().items()}
    data = turns(ours)
    logs = run(ours, data)
    for log, (batches, noise) in zip(logs[:1], data, strict=False):
        steps = list(cyclegan.iterate(course(ours).at(0), batches, noise))
        assert log.keys() == {name for step in steps for name in step.terms}
        for name, value in steps[0].terms.items():
            assert log[name] == pytest.approx(value.item(), rel=1e-12)
    for name, value in ours.networks[CLASSIFIER].state_dict().items():
        assert torch.equal(value, begun[name]), name
    assert ours.prediction is None


def test_stages_follow_one_another_and_each_trains_its_networks() -> None:
    for trains, changed in (("all", True), ("classifier", False)):
        ours = system(f"stage2_trains={trains}", "stage1_iterations=1", "stage2_iterations=1", "beta=0")
        data = turns(ours)
        run(ours, data[:1])
        for network in ours.networks.values():
            network.zero_grad()
        begun = {name: [w.clone() for w in net.parameters()] for name, net in ours.networks.items()}
        optimiser = ours.optimisers[GENERATORS]
        assert CLASSIFIER in optimiser.networks
        position = course(ours).at(1)
        for step in ours.iterate(position, *data[1]):
            torch.autograd.backward(step.loss)
        for name, network in ours.networks.items():
            has = any(weight.grad is not None for weight in network.parameters())
            assert has == (changed or name == CLASSIFIER), (trains, name)
            assert all(torch.equal(w, old) for w, old in zip(network.parameters(), begun[name], strict=True))


def test_the_networks_have_the_sizes_of_the_paper() -> None:
    whole = resolve_recipe("cycleat", CycleatRecipe, "paper").recipe
    counts = [
        sum(weight.numel() for weight in network.parameters())
        for network in (
            ResnetGenerator(whole.generator_blocks, whole.conv_dim),
            PatchGan(whole.discriminator_layers, whole.conv_dim),
            build_backbone(whole.network, len(whole.class_names), whole.width),
        )
    ]
    assert counts == [11_378_179, 2_764_737, 23_522_375]


def test_weights_begin_as_the_paper_says() -> None:
    network = Cycleat(recipe("width=0.5")).networks[CLASSIFIER]
    assert isinstance(network, ResNet)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.weight.numel() > 1000:
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not network.fc.bias.any()


def own_weights(classes: tuple[str, ...] = (), outputs: int = 7, width: float = 0.0625) -> StartingWeights:
    torch.manual_seed(3)
    return StartingWeights(build_backbone("resnet18", outputs, width).state_dict(), "a run", None, classes)


def test_a_teacher_gives_its_weights_to_the_classifier_in_the_order_of_our_classes() -> None:
    built = Cycleat(recipe("teacher=classifier/lab", "start=teacher"))
    assert TEACHER not in built.frozen
    weights = own_weights(tuple(reversed(ENGLISH)))
    assert built.take_weights(TEACHER, weights)
    for network in (built.frozen[TEACHER], built.networks[CLASSIFIER]):
        for name, value in network.state_dict().items():
            wanted = weights.tensors[name]
            assert torch.equal(value, wanted.flip(0) if name.startswith("fc.") else wanted), name


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (own_weights(("contempt", *ENGLISH[:4], *ENGLISH[5:])), "a run predicts contempt, anger, .* the same classes"),
        (own_weights(ENGLISH[:6], 6), "a run predicts anger, .*, sadness, and the source faces show"),
        (own_weights(outputs=1000), "predicts 1000 unnamed classes"),
        (StartingWeights({"fc.weight": torch.zeros(7, 3)}, "a file"), "does not hold the weights of a ResNet"),
    ],
)
def test_a_teacher_of_other_classes_or_of_another_kind_is_refused(weights: StartingWeights, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Cycleat(recipe("teacher=classifier/lab")).take_weights(TEACHER, weights)


def test_a_classifier_cannot_begin_as_a_teacher_of_another_width() -> None:
    with pytest.raises(InputError, match="has the shape"):
        Cycleat(recipe("teacher=classifier/lab", "start=teacher")).take_weights(TEACHER, own_weights(width=0.125))


def test_a_classifier_takes_the_last_layer_of_our_classes_alone() -> None:
    built = Cycleat(recipe("start=some.safetensors"))
    assert built.take_weights(CLASSIFIER, own_weights(ENGLISH))
    assert not built.take_weights(CLASSIFIER, own_weights(("contempt", *ENGLISH[1:])))
    assert not built.take_weights(CLASSIFIER, own_weights(outputs=1000))
