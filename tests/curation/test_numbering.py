"""Rows numbered by blocks, in parallel, have the numbers that one window over all of them gives."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from galaxiesml.curation.macros import Macros

from ..made.pairs import good_pair
from .replay import BANDS, joined_table, kept, replay

ORDER = "landing nulls last, source_row nulls last, specz_landing nulls last, specz_source_row nulls last"


def numbered(rows: pa.Table, block: int, threads: int = 2) -> list[tuple]:
    """(number by blocks, number by one window) of every row that is not as it should be."""
    connection = duckdb.connect(config={"threads": threads, "preserve_insertion_order": False})
    connection.register("pairs", rows)
    steps = Macros(BANDS, variables={"number_block": block}).call(
        "numbered", "pairs", ["landing"], "source_row", ["specz_landing", "specz_source_row"], "pair_id"
    )
    found = connection.execute(f"""
        with {steps} select pair_id, row_number() over (order by {ORDER}) as wanted, typeof(pair_id) as kind
        from pairs_numbered order by wanted
    """).fetchall()
    assert len(found) == len(rows) and {kind for _, _, kind in found} <= {"BIGINT"}
    return [(number, wanted) for number, wanted, _ in found if number != wanted]


def pairs(count: int, block: int, seed: int) -> pa.Table:
    """Pairs of several landings, several to a row, on both sides of blocks' borders; whole blocks have none."""
    draw = np.random.default_rng(seed)
    near = draw.choice([0, 1, 2, 7, 50], count) * block
    made = {
        "landing": draw.choice([1, 2, 3, 11], count),
        "source_row": np.maximum(1, near + draw.integers(-2, 3, count)),
        "specz_landing": draw.choice([0, 2, 5], count),
        "specz_source_row": np.arange(count),
    }
    columns = {name: pa.array(values, pa.int64()) for name, values in made.items()}
    order = draw.permutation(count)
    return pa.table(columns).take(pa.array(order))


@pytest.mark.parametrize("block", [1, 2, 4, 1000, 2**20, 2**40])
def test_numbers_are_those_of_one_window(block):
    assert numbered(pairs(2_000, block, seed=block % 97), block) == []


@pytest.mark.parametrize("threads", [1, 4])
def test_rows_without_a_number_come_last_in_their_file(threads):
    """Pairs of our own match have no row of a spectrum; a row without its own number follows those that have one."""
    rows = [(1, 3, 0, None), (1, 4, 0, None), (1, 5, 0, None), (1, 8, 0, None), (2, 1, 0, None), (2, 4, 0, None)]
    rows += [(1, 4, 2, 1), (1, 4, 2, None), (1, None, 3, 7), (1, None, None, 8), (2, None, 1, 1), (1, 4, None, None)]
    names = ["landing", "source_row", "specz_landing", "specz_source_row"]
    table = pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in reversed(rows)],
        pa.schema([(name, pa.int64()) for name in names]),
    )
    assert numbered(table, block=4, threads=threads) == []


def test_no_rows_have_no_numbers():
    assert numbered(pairs(10, 4, seed=1).slice(0, 0), block=4) == []


def test_pairs_of_a_build_are_numbered_from_one_in_landing_order():
    connection = replay(joined_table([good_pair(number, specz_name=f"s{number}") for number in range(1, 8)]))
    found = connection.execute("select pair_id, source_row from int_pairs order by pair_id").fetchall()
    assert found == [(number, number) for number in range(1, 8)] and kept(connection, 1) == list(range(7))
