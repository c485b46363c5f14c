"""The schemes that hash: their shares, and that a split depends on the object and the seed alone."""

import numpy as np
import pytest

from galaxiesml.curation.macros import SPLIT_SEED

from .sky import SHARES, hashed, patch, run, splits

COUNT = 40_000
IDS = np.random.default_rng(8).permutation(40_000_000_000_000_000 + np.arange(COUNT) * 7919)


def sky(count=COUNT):
    draw = np.random.default_rng(9)
    return draw.uniform(0, 360, count), np.degrees(np.arcsin(draw.uniform(-1, 1, count)))


@pytest.fixture(scope="module")
def whole():
    return run(IDS, *sky())


@pytest.mark.parametrize("scheme", ["release", "paper"])
def test_shares_lie_within_binomial_error(whole, scheme):
    found = splits(whole, scheme)
    for split, share in SHARES[scheme].items():
        count = sum(value == split for value in found.values())
        sigma = np.sqrt(COUNT * float(share * (1 - share)))
        assert abs(count - COUNT * float(share)) < 4 * sigma


def test_leak_free_shares_of_cells_lie_within_binomial_error(whole):
    kinds = [row[0] for row in whole.execute("select split from split_cells").fetchall()]
    for split, share in SHARES["leak_free"].items():
        sigma = np.sqrt(len(kinds) * float(share * (1 - share)))
        assert abs(kinds.count(split) - len(kinds) * float(share)) < 4 * sigma


@pytest.mark.parametrize("scheme", ["release", "paper"])
def test_every_split_is_the_hash_read_as_a_whole_number(whole, scheme):
    assert splits(whole, scheme) == {int(number): hashed(SPLIT_SEED, scheme, number) for number in IDS}


def test_release_and_paper_are_drawn_apart(whole):
    both = whole.execute("select count(*) from splits where split_release = 'testing' and split_paper = 'testing'")
    # One hash for both would put all of the release's testing objects into the paper's.
    assert both.fetchone()[0] == pytest.approx(COUNT / 35, abs=4 * np.sqrt(COUNT / 35))


def test_another_seed_draws_anew(whole):
    other = run(IDS, *sky(), seed=2)
    for scheme in ("release", "paper", "leak_free"):
        first, second = splits(whole, scheme), splits(other, scheme)
        same = np.mean([first[number] == second[number] for number in first])
        share = sum(float(part) ** 2 for part in SHARES[scheme].values())
        assert same == pytest.approx(share, abs=0.03)
    assert splits(other, "release") == {int(number): hashed(2, "release", number) for number in IDS}


def all_rows(connection):
    return connection.execute("select * from splits order by object_id").fetchall()


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_change_nothing(whole, threads):
    assert all_rows(run(IDS, *sky(), threads=threads)) == all_rows(whole)


def test_rows_that_come_go_or_move_change_no_other_row():
    ra, dec = patch(150.0, 0.0, 1.0, 1.0, density=8_000)
    ids = np.arange(len(ra))
    before = {row[0]: row for row in all_rows(run(ids, ra, dec))}
    order = np.random.default_rng(4).permutation(len(ra))[: len(ra) // 3]
    fewer = {row[0]: row for row in all_rows(run(ids[order], ra[order], dec[order]))}
    assert fewer == {number: before[number] for number in order}
    added = patch(150.0, 0.0, 1.0, 1.0, density=30_000, seed=2)
    new = len(ra) + np.arange(len(added[0]))
    more = run(np.append(new, ids), np.append(added[0], ra), np.append(added[1], dec))
    after = {row[0]: row for row in all_rows(more)}
    assert {number: after[number] for number in before} == before


def test_the_official_split_is_that_of_the_landed_file():
    given = [(1, "testing"), (3, "training"), (99, "validation")]
    connection = run([1, 2, 3], [1.1, 2.1, 3.1], [0.1, 0.1, 0.1], official=given)
    assert splits(connection, "official") == {1: "testing", 2: None, 3: "training"}
