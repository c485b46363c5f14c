"""Good pairs at places where tests ask for pictures, and what the manifest says of them."""

import tarfile

from galaxiesml.curation.macros import Macros
from galaxiesml.dictionary import PROJECT

from .pairs import good_pair

BANDS = "GRIZY"


def at(number: int) -> tuple[float, float]:
    return 150.0 + 0.02 * number, 2.0 - 0.01 * number


def galaxy(number: int, **changes) -> dict:
    ra, dec = at(number)
    return good_pair(
        number, **({"object_id": number, "ra": ra, "dec": dec, "skymap_id": 9813_0504, "tract": None} | changes)
    )


def manifest(catalog) -> dict[tuple[int, str], dict]:
    rows = catalog.connect().sql("select * from pictures").to_arrow_table().to_pylist()
    return {(row["object_id"], row["band"]): row for row in rows}


def next_manifest(catalog) -> dict[tuple[int, str], dict]:
    """The manifest that the next build would have of the galaxies of the published one, without starting dbt.

    The SQL is the models' own text; `test_manifest` holds it against a build's.
    """
    connection = catalog.connect()
    made, macros = {*catalog.tables()}, Macros(list(catalog.profile.bands))
    models = {path.stem: path for path in (PROJECT / "models").rglob("*.sql")}

    def ref(name: str) -> str:
        if name not in made:
            connection.execute(f"create temp table {name} as {macros.render(models[name].read_text())}")
            made.add(name)
        return name

    macros.replace("ref", ref)
    rows = connection.sql(macros.render(models["pictures"].read_text())).to_arrow_table().to_pylist()
    return {(row["object_id"], row["band"]): row for row in rows}


def cut_after(path, members: int) -> None:
    """Cut a tar at the boundary after some members."""
    with tarfile.open(path) as opened:
        length = opened.getmembers()[members].offset if members < len(opened.getmembers()) else opened.offset
    path.write_bytes(path.read_bytes()[:length])
