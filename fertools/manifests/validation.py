"""Validate a workspace: check every invariant of its manifest in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fertools.core.vocabulary import load_lexicon
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.manifests import store
from fertools.manifests.invariants import CROPS_DECODE, INVARIANTS, broken_columns
from fertools.manifests.schema import FACES, SOURCES
from fertools.manifests.validation_context import ValidationContext

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

    Args:
        workspace: the workspace to check.
        deep: also decode every crop and compare its size with the manifest.

    Raises:
        InputError: there is no manifest or no sources table.
        SchemaError: a table has another schema version.
    """
    workspace = Workspace(workspace)
    context = ValidationContext(
        workspace=workspace,
        faces=store.read_faces(workspace),
        sources=store.read_sources(workspace),
        labels=load_lexicon(workspace.root).labels,
        by_source=workspace.settings().get("split", {}).get("group_by") == "source",
    )
    return check(context, deep=deep)


def check(context: ValidationContext, *, deep: bool = False) -> ValidationReport:
    """Check every invariant of tables that are in memory; see `validate`."""
    violations = [
        _violation(f"column:{column}", f"rows break the rule that {column} {rule}", names)
        for table, schema in ((context.faces, FACES), (context.sources, SOURCES))
        for column, (rule, names) in broken_columns(table, schema).items()
    ]
    violations += [
        _violation(invariant.name, invariant.sentence, names)
        for invariant in (*INVARIANTS, *([CROPS_DECODE] if deep else []))
        if (names := invariant.find(context))
    ]
    return ValidationReport(len(context.faces), len(context.sources), tuple(violations))


def _violation(name: str, sentence: str, names: Sequence[str]) -> Violation:
    examples = tuple(sorted(names)[:EXAMPLES])
    return Violation(name, f"{len(names)} {sentence}, such as {examples[0]}", len(names), examples)
