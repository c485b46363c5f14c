"""Our columns beside Source Extractor's own, on the same pictures in the same run."""

import subprocess

import numpy as np
import pytest
from astropy.io import fits

from galaxiesml.morphology.detect import Detection, detect
from galaxiesml.morphology.source_extractor import write_config

from .injected import injected, psf_picture
from .reference import PROGRAM, Agreement, agreement, needs_source_extractor, real_pictures, reference

#: Of all pictures, and of all objects: a bit under what 600 simulated pictures and the 440 real ones give.
SIMULATED = {"objects": 0.97, "within_5px": 0.98, "within_10px": 0.97, "within_15px": 0.97}
SIMULATED |= {"MU_MAX": 0.99, "A_IMAGE": 0.97, "B_IMAGE": 0.97, "THETA_IMAGE": 0.97, "ELLIPTICITY": 0.97}
SIMULATED |= {"ISOAREA_IMAGE": 0.97, "FLUX_RADIUS": 0.96, "PETRO_RADIUS": 0.98, "FLUX_AUTO": 0.95}
REAL = {"objects": 0.97, "within_5px": 0.97, "within_10px": 0.96, "within_15px": 0.96}
REAL |= {"MU_MAX": 0.97, "A_IMAGE": 0.96, "B_IMAGE": 0.95, "THETA_IMAGE": 0.95, "ELLIPTICITY": 0.95}
REAL |= {"ISOAREA_IMAGE": 0.94, "FLUX_RADIUS": 0.93, "PETRO_RADIUS": 0.98, "FLUX_AUTO": 0.93}
#: Of objects that Source Extractor does not take for a part of a blend.
ALONE = {"MU_MAX": 1.0, "A_IMAGE": 1.0, "B_IMAGE": 1.0, "THETA_IMAGE": 1.0, "ELLIPTICITY": 1.0}
ALONE |= {"ISOAREA_IMAGE": 1.0, "FLUX_RADIUS": 0.97, "PETRO_RADIUS": 0.99, "FLUX_AUTO": 0.97}


def too_few(made: Agreement, least: dict, least_alone: dict) -> dict:
    """The columns that are equal less often than they should be."""
    found = {name: float(same.mean()) for name, same in (made.columns | made.pictures).items()}
    alone = {name: float(same[~made.blended].mean()) for name, same in made.columns.items()}
    few = {name: found[name] for name, share in least.items() if found[name] < share}
    return few | {f"{name}, alone": alone[name] for name, share in least_alone.items() if alone[name] < share}


@needs_source_extractor
def test_simulated_pictures_agree():
    images = injected(60, 60, magnitudes=(18.0, 25.0), neighbours=9).images
    made = agreement(images, reference(images))
    assert len(made.blended) > 55
    assert too_few(made, SIMULATED, ALONE) == {}


@needs_source_extractor
def test_real_pictures_agree(shared_data):
    # Every fourth, of both depths.
    images = real_pictures(shared_data)[::4]
    made = agreement(images, reference(images))
    assert len(made.blended) == len(images) == 110
    assert made.blended.sum() > 10
    assert too_few(made, REAL, ALONE) == {}


@needs_source_extractor
@pytest.mark.parametrize("option", [("-CLEAN", "N"), ("-DETECT_THRESH", "1.5")])
def test_other_settings_find_as_many(option):
    settings = {"-CLEAN": Detection(clean_param=0), "-DETECT_THRESH": Detection(thresh=1.5)}[option[0]]
    images = injected(12, 12, neighbours=9).images
    theirs = reference(images, options=option)
    same = [len(detect(image, settings).objects) == len(one.table) for image, one in zip(images, theirs, strict=True)]
    assert np.mean(same) >= 0.9


@needs_source_extractor
def test_the_printed_files_do_not_run(tmp_path):
    """Twelve lines of the paper's parameter file are no columns, and its PSF is not named."""
    write_config(tmp_path, printed=True)
    fits.writeto(tmp_path / "picture.fits", np.zeros((64, 64), np.float32))
    run = subprocess.run([PROGRAM, "picture.fits", "-c", "default.sex"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode != 0
    assert run.stderr.count("catalog parameter unknown") == 12
    assert "PSF file not found" in run.stderr


@needs_source_extractor
def test_the_corrected_files_run_without_a_warning(tmp_path):
    write_config(tmp_path, printed=False)
    fits.writeto(tmp_path / "picture.fits", injected(1, 3).images[0])
    run = subprocess.run([PROGRAM, "picture.fits", "-c", "default.sex"], cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stderr, run.stdout) == (0, "", "")
    assert (tmp_path / "test.cat").read_text().count("\n") > 20 and (tmp_path / "segmentation.fits").is_file()


@needs_source_extractor
def test_its_own_sersic_fit_reads_our_psf():
    """With the right PSF Source Extractor finds the index of a bright, isolated galaxy."""
    made = injected(3, 8, magnitudes=(18.0, 18.5))
    for image, seeing, index in zip(made.images, made.seeing, made.truth["n"], strict=True):
        (theirs,) = reference([image], psf=psf_picture(seeing))
        fitted = theirs.table[theirs.target()]
        assert fitted["SPHEROID_SERSICN"] == pytest.approx(index, rel=0.3)
        assert fitted["SPHEROID_REFF_IMAGE"] > 0
