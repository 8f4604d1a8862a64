"""A suggestion for a misspelled word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'x'` for the known word that is most similar to `word`; an empty text if none is."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean '{near[0]}'" if near else ""
