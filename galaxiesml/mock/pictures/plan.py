"""Which profiles make up each picture, how large a frame each needs, and what is drawn together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.pictures.profiles import DE_VAUCOULEURS_B, EXPONENTIAL_HALF_LIGHT, MOFFAT_WIDTH

#: Pixels on a side of the frame that is kept.
FRAME = 128
#: Pixels on a side of the periodic frame that is drawn on, by the pictures' size.  Sources whose centres are outside
#: are drawn by their wings alone.
SIDES = {64: 128, 127: 192}
#: A part of a source's light that is below this in each band, in units of a pixel's noise, is drawn with its larger
#: part's shape: its own would differ by a hundredth of the noise.
UNSEEN = 0.25
#: Light that leaves the frame and enters opposite is taken away where it may be above this share of the galaxy's.
SPILL = 3e-4
#: Share of the light beyond a radius, falling, by b (r / r_half) ** (1 / 4).
_X = np.linspace(60.0, 0.0, 1201)
_TAIL = np.exp(-_X) * sum(_X**k / np.prod(np.arange(1.0, k + 1)) for k in range(8))


@dataclass(frozen=True)
class Lit:
    """n pictures and the m sources in them; float64, bands as in the catalogue, no NaN.

    Attributes
    ----------
    picture : ndarray of int64, shape (m,)
        The picture that each source is in, rising; the first source of each picture is its galaxy.
    x, y : ndarray, shape (m,)
        Pixels from the centre of the central pixel, along columns and rows.
    flux : ndarray, shape (m, bands)
        Counts at zero point 27.
    bulge, point : ndarray, shape (m, bands)
        Shares of the light; the disc has the rest.
    bulge_radius, disc_radius : ndarray, shape (m,)
        Half-light radii along the major axis, arcsec.
    bulge_ratio, disc_ratio : ndarray, shape (m,)
    angle : ndarray, shape (m,)
        Of the major axis, from north through east, deg.
    subtracted : ndarray, shape (m,)
        Share of the light that the deblender takes away; 0 for the galaxies themselves.
    psf_fwhm, psf_g1, psf_g2, sky_sigma : ndarray, shape (n, bands)
        arcsec; shear along pixel axes; counts a pixel.
    """

    picture: np.ndarray
    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    bulge: np.ndarray
    point: np.ndarray
    bulge_radius: np.ndarray
    disc_radius: np.ndarray
    bulge_ratio: np.ndarray
    disc_ratio: np.ndarray
    angle: np.ndarray
    subtracted: np.ndarray
    psf_fwhm: np.ndarray
    psf_g1: np.ndarray
    psf_g2: np.ndarray
    sky_sigma: np.ndarray

    def __len__(self) -> int:
        return len(self.sky_sigma)


@dataclass(frozen=True)
class Rows:
    """Bulges (kind 0), discs (1) and points (2), one a row; arrays of one shape.

    Attributes
    ----------
    kind : ndarray of int64
    radius, ratio, angle, x, y : ndarray
        As in `Lit`; the radius of a point is 0.
    """

    kind: np.ndarray
    radius: np.ndarray
    ratio: np.ndarray
    angle: np.ndarray
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Part:
    """p pictures that are drawn together.

    Attributes
    ----------
    pictures : ndarray of int64, shape (p,)
    rows : Rows
        Of shape (p, most rows of a picture): what is drawn on the frame.  Unused ones weigh 0.
    weights : ndarray, shape (p, 2 x bands, most)
        Counts of each row in each band, then what the deblender takes away of them.
    spilling : tuple of ndarray of int64
        Indices into ``rows``, picture and row: what may leave the frame and enter opposite.
    far : Rows
        Of shape (f,): what is outside the frame, drawn by its wings.
    far_picture : ndarray of int64, shape (f,)
        Index into ``pictures``.
    far_weights : ndarray, shape (f, 2 x bands)
    """

    pictures: np.ndarray
    rows: Rows
    weights: np.ndarray
    spilling: tuple[np.ndarray, np.ndarray]
    far: Rows
    far_picture: np.ndarray
    far_weights: np.ndarray


def parts(lit: Lit, size: int, at_once: int) -> Iterator[Part]:
    """Divide pictures into parts of pictures with similar numbers of rows.

    Parameters
    ----------
    size : int
        Pixels on a side of the picture within which the light is to be right: 64 or 127.
    at_once : int
        Frequencies times rows that are worked on together; one picture at least.
    """
    source, kind, counts = _rows(lit)
    picture = lit.picture[source]
    away = np.maximum(np.abs(lit.x), np.abs(lit.y))[source]
    is_far = away > SIDES[size] / 2.0
    spills = _spills(lit, source, kind, counts, SIDES[size] - size / 2.0 - away) & ~is_far
    near, far = np.flatnonzero(~is_far), np.flatnonzero(is_far)
    number = np.bincount(picture[near], minlength=len(lit))
    start = np.concatenate([[0], np.cumsum(number)[:-1]])
    order = np.argsort(number, kind="stable")
    room = at_once // (SIDES[size] ** 2 * 9 // 8)
    at = 0
    while at < len(order):
        # Numbers rise: the last picture has the most.
        last = at + 1
        while last < len(order) and (last + 1 - at) * number[order[last]] <= room:
            last += 1
        chosen = order[at:last]
        place = np.arange(max(int(number[chosen].max()), 1))
        is_used = place < number[chosen][:, None]
        row = near[np.where(is_used, start[chosen][:, None] + place, 0)]
        weights = np.where(is_used[..., None], _weights(lit, source, counts, row), 0.0).swapaxes(1, 2)
        spilling = np.nonzero(spills[row] & is_used)
        places = np.full(len(lit), -1)
        places[chosen] = np.arange(len(chosen))
        of_far = far[places[picture[far]] >= 0]
        yield Part(
            chosen,
            _described(lit, source[row], np.where(is_used, kind[row], 2)),
            weights,
            spilling,
            _described(lit, source[of_far], kind[of_far]),
            places[picture[of_far]],
            _weights(lit, source, counts, of_far),
        )
        at = last


def _weights(lit: Lit, source, counts, row) -> np.ndarray:
    return np.concatenate([counts[row], counts[row] * lit.subtracted[source[row]][..., None]], -1)


def _described(lit: Lit, source: np.ndarray, kind: np.ndarray) -> Rows:
    return Rows(
        kind,
        np.choose(kind, [lit.bulge_radius[source], lit.disc_radius[source], 0.0]),
        np.choose(kind, [lit.bulge_ratio[source], lit.disc_ratio[source], 1.0]),
        np.where(kind == 2, 0.0, lit.angle[source]),
        lit.x[source],
        lit.y[source],
    )


def _rows(lit: Lit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bulges, discs and points that are drawn.

    Returns
    -------
    source, kind : ndarray of int64, shape (rows,)
        In the order of the sources; kind is 0, 1 or 2.
    counts : ndarray, shape (rows, bands)
    """
    shares = np.stack([lit.bulge, 1.0 - lit.bulge - lit.point, lit.point], 1)
    shares[np.abs(shares) < 1e-9] = 0.0
    counts = shares * lit.flux[:, None]
    is_seen = (counts > UNSEEN * lit.sky_sigma[lit.picture][:, None]).any(-1)
    most = counts.sum(-1).argmax(1)
    everyone = np.arange(len(most))
    is_seen[everyone, most] = True
    # What has no row of its own goes to the largest part.
    counts[everyone, most] += np.where(is_seen[..., None], 0.0, counts).sum(1)
    source, kind = np.nonzero(is_seen)
    return source, kind, counts[source, kind]


