"""A run's losses, measures and sample grids for TensorBoard, which is an optional package.

What is shown is what the run's folder has: the journal and the grids. So a session begins by writing all of that anew,
up to where it goes on, and the board never shows an iteration twice or one that was undone.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from PIL import Image

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.training.engine.journal import read_journal

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def check_tensorboard() -> None:
    """Raise unless TensorBoard can be written for.

    Raises:
        InputError: the package is missing.
    """
    _writer_class()


class TensorBoardLog:
    """The open log of a run: `with TensorBoardLog(folder, journal, samples, 0) as board: board.add(10, {...})`.

    Args:
        folder: of the log; what is in it is replaced.
        journal: the run's journal.
        samples: folder of the run's sample grids, named by their iterations.
        after: iterations that the run has behind it.

    Raises:
        InputError: the package is missing.
    """

    def __init__(self, folder: Path, journal: Path, samples: Path, after: int) -> None:
        kind = _writer_class()
        shutil.rmtree(folder, ignore_errors=True)
        self._writer: SummaryWriter = kind(str(folder))
        for entry in read_journal(journal):
            if entry["iteration"] <= after:
                self.add(int(entry["iteration"]), {name: entry[name] for name in entry if name != "iteration"})
        for path in sorted(samples.glob("*.png")):
            if int(path.stem) <= after:
                self.add_grid(int(path.stem), path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, iteration: int, values: Mapping[str, float]) -> None:
        """Show numbers of one iteration."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, iteration)

    def add_grid(self, iteration: int, path: Path) -> None:
        """Show a sample grid of one iteration, a PNG file."""
        with Image.open(path) as opened:
            picture = np.asarray(opened.convert("RGB"))
        self._writer.add_image("samples", picture, iteration, dataformats="HWC")


def _writer_class() -> type[SummaryWriter]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError(
            f"{argument('tensorboard')} needs the package tensorboard, which cannot be imported ({error}); run "
            "`pip install 'fertools[tensorboard]'`, or leave the option out: metrics.jsonl has the same numbers"
        ) from error
    return SummaryWriter
