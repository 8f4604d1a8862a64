from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fertools.core.native.library import library
from fertools.splits.audit import near_duplicates
from fertools.splits.audit.near_duplicates import LIMIT, count_bits, find_copies, find_near
from fertools.splits.audit.picture_hash import MIRROR, Hashes, describe_pictures, hash_picture


def picture(seed: int, side_px: int = 96) -> NDArray[np.uint8]:
    """Return a colour picture with shapes of many sizes; other seeds give other pictures."""
    noise = np.random.default_rng(seed).normal(size=(12, 12, 3)).astype(np.float32)
    smooth = cv2.resize(noise, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(128 + 45 * smooth, 0, 255), np.uint8)


def _distance(first: Hashes, second: Hashes) -> int:
    return int(count_bits(first ^ second).sum())


def test_mirroring_a_picture_inverts_the_mirror_bits() -> None:
    grey = np.asarray(cv2.cvtColor(picture(1), cv2.COLOR_BGR2GRAY), np.uint8)
    assert _distance(hash_picture(grey[:, ::-1].copy()), hash_picture(grey) ^ MIRROR) <= 2
    assert _distance(hash_picture(grey[:, ::-1].copy()), hash_picture(grey)) > LIMIT


@pytest.fixture(params=["compiled", "product"])
def _ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare hashes by compiled code, and without it."""
    if request.param == "product":
        monkeypatch.setattr(near_duplicates, "library", lambda: None)
    elif library() is None:
        pytest.skip("there is no compiled code for this processor")


@pytest.mark.usefixtures("_ways")
def test_all_near_pairs_are_found_as_by_comparing_every_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    bits = random.integers(0, 2, (160, 256), dtype=np.uint8)
    for row in range(80, 160):
        bits[row] = bits[row - 80]
        bits[row, random.choice(256, row - 80, replace=False)] ^= 1
    hashes = np.packbits(bits, axis=1).view(np.uint64)
    hashes[130:] ^= MIRROR
    expected = {}
    for first in range(160):
        for second in range(first + 1, 160):
            plain = _distance(hashes[first], hashes[second])
            mirrored = _distance(hashes[first], hashes[second] ^ MIRROR)
            if min(plain, mirrored) <= LIMIT:
                expected[first, second] = (min(plain, mirrored), mirrored < plain)
    monkeypatch.setattr(near_duplicates, "_BLOCK", 50)
    near = find_near(hashes, np.arange(160))
    values = zip(near.distances.tolist(), near.mirrored.tolist(), strict=True)
    assert dict(zip(map(tuple, near.pairs.tolist()), values, strict=True)) == expected
    assert near.distances.tolist() == list(range(LIMIT + 1))
    assert not len(find_near(hashes, np.zeros(160, np.int64)).pairs)


def test_compiled_code_finds_the_same_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    assert library() is not None
    for count, families in ((1, 1), (5, 2), (1300, 40), (2100, 2100)):
        # Members of a family differ in few bits, so that there are more near pairs than are kept.
        bits = random.integers(0, 2, (families, 256), dtype=np.uint8)[random.integers(families, size=count)]
        bits ^= random.random((count, 256)) < 0.1
        hashes = np.packbits(bits, axis=1).view(np.uint64)
        hashes[random.random(count) < 0.5] ^= MIRROR
        groups = random.integers(0, max(2, count // 3), count)
        found = find_near(hashes, groups)
        with monkeypatch.context() as patch:
            patch.setattr(near_duplicates, "library", lambda: None)
            expected = find_near(hashes, groups)
        for name in ("pairs", "distances", "mirrored"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert len(found.pairs) > (count if families == 40 else -1)


@pytest.mark.usefixtures("_ways")
def test_of_very_many_near_pairs_the_nearest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    bits = np.zeros((60, 256), np.uint8)
    for row in range(60):
        bits[row, :row] = 1
    hashes = np.packbits(bits, axis=1).view(np.uint64)
    for name, value in {"NEAREST": 4, "_PENDING": 10, "_BLOCK": 7}.items():
        monkeypatch.setattr(near_duplicates, name, value)
    near = find_near(hashes, np.arange(60))
    assert sorted(map(tuple, near.pairs.tolist())) == [
        (row, row + step) for row in range(60) for step in range(1, 5) if row + step < 60
    ]


def test_copies_are_told_from_other_pictures(tmp_path: Path) -> None:
    made = {
        "first.png": picture(1),
        "same.png": picture(1),
        "brighter.jpg": np.clip(picture(1) * 0.9 + 12, 0, 255).astype(np.uint8),
        "mirrored.png": picture(1)[:, ::-1],
        "smaller.png": cv2.resize(picture(1), (64, 64), interpolation=cv2.INTER_AREA),
        "cropped.png": picture(1)[2:, 1:],
        "other.png": picture(2),
        "black.png": np.zeros((96, 96, 3), np.uint8),
        "black too.png": np.zeros((96, 96, 3), np.uint8),
    }
    paths: list[Path | None] = [tmp_path / name for name in made]
    for path, pixels in zip(paths, made.values(), strict=True):
        cv2.imwrite(str(path), pixels)
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    paths += [tmp_path / "damaged.png", tmp_path / "missing.png", None]
    facts = describe_pictures(paths)
    assert facts.readable.tolist() == [True] * 9 + [False] * 3
    assert facts.flat.tolist() == [False] * 7 + [True] * 2 + [False] * 3
    copies = find_copies(facts, paths, np.arange(len(paths)))
    assert copies.pairs[copies.exact].tolist() == [[0, 1]]
    assert copies.mirrored.sum() == 1
    clusters = copies.clusters(len(paths))
    assert len(set(clusters[:6])) == 1
    assert len(set(clusters)) == 7
