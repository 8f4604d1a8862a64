"""Count what a dataset's folder contains, beside the counts of a complete copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fertools.sources.datasets.reading import DatasetReading


@dataclass(frozen=True)
class CountRow:
    """One count of a dataset.

    Attributes:
        what: what is counted, such as `subjects` or a label.
        found: the count of the folder.
        expected: the count of a complete copy; None if unknown.
    """

    what: str
    found: int
    expected: int | None

    @property
    def differs(self) -> bool:
        """Whether the folder does not have the expected count."""
        return self.expected is not None and self.found != self.expected


def count_dataset(reading: DatasetReading) -> list[CountRow]:
    """Return the counts of files, subjects, sequences and labels.

    Args:
        reading: what the folder contains.
    """
    return list(_rows(reading))


def _rows(reading: DatasetReading) -> Iterator[CountRow]:
    expected = reading.layout.expected
    labels = [one for file in reading.files for one in file.all_labels]
    yield CountRow("files", len(reading.files), expected.files)
    yield CountRow("subjects", len({one.subject for one in labels if one.subject}), expected.subjects)
    sequences = len({one.sequence for one in labels if one.sequence})
    if sequences or expected.sequences is not None:
        yield CountRow("sequences", sequences, expected.sequences)
    emotions = Counter(one.emotion for one in labels)
    for label in sorted({*expected.emotions, *filter(None, emotions)}):
        # Of some datasets only the counts of some labels are known.
        yield CountRow(label, emotions[label], expected.emotions.get(label))
    if emotions[None]:
        yield CountRow("no label", emotions[None], None)


def count_reasons(reading: DatasetReading) -> dict[str, int]:
    """Return why faces have no label where the dataset says something that is none, with their numbers."""
    labels = (one for file in reading.files for one in file.all_labels)
    return dict(Counter(one.reason for one in labels if one.reason).most_common())
