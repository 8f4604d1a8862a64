"""A long campaign over all readers, each in processes of its own, so that a crash of a library is told and outlived."""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import multiprocessing
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from fertools.cli.main import COMMANDS
from tests.fuzz.campaign import Case, run_cases
from tests.fuzz.readers import READERS, Reader

_HEAVY = (
    "fertools.training.jobs.train",
    "fertools.training.jobs.generate",
    "fertools.ingestion.ingest",
    "fertools.annotations.exchange",
)
"""Modules that are imported once, before the processes part, since that takes longer than many cases."""
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Share:
    """Cases of one reader.

    Attributes:
        reader: which.
        first: number of the first.
        count: how many.
    """

    reader: Reader
    first: int
    count: int


def shares(total: int) -> list[Share]:
    """Return how many cases each reader gets of at least `total`, by weight."""
    each = total / sum(reader.weight for reader in READERS)
    return [Share(reader, 0, math.ceil(each * reader.weight)) for reader in READERS]


def run(folder: Path, seed: int, total: int, workers: int) -> Iterator[Case]:
    """Yield what came of at least `total` cases, in the order in which they end.

    Args:
        folder: empty; workspaces are made in it.
        seed: another seed, other cases.
        total: how many.
        workers: how many processes at a time.
    """
    # In a process of its own: training leaves threads, and what forks must not have any.
    subprocess.run([sys.executable, "-m", "tests.fuzz.campaign", str(folder / "seed")], cwd=REPOSITORY, check=True)
    for name in (
        *COMMANDS,
        "annotate_agreement",
        "annotate_export",
        "annotate_import",
        "annotate_publish",
        "identify_embedders",
    ):
        importlib.import_module(f"fertools.cli.{name}")
    for name in _HEAVY:
        importlib.import_module(name)
    with ThreadPoolExecutor(workers) as pool:
        parts = [
            pool.submit(lambda place, share: list(_run_share(folder, place, share, seed)), place, share)
            for place, share in enumerate(shares(total))
        ]
        for part in as_completed(parts):
            yield from part.result()


def _run_share(folder: Path, place: int, share: Share, seed: int) -> Iterator[Case]:
    """Yield the cases of a share, which a process carries out, and the next one if it dies."""
    fork = multiprocessing.get_context("fork")
    first, end = share.first, share.first + share.count
    while first < end:
        root = folder / f"{place}-{first}"
        shutil.copytree(folder / "seed", root)
        receiver, sender = fork.Pipe(duplex=False)
        process = fork.Process(target=_work, args=(sender, root, share.reader, seed, range(first, end)))
        process.start()
        sender.close()
        with contextlib.suppress(EOFError):
            while True:
                case: Case = receiver.recv()
                first = case.number + 1
                yield case
        process.join()
        if first < end:
            yield Case(share.reader.name, first, "", "", process.exitcode or 0, ("the process died",), "")
            first += 1
        shutil.rmtree(root)


def _work(sender: Connection, root: Path, reader: Reader, seed: int, numbers: Sequence[int]) -> None:
    for case in run_cases(root, reader, seed, numbers):
        sender.send(case)
    sender.close()


def main() -> None:
    """Run a campaign and print what was wrong, and a line per reader."""
    folder, seed, total, workers = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    codes: dict[str, Counter[int]] = {}
    faulty: Counter[str] = Counter()
    for case in run(folder, seed, total, workers):
        codes.setdefault(case.reader, Counter())[case.code] += 1
        if case.faults:
            faulty[case.reader] += 1
            print(json.dumps(asdict(case)), flush=True)
    for name, count in codes.items():
        print(f"{name}: {count.total()} cases, exits {dict(sorted(count.items()))}, {faulty[name]} with faults")
    print(f"in all {sum(count.total() for count in codes.values())} cases, {faulty.total()} with faults")


if __name__ == "__main__":
    main()
