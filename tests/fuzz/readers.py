"""The table of everything that fertools reads: which file, how it is damaged, and which commands read it then."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fuzz.mutations import BINARY, TEXT, Mutation
from tests.fuzz.sandbox import CLASSES, CLIP

Command = tuple[str, ...]

_ONE_WORKER = ("--workers", "1")
_INGEST: Command = ("ingest", "given", "--crops", *_ONE_WORKER, "--crop-px", "32", "--crop-format", "png")
_SPLIT: Command = ("split", "--folds", "2", "--overwrite")
_PRIOR: Command = ("annotate", "--va", "--prior", "--overwrite")
_EXPLAIN: Command = ("train", "stargan", "--preset", "smoke", "--device", "cpu", "--explain")
_GENERATE: Command = ("generate", "stargan/t", "--limit", "1", "--device", "cpu")
_VALIDATE: Command = ("validate",)
_RECROP: Command = ("recrop", "--template", "centre", "--crop-px", "24")
_LABELS: Command = ("annotate", "labels.csv")
_AGREEMENT: Command = ("annotate", "agreement")
_PUBLISH: Command = ("annotate", "publish")


@dataclass(frozen=True)
class Reader:
    """Something that is read, and its readers.

    Attributes:
        name: of the entry.
        path: the file that is damaged, in the workspace of `tests.fuzz.sandbox`; a pattern for the first that fits.
        commands: one of them is drawn for a case.
        mutations: one of them is drawn, too.
        trained: whether trained runs are needed.
        neighbours: sources beside the damaged one, by what ends of their paths, that a manifest must have afterwards.
        weight: how often it is drawn beside the others in a long campaign.
        setting: whether no file is damaged but the last argument of the command, in which `{}` stands for it.
    """

    name: str
    path: str
    commands: tuple[Command, ...]
    mutations: tuple[Mutation, ...] = BINARY
    trained: bool = False
    neighbours: tuple[str, ...] = ()
    weight: float = 1.0
    setting: bool = False


def _source(kind: str) -> Reader:
    """Return a picture or video that lies between two whole pictures."""
    command = ("ingest", f"other/{kind}", "-w", "new", *_ONE_WORKER, "--crop-px", "32")
    return Reader(
        f"source {kind}",
        f"other/{kind}/m.{kind}",
        ((*command, "--crops"), (*command, "--min-face", "24")),
        neighbours=("a.png", "z.png"),
        weight=1.5,
    )


def _format(name: str, path: str, *mutations: Mutation, options: Command = ()) -> Reader:
    return Reader(f"labels {name}", path, (("annotate", "import", name.split()[0], path, *options),), mutations or TEXT)


READERS: tuple[Reader, ...] = (
    *(_source(kind) for kind in ("png", "jpg", "tiff", "webp", "gif", "bmp")),
    *(_source(kind) for kind in ("mp4", "mkv", "webm", "avi", "mov")),
    Reader("recrop's video", CLIP, (_RECROP,)),
    Reader(
        "manifest",
        "manifests/faces.parquet",
        (
            *(
                _VALIDATE,
                _SPLIT,
                _PRIOR,
                _RECROP,
                _LABELS,
                _PUBLISH,
                _AGREEMENT,
                _INGEST,
                ("show",),
                ("validate", "--deep"),
            ),
            *(
                ("show", "--sheet", "sheet.png"),
                ("stats", "--page", "stats.html"),
                ("annotate", "export", "csv", "-o", "out.csv"),
                ("merge", "-w", "new", "."),
            ),
        ),
        weight=4,
    ),
    Reader(
        "sources table",
        "manifests/sources.parquet",
        (
            _VALIDATE,
            _RECROP,
            _LABELS,
            _INGEST,
            _SPLIT,
            ("stats",),
            ("annotate", "import", "csv", "subjects.csv"),
            ("merge", "-w", "new", "."),
        ),
        weight=2,
    ),
    Reader("part, faces", "manifests/parts/*.faces.parquet", (_INGEST, _VALIDATE, ("merge", "-w", "new", "."))),
    Reader("part, sources", "manifests/parts/*.sources.parquet", (_INGEST, _VALIDATE, ("merge", "-w", "new", "."))),
    Reader("digests", "manifests/digests.json", (_INGEST,), TEXT, weight=0.5),
    Reader("log of ratings", "annotations/ratings.sqlite", (_AGREEMENT, _PUBLISH), weight=4),
    Reader("settings", "fertools.toml", (_INGEST, _VALIDATE, _SPLIT, ("merge", "-w", "new", ".")), TEXT),
    Reader("lexicon", "annotations/lexicon.toml", (_LABELS, _PRIOR, _INGEST), TEXT),
    Reader("circumplex", "annotations/circumplex.toml", (_PRIOR,), TEXT),
    Reader("recipe", "training/stargan.toml", (_EXPLAIN, ("train", "--list")), TEXT, weight=2),
    Reader("list of weights", "training/weights.toml", (("weights",),), TEXT),
    Reader(
        "experiment",
        "training/experiments/*.toml",
        (("experiment", "--list"), ("experiment", "expression-baselines", "--dry-run")),
        TEXT,
    ),
    Reader("label table", "labels.csv", (_LABELS,), TEXT, weight=3),
    Reader("table of subjects", "subjects.csv", (("annotate", "subjects.csv"),), TEXT),
    Reader(
        "table of points",
        "points.csv",
        (("ingest", "other/png", "-w", "new", "--crops", "--landmarks", "points.csv", *_ONE_WORKER),),
        TEXT,
    ),
    _format("csv", "labels/csv/all.csv"),
    _format("parquet", "labels/parquet/all.parquet", *BINARY),
    _format("affwild2", "labels/affwild2/VA/clip.txt", options=("--source", CLIP)),
    _format("affwild2 expressions", "labels/affwild2/EXPR/clip.txt", options=("--source", CLIP)),
    _format("afew-va", "labels/afew-va/clip.json", options=("--source", CLIP)),
    _format("affectnet", "labels/affectnet/all.affectnet", options=("--classes", CLASSES)),
    _format("recola", "labels/recola-valence.csv", options=("labels/recola-arousal.csv", "--source", CLIP)),
    _format("sewa", "labels/sewa/clip.csv", options=("--source", CLIP)),
    _format("elan", "labels/elan/clip.eaf"),
    _format("cvat", "labels/cvat/all.cvat"),
    _format("label-studio", "labels/label-studio/all.label-studio"),
    _format("muse", "labels/muse-valence.csv", options=("labels/muse-arousal.csv", "--source", CLIP)),
    Reader(
        "setting",
        "",
        ((*_EXPLAIN, "--set", "{}"), ("train", "classifier", "--explain", "--device", "cpu", "--set", "{}")),
        setting=True,
        weight=3,
    ),
    Reader(
        "detector's weights, npz",
        "mtcnn.npz",
        (("ingest", "other/png", "-w", "new", "--weights", "mtcnn.npz", "--min-face", "24", *_ONE_WORKER),),
    ),
    Reader(
        "detector's weights, safetensors",
        "mtcnn.safetensors",
        (("ingest", "other/png", "-w", "new", "--weights", "mtcnn.safetensors", "--min-face", "24", *_ONE_WORKER),),
    ),
    Reader("checkpoint", "training/stargan/t/checkpoints/00000006.safetensors", (_GENERATE,), trained=True),
    Reader(
        "checkpoint to go on from",
        "training/stargan/half/checkpoints/00000006.safetensors",
        (
            (
                "train",
                "stargan",
                "--preset",
                "smoke",
                "--device",
                "cpu",
                "--run",
                "half",
                *(
                    part
                    for setting in ("image_size=16", "discriminator_layers=2", "conv_dim=2")
                    for part in ("--set", setting)
                ),
            ),
        ),
        trained=True,
        weight=0.3,
    ),
    Reader(
        "record of a run",
        "training/stargan/t/run.json",
        (_GENERATE, ("report", "stargan/t"), ("evaluate", "stargan/t", "--replicates", "100")),
        TEXT,
        trained=True,
    ),
    Reader("journal of a run", "training/stargan/t/metrics.jsonl", (("report", "stargan/t"),), TEXT, trained=True),
    Reader(
        "translations",
        "training/stargan/t/translations.parquet",
        (("report", "stargan/t"), ("evaluate", "stargan/t", "--replicates", "100")),
        trained=True,
    ),
    Reader(
        "predictions",
        "training/classifier/c/predictions.parquet",
        (("evaluate", "classifier/c", "--replicates", "100"), ("report", "classifier/c")),
        trained=True,
        weight=2,
    ),
    Reader(
        "trained weights",
        "training/classifier/c/models/network.safetensors",
        (("evaluate", "stargan/t", "--judge", "classifier/c", "--replicates", "100", "--device", "cpu"),),
        trained=True,
        weight=0.3,
    ),
)
