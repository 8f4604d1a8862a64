"""From level to level: nothing that matters is passed over, and what is looked at is seen as in the whole level."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fertools.faces.detection.mtcnn import pyramid_pruning
from fertools.faces.detection.mtcnn.networks import PNet
from fertools.faces.detection.mtcnn.pooling import shrink
from fertools.faces.detection.mtcnn.proposals import CENTRE, SPAN, STRIDE_PX, WINDOW_PX, Level, Proposals, pyramid
from fertools.faces.detection.mtcnn.pyramid_pruning import TILE, propose_pruned
from fertools.faces.detection.mtcnn.summed_area import AreaTable
from fertools.faces.detection.mtcnn.torch_engine import loaded, propose
from fertools.faces.detection.mtcnn.weights import load_weights
from tests.faces.scenes import Picture, scene

MIN_FACE_PX, FACTOR = 20, 0.709

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def network() -> PNet:
    return loaded(PNet(), load_weights().pnet, torch.device("cpu"))


@pytest.fixture
def faces(portrait: Picture) -> Picture:
    return scene(portrait, 500, 700, [(10, 20, 60), (200, 90, 120), (420, 30, 220), (560, 400, 50)])


class Looking:
    """P-Net looking at regions of a picture's pyramid, by looking at whole levels; counts the steps asked for."""

    def __init__(self, network: PNet, picture: Picture) -> None:
        self.network = network
        table = AreaTable.of([picture])
        self.sums = torch.from_numpy(table.sums)
        self.scales = list(pyramid(table.height, table.width, MIN_FACE_PX, FACTOR))
        self.levels = [Level.of(table.height, table.width, scale) for scale in self.scales]
        self.regions: list[Ints] = []

    def __call__(self, level: Level, regions: Ints, least: float) -> tuple[Ints, Floats, Floats]:
        self.regions.insert(0, regions)
        with torch.inference_mode():
            pixels = shrink(self.sums, level.height, level.width, centre=CENTRE, span=SPAN)
            features = self.network(pixels.permute(0, 3, 1, 2))[0]
            logits = self.network.logits(features).numpy()
        assert logits.shape == (level.rows, level.columns)
        asked = np.zeros(logits.shape, int)
        for left, top, right, bottom in regions.tolist():
            assert 0 <= left < right <= level.columns
            assert 0 <= top < bottom <= level.rows
            asked[top:bottom, left:right] += 1
        assert asked.max(initial=0) <= 1, "regions overlap: steps would come twice"
        row, column = np.nonzero((logits >= least) & (asked > 0))
        offsets = self.network.heads(features[row, column])[1].numpy()
        return np.column_stack([column, row]), logits[row, column], offsets

    def propose_pruned(self, threshold: float = 0.6) -> list[Proposals]:
        return propose_pruned(self.levels, threshold, self)

    def whole(self) -> list[Proposals]:
        with torch.inference_mode():
            return [propose(self.network, self.sums, scale, 0.6, None) for scale in self.scales]

    def shares(self) -> list[float]:
        """Return which share of each level was asked for."""
        return [
            float((regions[:, 2:] - regions[:, :2]).prod(axis=1).sum()) / (level.rows * level.columns)
            for regions, level in zip(self.regions, self.levels, strict=True)
        ]


