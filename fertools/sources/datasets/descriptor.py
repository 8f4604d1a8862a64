"""Descriptors: what a published dataset looks like, read from `manifests/NAME.toml`.

A descriptor has one or more layouts, because most datasets circulate in several forms. A layout has marks by which a
folder is recognised, the patterns of its pictures and videos, its label tables, and the fields that follow from both.
`docs/how-to/datasets.md` describes the file key by key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fertools.sources.datasets.frame_rules import ALL, FrameRule

FIELDS = (
    "subject",
    "emotion",
    "intensity",
    "valence",
    "arousal",
    "sequence",
    "frame",
    "apex",
    "session",
    "view",
    "modality",
    "pair",
    "split",
)
"""What a layout can say about a file."""
NUMBERS = ("intensity", "valence", "arousal")
"""Fields that are numbers in the manifest."""
ANYWHERE = "(?:.*?/)??"
"""Beginning of each pattern of paths: the folders above, as few as possible, since a pattern's own may be optional."""
FORMS = ("csv", "words", "json", "npy", "xml")
"""Forms of label tables."""
FACES = ("only", "largest", "box")
"""Which face of a picture the label means: the only one of a crop, the largest one, or the one in the given box."""
BOXES = ("xyxy", "xywh", "tlrb")
"""Order of the four numbers of a box; `tlrb` is top, left, right, bottom."""


@dataclass(frozen=True)
class Terms:
    """The terms of a dataset, as far as known.

    Attributes:
        licence: licence or a short text, written to every row.
        may_share: whether its pixels may be passed on.
        apply: how to get the dataset.
        cite: the work to cite.
        verified: whether the terms were checked against the makers' own text.
    """

    licence: str
    may_share: bool
    apply: str = ""
    cite: str = ""
    verified: bool = False


@dataclass(frozen=True)
class Fact:
    """A statement about a dataset.

    Attributes:
        text: one sentence.
        verified: whether the makers, or two independent sources, say so.
    """

    text: str
    verified: bool = False


@dataclass(frozen=True)
class Protocol(Fact):
    """How papers evaluate on a dataset. Exactly one of `folds`, `loso` and `holdout` is given if it has a name.

    Attributes:
        name: name for `fertools split --protocol`; empty if the split cannot be made from the manifest alone.
        folds: number of folds of people; None for another way.
        loso: whether one person is left out at a time.
        holdout: share of faces that is held out.
        turns: whether person number i goes to fold i modulo the number of folds.
        subjects: number of people whose faces take part; None if unknown.
        emotions: the classes; empty if unknown.
    """

    name: str = ""
    folds: int | None = None
    loso: bool = False
    holdout: float | None = None
    turns: bool = False
    subjects: int | None = None
    emotions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expected:
    """Counts of a complete copy.

    Attributes:
        files: number of pictures or videos that are read; None if unknown.
        subjects: number of people; None if unknown.
        sequences: number of sequences; None if unknown.
        emotions: number of files per label.
        verified: whether the makers, or two independent sources, say so.
    """

    files: int | None = None
    subjects: int | None = None
    sequences: int | None = None
    emotions: Mapping[str, int] = field(default_factory=dict)
    verified: bool = False


@dataclass(frozen=True)
class Table:
    """A kind of label table.

    Attributes:
        file: pattern of the paths of such tables; its named groups are values.
        form: one of FORMS.
        key: template of the key that joins a row to the files with the same key.
        columns: names of the columns of `words` and of CSV without a header. For `json` the fields, for `xml` the
            places, such as `track@view`, by name; for `npy` the name of the value.
        header: whether a CSV has a header; its names become values in lower case.
        skip: number of lines before the first row or the header.
        delimiter: character between cells; None for a comma, semicolon or tab, whichever occurs most often.
        rows: field of a JSON object that holds an object per row; empty if the file is one row.
        where: values that a row must have.
        tally: column whose values are counted as votes, over all rows of a key.
        optional: whether the layout works without the table.
        pixels: column with the grey values of a picture, which then needs no file.
        picture: template of the name of such a picture.
        shape: height and width of such a picture.
    """

    file: re.Pattern[str]
    form: str
    key: str
    columns: Mapping[str, str] | tuple[str, ...] = ()
    header: bool = False
    skip: int = 0
    delimiter: str | None = None
    rows: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    tally: str = ""
    optional: bool = False
    pixels: str = ""
    picture: str = ""
    shape: tuple[int, int] = (48, 48)


