"""`DATACARD.md`: the card of an export as people read it.

The order follows T. Gebru et al., *Datasheets for Datasets* (Communications of the ACM 64, 2021).
"""

from __future__ import annotations

from collections.abc import Iterator

from fertools.training.reports.table_formatting import ResultTable, format_table
from fertools.transfer.exports.dataset_card import TOPICS, DatasetCard

CARD_NAME = "DATACARD.md"
"""Name of the card in an export."""
_SHARING = {True: "yes", False: "no", None: "not recorded"}


def write_card_text(card: DatasetCard) -> str:
    """Return a card as Markdown.

    Args:
        card: the card.
    """
    return "\n".join(_lines(card)).rstrip() + "\n"


def _lines(card: DatasetCard) -> Iterator[str]:
    yield from (f"# {card.title}", "", card.description, "")
    made = {
        "Makers": ", ".join(card.creators),
        "Address": card.url,
        "Published": card.published,
    }
    yield from (f"- {name}: {value or 'not given'}" for name, value in made.items())
    yield from ("", "`faces.parquet` has a row per face. `croissant.json` says the same as this card to programs.", "")
    yield from ("## Terms", "")
    rows = tuple(
        (
            one.name or "no name",
            f"{one.faces:,}",
            one.licence or "not recorded",
            _SHARING[one.may_share],
            one.cite or "not recorded",
        )
        for one in card.terms
    )
    yield format_table(
        ResultTable("Datasets in the export", ("dataset", "faces", "licence", "may be passed on", "cite"), rows),
        "markdown",
    )
    yield from ("", "The terms of each dataset hold for its faces, whoever passes them on.", "", "## Faces", "")
    labels = list(dict.fromkeys(label for counts in card.labels.values() for label in counts))
    counted = tuple(
        (label or "no label", *(f"{counts.get(label, 0):,}" for counts in card.labels.values()))
        for label in sorted(labels)
    )
    yield format_table(ResultTable("Faces by expression and part", ("expression", *card.labels), counted), "markdown")
    for topic, texts in card.statements.items():
        yield from ("", f"## {TOPICS[topic]}", "")
        yield from (f"- {text}" for text in texts)
