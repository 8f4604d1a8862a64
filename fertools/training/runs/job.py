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
    """What a call works on.

    Attributes:
        workspace: whose manifest.
        configuration: the recipe and the device.
        selection: the faces that take part, by domain.
        record: the content of `run.json`, brought up to date as the work goes on.
        folder: of the run.
        process_group: the processes that work together.
        report: told of progress.
        tensorboard: write what TensorBoard shows, too.
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
        """The faces of the domain that the system is tested on."""
        return self.selection.main

    def write(self) -> None:
        """Write the record, in the first process."""
        if self.process_group.is_first:
            self.folder.write(self.record)