def _spills(lit: Lit, source, kind, counts, gap) -> np.ndarray:
    """Whether light of a row beyond a gap in pixels matters beside the galaxy of the picture."""
    of_galaxy = lit.flux[np.searchsorted(lit.picture, np.arange(len(lit)))]
    picture = lit.picture[source]
    share = (counts / of_galaxy[picture]).max(axis=1)
    gap = np.maximum(gap, 0.0) * PIXEL_SCALE_ARCSEC
    beyond = np.choose(
        kind, [bulge_tail(gap / lit.bulge_radius[source]), disc_tail(gap / lit.disc_radius[source]), 0.0]
    )
    # Light beyond a radius of a Moffat profile of exponent 2.5.
    psf = (1.0 + (gap * MOFFAT_WIDTH / lit.psf_fwhm[picture].max(axis=1)) ** 2) ** -1.5
    return np.maximum(beyond, psf) * share > SPILL


def bulge_tail(radius: np.ndarray) -> np.ndarray:
    """Share of a de Vaucouleurs profile's light beyond a radius in units of its half-light radius."""
    return np.interp(-DE_VAUCOULEURS_B * radius**0.25, -_X, _TAIL)


def disc_tail(radius: np.ndarray) -> np.ndarray:
    """The same of an exponential disc."""
    x = EXPONENTIAL_HALF_LIGHT * radius
    return (1.0 + x) * np.exp(-x)
