"""Import and export labels in the formats of other tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fertools.annotations.formats.labelled_faces import LABELS, labelled_faces
from fertools.annotations.formats.registry import Format, find_format
from fertools.annotations.formats.table import AXES, LabelTable, ReadOptions, joined
from fertools.annotations.imported_ratings import RatingsSummary
from fertools.annotations.label_import import ImportSummary, apply_table
from fertools.annotations.row_matching import SourceFinder
from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.core.outputs import write_outputs
from fertools.core.vocabulary import load_lexicon
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store


@dataclass(frozen=True)
class ExportSummary:
    """The result of `export_annotations`.

    Attributes:
        out: path of the written file or folder.
        files: paths of the files with labels.
        written: number of faces in the files, by kind of label.
        left_out: number of labels that are not in the files, by reason.
    """

    out: str
    files: tuple[Path, ...]
    written: dict[str, int]
    left_out: dict[str, int]


def import_annotations(
    workspace: WorkspaceLike,
    format_name: str,
    paths: Path | str | Sequence[Path | str],
    *,
    source: str | None = None,
    axis: str | None = None,
    classes: Sequence[str] | None = None,
    rater: str | None = None,
) -> ImportSummary | RatingsSummary:
    """Import files of one format: labels into the manifest, ratings of single raters into the log.

    All files are read and checked before anything is written.

    Args:
        workspace: the workspace of the manifest and the log.
        format_name: name of a format in `fertools.annotations.formats.registry.FORMATS`.
        paths: path of one file, or of several.
        source: path or name of the labelled video; None for the video with the name of the file.
        axis: `valence` or `arousal`, if the files do not say it.
        classes: labels in the order of the format's class numbers.
        rater: name of the rater, if the files do not say it.

    Raises:
        InputError: a file is wrong. The message has the place and the remedy; nothing was applied.
    """
    workspace = Workspace(workspace)
    files = [Path(path) for path in ([paths] if isinstance(paths, Path | str) else paths)]
    form = find_format(format_name)
    if not files:
        raise InputError("there is no file to import; give one file of labels or more")
    if axis is not None and axis not in AXES:
        raise InputError(f"{argument('axis')} {axis} is neither valence nor arousal")
    order = tuple(classes) if classes is not None else None
    finder = SourceFinder(workspace, store.read_sources(workspace, ["source_id", "path", "frames_decoded"]))
    tables = []
    for path in files:
        # Readers parse files of unknown origin, so any error in them is reported as an error of the file.
        with reading(path, f"cannot be read as {format_name}", "check the file, or give another format"):
            tables.append(form.read(path, ReadOptions(source, axis, order, finder)))
    if form.folder and source is None:
        _check_twice(files, tables)
    table = joined(tables)
    if rater is not None:
        if any(table.columns.get("rater", ())):
            raise InputError(f"{table.name}: the file names its raters; leave {argument('rater')} out")
        table = replace(table, columns={**table.columns, "rater": [rater] * len(table)})
    return apply_table(workspace, table)


def _check_twice(paths: Sequence[Path], tables: Sequence[LabelTable]) -> None:
    """Raise if two files have the same labels of one video, for example because they have the same name."""
    seen: dict[tuple[object, ...], Path] = {}
    for path, table in zip(paths, tables, strict=True):
        said = {name for name in LABELS if any(table.columns.get(name, ()))}
        about = (frozenset(table.columns.get("source", ())), frozenset(table.columns.get("rater", ())), frozenset(said))
        if said and seen.setdefault(about, path) != path:
            raise InputError(
                f"{seen[about]} and {path} both label {table.columns['source'][0]}; import them separately, "
                f"with the {argument('source')} or the {argument('rater')} of each"
            )


def export_annotations(
    workspace: WorkspaceLike,
    format_name: str,
    out: Path | str,
    *,
    classes: Sequence[str] | None = None,
    overwrite: bool = False,
) -> ExportSummary:
    """Export the labels of the manifest in a format of another tool.

    If the format has one file per video, each file has the name of its video. Videos with equal names also get the
    first digits of their identifiers.

    Args:
        workspace: the workspace of the manifest.
        format_name: name of a format in `fertools.annotations.formats.registry.FORMATS`.
        out: path of the file to write, or of the folder if the format has one file per video.
        classes: labels in the order of the format's class numbers.
        overwrite: replace existing files with other content.

    Raises:
        InputError: no label can be written in the format, or a file exists. Nothing was written.
    """
    workspace = Workspace(workspace)
    out = Path(out)
    form = find_format(format_name)
    if form.folder and out.is_file():
        raise InputError(f"{out} is a file, but {format_name} writes one file per video; give a folder with -o")
    if not form.folder and out.is_dir():
        raise InputError(f"{out} is a folder, but {format_name} writes one file; give a file with -o")
    labels = load_lexicon(workspace.root).labels
    if classes is not None and (unknown := [label for label in classes if label not in labels]):
        raise InputError(
            f"{argument('classes')} names '{unknown[0]}', which is no label; labels are {', '.join(labels)}"
        )
    faces, written, left_out = _carried(labelled_faces(workspace), form, format_name)
    if not len(faces):
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise InputError(f"no label can be written as {format_name} ({reasons}); export to csv")
    made = form.write(faces, tuple(classes) if classes is not None else None)
    contents = {out / name if name else out: content for name, content in made.items()}
    write_outputs(contents, out if form.folder else out.parent, overwrite=overwrite)
    return ExportSummary(str(out), tuple(contents), written, left_out)


def _carried(faces: pd.DataFrame, form: Format, name: str) -> tuple[pd.DataFrame, dict[str, int], dict[str, int]]:
    """Return the faces that a format can represent, and the counts of written and omitted labels."""
    kept = faces["status"] == "kept"
    placed = kept & (faces["pts_s"].notna() if form.by_time else True)
    own = [label for label in form.carries if label != "subject_id"]
    chosen = placed & faces[own].notna().any(axis=1)
    left_out: dict[str, int] = {}
    for label in LABELS:
        given = faces[label].notna()
        left_out[f"{label} of rejected faces"] = int((given & ~kept).sum())
        left_out[f"{label} of pictures ({name} goes by time)"] = int((given & kept & ~placed).sum())
        if label not in form.carries:
            left_out[f"{label} ({name} does not carry it)"] = int((given & placed).sum())
    written = {label: int((chosen & faces[label].notna()).sum()) for label in form.carries}
    return faces[chosen], _nonzero(written), _nonzero(left_out)


def _nonzero(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