@pytest.mark.parametrize("size", [(500, 700), (497, 701)])
def test_with_every_place_in_doubt_it_is_the_whole_pyramid(
    network: PNet, faces: Picture, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """Tiles cover all of a level whose parent is in doubt."""
    for name, value in (
        ("_WHOLE_STEPS", 0),
        ("_PRUNED_LEVELS", 99),
        ("_MAX_SHARE", np.inf),
        ("MIN_PARENT_PROBABILITY", 1e-12),
    ):
        monkeypatch.setattr(pyramid_pruning, name, value)
    looking = Looking(network, faces[: size[0], : size[1]])
    ours, whole = looking.propose_pruned(), looking.whole()
    assert looking.shares() == [1.0] * len(looking.levels)
    assert sum(len(level.scores) for level in ours) > 50
    for one, other in zip(ours, whole, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
        np.testing.assert_allclose(one.offsets, other.offsets, atol=1e-5)


def test_what_it_passes_over_is_what_the_level_above_is_sure_about(
    network: PNet, faces: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyramid_pruning, "_MAX_SHARE", np.inf)
    looking = Looking(network, faces)
    ours, whole = looking.propose_pruned(), looking.whole()
    for one, other in zip(ours, whole, strict=True):
        windows = {tuple(box) for box in one.boxes.tolist()}
        assert windows <= {tuple(box) for box in other.boxes.tolist()}
    # Only the three finest levels are passed over in part, and something is saved somewhere.
    assert [len(level.scores) for level in ours[3:]] == [len(level.scores) for level in whole[3:]]
    assert sum(len(level.scores) for level in ours) < sum(len(level.scores) for level in whole)


def test_a_level_most_of_which_is_in_doubt_is_one_region(
    network: PNet, faces: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regions see pixels of their neighbours: many small ones would cost more than the level."""
    monkeypatch.setattr(pyramid_pruning, "_tiles", lambda *_: np.indices((32, 44)).sum(axis=0) % 2 == 0)
    looking = Looking(network, faces)
    looking.propose_pruned()
    assert [len(regions) for regions in looking.regions] == [1] * len(looking.levels)


def test_most_of_a_picture_with_few_faces_is_passed_over(network: PNet, portrait: Picture) -> None:
    wall = np.linspace(60, 200, 1200, dtype=np.float32)[None, :, None].repeat(800, axis=0).repeat(3, axis=2)
    picture = wall.astype(np.uint8)
    picture[150:662, 300:812] = portrait
    looking = Looking(network, picture)
    looking.propose_pruned()
    steps = [level.rows * level.columns for level in looking.levels]
    assert np.average(looking.shares(), weights=steps) < 0.5


@pytest.mark.parametrize("size", [(12, 12), (13, 400), (240, 320)])
def test_where_nothing_is_there_is_nothing(network: PNet, size: tuple[int, int]) -> None:
    looking = Looking(network, np.full((*size, 3), 90, np.uint8))
    ours = looking.propose_pruned()
    assert len(ours) == len(looking.levels)
    assert all(level.boxes.shape == (0, 4) for level in ours)


def test_a_place_leads_to_the_same_place_of_the_next_level() -> None:
    above, level = Level(0.25, 101, 151), Level(0.5, 201, 301)
    steps = np.array([[0, 0], [30, 20], [above.columns - 1, above.rows - 1]])
    tiles = {tuple(tile) for tile in np.argwhere(pyramid_pruning._tiles(above, steps, level)).tolist()}
    centre_px = (steps * STRIDE_PX + WINDOW_PX / 2) * 2
    at = np.clip((centre_px - WINDOW_PX / 2) // STRIDE_PX, 0, [level.columns - 1, level.rows - 1])
    assert {tuple(tile) for tile in (at // TILE).astype(int)[:, ::-1].tolist()} <= tiles
    assert len(tiles) <= 4 * len(steps)
    assert not pyramid_pruning._tiles(above, np.zeros((0, 2), np.int64), level).any()


@pytest.mark.parametrize("seed", range(5))
def test_regions_are_the_tiles_and_few(seed: int) -> None:
    level = Level(0.5, 100 + seed, 161 - seed)
    shape = ((level.rows - 1) // TILE + 1, (level.columns - 1) // TILE + 1)
    wanted = np.random.default_rng(seed).random(shape) < 0.7
    regions = pyramid_pruning._regions(wanted, level)
    covered = np.zeros((level.rows, level.columns), int)
    for left, top, right, bottom in regions.tolist():
        covered[top:bottom, left:right] += 1
    np.testing.assert_array_equal(covered, wanted.repeat(TILE, 0).repeat(TILE, 1)[: level.rows, : level.columns])
    assert len(regions) < wanted.sum()
    assert pyramid_pruning._regions(np.ones_like(wanted), level).tolist() == [[0, 0, level.columns, level.rows]]
    assert pyramid_pruning._regions(np.zeros_like(wanted), level).shape == (0, 4)


def test_a_low_threshold_doubts_more(network: PNet, faces: Picture) -> None:
    """What is asked for from 0.1 up must not be passed over for a parent_logit of 0.2."""
    looking = Looking(network, faces)
    for one, other in zip(looking.propose_pruned(0.6), looking.propose_pruned(0.1), strict=True):
        assert {tuple(box) for box in one.boxes.tolist()} <= {tuple(box) for box in other.boxes.tolist()}


def test_levels_that_are_far_apart_say_nothing_about_one_another(network: PNet, faces: Picture) -> None:
    looking = Looking(network, faces)
    looking.levels = [Level.of(500, 700, scale) for scale in pyramid(500, 700, MIN_FACE_PX, 0.5)]
    looking.propose_pruned()
    assert looking.shares() == [1.0] * len(looking.levels)