@dataclass(frozen=True)
class AlsoFrames:
    """Frames that are read in addition, with values of their own, such as the neutral first frame of a sequence.

    Attributes:
        frames: which frames.
        values: fields of these frames, such as `emotion`; others are those of the sequence.
        labelled: read them only from sequences with an emotion.
    """

    frames: FrameRule
    values: Mapping[str, str]
    labelled: bool = True


@dataclass(frozen=True)
class Layout:
    """One form in which a dataset circulates.

    Attributes:
        name: short name.
        title: who hands it out in this form.
        marks: patterns of paths; a folder has this layout if each of them matches a path in it.
        without: patterns of paths that a folder of this layout does not contain.
        files: patterns of the paths of pictures and videos; named groups are values.
        tree: the expected tree, to be shown.
        fields: templates by name of the field.
        codes: values of the dataset by field, and what they mean.
        missing: values by field that stand for an unknown one.
        scale: divisors by field.
        votes: templates of the number of votes, by label.
        tie: sign between the labels of an emotion that are tied; empty if the dataset writes no ties.
        box: templates of the four numbers of a face's box.
        box_order: one of BOXES.
        key: template of the key that joins a file to rows of tables.
        tables: label tables.
        frames: which frames of a sequence are read.
        also: frames that are read in addition.
        crops: whether the pictures are face crops.
        face: which face of a picture the label means, one of FACES.
        one_of: template; of several files with the same value, the first is read.
        same: pairs of templates that should be equal; a difference is reported.
        hash_subject: whether subjects are people's names, which the manifest must not contain.
        needs_label: whether files without a row in a label table are left out.
        expected: counts of a complete copy.
        verified: whether the makers, or two independent sources, describe this layout so.
    """

    name: str
    title: str
    marks: tuple[re.Pattern[str], ...]
    files: tuple[re.Pattern[str], ...]
    tree: str
    without: tuple[re.Pattern[str], ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scale: Mapping[str, float] = field(default_factory=dict)
    votes: Mapping[str, str] = field(default_factory=dict)
    tie: str = ""
    box: tuple[str, ...] = ()
    box_order: str = "xyxy"
    key: str = ""
    tables: tuple[Table, ...] = ()
    frames: FrameRule = ALL
    also: tuple[AlsoFrames, ...] = ()
    crops: bool = False
    face: str = "largest"
    one_of: str = ""
    same: tuple[tuple[str, str], ...] = ()
    hash_subject: bool = False
    needs_label: bool = False
    expected: Expected = Expected()
    verified: bool = False


@dataclass(frozen=True)
class Descriptor:
    """A published dataset.

    Attributes:
        name: name of the file without `.toml`; the value of `--dataset`.
        title: full name.
        about: what the dataset contains.
        terms: its terms.
        layouts: the forms in which it circulates; the first that fits is read.
        protocol: the papers' protocols: folds, dropped classes, metric.
        facts: further facts, such as known irregularities.
        is_own: whether it comes from the workspace and not from fertools.
        digest: digest of the file's content.
    """

    name: str
    title: str
    about: str
    terms: Terms
    layouts: tuple[Layout, ...]
    protocol: tuple[Protocol, ...] = ()
    facts: tuple[Fact, ...] = ()
    is_own: bool = False
    digest: str = ""

    @property
    def unverified(self) -> list[str]:
        """What was not checked against the makers' text or two independent sources, one sentence each."""
        found = [] if self.terms.verified else ["the terms"]
        for layout in self.layouts:
            found += [] if layout.verified else [f"the layout {layout.name} ({layout.title})"]
            known = layout.expected != Expected()
            found += [f"the counts of the layout {layout.name}"] if known and not layout.expected.verified else []
        return found + [fact.text for fact in (*self.protocol, *self.facts) if not fact.verified]
