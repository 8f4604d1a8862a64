"""The section of a run's report with the metrics of its generated faces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fertools.training.evaluation.nearest_faces import NEAREST_NAME, NEAREST_PICTURE
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.evaluation.translations import TRANSLATIONS_NAME
from fertools.training.reports.html import figure, render_result_table, table
from fertools.training.reports.translation_tables import measured_tables, missing_measures


def translation_section(root: Path) -> Iterator[str]:
    """Yield the metrics of a run's generated faces as HTML; nothing for a run without such faces.

    Args:
        root: folder of the run.
    """
    if not (root / TRANSLATIONS_NAME).is_file():
        return
    found = compute_translation_metrics(root)
    name = f"{root.parent.name}/{root.name}"
    yield "<h2>Metrics of the generated faces</h2>"
    yield from (render_result_table(result_table) for result_table in measured_tables(found))
    if found["nearest"] and (root / NEAREST_PICTURE).is_file():
        yield figure(
            (root / NEAREST_PICTURE).read_bytes(),
            f"Held-out faces, translations, and the nearest real training face. {NEAREST_NAME} lists all of them.",
        )
    if missing := list(missing_measures(name, found)):
        yield "<h3>Not measured</h3>"
        yield table(("", "how to"), missing, code=(1,))
