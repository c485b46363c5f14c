"""Landing tars and folders: once, whole, whatever is in them, however often it is killed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zlib

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.stores import BY_NAME
from galaxiesml.cutouts.land import land_pictures, recover, remove_shard, store_of
from galaxiesml.cutouts.lists import read_list
from galaxiesml.errors import InputError, UsageError
from galaxiesml.instrument import HSC
from galaxiesml.pixels.store import Shards

from .service import cutout, name, psf, write_list, write_tar

PLACES = [(150.0 + 0.01 * number, 2.0) for number in range(6)]


@pytest.fixture
def catalog(tmp_path):
    return Catalog.create(tmp_path / "cat", "pdr2_wide")


def tar(path, band="G", places=PLACES, **options):
    members = {
        name(line, band): cutout(*place, band=band, seed=line, half=3.0, **options)[0]
        for line, place in enumerate(places, 2)
    }
    return write_tar(path, members)


def rows(catalog, shard, table="pictures"):
    return pq.read_table(store_of(catalog) / shard / f"{table}.parquet").to_pylist()


def files(folder):
    """Every file of the store but what says when, byte for byte."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "landing.json"
    }


def test_a_tar_lands_once_whole_and_as_it_is(catalog, tmp_path):
    path = tar(tmp_path / "g.tar")
    (landed,) = land_pictures(catalog, [path])
    assert (landed.state, landed.info["pictures"], landed.info["bands"]) == ("landed", 6, {"g": 6})
    shard = landed.info["shard"]
    schema = BY_NAME["cutout_pictures"].schema(catalog.profile)
    assert pq.read_schema(store_of(catalog) / shard / "pictures.parquet") == schema
    assert pq.read_schema(store_of(catalog) / shard / "requests.parquet") == BY_NAME["cutout_requests"].schema()
    shards = Shards(store_of(catalog))
    for row, place in zip(rows(catalog, shard), PLACES, strict=True):
        _, made = cutout(*place, seed=row["line"], half=3.0)
        for kind, pixels in made.items():
            stored = shards.layer(shard, row[f"{kind}_offset"], (row["height"], row["width"]), kind)
            np.testing.assert_array_equal(stored, pixels)
            assert zlib.crc32(stored.tobytes()) == row[f"{kind}_crc"]
    before = files(store_of(catalog))
    assert [again.state for again in land_pictures(catalog, [path])] == ["known"]
    moved = tmp_path / "other name.tar"
    moved.write_bytes(path.read_bytes())
    assert [again.state for again in land_pictures(catalog, [path, moved])] == ["known", "known"]
    assert files(store_of(catalog)) == before


def test_the_same_bytes_twice_in_one_command(catalog, tmp_path):
    first, second = tar(tmp_path / "a.tar"), tar(tmp_path / "b.tar")
    assert sorted(landed.state for landed in land_pictures(catalog, [first, second])) == ["known", "landed"]
    assert len(catalog.landings("cutouts")) == 1


def test_the_same_bytes_twice_and_a_list_with_the_second(catalog, tmp_path):
    first, second = tar(tmp_path / "a.tar"), tar(tmp_path / "b.tar")
    write_list(tmp_path / "b.txt", PLACES)
    assert {landed.state for landed in land_pictures(catalog, [first, second])} == {"landed", "list added"}
    (shard,) = catalog.landings("cutouts")
    assert (shard["list_file"], len(rows(catalog, shard["shard"], "requests"))) == ("b.txt", 6)


def test_listing_and_taking_out(catalog, tmp_path, typed):
    tars = [tar(tmp_path / "a.tar"), tar(tmp_path / "b.tar", "R")]
    command = ["-C", catalog.root, "ingest"]
    assert typed(*command, "cutouts", *tars)[0] == 0
    listed = json.loads(typed(*command, "list", "cutouts", "--json")[1])
    assert sorted(entry["source_file"] for entry in listed) == ["a.tar", "b.tar"]
    assert typed(*command, "remove", "--kind", "cutouts", "c.tar")[0] == 2
    assert typed(*command, "remove", "--kind", "cutouts", "a.tar")[0] == 0
    assert [entry["source_file"] for entry in catalog.landings("cutouts")] == ["b.tar"]
    assert "galaxiesml ingest psf" in typed(*command, "list", "psf")[2]


