"""A run's folder: what lies where in it, and whether a new call may go on with what it holds."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from fertools.core import files, locking, products
from fertools.core.arguments import argument, given
from fertools.core.errors import InputError, ResumeRefused
from fertools.core.explain import reading
from fertools.training.data.faces import Side
from fertools.training.runs.metadata import Record, check_record

PREDICTIONS_NAME = "predictions.parquet"
"""What a table of predictions is called."""
GAN_TRAIN_FOLDER = "gan-train"
"""Where the classifiers lie that were trained on what a run generated."""
SAME_OR_RESTART = f"give the same again, another {argument('run')} NAME, or begin anew with {given('resume', False)}"
"""What to do where a run was begun with something else."""


@dataclass(frozen=True)
class RunFolder:
    """The folder of one training run.

    Attributes:
        root: absolute path.
    """

    root: Path

    @property
    def record_path(self) -> Path:
        """`run.json`: every key with value and origin, the data, the machine, the results."""
        return self.root / "run.json"

    @property
    def recipe_path(self) -> Path:
        """`recipe.toml`: the values alone, as a recipe that can be run again."""
        return self.root / "recipe.toml"

    @property
    def pixels_path(self) -> Path:
        """`pixels.npy`: a digest of each face's pixels, NxB uint8 in the order of `face_id`."""
        return self.root / "pixels.npy"

    @property
    def people_path(self) -> Path:
        """`people.npy`: a digest of each person that had a part in training, Nx8 uint8."""
        return self.root / "people.npy"

    @property
    def journal_path(self) -> Path:
        """`metrics.jsonl`: the losses."""
        return self.root / "metrics.jsonl"

    @property
    def speed_path(self) -> Path:
        """`speed.jsonl`: faces per second and memory, which no two runs have alike."""
        return self.root / "speed.jsonl"

    @property
    def checkpoints(self) -> Path:
        """`checkpoints/`: the newest states."""
        return self.root / "checkpoints"

    @property
    def samples(self) -> Path:
        """`samples/`: a grid per interval."""
        return self.root / "samples"

    @property
    def generated(self) -> Path:
        """`generated/`: held-out faces translated to every target."""
        return self.root / "generated"

    @property
    def analysis_path(self) -> Path:
        """`analysis.json`: what the system shows of held-out faces beyond its predictions."""
        return self.root / "analysis.json"

    @property
    def rebuilt_path(self) -> Path:
        """`rebuilt.png`: held-out faces, and what the system made of them to compare."""
        return self.root / "rebuilt.png"

    @property
    def models(self) -> Path:
        """`models/`: the trained networks, one file each; see `fertools.training.runs.artefact`."""
        return self.root / "models"

    def model_path(self, network: str) -> Path:
        """Return where a trained network lies.

        Args:
            network: its name in the system, such as `generator`.
        """
        return self.models / f"{network}.safetensors"

    def predictions_path(self, side: Side = "test", domain: str = "") -> Path:
        """Return where a system's predictions lie: `predictions.parquet`, and `predictions-val.parquet`.

        Args:
            side: whose faces were predicted.
            domain: of the faces, for a network that is not the system's main one, as in `predictions-thermal.parquet`.
        """
        name = "-".join(filter(None, ("predictions", domain, "" if side == "test" else side)))
        return self.root / f"{name}.parquet"

    @property
    def tensorboard_folder(self) -> Path:
        """`tensorboard/`: losses and samples for TensorBoard, where that was asked for."""
        return self.root / "tensorboard"

    @property
    def report_path(self) -> Path:
        """`report.html`: the run as one page."""
        return self.root / "report.html"

    @property
    def lock_path(self) -> Path:
        """The file whose lock says that this run is being worked on."""
        return self.checkpoints / ".lock"

    @contextlib.contextmanager
    def locked(self, purpose: str) -> Iterator[None]:
        """Hold the lock on the run while the block runs; remove what killed commands left unfinished in its folder.

        Raises:
            InputError: another command holds the lock.
            StorageError: the run was removed while the block ran, or its folder cannot be written.
        """
        with locking.exclusive(self.lock_path, purpose):
            files.remove_unfinished(self.root)
            yield

    def sample_path(self, iteration: int) -> Path:
        """Return where the grid after `iteration` iterations lies."""
        return self.samples / f"{iteration:06d}.png"

    def read(self) -> Record | None:
        """Return the record, or None if the run has none yet.

        Raises:
            InputError: the file is damaged.
        """
        if not self.record_path.is_file():
            return None
        with reading(
            self.record_path, "is not a whole record", f"restore it, or begin anew with {given('resume', False)}"
        ):
            return check_record(json.loads(self.record_path.read_bytes()))

    def write(self, record: Record) -> None:
        """Write the record, and the recipe's values beside it."""
        values = {name: entry["value"] for name, entry in record["recipe"].items()}
        head = f"# The recipe of run {record['run']} as resolved; origins and notes are in run.json.\n\n"
        files.write_text(self.recipe_path, head + tomli_w.dumps({"presets": {record["run"]: values}}))
        files.write_json(self.record_path, record)
        products.mark(self.root)

    def clear(self) -> None:
        """Remove everything that the run has made, but not the lock that its caller holds."""
        for path in self.root.iterdir() if self.root.is_dir() else ():
            if path.is_dir():
                for inner in path.iterdir():
                    if inner != self.lock_path:
                        shutil.rmtree(inner) if inner.is_dir() else inner.unlink()
            else:
                path.unlink()


def check_run_name(name: str) -> str:
    """Return `name` if it can name a run and its files.

    Raises:
        InputError: it is empty or has other characters than letters, digits, `.`, `_` and `-`.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise InputError(f"the run name '{name}' cannot be used; give letters, digits, '.', '_' and '-', such as run-2")
    return name


def refuse_another_run(old: Record, new: Record) -> None:
    """Raise unless `new` describes the run that `old` recorded.

    Raises:
        ResumeRefused: a key of the recipe or the faces differ; the message names the first difference.
    """
    for name, entry in new["recipe"].items():
        was, now = old["recipe"].get(name, {}).get("value"), entry["value"]
        if was != now:
            begun = f"the run '{old['run']}' was begun with {name} = {was}"
            raise ResumeRefused(f"{begun}, now it is {now}; {SAME_OR_RESTART}")
    if old["data"]["fingerprint"] != new["data"]["fingerprint"]:
        raise ResumeRefused(
            f"the faces, labels or folds have changed since the run '{old['run']}' was begun; give another "
            f"{argument('run')} NAME, or begin anew with {given('resume', False)}"
        )
