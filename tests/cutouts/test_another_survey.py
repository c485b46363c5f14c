"""A survey that is not HSC: its own pixels, zero point, mask planes and names, and neither tracts nor patches."""

import io
import json

import h5py
import numpy as np
import pytest
from astropy.io import fits

from galaxiesml.curation.audit_pictures import audit_pictures
from galaxiesml.curation.build import build
from galaxiesml.cutouts.lists import read_list
from galaxiesml.cutouts.names import read_name
from galaxiesml.instrument import HSC
from galaxiesml.releases.profile import RELEASES
from galaxiesml.verify.survey import read_survey

from ..curation.landed import land_rows, new_catalog
from ..curation.replay import fields
from ..made.galaxies import at, galaxy, manifest
from .service import write_tar

SECTION = """
[instrument]
pixel_scale_arcsec = 0.2
zero_point_mag = 31.4
mask_planes = ["BAD", "HOT", "STREAK", "EMPTY"]
unusable_planes = ["HOT", "EMPTY"]
no_data_plane = "EMPTY"
sky_map = "none"
filter = {g = "MS_g", r = "MS_red", i = "MS_i", z = "MS_z", y = "MS_y"}
cutout_name = "stamp_{any}_{filter}.fits"
hdus = ["image", "none", "mask", "variance"]
psf_name = "kernel_{filter}_{ra}_{dec}.fits"
rerun = "first_light"
list_columns = ["filter", "ra", "dec", "sw", "sh"]
"""
PDR2 = (RELEASES / "pdr2_wide.toml").read_text()
NUMBERS = range(1, 9)
BANDS = {"g": "MS_g", "r": "MS_red", "i": "MS_i", "z": "MS_z", "y": "MS_y"}
#: Of the galaxies, arcsec, and of their pictures, pixels on a side.
SIGMA, SIDE = 0.9, 101
NOWHERE = 8


def profile(section: str) -> str:
    return PDR2.replace('instrument = "hsc"\n', "").replace('name = "pdr2_wide"', 'name = "made_survey"') + section


def survey(folder, section: str):
    """A catalogue of the survey with a landed export, which has neither tract nor patch."""
    (folder / "made.toml").write_text(profile(section))
    catalog = new_catalog(folder / "cat", folder / "made.toml")
    columns = [name for name in fields("object", "spectrum") if name not in ("tract", "patch", "skymap_id", "coord")]
    land_rows(catalog, [galaxy(number, specz_redshift=0.1 * number) for number in NUMBERS], columns=columns)
    return catalog


def stamp(ra: float, dec: float, scale: float = 0.2, bits: int = 0) -> bytes:
    """A round Gaussian galaxy in its middle, as a FITS file with no word of its filter, zero point or planes."""
    header = fits.Header([("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRVAL1", ra), ("CRVAL2", dec)])
    header["CRPIX1"] = header["CRPIX2"] = (SIDE + 1) / 2
    header["CD1_1"], header["CD2_2"] = -scale / 3600, scale / 3600
    y, x = (np.indices((SIDE, SIDE)) - SIDE // 2) * scale
    light = 50.0 * np.exp(-(x**2 + y**2) / (2 * SIGMA**2))
    noise = np.random.default_rng(int(ra * 1000)).normal(0, 0.05, light.shape)
    mask = np.zeros(light.shape, np.int32)
    mask[:2, :3] = bits
    layers = [(light + noise).astype(np.float32), mask, np.full(light.shape, 0.0025, np.float32)]
    out = io.BytesIO()
    # Between image and mask stands a table that nobody asked for.
    table = fits.BinTableHDU.from_columns([fits.Column("word", "777A", array=["a", "b"])])
    image, *others = layers
    hdus = [fits.PrimaryHDU(image, header), table, *(fits.ImageHDU(layer, header) for layer in others)]
    fits.HDUList(hdus).writeto(out)
    return out.getvalue()


def kernel() -> bytes:
    y, x = (np.indices((41, 41)) - 20) * 0.2
    light = np.exp(-(x**2 + y**2) / (2 * 0.3**2))
    out = io.BytesIO()
    fits.PrimaryHDU(light / light.sum()).writeto(out)
    return out.getvalue()


def bits_of(number: int) -> int:
    """One galaxy has hot pixels, one a plane that the survey does not name, one pixels without data."""
    return {2: 0b0010, 3: 0b10000, 4: 0b1000}.get(number, 0)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory):
    """Landed, measured in i, and built."""
    folder = tmp_path_factory.mktemp("another")
    catalog = survey(folder, SECTION)
    build(catalog)
    return folder, catalog


