"""Time training beside two loops that do the same, compare their losses, and say how long a run waits for data.

    .venv/bin/python tests/benchmarks/bench_train.py [stargan classifier] [--preset cpu] [--set key=value ...]
        [--faces 256] [--iterations 120] [--block 10] [--loader memory] [--device cpu] [--threads 2]

Each system is trained by the engine, with a journal and all else that a run has, and by the loops written by hand in
`loops.py`: faces indexed from one float tensor in memory (`--loader memory`, which is as fast as such a loop can be) or
read by torch's DataLoader from their files (`--loader files`). Their StarGAN differentiates the gradient penalty twice,
lets real and made faces through the discriminator one after another, and makes the faces anew for the generator's step.

The plain loop reads every loss as soon as it is there and leaves torch's options alone. The tuned loop is the same
arithmetic with what the PyTorch tuning guide names: networks and batches in channels-last order, fused optimisers,
averages of weights updated in one call, and losses that are read after the last iteration.

All begin with the same weights and get the same faces in the same order with the same random numbers, so that their
losses can be compared. They take turns, a block of iterations each, so that a change of the machine's pace touches all;
blocks of the first epoch are left out. Printed are the median times of an iteration; for each loop the median of the
ratios block by block with the quartiles, and the median ratio of processor time; the share of the engine's time that
passes before a batch with all its random numbers lies on the device; and the largest difference of a loss in the first
iterations.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

# Run as a script, only this folder is on the path; the faces are drawn by what lies beside the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fertools.core.progress import Silent
from fertools.core.workspace import Workspace
from fertools.training.data.augmentation import Augmentation
from fertools.training.data.batch_loader import BatchLoader, FaceSource, BatchPlan
from fertools.training.data.faces import Faces, select_faces
from fertools.training.data.pixel_cache import load_pixels
from fertools.training.engine.journal import read_journal
from fertools.training.engine.loop import Callbacks, Loop
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.engine.run_state import StatePaths
from fertools.training.recipes.domains import FACES
from fertools.training.recipes.recipe import EngineRecipe
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.base import System
from fertools.training.systems.registry import find_system
from tests.benchmarks.loops import PEERS, PLAIN, Plain, Turn
from tests.training.blobs import blob_rows, write_blobs

COMPARED = 6
"""Losses are compared over so many first iterations; in a GAN rounding grows tenfold with each two more."""
_STILL = ("rotate_deg", "shift", "scale", "brightness", "contrast")
STILL = {"stargan": (*_STILL, "head_start", "input_noise"), "classifier": (*_STILL, "erase", "mixup")}
"""Keys that are 0 here, since the loops leave out what they stand for; faces are mirrored, and that is all."""


class Crops(Dataset[Tensor]):
    """Faces as a plain loader reads them: a file, decoded and resized, for each time that it comes."""

    def __init__(self, workspace: Workspace, faces: Faces, size_px: int) -> None:
        self._paths = [workspace.root / name for name in faces.table["path"].to_pylist()]
        self._size_px = size_px

    def __getitem__(self, row: int) -> Tensor:
        bgr = cv2.imread(str(self._paths[row]), cv2.IMREAD_COLOR)
        assert bgr is not None
        resized = cv2.resize(bgr, (self._size_px, self._size_px), interpolation=cv2.INTER_AREA)
        return torch.from_numpy(np.ascontiguousarray(resized[..., ::-1])).permute(2, 0, 1).float() / 127.5 - 1


class _Enough(Exception):
    """The iterations that are compared are done."""


@dataclass(frozen=True)
class Loops:
    """The engine's loop and the two others, begun alike.

    Attributes:
        loop: of the engine.
        peers: the others, `plain` and `tuned`.
        turns: the faces of each iteration, with what is drawn for them.
        batches: their pictures, for each of the others.
        epoch: iterations of an epoch.
        journal: the engine's losses.
    """

    loop: Loop
    peers: dict[str, Plain]
    turns: list[Turn]
    batches: dict[str, Iterator[Tensor]]
    epoch: float
    journal: Path

    def go_on(self, name: str, iteration: int) -> None:
        """Let one of the peers go on until it has done so many iterations."""
        peer = self.peers[name]
        peer.run(self.batches[name], self.turns[peer.done : iteration])


def begin(name: str, workspace: Workspace, arguments: argparse.Namespace, folder: Path, *more: str) -> Loops:
    """Return all loops of a system, before their first iteration."""
    device, total = arguments.device, arguments.iterations
    still = [f"{key}=0" for key in STILL[name]]
    settings = [f"checkpoint_every={total}", *still, *arguments.settings, *more]
    kind = find_system(name).recipe_class()
    recipe = cast(EngineRecipe, resolve_recipe(name, kind, arguments.preset, settings).recipe)
    faces = select_faces(workspace, modality="visible", test_folds=[0], needs_emotion=True, needs_va=False)
    epoch = len(faces.rows("train")) / recipe.batch_size
    length = {"iterations": total} if name == "stargan" else {"epochs": total / epoch, "val_share": 0.0, "patience": 0}
    recipe = dataclasses.replace(recipe, **length)
    torch.manual_seed(recipe.seed)
    system: System = find_system(name).system_class()(recipe)
    pixels = load_pixels(workspace, faces, recipe.image_size, workspace.pixels)
    rest: dict[str, Any] = {"augmentation": Augmentation(flip=recipe.flip), "seed": recipe.seed}
    sources = {FACES: FaceSource(faces, pixels)}
    loaders = [BatchLoader(sources, batch_size=recipe.batch_size, device=where, **rest) for where in ("cpu", device)]
    peers = {kind: PLAIN[name](recipe, system, faces, total, device, tuned=kind == "tuned") for kind in PEERS}
    turns = _turns(loaders[0], system, recipe.seed + 2, total)
    orders = [order for order, _ in turns]
    batches = {kind: _batches(workspace, faces, recipe.image_size, pixels, orders, arguments) for kind in PEERS}
    paths = StatePaths(folder / "checkpoints", folder / "metrics.jsonl")
    course = recipe.course({FACES: len(faces.rows("train"))})
    loop = Loop(system, recipe, course, loaders[1], ProcessGroup(device), paths)
    return Loops(loop, peers, turns, batches, epoch, paths.journal)


def differ(loops: Loops) -> float:
    """Return the largest difference of a loss in the first iterations, in shares of its size where that is above 1."""

    def enough(iteration: int) -> None:
        for name in loops.peers:
            loops.go_on(name, iteration)
        raise _Enough

    with contextlib.suppress(_Enough):
        loops.loop.run(Silent(), Callbacks(enough, COMPARED))
    apart = [
        abs(entry[term] - float(value)) / max(1.0, abs(float(value)))
        for peer in loops.peers.values()
        for entry, losses in zip(read_journal(loops.journal), peer.losses, strict=True)
        for term, value in losses.items()
    ]
    return max(apart)


@dataclass(frozen=True)
class Block:
    """What some iterations took, in seconds by the clock, and of processor time, which others' work changes less.

    Attributes:
        ours_s: of the engine.
        peers_s: of the other loops, by name.
        data_wait_s: of the engine by the clock, before batches lay on the device.
    """

    ours_s: NDArray[np.float64]
    peers_s: dict[str, NDArray[np.float64]]
    data_wait_s: float


def time_all(loops: Loops, block: int, device: str) -> list[Block]:
    """Let all run to the end in turns."""
    blocks = []
    begun, data_wait_s = _now_s(device), 0.0

    def turn(iteration: int) -> None:
        nonlocal begun, data_wait_s
        times = [_now_s(device)]
        for name in loops.peers:
            loops.go_on(name, iteration)
            times.append(_now_s(device))
        # The first epoch reads pixels from the disk, and the first block of all warms up.
        if iteration - block >= max(block, loops.epoch):
            peers_s = dict(zip(loops.peers, np.diff(times, axis=0), strict=True))
            blocks.append(Block(times[0] - begun, peers_s, loops.loop.data_wait_s - data_wait_s))
        begun, data_wait_s = _now_s(device), loops.loop.data_wait_s

    loops.loop.run(Silent(), Callbacks(turn, block))
    return blocks


def _turns(loader: BatchLoader, system: System, seed: int, total: int) -> list[Turn]:
    """Return the faces of each iteration with all that is drawn for them, as the engine draws it."""
    generator = torch.Generator().manual_seed(seed)
    turns = []
    for _ in range(total):
        order = loader.next()
        turns.append((order, system.draw(loader.labels(order), generator)))
    return turns


def _batches(
    workspace: Workspace,
    faces: Faces,
    size_px: int,
    pixels: Any,
    orders: list[BatchPlan],
    arguments: argparse.Namespace,
) -> Iterator[Tensor]:
    if arguments.loader == "files":
        crops = Crops(workspace, faces, size_px)
        chosen = [order.rows[FACES].tolist() for order in orders]
        for batch in DataLoader(crops, batch_sampler=chosen, num_workers=arguments.workers):
            yield batch.to(arguments.device)
        return
    images = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()
    images = images.to(arguments.device)
    for order in orders:
        yield images[order.rows[FACES].to(arguments.device)]


def _now_s(device: str) -> NDArray[np.float64]:
    """Return the time and this process's time on processors."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return np.array([time.perf_counter(), time.process_time()])


