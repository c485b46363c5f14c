"""Simulate spectra: the survey that took each, its values, and the archive's table of matches."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from galaxiesml.mock.sky.instrument import generator
from galaxiesml.mock.sky.scene import Group, Scene

_STREAM = 8
#: Of match, arcsec (https://hsc-release.mtk.nao.ac.jp/doc/index.php/dr1_specz/).
MATCH_ARCSEC = 0.5
NO_REDSHIFT, NONE_SECURE = 9.9999, -9.0


@dataclass(frozen=True)
class Survey:
    """A survey that takes spectra.

    Attributes
    ----------
    name : str
        As in the column specz_flag_<name> of the release.
    label : str
        Its prefix in specz_name.
    limits : tuple of float
        i magnitude and redshift, from and to, of its targets.
    weight : float
        How many of such targets are its own, relative to other surveys.
    error : float
        Standard deviation of z / (1 + z); of the assigned ones, what is assigned.
    secure, insecure : tuple of str
        Its own flags for good redshifts and for doubtful ones.
    """

    name: str
    label: str
    limits: tuple[float, float, float, float]
    weight: float
    error: float
    secure: tuple[str, ...]
    insecure: tuple[str, ...]


SURVEYS = (
    Survey("sdss_dr14", "SDSS-DR14", (0.0, 21.5, 0.0, 4.0), 5.0, 7e-5, ("0",), ("4", "16")),
    Survey("gama_dr2", "GAMA-DR2", (0.0, 19.8, 0.0, 0.6), 0.8, 1e-4, ("4", "5"), ("2", "3")),
    Survey("wigglez_dr1", "WIGGLEZ-DR1", (18.0, 22.0, 0.2, 1.1), 0.2, 1e-4, ("4", "5"), ("2", "3")),
    Survey(
        "vipers_pdr1", "VIPERS-PDR1", (18.5, 22.6, 0.4, 1.4), 2.0, 4.7e-4, ("3.5", "4.5", "3.2", "4.4"), ("1.5", "2.2")
    ),
    Survey("vvds", "VVDS", (17.5, 26.0, 0.0, 5.0), 0.5, 9e-4, ("3", "4", "23"), ("1", "2", "9")),
    Survey(
        "zcosmos_dr3", "ZCOSMOS-DR3", (15.0, 22.7, 0.0, 1.3), 0.8, 3.6e-4, ("4.5", "3.5", "3.4", "2.5"), ("1.1", "2.1")
    ),
    Survey("deep3_v201701", "DEEP3-V201701", (18.0, 25.5, 0.0, 2.0), 0.8, 8e-5, ("4",), ("2", "1")),
    Survey("primus_dr1", "PRIMUS-DR1", (17.0, 23.2, 0.0, 1.2), 1.6, 2.5e-3, ("4",), ("2", "3")),
    Survey("udsz_mar2014", "UDSZ-MAR2014", (20.0, 27.0, 0.8, 5.0), 0.2, 6e-4, ("4",), ("2",)),
)
_BY_NAME = {survey.name: survey for survey in SURVEYS}


@dataclass(frozen=True)
class Spectrum:
    """One spectrum as its survey gives it; 9.9999 where it found no redshift."""

    survey: Survey
    number: int
    ra: float
    dec: float
    redshift: float
    error: float
    flag: str
    is_secure: bool
    mag_i: float

    @property
    def name(self) -> str:
        return f"{self.survey.label}-{self.number}"


@dataclass
class Match:
    """A row of the archive's table of matches, but for its object: one spectrum, or several made one."""

    spectra: tuple[Spectrum, ...]
    redshift: float
    error: float
    is_secure: bool
    group: Group = field(repr=False, default=None)

    @property
    def name(self) -> str:
        return ",".join(spectrum.name for spectrum in self.spectra)

    @property
    def flag(self) -> str:
        return ",".join(spectrum.flag for spectrum in self.spectra)