@pytest.fixture(scope="module")
def measured(stocked):
    from galaxiesml.cutouts.land import land_pictures
    from galaxiesml.morphology.psf_source import source_of
    from galaxiesml.morphology.run import plan, run
    from galaxiesml.morphology.settings import Settings

    folder, catalog = stocked
    seen = [number for number in NUMBERS if number != NOWHERE]
    for band, name in BANDS.items():
        files = {f"out/stamp_{number:03d}-a_{name}.fits": stamp(*at(number), bits=bits_of(number)) for number in seen}
        files |= {f"out/stamp_x_{name}2.fits": stamp(*at(1)), "out/2-cutout-HSC-G-9813-x.fits": b""}
        write_tar(folder / f"{band}.tar", files)
    kernels = {f"kernel_MS_i_{at(number)[0]}_{at(number)[1]}.fits": kernel() for number in seen}
    write_tar(folder / "psf.tar", kernels)
    landed = list(land_pictures(catalog, [folder / f"{band}.tar" for band in BANDS]))
    assert [one.info["pictures"] for one in landed] == 5 * [len(seen)]
    assert {refused["class"] for one in landed for refused in one.info["refused"]} == {"name", "filter"}
    (psf,) = land_pictures(catalog, [folder / "psf.tar"], psf=True)
    assert psf.info["bands"] == {"i": len(seen)} and not psf.info["refused"]
    build(catalog)
    run(catalog, plan(catalog, Settings(), source_of("catalogue", list(BANDS)), ["i"]))
    build(catalog)
    return catalog


def test_lists_are_of_its_columns_and_its_names(stocked, typed, tmp_path):
    _, catalog = stocked
    code, out, err = typed("-C", catalog.root, "request", "cutouts", "--out", tmp_path, "--bands", "r", "--json")
    assert code == 0, err
    (made,) = json.loads(out)["lists"]
    assert made["list"] == str(tmp_path / "cutouts-MS_red-0001.txt")
    lines = (tmp_path / "cutouts-MS_red-0001.txt").read_text().splitlines()
    assert lines[0] == "#? filter ra dec sw sh" and lines[1].split()[0] == "MS_red" and len(lines) == len(NUMBERS) + 1
    assert {one.band for one in read_list(tmp_path / "cutouts-MS_red-0001.txt", catalog.profile.instrument)} == {"r"}
    # Its archive has no limits, and its lists no column of layers.
    assert typed("-C", catalog.root, "request", "cutouts", "--out", tmp_path / "a", "--semi-width", 9000)[0] == 0
    code, _, err = typed("-C", catalog.root, "request", "cutouts", "--layers", "image,mask")
    assert code == 2 and "--layers: upload lists of this release have no column image, mask, variance" in err
    assert "hsc-release" not in typed("-C", catalog.root, "request", "cutouts", "--out", tmp_path / "b")[2]


