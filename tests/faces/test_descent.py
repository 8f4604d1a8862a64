"""From level to level: nothing that matters is passed over, and what is looked at is seen as in the whole level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fertools.faces import descent
from fertools.faces.area import AreaTable
from fertools.faces.cascade import Detector
from fertools.faces.descent import TILE, descend
from fertools.faces.networks import PNet
from fertools.faces.proposals import STRIP_PX, Level, Proposals, propose, pyramid
from fertools.faces.weights import load_weights
from tests.faces.scenes import Picture, scene

MIN_FACE_PX, FACTOR = 20, 0.709


@pytest.fixture(scope="module")
def network() -> PNet:
    network = PNet()
    network.load_state_dict(load_weights().pnet)
    return network.eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture
def faces(portrait: Picture) -> Picture:
    return scene(portrait, 500, 700, [(10, 20, 60), (200, 90, 120), (420, 30, 220), (560, 400, 50)])


def _both(network: PNet, picture: Picture) -> tuple[list[Proposals], list[Proposals]]:
    table = AreaTable.of([picture])
    scales = list(pyramid(table.height, table.width, MIN_FACE_PX, FACTOR))
    return descend(network, table, scales, 0.6, STRIP_PX), [propose(network, table, x, 0.6, STRIP_PX) for x in scales]


@pytest.mark.parametrize("chunk_px", [700, STRIP_PX])
@pytest.mark.parametrize("size", [(500, 700), (497, 701)])
def test_with_every_place_in_doubt_it_is_the_whole_pyramid(
    network: PNet, faces: Picture, monkeypatch: pytest.MonkeyPatch, chunk_px: int, size: tuple[int, int]
) -> None:
    """Tiles that cover a level see what strips of it see, between tiles and where tiles reach beyond the level."""
    for name, value in (("_WHOLE_STEPS", 0), ("_GATED", 99), ("_WORTH", np.inf), ("DOUBT", 1e-12)):
        monkeypatch.setattr(descent, name, value)
    table = AreaTable.of([faces[: size[0], : size[1]]])
    scales = list(pyramid(*size, MIN_FACE_PX, FACTOR))
    ours = descend(network, table, scales, 0.6, chunk_px)
    compared = 0
    for scale, one in zip(scales, ours, strict=True):
        other = propose(network, table, scale, 0.6, STRIP_PX)
        (here, there) = (_within(Level.of(table, scale), level) for level in (one, other))
        np.testing.assert_array_equal(one.boxes[here], other.boxes[there])
        np.testing.assert_allclose(one.scores[here], other.scores[there], atol=1e-5)
        np.testing.assert_allclose(one.offsets[here], other.offsets[there], atol=1e-5)
        compared += int(here.sum())
    assert compared > 50


def _within(level: Level, windows: Proposals) -> NDArray[np.bool_]:
    """Return which windows lie within a level: the last of one with an odd side sees a pixel beyond it.

    There the reference pools fewer pixels, and in a tile the last pixels go on.
    """
    last = np.floor(np.array([level.width, level.height]) / level.scale)
    return np.asarray((windows.boxes[:, 2:] <= last).all(axis=1))


def test_what_it_passes_over_is_what_the_level_above_is_sure_about(
    network: PNet, faces: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descent, "_WORTH", np.inf)
    ours, whole = _both(network, faces)
    for one, other in zip(ours, whole, strict=True):
        windows = {tuple(box) for box in one.boxes.tolist()}
        assert windows <= {tuple(box) for box in other.boxes.tolist()}
    # Only the three finest levels are passed over in part, and something is saved somewhere.
    assert [len(level.scores) for level in ours[3:]] == [len(level.scores) for level in whole[3:]]
    assert sum(len(level.scores) for level in ours) < sum(len(level.scores) for level in whole)


def test_a_level_most_of_which_is_in_doubt_is_read_in_rows(
    network: PNet, portrait: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles share pixels: so many that all of them would be two and a half times the level."""
    monkeypatch.setattr(descent, "DOUBT", 1e-12)
    monkeypatch.setattr(AreaTable, "tiles", lambda *_, **__: pytest.fail("tiles were read"))
    ours, whole = _both(network, portrait)
    for one, other in zip(ours, whole, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)


