"""The workspace as a Python user has it: the folder of a dataset, and the faces in it."""

from __future__ import annotations

from collections.abc import Iterable

from fertools.core import workspace as folder
from fertools.core.notebook import html_fields
from fertools.manifests import store
from fertools.manifests.query import FaceSelection, select_rows


class Workspace(folder.Workspace):
    """One dataset's folder on disk.

    Args:
        folder: path of the folder, or another workspace.

    Attributes:
        root: absolute path of the folder; it need not exist yet.

    Raises:
        InputError: `folder` is a file, or an address such as `s3://bucket/name`.

    Example:
        >>> Workspace("my-dataset").root.name
        'my-dataset'
    """

    def faces(
        self,
        *,
        emotion: str | Iterable[str] | None = None,
        modality: str | Iterable[str] | None = None,
        dataset: str | Iterable[str] | None = None,
        subject: str | Iterable[str] | None = None,
        fold: int | Iterable[int] | None = None,
        split: str | Iterable[str] | None = None,
        status: str | Iterable[str] | None = None,
    ) -> FaceSelection:
        """Return the faces that meet all of some conditions; all faces, rejected ones too, without any.

        Args:
            emotion: labels, such as `anger`; one or several.
            modality: `visible`, `thermal`, `nir` or `animated`; one or several.
            dataset: names of datasets; one or several.
            subject: identifiers of people, as in the column `subject_id`; one or several.
            fold: numbers of cross-validation folds; one or several.
            split: parts of a hold-out: `train`, `val` or `test`; one or several.
            status: `kept` or `rejected`.

        Raises:
            InputError: there is no manifest yet, or a value that its column never has.
            SchemaError: the manifest is of another schema version.

        Example:
            >>> df = Workspace("my-dataset").faces(emotion="anger").to_pandas()
            >>> sorted(set(df["emotion"]))
            ['anger']
        """
        return select_rows(
            self,
            emotion=emotion,
            modality=modality,
            dataset=dataset,
            subject=subject,
            fold=fold,
            split=split,
            status=status,
        )

    def _repr_html_(self) -> str:
        counts = {}
        if self.manifest.is_file():
            status = store.read_faces(self, ("status",))["status"].to_pylist()
            counts = {"faces kept": status.count("kept"), "faces rejected": status.count("rejected")}
        return html_fields(f"workspace {self.root}", counts)
