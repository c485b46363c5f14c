"""Tars, lists and FITS files against those of the archive's services."""

import json
import re
import tarfile
from hashlib import sha256

import numpy as np
import pytest
from astropy.io import fits

from . import skies

CUTOUT = re.compile(r"(\d+)-cutout-HSC-([GRIZY])-(\d+)-pdr2_wide\.fits")
PSF = re.compile(r"(\d+)-psf-calexp-pdr2_wide-HSC-([GRIZY])-(\d+)-(\d),(\d)-([\d.]+)-(-?[\d.]+)\.fits")


def lines(service: str, stem: str) -> list[dict]:
    header, *rows = (skies.made() / service / f"{stem}.txt").read_text().splitlines()
    assert header.startswith("#? ")
    return [dict(zip(header[3:].split(), row.split(), strict=True)) for row in rows]


def stems(service: str) -> list[str]:
    return sorted(path.stem for path in (skies.made() / service).glob("*.txt"))


@pytest.mark.parametrize("service", ["cutouts", "psf"])
def test_every_list_has_its_tar_and_one_filter(service):
    assert {path.stem for path in (skies.made() / service).glob("*.tar")} == set(stems(service))
    for stem in stems(service):
        rows = lines(service, stem)
        assert 1 <= len(rows) <= 990
        assert {row["filter"] for row in rows} == {f"HSC-{stem[0].upper()}"}
        assert {row["rerun"] for row in rows} == {"pdr2_wide"} and {row["type"] for row in rows} == {"coadd"}


def test_lists_have_the_columns_of_the_paper_and_one_names_tracts():
    heads = {stem: (skies.made() / "cutouts" / f"{stem}.txt").read_text().splitlines()[0] for stem in stems("cutouts")}
    with_tract = [stem for stem, head in heads.items() if " tract " in head]
    assert with_tract == ["g-tract-1"]
    assert heads["g-1"] == "#? rerun type filter ra dec sw sh image mask variance"
    assert all(row["sw"] == row["sh"] == "10asec" for stem in heads for row in lines("cutouts", stem))


def test_every_wanted_picture_of_every_object_is_in_one_list():
    wanted = {(number, band) for number in skies.truth("galaxies")["object_id"] for band in skies.BANDS}
    asked = skies.truth("pictures")[["object_id", "band", "list", "line"]].drop_duplicates()
    assert {(row.object_id, row.band) for row in asked.itertuples()} == wanted and len(asked) == len(wanted)
    assert sum(len(lines("cutouts", stem)) for stem in stems("cutouts")) == len(wanted)


def test_members_are_named_by_line_band_and_tract():
    rows = skies.truth("pictures")
    sent = rows[rows["member"].notna()]
    assert set(zip(sent["list"], sent["member"], strict=True)) == set(skies.members("cutouts"))
    for row in sent.to_dict("records"):
        number, band, tract = CUTOUT.fullmatch(row["member"]).groups()
        assert (int(number), band.lower(), int(tract)) == (row["line"], row["band"], row["tract"])
        # The header is line 1, so the first object is 2.
        line = lines("cutouts", row["list"])[int(number) - 2]
        (where,) = skies.truth("galaxies").query(f"object_id == {row['object_id']}").to_dict("records")
        assert float(line["ra"]) == where["catalogue_ra"] and float(line["dec"]) == where["catalogue_dec"]


@pytest.mark.parametrize("service", ["cutouts", "psf"])
def test_tars_are_plain_and_dateless(service):
    for stem in stems(service):
        with tarfile.open(skies.made() / service / f"{stem}.tar") as tar:
            infos = tar.getmembers()
        folders = {info.name.split("/")[0] for info in infos}
        assert all(re.fullmatch(r"arch-\d{6}-\d{6}", folder) for folder in folders) and len(folders) <= 1
        assert all(info.isreg() and info.uid == info.gid == 0 and info.name.count("/") == 1 for info in infos)
        assert len({info.mtime for info in infos}) <= 1
        numbers = [int(info.name.split("/")[1].split("-")[0]) for info in infos]
        assert numbers == sorted(numbers)


def test_headers_have_the_cards_of_the_archives_files_in_their_order(shared_data):
    (real, *_) = sorted((shared_data / "hsc_cutouts_stars").glob("*-cutout-*.fits"))
    with fits.open(real) as theirs:
        names = [[re.sub(r"_\d_\d$", "", key) for key in hdu.header] for hdu in theirs]
        types = [[type(value) for value in hdu.header.values()] for hdu in theirs]
        comments = [[hdu.header.comments[key] for key in hdu.header if key not in ("COMMENT", "")] for hdu in theirs]
    whole = 0
    for row in (
        skies.truth("pictures")
        .query("state == 'whole' and fault.isnull() and layers == 'image,mask,variance'")
        .to_dict("records")[:60]
    ):
        with skies.file_of(row) as ours:
            found = [[re.sub(r"_\d_\d$", "", key) for key in hdu.header] for hdu in ours]
            assert [len(hdu) for hdu in (found, names)] == [4, 4]
            if found[0] != names[0]:
                # Where patches meet, the service names each that it took pixels from.
                assert list(dict.fromkeys(found[0])) == list(dict.fromkeys(names[0]))
                continue
            whole += 1
            assert found[1] == names[1]
            assert [type(value) for value in ours[0].header.values()] == types[0]
            assert [type(value) for value in ours[1].header.values()] == types[1]
            told = [ours[1].header.comments[key] for key in ours[1].header]
            assert told == comments[1]
            without = [key for key in found[2] if not key.startswith("MP_")]
            assert without == names[1] and found[3] == names[1]
            assert all("EXTNAME" not in hdu.header for hdu in ours)
    assert whole > 20


