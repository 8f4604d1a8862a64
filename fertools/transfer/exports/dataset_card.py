"""What an export says about itself: whose faces, under which terms, how they were collected, labelled and changed.

The card is the only place of this knowledge. `croissant.json` gives it to programs, `DATACARD.md` to people. Its topics
are those of the responsible-AI vocabulary of Croissant (MLCommons, Croissant RAI 1.0). Nothing in it is guessed: what
the workspace does not record is said to be unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.ingestion.dataset_sources import SECTION as TERMS_SECTION
from fertools.ingestion.record import SECTION as INGEST_SECTION
from fertools.training.data.synthetic import count_drawn
from fertools.transfer.exports.chosen_faces import ChosenFaces
from fertools.transfer.exports.export_options import DatasetExportOptions

TOPICS = {
    "dataUseCases": "Uses",
    "dataCollection": "Collection",
    "dataCollectionRawData": "Raw data",
    "dataCollectionMissingData": "Missing data",
    "dataPreprocessingProtocol": "Preprocessing",
    "dataImputationProtocol": "Values that nobody observed",
    "dataManipulationProtocol": "Generated faces",
    "dataAnnotationProtocol": "Labels",
    "dataAnnotationAnalysis": "Agreement of raters",
    "annotatorDemographics": "Raters",
    "machineAnnotationTools": "Values that programs gave",
    "dataBiases": "Biases",
    "dataLimitations": "Limits",
    "dataSocialImpact": "Consequences",
    "personalSensitiveInformation": "Personal and sensitive data",
    "dataReleaseMaintenancePlan": "Maintenance",
}
"""Topics of the responsible-AI vocabulary that a card speaks of, and their headings, in the order of the card."""
_SMALL, _FRONTAL_DEG, _MOST_PEOPLE_SHARE = 0.05, 15.0, 0.2
_ORIGINS = {
    "folder": "from the names of folders",
    "pattern": "from the names of files",
    "people": "by raters",
    "model": "by a trained network",
    "prior": "from the published mean of the expression, not from the face",
    "dataset": "from the dataset",
    "video": "one per video or track",
    "identity": "by comparing faces",
    "person": "by a person",
}


@dataclass(frozen=True)
class DatasetTerms:
    """The terms of one dataset in an export.

    Attributes:
        name: name of the dataset; empty for faces without one.
        faces: number of its faces in the export.
        licence: its licence, or a short text; empty if it is not recorded.
        may_share: whether its pictures may be passed on; None if that is not recorded.
        cite: the work to cite; empty if it is not recorded.
    """

    name: str
    faces: int
    licence: str
    may_share: bool | None
    cite: str


@dataclass(frozen=True)
class DatasetCard:
    """Everything that an export says about itself.

    Attributes:
        title: name of the dataset.
        description: what it is, in a few sentences.
        creators: who made it; empty if that is not given.
        url: its address; empty if that is not given.
        published: day of the publication as YYYY-MM-DD; empty if that is not given.
        people: number of distinct subjects.
        drawn: number of faces of people who do not exist.
        labels: number of faces of each label by part of the split; faces without a label count as "".
        terms: the terms of each dataset.
        statements: one or more sentences by topic (see `TOPICS`).
    """

    title: str
    description: str
    creators: tuple[str, ...]
    url: str
    published: str
    people: int
    drawn: int
    labels: dict[str, dict[str, int]]
    terms: tuple[DatasetTerms, ...]
    statements: dict[str, tuple[str, ...]]


def make_card(workspace: Workspace, faces: ChosenFaces, options: DatasetExportOptions) -> DatasetCard:
    """Return the card of an export.

    Args:
        workspace: workspace of the faces, whose settings record their ingest and the terms of their datasets.
        faces: the exported faces.
        options: options of the export.
    """
    table, settings = faces.table, workspace.settings()
    drawn = count_drawn(workspace, table)
    people = _distinct(table, "subject_id")
    terms = tuple(_terms(table, settings.get(TERMS_SECTION, {})))
    names = ", ".join(one.name for one in terms if one.name)
    title = options.title or f"Faces of {names or workspace.root.name}"
    counted = (
        f"{len(table):,} faces of {people:,} known people in {_distinct(table, 'source_id'):,} videos and pictures"
    )
    described = f"{counted}, with expressions, valence and arousal where they are known. Exported by fertools."
    found = {
        "dataUseCases": _uses(faces),
        "dataCollection": _collection(table, terms, drawn),
        "dataCollectionRawData": ["Videos, frames and original pictures are not part of the export."],
        "dataCollectionMissingData": _missing(faces),
        "dataPreprocessingProtocol": _preprocessing(table, settings.get(INGEST_SECTION, {}), options),
        "dataImputationProtocol": _imputed(table),
        "dataManipulationProtocol": _generated(table),
        "dataAnnotationProtocol": _annotation(table),
        "dataAnnotationAnalysis": _agreement(table),
        "annotatorDemographics": ["Unknown: age, gender, origin and training of raters are not recorded."],
        "machineAnnotationTools": _machines(table, settings.get(INGEST_SECTION, {})),
        "dataBiases": list(_biases(table, drawn)),
        "dataLimitations": _LIMITS,
        "dataSocialImpact": [_CONSEQUENCES],
        "personalSensitiveInformation": _personal(len(table), drawn),
        "dataReleaseMaintenancePlan": [_MAINTENANCE],
    }
    return DatasetCard(
        title=title,
        description=described,
        creators=options.creator,
        url=options.url or "",
        published=options.published or "",
        people=people,
        drawn=drawn,
        labels={part: _counts_of(table.filter(pc.equal(table["part"], part)), "emotion") for part in faces.parts},
        terms=terms,
        statements={topic: tuple(found[topic]) for topic in TOPICS if found[topic]},
    )


_LIMITS = [
    "A label says what a face shows, or was asked to show. It does not prove what the person felt.",
    "Boxes, landmarks and head poses come from a detector, and nobody corrected them.",
    "Faces that the detector did not find are not in the dataset.",
]
_CONSEQUENCES = (
    "Systems that read expressions err more for people who are rare in their training data. Do not use this dataset "
    "to decide about people, or to find out who somebody is."
)
_MAINTENANCE = (
    "If a person withdraws, the makers remove the person with `fertools forget` and export again. Ask them for the "
    "newest export before each use, and delete older ones."
)


def _uses(faces: ChosenFaces) -> list[str]:
    parts = ", ".join(f"{count:,} in {part}" for part, count in faces.parts.items())
    divided = f"Parts: {parts}. No person is in two parts." if len(faces.parts) > 1 else "The faces are not split."
    return ["Training and testing of methods that recognise or generate facial expressions, in research.", divided]


def _collection(table: pa.Table, terms: tuple[DatasetTerms, ...], drawn: int) -> list[str]:
    modalities = _listed(_counts_of(table, "modality"))
    texts = [
        f"Secondary use of existing videos and pictures: {_distinct(table, 'source_id'):,} files. Faces by modality: "
        f"{modalities}."
    ]
    if named := [one.name for one in terms if one.cite]:
        texts.append(f"{', '.join(named)}: collected by their makers, as the works to cite describe.")
    if drawn < len(table):
        texts.append("Whether the people consented to this use is not recorded here.")
    return texts


def _missing(faces: ChosenFaces) -> list[str]:
    table = faces.table
    reasons = _listed(faces.left_out) or "none"
    lacking = {
        words: table[name].null_count
        for name, words in (
            ("subject_id", "without a person"),
            ("emotion", "without an expression"),
            ("valence", "without valence and arousal"),
            ("landmarks", "without landmarks"),
        )
        if table[name].null_count
    }
    return [
        f"Faces of the dataset that are not exported: {reasons}.",
        f"Of the exported faces: {_listed(lacking)}." if lacking else "Every exported face has all labels.",
    ]


def _preprocessing(table: pa.Table, ingest: Mapping[str, Any], options: DatasetExportOptions) -> list[str]:
    if not options.has_pictures:
        return ["The export has measurements and no pictures."]
    templates = _counts_of(table, "template")
    sizes = " and ".join(f"{size} px" for size in sorted(set(table["size_px"].to_pylist()) - {None}))
    texts = [f"Each picture is a square crop around one face{f' of {sizes}' if sizes else ''}."]
    if aligned := {name: count for name, count in templates.items() if name not in ("", "centre")}:
        texts.append(f"Crops are aligned to landmark templates by a similarity transform: {_listed(aligned)}.")
    if ingest.get("smoothing_s"):
        texts.append("In videos, landmarks were smoothed over time before the alignment.")
    return texts


def _imputed(table: pa.Table) -> list[str]:
    texts = []
    if count := pc.sum(table["interpolated"]).as_py():
        texts.append(f"{count:,} faces were missed by the detector and placed between their neighbours in time.")
    if count := _counts_of(table, "va_origin").get("prior", 0):
        texts.append(f"{count:,} faces have the published mean valence and arousal of their expression.")
    return texts or ["None."]


def _generated(table: pa.Table) -> list[str]:
    count = len(table) - table["parent_id"].null_count
    if not count:
        return ["None of the faces is generated."]
    runs = _listed(_counts_of(table.filter(pc.is_valid(table["parent_id"])), "generator_run"))
    return [f"{count:,} faces were generated by networks, by training run: {runs}."]


def _annotation(table: pa.Table) -> list[str]:
    texts = []
    for column, what in (
        ("emotion_origin", "Expression"),
        ("va_origin", "Valence and arousal"),
        ("subject_origin", "Person"),
    ):
        counts = {
            _ORIGINS.get(origin, origin.replace("import:", "imported from ")): count
            for origin, count in _counts_of(table, column).items()
            if origin
        }
        texts.append(f"{what}: {_listed(counts) or 'no face has a value'}.")
    return texts


def _agreement(table: pa.Table) -> list[str]:
    raters = pc.min_max(table["va_raters"]).as_py()
    if raters["max"] is None:
        return ["Not measured: no face has values of several raters here."]
    texts = [f"Valence and arousal: {raters['min']} to {raters['max']} raters per face."]
    means = {name: pc.mean(table[f"{name}_spread"]).as_py() for name in ("valence", "arousal")}
    return texts + [
        f"Mean standard deviation of {name} over raters: {mean:.3f}."
        for name, mean in means.items()
        if mean is not None
    ]


def _machines(table: pa.Table, ingest: Mapping[str, Any]) -> list[str]:
    texts = []
    if detector := ingest.get("detector"):
        texts.append(f"Boxes, landmarks and detection scores: the detector {detector}.")
    if table["yaw_deg"].null_count < len(table):
        texts.append("Head pose, blur and brightness: computed from landmarks and pixels by fertools.")
    if count := _counts_of(table, "emotion_origin").get("model", 0):
        texts.append(f"Expression of {count:,} faces: a trained network.")
    return texts or ["None is recorded."]


def _biases(table: pa.Table, drawn: int) -> Iterator[str]:
    """Yield what the table itself shows; no picture is read."""
    yield "Demographics are unknown: age, gender, skin tone and origin of the people are not recorded."
    if drawn:
        yield f"{drawn:,} of {len(table):,} faces are drawings of people who do not exist."
    counts = _counts_of(table, "emotion")
    labelled = {name: count for name, count in counts.items() if name}
    total = sum(labelled.values())
    if total:
        most = max(labelled, key=lambda name: (labelled[name], name))
        yield f"The most frequent expression is {most}: {labelled[most] / total:.0%} of the labelled faces."
        if rare := [name for name in EMOTIONS if 0 < labelled.get(name, 0) < _SMALL * total]:
            yield f"Rare expressions, each below {_SMALL:.0%}: {', '.join(rare)}."
        if absent := [name for name in EMOTIONS if name not in labelled]:
            yield f"Absent expressions: {', '.join(absent)}."
    yield from _one_sided(table)
    people = {name: count for name, count in _counts_of(table, "subject_id").items() if name}
    if people and max(people.values()) > _MOST_PEOPLE_SHARE * len(table):
        yield f"One person has {max(people.values()) / len(table):.0%} of the faces."
    yaw = table["yaw_deg"].drop_null()
    if len(yaw):
        frontal = pc.sum(pc.less_equal(pc.abs(yaw), _FRONTAL_DEG)).as_py() / len(yaw)
        yield f"{frontal:.0%} of the faces with a known pose are turned by at most {_FRONTAL_DEG:.0f} degrees."
    yield "Short cuts through colour, size and background were not searched here; `fertools audit` does that."


def _one_sided(table: pa.Table) -> Iterator[str]:
    """Yield each expression that only one of several datasets has, because a network can learn the dataset instead."""
    pairs = set(zip(table["emotion"].to_pylist(), table["dataset"].to_pylist(), strict=True))
    if len({dataset for _, dataset in pairs}) < 2:
        return
    found = Counter(emotion for emotion, _ in pairs if emotion is not None)
    for emotion, dataset in sorted(
        (emotion, dataset or "unnamed") for emotion, dataset in pairs if emotion is not None
    ):
        if found[emotion] == 1:
            yield f"All faces with {emotion} are from the dataset {dataset}."


def _personal(faces: int, drawn: int) -> list[str]:
    if drawn == faces:
        return ["None: every person is drawn, and no photograph is part of the dataset."]
    return [
        "Faces are biometric data. People can be recognised in the pictures.",
        "Identifiers of people are not names. They link the faces of one person.",
        "Expressions, valence and arousal are statements about people's inner states, which some laws protect.",
    ]


def _terms(table: pa.Table, recorded: Mapping[str, Any]) -> Iterator[DatasetTerms]:
    pairs = Counter(zip(table["dataset"].to_pylist(), table["licence"].to_pylist(), strict=True))
    for (name, licence), count in sorted(pairs.items(), key=lambda pair: (pair[0][0] or "", pair[0][1] or "")):
        known = recorded.get(name, {}) if name else {}
        yield DatasetTerms(
            name or "", count, licence or known.get("licence", ""), known.get("may_share"), known.get("cite", "")
        )


def _counts_of(table: pa.Table, column: str) -> dict[str, int]:
    """Return the number of rows of each value, in alphabetical order; nulls count as ""."""
    counted = pc.value_counts(table[column]).to_pylist()
    return dict(sorted((str(pair["values"] or ""), pair["counts"]) for pair in counted))


def _distinct(table: pa.Table, column: str) -> int:
    return int(pc.count_distinct(table[column], mode="only_valid").as_py())


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {words}" for words, count in counts.items())
