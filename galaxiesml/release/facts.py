"""What a build knows of the galaxies of an export, for its card, its datasheet and its Croissant description.

Every number comes from the published build by a query; nothing is typed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.stores import SPLITS
from galaxiesml.release.layout import keys
from galaxiesml.samples.selection import Selection
from galaxiesml.surveys.description import known_surveys

#: Upper limits of the bins of redshift in the datasheet.
REDSHIFTS = (0.1, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0)


@dataclass(frozen=True)
class Facts:
    """Counts and names, each a list of rows (dicts) or a value.

    Attributes
    ----------
    rows : dict of str to int
        Galaxies of each split.
    info, version : dict
        build.json, and its entry of the version.
    title : str
        Of the release profile.
    flow : list of dict
        A row a cut: cut, section, why, rows_in, rows_out, removed, state.
    objects : dict
        The mart object_counts.
    surveys : list of dict
        survey, galaxies, share, title, reference, licence; by galaxies.
    landings : list of dict
        kind, file, sha256, rows, url.
    left_out : list of dict
        reason_class, galaxies.
    spread : list of dict
        A row a sample (all pairs, kept, each split, left out): galaxies, percentiles of magnitude and redshift.
    redshifts : list of dict
        upper, galaxies, share.
    missing : list of dict
        column, missing, share: columns with NULL.
    band : str
        Filter of the magnitudes in `spread`.
    zero_point_mag : float
        AB magnitude of one count of an image.
    """

    rows: dict[str, int]
    info: dict
    version: dict
    title: str
    flow: list[dict]
    objects: dict
    surveys: list[dict]
    landings: list[dict]
    left_out: list[dict]
    spread: list[dict]
    redshifts: list[dict]
    missing: list[dict]
    band: str
    zero_point_mag: float

    @property
    def galaxies(self) -> int:
        return sum(self.rows.values())


def gather(
    catalog: Catalog, connection: duckdb.DuckDBPyConnection, selection: Selection, rows: dict[str, int]
) -> Facts:
    """Ask the published build.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        With the tables that :func:`galaxiesml.samples.selection.select` makes.
    rows : dict of str to int
        Galaxies of each split.
    """
    info = catalog.build_info()
    bands = list(catalog.profile.bands)
    band = "i" if "i" in bands else bands[len(bands) // 2]
    connection.execute(f"""
        create temp view dataset_rows as
        select galaxies.*, chosen.split from galaxies_{selection.version} as galaxies
        inner join chosen on galaxies.object_id = chosen.object_id
    """)
    return Facts(
        rows=rows,
        info=info,
        version=info["versions"][selection.version],
        title=catalog.profile.title,
        flow=_rows(
            connection,
            f"""select step, cut, section, why, rows_in, rows_out, rows_in - rows_out as removed, state
            from cut_flow where version = '{selection.version}' order by step""",
        ),
        objects=_rows(connection, "select * from object_counts")[0],
        surveys=_surveys(catalog, connection, sum(rows.values())),
        landings=_landings(catalog, info),
        left_out=_rows(connection, "select reason_class, count(*) as galaxies from left_out group by all order by all"),
        spread=_spread(connection, selection.version, band),
        redshifts=_redshifts(connection, sum(rows.values())),
        missing=_missing(catalog, connection, sum(rows.values())),
        band=band,
        zero_point_mag=catalog.profile.instrument.zero_point_mag,
    )


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict]:
    return connection.sql(query).to_arrow_table().to_pylist()


def _surveys(catalog: Catalog, connection: duckdb.DuckDBPyConnection, total: int) -> list[dict]:
    """Surveys that observed the spectra; a spectrum of two surveys counts for both."""
    described = known_surveys(catalog.raw / "specz")
    found = _rows(
        connection,
        """
        select survey, count(*) as galaxies
        from (select trim(unnest(string_split(coalesce(specz_surveys, 'not stated'), ','))) as survey from dataset_rows)
        group by survey order by galaxies desc, survey
        """,
    )
    for row in found:
        survey = described.get(row["survey"]) or described.get(row["survey"].partition("_")[0])
        row["share"] = row["galaxies"] / total
        for name in ("title", "reference", "licence"):
            row[name] = getattr(survey, name, "not stated")
    return found


def _landings(catalog: Catalog, info: dict) -> list[dict]:
    """Every file that the build was made of: exports, tables of surveys, tars of pictures."""
    fetched = {
        landing.get("source_sha256", landing.get("sha256")): (landing.get("fetched") or {}).get("url", "")
        for kind in ("hsc", "specz", "cutouts", "psf")
        for landing in catalog.landings(kind)
    }
    found = [
        {"kind": kind, "file": row["source_file"], "sha256": row["source_sha256"], "rows": row.get("rows")}
        for kind, entries in (("export", info["landings"]), ("spectra", info.get("specz", [])))
        for row in entries
    ]
    for kind in ("cutouts", "psf"):
        known = set(info.get("shards", {}).get(kind, ()))
        found += [
            {"kind": kind, "file": landing["source_file"], "sha256": landing["source_sha256"], "rows": None}
            for landing in catalog.landings(kind)
            if landing["shard"] in known
        ]
    return [row | {"url": fetched.get(row["sha256"], "")} for row in found]


def _spread(connection: duckdb.DuckDBPyConnection, version: str, band: str) -> list[dict]:
    samples = {
        "all pairs before the first cut": "select * from int_pairs",
        "kept by the cuts": f"select * from galaxies_{version}",
        **{split: f"select * from dataset_rows where split = '{split}'" for split in SPLITS},
        "left out of the files": f"""select galaxies.* from galaxies_{version} as galaxies
            inner join left_out on galaxies.object_id = left_out.object_id""",
    }
    quantiles = ", ".join(
        f"quantile_cont({column}, {share}) as {name}_{at}"
        for name, column in (("mag", f"{band}_cmodel_mag"), ("z", "specz_redshift"))
        for at, share in (("p5", 0.05), ("p50", 0.5), ("p95", 0.95))
    )
    return [
        {"sample": name} | _rows(connection, f"select count(*) as galaxies, {quantiles} from ({query})")[0]
        for name, query in samples.items()
    ]


def _redshifts(connection: duckdb.DuckDBPyConnection, total: int) -> list[dict]:
    made, lower = [], 0.0
    for upper in REDSHIFTS:
        row = _rows(
            connection,
            f"""select count(*) as galaxies from dataset_rows
            where specz_redshift > {lower} and specz_redshift <= {upper}""",
        )[0]
        made.append({"lower": lower, "upper": upper, "galaxies": row["galaxies"], "share": row["galaxies"] / total})
        lower = upper
    return made


def _missing(catalog: Catalog, connection: duckdb.DuckDBPyConnection, total: int) -> list[dict]:
    names = [key.name for key in keys(catalog.profile, 1) if key.source == "catalogue"]
    counted = _rows(
        connection,
        "select " + ", ".join(f'count(*) - count("{name}") as "{name}"' for name in names) + " from dataset_rows",
    )[0]
    return [{"column": name, "missing": count, "share": count / total} for name, count in counted.items() if count]
