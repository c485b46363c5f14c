"""Read the headers of a FITS cutout in memory and find its layers, without copying.

HSC's service sends a primary header and then image, mask and variance, in this order and without names; a layer that
was not requested is an HDU without data.  Other surveys have their own order.  astropy reads such a file in 2.4 ms;
this module takes a twentieth of that for what is needed, and tests compare the two card by card.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import numpy as np

from galaxiesml.cutouts.refusal import Refused

BLOCK = 2880
CARD = 80
#: Headers longer than this are no cutout's.
MAX_CARDS = 20_000
#: The BITPIX that each layer may have, that of HSC's service first.
BITS = {"image": (-32,), "mask": (32, 16, 8), "variance": (-32,)}
#: Masks are bits, not numbers: the shorter types are read without a sign, so that none is copied into higher bits.
DTYPES = {-32: np.dtype(">f4"), -64: np.dtype(">f8"), 32: np.dtype(">i4"), 16: np.dtype(">u2"), 8: np.dtype("u1")}
_VALUE = re.compile(r"\s*(?:'((?:[^']|'')*)'|([^/\s][^/]*?))?\s*(?:/.*)?$", re.DOTALL)


class BadFits(Refused):
    """The bytes are not a cutout; the message says why, without the file's name."""


@dataclass(frozen=True)
class Layer:
    """The position of a layer's pixels in the bytes of the file.

    Attributes
    ----------
    shape : tuple of int
        (rows, columns): FITS's NAXIS2, NAXIS1.
    start : int
        Byte of the first pixel; they are big-endian, row by row.
    flip : int
        Bits of a mask that its file has the other way round: the highest one, where BZERO makes it unsigned.
    """

    shape: tuple[int, int]
    start: int
    dtype: np.dtype
    flip: int = 0

    def pixels(self, data) -> np.ndarray:
        """The pixels as a view of the file's bytes, big-endian; only pixels that BZERO shifts are copied."""
        found = np.frombuffer(data, self.dtype, self.shape[0] * self.shape[1], self.start).reshape(self.shape)
        if not self.flip:
            return found
        unsigned = found.dtype.str.replace("i", "u")
        return (found.view(unsigned) ^ np.array(self.flip, unsigned)).astype(unsigned).view(found.dtype)


@dataclass(frozen=True)
class Cutout:
    """The layers of a cutout and the header words that place and scale it."""

    primary: dict[str, str | float | int | bool]
    header: dict[str, str | float | int | bool]
    layers: dict[str, Layer] = field(default_factory=dict)
    planes: dict[str, int] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int] | None:
        """(rows, columns) of all layers; None if there is no layer."""
        return next((layer.shape for layer in self.layers.values()), None)


