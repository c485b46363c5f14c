"""``fetch release``: the record's files, by size and hash, resumed, then landed as `ingest release` lands."""

from __future__ import annotations

import hashlib
import json

import h5py
import numpy as np
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.stores import SPLITS

from .server import Reply, ranged, serving


class Record:
    """A record of a repository: its description, and its files with ranges."""

    def __init__(self, files: dict[str, bytes]):
        self.files, self.changes = files, {}

    def __call__(self, asked):
        if asked.path == "/api/records/11117528":
            entries = [
                {"key": name, "size": len(data), "checksum": "md5:" + hashlib.md5(data).hexdigest()}
                | self.changes.get(name, {})
                for name, data in self.files.items()
            ]
            return Reply(200, json.dumps({"id": 11117528, "files": entries}).encode())
        name = asked.path.removeprefix("/records/11117528/files/")
        return ranged(self.files[name], asked, None) if name in self.files else Reply(404)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    folder, made = tmp_path_factory.mktemp("published"), {}
    for size in (64, 127):
        for number, split in enumerate(SPLITS):
            path = folder / f"5x{size}x{size}_{split}_with_morphology.hdf5"
            with h5py.File(path, "w") as file:
                file["object_id"] = np.arange(1, 50, dtype=np.int64) + 1000 * number
                file["image"] = np.random.default_rng(number).normal(size=(49, 5, 8, 8)).astype(np.float32)
            made[path.name] = path.read_bytes()
    return made | {"README.md": b"words"}


@pytest.fixture
def catalog(tmp_path):
    return Catalog.create(tmp_path / "cat", "pdr2_wide")


def words(catalog, server, *more) -> list:
    return ["-C", catalog.root, "fetch", "release", "--url", server.root, *more]


def test_files_are_fetched_checked_and_landed(catalog, files, typed):
    with serving(Record(files)) as server:
        code, out, err = typed(*words(catalog, server))
        assert code == 0, err
        assert "5x64x64_testing_with_morphology.hdf5 is landed: testing, 49 objects." in out
        kept = catalog.root / "fetch" / "release"
        assert all((kept / name).read_bytes() == files[name] for name in files if name.startswith("5x64"))
        landed = catalog.landings("release")
        assert [entry["split"] for entry in landed] == sorted(SPLITS)
        assert landed[0]["fetched"]["record"] == 11117528 and landed[0]["fetched"]["url"] in (
            f"{server.root}/records/11117528/files/{landed[0]['source_file']}"
        )
        before = len(server.asked)
        assert typed(*words(catalog, server))[0] == 0 and len(server.asked) == before + 1
        code, _, err = typed(*words(catalog, server, "--size", "127"))
        assert code == 2 and "already landed" in err and "--download-only" in err
        code, out, _ = typed(
            *words(catalog, server, "--size", "127", "--split", "testing", "--download-only", "--json")
        )
        assert code == 0 and len(json.loads(out)) == 1 and len(catalog.landings("release")) == 3


def test_a_download_is_resumed_by_the_published_hash(catalog, files, typed):
    """The server has no ETag; the record's MD5 says that the two pieces are one file."""
    record, name = Record(files), "5x64x64_testing_with_morphology.hdf5"
    half = len(files[name]) // 2

    def broken(asked):
        reply = record(asked)
        if asked.path.endswith(name):
            return Reply(200, files[name], sent=half) if "Range" not in asked.headers else Reply(404)
        return reply

    options = ["--split", "testing"]
    with serving(broken) as server:
        code, _, err = typed(*words(catalog, server, *options))
        assert code == 9 and "answers 404" in err
        server.answer = record
        assert typed(*words(catalog, server, *options))[0] == 0
        assert server.asked[-1].headers["Range"] == f"bytes={half}-"
    assert (catalog.root / "fetch" / "release" / name).read_bytes() == files[name]


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"checksum": "md5:" + "0" * 32}, "published is 0000"),
        ({"size": 5}, "published are 5"),
        ({"checksum": None}, "without a plain name"),
        ({"key": "../../5x64x64_testing.hdf5"}, "without a plain name"),
        ({"size": 10**15}, "GB are needed"),
    ],
)
def test_what_differs_from_the_record_is_not_kept(catalog, files, typed, changes, told):
    record, name = Record(files), "5x64x64_testing_with_morphology.hdf5"
    record.changes[name] = changes
    with serving(record) as server:
        code, _, err = typed(*words(catalog, server, "--split", "testing", "--retry-for", "0.2"))
    assert code in (8, 9) and told in err
    assert catalog.landings("release") == [] and not list(catalog.root.rglob("*.hdf5*"))


def test_a_record_without_the_file(catalog, typed):
    with serving(Record({"5x64x64_training.hdf5": b"x"})) as server:
        code, _, err = typed(*words(catalog, server, "--split", "testing"))
    assert code == 2 and "it has: 5x64x64_training.hdf5" in err