def test_its_cutouts_land_under_its_names_and_planes(measured):
    rows = manifest(measured)
    names = [name for name in rows[1, "i"] if name.startswith("masked_")]
    assert names == ["masked_bad", "masked_hot", "masked_streak", "masked_empty"]
    first = rows[1, "r"]
    assert (first["picture_state"], first["picture_tract"], first["rerun"]) == ("present", 0, None)
    assert first["member"] == "out/stamp_001-a_MS_red.fits" and first["zero_point_mag"] == 31.4
    assert rows[2, "i"]["masked_hot"] == 6 / SIDE**2 and rows[2, "i"]["masked_empty"] == 0
    assert (rows[4, "i"]["picture_state"], rows[4, "i"]["picture_reason_class"]) == ("truncated", "pixels_without_data")
    assert rows[4, "i"]["picture_reason"].startswith("6 pixels have no data")
    assert rows[NOWHERE, "i"]["picture_state"] == "absent"
    assert rows[1, "i"]["psf_key"] and not rows[1, "g"]["psf_key"]
    others = measured.connect().execute("select distinct other_planes from cutout_pictures").fetchall()
    assert {text for (text,) in others if text} == {"bit_4:6"}
    described = measured.connect().execute(
        "select name from columns where table_name = 'pictures' and name like 'masked_%' order by name"
    )
    assert [name for (name,) in described.fetchall()] == sorted(names)
    # Without a list of its own, what does not count in a fit is a defect.
    found = audit_pictures(measured)
    assert {row["mask_plane"] for row in found["planes"]} == {"bad", "hot", "streak", "empty"}
    assert {row["mask_plane"] for row in found["planes"] if row["is_defect"]} == {"hot", "empty"}
    reasons = {one["object_id"]: one["reasons"] for one in found["worst"]}
    assert reasons[2] == [f"hot {6 / SIDE**2:.1%} in g (also iryz)"] and 1 not in reasons


def test_radii_are_of_its_scale_and_magnitudes_of_its_zero_point(measured):
    found = measured.connect().sql("select * from morphology where band = 'i'").df().set_index("object_id")
    found = found[found["detected"].fillna(False).astype(bool)]
    assert len(found) == len(NUMBERS) - 1
    np.testing.assert_allclose(found["half_light_radius_arcsec"], 0.2 * found["half_light_radius"], rtol=1e-12)
    np.testing.assert_allclose(found["half_light_radius_arcsec"], 1.1774 * SIGMA, rtol=0.02)
    counts = 50.0 * 2 * np.pi * (SIGMA / 0.2) ** 2
    np.testing.assert_allclose(found["sersic_mag"].astype(float), 31.4 - 2.5 * np.log10(counts), atol=0.02)


def test_pixels_that_its_planes_call_unusable_do_not_count(stocked, measured):
    """HSC's bits would leave out BAD, HOT and EMPTY: another measurement, with another hash."""
    from galaxiesml.morphology.settings import Settings

    # The hash that measurements of HSC had before there were other instruments.
    assert Settings().digest("catalogue") == "467440d7b38d"
    used = measured.build_info()["morphology"]["settings"]
    assert used == Settings(unusable_bits=0b1010).digest("catalogue") != Settings().digest("catalogue")


def test_the_files_state_its_facts_and_are_verified(measured, typed, tmp_path):
    code, out, err = typed("-C", measured.root, "export", "hdf5", "--size", 64, "--out", tmp_path, "--json")
    assert code == 0, err
    paths = [entry["path"] for entry in json.loads(out)["files"]]
    for path in paths:
        with h5py.File(path) as file:
            assert file.attrs["pixel_scale_arcsec"] == 0.2
            assert "counts at zero point 31.4;" in file["image"].attrs["description"]
    code, out, err = typed("-C", measured.root, "export", "verify", *paths)
    assert code == 0, err
    with h5py.File(paths[0], "r+") as file:
        file.attrs["pixel_scale_arcsec"] = HSC.pixel_scale_arcsec
    code, out, err = typed("-C", measured.root, "export", "verify", paths[0])
    assert code != 0 and "pixel_scale_arcsec is 0.168; the release profile says 0.2" in out + err


