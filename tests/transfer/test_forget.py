"""Taking people out of a dataset: nothing about them is left, and nothing brings them back."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from fertools.annotations.events import Event
from fertools.annotations.log import RatingLog
from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import IngestSummary, ingest
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.manifests.tombstones import read_tombstones
from fertools.manifests.validation import validate
from fertools.transfer.forget import forget
from tests.cli.conftest import make_workspace
from tests.ingestion.clips import OPTIONS


@pytest.fixture
def place(done: tuple[Workspace, IngestSummary], tmp_path: Path) -> Workspace:
    return Workspace(shutil.copytree(done[0].root, tmp_path / "place"))


def _plant(workspace: Workspace, face: str, other: str, source: str) -> None:
    """Write what other commands keep about two faces, in every form of file."""
    folder = workspace.ratings.parent
    folder.mkdir(exist_ok=True)
    with RatingLog(workspace.ratings_log) as log:
        events = [
            Event(f"event-{number}", "rate", "tab", number, {"faces": [name], "part": "main", "valence": 0.5})
            for number, name in enumerate((face, other))
        ]
        log.append("ann", events)
    rows = pa.table({"face_id": [face, other], "valence": [0.1, 0.2], "faces": [[face], [other]]})
    for path in (workspace.ratings, folder / "suggestions" / "m.parquet", workspace.root / "training/c/r/p.parquet"):
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, path)
    (folder / "votes.csv").write_text(f"face_id,anger\n{face},1\n{other},2\n")
    workspace.decisions.write_text(
        "".join(json.dumps({"kind": "same", "faces": [name, other]}) + "\n" for name in (face, other))
    )
    workspace.people.write_text(json.dumps({"pairs": [{"face": face}, {"face": other}], "of": {source: 1, "x": 2}}))
    for path in (workspace.pixels / "faces-a.npy", workspace.embeddings / "a" / "b.npy"):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.zeros(3))
    workspace.playable.mkdir(parents=True)
    (workspace.playable / f"{source}.webm").write_bytes(b"video")


def _mentions(root: Path, *words: str) -> list[str]:
    """Return the files below a folder that have one of the words: in the name, in any byte, or in a cell."""
    found = []
    for path in root.rglob("*"):
        text = path.name
        if path.is_file():
            text += path.read_bytes().decode("latin-1")
            if path.suffix == ".parquet":
                table = pq.read_table(path)
                text += str(table.to_pylist()) + str(table.schema.metadata)
        found += [f"{path.relative_to(root)}: {word}" for word in words if word in text]
    return found


def test_no_byte_of_a_forgotten_video_is_left(place: Workspace, videos: Path) -> None:
    before = store.read_faces(place)
    sources = {row["source_id"]: row for row in store.read_sources(place).to_pylist()}
    gone = next(row for row in sources.values() if row["path"].endswith("joyful/one.mp4"))
    faces = before.filter(pc.equal(before["source_id"], gone["source_id"]))["face_id"].to_pylist()
    other = next(name for name in before["face_id"].to_pylist() if name not in faces)
    _plant(place, faces[0], other, gone["source_id"])
    assert len(_mentions(place.root, faces[0])) > 8
    crops = len(list(place.crops.rglob("*.*g")))

    planned = forget(place, sources=[gone["path"]], dry_run=True)
    assert (planned.faces, planned.sources) == (len(faces), 1)
    assert store.read_faces(place).equals(before)

    summary = forget(place, sources=[gone["path"]])
    # The copy of the video goes with it.
    assert (summary.faces, summary.sources, summary.crops) == (len(faces), 2, len(faces))
    assert len(list(place.crops.rglob("*.*g"))) == crops - len(faces)
    assert summary.originals == (str(videos / "joyful" / "one.mp4"),)
    assert not summary.remaining
    assert not _mentions(place.root, *faces, gone["source_id"], "one.mp4", "z-copy.mp4")
    assert not validate(place).violations
    left = store.read_faces(place)["face_id"].to_pylist()
    assert left == [name for name in before["face_id"].to_pylist() if name not in faces]

    # What is known of the other face stays, and the log refuses deletions again.
    assert len(_mentions(place.root, other)) > 6
    with RatingLog(place.ratings_log) as log:
        assert [logged.event.body["faces"] for logged in log.events()] == [[other]]
    with sqlite3.connect(place.ratings_log) as connection, pytest.raises(sqlite3.Error, match="append-only"):
        connection.execute("DELETE FROM events")

    # Neither a rerun nor a fresh start brings them back.
    for options in (OPTIONS, OPTIONS.__class__(**{**vars(OPTIONS), "overwrite": True})):
        ingest([videos], place, options)
        assert store.read_faces(place)["face_id"].to_pylist() == left
        assert not _mentions(place.root, *faces, gone["source_id"], "one.mp4", "z-copy.mp4")
    assert forget(place, sources=[gone["source_id"]]).faces == 0


def test_one_face_of_a_video_stays_away(place: Workspace, videos: Path) -> None:
    rows = store.read_faces(place)
    face = rows["face_id"][0].as_py()
    assert forget(place, faces=[face]).faces == 1
    assert not validate(place).violations
    ingest([videos], place, OPTIONS.__class__(**{**vars(OPTIONS), "overwrite": True}))
    assert store.read_faces(place)["face_id"].to_pylist() == [one for one in rows["face_id"].to_pylist() if one != face]
    assert not _mentions(place.root, face)
    assert not validate(place).violations


def test_a_person_goes_with_all_sources_and_from_other_workspaces(tmp_path: Path) -> None:
    workspace, copy = make_workspace(tmp_path / "a"), make_workspace(tmp_path / "b")
    summary = forget(workspace, subjects=["s1"], others=[copy])
    assert (summary.faces, summary.sources, summary.crops) == (28, 14, 28)
    for one in (workspace, copy):
        assert set(store.read_faces(one)["subject_id"].to_pylist()) == {"s0", "s2", "s3"}
        assert not any("s1" in path for path in store.read_sources(one)["path"].to_pylist())
    assert read_tombstones(workspace).has("subject", "s1")
    assert not read_tombstones(copy).has("subject", "s1")


def test_generated_faces_go_with_their_parent_and_no_table_leads_out(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "a")
    rows = store.read_faces(workspace)
    parent = rows["face_id"][0].as_py()
    outside, inside = tmp_path / "keep.png", workspace.root / "training" / "g" / "r" / "generated" / "x.png"
    inside.parent.mkdir(parents=True)
    for path in (outside, inside):
        path.write_bytes(b"picture")
    made = [
        {**rows.slice(0, 1).to_pylist()[0], "face_id": f"{number:032x}", "path": name, "parent_id": parent}
        for number, name in enumerate(("training/g/r/generated/x.png", "training/g/r/generated/y.png"))
    ]
    store.write_table(workspace.generated / "g-r.parquet", FACES, FACES.table(made))
    (workspace.root / "training" / "g" / "r" / "generated" / "y.png").symlink_to(outside)
    assert forget(workspace, faces=[parent]).generated == 2
    assert not inside.exists()
    assert outside.read_bytes() == b"picture"
    assert not _mentions(workspace.root, parent)


@pytest.mark.parametrize("given", [{"subjects": ["nobody"]}, {"faces": ["f" * 32]}, {"sources": ["gone.mp4"]}, {}])
def test_what_is_not_there_is_refused(tmp_path: Path, given: dict[str, list[str]]) -> None:
    workspace = make_workspace(tmp_path / "a", subjects=1)
    with pytest.raises(InputError, match=r"nobody|ffff|gone\.mp4|nothing to forget"):
        forget(workspace, **given)  # type: ignore[arg-type]
