"""The scene: the positions of galaxies, stars and detector marks, and their catalogue entries."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from galaxiesml.mock.sky.galaxies import groups as clustered
from galaxiesml.mock.sky.galaxies import population
from galaxiesml.mock.sky.galaxies.sources import Sources, cells_near, joined, of_cell, of_galaxies, of_stars
from galaxiesml.mock.sky.instrument import BANDS, generator
from galaxiesml.mock.sky.survey import places
from galaxiesml.mock.sky.survey.coverage import Coverage
from galaxiesml.mock.sky.survey.faults import FAULTS, Fault
from galaxiesml.mock.sky.survey.tracts import holding, object_id, patch_of, tract

_PLACING, _SERIALS, _GROUPS = 0, 1, 9
#: Every so many galaxies, each fault comes once more.
_GALAXIES_A_COPY = 300
#: Least distance between two groups, deg: each has its centre to itself.
_APART_DEG = 4.0 / 3600.0
#: How near a target no field star is brighter than this, deg and i magnitude.
_STAR_DEG, _STAR_MAG = 12.0 / 3600.0, 16.0


@dataclass(frozen=True)
class Entry:
    """An object of the catalogue: a detection in one tract.

    Attributes
    ----------
    members : tuple of int
        The sources whose light it is: of a blend's parent, several.
    """

    object_id: int
    ra: float
    dec: float
    tract: int
    patch: tuple[int, int]
    members: tuple[int, ...]
    parent_id: int = 0
    nchild: int = 0
    is_primary: bool = True


@dataclass(frozen=True)
class Mark:
    """Something that happened to the detector at a pixel of a tract, in one band."""

    kind: str
    tract: int
    band: int
    x: float
    y: float


@dataclass
class Group:
    """One target of a spectrograph: its sources, the target first, and its objects."""

    number: int
    ra: float
    dec: float
    redshift: float
    sources: tuple[int, ...]
    faults: tuple[str, ...] = ()
    entries: list[Entry] = field(default_factory=list)


@dataclass
class Scene:
    """Everything that is not in the cells of the field."""

    seed: int
    coverage: Coverage
    sources: Sources
    groups: list[Group]
    marks: list[Mark]
    is_noise_correlated: bool = False


def make_scene(galaxies: int, seed: int, is_noise_correlated: bool) -> Scene:
    """Choose and place everything.

    Parameters
    ----------
    galaxies : int
        Number of clean galaxies; objects with faults of the catalogue are added.
    """
    rng = generator(seed, _PLACING)
    coverage = places.coverage_for(galaxies)
    planted = [fault for fault in FAULTS for _ in range(max(1, round(galaxies / _GALAXIES_A_COPY)))]
    carried = [fault for fault in planted if not fault.is_extra]
    extra = [fault for fault in planted if fault.is_extra]
    assigned: list[Fault | None] = [*carried, *[None] * (galaxies - len(carried)), *extra]
    drawn = population.spectroscopic(len(assigned), rng)
    drawn = _faintest_last(drawn, assigned)
    maker = _Maker(seed, coverage, rng)
    for number, fault in enumerate(assigned):
        maker.place(number, float(drawn.redshift[number]), fault, drawn.mag[number])
    named = of_galaxies(drawn, [group.ra for group in maker.groups], [group.dec for group in maker.groups])
    sources = joined([maker.with_companions(named), _group_members(drawn, named, generator(seed, _GROUPS))])
    groups = sorted(maker.groups, key=lambda group: (places.own_tract(group.ra, group.dec), group.ra, group.number))
    _list_entries(groups, sources, generator(seed, _SERIALS))
    return Scene(seed, coverage, sources, groups, maker.marks, is_noise_correlated)


def _faintest_last(drawn, assigned):
    """Rows in another order: the fault 'buried' wants the faintest of them."""
    order = np.arange(len(assigned))
    wanted = [number for number, fault in enumerate(assigned) if fault is not None and fault.name == "buried"]
    faintest = np.argsort(drawn.mag[:, 2], kind="stable")[::-1]
    for want, faint in zip(wanted, faintest, strict=False):
        at = int(np.flatnonzero(order == faint)[0])
        order[[want, at]] = order[[at, want]]
    return replace(drawn, **{name: np.asarray(values)[order] for name, values in vars(drawn).items()})


def _group_members(drawn, named: Sources, rng: np.random.Generator) -> Sources:
    """Galaxies of the targets' own groups, round them."""
    found = clustered.members(drawn, rng)
    dec = named.dec[found.target] + found.north / 3600.0
    ra = named.ra[found.target] + found.east / 3600.0 / np.cos(np.radians(dec))
    return of_galaxies(found.galaxies, ra, dec)


