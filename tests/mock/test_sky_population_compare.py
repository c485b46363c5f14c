"""The simulated sample beside real ones, and the command that prints it."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

pytest.importorskip("galsim")
pytest.importorskip("speclite")

from galaxiesml.cli import main
from galaxiesml.errors import InputError, UsageError
from galaxiesml.mock.sky.galaxies import compare
from galaxiesml.mock.sky.galaxies.population import spectroscopic

N = 100_000


@pytest.fixture(scope="module")
def sample():
    return compare.drawn(N, 1)


@pytest.fixture
def real(shared_data):
    path = shared_data / "hsc_ratios_and_specz.hdf5"
    if not path.is_file():
        pytest.skip(f"{path.name} is not on this machine")
    return compare.read_reference(path)


def table(path, columns=(b"mag", b"color", b"specz"), rows=((20.0, 1.0, 0.5), (21.0, 2.0, np.nan))):
    with h5py.File(path, "w") as file:
        file["data/block0_items"] = np.array(columns)
        file["data/block0_values"] = np.array(rows)
    return path


def command(*words) -> None:
    with pytest.raises(SystemExit) as left:
        main(["mock", "population", *map(str, words)])
    assert left.value.code == 0


def test_it_is_like_the_real_spectroscopic_sample(sample, real):
    assert compare.ks_distance(sample.redshift, real.redshift) < 0.02
    assert compare.ks_distance(sample.i, real.i) < 0.03
    assert compare.ks_distance(sample.g_minus_z, real.g_minus_z) < 0.05
    rows = [row for row in compare.summary(sample, real)[1:] if row["real_share"] > 1.0]
    assert len(rows) >= 11
    for row in rows:
        assert row["share"] == pytest.approx(row["real_share"], rel=0.15), row["z"]
        assert row["ks_g_z"] < 0.08, row["z"]
        for part in compare.PERCENTILES:
            assert row[f"g_z_{part}"] == pytest.approx(row[f"real_g_z_{part}"], abs=0.15), row["z"]


def test_colours_that_were_not_fitted_are_those_of_real_galaxies(shared_data):
    """g - r, r - i, i - z and z - y of GAMA's galaxies in HSC, beside simulated ones of equal z and g - z."""
    from astropy.table import Table

    real = Table.read(shared_data / "hsc_s16a_wide_gama.fits", unit_parse_strict="silent")
    column = {name: np.ma.filled(real[name].astype(float), np.nan) for name in real.colnames if name in _GAMA}
    mag = np.array([column[f"{band}cmodel_mag"] - column[f"a_{band}"] for band in "grizy"]).T
    z = column["z_hsc"]
    known = np.isfinite(mag).all(axis=1) & (z > 0.1) & (z < 0.3)
    drawn = spectroscopic(40_000, np.random.default_rng(1))
    ours = np.column_stack([drawn.redshift / 0.01, (drawn.mag[:, 0] - drawn.mag[:, 3]) / 0.03])
    off = []
    for place, seen in zip(z[known], mag[known], strict=True):
        far = ((ours - [place / 0.01, (seen[0] - seen[3]) / 0.03]) ** 2).sum(axis=1)
        near = np.argpartition(far, 5)[:5]
        off.append(-np.diff(seen) + np.diff(drawn.mag[near].mean(axis=0)))
    off = np.array(off)
    assert len(off) > 800
    assert np.all(np.abs(np.median(off, axis=0)) < 0.05)
    assert np.all(1.4826 * np.median(np.abs(off - np.median(off, axis=0)), axis=0) < 0.06)


_GAMA = {"z_hsc"} | {f"{band}cmodel_mag" for band in "grizy"} | {f"a_{band}" for band in "grizy"}


def test_the_distance_is_kolmogorovs():
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(5)
    first, second = rng.normal(size=300), np.round(rng.normal(0.2, 1.3, 457), 1)
    assert compare.ks_distance(first, second) == pytest.approx(ks_2samp(first, second).statistic, abs=1e-12)
    assert compare.ks_distance(first, first) == 0.0
    assert compare.ks_distance(np.zeros(3), np.ones(4)) == 1.0
    assert compare.ks_distance(np.zeros(0), second) is None


