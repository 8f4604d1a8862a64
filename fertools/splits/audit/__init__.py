"""The audit of a split: leaks, duplicates, label conflicts and short cuts."""
