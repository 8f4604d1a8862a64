"""Validate a workspace: check every invariant of its manifest in one call."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import chain, zip_longest

import pyarrow as pa

from fertools.core.errors import InputError
from fertools.core.vocabulary import load_lexicon
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store
from fertools.manifests.invariants import CROPS_DECODE, INVARIANTS, Invariant, broken_columns
from fertools.manifests.schema import FACES, SOURCES
from fertools.manifests.source_codes import number_sources
from fertools.manifests.table_stream import ahead, read_groups
from fertools.manifests.validation_context import SOURCE_COLUMNS, SOURCE_NUMBER, Names, ValidationContext

EXAMPLES = 5
"""Maximum number of examples in a violation."""


@dataclass(frozen=True)
class Violation:
    """One broken invariant.

    Attributes:
        invariant: name of the invariant, such as `va-pair`, or `column:` followed by the column that breaks the schema.
        message: one sentence with the number of violations, the rule and an example.
        count: number of violating rows, crops or people.
        examples: up to EXAMPLES violating identifiers, in alphabetical order.
    """

    invariant: str
    message: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class ValidationReport:
    """The result of a validation.

    Attributes:
        faces: number of rows of the manifest.
        sources: number of rows of the sources table.
        violations: broken invariants, always in the same order; empty if the manifest is valid.
    """

    faces: int
    sources: int
    violations: tuple[Violation, ...]

    @property
    def ok(self) -> bool:
        """Whether no invariant is broken."""
        return not self.violations


def validate(workspace: WorkspaceLike, *, deep: bool = False) -> ValidationReport:
    """Check every invariant of the manifest, the sources table and the crops.

    Invariants of rows are checked in one pass, a row group at a time. The others read the columns that they name.

    Args:
        workspace: the workspace to check.
        deep: also decode every crop and compare its size with the manifest.

    Raises:
        InputError: there is no manifest or no sources table, or another command changed one of them meanwhile.
        SchemaError: a table has another schema version.
    """
    workspace = Workspace(workspace)
    of_faces = store.read_faces(workspace, ["source_id"])["source_id"]
    every_source = store.read_sources(workspace, SOURCE_COLUMNS)
    versions = _versions(workspace)
    numbers = pa.array(number_sources(of_faces, every_source["source_id"]))
    del of_faces
    context = ValidationContext(
        workspace=workspace,
        faces=FACES.arrow.empty_table(),
        sources=every_source,
        every_source=every_source,
        labels=load_lexicon(workspace.root).labels,
        by_source=workspace.settings().get("split", {}).get("group_by") == "source",
    )
    invariants = (*INVARIANTS, *([CROPS_DECODE] if deep else []))
    found: dict[str, _Violating] = defaultdict(_Violating)
    for part in _parts(context, numbers):
        _refuse_changed(workspace, versions)
        _check_rows(part, invariants, found)
    for invariant in invariants:
        if invariant.columns:
            read = [name for name in invariant.columns if name != SOURCE_NUMBER]
            faces = store.read_faces(workspace, read)
            _refuse_changed(workspace, versions)
            faces = faces.append_column(SOURCE_NUMBER, numbers)
            found[invariant.name].add(invariant.find(replace(context, faces=faces)), invariant.sentence)
            del faces
            # Arrow keeps memory for later columns, which have other sizes.
            pa.default_memory_pool().release_unused()
    return ValidationReport(len(numbers), len(every_source), _in_order(found, invariants))


def check(context: ValidationContext) -> ValidationReport:
    """Check every invariant of whole tables that are in memory (`ValidationContext.of_tables`); see `validate`."""
    found: dict[str, _Violating] = defaultdict(_Violating)
    _check_rows(context, INVARIANTS, found)
    for invariant in INVARIANTS:
        if invariant.columns:
            found[invariant.name].add(invariant.find(context), invariant.sentence)
    return ValidationReport(len(context.faces), len(context.sources), _in_order(found, INVARIANTS))


def _check_rows(part: ValidationContext, invariants: Sequence[Invariant], found: dict[str, _Violating]) -> None:
    """Check the columns of some rows, and the invariants of rows."""
    for table, schema in ((part.faces, FACES), (part.sources, SOURCES)):
        for column, (rule, names) in broken_columns(table, schema).items():
            found[f"column:{column}"].add(names, f"rows break the rule that {column} {rule}")
    for invariant in invariants:
        if not invariant.columns:
            found[invariant.name].add(invariant.find(part), invariant.sentence)


def _in_order(found: dict[str, _Violating], invariants: Sequence[Invariant]) -> tuple[Violation, ...]:
    columns = [f"column:{schema.name}.{column}" for schema in (FACES, SOURCES) for column in schema.names]
    order = [*columns, *(invariant.name for invariant in invariants)]
    return tuple(found[name].report(name) for name in order if name in found and found[name].count)


def _versions(workspace: Workspace) -> tuple[tuple[int, int], ...]:
    """Return what tells the present tables from those of a later change."""
    return tuple((found.st_ino, found.st_mtime_ns) for found in map(os.stat, (workspace.manifest, workspace.sources)))


def _refuse_changed(workspace: Workspace, versions: tuple[tuple[int, int], ...]) -> None:
    if _versions(workspace) != versions:
        raise InputError(
            f"another command changed {workspace.root} during its validation; validate it again afterwards"
        )


def _parts(context: ValidationContext, numbers: pa.Array) -> Iterator[ValidationContext]:
    """Yield some rows of both tables at a time; an invariant of rows does not ask which rows are side by side."""
    workspace, first = context.workspace, 0
    tables = zip_longest(ahead(read_groups(workspace.manifest, FACES)), read_groups(workspace.sources, SOURCES))
    for faces, sources in tables:
        faces = FACES.arrow.empty_table() if faces is None else faces
        own, first = numbers.slice(first, len(faces)), first + len(faces)
        yield replace(
            context,
            faces=faces.append_column(SOURCE_NUMBER, own),
            sources=SOURCES.arrow.empty_table() if sources is None else sources,
        )


class _Violating:
    """The identifiers that violate one invariant: their number and the first ones."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[str] = []
        self._sentence = ""

    def add(self, names: Sequence[str], sentence: str) -> None:
        """Count further identifiers."""
        self.count += len(names)
        # A manifest is sorted, so the first identifiers are the smallest.
        first = names[:EXAMPLES] if isinstance(names, Names) else names
        self._first = nsmallest(EXAMPLES, chain(self._first, first))
        self._sentence = sentence

    def report(self, name: str) -> Violation:
        """Return the violation of the invariant with a name."""
        message = f"{self.count} {self._sentence}, such as {self._first[0]}"
        return Violation(name, message, self.count, tuple(self._first))
