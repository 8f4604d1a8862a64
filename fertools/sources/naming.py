"""Read the subject and the emotion from the path of a file.

A folder named with a word for an emotion (`joyful/`) labels the files in it. A folder named like a person
(`subject-03/`, `p12/`) names the subject. If two folders above a file look like people (`P03/S1/`), one may be a
session, so the user must choose. A regular expression covers other naming schemes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.vocabulary import Lexicon

PERSON_FOLDER: Final = re.compile(
    r"(?:subject|subj|sub|person|participant|actor|speaker|id|s|p)[-_ ]?\d+", re.IGNORECASE
)
_NUMBERED: Final = re.compile(r"(?P<name>.*?)(?P<number>\d+)")


@dataclass(frozen=True)
class PathLabels:
    """The labels in a path; None where the path has none."""

    subject: str | None
    subject_origin: str | None
    emotion: str | None
    emotion_origin: str | None
    sequence: str | None = None


@dataclass(frozen=True)
class NamingRules:
    """The rules for reading a path.

    A regular expression is searched in the path below the given folder, with `/` as separator. The name of the given
    folder counts last, and only for `auto` subjects and `folder` emotions. So `videos/*` in a shell, which gives the
    folders one by one, has the same result.

    Attributes:
        lexicon: the words for emotions.
        subject_from: `auto` (the folder named like a person), `folder` (the folder of the file), `none`, or a regular
            expression whose first group is the subject.
        emotion_from: `folder` (the nearest folder in the lexicon), `none`, or a regular expression whose first group
            is a word of the lexicon.
        sequence_from: `folder` (pictures of one folder are frames of one take), `none`, or a regular expression whose
            groups together name the take.
    """

    lexicon: Lexicon
    subject_from: str = "auto"
    emotion_from: str = "folder"
    sequence_from: str = "none"

    def __post_init__(self) -> None:
        for option, rule, words in (
            (argument("subject_from"), self.subject_from, ("auto", "folder", "none")),
            (argument("emotion_from"), self.emotion_from, ("folder", "none")),
            (argument("sequence_from"), self.sequence_from, ("folder", "none")),
        ):
            if rule not in words:
                _compile(option, rule, words)

    def read(self, below: Path, given: str = "") -> PathLabels:
        """Return the labels of a file.

        Args:
            below: path of the file relative to the given folder.
            given: name of the given folder; empty to ignore it.

        Raises:
            InputError: `subject_from` is `auto`, and several folders are named like different people.
        """
        folders = [*reversed(below.parent.parts), given]
        subject, subject_origin = self._subject(below, folders)
        emotion, emotion_origin = self._emotion(below, folders)
        return PathLabels(subject, subject_origin, emotion, emotion_origin, self._sequence(below))

    def _subject(self, below: Path, folders: list[str]) -> tuple[str | None, str | None]:
        if self.subject_from == "none":
            return None, None
        if self.subject_from == "folder":
            return (below.parent.as_posix(), "folder") if below.parent.name else (None, None)
        if self.subject_from == "auto":
            names = [name for name in folders if PERSON_FOLDER.fullmatch(name)]
            if len(set(names)) > 1:
                raise InputError(_several(below, next(name for name in names if name != names[0]), names[0]))
            return (names[0], "folder") if names else (None, None)
        subject = _group(self.subject_from, below)
        return (subject, "dataset") if subject else (None, None)

    def _emotion(self, below: Path, folders: list[str]) -> tuple[str | None, str | None]:
        if self.emotion_from == "none":
            return None, None
        if self.emotion_from == "folder":
            labels = [label for name in folders if (label := self.lexicon.lookup_folder(name))]
            return (labels[0], "folder") if labels else (None, None)
        word = _group(self.emotion_from, below)
        label = self.lexicon.lookup(word) if word else None
        return (label, "pattern") if label else (None, None)

    def _sequence(self, below: Path) -> str | None:
        if self.sequence_from == "none":
            return None
        if self.sequence_from == "folder":
            return below.parent.as_posix() if below.parent.name else None
        match = re.search(self.sequence_from, below.as_posix())
        return "/".join(filter(None, match.groups())) or None if match else None


def split_name(path: str) -> tuple[str, int] | None:
    """Return the folder and name of a numbered picture without its number, and the number; None without a number.

    Example:
        >>> split_name("drawn/stills/visible/lab/p01/fear/0003.png")
        ('drawn/stills/visible/lab/p01/fear/', 3)
        >>> split_name("photo.png") is None
        True
    """
    file = PurePath(path)
    found = _NUMBERED.fullmatch(file.stem)
    if found is None or len(found["number"]) > 18:
        return None
    return f"{file.parent.as_posix()}/{found['name']}", int(found["number"])


def _several(below: Path, outer: str, inner: str) -> str:
    """Return the message for a path with two folders that are named like different people."""
    folders = below.parent.parts
    if outer in folders:
        choice = f"{argument('subject_from')} '{_level(folders.index(outer))}' takes '{outer}'"
    else:
        # A pattern does not see the name of the given folder.
        choice = f"give the folder above '{outer}' to choose that"
    return (
        f"'{below.as_posix()}' is in two folders that are named as people, '{outer}' and '{inner}'; say which is the "
        f"person: {choice}, {argument('subject_from')} '{_level(folders.index(inner))}' takes '{inner}'"
    )


def _level(depth: int) -> str:
    """Return the pattern for the folder at a depth below the given folder."""
    above = ("", "[^/]+/")[depth] if depth < 2 else f"(?:[^/]+/){{{depth}}}"
    return f"^{above}([^/]+)/"


def _compile(option: str, rule: str, words: tuple[str, ...]) -> None:
    expected = f"{option} takes {', '.join(words)}, or a regular expression with one group in brackets"
    try:
        groups = re.compile(rule).groups
    except re.error as error:
        raise InputError(f"{expected}; '{rule}' is not one ({error})") from error
    if not groups:
        raise InputError(f"{expected}; '{rule}' has no group")


def _group(rule: str, below: Path) -> str | None:
    match = re.search(rule, below.as_posix())
    return match.group(1) if match else None