def test_what_verifies_reads_the_names_anew(measured, tmp_path):
    its, names = read_survey(measured.root / "release.toml"), ("out/stamp_1-a_{}.fits", "stamp__{} (1).fits")
    for name in names:
        for band, filter_name in BANDS.items():
            member = name.format(filter_name)
            assert its.band_of_file(member) == read_name(member, measured.profile.instrument).band == band
    assert its.band_of_file("2-cutout-HSC-G-9813-x.fits") is None and its.pixel_scale_arcsec == 0.2
    for text in ('instrument = "hsc"\n', ""):
        (tmp_path / "release.toml").write_text(PDR2.replace('instrument = "hsc"\n', text))
        hsc = read_survey(tmp_path / "release.toml")
        assert (hsc.pixel_scale_arcsec, hsc.filter_card) == (HSC.pixel_scale_arcsec, HSC.filter_card)
        for member in ("a/2-cutout-HSC-G-9813-pdr2_wide.fits", "cutout-HSC-R2-1-x.fits", "3-cutout-I2-1-x (1).fits"):
            assert hsc.band_of_file(member) == read_name(member, HSC).band in "gri"


def test_the_leak_free_split_keeps_its_cutouts_apart(measured, typed):
    code, out, _ = typed("-C", measured.root, "audit", "splits", "--scheme", "leak-free", "--json")
    assert code == 0 and json.loads(out)[0]["near_arcsec"] == 36.0
    settings = (measured.dbt / "dbt_project.yml").read_text()
    assert "cutout_radius_arcsec: 18.0" in settings and "no_data_plane: empty" in settings


def test_pixels_of_another_scale_are_refused(stocked, measured, typed, tmp_path):
    files = {"stamp_b_MS_i.fits": stamp(*at(1), scale=0.168), "stamp_c_MS_i.fits": stamp(*at(1), scale=0.2008)}
    code, _, err = typed("-C", measured.root, "ingest", "cutouts", write_tar(tmp_path / "b.tar", files))
    assert code == 0 and "refused (projection): its pixels have 0.168 arcsec on a side, the survey's 0.2" in err


COMMANDS = {
    "request cutouts": "instrument.filter and instrument.list_columns",
    "ingest cutouts FILE": "instrument.cutout_name and instrument.hdus and instrument.filter and",
    "ingest psf FILE": "instrument.psf_name and instrument.filter and instrument.sky_map",
    "morphology": "instrument.pixel_scale_arcsec and instrument.mask_planes and instrument.unusable_planes",
    "fetch cutouts": "instrument.archive and instrument.list_columns and",
    "fetch psf": "instrument.archive and instrument.psf_list_columns and",
    "export hdf5": "instrument.pixel_scale_arcsec and instrument.zero_point_mag",
}


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    folder = tmp_path_factory.mktemp("without")
    catalog = survey(folder, "")
    build(catalog)
    return catalog


@pytest.mark.parametrize("words", COMMANDS)
def test_without_facts_commands_of_pictures_refuse(words, without, typed, tmp_path):
    path = write_tar(tmp_path / "a.tar", {"2-cutout-HSC-G-9813-pdr2_wide.fits": stamp(*at(1), scale=0.168)})
    code, out, err = typed("-C", without.root, *(path if word == "FILE" else word for word in words.split()))
    what = words.removesuffix(" FILE")
    assert (code, out) == (3, "") and f"{what} needs {COMMANDS[words]}" in err, err
    assert "release.toml" in err and "Traceback" not in err
    assert not without.landings("cutouts") and not without.landings("psf")


def test_without_facts_catalogue_and_tables_work(without, typed, tmp_path):
    assert typed("-C", without.root, "export", "csv", "--out", tmp_path / "galaxies.csv")[0] == 0
    assert len(without.connect().sql("select * from galaxies").fetchall()) == len(NUMBERS)
    assert "masked_bad" not in without.connect().table("pictures").columns
    code, out, _ = typed("-C", without.root, "audit", "splits", "--scheme", "leak-free", "--json")
    assert code == 0 and json.loads(out)[0] | {"near_arcsec": 0.0, "close_pairs": 0, "buffer": 0} == json.loads(out)[0]
