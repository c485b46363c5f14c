"""Empty splits are said, and the seed that is offered fills them, as a build with it shows."""

import json
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from galaxiesml.curation.macros import Macros
from galaxiesml.splits.seeds import TRIED, empty_splits, filling_seed
from tests.curation.landed import land_rows, new_catalog
from tests.made.pairs import good_pair

from .sky import BANDS, SHARES, run, splits


def patch(count: int, degrees: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Objects of a small field: identifiers, right ascensions, declinations."""
    draw = np.random.default_rng(3)
    return np.arange(count), 150.1 + draw.uniform(0, degrees, count), 2.1 + draw.uniform(0, degrees, count)


@pytest.mark.parametrize("scheme, count, degrees", [("leak_free", 300, 0.6), ("release", 9, 0.6), ("paper", 7, 0.1)])
def test_the_seed_gives_what_the_models_give_with_it(scheme, count, degrees):
    ids, ra, dec = patch(count, degrees)
    connection = run(ids, ra, dec)
    found = filling_seed(connection, "select * from given", Macros(BANDS), scheme)
    assert not empty_splits(found.rows)
    models = Counter(splits(run(ids, ra, dec, seed=found.seed), scheme).values())
    models.pop("buffer", None)
    assert models == found.rows
    # A seed that was passed over leaves its smallest split, for its share, smaller or as small.
    for seed in range(1, 6):
        other = Counter(splits(run(ids, ra, dec, seed=seed), scheme).values())
        assert smallest(other, scheme) <= smallest(found.rows, scheme)


def smallest(rows: dict[str, int], scheme: str) -> Fraction:
    """The smallest split's rows for its share, by the shares that the tests hold."""
    return min(rows.get(split, 0) / share for split, share in SHARES[scheme].items())


def test_objects_of_one_cell_fill_no_splits():
    ids, ra, dec = patch(50, 0.01)
    assert filling_seed(run(ids, ra, dec), "select * from given", Macros(BANDS), "leak_free") is None


def test_a_scheme_that_has_no_galaxy_at_all_is_not_told():
    assert empty_splits({}) == [] and empty_splits({"training": 3, "testing": 1}) == ["validation"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """300 galaxies in 0.36 square degrees, landed and not built."""
    catalog = new_catalog(tmp_path_factory.mktemp("small") / "cat")
    ids, ra, dec = patch(300, 0.6)
    rows = [good_pair(int(number), ra=float(x), dec=float(y)) for number, x, y in zip(ids, ra, dec, strict=True)]
    land_rows(catalog, rows)
    return catalog.root


def test_builds_audits_and_exports_say_which_splits_are_empty(small, typed, tmp_path):
    seed = 1
    while not empty_splits(Counter(splits(run(*patch(300, 0.6), seed=seed)).values())):
        seed += 1
    code, out, err = typed("-C", small, "build", "--split-seed", seed, "--json")
    (line,) = [line for line in err.splitlines() if "of the splits leak-free" in line]
    assert code == 0 and line.startswith("Warning: galaxies_v2 has no galaxy in ") and "--split-seed" in line
    assert typed("-C", small, "audit", "splits", "--scheme", "leak-free")[2].strip() == line
    offered = int(line.split("--split-seed ")[1].split()[0])
    assert 1 <= offered <= TRIED and offered != seed
    assert json.loads(out)["empty_splits"]["leak_free"]["seed"] == offered

    # Without pictures there is nothing to write: the CSV files refuse as the HDF5 files do.
    for words in (["csv", "--splits"], ["csv", "--splits", "leak-free"], ["hdf5"]):
        code, out, err = typed("-C", small, "export", *words, "--out", tmp_path)
        assert (code, out) == (4, "") and "No galaxy of v2 has pictures in all filters and a split." in err
    assert not list(tmp_path.iterdir())

    code, out, err = typed("-C", small, "build", "--split-seed", offered, "--json")
    assert code == 0 and "of the splits leak-free" not in err and "leak_free" not in json.loads(out)["empty_splits"]
    rows = Counter(splits(run(*patch(300, 0.6), seed=offered)).values())
    for split in ("training", "validation", "testing"):
        assert f"{split} {rows[split]}" in line
