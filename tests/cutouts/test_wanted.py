"""Upload lists: what is asked for, in which form, and that an answer ends the asking."""

from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest

from galaxiesml.curation.build import build
from galaxiesml.cutouts.land import land_pictures
from galaxiesml.cutouts.lists import read_list
from galaxiesml.cutouts.wanted import check_ask, wanted_lists, write_lists
from galaxiesml.errors import InputError, UsageError
from galaxiesml.instrument import HSC

from ..curation.landed import land_rows, new_catalog
from ..made.galaxies import at, cut_after, galaxy
from .service import cutout, name, write_tar

OPTIONS = {"version": None, "bands": None, "semi_width": 10.0, "layers": "image"}


def asked(catalog, folder, **options):
    typed = OPTIONS | options
    return wanted_lists(catalog, check_ask(catalog, **typed), folder)


def answer(path, *, leave_out=(), spoil=()):
    """The tar that the service sends for a list: every line but some, and some cut short."""
    members = {}
    for request in read_list(path, HSC):
        if request.line not in leave_out:
            band = request.band.upper()
            data = cutout(request.ra, request.dec, band=band, half=request.semi_width)[0]
            members[name(request.line, band)] = data[:9000] if request.line in spoil else data
    return write_tar(path.with_suffix(".tar"), members)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory):
    """1,003 galaxies, two of them at one place, in two tracts; no picture yet."""
    catalog = new_catalog(tmp_path_factory.mktemp("wanted") / "cat")
    rows = [galaxy(number, skymap_id=(9813 - number % 2) * 10_000) for number in range(1, 1002)]
    rows.append(galaxy(2001, ra=1e-7, dec=-0.1 - 0.2, skymap_id=None, tract=9814))
    rows.append(galaxy(2002, ra=at(7)[0], dec=at(7)[1]))
    rows.append(galaxy(2003, specz_redshift=9.9999))
    rows += [galaxy(2004, ra=400.0, dec=2.0), galaxy(2005, dec=-90.5)]
    land_rows(catalog, rows)
    build(catalog)
    return catalog


def test_the_form_of_the_papers_appendix(stocked, tmp_path):
    found = asked(stocked, tmp_path)
    assert found.pictures == 5 * 1003 and found.in_vain == found.unplaced == 0
    first = next(made for made in found.lists if made.band == "g")
    lines = first.text.splitlines()
    assert lines[0] == "#? rerun filter ra dec sw sh"
    # The lower tract comes first, and 1 is its westernmost galaxy.
    ra, dec = at(1)
    assert lines[1] == f"pdr2_wide HSC-G {ra!r} {dec!r} 10asec 10asec"
    assert first.text.endswith("\n") and "\r" not in first.text


def test_lists_are_full_of_one_filter_and_sorted(stocked, tmp_path):
    found = asked(stocked, tmp_path)
    names = [f"cutouts-HSC-{band}-000{number}.txt" for band in "GRIZY" for number in (1, 2)]
    assert [made.path.name for made in found.lists] == names
    # 1,003 galaxies stand at 1,002 places.
    assert [made.lines for made in found.lists] == [990, 12] * 5
    assert sum(made.objects for made in found.lists) == found.pictures
    write_lists(found.lists)
    tracts = {at(number): 9813 - number % 2 for number in range(1, 1002)} | {(1e-7, -0.1 - 0.2): 9814}
    for band in "grizy":
        requests = [request for made in found.lists if made.band == band for request in read_list(made.path, HSC)]
        keys = [(tracts[request.ra, request.dec], request.ra) for request in requests]
        assert keys == sorted(keys)
        assert {(request.ra, request.dec) for request in requests} == set(tracts)
        assert {(request.band, request.semi_width, request.semi_height) for request in requests} == {(band, 10.0, 10.0)}


def test_other_layers_have_the_services_other_columns(stocked, tmp_path):
    found = asked(stocked, tmp_path, layers="variance,image", bands="z,i", semi_width=2.5, type="coadd/bg")
    assert [made.band for made in found.lists] == ["i", "i", "z", "z"]
    lines = found.lists[0].text.splitlines()
    assert lines[0] == "#? rerun type filter ra dec sw sh image mask variance"
    assert lines[1].split()[:3] == ["pdr2_wide", "coadd/bg", "HSC-I"]
    assert lines[1].split()[5:] == ["2.5asec", "2.5asec", "true", "false", "true"]
    write_lists(found.lists)
    assert read_list(found.lists[0].path, HSC)[0].semi_width == 2.5


