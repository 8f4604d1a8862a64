"""`audit`: gather all that is known of the faces of a split, and search it for what makes a test too easy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fertools.core.arguments import argument, given
from fertools.core.errors import FertoolsError, InputError
from fertools.core.progress import Reporter
from fertools.core.spreading import Engine, spread_over
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.splits.audit.all_findings import Evidence
from fertools.splits.audit.audit_finding import Finding
from fertools.splits.audit.audit_table import AuditTable, from_table, from_workspace
from fertools.splits.audit.known_embeddings import find_embeddings
from fertools.splits.audit.picture_cache import describe_crops
from fertools.splits.audit.picture_hash import describe_pictures
from fertools.splits.audit.run_audit import AuditReport, audit_rows
from fertools.splits.audit.source_findings import find_changed_sources
from fertools.training.evaluation.out_of_fold import find_out_of_fold
from fertools.training.runs.generator_people import find_generator_leaks


def audit(
    workspace: WorkspaceLike = ".",
    *,
    table: Path | str | None = None,
    split_column: str | None = None,
    columns: Mapping[str, str] | None = None,
    pixels: bool = True,
    fix: bool = False,
    engine: Engine = "local",
    ray_address: str | None = None,
    report: Reporter | None = None,
) -> AuditReport:
    """Search a split for leaks, duplicates, label errors, short cuts and bad files. Nothing but a cache is written.

    Args:
        workspace: the workspace whose kept faces are audited, unless `table` is given.
        table: a CSV or Parquet table of another program to audit instead, with a row per picture.
        split_column: column of `table` with the part of each row.
        columns: columns of `table` by their meaning, such as `{"path": "file", "emotion": "label"}`.
        pixels: also read every picture, for copies, short cuts and bad files.
        fix: also propose the fewest moves between parts that end the leaks.
        engine: `local`, or `ray` to read and compare the pictures on a Ray cluster, whose machines see the workspace or
            the table under the same path.
        ray_address: address of the cluster; None starts one on this machine.
        report: receives the progress in pictures.

    Raises:
        InputError: there is no manifest or table, a column is missing, there is no Ray cluster at the address, or
            `engine` is `ray` without `pixels`.
    """
    if engine == "ray" and not pixels:
        raise InputError(
            f"{given('engine', 'ray')} spreads the reading of pictures, and {given('pixels', False)} reads none; leave "
            "one of them out"
        )
    if table is None:
        if split_column is not None or columns:
            raise InputError(f"{argument('split_column')} and {argument('columns')} need {argument('table')}; give it")
        home = Workspace(workspace)
        rows = from_workspace(home, files=pixels)
        spread = spread_over(engine, ray_address, home.manifest)
        facts = describe_crops(home, rows, report, spread) if pixels else None
        evidence, unchecked = _gather(home, rows, read=pixels)
        return audit_rows(rows, evidence, pixels=pixels, facts=facts, fix=fix, unchecked=unchecked, spread=spread)
    if split_column is None:
        raise InputError(f"{argument('split_column')} is missing; name the column with the part of each row")
    # Other machines have another current folder.
    file = Path(table).absolute()
    rows = from_table(file, split_column, columns)
    spread = spread_over(engine, ray_address, file)
    facts = describe_pictures(rows.paths(), spread=spread, report=report) if pixels else None
    return audit_rows(rows, pixels=pixels, facts=facts, fix=fix, spread=spread)


def _gather(workspace: Workspace, rows: AuditTable, *, read: bool) -> tuple[Evidence, tuple[str, ...]]:
    """Return what a workspace knows of its faces beyond their rows, and what it does not.

    Args:
        workspace: the workspace.
        rows: its faces.
        read: whether sources are looked at, too.
    """
    unchecked, embeddings = [], None
    other = list[Finding](find_changed_sources(workspace) if read else ())
    try:
        other += find_generator_leaks(workspace)
    except FertoolsError as error:
        unchecked.append(f"generators of generated faces: {error}")
    predictions, unread = find_out_of_fold(workspace, rows)
    unchecked += unread
    if predictions is None and rows.column("emotion").known.any():
        unchecked.append(
            "label errors: no model was tested on these faces; `fertools train classifier` trains one and tests it on "
            "the people that are held out"
        )
    try:
        embeddings = find_embeddings(workspace, rows)
    except FertoolsError as error:
        unchecked.append(f"people: {error}")
    if embeddings is None and rows.column("subject").known.any():
        unchecked.append("people: there are no face embeddings; `fertools identify` computes them")
    return Evidence(embeddings=embeddings, predictions=predictions, other=tuple(other)), tuple(unchecked)
