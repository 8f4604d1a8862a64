"""Losses, metrics and sample grids of a run for TensorBoard, an optional package.

Each session first writes the journal and the grids of the run's folder again, up to the iteration where it resumes. So
TensorBoard never shows an iteration twice.
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
    """Check that logs for TensorBoard can be written.

    Raises:
        InputError: the package is missing.
    """
    _writer_class()


class TensorBoardLog:
    """The open log of a run: `with TensorBoardLog(folder, journal, samples, 0) as log: log.add(10, {...})`.

    Args:
        folder: folder of the log; its content is replaced.
        journal: path of the run's journal.
        samples: folder of the run's sample grids, named by their iterations.
        after: iterations done.

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
        """Log values of one iteration."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, iteration)

    def add_grid(self, iteration: int, path: Path) -> None:
        """Log a sample grid of one iteration, a PNG file."""
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
