"""The engine and a loop written by hand taking turns, a block of iterations each, compared by losses and by time."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fertools.core.progress import Silent
from fertools.training.engine.journal import read_journal
from fertools.training.engine.loop import Callbacks, Loop

COMPARED = 4
"""Number of first iterations whose losses are compared; in a GAN, rounding errors grow with each."""


class Plain(Protocol):
    """A loop written by hand.

    Attributes:
        losses: of each iteration so far, by name.
    """

    losses: list[dict[str, Tensor]]

    def go_on(self, iteration: int) -> None:
        """Train until this number of iterations is done."""


class _Enough(Exception):
    """The iterations that are timed are done."""


def differ(loop: Loop, plain: Plain, journal: Path) -> float:
    """Return the largest difference of a loss in the first iterations, in shares of its size where that is above 1."""
    for _ in _blocks(loop, COMPARED, 1):
        plain.go_on(COMPARED)
    return max(
        abs(entry[name] - float(value)) / max(1.0, abs(float(value)))
        for entry, losses in zip(read_journal(journal), plain.losses, strict=True)
        for name, value in losses.items()
    )


def time_both(loop: Loop, plain: Plain, block: int, blocks: int, device: str) -> NDArray[np.float64]:
    """Return seconds of each block, BxLx2: of the engine and of the plain loop, by the clock and of the processor."""
    times, begun = [], _now_s(device)
    for done in _blocks(loop, block, blocks):
        ours = _now_s(device)
        plain.go_on(done)
        times.append([ours - begun, _now_s(device) - ours])
        begun = _now_s(device)
    return np.array(times[1:])


def _blocks(loop: Loop, block: int, blocks: int) -> Iterator[int]:
    """Let a loop go on by a block at a time, and yield the iterations done."""
    for number in range(1, blocks + 1):
        wanted = block * number

        def enough(iteration: int, wanted: int = wanted) -> None:
            if iteration >= wanted:
                raise _Enough

        with contextlib.suppress(_Enough):
            loop.run(Silent(), Callbacks(enough, block))
        yield wanted


def _now_s(device: str) -> NDArray[np.float64]:
    """Return the time and this process's time on processors."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return np.array([time.perf_counter(), time.process_time()])


def describe(times: NDArray[np.float64], block: int) -> str:
    """Return the medians of the blocks as text; a ratio above 1 means that the engine is faster."""
    ours, plain = np.median(times[:, :, 0], axis=0) / block * 1e3
    ratios = times[:, 1] / times[:, 0]
    low, middle, high = np.quantile(ratios[:, 0], (0.25, 0.5, 0.75))
    return (
        f"{ours:.1f} ms an iteration, plain loop {plain:.1f} ms, ratio {middle:.2f} ({low:.2f} to {high:.2f}), of "
        f"processor time {np.median(ratios[:, 1]):.2f}; {len(times)} blocks"
    )


def step_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options that every benchmark of a step has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--people", type=int, default=8, help="drawn people, each with seven expressions")
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--block", type=int, default=10, help="iterations of one before the other takes its turn")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves the number that it chose")
    return parser


def measure(system: str, arguments: argparse.Namespace, begin: Callable[..., tuple[Loop, Plain, Path]]) -> str:
    """Return the figures of both loops in a sentence.

    Args:
        system: name of the system.
        arguments: values of `step_parser`.
        begin: builds both loops and the path of the journal, from a workspace, a folder, the arguments and settings.
    """
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.blocks < 3:
        raise SystemExit("--blocks is below 3; give 3 or more, since the first is left out")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        apart = differ(*begin(root / "faces", root / "first", arguments, "log_every=1"))
        loop, plain, _ = begin(root / "faces", root / "timed", arguments)
        times = time_both(loop, plain, arguments.block, arguments.blocks, arguments.device)
    return (
        f"{system}, preset {arguments.preset}, {arguments.device}, {torch.get_num_threads()} threads: "
        f"{describe(times, arguments.block)}; losses within {apart:.1e}"
    )