@pytest.mark.parametrize(
    "options",
    [
        *({"bands": "gx"}, {"bands": ""}, {"layers": "image,psf"}, {"type": "raw"}, {"version": "v9"}),
        *({"semi_width": 0.0}, {"semi_width": 2101.0}, {"semi_width": float("nan")}),
    ],
)
def test_what_cannot_be_asked_for_is_refused(stocked, tmp_path, options):
    with pytest.raises(UsageError):
        asked(stocked, tmp_path, **options)


def test_an_impossible_position_is_left_out_by_name(stocked, tmp_path, typed):
    code, out, err = typed("-C", stocked.root, "request", "cutouts", "--bands", "g", "--out", tmp_path, "--json")
    told = json.loads(out)
    assert code == 0 and told["pictures"] == 1003 and [row["lines"] for row in told["lists"]] == [990, 12]
    assert [place["object_id"] for place in told["impossible"]] == [2004, 2005]
    assert (told["impossible"][0]["ra"], told["impossible"][1]["dec"]) == (400.0, -90.5)
    assert "Object 2004 is left out: RA 400.0, Dec 2.0 is not a position on the sky." in err
    assert "galaxiesml audit row 2005" in err
    listed = [request for path in tmp_path.glob("*.txt") for request in read_list(path, HSC)]
    assert len(listed) == 1002 and max(request.ra for request in listed) <= 360


def test_a_build_from_before_reasons_had_classes_is_to_be_made_again(stocked, tmp_path, typed):
    shutil.copytree(stocked.root, tmp_path / "older")
    path = tmp_path / "older" / "builds" / stocked.current_id() / "pictures.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["picture_reason_class", "psf_flag"]), path)
    code, _, err = typed("-C", tmp_path / "older", "request", "cutouts")
    assert code == 4 and "was made by an earlier galaxiesml" in err and "galaxiesml build" in err


def test_a_list_of_another_content_is_not_replaced(stocked, tmp_path):
    found = asked(stocked, tmp_path, bands="g")
    assert write_lists(found.lists) == ["written", "written"]
    assert write_lists(found.lists) == ["unchanged", "unchanged"]
    second = found.lists[1].path
    found.lists[0].path.unlink()
    second.write_text("#? ra dec\n1 2\n")
    with pytest.raises(InputError, match=second.name):
        write_lists(found.lists)
    assert not found.lists[0].path.exists() and second.read_text() == "#? ra dec\n1 2\n"
    assert write_lists(found.lists, force=True) == ["written", "replaced"]
    assert second.read_text() == found.lists[1].text


def test_an_answer_ends_the_asking(tmp_path, typed):
    catalog = new_catalog(tmp_path / "cat")
    land_rows(catalog, [galaxy(number) for number in range(1, 5)] + [galaxy(9, ra=at(1)[0], dec=at(1)[1])])
    build(catalog)
    command = ["-C", catalog.root, "request", "cutouts", "--json"]
    code, out, err = typed(*command)
    told = json.loads(out)
    assert code == 0 and told["pictures"] == 25 and [row["lines"] for row in told["lists"]] == [4] * 5
    assert "das_cutout/pdr2/" in err and "ingest cutouts" in err
    folder = catalog.root / "requests"
    for path in sorted(folder.glob("*.txt")):
        # In g line 3 lies outside the coverage, in r line 4 comes broken, and of z line 2 alone comes before the cut.
        made = answer(path, leave_out=[3] if "-G-" in path.name else [], spoil=[4] if "-R-" in path.name else [])
        if "-Z-" in path.name:
            cut_after(made, 1)
    states = [landed.state for landed in land_pictures(catalog, [folder])]
    assert sorted(states) == ["failed", *["landed"] * 4]
    assert [landed.state for landed in land_pictures(catalog, [made], accept_cut=True)] == ["landed"]
    build(catalog)
    again = tmp_path / "again"
    told = json.loads(typed(*command, "--out", again)[1])
    assert (told["pictures"], told["in_vain"]) == (4, 1)
    assert [(row["filter"], row["lines"]) for row in told["lists"]] == [("r", 1), ("z", 3)]
    place = read_list(again / "cutouts-HSC-R-0001.txt", HSC)[0]
    assert (place.ra, place.dec) == at(3)
    in_vain = json.loads(typed(*command, "--again", "--bands", "g", "--out", tmp_path / "vain")[1])
    assert in_vain["pictures"] == 1
    asked_again = read_list(tmp_path / "vain" / "cutouts-HSC-G-0001.txt", HSC)[0]
    assert (asked_again.ra, asked_again.dec) == at(2)
    answer(again / "cutouts-HSC-R-0001.txt"), answer(again / "cutouts-HSC-Z-0001.txt")
    assert {landed.state for landed in land_pictures(catalog, [again])} == {"landed"}
    build(catalog)
    code, out, err = typed(*command[:-1])
    assert (code, out) == (0, "") and "Nothing to request" in err
    assert "belongs to an earlier request" in err


