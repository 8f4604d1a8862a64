"""Read a descriptor from TOML, and refuse unknown keys, invalid patterns and templates without a source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes
from fertools.core.package_data import read_toml
from fertools.core.toml import shown, table_in, text_in
from fertools.sources.datasets.descriptor import (
    ANYWHERE,
    BOXES,
    FACES,
    FIELDS,
    FORMS,
    NUMBERS,
    AlsoFrames,
    Descriptor,
    Expected,
    Fact,
    Layout,
    Protocol,
    Table,
    Terms,
)
from fertools.sources.datasets.filling import names_in
from fertools.sources.datasets.frame_rules import FrameRule

_LAYOUT_KEYS = (
    *("name", "title", "marks", "without", "files", "tree", "fields", "codes", "missing", "scale", "votes", "tie"),
    *("box", "box_order", "key", "tables", "frames", "also", "pictures", "face", "one_of", "same", "hash_subject"),
    *("needs_label", "expected", "verified", "source"),
)
_BUILT_IN = frozenset({"path", "given", "row", "name", "stem"})
"""Values that every file or row has."""


def read_descriptor(path: Path, *, is_own: bool = False) -> Descriptor:
    """Return the descriptor in a TOML file.

    Args:
        path: path of the file.
        is_own: whether it is the workspace's own.

    Raises:
        InputError: the file cannot be read, or says something that no descriptor says; the message has the key.
    """
    content = read_toml(path)
    where = path.name
    _only(content, ("title", "about", "terms", "layouts", "codes", "protocol", "facts"), where)
    codes = _codes(content, where)
    layouts = content.get("layouts", [])
    if not isinstance(layouts, list) or not layouts or not all(isinstance(layout, dict) for layout in layouts):
        raise InputError(f"{where} has no layout; write at least one table [[layouts]]")
    return Descriptor(
        name=path.stem,
        title=text_in(content, "title", where),
        about=text_in(content, "about", where),
        terms=_terms(table_in(content, "terms", where), f"[terms] of {where}"),
        layouts=tuple(_layout(layout, codes, where) for layout in layouts),
        protocol=tuple(_protocol(table, f"[[protocol]] of {where}") for table in _tables(content, "protocol", where)),
        facts=_facts(content, "facts", where),
        is_own=is_own,
        digest=hash_bytes(path.read_bytes()),
    )


def _terms(table: Mapping[str, Any], where: str) -> Terms:
    _only(table, ("licence", "may_share", "apply", "cite", "verified"), where)
    may_share = table.get("may_share")
    if not isinstance(may_share, bool):
        raise InputError(f"{where} has no may_share; write may_share = true or false")
    texts = {name: _text(table, name, where) for name in ("apply", "cite")}
    return Terms(text_in(table, "licence", where), may_share, **texts, verified=_flag(table, "verified", where))


def _facts(content: Mapping[str, Any], name: str, where: str) -> tuple[Fact, ...]:
    found = []
    for fact in _tables(content, name, where):
        _only(fact, ("text", "verified", "source"), f"[[{name}]] of {where}")
        found.append(Fact(text_in(fact, "text", f"[[{name}]] of {where}"), _flag(fact, "verified", where)))
    return tuple(found)


def _protocol(table: Mapping[str, Any], where: str) -> Protocol:
    keys = ("text", "verified", "source", "name", "folds", "loso", "holdout", "turns", "subjects", "emotions")
    _only(table, keys, where)
    kinds = [kind for kind in ("folds", "loso", "holdout") if kind in table]
    if "name" in table and len(kinds) != 1:
        raise InputError(f"{where} has a name and {len(kinds)} of folds, loso and holdout; write exactly one")
    folds, holdout, subjects = (
        _number(table[name], f"{name} in {where}") if name in table else None
        for name in ("folds", "holdout", "subjects")
    )
    return Protocol(
        text_in(table, "text", where),
        _flag(table, "verified", where),
        name=_text(table, "name", where),
        folds=None if folds is None else int(folds),
        loso=_flag(table, "loso", where),
        holdout=holdout,
        turns=_flag(table, "turns", where),
        subjects=None if subjects is None else int(subjects),
        emotions=_strings(table.get("emotions", []), f"emotions in {where}"),
    )


def _layout(table: Mapping[str, Any], codes: Mapping[str, Mapping[str, str]], file: str) -> Layout:
    name = text_in(table, "name", f"[[layouts]] of {file}")
    where = f"layout {name} of {file}"
    _only(table, _LAYOUT_KEYS, where)
    fields = _texts(table, "fields", where, FIELDS)
    crops = _choice(table, "pictures", ("whole", "crops"), "whole", where) == "crops"
    layout = Layout(
        name=name,
        title=text_in(table, "title", where),
        marks=_patterns(table, "marks", where),
        without=_patterns(table, "without", where),
        files=_patterns(table, "files", where),
        tree=text_in(table, "tree", where).rstrip(),
        fields=fields,
        codes={**codes, **_codes(table, where)},
        missing={key: _strings(value, f"missing.{key} in {where}") for key, value in _in(table, "missing", where)},
        scale={key: _number(value, f"scale.{key} in {where}") for key, value in _in(table, "scale", where, NUMBERS)},
        votes=_texts(table, "votes", where),
        tie=_text(table, "tie", where),
        box=_strings(table.get("box", []), f"box in {where}"),
        box_order=_choice(table, "box_order", BOXES, "xyxy", where),
        key=_text(table, "key", where),
        tables=tuple(_table(one, where) for one in _tables(table, "tables", where)),
        frames=FrameRule.parse(_text(table, "frames", where) or "all", f"frames in {where}"),
        also=tuple(_also(one, where) for one in _tables(table, "also", where)),
        crops=crops,
        face=_choice(table, "face", FACES, "only" if crops else "largest", where),
        one_of=_text(table, "one_of", where),
        same=tuple(_pair(pair, where) for pair in table.get("same", [])),
        hash_subject=_flag(table, "hash_subject", where),
        needs_label=_flag(table, "needs_label", where),
        expected=_expected(table_in(table, "expected", where), f"expected in {where}"),
        verified=_flag(table, "verified", where),
    )
    _check(layout, where)
    return layout


def _check(layout: Layout, where: str) -> None:
    """Raise InputError if a layout cannot work: too few marks, no files, or a template that nothing fills."""
    if len(layout.marks) < 2:
        raise InputError(f"{where} has {len(layout.marks)} marks; write two or more, since one proves little")
    if not layout.files and not any(table.pixels for table in layout.tables):
        raise InputError(f"{where} has no files; write patterns of the paths of its pictures or videos")
    if layout.face == "box" and len(layout.box) != 4:
        raise InputError(f"{where} takes the face in a box; write the four numbers of the box")
    if layout.tables and layout.files and not layout.key:
        raise InputError(f"{where} has tables and no key; write the key that joins a file to its row")
    known = set(_BUILT_IN).union(*(pattern.groupindex for pattern in layout.files))
    for table in layout.tables:
        known |= {*table.columns, *table.file.groupindex}
    if any(table.header or table.form == "json" for table in layout.tables):
        return
    templates = [*layout.fields.values(), *layout.votes.values(), *layout.box, layout.key, layout.one_of]
    if lost := sorted(set().union(*map(names_in, templates)) - known - set(layout.fields)):
        raise InputError(f"{where} uses {{{lost[0]}}}, which no pattern and no table gives; correct the name")


def _table(table: Mapping[str, Any], layout: str) -> Table:
    where = f"[[layouts.tables]] in {layout}"
    known = ("file", "form", "key", "columns", "header", "skip", "delimiter", "rows", "where", "tally", "optional")
    _only(table, (*known, "pixels", "picture", "shape"), where)
    columns = table.get("columns", [])
    shape = table.get("shape", [48, 48])
    if not isinstance(shape, list) or len(shape) != 2 or not all(isinstance(side, int) and side > 0 for side in shape):
        raise InputError(f"shape in {where} is {shown(shape)}; write [height, width]")
    skip = table.get("skip", 0)
    return Table(
        file=_pattern(text_in(table, "file", where), f"file in {where}"),
        form=_choice(table, "form", FORMS, "csv", where),
        key=text_in(table, "key", where),
        columns=_texts(table, "columns", where) if isinstance(columns, dict) else _strings(columns, where),
        header=_flag(table, "header", where),
        skip=skip if isinstance(skip, int) else 0,
        delimiter=table.get("delimiter"),
        rows=_text(table, "rows", where),
        where=_texts(table, "where", where),
        tally=_text(table, "tally", where),
        optional=_flag(table, "optional", where),
        pixels=_text(table, "pixels", where),
        picture=_text(table, "picture", where),
        shape=(shape[0], shape[1]),
    )


def _also(table: Mapping[str, Any], where: str) -> AlsoFrames:
    rule = FrameRule.parse(text_in(table, "frames", f"[[layouts.also]] in {where}"), f"frames of also in {where}")
    values = {key: value for key, value in table.items() if key not in ("frames", "labelled")}
    _only(values, FIELDS, f"[[layouts.also]] in {where}")
    labelled = table.get("labelled", True)
    return AlsoFrames(rule, {key: str(value) for key, value in values.items()}, bool(labelled))


def _expected(table: Mapping[str, Any], where: str) -> Expected:
    _only(table, ("files", "subjects", "sequences", "emotions", "verified"), where)
    counts = {name: table.get(name) for name in ("files", "subjects", "sequences")}
    emotions = table_in(table, "emotions", where)
    for name, count in {**counts, **emotions}.items():
        if count is not None and (not isinstance(count, int) or count < 0):
            raise InputError(f"{name} in {where} is {shown(count)}; write a number")
    return Expected(**counts, emotions=emotions, verified=_flag(table, "verified", where))


def _codes(table: Mapping[str, Any], where: str) -> dict[str, dict[str, str]]:
    codes = table_in(table, "codes", where)
    _only(codes, FIELDS, f"codes in {where}")
    return {name: _texts(codes, name, where) for name in codes}


def _only(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    if unknown := sorted(set(table) - set(known)):
        raise InputError(f"{where} has the unknown key {unknown[0]}; known are {', '.join(known)}")


def _tables(table: Mapping[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    found = table.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"{name} in {where} is {shown(found)}; write tables [[{name}]]")
    return found


def _in(table: Mapping[str, Any], name: str, where: str, known: Sequence[str] = FIELDS) -> list[tuple[str, Any]]:
    inside = table_in(table, name, where)
    _only(inside, known, f"{name} in {where}")
    return list(inside.items())


def _text(table: Mapping[str, Any], name: str, where: str) -> str:
    value = table.get(name, "")
    if not isinstance(value, str):
        raise InputError(f"{name} in {where} is {shown(value)}; write a text")
    return value


def _flag(table: Mapping[str, Any], name: str, where: str) -> bool:
    value = table.get(name, False)
    if not isinstance(value, bool):
        raise InputError(f"{name} in {where} is {shown(value)}; write true or false")
    return value


def _choice(table: Mapping[str, Any], name: str, choices: Sequence[str], usual: str, where: str) -> str:
    value = table.get(name, usual)
    if value not in choices:
        raise InputError(f"{name} in {where} is {shown(value)}; write one of {', '.join(choices)}")
    return str(value)


def _texts(table: Mapping[str, Any], name: str, where: str, known: Sequence[str] | None = None) -> dict[str, str]:
    inside = table_in(table, name, where)
    if known is not None:
        _only(inside, known, f"{name} in {where}")
    for key, value in inside.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InputError(f"{name}.{key} in {where} is {shown(value)}; write a text")
        _check_template(str(value), f"{name}.{key} in {where}")
    return {key: str(value) for key, value in inside.items()}


def _check_template(text: str, where: str) -> None:
    try:
        names_in(text)
    except ValueError as error:
        raise InputError(f"{where} is '{text}', which is no template ({error}); write names as {{name}}") from error


def _strings(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str | int | float) for one in value):
        raise InputError(f"{where} is {shown(value)}; write a list of texts")
    return tuple(map(str, value))


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value:
        raise InputError(f"{where} is {shown(value)}; write a number other than 0")
    return float(value)


def _pair(value: object, where: str) -> tuple[str, str]:
    texts = _strings(value, f"same in {where}")
    if len(texts) != 2:
        raise InputError(f"same in {where} is {shown(value)}; write pairs of templates")
    return texts[0], texts[1]


def _patterns(table: Mapping[str, Any], name: str, where: str) -> tuple[re.Pattern[str], ...]:
    return tuple(_pattern(text, f"{name} in {where}") for text in _strings(table.get(name, []), f"{name} in {where}"))


def _pattern(text: str, where: str) -> re.Pattern[str]:
    """Return a pattern of whole paths that may begin in any folder."""
    try:
        return re.compile(rf"{ANYWHERE}(?:{text})", re.IGNORECASE)
    except re.error as error:
        raise InputError(f"{where} is '{text}', which is no regular expression ({error}); correct it") from error
