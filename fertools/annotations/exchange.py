"""Labels in and out of the workspace, in the formats of others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from fertools.annotations.formats.registry import FORMATS, Format
from fertools.annotations.formats.rows import labelled_faces
from fertools.annotations.formats.table import AXES, ReadOptions, joined
from fertools.annotations.keys import SourceFinder
from fertools.annotations.labels import ImportSummary, apply_labels
from fertools.annotations.rated import RatingsSummary, record_ratings
from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.core.vocabulary import load_lexicon
from fertools.core.workspace import Workspace
from fertools.manifests import store


def import_annotations(
    workspace: Workspace,
    format_name: str,
    paths: Sequence[Path],
    *,
    source: str | None = None,
    axis: str | None = None,
    classes: Sequence[str] | None = None,
) -> ImportSummary | RatingsSummary:
    """Read files of one format: labels into the manifest, and what single raters said into the log of ratings.

    All files are read and checked before anything is written.

    Args:
        workspace: whose manifest and log.
        format_name: of `fertools.annotations.formats.registry.FORMATS`.
        paths: the files.
        source: the video that they are about; None to take the one whose name a file has.
        axis: `valence` or `arousal`, of files that do not say so.
        classes: labels in the order of the format's numbers.

    Raises:
        InputError: a file is wrong; the message has the place and what to do, and nothing was applied.
    """
    form = _format(format_name)
    if not paths:
        raise InputError("name one file of labels or more")
    if axis is not None and axis not in AXES:
        raise InputError(f"--axis {axis} is neither valence nor arousal")
    order = tuple(classes) if classes is not None else None
    finder = SourceFinder(workspace, store.read_sources(workspace, ["source_id", "path"]))
    tables = []
    for path in paths:
        # A reader takes apart what anyone may have written, so whatever fails in it is about the file.
        with reading(path, f"cannot be read as {format_name}", "look into it, or give another format"):
            about = source or _source_of(form, path, finder)
            tables.append(form.read(path, ReadOptions(about, axis, order)))
    table = joined(tables)
    if "rater" in table.columns:
        if not all(table.columns["rater"]):
            raise InputError(
                f"{table.name}: some rows have a rater and some have none; import them one after the other"
            )
        return record_ratings(workspace, table)
    return apply_labels(workspace, table)


def export_annotations(
    workspace: Workspace, format_name: str, out: Path, *, classes: Sequence[str] | None = None
) -> list[Path]:
    """Write the labels of the manifest in a format of others.

    Args:
        workspace: whose manifest.
        format_name: of `fertools.annotations.formats.registry.FORMATS`.
        out: the file; the folder, of a format with a file per video.
        classes: labels in the order of the format's numbers.

    Returns:
        The files.

    Raises:
        InputError: no face has a label, or the format cannot hold what there is.
    """
    form = _format(format_name)
    if form.folder and out.is_file():
        raise InputError(f"{out} is a file, and {format_name} writes a file per video; name a folder with -o")
    if not form.folder and out.is_dir():
        raise InputError(f"{out} is a folder, and {format_name} writes one file; name a file with -o")
    labels = load_lexicon(workspace.root).labels
    if classes is not None and (unknown := [label for label in classes if label not in labels]):
        raise InputError(f"--classes names '{unknown[0]}', which is no label; labels are {', '.join(labels)}")
    return form.write(labelled_faces(workspace), out, tuple(classes) if classes is not None else None)


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise InputError(f"there is no format '{name}'; formats are {', '.join(FORMATS)}")
    return FORMATS[name]


def _source_of(form: Format, path: Path, finder: SourceFinder) -> str:
    """Return the name of the source that a file is about, as far as the file and its name say."""
    named = form.media_of(path) if form.media_of is not None and path.is_file() else None
    for name in (named, PurePosixPath(named).name if named else None):
        if name and isinstance(finder.find(name), int):
            return name
    guess = finder.guess(path)
    if form.folder and not isinstance(finder.find(guess), int):
        raise InputError(f"{path.name}: no source is named like this file; say with --source which video it is about")
    return guess