def test_one_process_or_two_make_the_same_store(tmp_path):
    tars = [tar(tmp_path / f"{band}.tar", band) for band in "GRI"]
    stores = []
    for jobs in (1, 2):
        catalog = Catalog.create(tmp_path / f"cat{jobs}", "pdr2_wide")
        assert {landed.state for landed in land_pictures(catalog, tars, jobs=jobs)} == {"landed"}
        stores.append(files(store_of(catalog)))
    assert stores[0] == stores[1]


def test_folders_of_fits_and_of_tars(catalog, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for line, place in enumerate(PLACES, 2):
        (folder / name(line).split("/")[1]).write_bytes(cutout(*place, half=3.0)[0])
    (folder / "notes.md").write_text("not a picture")
    (landed,) = land_pictures(catalog, [folder])
    assert (landed.info["pictures"], landed.info["refused"]) == (6, [])
    assert [again.state for again in land_pictures(catalog, [folder])] == ["known"]
    tars = tmp_path / "tars"
    tars.mkdir()
    tar(tars / "g.tar"), tar(tars / "r.tar", "R")
    assert [again.source.name for again in land_pictures(catalog, [tars])] == ["g.tar", "r.tar"]
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match=r"contains neither \.tar nor \.fits"):
        list(land_pictures(catalog, [tmp_path / "nothing"]))
    with pytest.raises(InputError, match="does not exist"):
        list(land_pictures(catalog, [tmp_path / "nowhere"]))


def test_lists_beside_named_and_added_later(catalog, tmp_path):
    path = tar(tmp_path / "g.tar")
    (landed,) = land_pictures(catalog, [path])
    assert landed.info["list_file"] is None and rows(catalog, landed.info["shard"], "requests") == []
    listed = write_list(tmp_path / "g.txt", PLACES)
    (added,) = land_pictures(catalog, [path])
    assert (added.state, added.info["requested"]) == ("list added", 6)
    asked = rows(catalog, landed.info["shard"], "requests")
    assert [(row["line"], row["ra"], row["dec"]) for row in asked] == [
        (line, *place) for line, place in enumerate(PLACES, 2)
    ]
    assert {(row["band"], row["semi_width"], row["list_file"]) for row in asked} == {("g", 10.0, "g.txt")}
    assert [again.state for again in land_pictures(catalog, [path])] == ["known"]
    other = tar(tmp_path / "r.tar", "R")
    (named,) = land_pictures(catalog, [other], list_file=listed)
    assert named.info["list_file"] == "g.txt"
    with pytest.raises(UsageError, match="--list takes the list of a single tar"):
        list(land_pictures(catalog, [path, other], list_file=listed))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("ra dec\n1 2\n", "does not begin with '#\\?'"),
        ("#? ra sw\n1 2\n", "line 1: no ra and dec"),
        ("#? ra dec colour\n1 2 3\n", "line 1: unknown colour"),
        ("#? ra dec\n1 2\n1 2 3\n", "line 3: its number of words differs"),
        ("#? ra dec\n400 2\n", "line 2: not a position: 400 2"),
        ("#? ra dec sw\n1 2 10parsec\n", "line 2: not a length: 10parsec"),
        ("#? ra dec\n1 north\n", "line 2: could not convert"),
    ],
)
def test_lists_that_are_none(catalog, tmp_path, text, wrong):
    (tmp_path / "l.txt").write_text(text)
    with pytest.raises(InputError, match=wrong):
        read_list(tmp_path / "l.txt", HSC)
    (failed,) = land_pictures(catalog, [tar(tmp_path / "g.tar")], list_file=tmp_path / "l.txt")
    assert failed.state == "failed" and catalog.landings("cutouts") == []


