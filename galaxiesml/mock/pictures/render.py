"""Draw batches of pictures: light of galaxies, neighbours and stars through PSF and pixels, then noise.

The light of a picture is summed in Fourier space.  A bulge or disc has one shape in all bands: its transform is
computed once and added to five bands with five weights, all pictures of a batch in one matrix product.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from galaxiesml.mock.pictures import plan, profiles, wings
from galaxiesml.mock.pictures.plan import FRAME, Lit, Part, Rows

#: Galaxies that are drawn and given noise together.  The noise is seeded by a batch's number, so that a change of
#: this changes the pictures.
BATCH = 256
#: Values of one array that are worked on together, by device: a processor's are to stay in its cache.
_AT_ONCE = {"cpu": 1_200_000, "cuda": 250_000_000}


@dataclass(frozen=True)
class Camera:
    """What the pictures of a catalogue have in common; band order as in the catalogue.

    Attributes
    ----------
    gain : tuple of float
        Electrons for each count.
    saturated : tuple of float
        Counts at which a pixel is full.
    """

    gain: tuple[float, ...]
    saturated: tuple[float, ...]


@dataclass(frozen=True)
class Drawn:
    """A batch of n pictures, frames of 128 x 128 pixels around the central pixel (64, 64); counts, float32.

    Attributes
    ----------
    frame : Tensor, shape (n, bands, 128, 128)
        What the camera sees: rows northward, columns westward; no NaN.
    taken : Tensor, shape (n, bands, 128, 128)
        The light of neighbours that the deblender takes away, without noise.
    """

    frame: torch.Tensor
    taken: torch.Tensor

    def cropped(self, size: int) -> torch.Tensor:
        """The pictures, shape (n, bands, size, size): 64 pixels are 31 to 94 of 127, as in the release."""
        first = FRAME // 2 - size // 2
        return self.frame[..., first : first + size, first : first + size]


def draw(lit: Lit, camera: Camera, seed: int, number: int, device: str = "cpu", size: int = 64) -> Drawn:
    """Draw one batch with noise.

    Parameters
    ----------
    lit : Lit
    seed, number : int
        Seed of the noise, and the batch's number.  Equal ones give equal noise on one kind of device.
    size : int
        Pixels on a side of the pictures that are wanted.
    """
    both = light(lit, device, size)
    bands = both.shape[1] // 2
    total, taken = both[:, :bands], both[:, bands:]
    return Drawn(_exposed(total, lit, camera, generator(seed, number, device)), taken)


def light(lit: Lit, device: str = "cpu", size: int = 64, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Light without noise.

    Returns
    -------
    Tensor, shape (n, 2 x bands, 128, 128)
        Counts of everything in each band, then of what the deblender takes away.  Exact in the central ``size``
        pixels; further out, light that leaves a frame may enter opposite.
    """
    bands = lit.flux.shape[1]
    out = torch.empty(len(lit), 2 * bands, FRAME, FRAME, device=device, dtype=dtype)
    inner = FRAME // 2 - size // 2
    for part in plan.parts(lit, size, _AT_ONCE["cuda" if device.startswith("cuda") else "cpu"]):
        on, first = profiles.grid(part.side, device, dtype), (part.side - FRAME) // 2
        drawn = _part(part, lit, on)[..., first : first + FRAME, first : first + FRAME]
        smooth = wings.drawn(part, lit, on, size)
        if smooth is not None:
            drawn[..., inner : inner + size, inner : inner + size] += smooth
        out[torch.from_numpy(part.pictures).to(device)] = drawn
    return out


def _part(part: Part, lit: Lit, on: profiles.Grid) -> torch.Tensor:
    """What is on the frames, shape (pictures, 2 x bands, side, side)."""
    put = on.put
    pictures, rows = part.rows.kind.shape
    real, imaginary = _placed(_shapes(part.rows, on), put(part.rows.x), put(part.rows.y), on)
    weights = put(part.weights)
    psf = profiles.sheared(
        *(put(values[part.pictures]) for values in (lit.psf_fwhm / profiles.MOFFAT_WIDTH, lit.psf_g1, lit.psf_g2))
    )
    seen = profiles.moffat(profiles.squared(psf, on)).mul_(on.pixel)
    parts = [torch.bmm(weights, side.view(pictures, rows, -1)) for side in (real, imaginary)]
    parts = [side.view(pictures, 2, -1, *seen.shape[-2:]).mul_(seen[:, None]) for side in parts]
    return on.picture(torch.complex(*parts).flatten(1, 2))


def _shapes(rows: Rows, on: profiles.Grid) -> torch.Tensor:
    """Transforms of stretched profiles, shape (pictures x rows, frequencies); a point is a disc without radius."""
    form = profiles.ellipse(on.put(rows.radius), on.put(rows.ratio), on.put(rows.angle))
    k2 = profiles.squared(form.view(-1, 3), on)
    bulges = torch.from_numpy(np.flatnonzero(rows.kind == 0)).to(k2.device)
    if not len(bulges):
        return profiles.exponential(k2)
    steep = profiles.de_vaucouleurs(k2[bulges])
    return profiles.exponential(k2).index_copy_(0, bulges, steep)


def _placed(shapes: torch.Tensor, x: torch.Tensor, y: torch.Tensor, on: profiles.Grid) -> tuple:
    """Real and imaginary parts of transforms that are moved to their places."""
    rows, columns = profiles.phases(x.view(-1), y.view(-1), on)
    rows, columns = rows[:, :, None], columns[:, None, :]
    cosine = shapes * columns.real
    sine = shapes.mul_(columns.imag)
    real = (cosine * rows.real).addcmul_(sine, rows.imag, value=-1.0)
    return real, cosine.mul_(rows.imag).addcmul_(sine, rows.real)


def _exposed(total: torch.Tensor, lit: Lit, camera: Camera, random: torch.Generator) -> torch.Tensor:
    """What the camera sees of light: noise of the sky and of the light itself, full pixels."""
    device = total.device
    gain, full = (torch.tensor(v, device=device)[:, None, None] for v in (camera.gain, camera.saturated))
    sky = torch.from_numpy(lit.sky_sigma).to(device, torch.float32)[..., None, None]
    noise = torch.randn(total.shape, generator=random, device=device)
    noise.mul_(total.clamp(min=0.0).div_(gain).add_(sky**2).sqrt_())
    return noise.add_(torch.minimum(total, full))


def generator(seed: int, number: int, device: str, what: str = "noise") -> torch.Generator:
    """Random numbers of a batch: the same on the same device for the same seed, batch and use."""
    word = hashlib.sha256(f"{what} {seed} {number}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(word[:8], "big") >> 1)
