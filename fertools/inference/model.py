"""`load_model`: open a trained model from its file or the folder of its run, without a workspace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fertools.core.arguments import argument, given
from fertools.core.device import choose_device
from fertools.core.errors import InputError
from fertools.core.explain import reading
from fertools.core.notebook import html_fields
from fertools.core.spelling import nearest
from fertools.core.workspace import Workspace, WorkspaceLike
from fertools.faces.alignment import extract_crop, similarity
from fertools.faces.centring import CENTRED
from fertools.inference.detect import Face, Faces, find_detector, largest
from fertools.inference.pictures import PictureLike, Rgb, is_one, list_pictures, name_picture, read_picture
from fertools.inference.results import PicturePredictions
from fertools.training.data.pixel_cache import resize
from fertools.training.runs.artefact import ModelInfo, read_model
from fertools.training.runs.public_model import is_public, open_public
from fertools.training.runs.rebuilt_network import Network, build_network


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with everything it needs to process pictures.

    Attributes:
        path: path of the model file.
        info: description of the model: system, recipe, classes, crop, and the faces that it was trained on.
        device: name of the torch device that it runs on.
        trained_on: training data of a public model, in words; empty for a model of a run.
        licence: licence of a public model and of its data; empty for a model of a run.
    """

    path: Path
    info: ModelInfo
    device: str
    _network: Network
    trained_on: str = ""
    licence: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The expressions that `predict` distinguishes; empty if the model does not predict them."""
        return self._network.classes

    @property
    def predicts_va(self) -> bool:
        """Whether `predict` returns valence and arousal."""
        return self._network.predicts_va

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets of `translate`; empty if the model does not translate."""
        return self._network.targets

    def predict(
        self, pictures: PictureLike | Iterable[PictureLike], *, aligned: bool = False, batch_size: int = 64
    ) -> PicturePredictions:
        """Predict the expression of the largest face of each picture.

        Faces are detected, aligned to the crop that the model expects, and scaled to its size and range of values.

        Args:
            pictures: the path of a file, a PIL image or an HxWx3 uint8 RGB array; or several of these.
            aligned: the pictures are crops as the model expects them (see `info.crop`), so no face is detected.
            batch_size: number of pictures that are processed together.

        Returns:
            One prediction per picture, also for a single picture. A picture without a face has a prediction that says
            so.

        Raises:
            InputError: the model does not predict, a picture cannot be read, or the model's crops cannot be made from
                pictures.
        """
        self.require_predictions()
        listed = list_pictures(pictures)
        self._check(aligned=aligned, batch_size=batch_size)
        columns = len(self.classes), 2 * self.predicts_va
        shares, points = (np.full((len(listed), count), np.nan, np.float32) for count in columns)
        found: list[Face | None] = []
        read = np.zeros(len(listed), np.bool_)
        for start, crops, faces in self._crops(listed, aligned=aligned, batch_size=batch_size):
            rows = start + np.flatnonzero([crop is not None for crop in crops])
            found += faces
            read[rows] = True
            if len(rows):
                stacked = np.stack([crop for crop in crops if crop is not None])
                shares[rows], points[rows] = self._network.predict(stacked)
        names = tuple(name_picture(picture, number) for number, picture in enumerate(listed))
        return PicturePredictions(names, tuple(found), read, self.classes, shares, points)

    def translate(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        target: str,
        *,
        aligned: bool = False,
        batch_size: int = 32,
    ) -> Rgb:
        """Translate the largest face of each picture and return the results.

        Args:
            pictures: the path of a file, a PIL image or an HxWx3 uint8 RGB array; or several of these.
            target: one of `targets`, such as `happiness`.
            aligned: the pictures are crops as the model expects them (see `info.crop`), so no face is detected.
            batch_size: number of pictures that are processed together.

        Returns:
            SxSx3 uint8 RGB for one picture, NxSxSx3 for several; S is `info.crop.size_px`.

        Raises:
            InputError: the model does not translate or lacks this target, a picture cannot be read or has no face, or
                the model's crops cannot be made from pictures.
        """
        if not self.targets:
            raise InputError(f"{self.path} predicts and does not translate; call predict, or load a generator")
        if target not in self.targets:
            known = f"choose one of {', '.join(self.targets)}"
            raise InputError(f"{argument('target')} is '{target}'{nearest(target, self.targets)}; {known}")
        listed = list_pictures(pictures)
        self._check(aligned=aligned, batch_size=batch_size)
        size_px = self.info.crop.size_px
        made = [np.empty((0, size_px, size_px, 3), np.uint8)]
        for start, crops, _ in self._crops(listed, aligned=aligned, batch_size=batch_size):
            for number, crop in enumerate(crops, start):
                if crop is None:
                    raise InputError(
                        f"there is no face in picture {name_picture(listed[number], number)}; leave it out, or give a "
                        f"crop of the face with {given('aligned', True)}"
                    )
            made.append(self._network.translate(np.stack([crop for crop in crops if crop is not None]), target))
        translated = np.concatenate(made)
        return translated[0] if is_one(pictures) else translated

    def align(self, picture: Rgb, landmarks: NDArray[np.floating]) -> Rgb:
        """Return the crop of a face as `predict` takes it with `aligned`.

        Args:
            picture: HxWx3 uint8 RGB.
            landmarks: (5, 2) x, y in its pixels, ordered as `Face.landmarks`.

        Returns:
            SxSx3 uint8 RGB; S is `info.crop.aligned_px`.
        """
        # The same steps as in ingest and training: aligned at the original crop size, then resized.
        crop = self.info.crop
        return extract_crop(picture, similarity(landmarks, crop.template, crop.aligned_px), crop.aligned_px, crop.fill)

    def require_predictions(self) -> None:
        """Raise InputError unless the model predicts expressions, or valence and arousal."""
        if not self.classes and not self.predicts_va:
            does = "translates faces" if self.targets else f"is a part of {self.info.system}'s training"
            way = "call translate, or load a classifier" if self.targets else "load another network of its run"
            raise InputError(f"{self.path} {does} and predicts nothing; {way}")

    def require_template(self) -> None:
        """Raise InputError if the crops that the model expects cannot be made of pictures."""
        if self.info.crop.template == CENTRED:
            raise InputError(
                f"{self.path} was trained on face crops without landmarks, which cannot be made of a picture; give "
                f"crops like them with {given('aligned', True)}"
            )

    def _check(self, *, aligned: bool, batch_size: int) -> None:
        if batch_size < 1:
            raise InputError(f"{argument('batch_size')} is {batch_size}; give 1 or more")
        if not aligned:
            self.require_template()

    def _crops(
        self, pictures: list[PictureLike], *, aligned: bool, batch_size: int
    ) -> Iterator[tuple[int, list[Rgb | None], list[Face | None]]]:
        """Yield the index of the first picture of each batch, the crops, and their faces."""
        expected = self.info.crop
        for start in range(0, len(pictures), batch_size):
            frames = [read_picture(picture) for picture in pictures[start : start + batch_size]]
            if aligned:
                yield start, [resize(frame, expected.view) for frame in frames], [None] * len(frames)
                continue
            search = find_detector("mtcnn", min_face=20, weights="auto", device=self.device)
            faces = [largest(Faces(found)) for found in search.detect(frames)]
            yield start, [self._crop(frame, face) for frame, face in zip(frames, faces, strict=True)], faces

    def _crop(self, frame: Rgb, face: Face | None) -> Rgb | None:
        if face is None:
            return None
        return resize(self.align(frame, face.landmarks), self.info.crop.view)

    def __repr__(self) -> str:
        return f"Model({str(self.path)!r}, system={self.info.system!r}, device={self.device!r})"

    def _repr_html_(self) -> str:
        info, crop = self.info, self.info.crop
        fields = {
            "system": info.system,
            "run": info.run,
            "predicts": ", ".join([*self.classes, *(["valence, arousal"] if self.predicts_va else [])]),
            "translates to": ", ".join(self.targets),
            "crop": f"{crop.template}, {crop.size_px} x {crop.size_px}",
            "trained on": self.trained_on or f"{info.faces:,} faces of {info.subjects:,} people",
            "licence": self.licence,
            "device": self.device,
        }
        return html_fields(str(self.path), {name: value for name, value in fields.items() if value})


