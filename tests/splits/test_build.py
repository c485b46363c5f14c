"""The splits of a whole build: dbt's own run, released files among its inputs, the seed, and the commands."""

import json

import h5py
import numpy as np
import pytest

from galaxiesml.cli.catalog import catalog_status
from galaxiesml.curation.build import build
from galaxiesml.ingest.release_files import land_release
from tests.curation.landed import land_rows, new_catalog
from tests.made.pairs import good_pair

from .sky import hashed, run, splits

COUNT = 400


def pairs() -> list[dict]:
    draw = np.random.default_rng(6)
    rows = [
        good_pair(number, ra=float(ra - 1) % 360, dec=float(dec))
        for number, (ra, dec) in enumerate(draw.uniform([0.0, -1.0], [2.0, 1.0], (COUNT, 2)))
    ]
    # One object three times at three places: its first row fails a cut, so its second one's place counts.
    for number, ra in ((10, 40.0), (11, 50.0), (12, 60.0)):
        rows[number] |= {"object_id": 1_000_000, "ra": ra, "dec": 5.05, "i_pixelflags_edge": number == 10}
    rows[20] |= {"g_pixelflags_bad": True}
    return rows


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A catalogue built twice, with another seed the second time; its first build's rows, and both build.json."""
    folder = tmp_path_factory.mktemp("splits")
    catalog = new_catalog(folder / "cat")
    rows = pairs()
    land_rows(catalog, rows)
    for split, part in (("training", slice(0, 200)), ("testing", slice(300, 350))):
        path = folder / f"5x64x64_{split}_with_morphology.hdf5"
        with h5py.File(path, "w") as file:
            file["object_id"] = np.array([row["object_id"] for row in rows[part] if row["object_id"] != 1_000_000])
        land_release(catalog, path)
    found = {}
    for seed in (1, 2):
        info = build(catalog, split_seed=seed).info
        with catalog.connect() as connection:
            found[seed] = info, connection.execute("select * from splits order by object_id").fetchall()
    return catalog, rows, found


def expected(rows, seed):
    """Object to (release, paper, leak-free) of every kept object, by the models run alone on its right place."""
    places = {}
    for at, row in enumerate(rows):
        if at not in (10, 20):
            places.setdefault(row["object_id"], (row["ra"], row["dec"]))
    ids = sorted(places)
    alone = run(ids, *zip(*(places[number] for number in ids), strict=True), seed=seed)
    leak_free = splits(alone)
    return {n: (hashed(seed, "release", n), hashed(seed, "paper", n), leak_free[n]) for n in ids}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_build_holds_every_kept_object_once(built, seed):
    _, rows, found = built
    info, made = found[seed]
    assert info["split_seed"] == seed
    assert {number: (release, paper, leak_free) for number, release, paper, _, leak_free, _ in made} == expected(
        rows, seed
    )
    assert len(made) == len({row[0] for row in made}) == COUNT - 3


def test_official_splits_make_the_round_trip(built):
    _, rows, found = built
    info, made = found[1]
    assert [(file["split"], file["rows"]) for file in info["release_files"]] == [("testing", 50), ("training", 197)]
    official = {row[0]: row[3] for row in made}
    kept = set(official)
    given = {row["object_id"]: "training" for row in rows[:200]} | {
        row["object_id"]: "testing" for row in rows[300:350]
    }
    del given[1_000_000]
    assert {number: split for number, split in official.items() if split} == {
        number: split for number, split in given.items() if number in kept
    }


def test_a_released_file_taken_out_makes_the_build_out_of_date(built):
    catalog, _, _ = built
    assert catalog_status(catalog)["up_to_date"]
    aside = catalog.root / "aside"
    landed = catalog.raw / "release" / catalog.landings("release")[0]["source_sha256"][:12]
    landed.rename(aside)
    assert catalog_status(catalog)["next"] == "galaxiesml build"
    aside.rename(landed)
    assert catalog_status(catalog)["up_to_date"]


def test_equal_inputs_and_seed_give_equal_marts(built):
    catalog, _, found = built
    again = build(catalog, split_seed=1, threads=1).info
    assert again["id"].split("-")[1] == found[1][0]["id"].split("-")[1]
    assert found[1][0]["id"].split("-")[1] != found[2][0]["id"].split("-")[1]


def test_the_audit_as_typed(built, tmp_path, finished):
    catalog, _, _ = built

    def galaxiesml(*words):
        return finished("-C", catalog.root, "audit", "splits", *words)

    told = galaxiesml("--json")
    assert told.returncode == 0, told.stderr
    schemes = {entry["scheme"]: entry for entry in json.loads(told.stdout)}
    assert list(schemes) == ["release", "paper", "official", "leak_free"]
    official = {row["split"]: row["rows"] for row in schemes["official"]["splits"]}
    assert official == {"training": 196, "validation": 0, "testing": 50}
    assert schemes["leak_free"]["close_pairs"] == 0
    text = galaxiesml("--scheme", "leak-free")
    assert text.stdout.startswith("leak-free: ") and "are in a buffer, and so in no file" in text.stdout
    drawn = galaxiesml("--plot", tmp_path / "splits.png")
    assert drawn.stdout.strip() == str(tmp_path / "splits.png") and (tmp_path / "splits.png").stat().st_size > 10_000
    assert galaxiesml("--plot", tmp_path / "splits.pdf").returncode == 2
    wrong = galaxiesml("--scheme", "honest")
    assert wrong.returncode == 2 and "Schemes: release, paper, official and leak-free" in wrong.stderr
