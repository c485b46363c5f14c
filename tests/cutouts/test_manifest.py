"""Pictures meet objects: the manifest of a real build over tars that a test made."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from galaxiesml.cli.morphology import _say_first
from galaxiesml.curation.build import build
from galaxiesml.cutouts.land import land_pictures
from galaxiesml.cutouts.picture import PSF_FLAGS
from galaxiesml.cutouts.refusal import CLASSES as REFUSALS
from galaxiesml.cutouts.silence import CLASSES as SILENCES
from galaxiesml.morphology.psf_source import source_of
from galaxiesml.morphology.run import plan
from galaxiesml.morphology.settings import Settings

from ..curation.landed import land_rows, new_catalog
from ..made.builds import mixed
from ..made.galaxies import BANDS, at, cut_after, galaxy, manifest, next_manifest
from .service import cutout, name, psf, tract_wcs, write_list, write_tar


def land(catalog, tmp_path, **tars):
    """Land tars: file name to its members, or to (members, list rows, filter)."""
    for file, content in tars.items():
        members, rows, band = content if isinstance(content, tuple) else (content, None, None)
        path = write_tar(tmp_path / f"{file}.tar", members)
        if rows is not None:
            write_list(tmp_path / f"{file}.txt", rows, band)
        assert [landed.state for landed in land_pictures(catalog, [path])] == ["landed"]


def as_landed_before(catalog, file: str) -> None:
    """Make a landed tar what a version without classes, flags and silence left."""
    (info,) = (shard for shard in catalog.landings("cutouts") if shard["source_file"] == file)
    folder = catalog.raw / "cutouts" / info["shard"]
    for table, columns in {
        "pictures": ["refused_class", "psf_flag"],
        "requests": ["silence", "silence_reason"],
    }.items():
        pq.write_table(pq.read_table(folder / f"{table}.parquet").drop_columns(columns), folder / f"{table}.parquet")
    older = {key: value for key, value in info.items() if not key.startswith("silence") and key != "psf_flags"}
    (folder / "landing.json").write_text(json.dumps(older))


def land_silent(catalog, tmp_path) -> None:
    """Answers whose silence is none: cut tars, a joined one, a folder, and one with a member of no line."""
    first = cutout(*at(60))[0]
    asked = [at(number) for number in (60, 61, 62)]
    for file, members in {"half": {name(2): first, name(3): cutout(*at(61))[0]}, "none": {}}.items():
        path = write_tar(tmp_path / f"{file}.tar", members)
        write_list(tmp_path / f"{file}.txt", asked, "G")
        cut_after(path, 1 if members else 0)
        assert [landed.state for landed in land_pictures(catalog, [path], accept_cut=True)] == ["landed"]
    # A whole tar says of 62 that it is outside the coverage, whatever the cut ones do.
    land(catalog, tmp_path, whole=({name(2): first}, [at(60), at(62)], "G"))
    land(catalog, tmp_path, lost=({name(2): first, "arch/renamed.fits": first}, [at(60), at(65)], "G"))
    joined = write_tar(tmp_path / "joined.tar", {name(2): first})
    joined.write_bytes(joined.read_bytes() + write_tar(tmp_path / "x.tar", {name(3): first}).read_bytes())
    write_list(tmp_path / "joined.txt", [at(60), at(66)], "G")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "cutout-HSC-G-9813-pdr2_wide.fits").write_bytes(cutout(*at(63))[0])
    write_list(tmp_path / "folder.txt", [at(63), at(64)], "G")
    assert {landed.state for landed in land_pictures(catalog, [joined, folder])} == {"landed"}


def five(number: int, line: int, tract: int = 9813, bands: str = BANDS, **options) -> dict[str, bytes]:
    return {name(line, band, tract): cutout(*at(number), band=band, seed=number, **options)[0] for band in bands}


FAR = tract_wcs(150.9, 60.0)
#: Far from the tract's middle, where rows are turned against the parallels.
TURNED = {21: (150.0, 60.5), 22: (151.5, 59.6)}
#: Objects, and places asked for within an arcsec of them.
EDGES = {31: ((0.00005, 1.0), (359.99995, 1.0)), 32: ((120.0, 89.9999), (240.0, 89.9999))}
EDGES |= {33: ((10.0, -89.99995), (10.05, -89.99995))}
PSF = "arch/2-psf-calexp-pdr2_wide-HSC-{}-{}-4,5-{:.5f}-{:.5f}.fits"


@pytest.fixture(scope="module")
def stocked(tmp_path_factory):
    """Every case in one catalogue, built."""
    tmp_path = tmp_path_factory.mktemp("manifest")
    catalog = new_catalog(tmp_path / "cat")
    ra, dec = at(2)
    near = [galaxy(3, ra=ra + 0.9 / 3600, dec=dec), galaxy(4, ra=ra + 1.2 / 3600, dec=dec)]
    plain = [
        galaxy(number)
        for number in (1, 2, 11, 12, 13, 14, 15, 16, 17, 18, 19, 41, 42, 43, 51, 60, 61, 62, 63, 64, 65, 66)
    ]
    placed = [galaxy(number, ra=ra, dec=dec) for number, (ra, dec) in TURNED.items()]
    placed += [galaxy(number, ra=place[0], dec=place[1]) for number, (place, _) in EDGES.items()]
    land_rows(catalog, plain + near + placed)
    land(catalog, tmp_path, nearest=five(1, 2) | five(2, 3))
    as_landed_before(catalog, "nearest.tar")
    older = {name(2): cutout(*at(18))[0][:9000]}
    land(catalog, tmp_path, older=(older | {name(3): cutout(*at(2))[0]}, [at(18), at(2), at(19)], "G"))
    as_landed_before(catalog, "older.tar")
    land_silent(catalog, tmp_path)
    turned = {
        name(2): cutout(*TURNED[21], wcs=FAR)[0],
        name(3): cutout(*TURNED[22], wcs=FAR, clip=(slice(40, None), slice(0, 70)))[0],
    }
    land(catalog, tmp_path, turned=(turned, list(TURNED.values()), "G"))
    asked = [place for _, place in EDGES.values()]
    land(catalog, tmp_path, edges=({name(line): cutout(150.0, 2.0)[0] for line in (2, 3, 4)}, asked, "G"))
    lacking = {
        name(2): cutout(*at(11), layers="imv", mask_bits=1 << 8)[0],
        name(3): cutout(*at(12), nan=7)[0],
        name(4): cutout(*at(13), header_filter="HSC-Z")[0],
        name(5): cutout(*at(14), layers="m")[0],
        name(6): cutout(*at(15))[0][:9000],
        # Line 7, the sixth row, is outside the coverage: the service says nothing of it.
    }
    land(catalog, tmp_path, upload=(lacking, [at(number) for number in range(11, 17)], "G"))
    tracts = {
        # 41 is whole in its own tract and in a lower one; 42 lacks a filter in its own; 43 has all five nowhere.
        "a": five(41, 2, 9813) | five(41, 2, 9570),
        "b": five(42, 2, 9813, "GRIZ") | five(42, 2, 9812) | five(42, 2, 9814),
        "c": five(43, 2, 9812, "GRI") | five(43, 2, 9813, "GR") | five(43, 2, 9814, "GRI"),
        "d": five(51, 2, 9813) | five(51, 2, 9812, "G"),
    }
    land(catalog, tmp_path, **tracts)
    psfs = {PSF.format("G", tract, *at(51)): psf(tract)[0] for tract in (9812, 9813)}
    psfs[PSF.format("R", 9813, *at(51))] = psf_off_centre()
    assert [landed.state for landed in land_pictures(catalog, [write_tar(tmp_path / "p.tar", psfs)], psf=True)] == [
        "landed"
    ]
    build(catalog)
    # Tables of old and of new landings are one table.
    assert catalog.connect().sql("select count(silence_reason) from cutout_requests").fetchall()[0][0] == 12
    return catalog


@pytest.fixture(scope="module")
def found(stocked):
    """Its manifest: (object, filter) to row."""
    return manifest(stocked)


def test_a_builds_manifest_is_what_other_tests_make_of_the_models(stocked, found):
    assert next_manifest(stocked) == found and len(found) > 100


def psf_off_centre() -> bytes:
    pixels = np.zeros((43, 43))
    pixels[10, 10] = 1.0
    out = io.BytesIO()
    fits.PrimaryHDU(pixels).writeto(out)
    return out.getvalue()


def test_without_pictures_the_manifest_is_empty(tmp_path):
    assert manifest(mixed(tmp_path / "cat")) == {}


def test_the_projection_puts_every_object_where_the_offset_says(stocked, found):
    """astropy's gnomonic projection, made of the manifest's own columns, against x_offset and y_offset."""
    places = stocked.connect().sql("select object_id, ra, dec from galaxies").fetchall()
    place = {object_id: (ra, dec) for object_id, ra, dec in places}
    # Those of EDGES have pictures of another place.
    shown = {key: row for key, row in found.items() if row["image_offset"] is not None and key[0] not in EDGES}
    assert len(shown) > 30 and any(key[0] in TURNED for key in shown)
    without = [row for row in found.values() if row["image_offset"] is None]
    assert {(row["crval1"], row["cd2_2"]) for row in without} == {(None, None)}
    for key, row in shown.items():
        projection = WCS(naxis=2)
        projection.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        projection.wcs.crval = row["crval1"], row["crval2"]
        # The manifest counts pixels from 0, FITS from 1.
        projection.wcs.crpix = row["crpix1"] + 1, row["crpix2"] + 1
        projection.wcs.cd = [[row["cd1_1"], row["cd1_2"]], [row["cd2_1"], row["cd2_2"]]]
        x, y = projection.wcs_world2pix([place[key[0]]], 0)[0]
        assert all(round(1e9 * row[name]) / 1e9 == row[name] for name in ("x_offset", "y_offset"))
        expected = (row["width"] - 1) / 2 + row["x_offset"], (row["height"] - 1) / 2 + row["y_offset"]
        assert (x, y) == pytest.approx(expected, abs=1e-6), key


def test_every_object_has_a_row_in_every_filter(found):
    assert len(found) == 5 * 29 and {band for _, band in found} == set("grizy")


def test_by_the_nearest_centre_within_an_arcsec(found):
    # One picture serves all objects there: 3 lies 0.9 arcsec from what was meant for 2, and 4 too far away.
    for number in (1, 2, 3):
        assert {found[number, band]["picture_state"] for band in "grizy"} == {"present"}
    assert found[3, "g"]["member"] == found[2, "g"]["member"] == name(3, "G")
    assert found[4, "g"]["picture_state"] == "absent"
    assert found[4, "g"]["picture_reason"] == "no landed tar has it, and no list asks for it"


def test_where_the_object_stands_is_where_astropy_has_it(found):
    for number, (ra, dec) in TURNED.items():
        row = found[number, "g"]
        x, y = FAR.wcs_world2pix([[ra, dec]], 0)[0]
        reach = 10 / 0.168
        left, low = int(np.floor(x - reach)), int(np.floor(y - reach)) + (40 if number == 22 else 0)
        assert row["x_offset"] == pytest.approx(x - left - (row["width"] - 1) / 2, abs=1e-6)
        assert row["y_offset"] == pytest.approx(y - low - (row["height"] - 1) / 2, abs=1e-6)
    assert found[21, "g"]["picture_state"] == "present"
    assert found[22, "g"]["picture_state"] == "truncated"
    assert found[22, "g"]["picture_reason"].startswith("smaller than asked for: 70 x 8")
    assert abs(found[22, "g"]["x_offset"]) > 20


def test_every_reason_for_a_picture_that_lacks(found):
    told = {number: found[number, "g"] for number in range(11, 18)}
    assert [row["picture_state"] for row in told.values()] == [
        *("truncated", "truncated", "refused", "absent", "refused", "absent", "absent")
    ]
    reasons = {number: row["picture_reason"] for number, row in told.items()}
    assert reasons[11].endswith("pixels have no data") and told[11]["masked_no_data"] == 1.0
    assert reasons[12] == "7 pixels have no data" and told[12]["not_finite"] == 7
    assert reasons[13] == f"{name(4)} of upload.tar is refused: its name says filter g and its header 'HSC-Z'"
    assert reasons[14] == f"{name(5)} of upload.tar has no image"
    assert "its image is cut short" in reasons[15]
    assert reasons[16] == "outside the coverage: asked for in upload.txt, line 7, and not sent"
    assert reasons[17] == "no landed tar has it, and no list asks for it"


def test_reasons_have_classes_to_group_by(found):
    classes = {number: found[number, "g"]["picture_reason_class"] for number in (1, *range(11, 18), 22)}
    assert classes == {
        1: None,
        11: "pixels_without_data",
        12: "pixels_without_data",
        13: "refused_filter",
        14: "no_image",
        15: "refused_cut_short",
        16: "outside_coverage",
        17: "not_asked",
        22: "smaller_than_asked",
    }
    assert found[43, "z"]["picture_reason_class"] == "not_asked"
    for row in found.values():
        assert (
            (row["picture_reason"] is None)
            == (row["picture_reason_class"] is None)
            == (row["picture_state"] == "present")
        )


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (60, None, None),
        (61, "cut_short", "half.tar is cut short at byte "),
        (62, "outside_coverage", "outside the coverage: asked for in whole.txt, line 3, and not sent"),
        (63, None, None),
        (64, "not_in_folder", "folder does not contain it: asked for in folder.txt, line 3"),
        (
            65,
            "not_matched",
            "arch/renamed.fits of lost.tar matches no line of a known list: asked for in lost.txt, line 3",
        ),
        (66, "after_end", "data after the end mark of joined.tar at byte "),
    ],
)
def test_the_silence_of_an_answer_that_is_not_whole_is_no_answer(found, number, kind, words):
    row = found[number, "g"]
    assert row["picture_reason_class"] == kind and row["picture_state"] == ("absent" if kind else "present")
    assert row["picture_reason"] == words if words is None else row["picture_reason"].startswith(words)


def test_a_single_download_is_matched_by_its_place(found):
    assert found[63, "g"]["member"] == "cutout-HSC-G-9813-pdr2_wide.fits"


def test_what_an_older_version_landed_is_read(found):
    assert found[1, "g"]["picture_file"] == "nearest.tar"
    told = {
        number: (found[number, "g"]["picture_reason_class"], found[number, "g"]["picture_state"]) for number in (18, 19)
    }
    assert told == {18: ("refused_other", "refused"), 19: ("outside_coverage", "absent")}


def test_the_tract_is_the_objects_own_else_the_lowest_that_has_all(found):
    assert {found[41, band]["picture_tract"] for band in "grizy"} == {9813}
    assert {found[42, band]["picture_tract"] for band in "grizy"} == {9812}
    assert {found[43, band]["picture_tract"] for band in "gri"} == {9812}
    assert [found[number, "g"]["tracts"] for number in (41, 42, 43)] == [2, 3, 3]
    assert [found[number, "g"]["filters"] for number in (41, 42, 43)] == [5, 5, 3]
    assert found[43, "z"]["picture_state"] == "absent"


def test_psf_pictures_are_linked(found):
    assert found[51, "g"]["psf_member"] == PSF.format("G", 9813, *at(51))
    assert (found[51, "g"]["psf_height"], found[51, "g"]["psf_width"]) == (43, 43)
    assert found[51, "i"]["psf_member"] is None
    flags = {band: found[51, band]["psf_flag"] for band in "gri"}
    assert flags == {"g": None, "r": "off_centre", "i": None}


def test_flagged_psfs_are_said_before_anything_is_measured_with_them(stocked, capsys):
    planned = plan(stocked, Settings(), source_of("catalogue", list("grizy")), list("grizy"))
    assert planned.flagged_psf == {"off_centre": 1}
    _say_first(stocked, planned)
    assert "The PSF of 1 pictures is flagged off_centre: do not trust their Sersic" in capsys.readouterr().err
    assert plan(stocked, Settings(), source_of("moffat:0.7", ["r"]), ["r"]).flagged_psf == {}


def test_places_meet_at_the_poles_and_at_ra_zero(found):
    for number, (place, asked) in EDGES.items():
        assert SkyCoord(*place, unit="deg").separation(SkyCoord(*asked, unit="deg")).arcsec < 1
        assert found[number, "g"]["picture_state"] == "present"


def test_the_docs_name_every_class(repo, found):
    text = (repo / "docs" / "pictures.md").read_text()
    classes = {f"refused_{kind}" for kind in REFUSALS} | set(SILENCES)
    classes |= {row["picture_reason_class"] for row in found.values()} - {None}
    assert [kind for kind in sorted(classes) if f"`{kind}`" not in text] == []
    assert [flag for flag in PSF_FLAGS if f"`{flag}`" not in text] == []