def test_the_services_own_columns_and_units(tmp_path):
    (tmp_path / "l.txt").write_text(
        "#? rerun type filter tract ra dec sw sh image mask variance\n"
        "pdr2_wide coadd HSC-I2 9813 150.5 -2.5 0.5amin 10asec true false false\n\n"
        "pdr2_wide coadd all any 150.5 -2.5 0.01deg 0.002 true false false\n"
    )
    first, second = read_list(tmp_path / "l.txt", HSC)
    assert (first.line, first.band, first.tract, first.semi_width, first.semi_height) == (2, "i", 9813, 30.0, 10.0)
    assert (second.line, second.band, second.tract, second.semi_width) == (4, None, None, 36.0)
    assert second.semi_height == pytest.approx(7.2)


def test_what_is_hostile_is_refused_by_name_and_the_rest_lands(catalog, tmp_path):
    good, _ = cutout(*PLACES[0], half=3.0)
    members = {
        "/etc/2-cutout-HSC-G-9813-pdr2_wide.fits": good,
        "../../3-cutout-HSC-G-9813-pdr2_wide.fits": good,
        "arch/pickle.pkl": b"cos\nsystem\n(S'true'\ntR.",
        name(5): good[:-9000],
        name(6, "R"): good,
        name(7): good,
    }
    (landed,) = land_pictures(catalog, [write_tar(tmp_path / "a.tar", members)])
    assert landed.info["pictures"] == 1
    assert {refused["member"] for refused in landed.info["refused"]} == set(members) - {name(7)}
    told = {row["member"]: row["refused"] for row in rows(catalog, landed.info["shard"])}
    assert told[name(7)] == "" and "leads out of its folder" in told["../../3-cutout-HSC-G-9813-pdr2_wide.fits"]
    assert "its name says filter r" in told[name(6, "R")]


def test_a_picture_that_its_list_does_not_ask_for_does_not_land(catalog, tmp_path, typed):
    """The list has lines 2 to 5, the tar 2 to 7; without a list nobody knows what was asked for."""
    path = tar(tmp_path / "g.tar")
    write_list(tmp_path / "g.txt", PLACES[:4])
    code, out, err = typed("-C", catalog.root, "ingest", "cutouts", path)
    assert code == 0 and "4 pictures (g:4)" in out
    assert f"{name(6)} and 1 more refused (not_asked): it is not asked for: its list has no line 6." in err
    (info,) = catalog.landings("cutouts")
    assert [(each["member"], each["class"]) for each in info["refused"]] == [
        (name(6), "not_asked"),
        (name(7), "not_asked"),
    ]
    assert info["silence"] is None and sum(row["image_offset"] is not None for row in rows(catalog, info["shard"])) == 4
    (tmp_path / "other").mkdir()
    (landed,) = land_pictures(catalog, [tar(tmp_path / "other" / "r.tar", "R")])
    assert landed.info["pictures"] == 6 and landed.info["refused"] == []


def test_a_name_that_comes_twice_stands_once(catalog, tmp_path):
    first, _ = cutout(*PLACES[0], half=3.0)
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as made:
        for _ in range(2):
            info = tarfile.TarInfo(name(2))
            info.size = len(first)
            made.addfile(info, io.BytesIO(first))
    (landed,) = land_pictures(catalog, [path])
    assert landed.info["pictures"] == 1
    assert landed.info["refused"][0]["reason"] == "the tar has a member of this name before it"


