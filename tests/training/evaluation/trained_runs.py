"""A workspace with a trained translator and a trained classifier: six people, two of them held out by both."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from fertools.core.workspace import Workspace
from fertools.training.jobs.train import train
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import train_tiny

TRANSLATOR, JUDGE = "stargan/smoke", "classifier/smoke"


def write_people(root: Path) -> Workspace:
    """Write six people in three folds."""
    rows = blob_rows(subjects=6)
    for row in rows:
        row["fold"] %= 3
    return write_blobs(root, rows)


def train_judge(workspace: Workspace, *overrides: str, run: str | None = None) -> None:
    train(workspace, "classifier", preset="smoke", overrides=("image_size=32", *overrides), device="cpu", run=run)


def train_both(root: Path) -> Workspace:
    workspace = write_people(root)
    train_tiny(workspace, "translate_faces=4")
    train_judge(workspace)
    return workspace


def save_lively(path: Path, network: nn.Module) -> None:
    """Save random weights with which pictures give unlike numbers, as those of an untrained network hardly do."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.running_mean is not None:
                module.running_mean.normal_(0, 0.1)
    torch.save(network.state_dict(), path)