def test_files_are_fits_to_the_letter_and_layers_have_their_types():
    for row in skies.truth("pictures").query("member.notnull() and fault != 'cut_short'").to_dict("records")[::5]:
        with skies.file_of(row) as hdus:
            hdus.verify("exception")
            assert hdus[0].header["FLUXMAG0"] == 63095734448.0194
            kinds = {"image": ">f4", "mask": ">i4", "variance": ">f4"}
            for hdu, (layer, kind) in zip(hdus[1:], kinds.items(), strict=True):
                if layer in row["layers"].split(","):
                    assert hdu.data.dtype == np.dtype(kind) and hdu.data.shape == (row["rows"], row["columns"])
                else:
                    assert hdu.data is None and hdu.header["NAXIS"] == 0
            if hdus[2].data is not None:
                planes = {key[3:]: value for key, value in hdus[2].header.items() if key.startswith("MP_")}
                assert {name: 1 << bit for name, bit in planes.items()} == skies.PLANES
                assert hdus[2].data.min() >= 0 and hdus[2].data.max() < 1 << 17


def test_an_empty_layers_header_is_the_services(shared_data):
    (real, *_) = sorted((shared_data / "hsc_cutouts_stars").glob("*-cutout-*.fits"))
    (row,) = skies.rows_of(skies.faulty("image_only")[0], "i").to_dict("records")
    with fits.open(real) as theirs, skies.file_of(row) as ours:
        for layer in (2, 3):
            assert ours[layer].header.tostring() == theirs[layer].header.tostring()


def test_the_wanted_position_is_in_the_middle_to_the_pixel():
    rows = skies.truth("pictures").query("state == 'whole' and fault != 'cut_short'").to_dict("records")
    for row in rows[::3]:
        with skies.file_of(row) as hdus:
            x, y = skies.centre(hdus, row["object_id"])
            half = skies.SEMI_WIDTH_PIXELS
            assert np.floor(x - half + 0.5) == np.floor(y - half + 0.5) == 0
            assert np.floor(x + half + 0.5) == row["columns"] - 1 and np.floor(y + half + 0.5) == row["rows"] - 1
            header = hdus[1].header
            assert (header["CRVAL1A"], header["CRVAL2A"]) == (row["x0"], row["y0"])
            assert (header["LTV1"], header["LTV2"]) == (-row["x0"], -row["y0"])
            assert header["CRPIX1"] + row["x0"] == header["CRPIX2"] + row["y0"] == 18000


def test_psf_pictures_are_as_the_service_sends_them():
    found = skies.members("psf")
    objects = skies.truth("galaxies").set_index("object_id")
    assert len(found) > 4 * len(objects)
    for (stem, name), data in list(found.items())[::4]:
        line, band, tract, px, py, ra, _ = PSF.fullmatch(name).groups()
        asked = lines("psf", stem)[int(line) - 2]
        assert asked["filter"] == f"HSC-{band}" and (asked["tract"], asked["patch"]) == (tract, f"{px},{py}")
        assert abs(float(asked["ra"]) - float(ra)) < 1e-5
        with skies.opened(data) as hdus:
            assert len(hdus) == 1 and hdus[0].data.dtype == np.dtype(">f8") and hdus[0].data.shape == (43, 43)
            hdus.verify("exception")
            assert abs(hdus[0].data.sum() - 1.0) < 1e-12
            assert np.unravel_index(hdus[0].data.argmax(), (43, 43)) == (21, 21)


def test_the_summary_names_every_file_and_its_hash():
    folder = skies.made()
    summary = json.loads((folder / "mock.json").read_text())
    made = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert set(summary["files"]) == set(made) - {"mock.json"}
    assert all(sha256(made[name].read_bytes()).hexdigest() == told for name, told in summary["files"].items())
    whole = "\n".join(f"{name} {told}" for name, told in summary["files"].items())
    assert summary["content_sha256"] == sha256(whole.encode()).hexdigest()
    assert (summary["galaxies"], summary["seed"], summary["correlated_noise"]) == (skies.GALAXIES, 1, False)
    assert [name for name in made if name.split("/")[-1].startswith("export")] == ["export.csv.gz"]