def test_damaged_tars_land_not_at_all_and_stop_no_other(catalog, tmp_path):
    whole = tar(tmp_path / "whole.tar")
    short = tmp_path / "short.tar"
    short.write_bytes(whole.read_bytes()[:-40_000])
    page = tmp_path / "page.tar"
    page.write_text("<html>503</html>" * 100)
    states = {landed.source.name: landed for landed in land_pictures(catalog, [short, page, whole])}
    assert {file: landed.state for file, landed in states.items()} == {
        "short.tar": "failed",
        "page.tar": "failed",
        "whole.tar": "landed",
    }
    assert "cut short" in str(states["short.tar"].error) and "it is not a tar file" in str(states["page.tar"].error)
    assert [path.name for path in (catalog.raw).iterdir()] == ["cutouts"]


def test_empty_tars_answer_each_its_own_list(catalog, tmp_path):
    """The bytes are the same: what tells two answers apart is the list."""
    for number in (1, 2):
        write_tar(tmp_path / f"{number}.tar", {})
        write_list(tmp_path / f"{number}.txt", PLACES[number : number + 2])
    tars = [tmp_path / "1.tar", tmp_path / "2.tar"]
    assert [landed.state for landed in land_pictures(catalog, tars)] == ["landed", "landed"]
    assert [landed.state for landed in land_pictures(catalog, tars)] == ["known", "known"]
    assert sorted(entry["list_file"] for entry in catalog.landings("cutouts")) == ["1.txt", "2.txt"]
    asked = [row for entry in catalog.landings("cutouts") for row in rows(catalog, entry["shard"], "requests")]
    assert sorted({row["ra"] for row in asked}) == [place[0] for place in PLACES[1:4]]


def test_an_empty_tar_lands_as_an_answer(catalog, tmp_path):
    write_list(tmp_path / "none.txt", PLACES[:2])
    (landed,) = land_pictures(catalog, [write_tar(tmp_path / "none.tar", {})])
    assert (landed.state, landed.info["pictures"], landed.info["requested"]) == ("landed", 0, 2)


def test_a_tar_of_no_bytes_is_no_answer(catalog, tmp_path, typed):
    (tmp_path / "g.tar").write_bytes(b"")
    write_list(tmp_path / "g.txt", PLACES)
    code, out, err = typed("-C", catalog.root, "ingest", "cutouts", tmp_path / "g.tar")
    assert (code, out, catalog.landings("cutouts")) == (3, "", [])
    assert "g.tar: it is cut short at byte 0" in err and "--accept-cut" in err


def test_what_came_of_a_cut_tar_lands_where_that_is_accepted(catalog, tmp_path, typed):
    path = tar(tmp_path / "g.tar")
    whole = path.read_bytes()
    write_list(tmp_path / "g.txt", PLACES)
    # At the boundary of the third member: every byte before it is right.
    with tarfile.open(path) as opened:
        length = opened.getmembers()[2].offset
    path.write_bytes(whole[:length])
    assert typed("-C", catalog.root, "ingest", "cutouts", path)[0] == 3 and catalog.landings("cutouts") == []
    code, _, err = typed("-C", catalog.root, "ingest", "cutouts", "--accept-cut", path)
    (shard,) = catalog.landings("cutouts")
    assert code == 0 and shard["pictures"] == 2 and f"g.tar is cut short at byte {length:,}" in err
    assert {row["silence"] for row in rows(catalog, shard["shard"], "requests")} == {"cut_short"}
    assert "cut_short" in typed("-C", catalog.root, "ingest", "list", "cutouts")[1]


def test_two_tars_joined_are_said(catalog, tmp_path, typed):
    first, second = tar(tmp_path / "g.tar"), tar(tmp_path / "r.tar", "R")
    length = first.stat().st_size
    first.write_bytes(first.read_bytes() + second.read_bytes())
    code, _, err = typed("-C", catalog.root, "ingest", "cutouts", first)
    assert code == 0 and f"data after the end mark of g.tar at byte {length:,} were not read" in err


