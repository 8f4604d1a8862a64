"""Choose the frames of a sequence: `all`, `first:1`, `last:3`, `middle:3`, `apex` or `every:N`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fertools.core.errors import InputError

KINDS = ("all", "first", "last", "middle", "apex", "every")


@dataclass(frozen=True)
class FrameRule:
    """Which frames of a sequence are read.

    Attributes:
        kind: one of KINDS.
        count: number of frames; for `every`, the step from one frame to the next.
    """

    kind: str = "all"
    count: int = 1

    @classmethod
    def parse(cls, text: str, where: str = "frames") -> FrameRule:
        """Return the rule that a text states.

        Args:
            text: such as `last:3`.
            where: what states it, for the message.

        Raises:
            InputError: it is no rule.

        Example:
            >>> FrameRule.parse("last:3").choose(10)
            [7, 8, 9]
        """
        match = re.fullmatch(rf"({'|'.join(KINDS)})(?::([1-9]\d{{0,5}}))?", text)
        if match is None or (match[1] == "all" and match[2]):
            raise InputError(f"{where} is '{text}'; give all, first:N, last:N, middle:N, apex, apex:N or every:N")
        return cls(match[1], int(match[2] or 1))

    def choose(self, total: int, apex: int | None = None) -> list[int]:
        """Return the positions of the chosen frames, in order; all frames of a shorter sequence.

        Args:
            total: number of frames of the sequence.
            apex: position of the strongest expression; None if unknown, which chooses the last frames instead.

        Example:
            >>> FrameRule("middle", 3).choose(9)
            [3, 4, 5]
            >>> FrameRule("every", 4).choose(9)
            [0, 4, 8]
        """
        if self.kind in ("all", "every"):
            return list(range(0, total, self.count if self.kind == "every" else 1))
        starts = {"first": 0, "last": total - self.count, "middle": (total - self.count) // 2}
        starts["apex"] = starts["last"] if apex is None else min(apex - self.count // 2, total - self.count)
        start = max(0, starts[self.kind])
        return list(range(start, min(total, start + self.count)))

    def __str__(self) -> str:
        alone = self.kind == "all" or (self.kind == "apex" and self.count == 1)
        return self.kind if alone else f"{self.kind}:{self.count}"


ALL = FrameRule()
"""Every frame."""
