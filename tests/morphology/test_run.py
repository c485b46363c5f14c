"""`galaxiesml morphology` on the simulated sky: what is measured, what is not again, and what a kill leaves."""

import io
import json
import multiprocessing
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from astropy.io import fits

from galaxiesml.morphology import measure
from galaxiesml.morphology.measuring import MEASURED

from ..mock import skies
from .measured import blocks_of, command, done, landed, mart, mart_file, measured, parts, told, work

#: BAD, SAT, CR and NO_DATA of HSC's masks.
MASKED = 0b100001011
MARTS = ("morphology", "galaxy_morphology")
#: What killed runs are started by: blocks of eight pictures.
PROGRAM = "from galaxiesml.morphology import run; run.BLOCK['cpu'] = 8; from galaxiesml.cli import main; main()"


@pytest.fixture(scope="module")
def catalog() -> Path:
    return measured()[0]


def shown(root: Path) -> pd.DataFrame:
    """Pictures with pixels."""
    return mart(root, "pictures").dropna(subset="image_offset")


def layer(root: Path, store: str, row, kind: str, shape, dtype: str) -> np.ndarray | None:
    """One layer of the store, read without our reader."""
    shard, offset = row["psf_shard" if kind == "psf" else "shard"], row[f"{kind}_offset"]
    if pd.isna(offset):
        return None
    path = root / "raw" / store / shard / "pixels.bin"
    return np.fromfile(path, dtype, int(np.prod(shape)), offset=int(offset)).reshape([int(side) for side in shape])


def test_what_is_not_done_is_said_first(catalog):
    _, out, err = measured()
    pictures = shown(catalog)
    lacking = int(pictures["psf_offset"].isna().sum())
    assert lacking and err.startswith(f"Warning: {lacking} of {len(pictures)} pictures have no PSF: ")
    assert "(no_psf)" in err.splitlines()[0] and "--psf moffat:FWHM_ARCSEC" in err.splitlines()[0]
    assert f"\n{len(pictures)} pictures to measure, 0 measured before, settings " in err
    assert out.startswith(f"{len(pictures)} pictures measured, 0 before\n")
    (line,) = [line for line in out.splitlines() if line.startswith("no_psf ")]
    assert line.split() == ["no_psf", str(lacking)]


def test_marts_hold_every_kept_object_and_filter(catalog):
    found, pictures = mart(catalog), mart(catalog, "pictures")
    assert found.index.is_unique and found.index.equals(pictures.index)
    absent = pictures["image_offset"].isna()
    assert absent.any() and (found.loc[absent, "morphology_reasons"] == "no_picture").all()
    assert found.loc[absent, [name for name in MEASURED if name != "morphology_reasons"]].isna().all(axis=None)
    reasons = found.loc[~absent, "morphology_reasons"].fillna("")
    assert not reasons.str.contains("no_picture|not_measured").any()
    unseen = ~found.loc[~absent, "detected"].astype(bool)
    assert (reasons.str.contains("not_detected") == unseen).all()
    lacking = pictures.loc[~absent, "psf_offset"].isna()
    assert (reasons.str.contains("no_psf") == lacking).all()
    assert found.loc[~absent, "sersic_index"][lacking | unseen].isna().all()
    assert found.loc[~absent, "sersic_index"][~lacking & ~unseen].notna().mean() > 0.95
    by_object = mart(catalog, "galaxy_morphology")
    assert by_object.index.is_unique and set(by_object.index) == set(pictures.index.get_level_values(0))
    for column in by_object:
        band, name = column.split("_", 1)
        ought = found.xs(band, level="band")[name].astype(float)
        np.testing.assert_array_equal(by_object[column].astype(float), ought.loc[by_object.index], column)


def test_values_are_those_of_measure(catalog):
    """From the store's bytes, among others: what a fit gives does not depend on the pictures beside it."""
    found = mart(catalog)
    pictures = shown(catalog)
    assert pictures["variance_offset"].isna().any() and (pictures["masked_sat"] > 0).any()
    assert (pictures["not_finite"] > 0).any() and pictures["height"].nunique() > 2
    has = [pictures[column].notna() for column in ("psf_offset", "variance_offset")]
    for _, rows in pictures.groupby(["height", "width", *has]):
        read = [picture_of(catalog, row) for _, row in rows.iterrows()]
        image, psf, variance = (None if layers[0] is None else np.stack(layers) for layers in zip(*read, strict=True))
        (zero_point,) = rows["zero_point_mag"].unique()
        again = measure(image, psf, variance, zero_point_mag=zero_point).to_pandas().set_index(rows.index)
        for name in MEASURED:
            ought, value = again[name], found.loc[rows.index, name]
            assert ((value == ought) | (value.isna() & ought.isna())).all(), name


