"""Labels in and out of the workspace, in the formats of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fertools.annotations.formats.registry import FORMATS, Format
from fertools.annotations.formats.rows import LABELS, labelled_faces
from fertools.annotations.formats.table import AXES, LabelTable, ReadOptions, joined
from fertools.annotations.imported_ratings import RatingsSummary
from fertools.annotations.labels import ImportSummary, apply_table
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
    """What `export_annotations` did.

    Attributes:
        out: the file or folder.
        files: the files that hold the labels.
        written: per kind of label, how many faces' are in the files.
        left_out: why labels of the manifest are not in the files, and how many.
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
    """Read files of one format: labels into the manifest, and what single raters said into the log of ratings.

    All files are read and checked before anything is written.

    Args:
        workspace: whose manifest and log.
        format_name: of `fertools.annotations.formats.registry.FORMATS`.
        paths: the files, one or several.
        source: the video that they are about; None to take the one whose name a file has.
        axis: `valence` or `arousal`, of files that do not say so.
        classes: labels in the order of the format's numbers.
        rater: whose answers they are, of files that do not say so.

    Raises:
        InputError: a file is wrong; the message has the place and what to do, and nothing was applied.
    """
    workspace = Workspace(workspace)
    files = [Path(path) for path in ([paths] if isinstance(paths, Path | str) else paths)]
    form = _format(format_name)
    if not files:
        raise InputError("name one file of labels or more")
    if axis is not None and axis not in AXES:
        raise InputError(f"{argument('axis')} {axis} is neither valence nor arousal")
    order = tuple(classes) if classes is not None else None
    finder = SourceFinder(workspace, store.read_sources(workspace, ["source_id", "path", "frames_decoded"]))
    tables = []
    for path in files:
        # A reader takes apart what anyone may have written, so whatever fails in it is about the file.
        with reading(path, f"cannot be read as {format_name}", "look into it, or give another format"):
            tables.append(form.read(path, ReadOptions(source, axis, order, finder)))
    if form.folder and source is None:
        _check_twice(files, tables)
    table = joined(tables)
    if rater is not None:
        if any(table.columns.get("rater", ())):
            raise InputError(f"{table.name}: it says itself who the raters are; leave {argument('rater')} out")
        table = replace(table, columns={**table.columns, "rater": [rater] * len(table)})
    return apply_table(workspace, table)


def _check_twice(paths: Sequence[Path], tables: Sequence[LabelTable]) -> None:
    """Refuse two files that say the same kind of thing about one video, as two files of one name do."""
    seen: dict[tuple[object, ...], Path] = {}
    for path, table in zip(paths, tables, strict=True):
        said = {name for name in LABELS if any(table.columns.get(name, ()))}
        about = (frozenset(table.columns.get("source", ())), frozenset(table.columns.get("rater", ())), frozenset(said))
        if said and seen.setdefault(about, path) != path:
            raise InputError(
                f"{seen[about]} and {path} are both about {table.columns['source'][0]}; import them one after the "
                f"other, with the {argument('source')} or the {argument('rater')} of each"
            )


def export_annotations(
    workspace: WorkspaceLike,
    format_name: str,
    out: Path | str,
    *,
    classes: Sequence[str] | None = None,
    overwrite: bool = False,
) -> ExportSummary:
    """Write the labels of the manifest in a format of others.

    In a format with a file per video, files are called like their videos; those of one name have the first digits of
    their identifiers too. A file that is there with other content is never replaced unasked.

    Args:
        workspace: whose manifest.
        format_name: of `fertools.annotations.formats.registry.FORMATS`.
        out: the file; the folder, of a format with a file per video.
        classes: labels in the order of the format's numbers.
        overwrite: replace files that are there.

    Raises:
        InputError: no face has a label, the format cannot hold what there is, or a file is there; nothing was written.
    """
    workspace = Workspace(workspace)
    out = Path(out)
    form = _format(format_name)
    if form.folder and out.is_file():
        raise InputError(f"{out} is a file, and {format_name} writes a file per video; name a folder with -o")
    if not form.folder and out.is_dir():
        raise InputError(f"{out} is a folder, and {format_name} writes one file; name a file with -o")
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
    """Return the faces with a label that a format has a place for, and counts of labels that it takes and leaves."""
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


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise InputError(f"there is no format '{name}'; formats are {', '.join(FORMATS)}")
    return FORMATS[name]
