"""How fast an audit compares pictures, beside faiss, and how long a whole audit of many pictures takes.

    .venv/bin/python tests/benchmarks/bench_audit.py [--hashes 250000] [--beside 20000] [--pictures 0]

Hashes are random, and a hundredth are copies of others with up to 64 different bits, half of them mirrored. All planted
copies have to be found. `faiss` (pip install faiss-cpu) does the same with `IndexBinaryFlat`: one search by radius for
plain copies and one for mirrored ones. Both get the same hashes and take turns in one run. With `--pictures`, that many
drawn pictures of 48 pixels are written, and the manifest of them is audited twice.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
from numpy.typing import NDArray

# Run as a script, only this folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.core.native.library import library
from fertools.core.processes import processors
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.splits.audit import near_duplicates
from fertools.splits.audit.near_duplicates import LIMIT, find_near
from fertools.splits.audit.picture_hash import BITS, MIRROR, Hashes
from fertools.training.jobs.audit_split import audit
from tests.manifests.rows import face, identify

Pairs = set[tuple[int, int]]


def make_hashes(count: int, seed: int = 0) -> tuple[Hashes, Pairs]:
    """Return hashes, and the pairs of rows that are copies."""
    random = np.random.default_rng(seed)
    bits = random.integers(0, 2, (count, BITS), dtype=np.uint8)
    copies = max(1, count // 100)
    chosen = random.choice(count, 2 * copies, replace=False).reshape(2, -1)
    bits[chosen[1]] = bits[chosen[0]]
    for row in chosen[1].tolist():
        bits[row, random.choice(BITS, int(random.integers(LIMIT + 1)), replace=False)] ^= 1
    hashes = np.packbits(bits, axis=1).view(np.uint64)
    hashes[chosen[1, ::2]] ^= MIRROR
    return hashes, {(min(pair), max(pair)) for pair in chosen.T.tolist()}


def timed(work: Callable[[], Pairs]) -> tuple[Pairs, float, float]:
    """Return a result with the seconds by the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - clock, time.process_time() - processor


def _no_library() -> None:
    """Stand in for compiled code that is missing."""


def find_ours(hashes: Hashes, *, compiled: bool = True) -> Pairs:
    """Return the near pairs by our search."""
    with mock.patch.object(near_duplicates, "library", library if compiled else _no_library):
        return set(map(tuple, find_near(hashes, np.arange(len(hashes))).pairs.tolist()))


def find_by_faiss(faiss: Any, hashes: Hashes) -> Pairs:
    """Return the near pairs by two searches of faiss."""
    index = faiss.IndexBinaryFlat(BITS)
    index.add(hashes.view(np.uint8))
    found: Pairs = set()
    for asked in (hashes, hashes ^ MIRROR):
        # The radius of faiss is exclusive.
        limits, _, others = index.range_search(np.ascontiguousarray(asked).view(np.uint8), LIMIT + 1)
        rows = np.repeat(np.arange(len(hashes)), np.diff(limits.astype(np.int64)))
        found |= {(row, other) for row, other in zip(rows.tolist(), others.tolist(), strict=True) if row < other}
    return found


def say(name: str, count: int, seconds: tuple[float, float], planted: Pairs, found: Pairs) -> None:
    """Print the figures of a search."""
    pairs = count * (count - 1) / 2
    print(
        f"{name:22}{count:>9,} hashes {seconds[0]:8.1f} s, processor {seconds[1]:8.1f} s,"
        f"{1e9 * seconds[1] / pairs:7.2f} ns a pair; {len(planted & found):,} of {len(planted):,} copies",
        flush=True,
    )


def compare_peers(count: int, turns: int) -> None:
    """Print our search, that without compiled code, and faiss, in turns."""
    hashes, planted = make_hashes(count)
    ways: dict[str, Callable[[], Pairs]] = {
        "compiled": lambda: find_ours(hashes),
        "matrix product": lambda: find_ours(hashes, compiled=False),
    }
    try:
        faiss = importlib.import_module("faiss")
        faiss.omp_set_num_threads(processors())
        ways["faiss BinaryFlat"] = lambda: find_by_faiss(faiss, hashes)
    except ImportError:
        print("faiss is not installed: pip install faiss-cpu")
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            found, clock, processor = timed(way)
            seconds[name].append((clock, processor))
            if found != planted:
                print(f"{name}: other pairs than planted, {len(found):,} of {len(planted):,}")
    for name, times in seconds.items():
        say(
            name,
            count,
            (statistics.median(one for one, _ in times), statistics.median(t for _, t in times)),
            planted,
            found,
        )
    for name in list(ways)[1:]:
        ratios = [other / own for (other, _), (own, _) in zip(seconds[name], seconds["compiled"], strict=True)]
        print(f"ratio to {name}: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


def write_pictures(root: Path, count: int) -> Workspace:
    """Write a workspace with drawn pictures; a hundredth are copies of the ones before them."""
    random = np.random.default_rng(0)
    workspace, rows, picture = Workspace(root), [], np.zeros((48, 48, 3), np.uint8)
    for number in range(count):
        row = face(str(number), source=str(number), subject_id=f"p{number // 10}", fold=number // 10 % 5)
        path = root / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 100 != 1:
            picture = _draw(random)
        cv2.imwrite(str(path), picture)
        rows.append(row | {"face_id": identify(str(number))})
    store.write_table(workspace.manifest, FACES, FACES.table(rows))
    return workspace


def _draw(random: np.random.Generator) -> NDArray[np.uint8]:
    coarse = random.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_LINEAR), np.uint8)


def main(given: list[str] | None = None) -> int:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hashes", type=int, default=250_000)
    parser.add_argument("--beside", type=int, default=20_000, help="hashes that all ways compare")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=0)
    arguments = parser.parse_args(given)
    compare_peers(arguments.beside, arguments.turns)
    if arguments.hashes:
        hashes, planted = make_hashes(arguments.hashes)
        found, *seconds = timed(lambda: find_ours(hashes))
        say("compiled", arguments.hashes, (seconds[0], seconds[1]), planted, found)
    if arguments.pictures:
        with tempfile.TemporaryDirectory() as folder:
            workspace = write_pictures(Path(folder), arguments.pictures)
            for name in ("first audit", "second audit"):
                clock, processor = time.perf_counter(), time.process_time()
                kinds = [finding.kind for finding in audit(workspace).findings]
                seconds = [time.perf_counter() - clock, time.process_time() - processor]
                print(f"{name} of {arguments.pictures:,}: {seconds[0]:.1f} s, processor {seconds[1]:.1f} s: {kinds}")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
