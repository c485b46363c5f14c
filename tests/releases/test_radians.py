"""A survey in radians, nJy and bit masks lands by a user's own profile, and is the same catalogue as in our units."""

import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.dictionary import PROJECT

from .radians import BANDS, OURS, THEIRS, tables

ROWS = 50_000
EXACT = ("object_id", "specz_name", "specz_redshift", "specz_redshift_err", "specz_mag_i")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The two catalogues, made by commands in a folder of the user's own, and what landing said of the first."""
    folder = tmp_path_factory.mktemp("survey")
    theirs, ours = tables(ROWS)
    told = {}
    for name, profile, table in (("radians", THEIRS, theirs), ("degrees", OURS, ours)):
        (folder / f"{name}.toml").write_text(profile)
        pq.write_table(table, folder / f"{name}.parquet")
        root = folder / f"cat-{name}"
        for words in (
            ("init", root, "--release", f"{name}.toml"),
            ("-C", root, "ingest", "table", f"{name}.parquet"),
            ("-C", root, "build"),
        ):
            done = subprocess.run(
                [sys.executable, "-m", "galaxiesml", *map(str, words)], cwd=folder, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            told[name, words[3] if "table" in words else words[-1]] = done.stdout + done.stderr
    return Catalog.open(folder / "cat-radians"), Catalog.open(folder / "cat-degrees"), told, theirs


def test_every_version_has_the_same_rows_to_the_last_bits(built):
    ours, theirs = built[1].connect(), built[0].connect()
    columns = [name for name, *_ in ours.execute("describe galaxies_v2").fetchall()]
    numbers = [
        name
        for name, kind, *_ in ours.execute("describe galaxies_v2").fetchall()
        if kind == "DOUBLE" and name not in EXACT
    ]
    assert {"ra", "dec", "specz_ra", *(f"{band}_cmodel_mag{end}" for band in BANDS for end in ("", "sigma"))} <= {
        *columns
    }
    for version in (1, 2, 3, 4):
        query = f"select * from galaxies_v{version} order by object_id, specz_name"
        one, other = (connection.sql(query).to_arrow_table() for connection in (theirs, ours))
        assert one.num_rows == other.num_rows > 10_000
        for name in EXACT:
            assert one[name].equals(other[name]), name
        for name in numbers:
            found, wanted = one[name].to_numpy(), other[name].to_numpy()
            # A distance on the sky is a difference of positions: its last bits are theirs.
            near = {"atol": 1e-9} if "arcsec" in name or name == "d_pos" else {"rtol": 1e-12}
            np.testing.assert_allclose(found, wanted, **({"rtol": 0, "atol": 0} | near), err_msg=name, equal_nan=True)


def test_the_same_cuts_remove_the_same_rows(built):
    ours, theirs = built[1].connect(), built[0].connect()
    for table, columns, order in (
        ("rejections", "version, object_id, specz_name, first_cut, failed_cuts", "all"),
        ("cut_flow", "version, step, cut, state, in_rows, removed, out_rows", "all"),
    ):
        known = [name for name, *_ in ours.execute(f"describe {table}").fetchall()]
        chosen = ", ".join(name for name in columns.split(", ") if name in known)
        query = f"select {chosen} from {table} order by {order}"
        found, wanted = theirs.execute(query).fetchall(), ours.execute(query).fetchall()
        assert found == wanted and len(found) > 20
    cuts = {cut for (cut,) in theirs.execute("select distinct first_cut from rejections").fetchall()}
    assert {"cmodel_flag", "bad", "secure", "magnitudes", "detected", "primary", "error", "redshift"} <= cuts


def test_fluxes_that_give_no_magnitude_are_counted_and_told(built):
    catalog, _, told, theirs = built
    (note,) = [json.loads(path.read_text()) for path in catalog.raw.glob("hsc/*/landing.json")]
    counts = {entry["column"]: entry for entry in note["not_positive"]}
    assert set(counts) == {f"{band}_cmodel_mag" for band in BANDS}
    for band in BANDS:
        flux = theirs[f"{band}_cModelFlux"]
        below = int((flux.to_numpy() <= 0).sum())
        assert counts[f"{band}_cmodel_mag"] == {
            **{"column": f"{band}_cmodel_mag", "source": f"{band}_cModelFlux", "what": "flux"},
            **{"rows": below, "of": ROWS - flux.null_count},
        }
        assert (
            f"{below:,} of {ROWS - flux.null_count:,} values of {band}_cModelFlux (flux) are 0 or below"
            in told["radians", "table"]
        )


def test_the_release_s_own_columns_land_and_lineage_shows_them(built):
    catalog = built[0]
    (landed,) = catalog.raw.glob("hsc/0001-*/joined.parquet")
    names = pq.read_schema(landed).names
    assert {"coord_ra", "field", "u_cModelFlux", "u_flags"} <= set(names)
    assert not {"ra", "object_id", "u_cmodel_mag"} & set(names)
    from galaxiesml.curation.lineage import Lineage

    lineage = Lineage.load(catalog.builds / catalog.current_id(), catalog.landings())
    for ours, read in (("ra", {"coord_ra"}), ("object_id", {"field", "number"}), ("i_cmodel_mag", {"i_cModelFlux"})):
        column = lineage.column("galaxies_v2", ours)
        leaves = {node for node in column.values if node[0] == "hsc_joined"}
        assert {name for _, name in leaves} == {name.lower() for name in read}
        assert {origin.columns for node in leaves for origin in lineage.origins(node)} == {(name,) for name in read}


def test_lineage_and_landing_tell_the_conversions(built, finished):
    catalog, _, told, _ = built
    assert "{band}_cmodel_mag <- {band}_cModelFlux (flux in nJy to AB mag, zero point 31.4)" in told["radians", "table"]
    shown = finished("-C", catalog.root, "audit", "lineage", "galaxies.dec").stdout
    assert 'dec: rad to deg\n    (cast("coord_dec" as double) * 57.29577951308232e0)' in shown
    (one,) = json.loads(finished("-C", catalog.root, "audit", "lineage", "galaxies.dec", "--json").stdout)[
        "conversions"
    ]
    assert one["column"] == "dec" and one["words"] == "rad to deg"


def test_no_packaged_file_is_another(built):
    for catalog in built[:2]:
        for path in (catalog.dbt / "models").rglob("*.sql"):
            assert path.read_text() == (PROJECT / path.relative_to(catalog.dbt)).read_text()
