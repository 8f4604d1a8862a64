"""Draft a descriptor for a folder from a template of its paths, such as `{subject}/{emotion}/{name}.jpg`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.vocabulary import Lexicon
from fertools.sources.content import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from fertools.sources.datasets.descriptor import ANYWHERE, FIELDS
from fertools.sources.datasets.frame_rules import FrameRule
from fertools.sources.datasets.tree import Tree

GUESSES = (
    "{subject}/{emotion}/{name}",
    "{split}/{emotion}/{name}",
    "{emotion}/{subject}_{name}",
    "{subject}_{emotion}_{name}",
    "{emotion}/{name}",
    "{subject}/{name}",
    "{name}",
)
"""Templates that are tried for a folder, the most telling first."""
SPLIT_WORDS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""Names of parts of a split."""


@dataclass(frozen=True)
class Draft:
    """What a descriptor shall say.

    Attributes:
        name: name of the dataset: lower-case letters, digits and dashes.
        files: template of the paths of its files below the folder, without their ending. Names in braces are fields
            of a descriptor. Any other name stands for a part that means nothing.
        title: full name; empty for `name`.
        licence: licence or terms.
        may_share: whether its pixels may be passed on.
        crops: whether the pictures are face crops.
        modality: modality of all files.
        frames: which frames of a sequence are read.
        codes: label by the dataset's own word for an emotion.
    """

    name: str
    files: str
    title: str = ""
    licence: str = "unknown"
    may_share: bool = False
    crops: bool = False
    modality: str = "visible"
    frames: str = "all"
    codes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", self.name):
            raise InputError(f"{argument('name')} is '{self.name}'; give lower-case letters, digits and dashes")
        FrameRule.parse(self.frames, argument("frames"))


def guess_template(tree: Tree, lexicon: Lexicon) -> str:
    """Return the template that describes most files of a folder, with emotions in the lexicon.

    Args:
        tree: files of the folder.
        lexicon: the words for emotions.
    """
    names = _media(tree)
    return max(GUESSES, key=lambda guess: (_fits(names, guess, lexicon), -GUESSES.index(guess)))


def write_draft(draft: Draft, tree: Tree) -> str:
    """Return the text of a descriptor.

    Args:
        draft: what it shall say.
        tree: files of the folder, from which the marks are made.

    Raises:
        InputError: the template has no files, or fewer than two from which marks can be made.
    """
    pattern = _pattern(draft.files)
    regex = re.compile(f"{ANYWHERE}(?:{pattern})", re.IGNORECASE)
    matches = [match for name in _media(tree) if (match := regex.fullmatch(name))]
    if not matches:
        raise InputError(f"no file of {tree.title} is named as '{draft.files}'; give another template")
    fields = {name: f"{{{name}}}" for name in regex.groupindex if name in FIELDS}
    fields |= {"modality": draft.modality} if "modality" not in fields else {}
    codes = {"emotion": dict(draft.codes)} if draft.codes else {}
    codes |= {"split": SPLIT_WORDS} if "split" in fields else {}
    marks = [pattern, _example(draft.files, matches[0])]
    lines = [
        f"title = {_quoted(draft.title or draft.name)}",
        f"about = {_quoted(f'A folder of {len(matches)} files.')}",
        "",
        "[terms]",
        f"licence = {_quoted(draft.licence)}",
        f"may_share = {str(draft.may_share).lower()}",
    ]
    for name, table in codes.items():
        lines += ["", f"[codes.{name}]", *(f"{_quoted(word)} = {_quoted(label)}" for word, label in table.items())]
    lines += [
        "",
        "[[layouts]]",
        'name = "folder"',
        f"title = {_quoted(f'files named as {draft.files}')}",
        "verified = true",
        f"marks = [{', '.join(map(_quoted, marks))}]",
        f"files = [{_quoted(pattern)}]",
        f"tree = {_quoted(tree.names[0].split('/', 1)[-1])}",
        f"pictures = {_quoted('crops' if draft.crops else 'whole')}",
        f"frames = {_quoted(draft.frames)}",
        "",
        "[layouts.fields]",
        *(f"{name} = {_quoted(template)}" for name, template in fields.items()),
    ]
    return "\n".join(lines) + "\n"


def _media(tree: Tree) -> list[str]:
    suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    return [name for name in tree.names if PurePosixPath(name).suffix.lower() in suffixes]


def _fits(names: Sequence[str], template: str, lexicon: Lexicon) -> int:
    """Return how many files a template describes, whose emotion is in the lexicon and whose split is a part."""
    regex = re.compile(f"[^/]+/(?:{_pattern(template)})", re.IGNORECASE)
    count = 0
    for name in names:
        values = match.groupdict() if (match := regex.fullmatch(name)) else None
        if values is None or ("emotion" in values and lexicon.lookup(values["emotion"]) is None):
            continue
        if "split" in values and values["split"].lower() not in SPLIT_WORDS:
            continue
        count += 1 if "{emotion}" in template or "{subject}/" in template else 0
    return count


def _pattern(template: str) -> str:
    """Return the regular expression of a template; a repeated name stands for the same text."""
    parts, seen = re.split(r"\{(\w+)\}", template), set[str]()
    if len(parts) == 1:
        raise InputError(f"{argument('files')} is '{template}'; write names in braces, as in {{subject}}/{{name}}")
    text = ""
    for place, part in enumerate(parts):
        if place % 2 == 0:
            text += re.escape(part)
        elif part in seen:
            text += f"(?P={part})"
        else:
            seen.add(part)
            # The last name takes the rest of the path's component, with dots.
            text += f"(?P<{part}>[^/]+)" if place == len(parts) - 2 else f"(?P<{part}>[^/]+?)"
    return text if PurePosixPath(template).suffix else rf"{text}\.\w+"


def _example(template: str, match: re.Match[str]) -> str:
    """Return a mark with the folder, or the beginning, of a file that is there."""
    values = match.groupdict()
    last = re.findall(r"\{(\w+)\}", template)[-1]
    filled = re.sub(r"\{(\w+)\}", lambda name: "\0" if name[1] == last else values[name[1]], template)
    text = re.escape(filled).replace(re.escape("\0"), "[^/]+").replace("\0", "[^/]+")
    return text if PurePosixPath(template).suffix else rf"{text}\.\w+"


def _quoted(text: str) -> str:
    # JSON's strings are TOML's basic strings.
    return json.dumps(text, ensure_ascii=False)
