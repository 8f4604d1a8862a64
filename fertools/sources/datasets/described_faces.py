"""Turn the values of names and tables into labels: codes, missing values, votes, boxes and hashed names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from fertools.core.errors import InputError
from fertools.core.hashing import hash_bytes
from fertools.core.label_distribution import OTHER
from fertools.core.vocabulary import Lexicon
from fertools.manifests.schema import MODALITIES, SPLITS
from fertools.sources.datasets.descriptor import NUMBERS, Descriptor, Layout
from fertools.sources.datasets.filling import fill
from fertools.sources.label_columns import Box, SourceLabels

ORIGIN = "dataset"
"""Origin of the labels that a dataset states."""
VOTES = "votes"
"""Value of the field `emotion` that takes the label with most votes."""


@dataclass(frozen=True)
class DescribedFace:
    """What a dataset says about one face.

    Attributes:
        subject: identifier of the person.
        emotion: label of the lexicon.
        intensity: from 0 to 1.
        valence: from -1 to 1.
        arousal: from -1 to 1.
        votes: number of votes by label; labels outside the lexicon have the dataset's own words.
        soft_votes: votes by label of the lexicon; the votes for other words together are those of another expression.
        sequence: identifier of the sequence.
        session: identifier of the session.
        view: direction of the camera.
        modality: how the picture was taken.
        pair: identifier of a moment that several modalities show.
        split: part of the published split: `train`, `val` or `test`.
        box: x1, y1, x2, y2 of the face in pixels; None if the picture is the face's.
        reason: why there is no emotion, where the dataset says something that is none.
    """

    subject: str | None = None
    emotion: str | None = None
    intensity: float | None = None
    valence: float | None = None
    arousal: float | None = None
    votes: Mapping[str, float] = field(default_factory=dict)
    soft_votes: tuple[tuple[str, float], ...] = ()
    sequence: str | None = None
    session: str | None = None
    view: str | None = None
    modality: str = "visible"
    pair: str | None = None
    split: str | None = None
    box: Box | None = None
    reason: str | None = None

    @property
    def labels(self) -> SourceLabels:
        """The labels as any source has them."""
        return SourceLabels(
            given=frozenset({"subject_id", "emotion"}),
            subject_id=self.subject,
            emotion=self.emotion,
            valence=self.valence,
            arousal=self.arousal,
            intensity=self.intensity,
            split=self.split,
            pair_id=self.pair,
            votes=self.soft_votes,
            box=self.box,
            reason=self.reason,
            origin=ORIGIN,
        )


@dataclass(frozen=True)
class Labeller:
    """Makes labels by the fields of a layout.

    Attributes:
        descriptor: the dataset.
        layout: the layout.
        lexicon: the words for emotions.
    """

    descriptor: Descriptor
    layout: Layout
    lexicon: Lexicon

    def labels(
        self,
        values: Mapping[str, str],
        override: Mapping[str, str] | None = None,
        tally: Mapping[str, int] | None = None,
        reason: str | None = None,
    ) -> DescribedFace:
        """Return the labels that some values give.

        Args:
            values: values of names and tables.
            override: templates of fields that differ from the layout's.
            tally: counted votes by the dataset's own words; None to read them from the values.
            reason: why the emotion is unknown, if it is.

        Raises:
            InputError: a number is out of range, or a modality or split is unknown.
        """
        templates = {**self.layout.fields, **(override or {})}
        raw = {name: self.raw(name, values, template) for name, template in templates.items() if name != "emotion"}
        votes = self._votes(values, tally)
        emotion, why = self._emotion(templates.get("emotion", ""), values, votes)
        numbers = {name: self._number(name, raw.get(name), values) for name in NUMBERS}
        return DescribedFace(
            subject=self._subject(raw.get("subject")),
            emotion=None if reason else emotion,
            **numbers,
            votes=votes,
            soft_votes=self._soft(votes),
            sequence=raw.get("sequence"),
            session=raw.get("session"),
            view=raw.get("view"),
            modality=self._word("modality", raw.get("modality") or "visible", MODALITIES),
            pair=None if (pair := raw.get("pair")) is None else self._hash(pair)[:32],
            split=None if (split := raw.get("split")) is None else self._word("split", split, SPLITS),
            box=self._box(values),
            reason=reason or why,
        )

    def raw(self, name: str, values: Mapping[str, str], template: str | None = None) -> str | None:
        """Return the text of a field after its codes, None if it is unknown.

        Args:
            name: name of the field.
            values: values of names and tables.
            template: template of the field; None for the layout's.
        """
        text = fill(template if template is not None else self.layout.fields.get(name, ""), values)
        if not text or text in self.layout.missing.get(name, ()):
            return None
        codes = self.layout.codes.get(name, {})
        return codes.get(text, codes.get(_plain(text), codes.get("*", text))) or None

    def _emotion(
        self, template: str, values: Mapping[str, str], votes: Mapping[str, float]
    ) -> tuple[str | None, str | None]:
        if template == VOTES:
            return _winner(votes, self.lexicon)
        text = fill(template, values)
        if not text or text in self.layout.missing.get("emotion", ()):
            return None, None
        code = self.raw("emotion", values, template)
        if code is None:
            return None, f"the dataset's label '{text}' is no emotion"
        label = self.lexicon.lookup(code)
        return label, None if label else f"the dataset's label '{code}' is not in the lexicon"

    def _votes(self, values: Mapping[str, str], tally: Mapping[str, int] | None) -> dict[str, float]:
        counted: dict[str, float] = {}
        if tally:
            codes = self.layout.codes.get("emotion", {})
            given = {codes.get(word, word): float(count) for word, count in tally.items()}
        else:
            texts = {label: fill(template, values) for label, template in self.layout.votes.items()}
            given = {label: _float(text) or 0.0 for label, text in texts.items() if text is not None}
        for word, count in given.items():
            label = self.lexicon.lookup(word) or word
            counted[label] = counted.get(label, 0.0) + count
        return {label: count for label, count in counted.items() if count}

    def _soft(self, votes: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
        soft: dict[str, float] = {}
        for word, count in votes.items():
            label = word if word in self.lexicon.labels else OTHER
            soft[label] = soft.get(label, 0.0) + count
        return tuple(sorted(soft.items()))

    def _number(self, name: str, text: str | None, values: Mapping[str, str]) -> float | None:
        if text is None:
            return None
        number = _float(text)
        if number is None:
            raise InputError(f"{_place(values)}: {name} is '{text}', which is no number; correct it")
        number /= self.layout.scale.get(name, 1.0)
        low = 0.0 if name == "intensity" else -1.0
        if not low <= number <= 1.0:
            raise InputError(
                f"{_place(values)}: {name} is {number:g}, outside [{low:g}, 1]; correct it, or list it under missing "
                f"in the descriptor {self.descriptor.name}"
            )
        return number

    def _word(self, name: str, text: str, known: tuple[str, ...]) -> str:
        if text not in known:
            raise InputError(
                f"the descriptor {self.descriptor.name} reads the {name} '{text}'; give it a code that is one of "
                f"{', '.join(known)}"
            )
        return text

    def _subject(self, text: str | None) -> str | None:
        if text is None or not self.layout.hash_subject:
            return text
        return f"s{self._hash(text)[:12]}"

    def _hash(self, text: str) -> str:
        return hash_bytes(self.descriptor.name.encode(), text.encode())

    def _box(self, values: Mapping[str, str]) -> Box | None:
        if not self.layout.box:
            return None
        numbers = [_float(fill(template, values) or "") for template in self.layout.box]
        if any(number is None for number in numbers):
            return None
        a, b, c, d = (number or 0.0 for number in numbers)
        boxes = {"xyxy": (a, b, c, d), "xywh": (a, b, a + c, b + d), "tlrb": (b, a, c, d)}
        return boxes[self.layout.box_order]


def _winner(votes: Mapping[str, float], lexicon: Lexicon) -> tuple[str | None, str | None]:
    """Return the label with most votes, or None and the reason."""
    if not votes:
        return None, None
    most = max(votes.values())
    first = sorted(label for label, count in votes.items() if count == most)
    if len(first) > 1:
        return None, f"the votes are tied between {' and '.join(first)}"
    label = lexicon.lookup(first[0])
    return label, None if label else f"most votes are for '{first[0]}', which is no emotion"


def _float(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _plain(text: str) -> str:
    """Return a number in its shortest form, such as 3 for `3.0000000e+00`, and other text in lower case."""
    number = _float(text)
    return text.lower() if number is None else f"{number:g}"


def _place(values: Mapping[str, str]) -> str:
    return f"{values.get('path', 'a file')}{':' + values['line'] if 'line' in values else ''}"