def describe(blocks: list[Block], block: int) -> str:
    """Return the medians of the blocks as text."""
    ours = np.array([one.ours_s for one in blocks])
    words = [f"{np.median(ours[:, 0]) / block * 1e3:.1f} ms an iteration"]
    for name in blocks[0].peers_s:
        peer = np.array([one.peers_s[name] for one in blocks])
        low, middle, high = np.quantile(peer[:, 0] / ours[:, 0], (0.25, 0.5, 0.75))
        words.append(
            f"{name} loop {np.median(peer[:, 0]) / block * 1e3:.1f} ms, ratio {middle:.2f} ({low:.2f} to {high:.2f}), "
            f"of processor time {np.median(peer[:, 1] / ours[:, 1]):.2f}"
        )
    waited = sum(one.data_wait_s for one in blocks) / ours[:, 0].sum()
    return "; ".join([*words, f"{len(blocks)} blocks", f"waiting for data {waited:.2%}"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="*", default=list(PLAIN), help="stargan, classifier or both")
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--faces", type=int, default=256, help="about so many, drawn")
    parser.add_argument("--iterations", type=int, default=120)
    parser.add_argument("--block", type=int, default=10, help="iterations of one before the other takes its turn")
    parser.add_argument("--loader", choices=("memory", "files"), default="memory", help="of the plain loop")
    parser.add_argument("--workers", type=int, default=0, help="processes of the plain loop's DataLoader")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves the number that it chose")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    block = arguments.block
    arguments.iterations = max(1, arguments.iterations // block) * block
    with tempfile.TemporaryDirectory() as name:
        workspace = write_blobs(Path(name), blob_rows(4, takes=max(1, round(arguments.faces / 28))))
        for system in arguments.systems:
            apart = differ(begin(system, workspace, arguments, Path(name) / system / "first", "log_every=1"))
            loops = begin(system, workspace, arguments, Path(name) / system / "timed")
            blocks = time_all(loops, block, arguments.device)
            if len(blocks) < 2:
                parser.error("there is no second block after the first epoch; give more --iterations or fewer --faces")
            print(
                f"{system}, preset {arguments.preset}, {arguments.device}, {torch.get_num_threads()} threads: "
                f"{describe(blocks, block)}; losses within {apart:.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
