"""What an audit found, with its severity and the rows that show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["leak", "error", "warning", "note"]
"""`leak`: a test is too easy. `error`: something is wrong in the data. `warning` and `note`: look at it."""
SEVERITIES: tuple[Severity, ...] = ("leak", "error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One kind of problem.

    Attributes:
        kind: name of the kind, such as `duplicate-across`.
        severity: how bad it is.
        message: one sentence with the number of cases.
        groups: the cases: the row numbers of each, which a page shows side by side. Empty for a finding about columns.
    """

    kind: str
    severity: Severity
    message: str
    groups: Sequence[Sequence[int]] = field(default=(), compare=False)


def order_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings with the worst first; those of one severity keep their order."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def count_cases(kind: str, severity: Severity, words: str, groups: Sequence[Sequence[int]]) -> Iterator[Finding]:
    """Yield a finding with the number of its cases, if there are any."""
    if len(groups):
        yield Finding(kind, severity, f"{words}: {len(groups):,}", groups)
