"""HA-GAN's networks: their sizes, and what each part sees."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fertools.training.systems.ha_gan.networks import Discriminator, Generator, Recogniser
from tests.training.systems.ha_gan.made import recipe


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def pictures(number: int, side: int = 75) -> Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(number)) * 2 - 1


def test_the_networks_of_the_paper_have_the_numbers_of_the_specification() -> None:
    generator = Generator(recipe(preset="paper"))
    assert count(generator.encoder) == 5_649_088
    assert count(generator.decoder) == 6_395_651
    assert count(Generator(recipe("z_dim=0", preset="paper")).decoder) == 5_755_651
    sizes = {"pair": 4_296_471, "generated": 4_296_039}
    for mode, expected in sizes.items():
        assert count(Discriminator(recipe(f"d_input={mode}", preset="paper"), 6)) == expected
    # Two stems: the one of `pair`, and the one of `generated`.
    assert count(Discriminator(recipe(preset="paper"), 6)) == sizes["pair"] + 3 * 16 * 9 + 16
    assert count(Recogniser(recipe("method=baseline", preset="paper"))) == 4_033_382


@pytest.mark.parametrize("side", [75, 48, 33, 16])
def test_pictures_have_the_size_of_faces_and_six_classes(side: int) -> None:
    network = Recogniser(recipe(f"image_size={side}", "load_size=90")).eval()
    assert network.generator is not None
    drawn = network.generator(pictures(1, side))
    assert drawn.shape == (2, 3, side, side)
    assert drawn.abs().max() <= 1
    assert network(pictures(1, side)).shape == (2, 6)


def test_noise_and_the_neutral_picture_change_what_is_drawn() -> None:
    torch.manual_seed(0)
    by_noise = Generator(recipe("z_dim=4")).eval()
    faces = pictures(1, 19)
    assert not torch.equal(by_noise(faces, torch.ones(2, 4)), by_noise(faces, -torch.ones(2, 4)))
    assert torch.equal(by_noise(faces), by_noise(faces, torch.zeros(2, 4)))
    by_image = Generator(recipe("character_input=image")).eval()
    before = by_image(faces)
    by_image.get_buffer("neutral").copy_(pictures(2, 19)[0])
    assert not torch.equal(by_image(faces), before)
    assert "neutral" in by_image.state_dict()


@pytest.mark.parametrize(
    ("mode", "of_class", "of_real"), [("split", False, True), ("pair", True, True), ("generated", False, False)]
)
def test_each_head_sees_the_human_face_only_if_it_should(mode: str, *, of_class: bool, of_real: bool) -> None:
    torch.manual_seed(0)
    critic = Discriminator(recipe(f"d_input={mode}"), 6).eval()
    one, other, animated = pictures(1, 19), pictures(2, 19), pictures(3, 19)
    assert torch.equal(critic.classify(one, animated), critic.classify(other, animated)) is not of_class
    assert torch.equal(critic.judge(one, animated), critic.judge(other, animated)) is not of_real
    assert not torch.equal(critic.classify(one, animated), critic.classify(one, other))
    judged, classes = critic.judge_and_classify(one, animated)
    assert torch.equal(judged, critic.judge(one, animated))
    assert torch.equal(classes, critic.classify(one, animated))
