"""Describe an exported data set in Croissant 1.1, the JSON-LD format of MLCommons.

Record sets are over the Parquet files.  HDF5 files are part of the distribution alone: mlcroissant accepts record sets
over HDF5 and then yields nothing.  Relative addresses hold wherever the folder is moved.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from galaxiesml.release.facts import Facts
from galaxiesml.release.layout import Key

#: What a split is called in the Parquet configurations.
SPLIT_NAMES = {"training": "train", "validation": "validation", "testing": "test"}
_TYPES = {"<i8": "cr:Int64", "<f8": "cr:Float64", "?": "sc:Boolean", "S": "sc:Text"}
_FORMATS = {
    "parquet": "application/x-parquet",
    "hdf5": "application/x-hdf5",
    "csv": "text/csv",
    "md": "text/markdown",
}
#: The terms of Croissant 1.1 as its specification shortens them, and the vocabularies that are used beside.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
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
    "prov": "http://www.w3.org/ns/prov#",
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


def croissant(
    about: dict,
    facts: Facts,
    told: dict,
    sections: dict[str, str],
    sizes: Iterable[int],
    listed: list[Key],
    files: dict,
) -> str:
    """The text of croissant.json.

    Parameters
    ----------
    about : dict
        name, licence (an address or an identifier of SPDX), creator and url; None where not stated.
    told : dict
        What the exported files say of themselves.
    sections : dict of str to str
        collection, biases, limitations, uses and preprocessing, as the datasheet has them in short.
    listed : list of Key
        Columns of the Parquet files.
    files : dict of str to (int, str)
        Every file's path in the folder, with '/', its bytes and its SHA-256.
    """
    made = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": about["name"],
        "description": sections["description"],
        "version": "1.0.0",
        "dateCreated": facts.info["created"][:10],
        "datePublished": facts.info["created"][:10],
        "keywords": ["astronomy", "galaxies", "photometric redshifts", told["release"], told["version"]],
        "citeAs": "Do et al. 2024, GalaxiesML, https://doi.org/10.5281/zenodo.11117528",
        **({"license": about["licence"]} if about["licence"] else {}),
        **({"url": about["url"]} if about["url"] else {}),
        **({"creator": {"@type": "sc:Organization", "name": about["creator"]}} if about["creator"] else {}),
        "rai:dataCollection": sections["collection"],
        "rai:dataCollectionType": ["Physical data collection"],
        "rai:dataCollectionMissingData": sections["missing"],
        "rai:dataPreprocessingProtocol": sections["preprocessing"],
        "rai:dataBiases": sections["biases"],
        "rai:dataLimitations": sections["limitations"],
        "rai:dataUseCases": sections["uses"],
        "rai:personalSensitiveInformation": "None: the rows are galaxies.",
        "prov:wasGeneratedBy": _activity(facts, told),
        "prov:wasDerivedFrom": [_entity(landing) for landing in facts.landings],
        "distribution": [_file(path, size, digest) for path, (size, digest) in files.items()],
        "recordSet": [
            _record_set(f"{size}/{SPLIT_NAMES[split]}", f"{size}/{split}.parquet", count, listed)
            for size in sizes
            for split, count in facts.rows.items()
        ],
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _activity(facts: Facts, told: dict) -> dict:
    """The build: the rule, its cuts with the rows that each removed."""
    return {
        "@type": "prov:Activity",
        "prov:label": f"galaxiesml {told['galaxiesml']}, build {told['build']}, version {told['version']}",
        "prov:endedAtTime": facts.info["created"],
        "description": f"Rule SHA-256 {told['rule']}. Rows removed by each cut: "
        + "; ".join(f"{row['cut']} {row['removed']}" for row in facts.flow)
        + f". Missing cuts: {told['missing_cuts'] or 'none'}. Condition: {told['where'] or 'none'}.",
    }


def _entity(landing: dict) -> dict:
    """A landed file, known by its hash."""
    return {
        "@type": "prov:Entity",
        "@id": f"urn:sha256:{landing['sha256']}",
        "prov:label": f"{landing['kind']}: {landing['file']}",
        **({"prov:atLocation": landing["url"]} if landing["url"] else {}),
    }


def _file(path: str, size: int, digest: str) -> dict:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{size} B",
        "encodingFormat": _FORMATS[path.rpartition(".")[2]],
        "sha256": digest,
    }


def _record_set(name: str, path: str, rows: int, listed: list[Key]) -> dict:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{rows} galaxies, in the order of the HDF5 file of the same split.",
        "key": {"@id": f"{name}/object_id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{key.name}",
                "name": f"{name}/{key.name}",
                "description": key.description + (f" Unit: {key.unit}." if key.unit else ""),
                "dataType": _TYPES[key.dtype],
                "source": {"fileObject": {"@id": path}, "extract": {"column": key.name}},
            }
            for key in listed
        ],
    }