def take_spectra(scene: Scene) -> list[Match]:
    """Every group's spectra, matched as the archive matches them: group by group."""
    matches = []
    for group in scene.groups:
        rng = generator(scene.seed, _STREAM, group.number)
        taken = [_take(scene, group, survey, rng, at) for at, survey in enumerate(_surveys(scene, group, rng))]
        apart = [(one,) for one in taken] if "two_spectra" in group.faults else [tuple(taken)]
        found = [merged(spectra) for spectra in apart]
        for match in found:
            match.group = group
        matches += found
    return matches


def merged(spectra: tuple[Spectrum, ...]) -> Match:
    """Merge the spectra of one object as the archive does.

    None secure: -9.  One secure: that one.  Several: the mean.  A single spectrum stays as it is.
    """
    if len(spectra) == 1:
        one = spectra[0]
        return Match(spectra, one.redshift, one.error, one.is_secure)
    secure = [spectrum for spectrum in spectra if spectrum.is_secure]
    if not secure:
        return Match(spectra, NONE_SECURE, NONE_SECURE, False)
    z = round(float(np.mean([spectrum.redshift for spectrum in secure])), 6)
    return Match(spectra, z, round(float(np.mean([spectrum.error for spectrum in secure])), 7), True)


def _surveys(scene: Scene, group: Group, rng: np.random.Generator) -> list[Survey]:
    """The surveys that took it: by its magnitude and redshift, or as its fault wants."""
    wanted = {
        "none_secure": ("vipers_pdr1", "vvds"),
        "no_redshift": ("vipers_pdr1",),
        "no_specz_mag": ("primus_dr1",),
        "star": ("sdss_dr14",),
    }
    for fault in group.faults:
        if fault in wanted:
            return [_BY_NAME[name] for name in wanted[fault]]
    mag = scene.sources.mag[group.sources[0], 2]
    low = [s for s in SURVEYS if s.limits[0] <= mag <= s.limits[1] and s.limits[2] <= group.redshift <= s.limits[3]]
    low = low or [_BY_NAME["vvds"]]
    weight = np.array([survey.weight for survey in low])
    first = low[int(rng.choice(len(low), p=weight / weight.sum()))]
    if not {"merged_spectra", "two_spectra"} & set(group.faults):
        return [first]
    # A survey with measured errors, beside any.
    return [first, _BY_NAME["deep3_v201701" if first.name != "deep3_v201701" else "vvds"]]


def _take(scene: Scene, group: Group, survey: Survey, rng: np.random.Generator, at: int) -> Spectrum:
    faults = set(group.faults)
    is_secure = not faults & {"insecure", "none_secure", "no_redshift"}
    flags = survey.secure if is_secure else survey.insecure
    flag = str(flags[int(rng.integers(len(flags)))])
    spread = 5e-5 if survey.name in ("gama_dr2", "wigglez_dr1") else survey.error
    error = survey.error * (1.0 + group.redshift) * (0.03 / survey.error if "wide_error" in faults else 1.0)
    z = group.redshift + spread * (1.0 + group.redshift) * float(rng.standard_normal())
    if "no_redshift" in faults:
        z, flag = NO_REDSHIFT, "0"
    # A fibre is put where an older catalogue had the galaxy.
    offset = rng.standard_normal(2) * 0.06 / 3600.0
    ra = group.ra + float(np.clip(offset[0], -4e-5, 4e-5)) / np.cos(np.radians(group.dec))
    dec = group.dec + float(np.clip(offset[1], -4e-5, 4e-5))
    mag = (
        -1.0
        if "no_specz_mag" in faults
        else round(float(scene.sources.mag[group.sources[0], 2] + rng.normal(0, 0.04)), 3)
    )
    number = _number(survey, group.number, at)
    return Spectrum(
        survey, number, round(float(ra), 7), round(dec, 7), round(z, 5), round(error, 7), flag, is_secure, mag
    )


def _number(survey: Survey, group: int, at: int) -> int:
    """Numbers of the length that the survey's own have."""
    first = {"sdss_dr14": 10**17, "vipers_pdr1": 101_000_000, "zcosmos_dr3": 800_000, "deep3_v201701": 12_000_000}
    return first.get(survey.name, 200_000) + 7 * group + at
