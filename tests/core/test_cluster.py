"""Blocks of work over a Ray cluster of this machine: `pip install ray`, then `pytest -m slow` of this file."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fertools.core.errors import InputError
from fertools.core.spreading import Spread, spread_over
from fertools.faces.identity.identify import identify
from fertools.faces.identity.identity_options import IdentifyOptions
from fertools.splits.audit.near_duplicates import find_near
from fertools.splits.audit.picture_hash import MIRROR
from fertools.training.jobs.audit_split import audit
from tests.faces.identity.made_people import GreyEmbedder, MadeTrack, made_workspace, subjects
from tests.ray_cluster import MARKS, cluster
from tests.training.blobs import write_blobs

pytestmark = MARKS
__all__ = ["cluster"]


@pytest.fixture
def over(cluster: None, tmp_path: Path) -> Callable[[Path], Spread]:
    """A way to spread work whose machines must see a file."""

    def make(needed: Path) -> Spread:
        spread = spread_over("ray", None, needed)
        assert spread is not None
        return spread

    return make


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    path = tmp_path / "seen"
    path.touch()
    return path


def _square(number: int) -> int:
    if number == 13:
        raise InputError("13 is unlucky; give another number")
    return number**2


def _die_once(number: int, mark: Path) -> int:
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_come_in_the_order_of_the_items(over: Callable[[Path], Spread], seen: Path) -> None:
    assert list(over(seen)(_square, (number for number in range(12)))) == [number**2 for number in range(12)]


def test_the_error_of_an_item_is_raised_itself(over: Callable[[Path], Spread], seen: Path) -> None:
    with pytest.raises(InputError, match="13 is unlucky; give another number"):
        list(over(seen)(_square, range(20)))


def test_an_item_whose_worker_died_runs_again(over: Callable[[Path], Spread], seen: Path, tmp_path: Path) -> None:
    mark = tmp_path / "died"
    assert list(over(seen)(partial(_die_once, mark=mark), range(6))) == list(range(6))
    assert mark.exists()


def test_a_machine_without_the_files_is_named(over: Callable[[Path], Spread], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"is not on the machine {os.uname().nodename} of the Ray cluster"):
        list(over(tmp_path / "elsewhere")(_square, range(3)))


def test_near_pictures_are_those_of_one_machine(over: Callable[[Path], Spread], seen: Path) -> None:
    hashes = np.random.default_rng(1).integers(0, 2**64, (3000, 4), np.uint64, endpoint=False)
    hashes[2000] = hashes[5] ^ MIRROR
    hashes[2500] = hashes[1700] ^ np.uint64(7)
    groups = np.arange(3000)
    there, here = find_near(hashes, groups, spread=over(seen)), find_near(hashes, groups)
    np.testing.assert_array_equal(there.pairs, here.pairs)
    assert there.pairs.tolist() == [[5, 2000], [1700, 2500]]
    assert there.mirrored.tolist() == [True, False]


def test_an_audit_finds_what_one_machine_finds(
    cluster: None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    workspace, other = write_blobs(tmp_path), write_blobs(tmp_path_factory.mktemp("other"))
    for root in (workspace.root, other.root):
        crops = sorted(root.rglob("*.png"))
        crops[3].write_bytes(crops[9].read_bytes())
        crops[5].write_bytes(b"no picture")
    there, here = audit(workspace, engine="ray"), audit(other)

    def told(report: Any) -> list[str]:
        return sorted(f"{finding.severity} {finding.message}" for finding in report.findings)

    assert told(there) == told(here)
    assert any("cannot be decoded" in line for line in told(here))
    assert there.leakage == here.leakage
    assert workspace.picture_facts.is_file()


def test_people_are_those_of_one_machine(
    cluster: None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fertools.faces.identity.embedding_cache.BLOCK", 10)
    tracks = [MadeTrack("a", 0, (1,) * 8), MadeTrack("a", 1, (2,) * 8), MadeTrack("b", 0, (1,) * 8)]
    workspace, other = made_workspace(tmp_path, tracks), made_workspace(tmp_path_factory.mktemp("other"), tracks)
    options = IdentifyOptions(engine="ray", device="cpu")
    there = identify(workspace, options, network=GreyEmbedder())
    here = identify(other, IdentifyOptions(), network=GreyEmbedder())
    assert there == here
    assert there.embedded == 24
    assert subjects(workspace) == subjects(other)