def read_cutout(data: memoryview | bytes | bytearray, hdus: tuple[str, ...]) -> Cutout:
    """Find the layers of a cutout.

    Parameters
    ----------
    data : bytes-like
        The whole file.
    hdus : tuple of str
        What each HDU holds: none, image, mask or variance.

    Returns
    -------
    Cutout
        ``header`` is that of the first layer with pixels (it has the WCS); ``planes`` are the mask's
        MP_* cards: plane name to bit.

    Raises
    ------
    BadFits
        No FITS, cut short, or another layout than the service's.
    """
    primary, position = read_header(data, 0)
    if primary.get("SIMPLE") is not True:
        raise BadFits("it does not begin as a FITS file")
    if hdus[0] == "none" and primary.get("NAXIS") != 0:
        raise BadFits("its primary HDU has pixels; the service's has none")
    header: dict = {}
    layers, planes = {}, {}
    position = 0 if hdus[0] != "none" else position
    for name in hdus[hdus[0] == "none" :]:
        if position >= len(data):
            raise BadFits(
                f"it is cut short: {name} and later HDUs are missing; the service sends at least empty ones",
                "cut_short",
            )
        cards, start = read_header(data, position)
        if name == "none":
            position = start + -(-_bytes(cards) // BLOCK) * BLOCK
            continue
        shape, size, flip = _extent(cards if position else cards | {"XTENSION": "IMAGE"}, name, BITS[name])
        if start + size > len(data):
            raise _cut(name, start + size, len(data))
        if size:
            layers[name] = Layer(shape, start, DTYPES[cards["BITPIX"]], flip)
            header = header or cards
        if name == "mask":
            planes = {key[3:]: value for key, value in cards.items() if key.startswith("MP_") and type(value) is int}
        position = start + -(-size // BLOCK) * BLOCK
    shapes = {layer.shape for layer in layers.values()}
    if len(shapes) > 1:
        raise BadFits(f"its layers differ in shape: {sorted(shapes)}")
    return Cutout(primary, header, layers, planes)


def read_psf(data) -> Cutout:
    """Find the pixels of a PSF picture: one primary HDU of float32 or float64."""
    cards, start = read_header(data, 0)
    if cards.get("SIMPLE") is not True:
        raise BadFits("it does not begin as a FITS file")
    bits = cards.get("BITPIX")
    if bits not in (-32, -64):
        raise BadFits(f"its PSF has BITPIX {bits!r} where the service sends -64")
    shape, size, _ = _extent(cards | {"XTENSION": "IMAGE"}, "PSF", (bits,))
    if not size:
        raise BadFits("its PSF has no pixels")
    if start + size > len(data):
        raise _cut("PSF", start + size, len(data))
    return Cutout(cards, cards, {"psf": Layer(shape, start, DTYPES[bits])})


def read_header(data, start: int) -> tuple[dict, int]:
    """Read the cards of one header, and the byte at which its data begin.

    A card's value is str, float, int or bool; the first of repeated keywords is used, as in astropy.
    Comment cards are left out.
    """
    cards: dict = {}
    position = start
    for _ in range(MAX_CARDS):
        card = bytes(data[position : position + CARD])
        if len(card) < CARD:
            raise BadFits(f"its header at byte {start} has no END", "cut_short")
        position += CARD
        if card[:8] == b"END     ":
            return cards, start + -(-(position - start) // BLOCK) * BLOCK
        if card[8:10] == b"= ":
            _put(cards, card[:8].decode("latin-1").rstrip(), card[10:])
        elif card[:9] == b"HIERARCH " and b"=" in card:
            key, _, value = card[9:].partition(b"=")
            _put(cards, key.decode("latin-1").strip(), value)
    raise BadFits(f"its header at byte {start} has more than {MAX_CARDS} cards")


def _put(cards: dict, key: str, raw: bytes) -> None:
    found = _VALUE.match(raw.decode("latin-1"))
    if key in cards or found is None:
        return
    text, word = found.groups()
    cards[key] = text.replace("''", "'").rstrip() if text is not None else _number(word or "")


def _number(word: str) -> str | float | int | bool:
    if word in ("T", "F"):
        return word == "T"
    for kind in (int, float):
        try:
            return kind(word.replace("D", "E").replace("d", "e") if kind is float else word)
        except ValueError:
            continue
    return word


def _bytes(cards: dict) -> int:
    """Bytes of the data of an HDU that holds no layer, by the FITS standard 4.0, equation 2."""
    axes = cards.get("NAXIS")
    is_known = type(axes) is int and 0 <= axes < 1000
    sizes = [cards.get(f"NAXIS{axis + 1}") for axis in range(axes if is_known else 0)]
    words = [cards.get("BITPIX"), cards.get("PCOUNT", 0), cards.get("GCOUNT", 1)]
    if not is_known or not all(type(number) is int for number in [*sizes, *words]) or min([*sizes, *words[1:]]) < 0:
        raise BadFits("one of its HDUs has no size")
    bits, before, groups = words
    return abs(bits) // 8 * groups * (before + math.prod(sizes)) if sizes else 0


def _cut(name: str, wanted: int, there: int) -> BadFits:
    return BadFits(f"its {name} is cut short: {wanted} bytes expected, {there} present", "cut_short")


def _extent(cards: dict, name: str, allowed: tuple[int, ...]) -> tuple[tuple[int, int], int, int]:
    """Shape and bytes of a layer as its header has them, and `Layer.flip`; (0, 0), 0 and 0 where it holds none."""
    if cards.get("XTENSION") != "IMAGE":
        raise BadFits(f"its {name} HDU is {cards.get('XTENSION', 'no extension')!r}, not 'IMAGE'")
    axes = cards.get("NAXIS")
    if axes == 0:
        return (0, 0), 0, 0
    columns, rows = cards.get("NAXIS1"), cards.get("NAXIS2")
    if axes != 2 or type(columns) is not int or type(rows) is not int or columns < 0 or rows < 0:
        raise BadFits(f"its {name} is not an image with two axes")
    bits = cards.get("BITPIX")
    if bits not in allowed or cards.get("PCOUNT", 0) != 0 or cards.get("GCOUNT", 1) != 1:
        raise BadFits(f"its {name} has BITPIX {bits!r} where the service sends {allowed[0]}")
    zero = cards.get("BZERO", 0)
    # FITS has no unsigned integers: BZERO makes them of signed ones, which turns the highest bit round.
    flip = 1 << (bits - 1) if bits in (16, 32) and zero == 1 << (bits - 1) else 0
    if cards.get("BSCALE", 1) != 1 or (zero != 0 and not flip):
        raise BadFits(f"its {name} is scaled (BSCALE, BZERO); the service's pixels are not")
    if rows == 0 or columns == 0:
        return (0, 0), 0, 0
    return (rows, columns), rows * columns * abs(bits) // 8, flip