def picture_of(root: Path, row) -> tuple[np.ndarray | None, ...]:
    """Image, PSF and variance; the variance is NaN where a mask says that the pixel does not count in the fit."""
    shape = row[["height", "width"]]
    image, variance = (layer(root, "cutouts", row, kind, shape, "<f4") for kind in ("image", "variance"))
    mask = layer(root, "cutouts", row, "mask", shape, "<i4")
    psf = layer(root, "psf", row, "psf", row[["psf_height", "psf_width"]], "<f8")
    return image, psf, variance if variance is None else np.where(mask & MASKED, np.float32(np.nan), variance)


def test_angles_on_the_sky_are_the_wcs(catalog):
    """The simulated tracts have north up and east to the left: from the columns' axis, north is 90 degrees."""
    rows = mart(catalog).dropna(subset="sersic_pos_angle_deg")
    for plain in ("pos_angle", "sersic_pos_angle_deg"):
        sky = rows[plain.removesuffix("_deg") + "_sky_deg"]
        turned = (sky - rows[plain] + 90) % 180
        assert sky.between(0, 180).all() and (np.minimum(turned, 180 - turned) < 1e-9).all()


def test_nothing_is_measured_twice(catalog):
    before = parts(catalog)
    again = told(catalog, "morphology")
    assert (again["measured"], again["measured_before"], again["reasons"]) == (0, len(shown(catalog)), {})
    assert parts(catalog) == before and told(catalog, "status")["up_to_date"]


