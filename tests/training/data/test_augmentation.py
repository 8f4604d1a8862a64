"""Augmentation of training faces."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from fertools.training.data.augmentation import Augmentation

ALL = Augmentation(flip=True, rotate_deg=20, shift=0.1, scale=0.2, brightness=0.2, contrast=0.3, erase=0.3)


def faces(count: int = 6, side: int = 12) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3)) * 2 - 1


def drawn(count: int, augmentation: Augmentation = ALL, seed: int = 0) -> torch.Tensor:
    return augmentation.draw(count, torch.Generator().manual_seed(seed))


def middle() -> torch.Tensor:
    """Return draws that ask for no change: no turn, no shift, no mirroring, no square."""
    draws = torch.full((6, 9), 0.5)
    draws[:, 7] = 0.9
    return draws


def test_nothing_asked_for_is_nothing_done() -> None:
    assert torch.equal(Augmentation().apply(faces(), drawn(6)), faces())


def test_draws_in_the_middle_change_nothing() -> None:
    torch.testing.assert_close(ALL.apply(faces(), middle()), faces(), atol=1e-5, rtol=0)


@given(cut=st.integers(1, 5), seed=st.integers(0, 99))
def test_each_face_depends_on_its_own_draws_alone(cut: int, seed: int) -> None:
    draws = drawn(6, seed=seed)
    together = ALL.apply(faces(), draws)
    apart = torch.cat([ALL.apply(faces()[part], draws[part]) for part in (slice(cut), slice(cut, 6))])
    torch.testing.assert_close(together, apart, atol=1e-6, rtol=0)
    assert together.abs().max() <= 1


def test_a_face_is_mirrored_where_the_draw_says_so() -> None:
    draws = middle()
    draws[2, 0] = 0.4
    changed = Augmentation(flip=True).apply(faces(), draws)
    assert torch.equal(changed[2], faces()[2].flip(2))
    assert torch.equal(changed[3], faces()[3])


def test_a_shift_by_whole_pixels_moves_them() -> None:
    draws = middle()
    draws[:, 3] = 1.0  # to the right, by the largest shift
    moved = Augmentation(shift=2 / 12).apply(faces(), draws)
    torch.testing.assert_close(moved[..., 2:], faces()[..., :-2], atol=1e-5, rtol=0)


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    draws = middle()
    draws[:, 1] = 1.0
    turned = Augmentation(rotate_deg=90).apply(faces(), draws)
    candidates = [faces().rot90(count, (2, 3)) for count in (1, 3)]
    assert min((turned - candidate).abs().max().item() for candidate in candidates) < 1e-4


def test_scaling_keeps_the_middle_and_enlarges() -> None:
    ramp = torch.linspace(-1, 1, 101).expand(6, 3, 101, 101).contiguous()
    draws = middle()
    draws[:, 2] = 1.0
    larger = Augmentation(scale=0.5).apply(ramp, draws)[0, 0, 50]
    assert larger[50].item() == pytest.approx(0, abs=1e-6)
    assert (larger[60] - larger[50]).item() == pytest.approx(0.2 / 1.5, rel=1e-4)


def test_all_that_moves_a_face_is_torch_s_own_affine_map_and_then_a_mirror() -> None:
    draws, side = drawn(6, seed=4), 16
    moving = Augmentation(flip=True, rotate_deg=30, shift=0.2, scale=0.3)
    turn = (draws[:, 1] * 2 - 1) * math.radians(30)
    size = 1 + (draws[:, 2] * 2 - 1) * 0.3
    right, lower = (2 * 0.2 * (draws[:, column] * 2 - 1) for column in (3, 4))
    cos, sin = turn.cos() / size, turn.sin() / size
    maps = torch.stack([torch.stack([cos, sin, -right], 1), torch.stack([-sin, cos, -lower], 1)], 1)
    grid = F.affine_grid(maps, [6, 3, side, side], align_corners=False)
    expected = F.grid_sample(faces(side=side), grid, padding_mode="border", align_corners=False)
    mirrored = draws[:, 0] < 0.5
    assert 0 < mirrored.sum() < 6
    expected[mirrored] = expected[mirrored].flip(3)
    torch.testing.assert_close(moving.apply(faces(side=side), draws), expected, atol=1e-5, rtol=0)


def test_light_and_contrast() -> None:
    draws = middle()
    draws[:, 5] = 1.0
    flat = torch.zeros(6, 3, 4, 4)
    assert Augmentation(brightness=0.25).apply(flat, draws)[0, 0, 0, 0].item() == pytest.approx(0.5)
    draws = middle()
    draws[:, 6] = 0.0
    half = Augmentation(contrast=0.5).apply(faces(), draws)
    means = faces().mean(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(half, (faces() - means) / 2 + means)


def test_half_the_faces_lose_a_square_somewhere() -> None:
    ones = torch.ones(400, 3, 20, 20)
    grey = Augmentation(erase=0.5).apply(ones, drawn(400)).eq(0)
    sizes = grey[:, 0].sum(dim=(1, 2))
    assert 160 < int((sizes > 0).sum()) < 240
    assert sizes.max() == 100
    assert grey.any(dim=0).all(), "every place may be hidden"
    assert torch.equal(grey[:, 0], grey[:, 1])


def test_draws_are_even_and_from_their_generator() -> None:
    draws = drawn(4000)
    assert torch.equal(draws, drawn(4000))
    assert draws.mean(dim=0).sub(0.5).abs().max() < 5 / math.sqrt(12 * 4000)


def test_each_face_becomes_a_square_of_itself_and_every_place_is_used() -> None:
    images, cutting = faces(2000, side=7), Augmentation(cut_px=4)
    draws = drawn(2000, cutting)
    assert draws.shape == (2000, 11)
    squares = cutting.cut(images, draws)
    assert squares.shape == (2000, 3, 4, 4)
    windows = images.unfold(2, 4, 1).unfold(3, 4, 1)  # N, channels, 4 places down, 4 across, square
    alike = (windows == squares[:, :, None, None]).flatten(4).all(dim=4).all(dim=1)
    assert alike.flatten(1).sum(dim=1).tolist() == [1] * 2000, "each is a square of its own face, found once"
    counts = alike.sum(dim=0)
    # 125 times each on average, with a standard deviation of 11.
    assert counts.min() > 75
    assert counts.max() < 175


@pytest.mark.parametrize(("number", "place"), [(0.0, 0), (0.24, 0), (0.25, 1), (0.99, 3), (1.0, 3)])
def test_draws_from_0_to_1_cover_all_places(number: float, place: int) -> None:
    draws = torch.full((1, 11), 0.9)
    draws[:, 9], draws[:, 10] = number, 0.0
    expected = faces(1, side=7)[:, :, place : place + 4, :4]
    assert torch.equal(Augmentation(cut_px=4).apply(faces(1, side=7), draws), expected)
    draws[:, 9], draws[:, 10] = 0.0, number
    expected = faces(1, side=7)[:, :, :4, place : place + 4]
    assert torch.equal(Augmentation(cut_px=4).apply(faces(1, side=7), draws), expected)


def test_a_square_is_mirrored_after_it_is_cut_out() -> None:
    draws = torch.full((2, 11), 0.9)
    draws[:, 0] = torch.tensor([0.1, 0.9])
    draws[:, 9], draws[:, 10] = 0.0, 0.99
    images = faces(2, side=7)
    changed = Augmentation(cut_px=4, flip=True).apply(images, draws)
    assert torch.equal(changed[0], images[0, :, :4, 3:].flip(2)), "the right side, and not the left side mirrored"
    assert torch.equal(changed[1], images[1, :, :4, 3:])


def test_cutting_out_changes_nothing_about_the_other_draws() -> None:
    generator, other = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    one, more = Augmentation().draw(1, generator), Augmentation(cut_px=4).draw(1, other)
    assert torch.equal(one[0], more[0, :9])
    assert torch.equal(Augmentation(cut_px=12).apply(faces(), torch.rand(6, 11)), faces()), "the whole face"


@pytest.mark.parametrize("angles", [(0.0,), (-30.0, 0.0, 30.0)])
def test_a_pass_over_all_variants_has_each_crop_angle_and_mirroring_once(angles: tuple[float, ...]) -> None:
    augmentation = Augmentation(flip=True, cut_px=5, cut_at="five", angles_deg=angles)
    count = augmentation.variants
    assert count == 5 * len(angles) * 2
    # A face that is not symmetric in any way, so that two equal pictures are the same variant.
    face = (torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(1)) * 2 - 1).expand(count, -1, -1, -1)
    numbers = torch.arange(count)
    seen = augmentation.apply(face, augmentation.at_variant(torch.rand(count, 11), numbers))
    assert seen.shape == (count, 3, 5, 5)
    assert len(torch.unique(seen.flatten(1), dim=0)) == count
    again = augmentation.apply(face, augmentation.at_variant(torch.rand(count, 11), numbers + count))
    torch.testing.assert_close(again, seen)


def test_five_crops_are_the_corners_and_the_centre() -> None:
    augmentation = Augmentation(cut_px=2, cut_at="five", flip=True, angles_deg=(0.0,))
    faces = torch.arange(16.0).view(1, 1, 4, 4).expand(5, 3, -1, -1)
    draws = augmentation.at_variant(torch.rand(5, 11), torch.arange(5))
    assert augmentation.cut(faces, draws)[:, 0, 0, 0].tolist() == [0, 2, 8, 10, 5]
    centre = Augmentation(cut_px=2, cut_at="centre")
    assert centre.cut(faces, torch.rand(5, 11))[:, 0, 0, 0].tolist() == [5] * 5


def test_listed_angles_turn_a_face_as_far_as_they_say() -> None:
    augmentation = Augmentation(flip=True, cut_px=6, cut_at="five", angles_deg=(-90.0, 0.0, 90.0))
    face = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(1)) * 2 - 1
    # Five crops of one angle follow one another; the variants that are not mirrored are the last half.
    draws = augmentation.at_variant(torch.rand(3, 11), torch.tensor([15, 20, 25]))
    left, upright, right = augmentation.apply(face.expand(3, -1, -1, -1), draws)
    torch.testing.assert_close(upright, face[0])
    torch.testing.assert_close(left, right.rot90(2, (1, 2)), atol=1e-5, rtol=0)
    assert any(torch.allclose(left, face[0].rot90(turns, (1, 2)), atol=1e-5) for turns in (1, 3))


def test_without_lists_no_draw_changes() -> None:
    plain = Augmentation(flip=True, rotate_deg=10, cut_px=4)
    draws = plain.draw(3, torch.Generator().manual_seed(0))
    assert plain.variants == 1
    assert torch.equal(plain.at_variant(draws, torch.arange(3)), draws)
