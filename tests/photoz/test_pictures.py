"""Pictures as input: sources, hostile files, memory, scaling, flips, shifts."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from galaxiesml.errors import InputError, ResourceError, UsageError
from galaxiesml.photoz import Config, kinds, released, train
from galaxiesml.photoz.augment import augmented, noisy, orientations, shifted
from galaxiesml.photoz.batches import check_memory, resident, sky_sigma
from galaxiesml.photoz.best import scaled
from galaxiesml.photoz.pictures import Pictures, middle
from galaxiesml.pixels.frame import frame_axis
from tests.made.blobs import BANDS, SKY, blobs, write

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def sky():
    return blobs(400, size=40)


def test_smaller_pictures_are_cut_as_the_release_cuts_them():
    whole = np.arange(127)
    for size in (126, 100, 64, 33, 32):
        frame = np.zeros(size, int)
        target, source = frame_axis(127, size)
        frame[target] = whole[source]
        assert np.array_equal(whole[middle(127, size)], frame)
        # Cut out of 64 or out of 127: the same pixels.
        if size < 64:
            assert np.array_equal(whole[middle(127, 64)][middle(64, size)], frame)
    with pytest.raises(UsageError, match="have 64 pixels on a side"):
        middle(64, 65)


def test_files_give_the_rows_that_are_asked_for(sky, tmp_path):
    paths = write(sky, tmp_path)
    data = released.read(paths, BANDS, has_pictures=True)
    order = np.random.default_rng(2).permutation(len(data))
    whole = data.pictures.read(40)
    assert np.array_equal(data.pictures.take(order).read(40), whole[order])
    assert np.array_equal(np.concatenate([block for _, block in data.pictures.blocks(32, 37)]), whole[:, :, 4:36, 4:36])
    two = released.read(paths, ("z", "g"), has_pictures=True)
    assert np.array_equal(two.pictures.read(40), whole[:, [3, 0]])
    assert released.read(paths, BANDS).pictures is None


def test_what_files_tell_of_how_pictures_were_taken_is_read(sky, tmp_path):
    rng = np.random.default_rng(0)
    width, dust, sigma = (rng.uniform(0.5, 1, (len(sky), 5)) for _ in range(3))
    more = {f"{band}_psf_fwhm_arcsec": width[:, place] for place, band in enumerate(BANDS)}
    more |= {f"a_{band}": dust[:, place] for place, band in enumerate(BANDS) if band != "y"}
    more |= {f"{band}_sky_sigma": sigma[:, place] for place, band in enumerate(BANDS)}
    data = released.read(write(sky, tmp_path, ("testing",), **more), BANDS, has_pictures=True)
    rows = sky.split == "testing"
    assert data.conditions[:, :5] == pytest.approx(width[rows], rel=1e-6)
    assert (
        data.conditions[:, 5:9] == pytest.approx(dust[rows][:, :4], rel=1e-6) and np.isnan(data.conditions[:, 9]).all()
    )
    assert data.pictures.sky_sigma == pytest.approx(sigma[rows], rel=1e-6)


def test_a_changed_file_changes_the_hash_and_equal_rows_do_not(sky, tmp_path):
    paths = write(sky, tmp_path)
    data = released.read(paths, BANDS, has_pictures=True)
    again = released.read(paths, BANDS, has_pictures=True)
    assert data.digest() == again.digest()
    assert data.take(np.arange(50)).digest() != data.take(np.arange(51)).digest()
    with h5py.File(paths[0], "r+") as file:
        file["image"][3, 2, 1, 1] += 1
    assert released.read(paths, BANDS, has_pictures=True).digest() != data.digest()
    with pytest.raises(InputError, match="has changed since it was opened"):
        data.pictures.read(40)
    other = sky.pictures.read(40)
    other[3, 2, 1, 1] += 1
    assert Pictures.of(other).digest() != Pictures.of(sky.pictures.read(40)).digest()


def _image(change):
    def spoil(file, path):
        values = file["image"][()]
        del file["image"]
        change(file, values, path)

    return spoil


def _elsewhere(file, values, path):
    values.astype("f4").tofile(path.parent / "raw")
    file.create_dataset("image", values.shape, "f4", external=[(str(path.parent / "raw"), 0, h5py.h5f.UNLIMITED)])


def _virtual(file, values, path):
    layout = h5py.VirtualLayout(values.shape, "f4")
    layout[:] = h5py.VirtualSource(str(path.parent / "5x40x40_validation.hdf5"), "image", values.shape)
    file.create_virtual_dataset("image", layout)


@pytest.mark.parametrize(
    "spoil, words",
    [
        (_image(lambda file, values, path: None), "has no key image"),
        (_image(lambda file, values, path: file.create_dataset("image", data=values[:-1])), "should be numbers of"),
        (_image(lambda file, values, path: file.create_dataset("image", data=values[:, :, 0])), "should be numbers of"),
        (
            _image(lambda file, values, path: file.create_dataset("image", data=values.astype("S4"))),
            "should be numbers",
        ),
        (_image(lambda file, values, path: file.create_dataset("image", data=values[:, :4])), "has no pictures in g"),
        (
            _image(lambda file, values, path: file.create_dataset("image", values.shape[:1], h5py.string_dtype())),
            "should be numbers of shape",
        ),
        (_image(lambda file, values, path: file.create_group("image")), "is not a dataset of this file"),
        (
            _image(lambda file, values, path: file.__setitem__("image", h5py.ExternalLink("other.h5", "image"))),
            "is not a dataset of this file",
        ),
        (_image(_elsewhere), "is not a dataset of this file"),
        (_image(_virtual), "is not a dataset of this file"),
    ],
)
def test_hostile_pictures_are_refused_and_the_file_named(sky, tmp_path, spoil, words):
    path = write(sky, tmp_path, ("testing",))[0]
    with h5py.File(path, "r+") as file:
        spoil(file, path)
    with pytest.raises(InputError, match=words) as caught:
        released.read([path], BANDS, has_truth=False, has_pictures=True)
    assert path.name in str(caught.value)
    # Whoever does not look at pictures does not mind.
    assert len(released.read([path], BANDS)) == (sky.split == "testing").sum()


def test_what_memory_does_not_hold_is_said_before_it_is_read(tmp_path):
    """A file that claims a terabyte, and has no byte of it."""
    count, path = 200_000, tmp_path / "5x512x512_training.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("image", (count, 5, 512, 512), "f4", chunks=(1, 5, 512, 512))
        file["object_id"], file["specz_redshift"] = np.arange(count), np.full(count, 0.5)
        for band in BANDS:
            file[f"{band}_cmodel_mag"] = file[f"{band}_cmodel_magsigma"] = np.full(count, 20.0, np.float32)
    data = released.read([path], BANDS, has_pictures=True)
    words = r"200,000 galaxies x 5 pictures of 512 x 512 float16 need 524 GB; .* free on CPU"
    with pytest.raises(ResourceError, match=words) as caught:
        train(data, Config.of("best", size=512))
    size = int(caught.value.hint.split("size=")[1])
    assert 32 <= size < 512


def test_the_size_that_is_proposed_fits():
    config = Config.of("best", size=64)
    check_memory(1000, 5, config, 55_000_000, "CPU")
    with pytest.raises(ResourceError, match=r"need 0\.041 GB; 0\.03 GB can be used of 0\.04 GB") as caught:
        check_memory(1000, 5, config, 40_000_000, "CPU")
    size = int(caught.value.hint.split("size=")[1])
    check_memory(1000, 5, replace(config, size=size), 40_000_000, "CPU")
    with pytest.raises(ResourceError):
        check_memory(1000, 5, replace(config, size=size + 8), 40_000_000, "CPU")


def test_counts_that_overflow_float16_are_scaled_before(sky):
    counts = sky.pictures.read(40)[:6]
    counts[0, :, 20, 20], counts[1, 2, 5, 5], counts[2, 0, 0, 0] = 3e6, np.nan, np.inf
    pictures = Pictures.of(counts, np.full((6, 5), SKY, np.float32))
    data = replace(sky.take(np.arange(6)), pictures=pictures)
    made = resident(data, Config.of("best", size=40), CPU, scaled).pictures
    assert made.dtype == torch.float16 and bool(torch.isfinite(made).all())
    assert made[0, 0, 20, 20] == pytest.approx(np.arcsinh(3e6 / SKY), rel=1e-3)
    assert made[1, 2, 5, 5] == 0 and made[2, 0, 0, 0] == 0
    good = np.isfinite(counts)
    assert made.numpy()[good] == pytest.approx(np.arcsinh(counts[good] / SKY), rel=2e-3, abs=1e-4)


def test_a_sky_that_is_not_known_is_measured(sky):
    counts = torch.from_numpy(sky.pictures.read(40))
    measured = sky_sigma(counts, None)
    assert measured.mean() == pytest.approx(SKY, rel=0.02) and measured.std() < 0.06 * SKY
    known = np.full((len(sky), 5), 0.7, np.float32)
    known[:, 2] = np.nan
    some = sky_sigma(counts[100:], known, 100)
    assert bool((some[:, 0] == np.float32(0.7)).all()) and torch.equal(some[:, 2], measured[100:, 2])
    # Half of the frame is filled with zeros, then all of it.
    counts[0, :, :20], counts[1] = 0, 0
    measured = sky_sigma(counts[:2], None)
    assert measured[0].mean() == pytest.approx(SKY, rel=0.1) and bool((measured[1] == 1).all())


def test_eight_orientations_are_eight_and_a_group():
    picture = torch.arange(25.0).reshape(1, 1, 5, 5)
    made = {tuple(turned.flatten().tolist()) for turned in orientations(picture)}
    assert len(made) == 8
    for turned in list(orientations(picture)):
        assert {tuple(again.flatten().tolist()) for again in orientations(turned)} == made


def test_training_turns_pictures_into_all_eight_and_into_nothing_else():
    picture = torch.arange(2 * 36.0).reshape(1, 2, 6, 6)
    config = Config.of("best", shift=0, noise=0)
    made = augmented(picture.expand(300, -1, -1, -1), config, torch.Generator().manual_seed(1))
    found = {tuple(one.flatten().tolist()) for one in made}
    assert found == {tuple(turned.flatten().tolist()) for turned in orientations(picture)}


def test_shifts_are_exact_and_fill_with_zeros():
    pictures = torch.rand((3, 2, 8, 8)) + 1
    moved = shifted(pictures, torch.tensor([2, 0, -3]), torch.tensor([-1, 0, 3]), 4)
    assert torch.equal(moved[0, :, 2:, :-1], pictures[0, :, :-2, 1:]) and not moved[0, :, :2].any()
    assert torch.equal(moved[1], pictures[1])
    assert torch.equal(moved[2, :, :5, 3:], pictures[2, :, 3:, :5]) and not moved[2, :, :, :3].any()


def test_noise_is_that_of_the_sky_and_zeros_stay():
    counts = torch.full((400, 1, 16, 16), 2.0 * SKY)
    counts[:, :, 0] = 0
    made = noisy(torch.asinh(counts / SKY), 0.5, torch.Generator().manual_seed(3))
    back = torch.sinh(made)[:, 0, 1:] - 2.0
    assert not made[:, :, 0].any()
    # Levels are uniform from 0 to 0.5.
    assert float(back.flatten(1).std(dim=1).mean()) == pytest.approx(0.25, abs=0.03)


def test_a_band_that_is_lost_is_lost_in_the_picture_too(sky):
    rows = resident(sky.take(np.arange(4)), Config.of("best", size=40), CPU, scaled)
    lost = torch.zeros((4, 5), dtype=torch.bool)
    lost[1, 3] = True
    made = rows.without(lost)
    assert torch.isnan(made.magnitudes[1, 3]) and not made.pictures[1, 3].any()
    assert torch.equal(made.pictures[1, :3], rows.pictures[1, :3]) and torch.equal(made.pictures[2], rows.pictures[2])


def test_settings_that_wait_for_data_and_machine_are_decided_once(sky):
    config = kinds.resolved(Config.of("best"), sky)
    assert (config.size, config.trunk, config.channels) == (40, "small", 24)
    assert (config.precision, config.compile, config.batch) == ("float32", "no", 64)
    many = replace(replace(sky, object_id=None).take(np.arange(20_000) % 40), split=None)
    assert kinds.resolved(Config.of("best"), many).batch == 256
    with pytest.raises(UsageError, match="batch must be at least 2"):
        Config.of("table", batch=0)
    assert kinds.resolved(config, sky) == config
    assert kinds.resolved(Config.of("paper-cnn"), sky).size == 40
    with pytest.raises(UsageError, match="40 pixels on a side, and 64"):
        kinds.resolved(Config.of("best", size=64), sky)
    with pytest.raises(UsageError, match="a table has none") as caught:
        kinds.resolved(Config.of("best"), replace(sky, pictures=None))
    assert "--set pictures=false" in caught.value.hint
    with pytest.raises(UsageError, match="--as text is for paper-cnn"):
        Config.typed("best", ["variant=text"])


def test_runs_from_before_pictures_keep_their_hash():
    """Settings that came later decide nothing at their defaults: a finished run is found again."""
    assert Config().digest() == "7c51bc93106b19215dba06384cb96f8a8b9e18b573866b1aeaf4ef1d96b249c9"
