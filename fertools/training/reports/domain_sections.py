"""How far a source is from a target before and after translation, in the report of an experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fertools.training.reports.analysis_sections import scatter
from fertools.training.reports.html import escape, table


def domains_section(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield distances and plots of each selection; nothing if no selection has any.

    Args:
        found: what `fertools.training.experiments.beside_results.compare_domains` returns.
    """
    if not found:
        return
    names = list(next(iter(found.values()))["numbers"])
    words = next(iter(found.values()))["words"]
    yield "<h2>Distance of the domains before and after translation</h2>"
    yield "<p>In features of AlexNet's first convolution, of training faces. Numbers are means over the selections.</p>"
    rows = [(title, *(f"{entry['numbers'][name]:.3f}" for name in names)) for title, entry in found.items()]
    yield table(("", *names), rows, numbers=tuple(range(1, len(names) + 1)))
    yield f'<ul class="quiet">{"".join(f"<li>{escape(name)}: {escape(words[name])}</li>" for name in names)}</ul>'
    for title, entry in found.items():
        cells = "".join(
            f"<div><h3>{escape(f'{title}: {name}')}</h3>{scatter(groups)}<p>{escape(entry['words'][name])}</p></div>"
            for name, groups in entry["points"].items()
        )
        yield f'<div class="charts">{cells}</div>'
