"""A ready expression model as a judge of generated faces."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from fertools.core.errors import InputError
from fertools.core.workspace import Workspace
from fertools.faces.centring import CENTRED
from fertools.training.data.faces import Pixels
from fertools.training.data.selection import Selection
from fertools.training.evaluation.cached_outputs import EvaluationNetwork
from fertools.training.evaluation.predictions import TrainingSummary
from fertools.training.recipes.view import View
from fertools.training.runs.public_model import PublicModel, cut_again, open_public

_FER2013 = {
    **{"anger": 3995, "disgust": 436, "fear": 4097, "happiness": 7215},
    **{"neutral": 4965, "sadness": 4830, "surprise": 3171},
}
"""Faces of each expression in the training part of FER2013."""


def open_public_judge(
    workspace: Workspace, name: str, selection: Selection, view: View, device: str, *, chose: bool = False
) -> EvaluationNetwork:
    """Return a ready model as a judge, which cuts its own crop out of the faces of a run.

    Nobody knows which people it was trained on, so it cannot be checked for people that the run holds out.

    Args:
        workspace: workspace with the list of weights.
        name: `public`, the name of an entry of `training/weights.toml`, or the path of a file.
        selection: faces of the run; their template says where the landmarks are.
        view: what the system of the run sees of an aligned face.
        device: device of the network, by its name for torch.
        chose: whether the judge selected the checkpoint of the run.

    Raises:
        InputError: the model is not on this machine or damaged, or the faces have several templates.
    """
    read = PublicReader(open_public(workspace, name, device), find_template(selection), view)
    model = read.model
    trained = TrainingSummary(sum(_FER2013.values()), _FER2013, None, None)
    about = {
        "classes": list(model.network.classes),
        "reads_va": False,
        "size_px": model.info.crop.size_px,
        "chose": chose,
        "trained": asdict(trained),
    }
    return EvaluationNetwork("judge", model.name, model.info.digest, about, len(model.network.classes), read)


class PublicReader:
    """Predicts the crops of a run with a ready model.

    Args:
        model: the model.
        template: template of the crops.
        view: what the crops show of an aligned face.
    """

    def __init__(self, model: PublicModel, template: str, view: View) -> None:
        self.model, self.template, self.view = model, template, view

    def __call__(self, pictures: Pixels) -> NDArray[np.float32]:
        """Return N x C probabilities of N x S x S x 3 uint8 RGB crops."""
        own = cut_again(pictures, self.template, self.view, self.model.info.crop)
        return self.model.network.predict(own)[0]


def find_template(selection: Selection) -> str:
    """Return the template of a run's faces; `centre` for crops without landmarks.

    Args:
        selection: faces of the run by domain.

    Raises:
        InputError: the faces have several templates.
    """
    found = {
        name or CENTRED for faces in selection.domains.values() for name in faces.table["template"].unique().to_pylist()
    }
    if len(found) > 1:
        raise InputError(
            f"the faces have the templates {', '.join(sorted(found))}, and a public model cuts its own crop out of "
            "crops of one template; ingest all of them with one template, or judge with a classifier run"
        )
    return found.pop() if found else CENTRED