def test_a_tar_that_landed_cut_short_before_ends_were_looked_at_is_told_when_it_comes_again(catalog, tmp_path):
    path = tar(tmp_path / "g.tar")
    list(land_pictures(catalog, [path]))
    (shard,) = catalog.landings("cutouts")
    folder = store_of(catalog) / shard["shard"]
    # As a version before this one left it.
    cut = tmp_path / "cut.tar"
    cut.write_bytes(path.read_bytes()[:0])
    older = {key: value for key, value in shard.items() if key not in ("silence", "silence_reason")}
    sha = hashlib.sha256(b"").hexdigest()
    older |= {"source_sha256": sha, "source_bytes": 0, "source_file": "cut.tar", "shard": sha[:12]}
    (folder / "landing.json").write_text(json.dumps(older))
    (again,) = land_pictures(catalog, [cut])
    assert again.state == "failed" and "was landed as a complete tar, but it is cut short at byte 0" in str(again.error)
    assert "ingest remove --kind cutouts cut.tar" in again.error.hint

    # One that is whole is read once more, and then known to be.
    without = {key: value for key, value in shard.items() if key not in ("silence", "silence_reason")}
    (folder / "landing.json").write_text(json.dumps(without))
    (again,) = land_pictures(catalog, [path])
    assert again.state == "known" and json.loads((folder / "landing.json").read_text()) == shard


def test_a_single_file_is_a_folder_of_one(catalog, tmp_path):
    path = tmp_path / "cutout-HSC-G-9813-pdr2_wide.fits"
    path.write_bytes(cutout(*PLACES[0], half=3.0)[0])
    (landed,) = land_pictures(catalog, [path])
    assert (landed.state, landed.info["pictures"], landed.info["source_file"]) == ("landed", 1, path.name)
    (row,) = rows(catalog, landed.info["shard"])
    assert (row["line"], row["band"], row["tract"], row["member"]) == (None, "g", 9813, path.name)
    assert (abs(row["ra"] - PLACES[0][0]) < 1e-4) and abs(row["dec"] - PLACES[0][1]) < 1e-4
    folder = tmp_path / "folder"
    folder.mkdir()
    path.rename(folder / path.name)
    assert [again.state for again in land_pictures(catalog, [folder, folder / path.name])] == ["known", "known"]


@pytest.mark.parametrize("kind", ["folder", "tar", "file"])
def test_where_all_is_refused_nothing_is_left(catalog, tmp_path, typed, kind):
    good, _ = cutout(*PLACES[0], half=3.0)
    files = {"a.fits": good, "b.fits": good, "2-cutout-HSC-R-9813-pdr2_wide.fits": good}
    folder = tmp_path / "all"
    folder.mkdir()
    for name_, data in files.items():
        (folder / name_).write_bytes(data)
    source = {"folder": folder, "file": folder / "a.fits", "tar": write_tar(tmp_path / "all.tar", files)}[kind]
    code, out, err = typed("-C", catalog.root, "ingest", "cutouts", source)
    assert (code, out, catalog.landings("cutouts")) == (3, "", [])
    assert "has no usable picture" in err and "(name), as a.fits: its name is not" in err
    assert ("2 (name)" in err and "1 (filter), as 2-cutout-HSC-R" in err) == (kind != "file")
    assert [path.name for path in (catalog.raw).iterdir()] == ["cutouts"]


def test_psfs_given_as_cutouts_are_told_where_they_belong(catalog, tmp_path, typed):
    path = write_tar(tmp_path / "p.tar", {"2-psf-calexp-pdr2_wide-HSC-I-9813-4,5-150.01-2.5.fits": psf()[0]})
    code, _, err = typed("-C", catalog.root, "ingest", "cutouts", path)
    assert code == 3 and f"galaxiesml ingest psf {path}" in err


