"""Simulate spectra: surveys, names, redshifts and errors, and the positions of the targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galaxiesml.releases.profile import Profile

#: Standard normal and uniform draws for each spectrum.
NORMALS, UNIFORMS = 2, 5
#: Share of spectra that are two, merged by the archive, and of those whose class is not known.
_MERGED, _UNCLASSED = 0.03, 0.03
# Relative number of spectra; the rest share what is left.
_WEIGHTS = {"sdss": 0.52, "primus": 0.16, "vipers": 0.12, "deep": 0.05, "zcosmos": 0.05, "vvds": 0.03}
#: A survey of none of the release's flags.
UNLISTED = -1


@dataclass(frozen=True)
class Surveys:
    """The surveys of a release by number: those of faultless rows, and the others."""

    names: tuple[str, ...]
    columns: tuple[str, ...]
    measured: tuple[int, ...]
    assigned: tuple[int, ...]

    @classmethod
    def of(cls, profile: Profile) -> Surveys:
        kinds = [survey.error for survey in profile.surveys]
        return cls(
            tuple(survey.name for survey in profile.surveys),
            tuple(survey.column for survey in profile.surveys),
            tuple(number for number, kind in enumerate(kinds) if kind == "measured"),
            tuple(number for number, kind in enumerate(kinds) if kind != "measured"),
        )

    def named(self, word: str) -> int:
        """The survey whose name begins with ``word``, else the first measured one."""
        found = [number for number, name in enumerate(self.names) if name.startswith(word)]
        return (found or list(self.measured) or [UNLISTED])[0]


def spectra(
    normal: np.ndarray,
    uniform: np.ndarray,
    number: np.ndarray,
    i_mag: np.ndarray,
    z: np.ndarray,
    surveys: Surveys,
) -> dict[str, np.ndarray]:
    """Faultless spectra of n objects: columns by our names, and the parts of a name (``_survey``,
    ``_second``, ``_number``) and of a position (``_angle``) that :func:`finished` makes columns of.

    Parameters
    ----------
    normal, uniform : ndarray, shape (NORMALS, n), (UNIFORMS, n)
    number : ndarray of int64, shape (n,)
        Numbers that no two spectra share.
    i_mag : ndarray, shape (n,)
        AB magnitude of the object.
    z : ndarray, shape (n,)
        Its true redshift.
    """
    n = len(z)
    # Well below the tightest limit, 0.005 / (1 + z).
    error = np.minimum(1.2e-4 * (1.0 + z) * np.exp(0.6 * normal[0]), 0.004 / (1.0 + z))
    mag = np.round(np.clip(i_mag + 0.05 * normal[1], 12.0, 27.5), 3)
    first = _choose(surveys, uniform[0])
    second = np.where(uniform[1] < _MERGED, _choose(surveys, uniform[2]), UNLISTED)
    columns = {
        "_survey": first,
        "_second": np.where(second == first, UNLISTED, second),
        "_number": number.copy(),
        "_angle": 2.0 * np.pi * uniform[3],
        "d_pos": np.round(np.minimum(0.10 * np.sqrt(-2.0 * np.log1p(-uniform[4])), 0.45), 6),
        "d_mag": np.round(i_mag - mag, 4),
        "specz_redshift": z.copy(),
        "specz_redshift_err": np.round(np.maximum(error, 1e-6), 7),
        "specz_flag_homogeneous": np.ones(n, bool),
        "specz_mag_i": mag,
        # 0 not known, 1 galaxy, 2 quasar, 3 star.
        "_class": np.where(uniform[1] > 1.0 - _UNCLASSED, 0, np.where((z > 1.5) & (i_mag < 22.0), 2, 1)),
    }
    return columns


def _choose(surveys: Surveys, uniform: np.ndarray) -> np.ndarray:
    if not surveys.measured:
        return np.full(len(uniform), UNLISTED)
    weight = np.array(
        [
            next((w for word, w in _WEIGHTS.items() if surveys.names[number].startswith(word)), 0.02)
            for number in surveys.measured
        ]
    )
    edges = np.cumsum(weight)[:-1] / weight.sum()
    return np.array(surveys.measured)[np.searchsorted(edges, uniform, side="right")]


def offset(ra: np.ndarray, dec: np.ndarray, distance: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place ``distance`` arcsec away, deg; right to 5e-6 arcsec for such distances."""
    degrees = distance / 3600.0
    there = np.round(dec + degrees * np.cos(angle), 10)
    return np.round((ra + degrees * np.sin(angle) / np.cos(np.radians(dec))) % 360.0, 10), there


def finished(columns: dict[str, np.ndarray], surveys: Surveys) -> dict:
    """The columns as they are written: names, classes, flags made of their parts; texts are Arrow arrays."""
    import pyarrow as pa

    done = {name: values for name, values in columns.items() if not name.startswith("_")}
    first, second = columns["_survey"], columns["_second"]
    done["specz_name"] = _joined(
        _names(first, columns["_number"], surveys), _names(second, columns["_number"], surveys), second
    )
    done["specz_original_flag"] = _joined(_flags(first, surveys), _flags(second, surveys), second)
    classes = pa.DictionaryArray.from_arrays(
        pa.array(columns["_class"], pa.int8(), mask=columns["_class"] == 0),
        pa.array(["", "GALAXY", "QSO", "STAR"]),
    )
    done["specz_class"] = classes.cast(pa.string())
    for number, column in enumerate(surveys.columns):
        done[column] = (first == number) | (second == number)
    return done


def _names(survey: np.ndarray, number: np.ndarray, surveys: Surveys):
    """As SDSS-DR14-1234."""
    import pyarrow as pa
    import pyarrow.compute as pc

    labels = [*(name.upper().replace("_", "-") for name in surveys.names), "UNLISTED"]
    prefix = pa.array(labels, pa.string()).take(pa.array(survey % len(labels)))
    return pc.binary_join_element_wise(prefix, pa.array(number).cast(pa.string()), "-")


def _flags(survey: np.ndarray, surveys: Surveys):
    """The survey's own word for a good redshift, as far as it matters: not one scale for all."""
    import pyarrow as pa

    words = [
        "0" if name.startswith("sdss") else "3.5" if name.startswith(("vipers", "vvds")) else "4"
        for name in surveys.names
    ]
    return pa.array([*words, "1"], pa.string()).take(pa.array(survey % (len(words) + 1)))


def _joined(first, second, number: np.ndarray):
    """Both with a comma, where there are two."""
    import pyarrow as pa
    import pyarrow.compute as pc

    both = pc.binary_join_element_wise(first, second, ",")
    return pc.if_else(pa.array(number == UNLISTED), first, both)
