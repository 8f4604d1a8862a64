"""A dataset of face crops with everything that commands keep beside it, and a search for what is left of a face."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from fertools.annotations.events import Event
from fertools.annotations.log import RatingLog
from fertools.core import files
from fertools.core.workspace import Workspace
from fertools.ingestion.ingest import ingest
from fertools.ingestion.options import IngestOptions
from fertools.manifests import store
from fertools.manifests.schema import FACES
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.generated import generated_id
from fertools.training.runs.lineage import Lineage, digest_person, write_people
from tests.conftest import write_clip

OPTIONS = IngestOptions(workers=1, crop_px=16, crops=True)
ONE = "p01/joyful/one.mp4"
"""A video of three faces of p01; `p01/z-copy.mp4` is a copy of it."""


def make_given(root: Path) -> Path:
    """Return a folder with videos and pictures of the people p01 and p02, a copy, and a broken file."""
    rng = np.random.default_rng(0)

    def frames(count: int) -> list[np.ndarray]:
        return [rng.integers(0, 255, (32, 32, 3), dtype=np.uint8) for _ in range(count)]

    write_clip(root / ONE, frames(3))
    write_clip(root / "p02" / "sad" / "two.mp4", frames(2))
    for name in ("p01/sad/a.png", "p02/joyful/b.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(frames(1)[0]).save(root / name)
    shutil.copy(root / ONE, root / "p01" / "z-copy.mp4")
    (root / "p01" / "broken.mp4").write_bytes(b"this is no video" * 50)
    return root


def make_place(root: Path) -> Workspace:
    """Return a workspace in which `make_given` was ingested; the files are in its folder `given`."""
    workspace = Workspace(root)
    ingest([make_given(root / "given")], workspace, OPTIONS)
    return workspace


def source_of(workspace: Workspace, ending: str) -> str:
    """Return the identifier of the source whose path has this end."""
    rows = store.read_sources(workspace, ("source_id", "path")).to_pylist()
    return str(next(row["source_id"] for row in rows if row["path"].endswith(ending)))


def faces_of(workspace: Workspace, source: str) -> list[str]:
    """Return the identifiers of the faces of a source."""
    rows = store.read_faces(workspace, ("face_id", "source_id"))
    return list(rows.filter(pc.equal(rows["source_id"], source))["face_id"].to_pylist())


def plant(workspace: Workspace, face: str, other: str, source: str) -> None:
    """Write what other commands keep about two faces, in every form of file; `source` is that of the first."""
    annotations, training = workspace.ratings.parent, workspace.root / "training"
    with RatingLog(workspace.ratings_log) as log:
        rated = [
            Event(f"event-{number}", "rate", "tab", number, {"faces": [name], "part": "main", "valence": 0.5})
            for number, name in enumerate((face, other))
        ]
        log.append("ann", [*rated, Event("event-undo", "undo", "tab", 9, {"target": "event-0"})])
    rows = pa.table({"face_id": [face, other], "valence": [0.1, 0.2], "faces": [[face, face], [other]]})
    for path in (workspace.ratings, annotations / "suggestions" / "m.parquet", training / "classifier/r/p.parquet"):
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows.replace_schema_metadata({"about": json.dumps({"n": [face, other]})}), path)
    (annotations / "votes.csv").write_text(f"face_id,anger\n{face},1\n{other},2\n")
    (annotations / "people.csv").write_text("subject_id,age\np01,33\np02,44\n")
    workspace.decisions.write_text(
        "".join(json.dumps({"kind": "same", "faces": [name], "others": [name]}) + "\n" for name in (face, other))
    )
    tracks = {name: [{"face": one, "source": of}] for name, one, of in (("p01", face, source), ("p02", other, "x"))}
    people = [{"subject": name, "tracks": own} for name, own in tracks.items()]
    files.write_json(workspace.people, {"people": people, "doubtful_pairs": [{"first": "p01", "second": "p02"}]})
    for path in (workspace.pixels / "faces-a.npy", workspace.embeddings / "a" / "b.npy"):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.zeros(3))
    for name in (face, other):
        crop = workspace.root / workspace.other_crop_path(name, "arcface", 32, ".jpg")
        crop.parent.mkdir(parents=True, exist_ok=True)
        crop.write_bytes(b"crop")
    workspace.playable.mkdir(parents=True)
    (workspace.playable / f"{source}.webm").write_bytes(b"video")
    for run, learned in (("r", True), ("tested", False), ("other", False)):
        make_run(workspace, run, ["p01"] if learned else ["p02"])
    pq.write_table(rows, training / "classifier" / "tested" / "predictions.parquet")
    make_run(workspace, "given", ["p02"], given=face)
    _generate(workspace, face)
    workspace.save_settings("split", {"links": [f"{face} {other}", f"{other} {other}"]})


def make_run(
    workspace: Workspace, name: str, people: list[str], *, finished: bool = True, given: str = ""
) -> RunFolder:
    """Return the folder of a run with a record, a lineage, a report and a grid of samples; `given` is a face of it."""
    folder = RunFolder(workspace.runs("classifier") / name)
    data = {"fingerprint": "ab", "drawn": 0, "classes": [], "datasets": [], "templates": [], "va_origins": []}
    record: dict[str, Any] = {
        "system": "classifier",
        "title": "x",
        "source": "x",
        "run": name,
        "preset": "cpu",
        "recipe": {},
    }
    record |= {"parameters": {}, "results": {}, "data": data, "iterations": 1, "sessions": [], "finished": finished}
    files.write_json(folder.record_path, record | {"lineage": {"run": f"classifier/{name}"}})
    write_people(folder, Lineage({}, frozenset(_digest(person) for person in people)))
    if given:
        row = hashlib.blake2b(given.encode(), digest_size=8).digest() + bytes(16)
        np.save(folder.pixels_path, np.frombuffer(row, np.uint8)[None])
    for path in (folder.report_path, folder.sample_path(1)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("faces of all people")
    return folder


def _digest(person: str) -> str:
    """Return the digest of a subject, or of a face that stands for an unknown person."""
    return digest_person(None, person) if len(person) == 32 else digest_person(person, "")


def _generate(workspace: Workspace, parent: str) -> None:
    row = next(row for row in store.read_faces(workspace).to_pylist() if row["face_id"] == parent)
    name = f"training/stargan/g/generated/to-fear/{parent}.png"
    (workspace.root / name).parent.mkdir(parents=True)
    (workspace.root / name).write_bytes(b"picture")
    made = generated_id(parent, "stargan/g", "to-fear")
    rows = [row | {"face_id": made, "path": name, "parent_id": parent, "generator_run": "stargan/g"}]
    store.write_table(workspace.generated / "stargan-g.parquet", FACES, FACES.table(rows))


def mentions(root: Path, *words: str) -> list[str]:
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


def tree(root: Path) -> dict[str, object]:
    """Return the content of every file below a folder; of the rating log its events."""
    content: dict[str, object] = {}
    for path in root.rglob("*"):
        if path.name == "ratings.sqlite":
            with RatingLog(path) as log:
                content[path.name] = [logged.event for logged in log.events()]
        elif path.is_file() and not path.name.startswith("ratings.sqlite"):
            content[path.relative_to(root).as_posix()] = path.read_bytes()
    return content
