"""The reference page of the manifest, made from the schema and the invariants.

`python -m fertools.manifests.reference` writes `docs/reference/manifest.md`; a test keeps the two equal.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from fertools.core import files
from fertools.manifests.invariants import CROPS_DECODE, INVARIANTS
from fertools.manifests.schema import FACES, LABEL_COLUMNS, SCHEMA_VERSION, SOURCES, Column, TableSchema

PAGE = Path("docs/reference/manifest.md")
"""Where the page lies, below the root of a checkout."""

_INTRODUCTION = f"""\
# The manifest

<!-- Made by `python -m fertools.manifests.reference`. Change fertools/manifests/schema.py instead. -->

Schema version {SCHEMA_VERSION}. Two Parquet tables, each sorted by its key, in which no value comes twice. Null means
unknown, everywhere. Order is always (valence, arousal).

The schema version is in the metadata of each file under `fertools.schema_version`. A file of another version is refused
by name. A generated face is a row like any other, with its provenance filled in.
"""
_LABELS = f"""\
## What later commands fill

Ingest leaves these columns of `faces` to labels, subjects and splits, or gives a first value from names of folders:
{", ".join(f"`{name}`" for name in LABEL_COLUMNS)}.
When the manifest is put together again after more has been ingested, faces that stay keep them.
"""
_INVARIANTS = """\
## Invariants

`fertools validate` looks at every one, besides the rules in the tables above, and ends with exit code 4 if one is
broken. What it says of those that break it:

| invariant | broken when |
|---|---|
"""


def render() -> str:
    """Return the page as Markdown."""
    tables = "\n".join(_render_table(schema) for schema in (FACES, SOURCES))
    rows = [f"| `{invariant.name}` | {invariant.sentence} |" for invariant in INVARIANTS]
    rows.append(f"| `{CROPS_DECODE.name}` | {CROPS_DECODE.sentence} (with `--deep`) |")
    return f"{_INTRODUCTION}\n{tables}\n{_LABELS}\n{_INVARIANTS}" + "\n".join(rows) + "\n"


def _render_table(schema: TableSchema) -> str:
    parts = [f"## manifests/{schema.name}.parquet\n\nKey: `{schema.key}`. {len(schema.columns)} columns.\n"]
    for group, columns in groupby(schema.columns, key=lambda column: column.group):
        rows = [f"| `{column.name}` | {_render_type(column.type)} | {_render_doc(column)} |" for column in columns]
        parts.append(
            f"### {schema.name}: {group.lower()}\n\n| column | type | meaning |\n|---|---|---|\n" + "\n".join(rows)
        )
        parts.append("")
    return "\n".join(parts)


def _render_doc(column: Column) -> str:
    text = column.doc
    if column.choices is not None:
        text += f" One of {', '.join(f'`{choice}`' for choice in column.choices)}."
    if column.bounds is not None:
        text += f" In [{_render_number(column.bounds[0])}, {_render_number(column.bounds[1])}]."
    return text + (" Never null." if column.required else "")


def _render_number(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"


def _render_type(type_: pa.DataType) -> str:
    """Return a type as people write it: `float32[5][2]` for five pairs."""
    sizes = ""
    while pa.types.is_fixed_size_list(type_):
        sizes += f"[{type_.list_size}]"
        type_ = type_.value_type
    names = {"float": "float32", "double": "float64"}
    return f"{names.get(str(type_), str(type_))}{sizes}"


def main(root: Path = Path()) -> int:
    """Write the page below `root`; return the exit code."""
    files.write_text(root / PAGE, render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
