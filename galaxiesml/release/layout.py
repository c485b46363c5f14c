"""The released HDF5 layout: its keys, their shapes and types, and which of these are assumptions.

The release's files have 89 keys: the image, 22 of the catalogue, twelve of morphology in each filter and six left
over from a merge.  Their names and the shapes of texts are published, other types are not.  The attribute
``dtype_assumed`` of each dataset states whether its type is our assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

from galaxiesml.dictionary import Column, columns
from galaxiesml.releases.profile import Profile
from galaxiesml.samples.morphology import ALIAS

#: Keys of the catalogue as the release has them, {band} written out for each filter.
_CATALOGUE = (
    *("coord", "dec", "object_id", "ra", "skymap_id", "specz_dec", "specz_flag_homogeneous", "specz_mag_i"),
    *("specz_name", "specz_ra", "specz_redshift", "specz_redshift_err", "{band}_cmodel_mag", "{band}_cmodel_magsigma"),
)
#: Keys of morphology without their filter: unit, and what each is.
_MORPHOLOGY = {
    "central_image_pop_5px_rad": ("", "Objects detected within 5 pixels of the picture's middle."),
    "central_image_pop_10px_rad": ("", "Objects detected within 10 pixels of the picture's middle."),
    "central_image_pop_15px_rad": ("", "Objects detected within 15 pixels of the picture's middle."),
    "ellipticity": ("", "1 - minor axis / major axis."),
    "half_light_radius": ("pixel", "Radius that holds half of the flux, FLUX_RADIUS."),
    "isophotal_area": ("pixel2", "Area above the detection threshold, ISOAREA_IMAGE."),
    "major_axis": ("pixel", "Second-moment semi-major axis, A_IMAGE."),
    "minor_axis": ("pixel", "Second-moment semi-minor axis, B_IMAGE."),
    "peak_surface_brightness": ("mag.arcsec-2", "MU_MAX at zero point 0: negative, not calibrated."),
    "petro_rad": ("", "Petrosian radius in units of the major axis, PETRO_RADIUS."),
    "pos_angle": ("deg", "Angle of the major axis from the columns' axis, THETA_IMAGE."),
    "sersic_index": ("", "Index of the Sersic profile, SPHEROID_SERSICN."),
}
_LEFTOVER = ("x_coord", "y_coord", "x_coord_x", "x_coord_y", "y_coord_x", "y_coord_y")
_TYPES = {"bigint": "<i8", "double": "<f8", "boolean": "?", "text": "S"}
#: Values used for NULL in types without NaN.
NULLS = {"<i8": -1, "?": False, "S": b""}


@dataclass(frozen=True)
class Key:
    """One dataset of the file.

    Attributes
    ----------
    name : str
    tail : tuple of int
        Its shape after the number of galaxies.
    dtype : str
        As NumPy writes it; 'S' alone is a byte string as long as the longest text of the version.
    source : str
        'image', 'catalogue', or 'morphology'.
    is_assumed : bool
        Whether the release's own type is not known.
    unit, description : str
    """

    name: str
    tail: tuple[int, ...]
    dtype: str
    source: str
    is_assumed: bool
    unit: str = ""
    description: str = ""


def keys(profile: Profile, size: int, *, leftovers: bool = False, extra: bool = False) -> list[Key]:
    """Every key of a file, in alphabetical order.

    Parameters
    ----------
    size : int
        Pixels on a side of the image.
    leftovers : bool
        With the six that a merge left in the release.
    extra : bool
        With {band}_detected and {band}_total_galaxies, which the paper's Table 1 has and the files have not.
    """
    bands = list(profile.bands)
    about = columns(profile.bands)
    made = [Key("image", (len(bands), size, size), "<f4", "image", False, "", _image_words(profile))]
    for pattern in _CATALOGUE:
        names = [pattern.replace("{band}", band) for band in bands] if "{band}" in pattern else [pattern]
        made += [_catalogue_key(about[name]) for name in names]
    for band in bands:
        for name, (unit, words) in _MORPHOLOGY.items():
            made.append(Key(f"{band}_{name}", (), "<f8", "morphology", True, unit, f"{words} In {band}."))
    if leftovers:
        words = "Left over from a merge of the release's tables; 0 here."
        made += [Key(name, (2,), "<f8", "morphology", True, "pixel", words) for name in _LEFTOVER]
    if extra:
        for band in bands:
            made.append(Key(f"{band}_detected", (), "?", "morphology", True, "", f"Whether {band} shows the galaxy."))
            words = f"Objects detected in the whole picture in {band}."
            made.append(Key(f"{band}_total_galaxies", (), "<f8", "morphology", True, "", words))
    return sorted(made, key=lambda key: key.name)


def _catalogue_key(column: Column) -> Key:
    dtype = _TYPES[column.type]
    is_text = dtype == "S"
    known = is_text or column.name == "object_id"
    return Key(column.name, (1,) if is_text else (), dtype, "catalogue", not known, column.unit, column.description)


def _image_words(profile: Profile) -> str:
    zero = profile.instrument.zero_point_mag
    counts = "counts" if zero is None else f"counts at zero point {zero!r}"
    return (
        f"Pictures, axes (galaxy, filter {', '.join(profile.bands)}, row, column), {counts}; a picture of n "
        "pixels on an axis has floor((127 - n) / 2) zeros before it, the 64-pixel picture is 31 to 94 of that."
    )


def in_sql(key: Key, fill: float, measured: bool) -> str:
    """One key as SQL, of the catalogue or of morphology.

    Parameters
    ----------
    fill : float
        What morphology holds where nothing was detected; counts and flags of Table 1 hold 0 and False.
    measured : bool
        Whether the build holds measurements.
    """
    if key.source == "catalogue":
        return f'galaxies."{key.name}"'
    is_flag, is_count = key.dtype == "?", key.name.endswith("_total_galaxies")
    none = "false" if is_flag else f"cast('{0.0 if is_count else fill}' as double)"
    # The leftovers of a merge are nobody's measurement.
    if not measured or key.tail:
        return f'{none} as "{key.name}"'
    return f'coalesce({ALIAS}."{key.name}", {none}) as "{key.name}"'
