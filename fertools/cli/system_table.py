"""The text of `fertools train --list`: a block of lines for each system."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fertools.core.arguments import shown

if TYPE_CHECKING:
    from fertools.training.data.readiness import DomainData
    from fertools.training.jobs.system_list import SystemList, SystemState

_WIDEST = 120
_INDENT = 2
_NAMES = 11
"""Columns of the names of the lines, with their indent."""


def format_systems(systems: SystemList, *, all_presets: bool) -> str:
    """Return the text on systems for the terminal, wrapped to its width.

    Args:
        systems: the systems to describe.
        all_presets: whether to say what each preset is for, and not only its name.
    """
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return "\n\n".join("\n".join(_block(system, width, all_presets=all_presets)) for system in systems)


def describe_systems(systems: SystemList) -> dict[str, Any]:
    """Return systems by name in a form that JSON can hold."""
    return {
        system.name: {
            **{key: value for key, value in asdict(system).items() if key != "name"},
            "weights": [{**asdict(entry), "path": entry.path and str(entry.path)} for entry in system.weights],
            "ready": system.ready,
            "to_do": [f"{gap.missing}: {shown(gap.remedy)}" for gap in system.gaps],
        }
        for system in systems
    }


def _block(system: SystemState, width: int, *, all_presets: bool) -> Iterator[str]:
    yield f"{system.name}  {system.title}{'' if system.ready else '  (not ready)'}"
    yield from _line("paper", system.source, width)
    yield from _presets(system, width, in_full=all_presets)
    for number, domain in enumerate(system.data.domains if system.data else ()):
        yield from _line("" if number else "data", _describe(domain), width)
    if system.data and system.data.pairs is not None:
        yield from _line("", f"pairs of one moment: {system.data.pairs:,} in training", width)
    weights = [f"{entry.network}: {entry.wanted}, {entry.path or 'missing'}" for entry in system.weights]
    for number, text in enumerate(weights or ["none needed"]):
        yield from _line("" if number else "weights", text, width)
    yield from _line("measured", _describe_measured(system), width)
    for number, gap in enumerate(system.gaps):
        yield from _line("" if number else "to do", f"{gap.missing}: {shown(gap.remedy)}", width)


def _presets(system: SystemState, width: int, *, in_full: bool) -> Iterator[str]:
    others = [name for name in system.presets if name != system.preset]
    if not (in_full and system.preset):
        named = f"; others: {', '.join(others)}" if others else ""
        yield from _line("preset", (system.preset or "none") + named, width)
        return
    longest = max(map(len, system.presets))
    for head, name in zip(("preset", "others", *[""] * len(others)), (system.preset, *others), strict=False):
        yield from _line(head, f"{name:<{longest}}  {system.presets[name]}", width, hanging=longest + 2)


def _line(name: str, text: str, width: int, hanging: int = 0) -> list[str]:
    # A path or an address is not broken, so that it can be copied.
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=(" " * _INDENT + name).ljust(_NAMES),
        subsequent_indent=" " * (_NAMES + hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _describe(domain: DomainData) -> str:
    needs = f" with {' and '.join(domain.needs)}" if domain.needs else ""
    dataset = f" of the dataset {domain.dataset}" if domain.dataset else ""
    wanted = f"{domain.name}: {domain.modality} faces{dataset}{needs}"
    if not domain.faces:
        return f"{wanted}: none here"
    people = f"{domain.people:,} {'person' if domain.people == 1 else 'people'}"
    unlabelled = f", of {domain.faces:,} faces" if domain.labelled < domain.faces else ""
    return f"{wanted}: {domain.labelled:,} of {people}{unlabelled}, {'ready' if domain.gap is None else 'not ready'}"


def _describe_measured(system: SystemState) -> str:
    from fertools.training.jobs.system_list import describe_memory, describe_time

    found = system.measured
    if found is None:
        return "-"
    values = f"{describe_time(found)}, {describe_memory(found)}"
    count = len(found.changed)
    changed = f", {count} key{'' if count == 1 else 's'} changed" if count else ""
    return f"{values} on {found.device or 'an unknown device'} (run {found.run}, preset {found.preset}{changed})"