class _Maker:
    """Places targets one after another, with what their faults bring along."""

    def __init__(self, seed: int, coverage: Coverage, rng: np.random.Generator):
        self.seed, self.coverage, self.rng = seed, coverage, rng
        self.groups: list[Group] = []
        self.marks: list[Mark] = []
        self.companions: list[tuple[int, str, float, float, np.ndarray]] = []
        self.taken: dict[tuple[int, int], list[tuple[float, float]]] = {}

    def place(self, number: int, redshift: float, fault: Fault | None, mag: np.ndarray) -> None:
        name = "" if fault is None else fault.name
        ra, dec = self._free(fault.place if fault else "anywhere")
        self.groups.append(Group(number, ra, dec, redshift, (number,), (name,) if name else ()))
        own = tract(places.own_tract(ra, dec))
        x, y = own.pixels(ra, dec)
        if name in ("cosmic_ray", "bad_column", "chip_edge", "nan_pixels"):
            x = x + 25.0 if name == "nan_pixels" else x
            self.marks.append(Mark(name, own.number, BANDS.index(fault.bands), float(x), float(y)))
        star = {"bright_star": (7.0, 15.8), "saturated": (0.8, 14.0), "buried": (0.9, 18.6)}.get(name)
        if star:
            self._companion(number, "star", star[0], np.full(5, star[1]) + np.array([0.9, 0.3, 0.0, -0.1, -0.2]))
        if name == "blend":
            self._companion(number, "galaxy", 0.42, mag + 0.5)

    def _free(self, place: str) -> tuple[float, float]:
        while True:
            ra, dec = places.position(place, self.coverage, self.rng)
            if place == "anywhere" and self._is_by_a_bright_star(ra, dec):
                continue
            cell = (int(ra // 0.01), int(dec // 0.01))
            near = [p for i in (-1, 0, 1) for j in (-1, 0, 1) for p in self.taken.get((cell[0] + i, cell[1] + j), [])]
            if all(np.hypot(ra - other[0], dec - other[1]) > _APART_DEG for other in near):
                self.taken.setdefault(cell, []).append((ra, dec))
                return ra, dec

    def _is_by_a_bright_star(self, ra: float, dec: float) -> bool:
        """Spectroscopic surveys take no target next to one: their masks leave out what its light spoils."""
        for cell in cells_near(ra, dec, _STAR_DEG):
            near = of_cell(self.seed, *cell)
            near = near.at(near.near(ra, dec, _STAR_DEG))
            if (near.is_star & (near.mag[:, 2] < _STAR_MAG)).any():
                return True
        return False

    def _companion(self, number: int, kind: str, arcsec: float, mag: np.ndarray) -> None:
        group = self.groups[number]
        angle = 2.0 * np.pi * self.rng.random()
        ra = group.ra + arcsec / 3600.0 * np.sin(angle) / np.cos(np.radians(group.dec))
        self.companions.append((number, kind, float(ra), group.dec + arcsec / 3600.0 * np.cos(angle), mag))

    def with_companions(self, named: Sources) -> Sources:
        """The targets, then their companions; a target that is to be a star becomes one."""
        parts = [named]
        for at, (number, kind, ra, dec, mag) in enumerate(self.companions):
            if kind == "star":
                parts.append(of_stars(mag[None], [ra], [dec]))
            else:
                twin = named.at(np.array([number]))
                parts.append(replace(twin, ra=np.array([ra]), dec=np.array([dec]), mag=mag[None]))
                self.groups[number].sources = (number, len(named) + at)
        sources = joined(parts)
        for group in self.groups:
            if "star" in group.faults:
                sources.is_star[group.number] = True
                group.redshift = round(2e-4 * float(self.rng.standard_normal()), 6)
        return sources


def _list_entries(groups: list[Group], sources: Sources, rng: np.random.Generator) -> None:
    """The catalogue's objects of each group, numbered within tract and patch."""
    serials: dict[tuple, int] = {}

    def entry(number: int, ra: float, dec: float, members: tuple[int, ...], **more) -> Entry:
        patch = patch_of(*tract(number).pixels(ra, dec))
        serials[number, patch] = serials.get((number, patch), 1000) + int(rng.integers(1, 60))
        identifier = object_id(number, patch, serials[number, patch])
        return Entry(identifier, round(ra, 9), round(dec, 9), number, patch, members, **more)

    for group in groups:
        number = places.own_tract(group.ra, group.dec)
        # A detection lies some hundredths of an arcsecond off.
        off = rng.standard_normal(4) * 0.015 / 3600.0
        if "blend" in group.faults:
            light = 10.0 ** (-0.4 * sources.mag[list(group.sources), 2])
            middle = [
                float((np.array(v)[list(group.sources)] * light).sum() / light.sum()) for v in (sources.ra, sources.dec)
            ]
            parent = entry(number, *middle, group.sources, nchild=len(group.sources), is_primary=False)
            group.entries.append(parent)
            for source in group.sources:
                where = float(sources.ra[source]), float(sources.dec[source])
                group.entries.append(entry(number, *where, (source,), parent_id=parent.object_id))
            continue
        group.entries.append(entry(number, group.ra + off[0], group.dec + off[1], group.sources[:1]))
        if "overlap_repeat" in group.faults:
            other = next(one.number for one in holding(group.ra, group.dec) if one.number != number)
            where = group.ra + off[2], group.dec + off[3]
            group.entries.append(entry(other, *where, group.sources[:1], is_primary=False))
        elif "truncated" in group.faults:
            # Found in the patch above, which reaches 100 pixels into the one that is lacking.
            first = group.entries[0]
            patch = (first.patch[0], first.patch[1] + 1)
            serials[number, patch] = serials.get((number, patch), 1000) + 1
            identifier = object_id(number, patch, serials[number, patch])
            group.entries[0] = replace(first, object_id=identifier, patch=patch, is_primary=False)
