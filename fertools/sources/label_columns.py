"""Labels that came with the sources: columns of a table, of a row with a picture, or of a sample.

`LabelColumns` says which column means what. Every row passes through `RowReader`, so all kinds of sources have one
vocabulary and one set of rules.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from fertools.core.arguments import argument
from fertools.core.cells import read_cell
from fertools.core.errors import InputError
from fertools.core.label_distribution import LabelDistribution, count_votes, read_expression
from fertools.core.vocabulary import Lexicon

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the picture."""
KNOWN: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "path": tuple((name,) for name in ("path", "file", "filename", "file_name", "image", "image_path")),
    "subject": (("subject_id",), ("subject",)),
    "emotion": (("emotion",), ("expression",), ("label",)),
    "valence": (("valence",),),
    "arousal": (("arousal",),),
    "intensity": (("intensity",),),
    "split": (("split",), ("usage",)),
    "pair": (("pair_id",),),
    "box": (("x1", "y1", "x2", "y2"), ("box",), ("bbox",)),
    "box_size": (("face_x", "face_y", "face_width", "face_height"), ("x", "y", "width", "height")),
}
"""Names of columns that need not be given, by their meaning."""
_SPLITS: Final = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "publictest"), "val"),
    **dict.fromkeys(("test", "testing", "privatetest"), "test"),
}
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_NO_VA: Final = -2.0
"""AffectNet's value for no valence and arousal."""


NO_COLUMN: Final = "-"
"""Given as a column, it means that no column has this meaning."""


@dataclass(frozen=True)
class SourceLabels:
    """The labels of one face, or of all faces of a source.

    Attributes:
        given: names of the attributes that the origin has, even if it has no value for this face.
        subject_id: identifier of the person.
        emotion: label of the lexicon; None if unknown.
        valence: in [-1, 1].
        arousal: in [-1, 1].
        intensity: in [0, 1].
        split: `train`, `val` or `test`.
        pair_id: shared by faces of one moment in several modalities.
        sequence_id: shared by pictures that are frames of one take.
        votes: label and votes, where several raters or a compound label gave the emotion; else empty.
        box: place of the face in the picture; None for all faces of the source.
        reason: why a label is unknown although there is one, such as a tie; else None.
        origin: value of `emotion_origin` and `va_origin`: `import:` and the name of a file.
    """

    given: frozenset[str] = frozenset()
    subject_id: str | None = None
    emotion: str | None = None
    valence: float | None = None
    arousal: float | None = None
    intensity: float | None = None
    split: str | None = None
    pair_id: str | None = None
    sequence_id: str | None = None
    votes: tuple[tuple[str, float], ...] = ()
    box: Box | None = None
    reason: str | None = None
    origin: str = "import:"


