"""One call that works on a run."""

from __future__ import annotations

from dataclasses import dataclass

from fertools.core.progress import Reporter
from fertools.core.workspace import Workspace
from fertools.training.data.faces import Faces
from fertools.training.data.selection import Selection
from fertools.training.engine.process_group import ProcessGroup
from fertools.training.runs.configuration import RunConfiguration
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.metadata import Record


@dataclass(frozen=True)
class Job:
    """One call of `train`, with everything that it works on.

    Attributes:
        workspace: workspace of the run.
        configuration: the recipe and the device.
        selection: the faces of the run, by domain.
        record: content of `run.json`, updated during the run.
        folder: folder of the run.
        process_group: the processes that train together.
        report: reporter of progress.
        tensorboard: whether to write a log for TensorBoard.
    """

    workspace: Workspace
    configuration: RunConfiguration
    selection: Selection
    record: Record
    folder: RunFolder
    process_group: ProcessGroup
    report: Reporter
    tensorboard: bool = False

    @property
    def faces(self) -> Faces:
        """The faces of the first domain, on which the system is tested."""
        return self.selection.main

    def write(self) -> None:
        """Write the record, in the first process."""
        if self.process_group.is_first:
            self.folder.write(self.record)
