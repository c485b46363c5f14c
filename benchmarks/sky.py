"""The simulated sky beside the real one: pixel statistics, photometry, and a picture of both.

    python benchmarks/sky.py SKY                          # tables
    python benchmarks/sky.py SKY --real DATA --png FILE   # and the picture

SKY is a folder that `galaxiesml mock sky` made.  DATA holds real pictures: hsc_grizy_cosmos/hsc_cosmos_35.npz (five
bands, COSMOS, far deeper than Wide) and hsc_galaxies_wide/ (one band, Wide).  Everything is read from the sky's own
tars and exports with astropy; what the truth says is used for the photometry alone.
"""

from __future__ import annotations

import argparse
import io
import tarfile
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.io import fits

BANDS = "grizy"
FRAME = 127
#: Of the released images of 127 x 127 pixels, padded with zeros: mean and standard deviation of all pixels, by band.
RELEASE = {
    "mean": (0.0778, 0.1573, 0.2310, 0.3039, 0.3694),
    "standard deviation": (0.828, 1.442, 1.787, 2.599, 3.140),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sky", type=Path)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--png", type=Path)
    asked = parser.parse_args()
    images = own_images(asked.sky)
    print_statistics(asked.sky, images)
    print_photometry(asked.sky)
    if asked.real and asked.png:
        draw(asked.sky, asked.real, images, asked.png)
        print(f"{asked.png}: {asked.png.stat().st_size / 1000:.0f} kB")


def own_images(sky: Path) -> dict[tuple[int, str], np.ndarray]:
    """(object, band) to the image of its own tract, NaN made 0, of every object that v2 keeps."""
    kept = pd.read_parquet(sky / "truth" / "kept.parquet").query("export == 'export' and version == 'v2'")
    rows = pd.read_parquet(sky / "truth" / "pictures.parquet").query("own_tract and member.notnull()")
    wanted = {
        (row.list, row.member): (row.object_id, row.band)
        for row in rows[rows["object_id"].isin(kept["object_id"])].itertuples()
    }
    found = {}
    for path in sorted((sky / "cutouts").glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key = wanted.get((path.stem, Path(member.name).name))
                image = key and _image(tar.extractfile(member).read())
                if image is not None:
                    found[key] = image
    return found


def _image(data: bytes) -> np.ndarray | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with fits.open(io.BytesIO(data)) as hdus:
                return np.nan_to_num(hdus[1].data.astype(np.float32))
        except (OSError, TypeError, ValueError):
            # A planted file that is cut short.
            return None


def print_statistics(sky: Path, images: dict) -> None:
    """Moments of the padded images; those that are not finite count as 0, as in the release's files."""
    planted = pd.read_parquet(sky / "truth" / "faults.parquet").query("fault == 'bright_star'")["object_id"].tolist()
    print(f"{'':20}" + "".join(f"{band:>9}" for band in BANDS))
    for name, chosen in (("ours", set()), ("without planted stars", set(planted))):
        mean, deviation = [], []
        for band in BANDS:
            some = [image for (number, of), image in images.items() if of == band and number not in chosen]
            total = sum(float(image.sum(dtype=np.float64)) for image in some)
            square = sum(float((image.astype(np.float64) ** 2).sum()) for image in some)
            pixels = len(some) * FRAME**2
            mean.append(total / pixels)
            deviation.append(np.sqrt(square / pixels - mean[-1] ** 2))
        print(f"{len(images) // 5} objects, {name}")
        for what, values in (("mean", mean), ("standard deviation", deviation)):
            print(f"{what:20}" + "".join(f"{value:9.4f}" for value in values))
    print("286,401 objects of the release")
    for what, values in RELEASE.items():
        print(f"{what:20}" + "".join(f"{value:9.4f}" for value in values))


def print_photometry(sky: Path) -> None:
    """Catalogue less true magnitude of galaxies without planted faults, and the same of colours, mag."""
    wide = pd.read_csv(sky / "wide.csv.gz").rename(columns={"# object_id": "object_id"})
    both = wide.drop_duplicates("object_id").merge(
        pd.read_parquet(sky / "truth" / "galaxies.parquet"), on="object_id", suffixes=("", "_true")
    )
    both = both[both["faults"] == ""]
    off = {band: both[f"{band}_cmodel_mag"] - both[f"{band}_mag"] for band in BANDS}
    error = {band: both[f"{band}_cmodel_magsigma"] for band in BANDS}
    for band in BANDS:
        print(f"{band}: {len(both)} objects, {_spread(off[band])}, median error {error[band].median():.4f}")
    for one, two in pairwise(BANDS):
        together = np.hypot(error[one], error[two]).median()
        print(f"{one} - {two}: {_spread(off[one] - off[two])}, median error {together:.4f}")


def _spread(off: pd.Series) -> str:
    width = 1.4826 * (off - off.median()).abs().median()
    return f"median {off.median():+.3f}, width {width:.3f}, beyond 0.2 {100 * (off.abs() > 0.2).mean():.1f} %"


# -- the picture ---------------------------------------------------------------------------------------------


def draw(sky: Path, real: Path, images: dict, out: Path) -> None:
    """Above, gri in colour: the COSMOS scene, then four of ours.  Below, one band: four of Wide, four of ours in i."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    galaxies = pd.read_parquet(sky / "truth" / "galaxies.parquet").query("sources == 1 and not is_star")
    some = galaxies[galaxies["i_mag"].between(18.0, 21.5) & (galaxies["faults"] == "")]
    bright = galaxies[galaxies["i_mag"].between(17.5, 19.5)]["object_id"]
    numbers = [n for n in some["object_id"] if all((n, band) in images for band in "gri")]
    cosmos = np.load(real / "hsc_grizy_cosmos" / "hsc_cosmos_35.npz")["images"]
    wide = [fits.getdata(path) for path in sorted((real / "hsc_galaxies_wide").glob("*.fits"))[:4]]
    figure, axes = plt.subplots(2, 8, figsize=(12, 3.5))
    colour = [("COSMOS, real", cosmos[[2, 1, 0]])]
    colour += [("simulated", np.array([images[n, band][28:92, 28:92] for band in "irg"])) for n in numbers[:7]]
    for axis, (title, three) in zip(axes[0], colour, strict=True):
        axis.imshow(_rgb(three), origin="lower", interpolation="nearest")
        axis.set_title(title, fontsize=8)
    grey = [("Wide, real", picture) for picture in wide]
    grey += [("simulated, i", images[n, "i"][28:92, 28:92]) for n in [n for n in bright if (n, "i") in images][-4:]]
    for axis, (title, picture) in zip(axes[1], grey, strict=True):
        axis.imshow(
            np.arcsinh(picture / 0.08), origin="lower", cmap="gray", vmin=-1.0, vmax=6.0, interpolation="nearest"
        )
        axis.set_title(title, fontsize=8)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.tight_layout(pad=0.3)
    figure.savefig(out, dpi=85, metadata={"Software": None})


def _rgb(three: np.ndarray) -> np.ndarray:
    from astropy.visualization import make_lupton_rgb

    return make_lupton_rgb(*three, minimum=-0.1, stretch=1.0, Q=8)


if __name__ == "__main__":
    main()