def test_killed_runs_go_on_to_the_same_tables(catalog):
    """Two processes killed with their command, one of two killed alone, and one that ended: the marts of one run."""
    root = work(landed())
    words = [sys.executable, "-c", PROGRAM, "-C", str(root), "morphology", "--workers", "2"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(3, root)
    process.send_signal(signal.SIGKILL)
    # The pipes close when the last process that could write has ended.
    process.communicate(timeout=10)
    left, total = rows_in(root), len(shown(root))
    assert process.returncode == -signal.SIGKILL and 24 <= left < total - 16

    killer = threading.Thread(target=kill_one_process, args=(len(parts(root)) + 2, root))
    killer.start()
    with blocks_of(8):
        code, _, err = command(root, "morphology", "--workers", "2")
    killer.join()
    assert code == 8 and "was killed from outside" in err and "again with --workers 1" in err
    assert left < rows_in(root) < total

    left = rows_in(root)
    went_on = told(root, "morphology", "--workers", "1")
    assert (went_on["measured"], went_on["measured_before"]) == (total - left, left)
    done(root, "build")
    for name in MARTS:
        assert mart_file(root, name).read_bytes() == mart_file(catalog, name).read_bytes()


def rows_in(root: Path) -> int:
    return sum(len(pd.read_parquet(path)) for path in parts(root))


def wait_for(many: int, root: Path) -> None:
    """Until so many blocks are measured."""
    deadline = time.monotonic() + 60
    while len(parts(root)) < many and time.monotonic() < deadline:
        time.sleep(0.005)


def kill_one_process(many: int, root: Path) -> None:
    wait_for(many, root)
    multiprocessing.active_children()[0].kill()


def changed_tar(name: str, folder: Path, member: str) -> Path:
    """A tar of the sky in which one picture shows nothing but noise; its list beside it."""
    source, target = skies.made() / "cutouts" / f"{name}.tar", folder / f"{name}.tar"
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for info in old:
            data = old.extractfile(info).read()
            if info.name == member:
                with fits.open(io.BytesIO(data)) as hdus:
                    hdus[1].data = np.random.default_rng(1).normal(0, 0.05, hdus[1].data.shape).astype(np.float32)
                    out = io.BytesIO()
                    hdus.writeto(out, output_verify="ignore")
                data = out.getvalue()
                info.size = len(data)
            new.addfile(info, io.BytesIO(data))
    (folder / f"{name}.txt").write_bytes(source.with_suffix(".txt").read_bytes())
    return target


def test_only_what_changed_is_measured(catalog, tmp_path):
    root = work(catalog)
    before, pictures = mart(root), shown(root)
    r_fitted = before["sersic_index"].notna() & (before.index.get_level_values("band") == "r")
    done(root, "ingest", "remove", "--kind", "psf", "r-1.tar")
    # Before the next build its rows still name the PSFs, whose pixels are gone.
    assert told(root, "morphology")["measured"] == r_fitted.sum() > 10
    of_tar = pictures[pictures["picture_file"] == "y-1.tar"]
    blank = of_tar.index[3]
    done(root, "ingest", "remove", "--kind", "cutouts", "y-1.tar")
    assert told(root, "morphology")["measured"] == 0
    done(root, "ingest", "cutouts", changed_tar("y-1", tmp_path, of_tar.loc[blank, "member"]))
    done(root, "build")
    assert set(mart(root).query("morphology_reasons == 'not_measured'").index) == set(of_tar.index)
    known = parts(root)
    assert told(root, "morphology")["measured"] == len(of_tar)
    assert not told(root, "status")["up_to_date"]
    (new,) = (pd.read_parquet(path).set_index(["object_id", "band"]) for path in parts(root).keys() - known.keys())
    row = new.loc[blank]
    assert row["morphology_reasons"] == "not_detected" and row["total_galaxies"] == 0
    assert not row["detected"] and row[["major_axis", "sersic_index", "auto_mag"]].isna().all()
    same = new.index.difference([blank])
    pd.testing.assert_frame_equal(new.loc[same, list(MEASURED)], before.loc[same, list(MEASURED)], check_dtype=False)
    after = mart(root)
    assert after.loc[r_fitted, "morphology_reasons"].str.contains("no_psf").all()
    assert after.loc[r_fitted, "sersic_index"].isna().all()
    pd.testing.assert_series_equal(after.loc[r_fitted, "petro_rad"], before.loc[r_fitted, "petro_rad"])
    others = before.index.difference([*of_tar.index, *before.index[r_fitted]])
    pd.testing.assert_frame_equal(after.loc[others], before.loc[others])


def test_other_settings_are_other_measurements(catalog):
    """They are measured beside the first, and what was measured by the first is still there."""
    root = work(catalog)
    many = (shown(root).index.get_level_values("band") == "i").sum()
    stated = told(root, "morphology", "--bands", "i", "--psf", "moffat:0.7")
    assert stated["measured"] == many and "no_psf" not in stated["reasons"]
    same = told(root, "morphology", "--bands", "i", "--psf", "moffat:0.70:3.0")
    assert (same["measured"], same["settings"], same["psf"]) == (0, stated["settings"], "moffat:0.7:3")
    counted = told(root, "morphology", "--bands", "i", "--psf", "moffat:0.7", "--counting", "centroids")
    assert counted["measured"] == many and counted["settings"] != stated["settings"]
    # One filter is fewer than the five that builds take.
    assert counted["builds_take"] == stated["builds_take"] == told(root, "morphology")["settings"]
    assert told(root, "morphology")["measured"] == 0 and told(root, "status")["up_to_date"]


def test_a_run_that_was_stopped_or_is_of_fewer_pictures_changes_no_build(catalog, tmp_path, monkeypatch):
    """Builds and files stay as they were until a run ends, or until `--use` takes what it measured."""
    root = work(catalog)
    settings, total = told(root, "morphology")["settings"], len(shown(root))
    one_band = (shown(root).index.get_level_values("band") == "i").sum()
    stop_after(3, monkeypatch)
    with blocks_of(8):
        code, _, err = command(root, "morphology", "--psf", "moffat:0.7", "--workers", "1")
    assert code == 130 and f"builds still use settings {settings}, psf catalogue" in err
    assert "type the command again to continue" in err
    monkeypatch.undo()
    assert rows_in(root) == total + 24 and told(root, "status")["up_to_date"]

    code, _, err = command(root, "morphology", "--psf", "moffat:0.7", "--bands", "i")
    assert code == 0 and f"Builds still use settings {settings}, which measured {total} of {total} pictures" in err
    stated = told(root, "morphology", "--psf", "moffat:0.7", "--bands", "i")
    measured = rows_in(root) - total
    assert stated["builds_take"] == settings and one_band <= measured < total
    assert sum(stated["measured_of_pictures"].values()) == measured and sum(stated["pictures"].values()) == total
    assert f"type: galaxiesml morphology --use {stated['settings']}" in err and told(root, "status")["up_to_date"]

    used = command(root, "morphology", "--use", stated["settings"][:8])
    assert used[0] == 0 and f"measured {measured} of {total} pictures" in used[2]
    assert not told(root, "status")["up_to_date"]
    for words in (["build"], ["export", "hdf5", "--size", "64", "--out", tmp_path], ["status"]):
        code, _, err = command(root, *words)
        assert code == 0 and f"Warning: Morphology is measured in {measured} of {total} pictures" in err, words
    found = told(root, "status")["morphology"]
    assert found == {
        "settings": stated["settings"],
        "psf_source": "moffat:0.7:3",
        "pictures": total,
        "measured": measured,
    }
    for path in (files := sorted(tmp_path.glob("*.hdf5"))):
        with h5py.File(path) as file:
            assert file.attrs["morphology"].endswith(f", psf moffat:0.7:3, measured in {measured} of {total} pictures")
    code, _, err = command(root, "export", "verify", *files)
    # One note for all files of which it is true.
    names = ", ".join(path.name for path in files)
    assert code == 0 and f"{names}: morphology is measured in {measured} of {total} pictures" in err

    with blocks_of(8):
        whole = told(root, "morphology", "--psf", "moffat:0.7", "--workers", "1")
    assert whole["builds_take"] == whole["settings"] == stated["settings"] and whole["measured"] == total - measured


def stop_after(blocks: int, monkeypatch) -> None:
    """Interrupt, as Ctrl-C does, when some blocks are measured."""
    from galaxiesml.morphology import run

    measure_one, left = run._measure, iter(range(blocks))

    def one(*given):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return measure_one(*given)

    monkeypatch.setattr(run, "_measure", one)


def test_settings_to_use_have_to_be_known(catalog):
    code, _, err = command(catalog, "morphology", "--use", "nosuch")
    assert code == 2 and "--use nosuch: no settings begin so" in err and told(catalog, "morphology")["settings"] in err


def test_use_goes_with_no_option_of_measuring(catalog):
    """It would do nothing."""
    code, _, err = command(catalog, "morphology", "--use", "3f2a", "--psf", "moffat:0.7", "--bands", "i")
    assert code == 2 and "--use cannot be combined with --bands, --psf." in err


def test_the_first_run_counts_once_it_ends(monkeypatch):
    """A catalogue without measurements says 'absent' as long as its first run is not whole."""
    root = work(landed())
    stop_after(2, monkeypatch)
    with blocks_of(8):
        code, _, err = command(root, "morphology", "--workers", "1")
    assert code == 130 and "builds still use no measurement" in err
    assert rows_in(root) == 16 and told(root, "status")["up_to_date"]


def gaussian(sigma: float = 2.0) -> np.ndarray:
    y, x = np.mgrid[-20:21, -20:21]
    return np.exp(-(x**2 + y**2) / (2 * sigma**2)).astype(np.float32)


def test_a_folder_of_psfs_is_one_source(catalog, tmp_path):
    """Filter by filter gives one table, and a filter without a file has no fit; other bytes are other settings."""
    root, folder = work(catalog), tmp_path / "psfs"
    folder.mkdir()
    for band in "gi":
        fits.writeto(folder / f"{band}.fits", gaussian())
    g, i = (told(root, "morphology", "--psf", folder, "--bands", band) for band in "gi")
    assert g["settings"] == i["settings"] and g["measured"] and i["measured"]
    assert "no_psf" not in g["reasons"] | i["reasons"]
    code, _, err = command(root, "morphology", "--psf", folder, "--bands", "r")
    many = (shown(root).index.get_level_values("band") == "r").sum()
    assert code == 0 and err.startswith(f"Warning: {many} of {many} pictures have no PSF")
    fits.writeto(folder / "i.fits", gaussian(2.5), overwrite=True)
    assert told(root, "morphology", "--psf", folder, "--bands", "i")["settings"] != i["settings"]


def _write_psfs(folder: Path) -> None:
    """Files that are no PSF, by what they are."""
    nan, huge = gaussian(), gaussian().astype(float) * 1e300
    nan[3, 3] = np.nan
    pictures = {"nan": nan, "huge": huge, "negative": -gaussian(), "none": None, "cube": np.ones((5, 5, 5))}
    for name, picture in pictures.items():
        fits.PrimaryHDU(picture).writeto(folder / f"{name}.fits")
    (folder / "text.fits").write_text("no FITS file\n")
    (folder / "nothing.fits").write_bytes(b"")
    (folder / "short.fits").write_bytes((folder / "cube.fits").read_bytes()[:3000])
    (folder / "empty").mkdir()
    (folder / "two").mkdir()
    fits.writeto(folder / "two" / "g.fits", gaussian())
    fits.writeto(folder / "two" / "i.fits", gaussian()[1:-1, 1:-1])


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        *((f"moffat:{end}", 2, "is not moffat:FWHM_ARCSEC[:BETA]") for end in ("", "x", "0.7:", "0.7:3:1")),
        *((f"moffat:{end}", 2, "the FWHM must be") for end in ("nan", "0", "-1", "70", "inf", "0.7:1")),
        ("Moffat", 3, "is neither a file nor a folder"),
        ("absent.fits", 3, "is neither a file nor a folder"),
        ("empty", 3, "holds none of g.fits, r.fits, i.fits, z.fits, y.fits"),
        ("two", 3, "differ in shape"),
        *((f"{name}.fits", 3, "is not a PSF: its pixels are not finite") for name in ("nan", "huge", "negative")),
        *((f"{name}.fits", 3, "holds no picture of at most") for name in ("none", "cube")),
        *((f"{name}.fits", 3, "is not a FITS file") for name in ("text", "nothing", "short")),
    ],
)
def test_what_is_no_psf_is_said(catalog, tmp_path, monkeypatch, words, code, says):
    _write_psfs(tmp_path)
    monkeypatch.chdir(tmp_path)
    left, out, err = command(catalog, "-q", "morphology", "--psf", words)
    assert (left, out) == (code, "") and says in err and "Traceback" not in err
    assert words.split(":")[0] in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--bands", "gq"), "the release's filters are g, r, i, z, y"),
        (("--bands", ""), "the release's filters are"),
        (("--bands", "g,,i"), "the release's filters are"),
        (("--gain", "-1"), "--gain must be 0 or more electrons per count"),
        (("--gain", "nan"), "--gain must be 0 or more electrons per count"),
        (("--workers", "0"), "--workers"),
        (("--neighbours", "6"), "--neighbours"),
        (("--counting", "fingers"), "--counting"),
        (("--device", "tpu"), "--device"),
    ],
)
def test_wrong_words_are_said(catalog, words, says):
    before = parts(catalog)
    code, out, err = command(catalog, "morphology", *words)
    assert (code, out) == (2, "") and says in err
    assert parts(catalog) == before


