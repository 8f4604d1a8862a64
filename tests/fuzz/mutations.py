"""Damage to a file, by a seed: what disks, transfers and editors do, and what people write by mistake."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]

WORDS = (
    *("", "0", "-1", "1e999", "-1e999", "nan", "inf", "1e-400", "0.5", "true", "null", "None", "²", "٣"),
    *("9" * 20, "9" * 400, "9" * 5000, "2020-01-01", "1979-05-27T07:32:00Z", "0x1F", "1_000", "-0"),
    *('""', "''", "[]", "{}", "[[1]]", "{a = 1}", '{"a": 1}', '"', "'", "\\", "\n", "\r", "\t", "\x00", "\x1b[31m"),
    *(
        "../../x",
        "/dev/full",
        "\ufeff",
        "\u202e",
        "e\u0301",
        "\ud7ff",
        "a" * 3000,
        ",",
        ";",
        ";;;;",
        "=",
        "<",
        "&",
        "&#0;",
    ),
    *("[" * 3000, "{" * 3000, "<a>" * 1500, "anger", "s0", "0.1,0.2", "%", "{0}", "{stargan}", "* " * 50),
)
"""What stands in place of a word of a text: wrong types, numbers beyond all bounds, signs that formats live on."""
_WORD = re.compile(rb"[A-Za-z0-9_.+-]+")


def truncate(content: bytes, rng: random.Random) -> bytes:
    """Cut the end off."""
    return content[: rng.randrange(len(content) or 1)]


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    """Flip one bit, or several."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64)) if content else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flip_near_an_end(content: bytes, rng: random.Random) -> bytes:
    """Flip bits where most formats keep what the rest is read by."""
    changed = bytearray(content)
    span = min(len(changed), 400)
    for _ in range(rng.choice((1, 2, 4)) if content else 0):
        place = rng.randrange(span)
        changed[place if rng.random() < 0.5 else len(changed) - 1 - place] ^= 1 << rng.randrange(8)
    return bytes(changed)


def swap_blocks(content: bytes, rng: random.Random) -> bytes:
    """Swap two blocks of one size."""
    size = rng.choice((1, 16, 512, 4096))
    if len(content) < 2 * size:
        return content[::-1]
    changed = bytearray(content)
    one, other = (rng.randrange(len(content) - size) for _ in range(2))
    changed[one : one + size], changed[other : other + size] = content[other : other + size], content[one : one + size]
    return bytes(changed[: len(content)])


def insert_bytes(content: bytes, rng: random.Random) -> bytes:
    """Insert bytes that were not there."""
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.randbytes(rng.choice((1, 3, 100))) + content[place:]


def blank_out(content: bytes, rng: random.Random) -> bytes:
    """Fill a block with zeros or ones, as a page that was never written."""
    place, size = rng.randrange(len(content) + 1), rng.choice((4, 64, 1024))
    return content[:place] + rng.choice((b"\x00", b"\xff")) * size + content[place + size :]


def repeat(content: bytes, rng: random.Random) -> bytes:
    """Write a part twice."""
    begin = rng.randrange(len(content) or 1)
    end = min(len(content), begin + rng.choice((1, 40, 2000)))
    return content[:end] + content[begin:end] * rng.choice((1, 1, 50)) + content[end:]


def huge_number(content: bytes, rng: random.Random) -> bytes:
    """Write the largest number over four or eight bytes, or the smallest negative one."""
    size = rng.choice((4, 8))
    place = rng.randrange(max(1, len(content) - size))
    value = rng.choice((b"\xff" * (size - 1) + b"\x7f", b"\xff" * size, b"\x00" * (size - 1) + b"\x80"))
    return content[:place] + value + content[place + size :]


def not_utf8(content: bytes, rng: random.Random) -> bytes:
    """Put bytes in that no UTF-8 holds."""
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice((b"\xff", b"\xe9", b"\xc3(", b"\xed\xa0\x80", b"\xfe\xff")) + content[place:]


def empty(content: bytes, rng: random.Random) -> bytes:
    """Leave nothing."""
    return b""


def other_word(content: bytes, rng: random.Random) -> bytes:
    """Put other words in place of one of the text, or of several."""
    for _ in range(rng.choice((1, 1, 1, 3))):
        if not (found := list(_WORD.finditer(content))):
            return content
        word = rng.choice(found)
        content = content[: word.start()] + rng.choice(WORDS).encode() + content[word.end() :]
    return content


def other_line(content: bytes, rng: random.Random) -> bytes:
    """Leave a line out, write it twice, or put it elsewhere."""
    lines = content.splitlines(keepends=True) or [b""]
    line = lines.pop(rng.randrange(len(lines)))
    for _ in range(rng.randrange(3)):
        lines.insert(rng.randrange(len(lines) + 1), line)
    return b"".join(lines)


def many_columns(content: bytes, rng: random.Random) -> bytes:
    """Make a line many thousand columns long."""
    lines = content.splitlines(keepends=True) or [b""]
    place = rng.randrange(min(2, len(lines)))
    lines[place] = rng.choice((b",", b";", b"\t")).join(b"c%d" % n for n in range(20_000)) + b"\n"
    return b"".join(lines)


BINARY: tuple[Mutation, ...] = (
    *(truncate, flip_bits, flip_bits, flip_near_an_end, flip_near_an_end, swap_blocks, insert_bytes, blank_out),
    *(huge_number, huge_number, empty, repeat),
)
TEXT: tuple[Mutation, ...] = (
    *(other_word, other_word, other_word, other_word, other_line, other_line, not_utf8, truncate, flip_bits),
    *(insert_bytes, repeat, many_columns, empty),
)
