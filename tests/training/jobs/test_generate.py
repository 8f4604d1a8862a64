"""`generate`: faces by a trained StarGAN, each with its parent, for the requested people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fertools.core.errors import InputError, ResumeRefused
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.jobs.generate import generate
from tests.training.blobs import blob_rows, write_blobs
from tests.training.tiny import train_tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = write_blobs(tmp_path_factory.mktemp("blobs"))
    train_tiny(workspace, "ema=0.9")
    return workspace


def test_faces_are_made_of_whom_is_asked_for_and_added_to_the_run_s_manifest(trained: Workspace) -> None:
    result = generate(trained, "stargan/smoke", which="train", emotions=["fear", "anger"], limit=3, device="cpu")
    assert (result.parents, result.faces, result.new_faces) == (3, 6, 6)
    made = store.read_table(result.manifest, FACES).to_pylist()
    parents = {row["face_id"]: row for row in store.read_faces(trained).to_pylist()}
    assert len(made) == 6 + 14, "what training itself made of two faces stays"
    added = [row for row in made if row["fold"] != 0]
    assert {row["target_emotion"] for row in added} == {"fear", "anger"}
    for row in made:
        parent = parents[row["parent_id"]]
        assert row["generator_folds"] == [0], "whatever the parent's fold, this one the generator has never seen"
        assert (row["subject_id"], row["fold"]) == (parent["subject_id"], parent["fold"])
        with Image.open(trained.root / row["path"]) as picture:
            assert picture.size == (16, 16)

    again = generate(trained, "stargan/smoke", which="train", emotions=["fear", "anger"], limit=3, device="cpu")
    assert again.new_faces == 0
    assert store.read_table(result.manifest, FACES).to_pylist() == made
    Path(trained.root / added[0]["path"]).unlink()
    assert generate(trained, "stargan/smoke", which="all", device="cpu").faces == 28 * 7


def test_the_pictures_are_those_of_the_run_s_own_generator(trained: Workspace, tmp_path: Path) -> None:
    """What training made with its moving average at the end is what `generate` makes from the checkpoint."""
    folder = trained.root / "training/stargan/smoke/generated"
    paths = [row["path"] for row in store.read_table(trained.generated / "stargan-smoke.parquet", FACES).to_pylist()]
    held_out = next(trained.root / path for path in paths if Path(path).parent.name == "fear")
    before = np.asarray(Image.open(held_out))
    held_out.unlink()
    generate(trained, "stargan/smoke", which="all", emotions=["fear"], device="cpu")
    difference = np.abs(np.asarray(Image.open(held_out)).astype(int) - before)
    assert difference.max() <= 1, "a batch of another size rounds differently"
    assert (folder / "fear").is_dir()


@pytest.mark.parametrize(
    ("name", "emotions", "words"),
    [
        ("stargan/smok", (), "did you mean 'stargan/smoke'"),
        ("stargan/smoke", ("feer",), "did you mean 'fear'"),
    ],
)
def test_what_is_not_there_is_named(trained: Workspace, name: str, emotions: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        generate(trained, name, emotions=emotions, device="cpu")


def test_runs_that_cannot_make_faces_are_refused(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    with pytest.raises(InputError, match="train one first"):
        generate(workspace, "stargan/smoke")
    result = train_tiny(workspace, "condition=va2", run="plane")
    with pytest.raises(InputError, match="translates to valence and arousal"):
        generate(workspace, "stargan/plane")
    record = json.loads((result.path / "run.json").read_text())
    for change, words in (({"finished": False}, "is not finished"), ({"system": "classifier"}, "generates no faces")):
        (result.path / "run.json").write_text(json.dumps(record | change))
        with pytest.raises(InputError, match=words):
            generate(workspace, "stargan/plane")


def test_a_run_of_a_version_with_other_keys_is_refused(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    path = train_tiny(workspace).path / "run.json"
    record = json.loads(path.read_text())
    del record["recipe"]["flip"]
    path.write_text(json.dumps(record))
    with pytest.raises(ResumeRefused, match="another version of fertools, whose recipe differs in the key flip"):
        generate(workspace, "stargan/smoke")


def test_faces_that_changed_since_are_refused(tmp_path: Path) -> None:
    workspace = write_blobs(tmp_path)
    train_tiny(workspace)
    rows = blob_rows()
    rows[0]["emotion"] = EMOTIONS[-1]
    write_blobs(workspace.root, rows)
    with pytest.raises(ResumeRefused, match="its training people are not known"):
        generate(workspace, "stargan/smoke")