def test_refusals_of_one_class_are_told_in_one_line(catalog, tmp_path, typed):
    members = {name(line): cutout(*place, half=3.0)[0] for line, place in enumerate(PLACES, 2)}
    # Two that end at different bytes: the words differ, the class does not.
    members[name(3)], members[name(4)] = members[name(3)][:9000], members[name(4)][:8800]
    code, _, err = typed("-C", catalog.root, "ingest", "cutouts", write_tar(tmp_path / "g.tar", members))
    assert code == 0 and f"{name(3)} and 1 more refused (cut_short): its image is cut short" in err
    (shard,) = catalog.landings("cutouts")
    assert [refused["class"] for refused in shard["refused"]] == ["cut_short", "cut_short"]


def test_a_flagged_psf_is_told(catalog, tmp_path, typed):
    pixels = np.zeros((43, 43))
    pixels[5, 5] = 1.0
    out = io.BytesIO()
    fits.PrimaryHDU(pixels).writeto(out)
    path = write_tar(tmp_path / "p.tar", {"2-psf-calexp-pdr2_wide-HSC-I-9813-4,5-150.01-2.5.fits": out.getvalue()})
    code, _, err = typed("-C", catalog.root, "ingest", "psf", path)
    assert code == 0 and "1 PSF pictures are flagged off_centre" in err


def test_a_shard_is_removed_by_name_or_sha(catalog, tmp_path):
    path = tar(tmp_path / "g.tar")
    (landed,) = land_pictures(catalog, [path])
    with pytest.raises(UsageError):
        remove_shard(catalog, "abc")
    assert remove_shard(catalog, landed.info["source_sha256"][:8])["source_file"] == "g.tar"
    assert catalog.landings("cutouts") == []
    assert [again.state for again in land_pictures(catalog, [path])] == ["landed"]


def kills(tmp_path, count: int, typed, pictures: int) -> None:
    """Kill `ingest cutouts` at moments spread over its run; type it again; the store is the same, byte for byte."""
    tars = [tar(tmp_path / f"{band}.tar", band, PLACES * (pictures // len(PLACES))) for band in "GRIZY"]
    whole = Catalog.create(tmp_path / "whole", "pdr2_wide")
    command = [sys.executable, "-m", "galaxiesml", "-q", "-C", str(tmp_path / "cat"), "ingest", "cutouts", "-j", "2"]
    start = time.monotonic()
    subprocess.run(
        [*command[:4], "-C", str(whole.root), *command[6:], *map(str, tars)], check=True, capture_output=True
    )
    length = time.monotonic() - start
    expected = files(store_of(whole))
    died = 0
    for number in range(count):
        catalog = Catalog.create(tmp_path / "cat", "pdr2_wide")
        process = subprocess.Popen([*command, *map(str, tars)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(length * (number + 0.5) / count)
        process.kill()
        # The pipes close when the last process that could write has ended.
        process.communicate(timeout=10)
        died += process.returncode == -signal.SIGKILL
        for info in catalog.landings("cutouts"):
            assert files(store_of(catalog) / info["shard"]) == files(store_of(whole) / info["shard"])
        assert typed(*command[3:-1], "1", *tars)[0] == 0
        assert files(store_of(catalog)) == expected
        assert not list((catalog.raw).glob(".tmp-*"))
        recover(catalog)
        os.rename(catalog.root, tmp_path / f"done{number}")
    # The machine may have become twice as fast meanwhile; then the later ones come too late.
    assert died >= count / 3


def test_three_kills(tmp_path, typed):
    kills(tmp_path, 3, typed, pictures=120)


@pytest.mark.proof
def test_twenty_kills_of_landing(tmp_path, typed):
    kills(tmp_path, 20, typed, pictures=240)


def test_landing_json_says_where_it_came_from(catalog, tmp_path):
    path = tar(tmp_path / "g.tar")
    (landed,) = land_pictures(catalog, [path])
    kept = json.loads((store_of(catalog) / landed.info["shard"] / "landing.json").read_text())
    assert kept["source_path"] == str(path) and kept["source_bytes"] == path.stat().st_size
