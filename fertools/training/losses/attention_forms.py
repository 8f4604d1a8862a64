"""The forms of attention transfer, available without importing torch."""

from __future__ import annotations

from typing import Literal

AttentionForm = Literal["literal", "reference"]
"""The form of attention maps and of their distance; see `fertools.training.losses.attention`."""
