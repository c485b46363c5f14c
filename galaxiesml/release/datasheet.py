"""The texts of an exported data set: its card, its datasheet, and the same in short for Croissant.

The datasheet answers the questions of Gebru et al. 2021 (Datasheets for Datasets) with the build's own numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import yaml

from galaxiesml.release.croissant import SPLIT_NAMES
from galaxiesml.release.facts import Facts
from galaxiesml.release.layout import Key
from galaxiesml.samples.where import APPLIED

#: Upper limits of Hugging Face's size categories.
_CATEGORIES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#$~])")


def plain(text: object) -> str:
    """A text as Markdown shows it: nothing in it is markup, and it is one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """A text as code in a table: one line, without what would end it."""
    words = " ".join(str(text).split()).replace("`", "'").replace("|", "\\|")
    return f"`{words}`" if words else ""


def percent(share: float) -> str:
    """A share in percent, with one digit."""
    return f"{100 * share:.1f} %"


def table(rows: Iterable[dict], columns: dict[str, str]) -> str:
    """A Markdown table; ``columns`` is a key of the rows to the head of its column, '#' in front for code."""
    heads = [head.removeprefix("#") for head in columns.values()]
    lines = [heads, ["---"] * len(heads)]
    for row in rows:
        lines.append([_cell(row[key], head.startswith("#")) for key, head in columns.items()])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(value: object, is_code: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return code(value) if is_code else plain(value)


def sections(facts: Facts, told: dict) -> dict[str, str]:
    """What the datasheet says, in a sentence or two each: description, collection, biases, limitations, ..."""
    objects, first, kept = facts.objects, *facts.spread[:2]
    photometric = objects["photometric_objects"]
    with_spectrum = objects["photometric_with_spectrum"] / photometric if photometric else 0.0
    most = facts.surveys[0]
    beyond = sum(row["galaxies"] for row in facts.redshifts if row["lower"] >= 1.2) / facts.galaxies
    left_out = sum(row["galaxies"] for row in facts.left_out)
    incomplete = f" INCOMPLETE: {told['missing_cuts']} not applied in full." if told["missing_cuts"] else ""
    where = f" Only rows where {told['where']} ({APPLIED})." if told["where"] else ""
    missing = "; ".join(f"{row['column']} is missing in {percent(row['share'])}" for row in facts.missing)
    return {
        "description": f"{facts.galaxies:,} galaxies with spectroscopic redshifts, photometry and images in the "
        f"filters {told['bands']}, of {facts.title}: version {told['version']} ({facts.version['title']}) of build "
        f"{told['build']}.{where}{incomplete}",
        "collection": f"Photometry and images of {facts.title}; spectra of {len(facts.surveys)} surveys, or of none "
        f"that is stated (spectra from: {told['spectra_from']}). {len(facts.landings)} files were landed, each known "
        "by its SHA-256.",
        "preprocessing": f"{len(facts.flow)} cuts leave {kept['galaxies']:,} of {first['galaxies']:,} pairs of object "
        f"and spectrum. Splits: scheme {told['split_scheme']}, seed {told['split_seed']}. Images are padded or cropped "
        "to a square frame; pixels that are not finite are 0.",
        "missing": f"{left_out:,} galaxies of the version are in no file, each listed with its reason in left_out.csv. "
        f"{missing or 'No value of a column is missing'}.",
        "biases": f"Only objects with a spectrum are in the data set: {percent(with_spectrum)} of {photometric:,} "
        f"objects that pass the photometric cuts. Median {facts.band} magnitude {_number(kept['mag_p50'])}, median "
        f"redshift {_number(kept['z_p50'])}; {percent(beyond)} lie beyond redshift 1.2. The survey with most galaxies "
        f"is {most['survey']}, with {percent(most['share'])}.",
        "limitations": f"A model trained on these galaxies is not tested outside {facts.band} magnitude "
        f"{_number(kept['mag_p5'])} to {_number(kept['mag_p95'])} and redshift {_number(kept['z_p5'])} to "
        f"{_number(kept['z_p95'])} (5th to 95th percentiles). " + _neighbours(told),
        "uses": "Photometric redshifts, and learning from galaxy images.",
    }


def _neighbours(told: dict) -> str:
    if told["split_scheme"] == "leak-free":
        return "No two splits share a pixel of the sky."
    return (
        f"The split scheme {told['split_scheme']} draws galaxies one by one: neighbours of different splits may share "
        "pixels of the sky."
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def card(about: dict, facts: Facts, told: dict, text: dict[str, str], sizes: list[int]) -> str:
    """README.md: the front matter that Hugging Face reads, and how the folder is used."""
    category = next((name for most, name in _CATEGORIES if facts.galaxies < most), "1M<n<10M")
    front = {
        "pretty_name": about["name"],
        "license": about["licence_id"],
        "size_categories": [category],
        "tags": ["astronomy", "galaxies", "photometric-redshift", "croissant"],
        "configs": [
            {
                "config_name": str(size),
                **({"default": True} if size == sizes[0] else {}),
                "data_files": [
                    {"split": SPLIT_NAMES[split], "path": f"{size}/{split}.parquet"} for split in facts.rows
                ],
            }
            for size in sizes
        ],
    }
    first = sizes[0]
    hdf5 = f"{first}/{len(told['bands'].split(', '))}x{first}x{first}_training_with_morphology.hdf5"
    counts = [{"split": SPLIT_NAMES[split], "scheme": split, "galaxies": count} for split, count in facts.rows.items()]
    return f"""---
{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---

# {plain(about["name"])}

{plain(text["description"])}

{table(counts, {"split": "split", "scheme": "in the catalogue", "galaxies": "galaxies"})}
One folder a size of the images in pixels: {", ".join(map(str, sizes))}. The Parquet files have the catalogue's columns,
with NULL where a value is missing. The HDF5 files beside them have the same galaxies in the same order, with their
images.

```python
from datasets import load_dataset

rows = load_dataset("this/folder", "{first}", split="train")
```

```python
import h5py

images = h5py.File("this/folder/{hdf5}")["image"]  # images[i] belongs to rows[i]
```

Statistics to normalise images by, of the training split alone, are attributes of `image` and in
`*_normalisation.parquet`. [DATASHEET.md](DATASHEET.md) has counts, cuts, surveys, licences and known biases;
`croissant.json` describes the files in Croissant 1.1. All three are generated from the build.

Licence: {plain(about["licence_id"])}. The data come from surveys with terms of their own, listed in the datasheet.
"""


def datasheet(
    about: dict, facts: Facts, told: dict, text: dict[str, str], listed: list[Key], statistics: dict[int, list[dict]]
) -> str:
    """DATASHEET.md.

    Parameters
    ----------
    listed : list of Key
        Columns of the Parquet files.
    statistics : dict of int to list of dict
        Rows of normalisation of each size.
    """
    parts = [
        f"# Datasheet: {plain(about['name'])}",
        f"Generated from build {plain(told['build'])} by galaxiesml {plain(told['galaxiesml'])}; the questions are "
        "those of Gebru et al. 2021, Datasheets for Datasets.",
        *_composition(facts, text, listed),
        "## Collection",
        plain(text["collection"]),
        table(facts.landings, {"kind": "kind", "file": "#file", "rows": "rows", "sha256": "#SHA-256", "url": "from"}),
        *_surveys(about, facts),
        *_cuts(facts, told, text),
        *_biases(facts, text),
        *_normalisation(facts, statistics),
        "## Uses and maintenance",
        f"{plain(text['uses'])} The folder is made again by `galaxiesml export dataset` from the same build, byte for "
        "byte.",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _composition(facts: Facts, text: dict[str, str], listed: list[Key]) -> list[str]:
    rows = [{"split": split, "galaxies": count, "share": count / facts.galaxies} for split, count in facts.rows.items()]
    return [
        "## Composition",
        plain(text["description"]),
        table(rows, {"split": "split", "galaxies": "galaxies", "share": "share"}),
        plain(text["missing"]),
        table(facts.left_out, {"reason_class": "#left out because", "galaxies": "galaxies"}),
        "Columns:",
        table([vars(key) for key in listed], {"name": "#column", "unit": "unit", "description": "description"}),
    ]


def _surveys(about: dict, facts: Facts) -> list[str]:
    columns = {"survey": "#survey", "galaxies": "galaxies", "share": "share"}
    return [
        "## Surveys and licences",
        "A spectrum that several surveys observed counts for each.",
        table(facts.surveys, columns | {name: name for name in ("title", "reference", "licence")}),
        f"Licence of this data set: {plain(about['licence_id'])}.",
    ]


def _cuts(facts: Facts, told: dict, text: dict[str, str]) -> list[str]:
    conditions = facts.version.get("conditions", {})
    flow = [row | {"condition": conditions.get(row["cut"], "")} for row in facts.flow]
    columns = {"cut": "#cut", "section": "section", "condition": "#condition", "rows_in": "rows in"}
    return [
        "## Cuts",
        f"{plain(text['preprocessing'])} Version {plain(told['version'])}, rule SHA-256 {code(told['rule'])}.",
        table(flow, columns | {"removed": "removed", "state": "state", "why": "why"}),
        f"Condition on the finished rows: {code(told['where']) or 'none'}. Cuts that are missing: "
        f"{plain(told['missing_cuts'] or 'none')}. Cuts that do not apply to the release: "
        f"{plain(told.get('not_applicable') or 'none')}.",
    ]


def _biases(facts: Facts, text: dict[str, str]) -> list[str]:
    spread = {"sample": "sample", "galaxies": "rows"} | {
        f"{name}_{at}": f"{label}, {at[1:]} %"
        for name, label in (("mag", f"{facts.band} mag"), ("z", "redshift"))
        for at in ("p5", "p50", "p95")
    }
    return [
        "## Known biases",
        plain(text["biases"]),
        plain(text["limitations"]),
        table(facts.spread, spread),
        table(facts.redshifts, {"lower": "redshift above", "upper": "to", "galaxies": "galaxies", "share": "share"}),
    ]


def _normalisation(facts: Facts, statistics: dict[int, list[dict]]) -> list[str]:
    parts = [
        "## Normalisation",
        f"Of the training split, pixels that are not exactly 0, in counts at zero point {facts.zero_point_mag:g} mag.",
    ]
    for size, rows in statistics.items():
        parts += [f"{size} pixels:", table(rows, {name: name for name in rows[0]})]
    return parts
