"""The texts of `fertools datasets` and of a dry run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fertools.ingestion.dataset_preview import DatasetPreview
    from fertools.sources.datasets.descriptor import Descriptor, Fact, Layout

_UNVERIFIED = "not verified"


def list_text(descriptors: Sequence[Descriptor]) -> str:
    """Return a line for each dataset: its name, its forms, whether it may be passed on, and its full name.

    Args:
        descriptors: the datasets.
    """
    rows = [
        (
            one.name,
            f"{len(one.layouts)} {'layout' if len(one.layouts) == 1 else 'layouts'}",
            "may be shared" if one.terms.may_share else "not to be shared",
            one.title + (" (of this workspace)" if one.is_own else ""),
        )
        for one in descriptors
    ]
    return _aligned(rows)


def show_text(descriptor: Descriptor) -> str:
    """Return everything that a descriptor says, with what is not verified marked as such.

    Args:
        descriptor: the dataset.
    """
    return "\n".join(_lines(descriptor))


def preview_text(preview: DatasetPreview) -> str:
    """Return the text of a dry run.

    Args:
        preview: what the folder contains.
    """
    lines = [f"{preview.dataset}, layout {preview.layout}: {preview.title}", ""]
    counts = [("", "found", "expected", "")]
    counts += [
        (
            row.what,
            f"{row.found:,}",
            "-" if row.expected is None else f"{row.expected:,}",
            "differs" if row.differs else "",
        )
        for row in preview.counts
    ]
    lines += [_aligned(counts), ""]
    shown = [place for place in range(len(preview.columns)) if any(row[place] is not None for row in preview.rows)]
    cells = [[preview.columns[place] for place in shown]]
    cells += [[_cell(row[place]) for place in shown] for row in preview.rows]
    lines += ["First rows:", _aligned(cells), ""]
    for title, counted in (("Not read", preview.left_out), ("Without a label", preview.without_label)):
        lines += [f"{title}: {count:,} {what}" for what, count in counted.items()]
    lines += list(preview.remarks)
    lines += [f"Not verified: {what}" for what in preview.unverified]
    return "\n".join(lines)


def describe_preview(preview: DatasetPreview) -> dict[str, Any]:
    """Return a dry run in a form that JSON can hold.

    Args:
        preview: what the folder contains.
    """
    rows = [dict(zip(preview.columns, row, strict=True)) for row in preview.rows]
    counts = {row.what: {"found": row.found, "expected": row.expected} for row in preview.counts}
    return {**vars(preview), "counts": counts, "rows": rows}


def _lines(one: Descriptor) -> Iterator[str]:
    yield f"{one.name}  {one.title}"
    yield one.about
    yield ""
    yield f"Licence: {one.terms.licence}{_mark(one.terms.verified)}"
    yield f"Passing on: {'allowed' if one.terms.may_share else 'not allowed; push refuses it'}"
    yield f"How to get it: {one.terms.apply or 'unknown'}"
    yield f"Cite: {one.terms.cite or 'unknown'}"
    for layout in one.layouts:
        yield ""
        yield from _layout(layout)
    for title, facts in (("Protocol", one.protocol), ("Facts", one.facts)):
        yield from _facts(title, facts)


def _layout(layout: Layout) -> Iterator[str]:
    yield f"Layout {layout.name}: {layout.title}{_mark(layout.verified)}"
    yield from (f"    {line}" for line in layout.tree.strip().splitlines())
    yield f"  pictures: {'face crops' if layout.crops else 'whole pictures or videos'}; frames: {layout.frames}"
    for also in layout.also:
        yield f"  also: {also.frames} as {', '.join(also.values.values())}"
    expected = layout.expected
    counts = [
        f"{count:,} {what}"
        for what, count in (
            ("files", expected.files),
            ("subjects", expected.subjects),
            ("sequences", expected.sequences),
            *expected.emotions.items(),
        )
        if count is not None
    ]
    if counts:
        yield f"  expected: {', '.join(counts)}{_mark(expected.verified)}"


def _facts(title: str, facts: Sequence[Fact]) -> Iterator[str]:
    if facts:
        yield ""
        yield f"{title}:"
        yield from (f"  - {fact.text}{_mark(fact.verified)}" for fact in facts)


def _mark(verified: bool) -> str:
    return "" if verified else f" ({_UNVERIFIED})"


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
