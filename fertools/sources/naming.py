"""What a file's place says about whom it shows and what they express.

A folder named by a word for an emotion (`joyful/`) labels what is in it. A folder named as a person
(`subject-03/`, `p12/`) is that person; where two folders around a file are (`P03/S1/`), one may be a session, so the
caller must say which. Where the names follow another rule, a regular expression says it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.vocabulary import Lexicon

PERSON_FOLDER: Final = re.compile(
    r"(?:subject|subj|sub|person|participant|actor|speaker|id|s|p)[-_ ]?\d+", re.IGNORECASE
)


@dataclass(frozen=True)
class PathLabels:
    """What a name says; None where it says nothing."""

    subject: str | None
    subject_origin: str | None
    emotion: str | None
    emotion_origin: str | None


@dataclass(frozen=True)
class NamingRules:
    """How to read a name.

    Attributes:
        lexicon: the words for emotions.
        subject_from: `auto` (the folder named as a person), `folder` (the folder that holds the file),
            `none`, or a regular expression whose first group is the subject.
        emotion_from: `folder` (the nearest folder that the lexicon knows), `none`, or a regular expression
            whose first group is a word of the lexicon.

    A regular expression is searched in the path below the given folder, with `/` between its parts. The name of the
    given folder itself counts last, and for `auto` subjects and `folder` emotions alone: `videos/*` in a shell gives
    the folders one by one, and `joyful/` means the same then.
    """

    lexicon: Lexicon
    subject_from: str = "auto"
    emotion_from: str = "folder"

    def __post_init__(self) -> None:
        for option, rule, words in (
            (argument("subject_from"), self.subject_from, ("auto", "folder", "none")),
            (argument("emotion_from"), self.emotion_from, ("folder", "none")),
        ):
            if rule not in words:
                _compile(option, rule, words)

    def read(self, below: Path, given: str = "") -> PathLabels:
        """Return what a file's place says.

        Args:
            below: its path relative to the folder that was given.
            given: name of that folder; empty if it is to say nothing.

        Raises:
            InputError: `subject_from` is `auto`, and several folders are named as different people.
        """
        folders = [*reversed(below.parent.parts), given]
        subject, subject_origin = self._subject(below, folders)
        emotion, emotion_origin = self._emotion(below, folders)
        return PathLabels(subject, subject_origin, emotion, emotion_origin)

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


def _several(below: Path, outer: str, inner: str) -> str:
    """Return what to say of a path with two folders that are named as different people."""
    folders = below.parent.parts
    if outer in folders:
        choice = f"{argument('subject_from')} '{_level(folders.index(outer))}' takes '{outer}'"
    else:
        # The name of the folder that was given is not in the path that a pattern sees.
        choice = f"give the folder above '{outer}' to choose that"
    return (
        f"'{below.as_posix()}' lies in two folders that are named as people, '{outer}' and '{inner}'; say which is the "
        f"person: {choice}, {argument('subject_from')} '{_level(folders.index(inner))}' takes '{inner}'"
    )


def _level(depth: int) -> str:
    """Return the pattern of the folder that has so many folders above it."""
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
