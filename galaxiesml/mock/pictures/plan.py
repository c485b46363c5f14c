"""Which profiles make up each picture, how large a frame each needs, and what is drawn together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.pictures.profiles import DE_VAUCOULEURS_B, EXPONENTIAL_HALF_LIGHT, MOFFAT_WIDTH

#: Pixels on a side of the frame that is kept.
FRAME = 128
#: Pixels on a side of the periodic frames that are drawn on, by the pictures' size.  Sources whose centres are outside
#: are drawn by their wings alone.
SIDES = {64: (128, 256, 512), 127: (192, 384, 768)}
#: Light of bulges and discs that is drawn or taken away by their wings, over the galaxy's, above which a picture gets
#: a larger frame: wings are right to some per cent.
MOST_WINGS = 0.5
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
    side : int
        Pixels on a side of the frame.
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

    side: int
    pictures: np.ndarray
    rows: Rows
    weights: np.ndarray
    spilling: tuple[np.ndarray, np.ndarray]
    far: Rows
    far_picture: np.ndarray
    far_weights: np.ndarray


@dataclass(frozen=True)
class _Profiles:
    """All profiles of a batch in the order of their sources: source, kind and counts (rows, bands) of each."""

    lit: Lit
    source: np.ndarray
    kind: np.ndarray
    counts: np.ndarray

    @cached_property
    def picture(self) -> np.ndarray:
        return self.lit.picture[self.source]

    @cached_property
    def away(self) -> np.ndarray:
        """Pixels from the centre along columns or rows, whichever is more."""
        return np.maximum(np.abs(self.lit.x), np.abs(self.lit.y))[self.source]

    @cached_property
    def share(self) -> np.ndarray:
        """Light over that of the picture's galaxy, in the band where it is most."""
        galaxy = np.searchsorted(self.lit.picture, np.arange(len(self.lit)))
        return (self.counts / self.lit.flux[galaxy][self.picture]).max(axis=1)

    def extended_beyond(self, gap: np.ndarray) -> np.ndarray:
        """Share of a bulge's or a disc's light beyond a gap in pixels."""
        gap = np.maximum(gap, 0.0) * PIXEL_SCALE_ARCSEC
        bulge, disc = (gap / radius[self.source] for radius in (self.lit.bulge_radius, self.lit.disc_radius))
        return np.choose(self.kind, [bulge_tail(bulge), disc_tail(disc), 0.0])

    def blurred_beyond(self, gap: np.ndarray) -> np.ndarray:
        """The same of a point: beyond a radius of a Moffat profile of exponent 2.5."""
        fwhm = self.lit.psf_fwhm[self.picture].max(axis=1)
        return (1.0 + (np.maximum(gap, 0.0) * PIXEL_SCALE_ARCSEC * MOFFAT_WIDTH / fwhm) ** 2) ** -1.5

    def sides(self, size: int) -> np.ndarray:
        """Pixels on a side of the frame that each picture needs."""
        found = np.full(len(self.lit), SIDES[size][0])
        for small, large in pairwise(SIDES[size]):
            # How near the edge of the picture a source outside of the frame is, or the copy of one inside.
            gap = np.where(self.away > small / 2.0, self.away, small - self.away) - size / 2.0
            trouble = self.extended_beyond(gap) * self.share * np.where(self.kind == 0, 0.1, 1.0)
            wings = np.bincount(self.picture, trouble, len(found))
            found[(found == small) & (wings > MOST_WINGS)] = large
        return found


def parts(lit: Lit, size: int, at_once: int) -> Iterator[Part]:
    """Divide pictures into parts of one frame size and with similar numbers of rows.

    Parameters
    ----------
    size : int
        Pixels on a side of the picture within which the light is to be right: 64 or 127.
    at_once : int
        Frequencies times rows that are worked on together; one picture at least.
    """
    of = _Profiles(lit, *_rows(lit))
    sides = of.sides(size)
    is_far = of.away > sides[of.picture] / 2.0
    gap = sides[of.picture] - of.away - size / 2.0
    spills = np.maximum(of.extended_beyond(gap), of.blurred_beyond(gap)) * of.share > SPILL
    number = np.bincount(of.picture[~is_far], minlength=len(lit))
    order = np.lexsort((number, sides))
    at = 0
    while at < len(order):
        side = sides[order[at]]
        room = at_once // (side**2 * 9 // 8)
        # Numbers rise: the last picture has the most.
        last = at + 1
        while last < len(order) and sides[order[last]] == side and (last + 1 - at) * number[order[last]] <= room:
            last += 1
        yield _part(of, int(side), order[at:last], number, is_far, spills)
        at = last


def _part(of: _Profiles, side: int, chosen: np.ndarray, number, is_far, spills) -> Part:
    near, far = np.flatnonzero(~is_far), np.flatnonzero(is_far)
    start = np.concatenate([[0], np.cumsum(number)[:-1]])[chosen]
    place = np.arange(max(int(number[chosen].max()), 1))
    is_used = place < number[chosen][:, None]
    row = near[np.where(is_used, start[:, None] + place, 0)]
    places = np.full(len(of.lit), -1)
    places[chosen] = np.arange(len(chosen))
    far = far[places[of.picture[far]] >= 0]
    return Part(
        side,
        chosen,
        _described(of.lit, of.source[row], np.where(is_used, of.kind[row], 2)),
        np.where(is_used[..., None], _weights(of, row), 0.0).swapaxes(1, 2),
        np.nonzero(spills[row] & is_used),
        _described(of.lit, of.source[far], of.kind[far]),
        places[of.picture[far]],
        _weights(of, far),
    )


def _weights(of: _Profiles, row: np.ndarray) -> np.ndarray:
    counts = of.counts[row]
    return np.concatenate([counts, counts * of.lit.subtracted[of.source[row]][..., None]], -1)


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


def bulge_tail(radius: np.ndarray) -> np.ndarray:
    """Share of a de Vaucouleurs profile's light beyond a radius in units of its half-light radius."""
    return np.interp(-DE_VAUCOULEURS_B * radius**0.25, -_X, _TAIL)


def disc_tail(radius: np.ndarray) -> np.ndarray:
    """The same of an exponential disc."""
    x = EXPONENTIAL_HALF_LIGHT * radius
    return (1.0 + x) * np.exp(-x)