def test_most_of_a_picture_with_few_faces_is_passed_over(
    network: PNet, portrait: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = 0
    forward = PNet.forward

    def counted(self: PNet, pictures: torch.Tensor) -> torch.Tensor:
        nonlocal looked_at
        looked_at += pictures.shape[0] * pictures.shape[2] * pictures.shape[3]
        return forward(self, pictures)

    monkeypatch.setattr(PNet, "forward", counted)
    wall = np.linspace(60, 200, 1200, dtype=np.float32)[None, :, None].repeat(800, axis=0).repeat(3, axis=2)
    picture = wall.astype(np.uint8)
    picture[150:662, 300:812] = portrait
    table = AreaTable.of([picture])
    scales = list(pyramid(table.height, table.width, MIN_FACE_PX, FACTOR))
    for scale in scales:
        propose(network, table, scale, 0.6, STRIP_PX)
    whole, looked_at = looked_at, 0
    descend(network, table, scales, 0.6, STRIP_PX)
    assert looked_at < whole / 2


@pytest.mark.parametrize("size", [(12, 12), (13, 400), (240, 320)])
def test_where_nothing_is_there_is_nothing(network: PNet, size: tuple[int, int]) -> None:
    flat = np.full((*size, 3), 90, np.uint8)
    ours, whole = _both(network, flat)
    assert len(ours) == len(whole)
    assert all(level.boxes.shape == (0, 4) for level in ours)


def test_a_place_leads_to_the_same_place_of_the_next_level() -> None:
    above, level = Level(0.25, 101, 151), Level(0.5, 201, 301)
    steps = np.array([[0, 0], [20, 30], [above.rows - 1, above.columns - 1]])
    tiles = {tuple(tile) for tile in descent._tiles(above, steps, level).tolist()}
    centre_px = (steps * PNet.STRIDE_PX + PNet.WINDOW_PX / 2) * 2
    at = np.clip((centre_px - PNet.WINDOW_PX / 2) // PNet.STRIDE_PX, 0, [level.rows - 1, level.columns - 1])
    assert {tuple(tile) for tile in (at // TILE).astype(int).tolist()} <= tiles
    assert len(tiles) <= 4 * len(steps)
    assert descent._tiles(above, np.zeros((0, 2), np.int64), level).shape == (0, 2)


def test_a_low_threshold_doubts_more(network: PNet, faces: Picture) -> None:
    """What is asked for from 0.1 up must not be passed over for a doubt of 0.2."""
    table = AreaTable.of([faces])
    scales = list(pyramid(table.height, table.width, MIN_FACE_PX, FACTOR))
    low = descend(network, table, scales, 0.1, STRIP_PX)
    usual = descend(network, table, scales, 0.6, STRIP_PX)
    for one, other in zip(low, usual, strict=True):
        assert {tuple(box) for box in other.boxes.tolist()} <= {tuple(box) for box in one.boxes.tolist()}


@pytest.mark.parametrize(
    ("mode", "factor", "descends"), [("fast", 0.709, True), ("fast", 0.5, False), ("exact", 0.709, False)]
)
def test_who_descends(
    portrait: Picture, monkeypatch: pytest.MonkeyPatch, mode: str, factor: float, descends: bool
) -> None:
    """Levels that are far apart say nothing about one another, and the exact mode looks everywhere."""
    called = False

    def noted(*arguments: Any) -> list[Proposals]:
        nonlocal called
        called = True
        return descend(*arguments)

    monkeypatch.setattr("fertools.faces.cascade.descend", noted)
    found = Detector(40, mode=mode, factor=factor).detect([portrait])[0]
    assert len(found) == 1
    assert called is descends
