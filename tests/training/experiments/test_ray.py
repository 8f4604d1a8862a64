"""Experiments over a Ray cluster of this machine: `pip install ray`, then `pytest -m slow` of this file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fertools.core.errors import InputError, ItemsFailed
from fertools.training.experiments.execution import run_experiment
from tests.ray_cluster import MARKS, cluster
from tests.training.blobs import write_blobs
from tests.training.experiments.protocols import Guesser, write_experiment

pytestmark = MARKS
__all__ = ["cluster"]


def test_it_gives_the_figures_of_one_machine(
    cluster: None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    workspace, other = write_blobs(tmp_path), write_blobs(tmp_path_factory.mktemp("other"))
    for root in (workspace.root, other.root):
        write_experiment(root)
    over = run_experiment(workspace, "two", engine="ray", trainer=Guesser(), device="cpu")
    alone = run_experiment(other, "two", trainer=Guesser())
    assert over.finished
    assert over.evaluation == alone.evaluation


def test_a_run_that_fails_ends_only_what_builds_upon_it(cluster: None, tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    write_experiment(tmp_path)
    trainer = Guesser(fails={"two.source.fold-1"})
    with pytest.raises(ItemsFailed, match="2 of 12 runs"):
        run_experiment(workspace, "two", engine="ray", trainer=trainer, device="cpu")
    assert len(list((workspace.root / "training" / "classifier").iterdir())) == 10
    assert run_experiment(workspace, "two", engine="ray", trainer=Guesser(), device="cpu").finished


def test_without_a_cluster_at_the_address_that_is_said(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    write_experiment(tmp_path)
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install ray")
    if ray.is_initialized():
        ray.shutdown()
    with pytest.raises(InputError, match="there is no Ray cluster at `ray_address` auto"):
        run_experiment(workspace, "two", engine="ray", ray_address="auto", trainer=Guesser(), device="cpu")
