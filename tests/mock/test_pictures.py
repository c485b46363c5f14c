"""Pictures in bulk: the same light as GalSim's, the noise that is asked for, files that estimators read."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

galsim = pytest.importorskip("galsim")
pytest.importorskip("speclite")
torch = pytest.importorskip("torch")

import h5py  # noqa: E402

from galaxiesml.errors import InputError, UsageError  # noqa: E402
from galaxiesml.mock.pictures import files, render  # noqa: E402
from galaxiesml.mock.pictures.catalogue import Population  # noqa: E402
from galaxiesml.mock.pictures.plan import Lit  # noqa: E402
from galaxiesml.mock.pictures.run import Request, draw_files  # noqa: E402
from galaxiesml.mock.sky.galaxies import catalogue  # noqa: E402
from galaxiesml.photoz import released  # noqa: E402

from .drawn_by_galsim import picture  # noqa: E402

CAMERA = render.Camera(gain=(1700.0, 1900.0, 3300.0, 1500.0, 800.0), saturated=(190.0, 190.0, 240.0, 270.0, 430.0))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("population")
    catalogue.write_population(catalogue.Request(1_200, 3), folder)
    return folder


@pytest.fixture(scope="module")
def lit(folder) -> Lit:
    return next(Population(folder).batches(1_200)).lit


def of(lit: Lit, numbers) -> Lit:
    """Some pictures of a batch, in their order."""
    numbers = np.sort(np.asarray(numbers))
    kept = np.isin(lit.picture, numbers)
    apart = {}
    for field in fields(Lit):
        values = getattr(lit, field.name)
        apart[field.name] = values[numbers] if len(values) == len(lit) else values[kept]
    return Lit(**apart | {"picture": np.searchsorted(numbers, apart["picture"])})


def whole_range(lit: Lit) -> np.ndarray:
    """Galaxies at both ends of every quantity, quasars, bright neighbours, and some others."""
    first = np.searchsorted(lit.picture, np.arange(len(lit)))
    last = np.searchsorted(lit.picture, np.arange(len(lit)), side="right")
    brightest = np.array([lit.flux[a + 1 : b, 2].max(initial=0.0) for a, b in zip(first, last, strict=True)])
    away = np.array([np.abs(lit.x[a:b]).max() for a, b in zip(first, last, strict=True)])
    names = ("bulge_radius", "disc_radius", "bulge_ratio", "disc_ratio")
    quantities = [getattr(lit, name)[first] for name in names]
    quantities += [lit.flux[first, 2], lit.bulge[first, 2], brightest, away, lit.psf_fwhm[:, 2]]
    ends = [np.argsort(values)[[0, -1]] for values in quantities]
    quasars = np.flatnonzero(lit.point[first, 2] == 1.0)[:2]
    return np.unique(np.concatenate([*ends, quasars, np.arange(5)]))


def test_light_is_galsims_over_the_whole_range(lit):
    lit = of(lit, whole_range(lit))
    first = np.searchsorted(lit.picture, np.arange(len(lit)))
    # Every third galaxy gets a nucleus, with a part of a disc's light.
    lit.point[first[::3]] += 0.3 * (1.0 - lit.point[first[::3]])
    lit.bulge[first[::3]] *= 0.7
    ours = render.light(lit)[:, :5, 32:96, 32:96].double().numpy()
    pixel, flux = [], []
    for number in range(len(lit)):
        theirs = picture(lit, number, number % 5)
        pixel.append(np.abs(ours[number, number % 5] - theirs).max() / theirs.max())
        flux.append(abs(ours[number, number % 5].sum() / theirs.sum() - 1.0))
    print(f"{len(lit)} pictures, worst pixel {max(pixel):.3%} of the peak, worst flux {max(flux):.3%}")
    assert max(pixel) < 5e-3 and max(flux) < 2e-3


def test_light_is_galsims_in_larger_pictures(tmp_path):
    catalogue.write_population(catalogue.Request(60, 5, 127), tmp_path)
    lit = of(next(Population(tmp_path).batches(60)).lit, [0, 1, 2])
    ours = render.light(lit, size=127)[:, :5, 1:, 1:].double().numpy()
    for number in range(3):
        theirs = picture(lit, number, 2, 127)
        assert np.abs(ours[number, 2] - theirs).max() < 5e-3 * theirs.max()
        assert ours[number, 2].sum() == pytest.approx(theirs.sum(), rel=2e-3)


def test_what_is_taken_away_is_the_neighbours_light(lit):
    lit = of(lit, range(20))
    # As if the deblender made no error.
    own = np.zeros(len(lit.picture), bool)
    own[np.searchsorted(lit.picture, np.arange(len(lit)))] = True
    lit = replace(lit, subtracted=np.where(own, 0.0, 1.0))
    total, taken = render.light(lit)[..., 32:96, 32:96].chunk(2, 1)
    first = np.searchsorted(lit.picture, np.arange(len(lit)))
    alone = Lit(
        **{f.name: getattr(lit, f.name)[first] for f in fields(Lit) if f.name[:3] not in ("psf", "sky")}, **sky(lit)
    )
    galaxies = render.light(alone)[:, :5, 32:96, 32:96]
    assert torch.allclose(total - taken, galaxies, atol=2e-4 * float(galaxies.max()), rtol=1e-3)
    half = replace(lit, subtracted=0.5 * lit.subtracted)
    assert torch.allclose(2.0 * render.light(half)[:, 5:], render.light(lit)[:, 5:], rtol=1e-4, atol=1e-5)


def sky(lit: Lit) -> dict:
    return {name: getattr(lit, name) for name in ("psf_fwhm", "psf_g1", "psf_g2", "sky_sigma")}


def test_noise_is_that_of_sky_and_light(lit):
    lit = of(lit, range(100))
    light = render.light(lit)[:, :5]
    drawn = render.draw(lit, CAMERA, seed=1, number=0).frame
    gain, full = (torch.tensor(values)[:, None, None] for values in (CAMERA.gain, CAMERA.saturated))
    sigma = torch.sqrt(torch.from_numpy(lit.sky_sigma).float()[..., None, None] ** 2 + light.clamp(min=0.0) / gain)
    deviates = (drawn - torch.minimum(light, full)) / sigma
    assert deviates.mean().abs() < 0.003 and abs(deviates.std() - 1.0) < 0.003
    bright = light / gain > 5.0 * (sigma**2 - light.clamp(min=0.0) / gain)
    assert bright.sum() > 300 and abs(deviates[bright].std() - 1.0) < 0.1
    again = render.draw(lit, CAMERA, seed=1, number=0).frame
    assert torch.equal(again, drawn)
    for other in (render.draw(lit, CAMERA, 2, 0), render.draw(lit, CAMERA, 1, 1)):
        apart = (other.frame - torch.minimum(light, full)) / sigma
        assert abs(float((apart * deviates).mean())) < 0.003


def test_a_picture_does_not_depend_on_those_beside_it(lit):
    together, alone = render.light(of(lit, range(40))), render.light(of(lit, [17]))
    assert torch.allclose(together[17], alone[0], rtol=1e-4, atol=1e-4)


# -- the population --------------------------------------------------------------------------------------------


def test_equal_seeds_give_equal_populations_and_others_do_not(folder, tmp_path):
    for name, seed in (("again", 3), ("other", 4)):
        catalogue.write_population(catalogue.Request(1_200, seed), tmp_path / name)
    for name in (*catalogue.FILES, "population.json"):
        content = (folder / name).read_bytes()
        assert content == (tmp_path / "again" / name).read_bytes()
        assert content != (tmp_path / "other" / name).read_bytes()
    assert sum((folder / name).stat().st_size for name in catalogue.FILES[::2]) < 275 * 1_200


def test_neighbours_are_as_dense_as_the_sky_and_spare_bright_stars(folder):
    import pyarrow.parquet as pq

    from galaxiesml.mock.sky.galaxies import neighbours

    near, pool, galaxies = (
        pq.read_table(folder / f"{name}.parquet").to_pandas() for name in ("neighbours", "sources", "galaxies")
    )
    half = 32.0 + neighbours.MARGIN_ARCSEC / 0.168
    inside = near[(near["x"].abs() <= half) & (near["y"].abs() <= half)]
    expected = neighbours.DENSITY_PER_ARCMIN2 * (2.0 * half * 0.168 / 60.0) ** 2 * len(galaxies)
    assert abs(len(inside) - expected) < 4.0 * np.sqrt(expected)
    assert len(near) > len(inside) and near["galaxy"].is_monotonic_increasing
    of_near = pool.iloc[near["source"]].reset_index(drop=True)
    distance = np.hypot(
        near["x"] - galaxies["x"].to_numpy()[near["galaxy"]], near["y"] - galaxies["y"].to_numpy()[near["galaxy"]]
    )
    refused = of_near["is_star"] & (of_near["i_mag"] < 16.0)
    assert refused.sum() > 5 and distance[refused].min() * 0.168 > 11.99
    outside = ~near.index.isin(inside.index)
    assert of_near["i_mag"][outside].max() < 20.0
    assert galaxies["object_id"].is_unique and galaxies["x"].abs().max() <= 0.5


def test_the_written_sample_is_the_compared_one(tmp_path):
    from galaxiesml.mock.sky.galaxies.compare import drawn

    sample, info = catalogue.write_population(catalogue.Request(300, 8), tmp_path)
    assert np.array_equal(sample.redshift, drawn(300, 8).redshift)
    assert info["files"]["galaxies.parquet"]["rows"] == 300 and info["seed"] == 8


def test_batches_hold_every_galaxy_once_with_its_own_neighbours(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "PART", 100)
    catalogue.write_population(catalogue.Request(250, 3), tmp_path)
    population = Population(tmp_path)
    (whole,) = population.batches(1_000)
    parts = list(population.batches(64, 200))
    assert [len(part) for part in parts] == [64, 64, 64, 8]
    ids = np.concatenate([part.columns["object_id"] for part in parts])
    assert np.array_equal(ids, whole.columns["object_id"][:200])
    expected = of(whole.lit, range(64, 128))
    for field in fields(Lit):
        assert np.array_equal(getattr(parts[1].lit, field.name), getattr(expected, field.name)), field.name


def test_a_folder_that_is_no_population_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="no finished population"):
        Population(tmp_path)
    for name in (*catalogue.FILES, "population.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    content = bytearray((tmp_path / "sources.parquet").read_bytes())
    content[1000] ^= 1
    (tmp_path / "sources.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"sources\.parquet is not the file that population\.json describes"):
        Population(tmp_path)


# -- the files -------------------------------------------------------------------------------------------------


def test_files_are_read_as_released_ones_and_are_equal_for_equal_seeds(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(render, "BATCH", 40)
    told = draw_files(Request(folder, tmp_path / "a", "cpu", galaxies=100, threads=1))
    assert sum(made["galaxies"] for made in told["files"]) == told["galaxies"] == 100
    paths = [Path(made["path"]) for made in told["files"]]
    data = released.read(paths)
    (batch,) = Population(folder).batches(100, 100)
    rows = np.searchsorted(batch.columns["object_id"], data.object_id)
    assert np.array_equal(np.sort(rows), np.arange(100))
    assert np.allclose(data.redshift, batch.columns["specz_redshift"][rows])
    names = np.array(list(files.SPLITS))[files.split_of(data.object_id)]
    assert np.array_equal(data.split, names)
    true = batch.bands("{band}_mag", ("g", "r", "i", "z", "y"))[rows]
    deviates = (data.magnitudes - true) / data.errors
    assert np.nanmedian(np.abs(deviates)) < 3.0
    draw_files(Request(folder, tmp_path / "b", "cpu", galaxies=100, threads=2))
    draw_files(Request(folder, tmp_path / "c", "cpu", galaxies=100, seed=2, dtype="float16"))
    for path in paths:
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        with h5py.File(path) as ours, h5py.File(tmp_path / "c" / path.name) as other:
            assert ours["image"].shape[1:] == (5, 64, 64) and ours["image"].dtype == np.float32
            assert other["image"].dtype == np.float16
            assert not np.allclose(ours["image"][0], other["image"][0], atol=0.01)
            assert ours.attrs["simulated"] and ours.attrs["noise_seed"] == 1 and ours.attrs["device"] == "cpu"
            assert ours["i_psf_fwhm_arcsec"][:].min() > 0.4 and ours["a_g"][:].min() > 0.0


def test_pictures_are_those_of_the_catalogue(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(render, "BATCH", 40)
    draw_files(Request(folder, tmp_path, "cpu", galaxies=100, threads=1))
    (batch,) = Population(folder).batches(100, 100)
    light = render.light(batch.lit)[:, :5, 32:96, 32:96]
    with h5py.File(tmp_path / "5x64x64_training.hdf5") as file:
        ids, image = file["object_id"][:20], file["image"][:20]
    rows = np.searchsorted(batch.columns["object_id"], ids)
    sigma = batch.lit.sky_sigma[rows][:, :, None, None]
    off = (image - light[rows].numpy()) / np.sqrt(sigma**2 + light[rows].numpy() / np.array(CAMERA.gain)[:, None, None])
    assert abs(np.median(off)) < 0.01 and abs(np.percentile(off, 84.13) - 1.0) < 0.01


def test_splits_are_a_hash_of_identifiers_in_their_shares():
    split = files.split_of(np.arange(100_000) + 7_000_000_001)
    assert np.abs(np.bincount(split) / 1e5 - [0.7, 0.1, 0.2]).max() < 0.005
    assert np.array_equal(files.split_of(np.array([7_000_000_005])), split[4:5])


def test_a_size_without_neighbours_is_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="neighbours for pictures of 64 pixels, not 127") as caught:
        draw_files(Request(folder, tmp_path, "cpu", size=127))
    assert "galaxiesml mock population --galaxies 1200 --seed 3 --size 127" in caught.value.hint
    with pytest.raises(UsageError, match="has 1,200 galaxies, not 1,201"):
        draw_files(Request(folder, tmp_path, "cpu", galaxies=1_201))
    assert not list(tmp_path.iterdir())


#: What the machine with the GPU does not have.
_ABSENT = ("duckdb", "astropy", "typer", "polars", "scipy", "sklearn", "dbt", "rich", "sqlglot", "galsim", "speclite")
_BARE = f"import sys; sys.modules.update(dict.fromkeys({_ABSENT!r}))\n"
_BARE += "from galaxiesml.mock.pictures.__main__ import main; sys.exit(main(sys.argv[1:]))"


def test_it_draws_where_only_torch_numpy_h5py_and_pyarrow_are(folder, tmp_path, repo):
    words = ["--from", str(folder), "--out", str(tmp_path), "--galaxies", "20", "--threads", "1"]
    done = subprocess.run([sys.executable, "-c", _BARE, *words, "--json"], cwd=repo, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["galaxies"] == 20 and told["device"] in ("cpu", torch.cuda.is_available() and "cuda")
    assert len(released.read([made["path"] for made in told["files"]])) == 20
    words[1] = str(tmp_path / "no")
    done = subprocess.run([sys.executable, "-c", _BARE, *words], cwd=repo, capture_output=True, text=True)
    assert done.returncode == 3 and "no finished population" in done.stderr and not done.stdout


def test_an_interrupted_run_leaves_no_file(folder, tmp_path, repo):
    words = ["-m", "galaxiesml.mock.pictures", "--from", str(folder), "--out", str(tmp_path), "--threads", "1"]
    process = subprocess.Popen([sys.executable, *words], cwd=repo, stderr=subprocess.PIPE, text=True)
    began = time.monotonic()
    while not list(tmp_path.glob(".*.making")):
        assert time.monotonic() - began < 60.0 and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130 and "Interrupted." in said and "Traceback" not in said
    assert time.monotonic() - sent < 3.0 and not list(tmp_path.iterdir())


def test_the_commands_write_a_population_and_draw_it(typed, tmp_path):
    code, out, err = typed("mock", "population", "--galaxies", 30, "--seed", 2, "--out", tmp_path / "population")
    assert code == 0 and out.splitlines()[0].split()[:2] == ["z", "galaxies"]
    assert "galaxies.parquet: 30 rows" in err and "Next: galaxiesml mock pictures --from" in err
    words = ("mock", "pictures", "--from", tmp_path / "population", "--out", tmp_path / "pictures", "--device", "cpu")
    code, out, err = typed(*words)
    assert code == 0 and out.splitlines() == [
        str(tmp_path / "pictures" / f"5x64x64_{name}.hdf5") for name in files.SPLITS
    ]
    code, out, _ = typed(*words, "--galaxies", 10, "--json")
    assert code == 0 and json.loads(out)["galaxies"] == 10
    code, out, err = typed("mock", "population", "--galaxies", 40, "--out", tmp_path / "population")
    assert (code, out) == (2, "") and "is not empty" in err and len(Population(tmp_path / "population")) == 30