def test_samples_are_equal_for_equal_seeds_and_whatever_they_are_drawn_in(sample, monkeypatch):
    assert np.array_equal(compare.drawn(500, 4).g_minus_z, compare.drawn(500, 4).g_minus_z)
    assert not np.array_equal(compare.drawn(500, 4).i, compare.drawn(500, 5).i)
    monkeypatch.setattr(compare, "PART", 300)
    seen = []
    assert len(compare.drawn(700, 4, seen.append)) == 700
    assert seen == [300, 300, 100]


def test_bins_hold_every_object(sample):
    rows = compare.summary(sample)
    assert rows[0]["z"] == "all" and rows[0]["n"] == N
    assert sum(row["n"] for row in rows[1:]) == N
    inside = sample.g_minus_z[(sample.redshift >= 0.5) & (sample.redshift < 0.6)]
    row = next(row for row in rows if row["z"] == "0.5-0.6")
    assert row["g_z_50"] == pytest.approx(np.median(inside))
    assert "ks_z" not in row


def test_rows_with_nan_are_left_out_of_a_reference(tmp_path):
    found = compare.read_reference(table(tmp_path / "real.hdf5"))
    assert found.i.tolist() == [20.0] and found.redshift.tolist() == [0.5]


def test_a_wrong_reference_is_named(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("mag,color,specz\n")
    other = table(tmp_path / "other.hdf5", (b"a", b"b", b"c"))
    empty = table(tmp_path / "empty.hdf5", rows=[(np.nan,) * 3])
    for path, words in (
        (text, "not a table of real objects"),
        (tmp_path / "absent.hdf5", "absent.hdf5"),
        (other, "has the columns a, b, c"),
        (empty, "no row without NaN"),
    ):
        with pytest.raises(InputError, match=words):
            compare.read_reference(path)


@pytest.mark.parametrize("n, seed", [(0, 1), (-5, 1), (10, -1)])
def test_what_cannot_be_drawn_is_refused(n, seed):
    with pytest.raises(UsageError):
        compare.drawn(n, seed)


def test_the_command_prints_a_table_and_draws(tmp_path, capsys):
    rows = np.random.default_rng(1).uniform([20.0, 1.0, 0.1], [21.0, 2.0, 1.0], (400, 3))
    reference = table(tmp_path / "real.hdf5", rows=rows)
    for name in ("one.png", "two.png"):
        command("--galaxies", 2_000, "--seed", 3, "--against", reference, "--plot", tmp_path / name)
    out = capsys.readouterr().out.splitlines()
    assert out[0].split()[:2] == ["z", "galaxies"] and out[0].endswith("KS g-z")
    assert out[2].split()[:2] == ["all", "2000"]
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    from PIL import Image

    assert Image.open(tmp_path / "one.png").size[0] == 1600


def test_the_command_as_json_without_a_reference(tmp_path, capsys):
    command("--galaxies", 500, "--json", "--plot", tmp_path / "alone.svg")
    found = json.loads(capsys.readouterr().out)
    assert found["galaxies"] == 500 and found["against"] is None
    assert found["bins"][0]["n"] == 500 and 19.0 < found["bins"][0]["i_50"] < 22.0
    assert "no real sample given" in (tmp_path / "alone.svg").read_text()


def test_a_picture_of_another_kind_is_refused_before_the_work(tmp_path):
    run = _run(f"['mock', 'population', '--plot', '{tmp_path}/population.pdf']")
    assert run.returncode == 2 and ".svg or .png" in run.stderr


@pytest.mark.parametrize("package", ["speclite", "galsim"])
def test_without_the_extra_the_command_says_what_to_install(package):
    run = _run("['mock', 'population', '--galaxies', '10']", f"sys.modules[{package!r}] = None\n")
    assert run.returncode == 2
    assert package in run.stderr and "pip install 'galaxiesml[mock]'" in run.stderr
    assert "Traceback" not in run.stderr and run.stdout == ""


def _run(words: str, before: str = ""):
    code = f"import sys\n{before}from galaxiesml.cli import main\nsys.exit(main({words}))\n"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
