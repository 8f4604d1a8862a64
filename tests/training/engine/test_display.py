"""What a run shows while it goes: losses, pace and memory beside the progress, and TensorBoard."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fertools.core.errors import InputError
from fertools.core.progress import Silent
from fertools.training.engine.display import Display, describe_losses
from fertools.training.engine.journal import read_journal
from fertools.training.engine.tensorboard import TensorBoardLog
from tests.training.blobs import write_blobs
from tests.training.tiny import train_tiny


class Words(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def beside(self, words: str) -> None:
        self.said.append(words)


def test_losses_are_named_where_there_are_several() -> None:
    assert describe_losses({"network": 0.123456}) == "loss 0.1235"
    assert describe_losses({"generator": 12.5, "discriminator": -0.25}) == "loss generator 12.5, discriminator -0.25"


def test_the_pace_is_that_since_the_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    times_s = iter([100.0, 110.0, 112.0, 112.0])
    monkeypatch.setattr("fertools.training.engine.display.time.monotonic", lambda: next(times_s))
    words = Words()
    display = Display(words, batch_size=8, device="cpu", begun=30)
    for iteration in (40, 50, 51):
        display.show(iteration, {"network": 1.5})
    assert words.said == ["loss 1.5, 8 faces/s", "loss 1.5, 40 faces/s", "loss 1.5"]


def test_a_gpu_s_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.max_memory_allocated", lambda device: 12_340_000_000 if device == "cuda:1" else 0)
    words = Words()
    Display(words, batch_size=8, device="cuda:1", begun=0).show(0, {"network": 1.5})
    assert words.said == ["loss 1.5, 12.3 GB of GPU memory"]


def test_a_run_tells_both_losses(tmp_path: Path) -> None:
    words = Words()
    train_tiny(write_blobs(tmp_path), report=words)
    # Six iterations, a line for each second one, and a generator's step on each second.
    assert len(words.said) == 3
    assert all(said.startswith("loss discriminator ") and ", generator " in said for said in words.said)


def test_without_tensorboard_a_run_is_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(
        InputError, match=r"pip install 'fertools\[tensorboard\]'.*metrics.jsonl has the same"
    ) as caught:
        train_tiny(write_blobs(tmp_path), tensorboard=True)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "training").exists()


def shown(folder: Path) -> tuple[dict[str, list[tuple[int, float]]], list[int]]:
    """Return the numbers that a board shows, by name, and the iterations of its grids."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events: Any = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    numbers = {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
    return numbers, [event.step for event in events.Images("samples")]


# The package's own parts of protobuf warn of each other.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_board_shows_what_the_folder_has(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    workspace = write_blobs(tmp_path)

    class Stopping(Words):
        def beside(self, words: str) -> None:
            super().beside(words)
            if len(self.said) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_tiny(workspace, "iterations=9", "checkpoint_every=3", tensorboard=True, report=Stopping())
    result = train_tiny(workspace, "iterations=9", "checkpoint_every=3", tensorboard=True)
    entries = read_journal(result.folder / "metrics.jsonl")
    numbers, grids = shown(result.folder / "tensorboard")
    assert grids == [3, 6, 9]
    for name, values in numbers.items():
        told = [(entry["iteration"], entry[name]) for entry in entries if name in entry]
        assert [step for step, _ in values] == [step for step, _ in told], "each once, whatever was undone"
        np.testing.assert_allclose([value for _, value in values], [value for _, value in told], rtol=1e-6)
    assert {"D/loss_real", "G/loss_rec"} <= numbers.keys()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_finished_run_can_be_shown_afterwards(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    workspace = write_blobs(tmp_path)
    train_tiny(workspace)
    result = train_tiny(workspace, tensorboard=True)
    assert result.new_iterations == 0
    numbers, grids = shown(result.folder / "tensorboard")
    assert grids == [3, 6]
    assert [step for step, _ in numbers["D/loss_real"]] == [2, 4, 6]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_board_leaves_out_what_is_undone(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "metrics.jsonl").write_text('{"iteration": 1, "a": 0.5}\n{"iteration": 2, "a": 0.25}\n')
    (tmp_path / "board").mkdir()
    (tmp_path / "board/old").write_text("of the session before")
    with TensorBoardLog(tmp_path / "board", tmp_path / "metrics.jsonl", tmp_path / "samples", after=1) as board:
        board.add(2, {"a": 0.125})
    assert not (tmp_path / "board/old").exists()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events: Any = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("a")] == [(1, 0.5), (2, 0.125)]
