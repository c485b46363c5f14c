"""`make demo`: from nothing to training files, as a user would type it, in the folder demo/."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path("demo")
#: The simulated archive's own account.
ACCOUNT = {"HSC_SSP_CAS_USER": "simulated", "HSC_SSP_CAS_PASSWORD": "simulated"}
#: The galaxy nearby with most pixels above the sky.
NEAR = (
    "select object_id from galaxies join galaxy_morphology using (object_id) "
    "where specz_redshift < 0.2 order by i_isophotal_area desc nulls last, object_id limit 1"
)


def type_in(folder: Path, *words: str) -> str:
    """Type one command, showing it and what it prints; the demo stops where it fails."""
    print(f"\n$ galaxiesml {' '.join(word if ' ' not in word else repr(word) for word in words)}", flush=True)
    run = subprocess.run([sys.executable, "-m", "galaxiesml", *words], cwd=folder, stdout=subprocess.PIPE, text=True)
    print(run.stdout, end="", flush=True)
    if run.returncode:
        sys.exit(run.returncode)
    return run.stdout


@contextlib.contextmanager
def serving(folder: Path, sky: str) -> Iterator[str]:
    """Serve a simulated sky in the background, as a user would in a second terminal; the URL that is printed."""
    for name, value in ACCOUNT.items():
        print(f"\n$ export {name}={value}", end="")
    os.environ |= ACCOUNT
    words = ("mock", "serve", sky, "--port", "0")
    print(f"\n$ galaxiesml {' '.join(words)} &", flush=True)
    server = subprocess.Popen(
        # Quiet: the account is shown above, and the URL comes on standard output.
        [sys.executable, "-m", "galaxiesml", "-q", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        url = server.stdout.readline().strip()
        if not url:
            sys.exit("The simulated archive did not start.")
        print(url, flush=True)
        yield url
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    type_in(FOLDER, "mock", "sky", "--galaxies", "300", "--seed", "1")
    type_in(FOLDER, "init", "cat", "--release", "pdr2_wide")
    catalog = FOLDER / "cat"
    # As with the real archive, but for --url.
    with serving(FOLDER, "sky") as url:
        type_in(catalog, "fetch", "hsc", "--query", "paper", "--url", url)
        type_in(catalog, "build")
        type_in(catalog, "fetch", "cutouts", "--layers", "image,mask,variance", "--keep-tars", "--url", url)
        type_in(catalog, "build")
        type_in(catalog, "fetch", "psf", "--url", url)
        type_in(catalog, "build")
        type_in(catalog, "fetch", "jobs")
    type_in(catalog, "morphology", "--workers", "2")
    type_in(catalog, "build")
    type_in(catalog, "audit", "cuts")
    type_in(catalog, "sql", "select picture_state, count(*) as pictures from pictures group by all order by 2 desc")
    first = type_in(catalog, "sql", "select min(object_id) as object_id from galaxies", "--format", "json")
    type_in(catalog, "audit", "row", str(json.loads(first)[0]["object_id"]))
    type_in(catalog, "audit", "splits")
    type_in(catalog, "export", "hdf5", "--size", "127", "--size", "64")
    type_in(catalog, "export", "csv", "--splits")
    type_in(catalog, "export", "verify", "exports/5x64x64_testing_with_morphology.hdf5")
    type_in(catalog, "audit", "pictures", "--limit", "5")
    type_in(catalog, "audit", "pictures", "--graph", "quality.png")
    type_in(catalog, "plot", "gallery", "--out", "gallery.png")
    type_in(catalog, "plot", "thumbnails", "--where", "i_cmodel_mag < 21", "--sheet", "thumbnails.png")
    # The paper's Figure 3 is of a bright galaxy nearby.
    near = type_in(catalog, "sql", NEAR, "--format", "json")
    type_in(catalog, "plot", "morphology", str(json.loads(near)[0]["object_id"]), "--out", "morphology.png")
    type_in(catalog, "plot", "redshifts", "--out", "redshifts.png")
    type_in(catalog, "audit", "cuts", "--graph", "flow.png")
    # Photometric redshifts need more galaxies than a sky of pictures that is drawn in a minute.
    type_in(FOLDER, "mock", "export", "--rows", "12000", "--out", "export")
    type_in(FOLDER, "init", "survey", "--release", "pdr2_wide")
    survey = FOLDER / "survey"
    type_in(survey, "ingest", "hsc", "../export/export.csv.gz")
    type_in(survey, "build")
    type_in(survey, "train", "table", "--set", "epochs=30")
    type_in(survey, "predict", "table-1", "--of", "all")
    type_in(survey, "build")
    type_in(survey, "plot", "photoz", "table-1", "--out", "photoz.png")
    type_in(survey, "evaluate")
    # What pictures add: simulated galaxies drawn in bulk, and two estimators on the same files.
    type_in(FOLDER, "mock", "population", "--galaxies", "3000", "--out", "population")
    type_in(FOLDER, "mock", "pictures", "--from", "population", "--out", "pictures")
    files = [f"pictures/5x64x64_{split}.hdf5" for split in ("training", "validation", "testing")]
    type_in(FOLDER, "train", "table", "--files", *files)
    type_in(FOLDER, "train", "best", "--files", *files, "--seeds", "1", "--set", "epochs=10")
    print(
        f"""
Made in {FOLDER}/:
  sky/                                    what the simulated archive holds and serves; truth/ beside it
  cat/                                    the catalogue: SQL marts, and pixels by tar
  cat/exports/5x127x127_*.hdf5, 5x64x64_*.hdf5   six files to train on; their CSV twins; who was left out and why
  cat/gallery.png, redshifts.png, flow.png       pictures, n(z), the flow chart with its counts
  cat/thumbnails.png, quality.png         galaxies in colour; which pictures to distrust
  cat/morphology.png                      a near galaxy's isophotes, ellipse, Sersic model and residual
  survey/                                 a catalogue of 12,000 rows without pictures, and a trained estimator
  survey/photoz.png                       its photometric redshifts against the spectroscopic ones
  pictures/, photoz/                      simulated galaxies drawn in bulk; estimators without and with their pictures
                                          (2,000 galaxies and a minute are too few for pictures to win: docs/photoz.md)
Try next, in {FOLDER}/cat:
  galaxiesml sql "select object_id, band, picture_reason from pictures where picture_state <> 'present'"
  galaxiesml export hdf5 --split-scheme leak-free --out leak-free
  galaxiesml audit lineage galaxies.specz_redshift
  galaxiesml request cutouts
  galaxiesml status"""
    )


if __name__ == "__main__":
    main()
