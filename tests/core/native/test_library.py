"""The compiled networks say what torch's say, of whatever they are shown."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fertools.core.native import build as building
from fertools.core.native import library as loading
from fertools.core.native.build import BuildError, build, levels, library_path, sanitized
from fertools.core.native.library import REGION, Library, Pictures, library
from fertools.faces.detection.detections import Detections
from fertools.faces.detection.mtcnn import pyramid_pruning
from fertools.faces.detection.mtcnn.cascade import MtcnnDetector
from fertools.faces.detection.mtcnn.native_engine import CompiledEngine
from fertools.faces.detection.mtcnn.packing import pack_onet, pack_pnet, pack_rnet
from fertools.faces.detection.mtcnn.proposals import pyramid
from fertools.faces.detection.mtcnn.summed_area import AreaTable
from fertools.faces.detection.mtcnn.torch_engine import TorchEngine
from fertools.faces.detection.mtcnn.weights import load_weights
from tests.core.native.sanitized import TESTS, environment
from tests.faces.detection.mtcnn.test_cascade import SCENES
from tests.faces.scenes import Picture, scene

WEIGHTS = load_weights()


def _library() -> Library:
    found = library()
    if found is None:
        pytest.skip("the networks are not compiled here: python -m fertools.core.native.build")
    return found


@pytest.fixture(scope="module")
def engine() -> CompiledEngine:
    return CompiledEngine(_library(), WEIGHTS)


@pytest.fixture(scope="module")
def reference() -> TorchEngine:
    return TorchEngine(WEIGHTS, torch.device("cpu"))


def test_there_are_compiled_networks_where_there_is_a_compiler() -> None:
    """So that the tests of this file are not skipped where they could run."""
    if shutil.which("c++") and torch.backends.cpu.get_cpu_capability() in {"AVX2", "AVX512"}:
        assert library() is not None


@pytest.mark.parametrize("size", [(60, 90), (61, 90), (60, 91), (61, 91), (20, 200), (200, 20), (37, 333)])
@pytest.mark.parametrize("min_face_px", [12.0, 20.0])
def test_proposals_of_whole_levels(
    engine: CompiledEngine,
    reference: TorchEngine,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    min_face_px: float,
) -> None:
    """Down to a threshold that all but a few windows of noise reach; odd sides end in half a step."""
    monkeypatch.setattr(pyramid_pruning, "_PRUNED_LEVELS", 0)
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    scales = list(pyramid(*size, min_face_px, 0.709))
    count = 0
    ours = engine.propose(engine.view([picture]), scales, 1e-6)
    theirs = reference.propose(reference.view([picture]), scales, 1e-6)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.picture, other.picture)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
        np.testing.assert_allclose(one.offsets, other.offsets, atol=1e-5)
        count += len(one.scores)
    assert count > 0


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_region_shows_what_the_level_shows_there(engine: CompiledEngine, data: st.DataObject) -> None:
    """To the bit, wherever it begins and ends."""
    height, width = data.draw(st.integers(12, 60)), data.draw(st.integers(12, 120))
    picture = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 256, (90, 140, 3), dtype=np.uint8)
    rows, columns = -(-height // 2) - 5, -(-width // 2) - 5
    top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    bottom, right = data.draw(st.integers(top + 1, rows)), data.draw(st.integers(left + 1, columns))
    regions = np.zeros(2, REGION)
    sizes = (0, width, height)
    regions[0], regions[1] = (*sizes, 0, rows, 0, columns), (*sizes, top, bottom, left, right)
    found = _library().pnet(Pictures([picture]), regions, pack_pnet(WEIGHTS.pnet), -1e9)
    whole, part = found[found["region"] == 0], found[found["region"] == 1]
    assert len(whole) == rows * columns
    inside = (whole["row"] >= top) & (whole["row"] < bottom) & (whole["column"] >= left) & (whole["column"] < right)
    for name in ("row", "column", "logit", "offsets"):
        np.testing.assert_array_equal(part[name], whole[inside][name])


def test_more_is_found_than_there_is_room_for_at_first(engine: CompiledEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    view = engine.view([np.random.default_rng(1).integers(0, 256, (90, 140, 3), dtype=np.uint8)])
    (much,) = engine.propose(view, [1.0], 1e-9)
    monkeypatch.setattr(loading, "_ROOM", 7)
    (again,) = engine.propose(view, [1.0], 1e-9)
    assert len(much.scores) > 1000
    assert much.boxes.tobytes() == again.boxes.tobytes()
    assert much.scores.tobytes() == again.scores.tobytes()


def test_proposals_near_places(engine: CompiledEngine, reference: TorchEngine, portrait: Picture) -> None:
    frames = [scene(portrait, 240, 427, places) for places in ([(150, 10, 20), (100, 90, 200)], [(150, 30, 160)])]
    boxes = np.array([[60, 60, 110, 110], [220, 100, 250, 130], [200, 40, 260, 100], [400, 210, 430, 240]], np.float32)
    owner, scales = np.array([0, 0, 1, 1]), list(pyramid(240, 427, 12, 0.709))
    ours = engine.propose_near(engine.view_near(frames, owner, boxes), owner, boxes, scales, 1e-4)
    theirs = reference.propose_near(reference.view_near(frames, owner, boxes), owner, boxes, scales, 1e-4)
    assert sum(len(one.scores) for one in ours) > 200
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        # A square of torch's ends in repeated pixels where the level ends, and its last steps there are off.
        both = {(frame, *box) for frame, box in zip(one.picture.tolist(), one.boxes.tolist(), strict=True)}
        its = {(frame, *box) for frame, box in zip(other.picture.tolist(), other.boxes.tolist(), strict=True)}
        assert len(both & its) > 0.97 * len(both | its)


@pytest.mark.parametrize("count", [0, 1, 7, 16, 37])
def test_windows(engine: CompiledEngine, reference: TorchEngine, count: int) -> None:
    """Of all sizes and shapes, from one pixel on; what torch averages by a table is added up pixel by pixel here."""
    rng = np.random.default_rng(count)
    frames = [rng.integers(0, 256, (150, 200, 3), dtype=np.uint8) for _ in range(2)]
    mine, its = engine.view(frames), reference.view(frames)
    owner, boxes = rng.integers(0, 2, count), _boxes(rng, count, 150, 200)
    for look, other_look in ((engine.refine, reference.refine), (engine.place, reference.place)):
        said, expected = look(mine, mine.windows(owner, boxes)), other_look(its, its.windows(owner, boxes))
        for ours, theirs in zip(said, expected, strict=True):
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_window_as_high_as_sixteen_bits_cannot_sum(engine: CompiledEngine, reference: TorchEngine) -> None:
    """A bin of it has more than 257 bright rows."""
    frame = np.random.default_rng(0).integers(200, 256, (14_000, 30, 3), dtype=np.uint8)
    boxes = np.array([[0, 0, 30, 14_000], [3, 1, 8, 13_999]])
    mine, its = engine.view([frame]), reference.view([frame])
    none = np.zeros(2, np.int64)
    ours, theirs = engine.refine(mine, mine.windows(none, boxes)), reference.refine(its, its.windows(none, boxes))
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-5)


def test_a_window_is_judged_by_itself(engine: CompiledEngine) -> None:
    """To the bit the same in whatever company, and from a picture whose rows lie apart."""
    rng = np.random.default_rng(5)
    wide = rng.integers(0, 256, (150, 230, 3), dtype=np.uint8)
    parts = wide[:, 10:210], wide[::-1, 10:210], np.ascontiguousarray(wide[:, 10:210])[:, :, ::-1]
    boxes, none = _boxes(rng, 41, 150, 200), np.zeros(41, np.int64)
    for part in parts:
        apart, whole = engine.view([part]), engine.view([np.ascontiguousarray(part)])
        for look in (engine.refine, engine.place):
            together = look(whole, whole.windows(none, boxes))
            some = look(whole, whole.windows(none[3:6], boxes[3:6]))
            elsewhere = look(apart, apart.windows(none, boxes))
            for one, other, third in zip(together, some, elsewhere, strict=True):
                assert one[3:6].tobytes() == other.tobytes()
                assert one.tobytes() == third.tobytes()


@pytest.mark.parametrize("name", SCENES)
def test_the_detector_finds_the_same_with_and_without_them(
    portrait: Picture, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    height, width, places, least = SCENES[name]
    picture = scene(portrait, height, width, places)
    _library()
    compiled = MtcnnDetector()
    monkeypatch.setattr("fertools.faces.detection.mtcnn.cascade.library", lambda: None)
    plain = MtcnnDetector()
    assert [type(one._engine) for one in (compiled, plain)] == [CompiledEngine, TorchEngine]
    assert len(compiled.detect([picture])[0]) >= least
    _assert_same(compiled.detect([picture])[0], plain.detect([picture])[0])
    boxes = [plain.detect([picture])[0].boxes]
    _assert_same(compiled.detect_near([picture], boxes)[0], plain.detect_near([picture], boxes)[0])


def test_a_table_goes_to_a_device_once(reference: TorchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    table = AreaTable.of([np.zeros((40, 40, 3), np.uint8)])
    assert reference._sums(table).data_ptr() == table.sums.ctypes.data
    monkeypatch.setattr(reference, "_device", torch.device("meta"))
    assert reference._sums(table) is reference._sums(table)
    del table
    assert not reference._moved


def test_the_exact_mode_is_torchs() -> None:
    assert isinstance(MtcnnDetector(mode="exact")._engine, TorchEngine)


def test_arrays_in_pieces_are_refused(engine: CompiledEngine) -> None:
    pictures = Pictures([np.zeros((40, 40, 3), np.uint8)])
    with pytest.raises(ValueError, match="contiguous"):
        _library().rnet(pictures, np.zeros((3, 10), np.int64)[:, ::2], np.zeros(1, np.float32))


PICTURES = [np.zeros((40, 60, 3), np.uint8)] * 2
FAR = 2**62


@pytest.mark.parametrize(
    "window",
    [
        *[(-1, 0, 0, 9, 9), (2, 0, 0, 9, 9), (FAR, 0, 0, 9, 9)],
        *[(0, -1, 0, 9, 9), (0, 0, -1, 9, 9), (0, 52, 0, 9, 9), (0, 0, 32, 9, 9)],
        *[(0, 0, 0, 61, 9), (0, 0, 0, 9, 41), (0, 0, 0, 0, 9), (0, 0, 0, 9, -1)],
        *[(0, FAR, 0, FAR, 9), (0, 1, 0, 2**63 - 1, 9), (0, 0, 180, 9, 9)],
    ],
)
def test_windows_outside_their_picture_are_refused(window: tuple[int, ...]) -> None:
    good = (1, 51, 31, 9, 9)
    for look, weights in ((_library().rnet, pack_rnet(WEIGHTS.rnet)), (_library().onet, pack_onet(WEIGHTS.onet))):
        assert np.isfinite(look(Pictures(PICTURES), np.array([good]), weights)).all()
        with pytest.raises(ValueError, match="not inside its picture"):
            look(Pictures(PICTURES), np.array([good, window]), weights)


@pytest.mark.parametrize(
    "region",
    [
        *[(-1, 60, 40, 0, 9, 0, 9), (2, 60, 40, 0, 9, 0, 9), (0, 60, 40, -1, 9, 0, 9), (0, 60, 40, 0, 9, -1, 9)],
        *[(0, 60, 40, 0, 16, 0, 9), (0, 60, 40, 0, 9, 0, 26), (0, 0, 40, 0, 9, 0, 9), (0, 60, -40, 0, 9, 0, 9)],
        *[(0, FAR, FAR, 0, 9, 0, 9), (0, 60, 40, FAR, FAR + 9, 0, 9)],
    ],
)
def test_regions_outside_their_level_are_refused(region: tuple[int, ...]) -> None:
    weights = pack_pnet(WEIGHTS.pnet)
    good, empty = (1, 60, 40, 0, 15, 0, 25), (9, 9, 9, 5, 5, -7, 9)
    assert len(_library().pnet(Pictures(PICTURES), np.array([good, empty], REGION), weights, -1e9)) == 15 * 25
    with pytest.raises(ValueError, match="not inside its picture"):
        _library().pnet(Pictures(PICTURES), np.array([good, region], REGION), weights, -1e9)


@pytest.mark.parametrize("count", [0, 1, -1])
def test_other_weights_than_a_networks_own_are_refused(count: int) -> None:
    pictures, windows = Pictures(PICTURES), np.array([(0, 0, 0, 9, 9)])
    regions = np.array([(0, 60, 40, 0, 9, 0, 9)], REGION)
    pnet, rnet, onet = pack_pnet(WEIGHTS.pnet), pack_rnet(WEIGHTS.rnet), pack_onet(WEIGHTS.onet)
    for look in (
        lambda: _library().pnet(pictures, regions, pnet[:count], 0.0),
        lambda: _library().rnet(pictures, windows, rnet[:count]),
        lambda: _library().onet(pictures, windows, onet[:count]),
        lambda: _library().onet(pictures, windows, rnet),
    ):
        with pytest.raises(ValueError, match="weights are not those"):
            look()


@pytest.mark.parametrize(
    "other",
    [
        *(np.zeros(shape, np.uint8) for shape in ((20, 60, 3), (40, 30, 3), (40, 60, 4), (40, 60))),
        np.zeros((40, 60, 3), np.float32),
    ],
    ids=lambda other: f"{other.dtype}{other.shape}",
)
def test_pictures_of_another_size_or_kind_never_share_a_call(other: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="of one size"):
        Pictures([PICTURES[0], other])


def test_buffers_of_another_shape_or_type_are_refused() -> None:
    boxes, groups = np.zeros((5, 4), np.float32), np.zeros(5, np.int64)

    def suppress(boxes: NDArray[Any] = boxes, groups: NDArray[Any] = groups) -> object:
        return _library().suppress(boxes, groups, 0.5, smaller=False, extra=0.0)

    suppress()
    bads: list[Callable[[], object]] = [
        lambda: suppress(boxes=boxes[:4]),
        lambda: suppress(boxes=boxes[:, :3].copy()),
        lambda: suppress(boxes=boxes.astype(np.float64)),
        lambda: suppress(groups=groups[:4]),
        lambda: suppress(groups=groups.astype(np.int32)),
    ]
    for bad in bads:
        with pytest.raises(ValueError, match="given"):
            bad()


def test_what_runs_under_sanitizers_exists() -> None:
    assert [path for path in TESTS if not path.is_file()] == []


@pytest.mark.slow
def test_sanitizers_stop_at_a_read_beyond_an_array(tmp_path: Path) -> None:
    """So that a run of `tests.core.native.sanitized` that finds nothing means something."""
    program = """
        import ctypes, sys, numpy
        suppress = ctypes.CDLL(sys.argv[1]).fertools_suppress
        arrays = [numpy.zeros(40, numpy.float32), numpy.zeros(10, numpy.int64), numpy.zeros(10, numpy.uint8)]
        boxes, groups, kept = (ctypes.c_void_p(some.ctypes.data) for some in arrays)
        suppress(boxes, groups, ctypes.c_int64(int(sys.argv[2])), ctypes.c_float(0.5), ctypes.c_int32(0),
                 ctypes.c_float(0), kept)
    """
    path = sanitized(tmp_path, _library().level)
    for count in (10, 11):
        command = [sys.executable, "-c", textwrap.dedent(program), str(path), str(count)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
        assert ("heap-buffer-overflow" in done.stderr) == (done.returncode != 0) == (count > 10)


def test_building_again_compiles_nothing_and_clears_what_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for level in levels():
        library_path(level, tmp_path).touch()
    (tmp_path / "networks.x86-64-v3.0123456789ab.so").touch()
    monkeypatch.setattr(building, "_compile", lambda *_: pytest.fail("it compiled"))
    assert build(tmp_path) == sorted(tmp_path.iterdir(), reverse=True)


@pytest.mark.parametrize(
    ("compiler", "words"),
    [("no-such-compiler", "there is no C.. compiler .no-such-compiler.; install one"), ("false", "does not compile")],
)
def test_without_a_compiler_building_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiler: str, words: str
) -> None:
    monkeypatch.setenv("CXX", compiler)
    with pytest.raises(BuildError, match=words):
        build(tmp_path)
    assert not list(tmp_path.iterdir())


def test_by_hand_a_failure_is_one_sentence(tmp_path: Path) -> None:
    shutil.copytree(building.HERE, tmp_path / "sources", ignore=shutil.ignore_patterns("*.so"))
    run = [sys.executable, str(tmp_path / "sources" / "build.py")]
    environment = {**os.environ, "CXX": "no-such-compiler"}
    done = subprocess.run(run, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert done.stderr == "Error: there is no C++ compiler (no-such-compiler); install one, such as Debian's g++\n"


def test_a_processor_that_cannot_run_them_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        @staticmethod
        def fertools_runs_here() -> int:
            return 0

    _library()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Refusing())
    assert library.__wrapped__() is None


def _boxes(rng: np.random.Generator, count: int, height: int, width: int) -> NDArray[np.int64]:
    corner = rng.integers(0, [width, height], (count, 2))
    return np.concatenate([corner, rng.integers(corner + 1, np.array([width, height]) + 1)], axis=1)


def _assert_same(one: Detections, other: Detections) -> None:
    assert len(one) == len(other)
    np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)
    np.testing.assert_allclose(one.landmarks, other.landmarks, atol=0.01)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
