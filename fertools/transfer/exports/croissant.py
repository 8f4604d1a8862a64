"""Croissant 1.1: the description of an export that dataset search engines and loaders read, as JSON-LD.

It names each file with its SHA-256, gives every column of `faces.parquet` as a field of the record set `faces`, and the
pictures as the record set `pictures`. Terms and the responsible-AI statements come from the card. See MLCommons,
*Croissant Format Specification* 1.1 and *Croissant RAI Specification* 1.0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from fertools.manifests.schema import FACES
from fertools.transfer.exports.dataset_card import DatasetCard

CROISSANT_NAME = "croissant.json"
"""Name of the description in an export."""
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
_MEDIA = {
    ".parquet": "application/x-parquet",
    ".tar": "application/x-tar",
    ".json": "application/json",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
_TYPES = {
    pa.string(): "sc:Text",
    pa.bool_(): "sc:Boolean",
    pa.int32(): "cr:Int32",
    pa.float32(): "cr:Float32",
    pa.float64(): "cr:Float64",
}
_SINGLE = (
    *("dataCollection", "dataCollectionRawData", "dataCollectionMissingData", "dataImputationProtocol"),
    *("dataManipulationProtocol", "dataSocialImpact", "dataReleaseMaintenancePlan"),
)
"""Topics that hold one text; the others hold a list."""
_NAMED_BY_FACE = r"^([0-9a-f]{32})\."
_OWN = {
    "part": "Part of the split.",
    "file": "Path of the file that has the face, relative to the export.",
    "sha256": "SHA-256 of the picture of the face, as 64 hex digits; null without a picture.",
}
"""Columns of the table of an export that the manifest does not have."""


@dataclass(frozen=True)
class PictureFiles:
    """Where the pictures of an export are.

    Attributes:
        places: the files with pictures, relative to the export: each picture, or each tar or table of pictures.
        kind: `files` for a picture per file, `tars`, or `tables` for a column `image`.
        suffixes: suffixes of the names of pictures, such as `.jpg`.
    """

    places: tuple[str, ...]
    kind: str
    suffixes: tuple[str, ...]


def describe_croissant(
    card: DatasetCard,
    root: Path,
    documents: Sequence[str],
    table: str,
    schema: pa.Schema,
    pictures: PictureFiles | None,
) -> dict[str, Any]:
    """Return the description of an export as JSON-LD.

    Args:
        card: the card of the export.
        root: folder of the export.
        documents: paths of all of its files but single pictures, relative to the folder.
        table: path of the table of faces, one of the documents.
        schema: columns of that table.
        pictures: where the pictures are; None if the export has none.

    Raises:
        InputError: a document cannot be read.
    """
    licences = sorted({one.licence for one in card.terms} - {""})
    cited = sorted({one.cite for one in card.terms} - {""})
    known = {
        "url": card.url,
        "datePublished": card.published,
        "creator": [{"@type": "sc:Person", "name": name} for name in card.creators],
        "citeAs": "; ".join(cited),
        "license": [{"@type": "sc:CreativeWork", "name": licence} for licence in licences],
    }
    sets = [_faces(table, schema)]
    distribution: list[dict[str, Any]] = [_file_object(root, name) for name in documents]
    if pictures is not None:
        distribution.append(_file_set(pictures))
        sets.append(_pictures(pictures))
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _CONFORMS_TO,
        "name": card.title,
        "description": card.description,
        "keywords": ["facial expression", "faces", "affective computing"],
        **{name: value for name, value in known.items() if value},
        **{
            f"rai:{topic}": " ".join(texts) if topic in _SINGLE else list(texts)
            for topic, texts in card.statements.items()
        },
        "distribution": distribution,
        "recordSet": sets,
    }


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _file_object(root: Path, name: str) -> dict[str, Any]:
    path = root / name
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": _MEDIA[path.suffix],
        "sha256": digest_file(path),
    }


def _file_set(pictures: PictureFiles) -> dict[str, Any]:
    """Return the set of the files that hold pictures; each picture's own digest is in the table."""
    found = {"@type": "cr:FileSet", "@id": "picture-files", "name": "picture-files"}
    suffixes = [".parquet"] if pictures.kind == "tables" else list(pictures.suffixes)
    found |= {"encodingFormat": [_MEDIA[suffix] for suffix in suffixes]}  # type: ignore[dict-item]
    if pictures.kind == "tars":
        contained: Any = [{"@id": name} for name in pictures.places]
        return found | {"containedIn": contained, "includes": [f"*{suffix}" for suffix in suffixes]}
    return found | {"includes": _patterns(pictures.places)}


def _patterns(places: Iterable[str]) -> list[str]:
    """Return patterns of paths that match some files and no others of an export.

    Example:
        >>> _patterns(["train/fear/a.png", "train/fear/b.png", "test/fear/c.png"])
        ['test/fear/*.png', 'train/fear/*.png']
    """
    paths = map(PurePosixPath, places)
    return sorted({(path.parent / f"*{path.suffix}").as_posix() for path in paths})


def _faces(table: str, schema: pa.Schema) -> dict[str, Any]:
    docs = {column.name: column.doc for column in FACES.columns} | _OWN
    return {
        "@type": "cr:RecordSet",
        "@id": "faces",
        "name": "faces",
        "description": "One record per face: all columns of the manifest, the part of the split, and the file.",
        "key": {"@id": "faces/face_id"},
        "field": [_field(table, field, docs[field.name]) for field in schema],
    }


def _field(table: str, field: pa.Field, doc: str) -> dict[str, Any]:
    kind, shape = field.type, []
    while pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        shape.append(kind.list_size if pa.types.is_fixed_size_list(kind) else -1)
        kind = kind.value_type
    array = {"isArray": True, "arrayShape": ",".join(map(str, shape))} if shape else {}
    return {
        "@type": "cr:Field",
        "@id": f"faces/{field.name}",
        "name": field.name,
        "description": doc,
        "dataType": ["sc:Text", "cr:Split"] if field.name == "part" else _TYPES[kind],
        **array,
        "source": {"fileObject": {"@id": table}, "extract": {"column": field.name}},
    }


def _pictures(pictures: PictureFiles) -> dict[str, Any]:
    source = {"fileSet": {"@id": "picture-files"}}
    if pictures.kind == "tables":
        name: dict[str, Any] = {"extract": {"column": "face_id"}}
        content: dict[str, Any] = {"extract": {"column": "image"}, "transform": {"jsonPath": "bytes"}}
    else:
        name = {"extract": {"fileProperty": "filename"}, "transform": {"regex": _NAMED_BY_FACE}}
        content = {"extract": {"fileProperty": "content"}}
    return {
        "@type": "cr:RecordSet",
        "@id": "pictures",
        "name": "pictures",
        "description": "The picture of each face, by the identifier of the face.",
        "key": {"@id": "pictures/face_id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": "pictures/face_id",
                "name": "face_id",
                "description": "Identifier of the face.",
                "dataType": "sc:Text",
                "source": source | name,
            },
            {
                "@type": "cr:Field",
                "@id": "pictures/image",
                "name": "image",
                "description": "The crop of the face.",
                "dataType": "sc:ImageObject",
                "source": source | content,
            },
        ],
    }
