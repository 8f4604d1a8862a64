"""Match the files of a dataset with the patterns of a layout, and join them with the rows of its label tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from fertools.sources.datasets.descriptor import Layout
from fertools.sources.datasets.filling import fill
from fertools.sources.datasets.label_tables import Row
from fertools.sources.datasets.tree import Tree

_NAMED = 3
"""Number of files that a remark names."""


@dataclass
class MatchedFile:
    """A file that a pattern matches.

    Attributes:
        name: path in the tree.
        values: values of its path and of its row.
        faces: rows of the faces in it, if the labels mean faces in boxes.
        override: templates of fields that differ from the layout's.
        tally: counted votes by the dataset's own words.
        has_row: whether a label table describes it.
        reason: why its emotion is unknown.
    """

    name: str
    values: Row
    faces: list[Row] = field(default_factory=list)
    override: Mapping[str, str] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)
    has_row: bool = False
    reason: str | None = None


def match_files(tree: Tree, layout: Layout, left_out: Counter[str]) -> list[MatchedFile]:
    """Return the files that a layout describes, and count the others by what they are.

    Args:
        tree: files of the dataset.
        layout: the layout.
        left_out: receives the number of files that are not read.
    """
    given = tree.names[0].split("/", 1)[0] if tree.names else ""
    found = []
    for name in tree.names:
        match = next((match for pattern in layout.files if (match := pattern.fullmatch(name))), None)
        if match is not None:
            groups = {key: value for key, value in match.groupdict().items() if value is not None}
            path = PurePosixPath(name)
            built_in = {"path": name.split("/", 1)[-1], "name": path.name, "stem": path.stem, "given": given}
            found.append(MatchedFile(name, {**built_in, **groups}))
        elif any(table.file.fullmatch(name) for table in layout.tables):
            left_out["label table"] += 1
        else:
            left_out["not a picture or video of this layout"] += 1
    return found


def join_tables(found: Sequence[MatchedFile], layout: Layout, tables: Sequence[Mapping[str, list[Row]]]) -> None:
    """Add the rows of label tables to the files that they describe.

    Args:
        found: files, which are changed.
        layout: the layout.
        tables: rows by key, one mapping for each table of the layout.
    """
    for one in found:
        key = fill(layout.key, one.values) if layout.key else None
        for table, rows in zip(layout.tables, tables, strict=True):
            own = rows.get(key or "", [])
            one.has_row |= bool(own)
            if table.tally:
                one.tally.update(row[table.tally] for row in own if row.get(table.tally))
            elif layout.face == "box":
                one.faces += own
            elif own:
                _merge(one, own)


def _merge(one: MatchedFile, rows: Sequence[Row]) -> None:
    """Add the values of a row; of several rows that differ, only what they share."""
    shared = {key: value for key, value in rows[0].items() if all(row.get(key) == value for row in rows)}
    if any(_said(row) != _said(rows[0]) for row in rows):
        one.reason = f"{len(rows)} rows of a label table describe it and contradict one another"
    one.values = {**shared, **one.values}


def _said(row: Row) -> Row:
    return {key: value for key, value in row.items() if key not in ("row", "line")}


def drop_repeated(found: Sequence[MatchedFile], layout: Layout, left_out: Counter[str]) -> list[MatchedFile]:
    """Return the files without those that show what another file shows, by the template `one_of`.

    Args:
        found: files, in order of their paths.
        layout: the layout.
        left_out: receives the number of dropped files.
    """
    if not layout.one_of:
        return list(found)
    seen: set[str] = set()
    kept = []
    for one in found:
        what = fill(layout.one_of, one.values)
        if what in seen:
            left_out["the same pictures as another file"] += 1
        else:
            seen |= {what} if what is not None else set()
            kept.append(one)
    return kept


def find_unequal(found: Sequence[MatchedFile], layout: Layout) -> list[str]:
    """Return a sentence for each pair of templates of `same` that differ for some files."""
    remarks = []
    for first, second in layout.same:
        texts = [(one, fill(first, one.values), fill(second, one.values)) for one in found]
        # A file outside of such a folder contradicts nothing.
        odd = [one for one, left, right in texts if None not in (left, right) and left != right]
        if odd:
            named = ", ".join(one.name.split("/", 1)[-1] for one in odd[:_NAMED])
            more = f" and {len(odd) - _NAMED:,} more" if len(odd) > _NAMED else ""
            remarks.append(f"the folder and the file name disagree, and the file name counts: {named}{more}")
    return remarks