def test_a_picture_in_another_tract_alone_is_not_asked_for_twice(tmp_path):
    catalog = new_catalog(tmp_path / "cat")
    land_rows(catalog, [galaxy(1)])
    tars = {"a": [("G", 9812), ("R", 9812)], "b": [("I", 9813)]}
    for file, sent in tars.items():
        members = {name(2, band, tract): cutout(*at(1), band=band)[0] for band, tract in sent}
        list(land_pictures(catalog, [write_tar(tmp_path / f"{file}.tar", members)]))
    build(catalog)
    found = asked(catalog, tmp_path / "out")
    assert [made.band for made in found.lists] == ["z", "y"] and found.in_vain == 1
    assert [made.band for made in asked(catalog, tmp_path / "out", again=True).lists] == ["i", "z", "y"]


def test_a_version_of_ones_own_is_asked_for_what_the_others_lack(tmp_path, typed):
    catalog = new_catalog(tmp_path / "cat")
    rows = [galaxy(number) for number in range(1, 4)]
    # No published version keeps insecure redshifts, and hers only the near ones of them.
    rows += [galaxy(4, specz_flag_homogeneous=False), galaxy(5, specz_flag_homogeneous=False, specz_redshift=2.5)]
    land_rows(catalog, rows)
    build(catalog)

    def places(folder, *words):
        code, out, err = typed("-C", catalog.root, "request", "cutouts", "--json", "--out", folder, *words)
        assert code == 0, err
        found = {(one.band, one.ra, one.dec) for path in folder.glob("*.txt") for one in read_list(path, HSC)}
        assert json.loads(out)["pictures"] == len(found)
        return found

    first = tmp_path / "first"
    assert places(first) == {(band, *at(number)) for band in "grizy" for number in (1, 2, 3)}
    for path in sorted(first.glob("*.txt")):
        answer(path)
    assert {landed.state for landed in land_pictures(catalog, [first])} == {"landed"}
    typed("-C", catalog.root, "cuts", "new", "near", "--sql", "specz_redshift < 1.5", "--why", "z", "--section", "2")
    new = ("versions", "new", "mine", "--from", "v2", "--without", "secure", "--with", "near")
    assert typed("-C", catalog.root, *new)[0] == 0
    code, _, err = typed("-C", catalog.root, "request", "cutouts", "--version", "mine", "--out", tmp_path / "early")
    assert code == 4 and "galaxiesml build --version mine" in err
    assert typed("-C", catalog.root, "build")[0] == 0
    hers = tmp_path / "hers"
    assert places(hers, "--version", "mine") == {(band, *at(4)) for band in "grizy"}
    assert places(tmp_path / "default") == set()
    for path in sorted(hers.glob("*.txt")):
        answer(path)
    assert {landed.state for landed in land_pictures(catalog, [hers])} == {"landed"}
    build(catalog)
    assert places(tmp_path / "again", "--version", "mine") == set()
    with catalog.connect() as connection:
        shown = connection.execute("select object_id, count(image_offset) from pictures group by all order by 1")
        assert shown.fetchall() == [(number, 5) for number in (1, 2, 3, 4)]
