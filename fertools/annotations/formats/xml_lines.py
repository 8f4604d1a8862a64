"""Parse XML with the line number of each element."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from fertools.annotations.formats.table import read_text
from fertools.core.errors import InputError


@dataclass
class Element:
    """An XML element.

    Attributes:
        tag: name of the element.
        attributes: value of each attribute by name.
        line: line in which the element begins, from 1.
        text: text directly in the element.
        children: elements directly in the element.
    """

    tag: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> Iterator[Element]:
        """Yield all elements with a tag below this one, in order, at any depth."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.all(tag)


def read_xml(path: Path, root: str) -> Element:
    """Return the root element of the XML file at `path`.

    Raises:
        InputError: the file is not XML, has another root than `root`, or defines its own entities.
    """
    text = read_text(path)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    top = Element("", {}, 0)
    open_elements = [top]

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, parser.CurrentLineNumber)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(tag: str) -> None:
        open_elements.pop()

    def words(data: str) -> None:
        open_elements[-1].text += data

    def refuse(name: str, *rest: object) -> None:
        # Expanding defined entities can make a small file grow without limit.
        raise InputError(f"{path.name}:{parser.CurrentLineNumber}: it defines the entity '{name}'; write it out")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = words, refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise InputError(f"{path.name}:{error.lineno}: this is not XML ({reason}); correct the line") from error
    found = top.children[0]
    if found.tag != root:
        raise InputError(f"{path.name}:{found.line}: the root is <{found.tag}>, not <{root}>; give another format")
    return found