@dataclass(frozen=True)
class LabelColumns:
    """Which column of a table means what. A meaning that is not given is taken from a column with a usual name.

    The column `-` means that there is none.

    Attributes:
        path: path of the picture or video, or as much of its end as is unique.
        subject: identifier of the person.
        emotion: word of the lexicon, number of a class, or a compound label.
        valence: in [-1, 1].
        arousal: in [-1, 1].
        intensity: in [0, 1].
        split: part of a hold-out split: train, val or test, and usual words for them.
        pair: shared by faces of one moment in several modalities.
        box: four columns x1, y1, x2, y2 in pixels, or one column with four numbers.
        box_size: four columns x, y, width, height in pixels, or one column with four numbers.
        votes: columns with the votes for one word of the lexicon each; or one column with a JSON object, or with a list
            in the order of `classes`.
        classes: words for the numbers of classes, from 0.

    Example:
        >>> LabelColumns.parse("emotion=expression,box_size=x:y:w:h,classes=neutral:happy").box_size
        ('x', 'y', 'w', 'h')
    """

    path: str | None = None
    subject: str | None = None
    emotion: str | None = None
    valence: str | None = None
    arousal: str | None = None
    intensity: str | None = None
    split: str | None = None
    pair: str | None = None
    box: tuple[str, ...] = ()
    box_size: tuple[str, ...] = ()
    votes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(len(names) not in (0, 1, 4) for names in (self.box, self.box_size)) or (self.box and self.box_size):
            raise InputError(
                f"{argument('columns')} gives a box neither four columns nor one; give box=X1:Y1:X2:Y2 or "
                "box_size=X:Y:WIDTH:HEIGHT"
            )

    @classmethod
    def parse(cls, text: str) -> LabelColumns:
        """Read `MEANING=COLUMN,...`; a meaning of several columns has `:` between them.

        Raises:
            InputError: a meaning is unknown or given twice.
        """
        kinds = {one.name: "tuple" in str(one.type) for one in fields(cls)}
        values: dict[str, Any] = {}
        for pair in filter(None, (part.strip() for part in text.split(","))):
            meaning, equals, name = (part.strip() for part in pair.partition("="))
            if not equals or not name or meaning not in kinds or meaning in values:
                raise InputError(
                    f"{argument('columns')} cannot use '{pair}'; give MEANING=COLUMN once for each, with the meanings "
                    f"{', '.join(kinds)}"
                )
            values[meaning] = tuple(name.split(":")) if kinds[meaning] else name
        return cls(**values)

    def __str__(self) -> str:
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        shown = {name: ":".join(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return ",".join(f"{name}={value}" for name, value in shown.items() if value)

    def find(self, header: Sequence[str], where: str) -> dict[str, tuple[str, ...]]:
        """Return the columns of each meaning in a table.

        Args:
            header: names of the columns, in lower case.
            where: name of the table, for messages.

        Raises:
            InputError: a given column is not in the table.
        """
        found: dict[str, tuple[str, ...]] = {}
        for meaning in (one.name for one in fields(self) if one.name != "classes"):
            value = getattr(self, meaning)
            names = tuple(name.lower() for name in ((value,) if isinstance(value, str) else value or ()))
            if names == (NO_COLUMN,):
                continue
            if missing := [name for name in names if name not in header]:
                raise InputError(
                    f"{where} has no column '{missing[0]}'; its columns are {', '.join(header)}; correct "
                    f"{argument('columns')}"
                )
            if not names and not (meaning.startswith("box") and (self.box or self.box_size)):
                names = next((known for known in KNOWN.get(meaning, ()) if set(known) <= set(header)), ())
            if names:
                found[meaning] = names
        if {"box", "box_size"} <= set(found):
            del found["box_size"]
        return found


@dataclass
class RowReader:
    """Reads rows of one origin as labels of faces.

    Attributes:
        columns: which column means what.
        lexicon: words for emotions.
        origin: value of `emotion_origin`.
        unknown: number of cells by words that the lexicon does not have; such a label is null.
    """

    columns: LabelColumns
    lexicon: Lexicon
    origin: str
    unknown: Counter[str] = field(default_factory=Counter)

    def read(self, cells: Mapping[str, Any], found: Mapping[str, tuple[str, ...]], where: str) -> SourceLabels:
        """Return the labels of a row.

        Args:
            cells: values by column.
            found: columns by meaning, see `LabelColumns.find`.
            where: place of the row, for messages.

        Raises:
            InputError: a value is out of range, or is a number of an unnamed class.
        """
        text = {meaning: read_cell(_scalar(cells.get(names[0]))) for meaning, names in found.items() if names}
        votes = self._votes(cells, found.get("votes", ()), where)
        if votes is None and text.get("emotion"):
            votes = self._expression(text["emotion"], where)
        valence, arousal = (
            self._number(text.get(axis, ""), -1, 1, f"{where}: {axis}", also=_NO_VA) for axis in ("valence", "arousal")
        )
        if (valence is None) != (arousal is None):
            raise InputError(f"{where}: it has only one of valence and arousal; give both or neither")
        given = {_ATTRIBUTES.get(meaning, meaning) for meaning in found} | ({"emotion"} if "votes" in found else set())
        return SourceLabels(
            given=frozenset(given),
            subject_id=text.get("subject") or None,
            emotion=votes.winner if votes else None,
            valence=valence,
            arousal=arousal,
            intensity=self._number(text.get("intensity", ""), 0, 1, f"{where}: intensity"),
            split=self._split(text.get("split", ""), where),
            pair_id=text.get("pair") or None,
            votes=votes.votes if votes and (len(votes.votes) > 1 or "votes" in found) else (),
            box=self._box(cells, found, where),
            reason=f"{where}: {votes.reason}" if votes and votes.reason else None,
            origin=self.origin,
        )

    def _expression(self, text: str, where: str) -> LabelDistribution | None:
        if text.isascii() and text.isdigit() and not self.columns.classes:
            raise InputError(
                f"{where}: the emotion {text} is the number of a class; name the classes in order by "
                f"{argument('columns')} classes=neutral:happy:..."
            )
        if (found := read_expression(text, self.lexicon, self.columns.classes)) is None:
            self.unknown[text[:40]] += 1
        return found

    def _votes(self, cells: Mapping[str, Any], names: Sequence[str], where: str) -> LabelDistribution | None:
        if not names:
            return None
        try:
            if len(names) > 1:
                return count_votes({name: float(read_cell(cells.get(name)) or 0) for name in names}, self.lexicon)
            value = cells.get(names[0])
            value = json.loads(value) if isinstance(value, str) and value.strip() else value
            if isinstance(value, Mapping):
                return count_votes({str(name): float(count or 0) for name, count in value.items()}, self.lexicon)
            if value is None or value == "":
                return None
            pairs = zip(self.columns.classes, value, strict=True)
            return count_votes({name: float(count) for name, count in pairs}, self.lexicon)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{where}: the votes are not numbers for the named words ({error}); correct them"
            ) from error

    def _number(self, text: str, low: float, high: float, where: str, also: float | None = None) -> float | None:
        if not text:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if number == also:
            return None
        if not low <= number <= high:
            raise InputError(f"{where} is {text}; give a number from {low} to {high}, or an empty cell")
        return number

    def _split(self, text: str, where: str) -> str | None:
        if not text:
            return None
        if (split := _SPLITS.get(text.lower())) is None:
            raise InputError(f"{where}: the split '{text}' is unknown; give train, val or test")
        return split

    def _box(self, cells: Mapping[str, Any], found: Mapping[str, tuple[str, ...]], where: str) -> Box | None:
        meaning = "box" if "box" in found else "box_size"
        names = found.get(meaning, ())
        words = [read_cell(_scalar(cells.get(name))) for name in names]
        if not any(words):
            return None
        numbers = [float(number) for number in _NUMBER.findall(" ".join(words))]
        if len(numbers) != 4:
            raise InputError(f"{where}: the box '{' '.join(words)}' has not four numbers; correct it")
        x, y, right, bottom = numbers
        if meaning == "box_size":
            right, bottom = x + right, y + bottom
        if not (all(map(math.isfinite, numbers)) and x < right and y < bottom):
            raise InputError(f"{where}: the box '{' '.join(words)}' has no area; give it as the columns say")
        return (x, y, right, bottom)


_ATTRIBUTES: Final = {"subject": "subject_id", "pair": "pair_id", "box_size": "box"}


def _scalar(value: Any) -> Any:
    """Return a value as a scalar: a list of labels becomes a compound label, and a box a text."""
    return "|".join(map(str, value)) if isinstance(value, list | tuple) else value


def combine(rows: Sequence[SourceLabels]) -> SourceLabels:
    """Return the labels of one face from several rows: emotions are votes, and other values must agree.

    Args:
        rows: rows about the same face, at least one.
    """
    first = rows[0]
    if len(set(rows)) == 1:
        return first
    counts: dict[str, float] = {}
    for row in rows:
        for label, votes in row.votes or (((row.emotion, 1.0),) if row.emotion else ()):
            counts[label] = counts.get(label, 0.0) + votes
    distribution = LabelDistribution(tuple(sorted(counts.items())))
    agreed: dict[str, Any] = {}
    reasons = [distribution.reason] if counts and distribution.reason else []
    for name in ("subject_id", "valence", "arousal", "intensity", "split", "pair_id"):
        values = {getattr(row, name) for row in rows} - {None}
        agreed[name] = values.pop() if len(values) == 1 else None
        if values and agreed[name] is None:
            reasons.append(f"its rows give several values of {name}")
    if agreed["valence"] is None or agreed["arousal"] is None:
        agreed["valence"] = agreed["arousal"] = None
    return SourceLabels(
        given=first.given,
        emotion=distribution.winner,
        votes=distribution.votes if len(distribution.votes) > 1 else (),
        box=first.box,
        reason="; ".join(reasons) or None,
        origin=first.origin,
        **agreed,
    )


def unknown_remarks(name: str, unknown: dict[str, int]) -> list[str]:
    """Return the remark about words that the lexicon does not have."""
    if not unknown:
        return []
    words = ", ".join(f"'{word}' ({count:,})" for word, count in Counter(unknown).most_common(5))
    return [f"unknown: labels in {name} that the lexicon does not have stay empty: {words}"]
