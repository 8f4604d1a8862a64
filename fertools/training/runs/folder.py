"""The folder of a run: the paths in it, and the check whether a new call may resume it."""

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
"""File name of a table of predictions."""
GAN_TRAIN_FOLDER = "gan-train"
"""Folder of the classifiers that were trained on the generated faces of a run."""
SAME_OR_RESTART = f"give the same again, another {argument('run')} NAME, or start again with {given('resume', False)}"
"""What to do if a run was begun with something else."""


@dataclass(frozen=True)
class RunFolder:
    """The folder of one training run.

    Attributes:
        root: absolute path.
    """

    root: Path

    @property
    def record_path(self) -> Path:
        """`run.json`: the recipe with origins, the data, the machine and the results."""
        return self.root / "run.json"

    @property
    def recipe_path(self) -> Path:
        """`recipe.toml`: the values of the recipe, as a file that can be used again."""
        return self.root / "recipe.toml"

    @property
    def pixels_path(self) -> Path:
        """`pixels.npy`: for each face a digest of its name and one of its pixels; see `runs.pixel_identity`."""
        return self.root / "pixels.npy"

    @property
    def people_path(self) -> Path:
        """`people.npy`: a digest of each person whose faces were learned from, Nx8 uint8."""
        return self.root / "people.npy"

    @property
    def journal_path(self) -> Path:
        """`metrics.jsonl`: the logged losses and metrics."""
        return self.root / "metrics.jsonl"

    @property
    def speed_path(self) -> Path:
        """`speed.jsonl`: the logged throughput and memory, which differ between equal runs."""
        return self.root / "speed.jsonl"

    @property
    def checkpoints(self) -> Path:
        """`checkpoints/`: the newest checkpoints and the best one."""
        return self.root / "checkpoints"

    @property
    def samples(self) -> Path:
        """`samples/`: the sample grids."""
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
        """Return the path of a trained network.

        Args:
            network: name of the network in the system, such as `generator`.
        """
        return self.models / f"{network}.safetensors"

    def predictions_path(self, side: Side = "test", domain: str = "") -> Path:
        """Return the path of the predictions for one part: `predictions.parquet` or `predictions-val.parquet`.

        Args:
            side: part whose faces were predicted.
            domain: domain of the faces, for a network other than the main one, as in `predictions-thermal.parquet`;
                or the name of a control.
        """
        name = "-".join(filter(None, ("predictions", domain, "" if side == "test" else side)))
        return self.root / f"{name}.parquet"

    @property
    def tensorboard_folder(self) -> Path:
        """`tensorboard/`: the optional log for TensorBoard."""
        return self.root / "tensorboard"

    @property
    def report_path(self) -> Path:
        """`report.html`: the run as one page."""
        return self.root / "report.html"

    @property
    def card_path(self) -> Path:
        """`model-card.md`: what the networks are, whom they learned from, and their limits."""
        return self.root / "model-card.md"

    @property
    def lock_path(self) -> Path:
        """The lock file that a command holds while it works on the run."""
        return self.checkpoints / ".lock"

    @contextlib.contextmanager
    def locked(self, purpose: str) -> Iterator[None]:
        """Hold the lock on the run while the block runs; first remove incomplete files of killed commands.

        Args:
            purpose: what the command does, for the message to others.

        Raises:
            InputError: another command holds the lock.
            StorageError: the run was removed while the block ran, or its folder cannot be written.
        """
        with locking.exclusive(self.lock_path, purpose):
            files.remove_unfinished(self.root)
            yield

    def sample_path(self, iteration: int) -> Path:
        """Return the path of the sample grid after `iteration` iterations."""
        return self.samples / f"{iteration:06d}.png"

    def read(self) -> Record | None:
        """Return the record, or None if the run has none yet.

        Raises:
            InputError: the file is damaged.
        """
        if not self.record_path.is_file():
            return None
        with reading(
            self.record_path, "is not a whole record", f"restore it, or start again with {given('resume', False)}"
        ):
            return check_record(json.loads(self.record_path.read_bytes()))

    def write(self, record: Record) -> None:
        """Write the record, and the values of the recipe beside it."""
        values = {name: entry["value"] for name, entry in record["recipe"].items()}
        head = f"# The recipe of run {record['run']} as resolved; origins and notes are in run.json.\n\n"
        files.write_text(self.recipe_path, head + tomli_w.dumps({"presets": {record["run"]: values}}))
        files.write_json(self.record_path, record)
        products.mark(self.root)

    def clear(self) -> None:
        """Remove everything in the folder except the lock, which the caller holds."""
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
        InputError: it is empty or has characters other than letters, digits, `.`, `_` and `-`.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise InputError(f"the run name '{name}' cannot be used; give letters, digits, '.', '_' and '-', such as run-2")
    return name


def refuse_another_run(old: Record, new: Record) -> None:
    """Raise unless `new` describes the same run as `old`.

    Args:
        old: record in the folder.
        new: record of the present call.

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
            f"{argument('run')} NAME, or start again with {given('resume', False)}"
        )