def load_model(
    path: str | Path, *, network: str | None = None, device: str = "auto", workspace: WorkspaceLike = "."
) -> Model:
    """Open a trained model.

    Args:
        path: folder of a finished run, or a file of its folder `models/`, which may have been copied elsewhere; or a
            public model: `public`, another name that `fertools weights` lists, or a Keras file of such a model.
        network: name of the network of a run with several, such as `generator`; None if there is one.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        workspace: workspace whose list and files of weights are used for a public model.

    Raises:
        InputError: there is no model there, the run is not finished or has several networks, or the file is damaged or
            from another version of fertools.
        DeviceError: the device is unknown or not on this machine.

    Example:
        >>> model = load_model("my-dataset/training/classifier/cpu", device="cpu")
        >>> model.info.system, model.classes[0], model.info.crop.size_px
        ('classifier', 'anger', 32)
    """
    if is_public(known := Workspace(workspace), str(path)):
        ready = open_public(known, str(path), choose_device(device))
        return Model(ready.path, ready.info, ready.network.device, ready.network, ready.trained_on, ready.licence)
    file = _find_file(Path(path).expanduser(), network)
    info, state = read_model(file)
    name = choose_device(device)
    return Model(file, info, name, build_network(info, state, name, str(file)))


def open_model(model: Model | str | Path, workspace: Workspace, device: str) -> Model:
    """Return a model as commands name it.

    Args:
        model: an opened model, which is returned; a public model such as `public`; a run of the workspace as
            `SYSTEM/RUN`; the folder of a run, or a model file.
        workspace: workspace with runs and weights.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.

    Raises:
        InputError: there is no such model, or it cannot be opened.
        DeviceError: the device is unknown or not on this machine.
    """
    if isinstance(model, Model):
        return model
    if is_public(workspace, str(model)):
        return load_model(model, device=device, workspace=workspace)
    path = Path(model).expanduser()
    run = workspace.root / "training" / str(model).removeprefix("training/")
    if not path.exists() and not run.is_dir():
        raise InputError(
            f"{argument('model')} is '{model}', and there is no such run or file; give public, SYSTEM/RUN, the folder "
            "of a run, or a model file"
        )
    return load_model(path if path.exists() else run, device=device)


def _find_file(path: Path, network: str | None) -> Path:
    if not path.is_dir():
        return path
    folder = path if path.name == "models" else path / "models"
    files = {file.stem: file for file in sorted(folder.glob("*.safetensors"))}
    if not files:
        record = path / "run.json"
        if record.is_file():
            with reading(record, "is not a whole record", "restore it"):
                finished = bool(json.loads(record.read_bytes())["finished"])
            if not finished:
                raise InputError(f"the run in {path} is not finished; train it to the end first")
        raise InputError(f"there is no model in {path}; give the folder of a finished run, or a file of its models/")
    if network is None and len(files) == 1:
        return next(iter(files.values()))
    if network not in files:
        wanted = "has several networks" if network is None else f"has no network '{network}'"
        raise InputError(f"the run in {path} {wanted}; give {argument('network')} as one of {', '.join(files)}")
    return files[network]
