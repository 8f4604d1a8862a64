"""The smallest StarGAN that goes through everything: a hundredth of a second per iteration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fertools.core.workspace import Workspace
from fertools.training.jobs.train import TrainResult, train
from fertools.training.recipes.resolve import resolve_recipe
from fertools.training.systems.stargan.recipe import StarganRecipe

TINY = ("image_size=16", "discriminator_layers=2", "conv_dim=2")
"""Laid over the preset `smoke`."""


def tiny_recipe(*overrides: str) -> StarganRecipe:
    return resolve_recipe("stargan", StarganRecipe, "smoke", (*TINY, *overrides)).recipe


def train_tiny(workspace: Workspace, *overrides: str, **options: Any) -> TrainResult:
    return train(workspace, "stargan", preset="smoke", overrides=(*TINY, *overrides), device="cpu", **options)


def command_line(*overrides: str) -> list[str]:
    """Return the arguments of `fertools` that are the same as `train_tiny`."""
    settings = [part for override in (*TINY, *overrides) for part in ("--set", override)]
    return ["train", "stargan", "--preset", "smoke", "--device", "cpu", *settings]


def read_record(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return record


def lasting(folder: Path) -> dict[str, bytes]:
    """Return what a run made and what must not depend on where it was interrupted, by name."""
    kept = ("metrics.jsonl", "checkpoints", "samples", "generated")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] in kept
    }
