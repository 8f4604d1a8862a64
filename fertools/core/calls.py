"""What messages tell a user to run: each call in Python beside the command that does the same, in one place.

The texts are marks of `fertools.core.arguments`. A test calls for each function and option that they name.
"""

from __future__ import annotations

from fertools.core.arguments import call

INGEST = call("ingest(inputs, workspace)", "ingest SOURCE")
FILTER = call("filter_faces(workspace)", "filter")
FORGET = call("forget(workspace)", "forget")
IDENTIFY = call("identify(workspace)", "identify")
VALIDATE = call("validate(workspace)", "validate")
SPLIT = call("split(workspace, folds=10)", "split --folds 10")
SPLIT_ANEW = call("split(workspace, folds=10, overwrite=True)", "split --folds 10 --overwrite")
SPLIT_HOLDOUT = call("split(workspace, holdout=0.1)", "split --holdout 0.1")
SPLIT_LOSO = call("split(workspace, loso=True, overwrite=True)", "split --loso --overwrite")
IMPORT_LABELS = call("import_labels(workspace, path)", "annotate LABELS.csv")
PUBLISH = call("publish(workspace)", "annotate publish")
AGREEMENT = call("measure_agreement(workspace)", "annotate agreement")
TRAIN_CLASSIFIER = call('train(workspace, "classifier")', "train classifier")


def split_folds(folds: int) -> str:
    """Return the call that splits into some folds in place of an earlier split."""
    return call(f"split(workspace, folds={folds}, overwrite=True)", f"split --folds {folds} --overwrite")


def push(url: str) -> str:
    """Return the call that copies a workspace to an address."""
    return call(f'push(workspace, "{url}")', f"push {url}")


def pull(url: str, prefer: str = "") -> str:
    """Return the call that copies a dataset from an address; `prefer` is the side that wins."""
    if prefer:
        return call(f'pull(workspace, "{url}", prefer="{prefer}")', f"pull {url} --prefer {prefer}")
    return call(f'pull(workspace, "{url}")', f"pull {url}")


def generate(run: str) -> str:
    """Return the call that generates faces of held-out people by a run."""
    return call(f'generate(workspace, "{run}")', f"generate {run}")


def generate_training_faces(run: str) -> str:
    """Return the call that generates faces of training people by a run."""
    return call(f'generate(workspace, "{run}", which="train")', f"generate {run} --of train")


def ingest(modality: str) -> str:
    """Return the call that ingests faces of a modality."""
    options = f'IngestOptions(modality="{modality}")'
    return call(f"ingest(inputs, workspace, {options})", f"ingest SOURCE --modality {modality}")


def train(system: str, run: str) -> str:
    """Return the call that trains a run of a system."""
    return call(f'train(workspace, "{system}", run="{run}")', f"train {system} --run {run}")
