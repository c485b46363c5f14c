"""The id of a table's content: what changes it, and what does not; computed again as the module's words say."""

import hashlib
import math
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.curation.content import content_sha256
from galaxiesml.errors import BuildError

ROWS = {
    "n": pa.array([2**53 + 1, None, -(2**63), 2**63 - 1], pa.int64()),
    "x": pa.array([math.nan, None, -0.0, math.inf]),
    "yes": pa.array([True, None, False, True]),
    "word": pa.array(["it's", None, "", "\u03bb\\"]),
    "bins": pa.array([[1, None], None, [], [3]], pa.list_(pa.int32())),
}


def digest(path, columns, **options) -> str:
    pq.write_table(pa.table(columns), path, **options)
    return content_sha256(path)


def by_the_words() -> str:
    """The encoding of the module's docstring, value by value."""

    def sha(*parts: bytes) -> bytes:
        return hashlib.sha256(b"".join(parts)).digest()

    def nulls(*places: int) -> bytes:
        return sha(struct.pack(f"<{len(places)}q", *places))

    nan = bytes.fromhex("7ff8000000000000")[::-1]
    whole = hashlib.sha256(struct.pack("<q", 4))
    for name, kind, streams in (
        ("n", "int64", [nulls(1), sha(struct.pack("<4q", 2**53 + 1, 0, -(2**63), 2**63 - 1))]),
        ("x", "double", [nulls(1), sha(nan, struct.pack("<3d", 0, 0.0, math.inf))]),
        ("yes", "bool", [nulls(1), sha(bytes([1, 0, 0, 1]))]),
        ("word", "text", [nulls(1), sha(struct.pack("<4q", 4, 0, 0, 3)), sha("it's\u03bb\\".encode())]),
        (
            "bins",
            "int32[]",
            [nulls(1), sha(struct.pack("<4q", 2, 0, 0, 1)), sha(nulls(1), sha(struct.pack("<3i", 1, 0, 3)))],
        ),
    ):
        whole.update(f"{name}\0{kind}\0".encode() + sha(*streams))
    return whole.hexdigest()


def test_the_encoding_is_the_one_in_words(tmp_path):
    assert digest(tmp_path / "a.parquet", ROWS) == by_the_words()


def test_storage_does_not_matter(tmp_path):
    plain = digest(tmp_path / "a.parquet", ROWS)
    options = {"row_group_size": 1, "compression": "zstd", "use_dictionary": False}
    assert digest(tmp_path / "b.parquet", ROWS, **options) == plain
    large = ROWS | {"word": ROWS["word"].cast(pa.large_string())}
    assert digest(tmp_path / "c.parquet", large) == plain
    signed = ROWS | {"x": pa.array([struct.unpack("<d", b"\1\0\0\0\0\0\xf8\xff")[0], None, 0.0, math.inf])}
    assert digest(tmp_path / "d.parquet", signed) == plain


def test_batches_do_not_matter(tmp_path):
    many = {"x": pa.array([None if n % 7 == 0 else n / 3 for n in range(200_001)]), "s": ["abc"] * 200_001}
    assert digest(tmp_path / "a.parquet", many) == digest(tmp_path / "b.parquet", many, row_group_size=1000)


@pytest.mark.parametrize(
    "changed",
    [
        {"n": pa.array([2**53, None, -(2**63), 2**63 - 1], pa.int64())},
        {"n": pa.array([2**53 + 1, 0, -(2**63), 2**63 - 1], pa.int64())},
        {"n": pa.array([1, None, -1, 2], pa.int32())},
        {"x": pa.array([None, math.nan, 0.0, math.inf])},
        {"x": pa.array([math.nan, None, -5e-324, math.inf])},
        {"word": pa.array(["it's", "", "", "\u03bb\\"])},
        {"word": pa.array(["it'", None, "s", "\u03bb\\"])},
        {"bins": pa.array([[1, None], [], [], [3]], pa.list_(pa.int32()))},
        {"bins": pa.array([[1], None, [None], [3]], pa.list_(pa.int32()))},
        {"yes": pa.array([True, None, True, True])},
    ],
)
def test_every_change_of_a_value_matters(tmp_path, changed):
    assert digest(tmp_path / "b.parquet", ROWS | changed) != digest(tmp_path / "a.parquet", ROWS)


def test_names_and_order_matter(tmp_path):
    plain = digest(tmp_path / "a.parquet", ROWS)
    assert digest(tmp_path / "b.parquet", {"m" if name == "n" else name: of for name, of in ROWS.items()}) != plain
    assert digest(tmp_path / "c.parquet", {name: ROWS[name] for name in reversed(ROWS)}) != plain
    assert digest(tmp_path / "d.parquet", {name: of.take(pa.array([1, 0, 2, 3])) for name, of in ROWS.items()}) != plain


def test_a_type_that_no_build_has_is_an_error(tmp_path):
    pq.write_table(pa.table({"when": pa.array([0], pa.timestamp("us"))}), tmp_path / "a.parquet")
    with pytest.raises(BuildError, match="when is of type timestamp"):
        content_sha256(tmp_path / "a.parquet")
