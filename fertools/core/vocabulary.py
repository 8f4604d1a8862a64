"""Labels of emotions: the seven expressions in their fixed order, and the lexicon of everyday words for labels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fertools.core import package_data
from fertools.core.errors import InputError
from fertools.core.toml import shown, table_in

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
"""The seven expressions in alphabetical order: the order of every table, tensor and sample grid."""


@dataclass(frozen=True)
class Lexicon:
    """Everyday words for emotions, such as `joyful` for happiness.

    Attributes:
        labels: all allowed values of the column `emotion`: the seven expressions, then other labels.
        words: label of each word or phrase, in lower case with single spaces.
        codes: label of each abbreviation in lower case. Folders are not matched with them: `an` may be a person's name.
    """

    labels: tuple[str, ...]
    words: dict[str, str]
    codes: dict[str, str] = field(default_factory=dict)

    def lookup(self, text: str) -> str | None:
        """Return the label for a table cell or a matched word, or None without one; codes count, too.

        The whole text must be one word or phrase of the lexicon. Case, `_`, `-` and digits at either end do not matter:
        `01_Joyful` is happiness, but `not happy` has no label.
        """
        return self.lookup_folder(text) or self.codes.get(normalise(text))

    def lookup_folder(self, name: str) -> str | None:
        """Return the label for the name of a folder, or None without one; codes do not count."""
        return self.words.get(normalise(name))


def normalise(text: str) -> str:
    """Return `text` in lower case with single spaces between words and without digits at either end.

    Example:
        >>> normalise("03_Ill-Tempered")
        'ill tempered'
    """
    return " ".join(re.findall(r"[^\W_]+", text.lower())).strip("0123456789 ")


def load_lexicon(workspace: Path | None = None) -> Lexicon:
    """Return the lexicon of `annotations/lexicon.toml`; the workspace's own file takes precedence.

    Raises:
        InputError: the file lacks one of the seven labels, or assigns a word to two labels.
    """
    path = package_data.find("annotations", "lexicon", workspace)
    table = table_in(package_data.read_toml(path), "labels", path)
    if missing := [label for label in EMOTIONS if label not in table]:
        raise InputError(f"{path} lacks a [labels.{missing[0]}] table; all seven expressions are needed")
    words: dict[str, str] = {}
    codes: dict[str, str] = {}
    for label in table:
        entry = table_in(table, label, f"[labels] of {path}")
        words_here, codes_here = (_listed(path, entry, label, kind) for kind in ("words", "codes"))
        for held, word in [(words, word) for word in (label, *words_here)] + [(codes, word) for word in codes_here]:
            key = normalise(word)
            if (other := words.get(key) or codes.get(key) or label) != label:
                raise InputError(f"{path} assigns the word '{word}' to both {other} and {label}; keep one")
            held[key] = label
    wider = sorted(label for label in table if label not in EMOTIONS)
    return Lexicon(labels=(*EMOTIONS, *wider), words=words, codes=codes)


def _listed(path: Path, entry: dict[str, Any], label: str, kind: str) -> list[str]:
    """Return the `words` or `codes` of a label; raise InputError unless they are a list of strings."""
    listed = entry.get(kind, [])
    if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
        raise InputError(f'{path} gives {label} the {kind} {shown(listed)}; write a list, such as ["joyful"]')
    return listed