def test_a_gpu_is_not_made_up(catalog):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    code, out, err = command(catalog, "morphology", "--device", "cuda")
    assert (code, out) == (2, "") and "finds no GPU" in err and "--device cpu" in err


def test_source_extractors_files_are_written(tmp_path):
    """No catalogue is asked for."""
    code, out, _ = command(tmp_path, "morphology", "--write-config", tmp_path / "se", "--json")
    files = [Path(name) for name in json.loads(out)["files"]]
    assert code == 0 and {file.parent.name for file in files} == {"as-printed", "corrected"}
    assert sorted(files) == sorted(path for path in (tmp_path / "se").rglob("*") if path.is_file())
    assert "SPHEROID_SERSICN" in (tmp_path / "se" / "as-printed" / "default.param").read_text()
    code, _, err = command(tmp_path, "morphology", "--write-config", files[0])
    assert code == 2 and "is a file." in err


def test_what_landed_since_the_build_asks_for_a_build(catalog, tmp_path):
    """Not for landing what is landed."""
    root, tar = work(catalog), skies.made() / "psf" / "r-1.tar"
    done(root, "ingest", "remove", "--kind", "psf", "r-1.tar")
    done(root, "build")
    done(root, "ingest", "psf", tar)
    _, _, err = command(root, "morphology", "--bands", "r")
    assert "have no PSF in the published build" in err and "galaxiesml build" in err and "Land PSFs" not in err


def test_there_must_be_pictures(tmp_path):
    root = tmp_path / "cat"
    assert skies.run("-q", "init", str(root), "--release", "pdr2_wide") == 0
    for words in ((), ("--bands", "i")):
        code, _, err = command(root, "morphology", *words)
        assert code == 4 and "has no build yet" in err and "Type: galaxiesml build" in err
