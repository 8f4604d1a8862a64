"""How a model was trained, in sentences for a paper's section on methods, told from the record of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TRAINING_REFERENCES = {
    "stargan": "Choi, Y., Choi, M., Kim, M., Ha, J., Kim, S., Choo, J. (2018). StarGAN: unified generative adversarial "
    "networks for multi-domain image-to-image translation. CVPR.",
    "wgan-gp": "Gulrajani, I., Ahmed, F., Arjovsky, M., Dumoulin, V., Courville, A. (2017). Improved training of "
    "Wasserstein GANs. NeurIPS.",
    "resnet": "He, K., Zhang, X., Ren, S., Sun, J. (2016). Deep residual learning for image recognition. CVPR.",
    "vgg": "Simonyan, K., Zisserman, A. (2015). Very deep convolutional networks for large-scale image recognition. "
    "ICLR.",
    "alexnet": "Krizhevsky, A., Sutskever, I., Hinton, G. (2012). ImageNet classification with deep convolutional "
    "neural networks. NeurIPS.",
    "hog": "Dalal, N., Triggs, B. (2005). Histograms of oriented gradients for human detection. CVPR.",
    "lbp": "Shan, C., Gong, S., McOwan, P. (2009). Facial expression recognition based on local binary patterns: a "
    "comprehensive study. Image and Vision Computing 27, 803-816.",
    "platt": "Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large Margin "
    "Classifiers, 61-74.",
}
"""What these sentences may cite."""

_OPTIMISERS = {"sgd": "stochastic gradient descent", "adam": "Adam", "adamw": "AdamW"}
_SCHEDULES = {
    "constant": "kept constant",
    "linear": "falling linearly to zero over the second half",
    "cosine": "falling to zero along a cosine",
}
_CONDITIONS = {
    "class7": "the seven expressions",
    "va2": "valence and arousal",
    "class7+va2": "the seven expressions together with valence and arousal",
}


def describe_training(trained: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Return sentences on how models were trained, and the keys of `TRAINING_REFERENCES` that they cite.

    Args:
        trained: by what a reader calls the model, of the record of its run `system`, `source`, `recipe`, `iterations`
            and `sessions`; with `data`, how many faces and people there were on each side is said too.
    """
    sentences: list[str] = []
    cited: list[str] = []
    for name, record in trained.items():
        words, keys = _WRITERS.get(record["system"], _after_its_source)(name, record)
        sentences += [*words, *_sides(record)]
        cited += keys
    if trained:
        versions = next(iter(trained.values()))["sessions"][-1]["versions"]
        torch = f" and PyTorch {versions['torch']}" if "torch" in versions else ""
        sentences.append(f"Training used fertools {versions['fertools']}{torch}.")
    return sentences, cited


def _classifier(name: str, record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    value = _reader(record)
    network = str(value("network"))
    key = next((key for key in ("resnet", "vgg", "alexnet") if network.startswith(key)), None)
    width = "" if value("width") == 1 else f", its channels multiplied by {value('width'):g}"
    weights = value("pretrained")
    begun = f"beginning with the weights {weights}" if weights else "from random weights"
    size = value("image_size")
    sentences = [
        f"{name} is {network}{width}, trained {begun} for at most {value('epochs'):g} epochs on faces of {size} × "
        f"{size} pixels in batches of {value('batch_size')}, by {_OPTIMISERS[value('optimiser')]} with a learning rate "
        f"of {value('lr'):g}, {_SCHEDULES[value('lr_schedule')]}."
    ]
    if share := value("val_share"):
        sentences.append(
            f"The best epoch was chosen on {share:.0%} of the training subjects, who had no other part in training."
        )
    return sentences, [key] if key else []


def _svm(name: str, record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    value = _reader(record)
    features = value("features")
    size = value("image_size")
    words = {
        "hog": "histograms of oriented gradients (Dalal and Triggs, 2005)",
        "lbp": "local binary patterns by region (Shan et al., 2009)",
    }
    return [
        f"{name} is a linear support vector machine (C = {value('c'):g}) on {words[features]} of grey faces of "
        f"{size} × {size} pixels; sigmoids (Platt, 1999) fitted in {value('calibration_folds')} parts of the training "
        "subjects turn its margins into probabilities."
    ], [features, "platt"]


def _stargan(name: str, record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    value = _reader(record)
    size = value("image_size")
    penalty = value("gp") == "wgan-gp"
    how = f"with {'gradient penalty (Gulrajani et al., 2017)' if penalty else 'penalty ' + str(value('gp'))}"
    return [
        f"{name} is a StarGAN (Choi et al., 2018), trained to translate faces of {size} × {size} pixels to "
        f"{_CONDITIONS[value('condition')]}, for {record['iterations']:,} iterations of {value('batch_size')} faces: "
        f"{value('n_critic')} updates of the discriminator, {how}, to one of the generator, "
        f"by Adam (β1 = {value('beta1'):g}, β2 = {value('beta2'):g}) with a learning rate of {value('lr'):g}, "
        f"{_SCHEDULES[value('lr_schedule')]}. Weights of the losses: {value('lambda_cls'):g} for the condition, "
        f"{value('lambda_rec'):g} for the reconstruction."
    ], ["stargan", *(["wgan-gp"] if penalty else [])]


def _after_its_source(name: str, record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    return [f"{name} was trained for {record['iterations']:,} iterations, after: {record['source']}."], []


_WRITERS = {"classifier": _classifier, "svm": _svm, "stargan": _stargan}


def _reader(record: Mapping[str, Any]) -> Any:
    return lambda key: record["recipe"][key]["value"]


def _sides(record: Mapping[str, Any]) -> list[str]:
    if "data" not in record:
        return []
    train, test = (record["data"][side] for side in ("train", "test"))
    people = "1 other subject" if test["subjects"] == 1 else f"{test['subjects']:,} other subjects"
    return [
        f"It learned from {train['faces']:,} faces of {train['subjects']:,} subjects; {test['faces']:,} faces of "
        f"{people} were held out."
    ]
