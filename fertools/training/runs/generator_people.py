"""Whom the generators of a workspace have learned from, by their lineage, which includes what they build upon."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.workspace import Workspace
from fertools.manifests import nested, store
from fertools.manifests.schema import FACES
from fertools.splits.audit.audit_finding import Finding
from fertools.training.runs.ancestry import count_people, list_people, name_learned
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.lineage import read_lineage


def find_generator_leaks(workspace: Workspace) -> Iterator[Finding]:
    """Yield the runs whose generated faces pass on test people, contrary to what their rows say.

    Generated faces are used while the folds are tested that their rows name. So their generator may have learned from
    nobody of these. Where a manifest has no folds, that holds for the part `test`.

    Raises:
        InputError: the record of a run is damaged.
        SchemaError: a table of generated faces is damaged.
    """
    unseen = _unseen_folds(workspace)
    if not unseen:
        return
    columns = ["subject_id", "face_id", "fold", "split"]
    faces = store.read_faces(workspace, columns, [("status", "=", "kept")])
    for run, folds in sorted(unseen.items()):
        lineage = read_lineage(RunFolder(workspace.root / "training" / run))
        if lineage is None:
            continue
        tests = {f"fold {fold}": pc.equal(faces["fold"], fold) for fold in folds}
        for part, chosen in (tests or {"the test part": pc.equal(faces["split"], "test")}).items():
            if learned := name_learned(nested.keep(faces, pc.fill_null(chosen, False)), lineage.people):
                yield Finding(
                    "generator-saw-test",
                    "leak",
                    f"the generator {run}, or a run that it builds upon, learned from {count_people(learned)} of "
                    f"{part}, whom its generated faces are said not to show ({list_people(learned)})",
                )


def _unseen_folds(workspace: Workspace) -> dict[str, list[int]]:
    """Return the folds that each generator is said not to have seen; none where the manifest has no folds."""
    paths = [workspace.manifest, *sorted(workspace.generated.glob("*.parquet"))]
    found: dict[str, list[int]] = {}
    for path in paths:
        table = store.read_table(path, FACES, ["generator_run", "generator_folds"])
        table = table.filter(pc.is_valid(table["generator_run"]))
        texts = pc.binary_join(table["generator_folds"].cast(pa.list_(pa.string())), ",")
        pairs = pa.table({"run": table["generator_run"], "folds": texts}).group_by(["run", "folds"]).aggregate([])
        for run, text in zip(pairs["run"].to_pylist(), pairs["folds"].to_pylist(), strict=True):
            found.setdefault(run, [])
            found[run] += [int(fold) for fold in (text or "").split(",") if fold and int(fold) not in found[run]]
    return found
