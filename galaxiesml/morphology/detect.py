"""Detect objects in a picture as Source Extractor does: background, footprints, deblending.

sep finds and deblends footprints as Source Extractor does, with two exceptions.  Source Extractor assigns the faint
pixels of a blend to its parts at random, weighted by Gaussian profiles; sep uses other random numbers.  Source
Extractor gives the pixels of a spurious detection to the object that it belongs to; sep drops them.  Both are done
here, following the manual and the program's behaviour on pictures.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace

import numpy as np
import sep

from galaxiesml.morphology.source_extractor import KERNEL

#: Source Extractor's variance of a pixel's own width, and the determinant under which it is added.
_PIXEL_VARIANCE = 1 / 12
_SINGULAR = 0.00694


@dataclass(frozen=True)
class Detection:
    """Source Extractor's settings; the names are its keywords'.

    Attributes
    ----------
    thresh : float
        DETECT_THRESH, in units of the background's rms.
    analysis_thresh : float
        ANALYSIS_THRESH, of ISOAREA_IMAGE.
    minarea : int
        DETECT_MINAREA, pixels.
    kernel : tuple of tuple of float
        The filter; divided by its sum.
    deblend_nthresh : int
        DEBLEND_NTHRESH, levels between the threshold and a footprint's peak.
    deblend_mincont : float
        DEBLEND_MINCONT, of a footprint's flux.
    clean_param : float
        CLEAN_PARAM; 0 turns cleaning off.
    back_size, back_filter : int
        BACK_SIZE, pixels, and BACK_FILTERSIZE, meshes.
    mask_type : str
        MASK_TYPE: in photometry neighbours' pixels are mirrored ('correct'), zero ('blank') or left ('none').
    """

    thresh: float = 3.0
    analysis_thresh: float = 1.5
    minarea: int = 5
    kernel: tuple[tuple[float, ...], ...] = KERNEL
    deblend_nthresh: int = 32
    deblend_mincont: float = 0.005
    clean_param: float = 1.0
    back_size: int = 64
    back_filter: int = 3
    mask_type: str = "correct"


@dataclass(frozen=True)
class Scene:
    """A picture and its detections.

    Attributes
    ----------
    picture : ndarray (h, w) of float32
        Less its background; 0 where masked.
    mask : ndarray (h, w) of bool or None
        Pixels that do not count; None: all do.
    background, rms : float
        Global level and noise of the background, in the picture's unit; NaN where they could not be had.
    objects : ndarray (objects,) of records
        sep's table, cleaned: x, y count from 0; theta in radians; ``blended``: split from a common footprint;
        ``isoarea``: its pixels above the analysis threshold, without those of what was cleaned away.
    detected : ndarray (h, w) of bool
        Above the threshold after the filter; also where too few pixels stand together for an object.
    segmentation : ndarray (h, w) of int32
        Row of `objects` + 1 that has the pixel, 0 none; with the pixels of what was cleaned away.
    settings : Detection
    reason : str or None
        Why nothing could be looked for; None: it was looked for, whether found or not.
    """

    picture: np.ndarray
    mask: np.ndarray | None
    background: float
    rms: float
    objects: np.ndarray
    detected: np.ndarray
    segmentation: np.ndarray
    settings: Detection = field(default_factory=Detection)
    reason: str | None = None


def detect(image: np.ndarray, settings: Detection | None = None, mask: np.ndarray | None = None) -> Scene:
    """Find the objects of one picture.

    Parameters
    ----------
    image : ndarray (h, w)
        Any unit; taken as float32.  Pixels that are not finite count as masked.
    mask : ndarray (h, w) of bool, optional
        True: the pixel does not count.

    Returns
    -------
    Scene
        Never an exception for a bad picture: an empty scene and a reason.
    """
    settings = settings or Detection()
    image = np.ascontiguousarray(image, np.float32)
    bad = ~np.isfinite(image) if mask is None else ~np.isfinite(image) | np.asarray(mask, bool)
    bad = bad if bad.any() else None
    if bad is not None:
        image = np.where(bad, np.float32(0), image)
    reason = _unfit(image, bad)
    if reason:
        return _empty(image, bad, settings, reason)
    try:
        with _room(image.size):
            return _detect(image, bad, settings)
    except Exception as error:
        # sep has limits (objects in a footprint, pixels) and raises a plain Exception at them.
        return _empty(image, bad, settings, str(error))


def footprints(scene: Scene, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Objects of a scene down to its analysis threshold; blends are shared out as sep does it: they are for masks.

    Parameters
    ----------
    kept : ndarray (h, w) of bool
        Pixels that count.

    Returns
    -------
    objects : ndarray (objects,) of records
        sep's table.
    labels : ndarray (h, w) of int32
        Row of `objects` + 1 that has the pixel, 0 none.
    """
    faint = replace(scene.settings, thresh=scene.settings.analysis_thresh)
    try:
        with _room(kept.size):
            return _extract(np.where(kept, scene.picture, np.float32(0)), scene.rms, faint, clean=False)
    except Exception:
        # At sep's limits: what stood out at the higher threshold.
        return scene.objects, scene.segmentation


@contextlib.contextmanager
def _room(pixels: int):
    """sep reserves its pixels beforehand, and by default a hundred times as many as a cutout has."""
    reserved = sep.get_extract_pixstack()
    sep.set_extract_pixstack(max(pixels, 1000))
    try:
        yield
    finally:
        sep.set_extract_pixstack(reserved)


def _unfit(image: np.ndarray, bad: np.ndarray | None) -> str | None:
    if image.ndim != 2 or not image.size:
        return "no picture"
    kept = image if bad is None else image[~bad]
    if not kept.size:
        return "masked whole"
    return "constant" if kept.min() == kept.max() else None


def _empty(image: np.ndarray, bad: np.ndarray | None, settings: Detection, reason: str) -> Scene:
    nothing = np.zeros(0, _dtype(np.dtype([("x", "f8"), ("y", "f8")])))
    detected, labels = np.zeros(image.shape, bool), np.zeros(image.shape, np.int32)
    return Scene(image, bad, np.nan, np.nan, nothing, detected, labels, settings, reason)


def _dtype(of: np.dtype) -> np.dtype:
    return np.dtype([*((name, of[name]) for name in of.names), ("blended", "?"), ("isoarea", "i8")])


def _detect(image: np.ndarray, bad: np.ndarray | None, settings: Detection) -> Scene:
    beneath, level, rms = _background(image, bad, settings)
    if not np.isfinite(rms) or rms <= 0:
        return _empty(image, bad, settings, "no noise")
    picture = image - beneath
    if bad is not None:
        picture[bad] = 0
    found, labels = _extract(picture, rms, settings, clean=False)
    objects = np.zeros(len(found), _dtype(found.dtype))
    for name in found.dtype.names:
        objects[name] = found[name]
    filtered = _filtered(picture, settings.kernel)
    if len(objects):
        _share_out(objects, labels, filtered, picture, rms, settings)
        bright = labels[picture > settings.analysis_thresh * rms]
        objects["isoarea"] = np.bincount(bright, minlength=len(objects) + 1)[1:]
        if settings.clean_param > 0:
            objects, labels = _cleaned(objects, labels, found, picture, rms, settings)
    detected = filtered > settings.thresh * rms
    return Scene(picture, bad, level, rms, objects, detected, labels, settings)


def _background(
    image: np.ndarray, bad: np.ndarray | None, settings: Detection
) -> tuple[np.ndarray | float, float, float]:
    """What lies beneath every pixel, its level, the noise; where half of the pixels do not count, of the rest at once.

    A mesh of which half is masked has no background for sep, and a picture of such meshes alone silently the level 0
    and the noise 1.
    """
    if bad is not None and bad.mean() >= 0.5:
        rest = np.ascontiguousarray(image[~bad][None])
        made = sep.Background(rest, bw=rest.size, bh=1, fw=1, fh=1)
        return np.float32(made.globalback), float(made.globalback), float(made.globalrms)
    mesh, width = settings.back_size, settings.back_filter
    made = sep.Background(image, mask=bad, bw=mesh, bh=mesh, fw=width, fh=width)
    return made.back(), float(made.globalback), float(made.globalrms)


def _extract(picture: np.ndarray, rms: float, settings: Detection, clean: bool) -> tuple[np.ndarray, np.ndarray]:
    return sep.extract(
        picture,
        settings.thresh,
        err=rms,
        minarea=settings.minarea,
        filter_kernel=np.array(settings.kernel, np.float32),
        filter_type="conv",
        deblend_nthresh=settings.deblend_nthresh,
        deblend_cont=settings.deblend_mincont,
        clean=clean,
        clean_param=settings.clean_param,
        segmentation_map=True,
    )


def _filtered(picture: np.ndarray, kernel: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """The picture through the filter; outside it is 0."""
    weights = np.array(kernel, np.float32)
    weights /= weights.sum()
    rows, columns = weights.shape
    padded = np.pad(picture, ((rows // 2,) * 2, (columns // 2,) * 2))
    height, width = picture.shape
    made = np.zeros_like(picture)
    for row in range(rows):
        for column in range(columns):
            made += weights[row, column] * padded[row : row + height, column : column + width]
    return made


# -- blends ---------------------------------------------------------------------------------------------------


def _components(above: np.ndarray) -> np.ndarray:
    """Labels of the connected parts, corners touching, in the order in which a scan by rows completes them."""
    _, labels = sep.extract(
        np.ascontiguousarray(above, np.float32),
        0.5,
        filter_kernel=None,
        minarea=1,
        deblend_nthresh=1,
        clean=False,
        segmentation_map=True,
    )
    return labels


def _share_out(objects, labels, filtered, picture, rms, settings) -> None:
    """Give the faint pixels of each blend to its parts as Source Extractor does; changes objects and labels."""
    touching = _touching(labels)
    if not touching:
        return
    parents = _components(labels > 0)
    at = parents[objects["ycpeak"], objects["xcpeak"]]
    dice = _Dice()
    for parent in np.unique(at):
        children = np.flatnonzero(at == parent)
        if len(children) < 2:
            continue
        objects["blended"][children] = True
        rows, columns = np.nonzero(parents == parent)
        window = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        inside = parents[window] == parent
        peaks = [(objects["ycpeak"][one] - rows.min(), objects["xcpeak"][one] - columns.min()) for one in children]
        cores = _cores(filtered[window], inside, peaks, settings.thresh * rms, settings.deblend_nthresh)
        if cores is None:
            continue
        _roll(labels[window], filtered[window], inside, cores, children + 1, dice)
        for one, (core, _) in zip(children, cores, strict=True):
            _remeasure(objects, one, labels, filtered, picture, rms, window, core)


def _touching(labels: np.ndarray) -> bool:
    """Whether any two objects have neighbouring pixels."""
    for first, second in (
        (labels[:, 1:], labels[:, :-1]),
        (labels[1:], labels[:-1]),
        (labels[1:, 1:], labels[:-1, :-1]),
        (labels[1:, :-1], labels[:-1, 1:]),
    ):
        if ((first != second) & (first > 0) & (second > 0)).any():
            return True
    return False


def _cores(filtered, inside, peaks, threshold, levels) -> list[tuple[np.ndarray, float]] | None:
    """The pixels of each part above the lowest level at which it stands alone, and that level.

    None where two parts never come apart, which is no blend that this can share out.
    """
    values = np.where(inside, filtered, np.float32(0))
    top = float(values.max())
    known: dict[int, np.ndarray] = {}

    def parts(level: int) -> np.ndarray:
        if level not in known:
            known[level] = _components(values > _level(threshold, top, level, levels))
        return known[level]

    def alone(number: int, level: int) -> bool:
        own = parts(level)[peaks[number]]
        return own == 0 or all(parts(level)[peak] != own for peak in peaks[:number] + peaks[number + 1 :])

    cores = []
    for number in range(len(peaks)):
        low, high = 0, levels - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if alone(number, middle) else (middle, high)
        own = parts(high)[peaks[number]]
        if own == 0 or not alone(number, high):
            return None
        cores.append((parts(high) == own, _level(threshold, top, high, levels)))
    return cores


def _level(threshold: float, top: float, level: int, levels: int) -> float:
    """Levels rise by equal factors from the threshold to the peak."""
    return threshold * (top / threshold) ** (level / levels)


def _roll(labels, filtered, inside, cores, names, dice) -> None:
    """Draw the owner of every pixel outside the cores; changes labels."""
    settled = np.zeros(inside.shape, bool)
    for (core, _), name in zip(cores, names, strict=True):
        labels[core] = name
        settled |= core
    order = _scan(inside)
    order = order[~settled.ravel()[order]]
    if not len(order):
        return
    y, x = np.divmod(order, inside.shape[1])
    odds = np.cumsum(np.exp([_profile(filtered, core, level, x, y) for core, level in cores]), axis=0)
    drawn = (dice.roll(len(order)) * odds[-1] >= odds).sum(axis=0)
    labels[y, x] = names[np.minimum(drawn, len(names) - 1)]


def _profile(filtered, core, level, x, y) -> np.ndarray:
    """Log of a Gaussian with the core's moments and area at its level, at the pixels x, y."""
    rows, columns = np.nonzero(core)
    area = len(rows)
    center_x, center_y, x2, y2, xy, _ = _moments(filtered[rows, columns], columns, rows)
    determinant = x2 * y2 - xy * xy
    x, y = x - center_x, y - center_y
    distance = (y2 * x * x + x2 * y * y - 2 * xy * x * y) / determinant
    return np.log(level) + area / (2 * np.pi * np.sqrt(determinant)) - distance / 2


def _moments(values, x, y, center=None) -> tuple[float, ...]:
    """Barycentre, second moments about it (or about `center`) and sum of pixels.

    A pixel's own width is added where the moments are too thin.
    """
    values = values.astype(np.float64)
    total = values.sum()
    center_x, center_y = center or ((values * x).sum() / total, (values * y).sum() / total)
    x, y = x - center_x, y - center_y
    x2, y2, xy = (values * x * x).sum() / total, (values * y * y).sum() / total, (values * x * y).sum() / total
    if x2 * y2 - xy * xy < _SINGULAR:
        x2, y2 = x2 + _PIXEL_VARIANCE, y2 + _PIXEL_VARIANCE
    return center_x, center_y, x2, y2, xy, total


def _scan(inside: np.ndarray) -> np.ndarray:
    """Flat indices of a footprint's pixels in the order in which a one-pass scan chains them.

    A row's run joins the parts above it from left to right: what it has passed of the row is chained to the left
    part, then the right part follows (R. K. Lutz 1980, The Computer Journal 23, 262).
    """
    width = inside.shape[1]
    edges = np.diff(np.pad(inside.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    above: list[tuple[int, int, list]] = []
    chains: dict[int, list[tuple[int, int]]] = {}
    owner: list[int] = []

    def root(part: int) -> int:
        while owner[part] != part:
            part = owner[part]
        return part

    for row in range(inside.shape[0]):
        starts, ends = np.flatnonzero(edges[row] > 0).tolist(), np.flatnonzero(edges[row] < 0).tolist()
        here = []
        for start, end in zip(starts, ends, strict=True):
            own, passed = None, start
            for first, last, part in above:
                if first > end or last < start or (part := root(part)) == own:
                    continue
                cut = min(max(first, start), end)
                piece = [(row * width + passed, row * width + cut)] if cut > passed else []
                if own is None:
                    own, chains[part] = part, piece + chains[part]
                else:
                    chains[own] += piece + chains.pop(part)
                    owner[part] = own
                passed = cut
            if own is None:
                own = len(owner)
                owner.append(own)
                chains[own] = []
            chains[own].append((row * width + passed, row * width + end))
            here.append((start, end, own))
        above = here
    return np.concatenate([np.arange(first, last) for chain in chains.values() for first, last in chain])


class _Dice:
    """Source Extractor's random numbers, from 0 to 1: those of a new process, the C library's rand() unseeded."""

    _known = np.zeros(0)

    def __init__(self) -> None:
        self._next = 0

    def roll(self, many: int) -> np.ndarray:
        if len(_Dice._known) < self._next + many:
            _Dice._known = _additive_feedback(max(2 * (self._next + many), 4096)) / 2147483647.0
        self._next += many
        return _Dice._known[self._next - many : self._next]


def _additive_feedback(many: int, seed: int = 1) -> np.ndarray:
    """The C library's documented generator of degree 31: x[i] = x[i - 3] + x[i - 31], the lowest bit left out."""
    state = [seed]
    for _ in range(30):
        state.append(16807 * state[-1] % 2147483647)
    state += state[:3]
    for _ in range(310 + many):
        state.append((state[-31] + state[-3]) & 0xFFFFFFFF)
    return np.array(state[344 : 344 + many], np.uint64) >> np.uint64(1)


def _remeasure(objects, one, labels, filtered, picture, rms, window, core) -> None:
    """The row of a blend's part: Source Extractor takes the barycentre of its core, and moments of all about that."""
    top, left = window[0].start, window[1].start
    rows, columns = np.nonzero(labels[window] == one + 1)
    rows, columns = rows + top, columns + left
    smooth, values = filtered[rows, columns], picture[rows, columns]
    within = np.nonzero(core)
    x, y, *_ = _moments(filtered[window][within], within[1] + left, within[0] + top)
    *_, x2, y2, xy, total = _moments(smooth, columns, rows, (x, y))
    half, turn = (x2 + y2) / 2, np.hypot((x2 - y2) / 2, xy)
    noise = (rms / total) ** 2
    high, peak = int(np.argmax(smooth)), int(np.argmax(values))
    record = {
        **{"x": x, "y": y, "x2": x2, "y2": y2, "xy": xy, "npix": len(rows)},
        **{"a": np.sqrt(half + turn), "b": np.sqrt(max(half - turn, 0)), "theta": np.arctan2(2 * xy, x2 - y2) / 2},
        **{"cflux": total, "flux": values.sum(dtype=np.float64), "cpeak": smooth[high], "peak": values[peak]},
        **{"xmin": columns.min(), "xmax": columns.max(), "ymin": rows.min(), "ymax": rows.max()},
        **{"xcpeak": columns[high], "ycpeak": rows[high], "xpeak": columns[peak], "ypeak": rows[peak]},
        "errx2": noise * ((columns - x) ** 2).sum(),
        "erry2": noise * ((rows - y) ** 2).sum(),
        "errxy": noise * ((columns - x) * (rows - y)).sum(),
    }
    for name, value in record.items():
        objects[name][one] = value


# -- cleaning -------------------------------------------------------------------------------------------------


def _cleaned(objects, labels, found, picture, rms, settings) -> tuple[np.ndarray, np.ndarray]:
    """Without the spurious objects; their pixels go to the objects that they are taken for wings of."""
    left, _ = _extract(picture, rms, settings, clean=True)
    if len(left) == len(objects):
        return objects, labels
    places = {(row["xcpeak"], row["ycpeak"]) for row in left[["xcpeak", "ycpeak"]]}
    kept = np.array([(row["xcpeak"], row["ycpeak"]) in places for row in found[["xcpeak", "ycpeak"]]])
    names = np.zeros(len(objects) + 1, np.int32)
    names[1:][kept] = np.arange(1, np.count_nonzero(kept) + 1)
    for one in np.flatnonzero(~kept):
        squared = (objects["x"][kept] - objects["x"][one]) ** 2 + (objects["y"][kept] - objects["y"][one]) ** 2
        # Far out, a wing's light falls with a power of the distance over the galaxy's size.
        names[one + 1] = np.argmax(objects["npix"][kept] / squared) + 1
    made = objects[kept]
    made["npix"] = np.bincount(names[1:], weights=objects["npix"], minlength=len(made) + 1)[1:]
    for edge, farther in (("xmin", np.minimum), ("ymin", np.minimum), ("xmax", np.maximum), ("ymax", np.maximum)):
        farther.at(made[edge], names[1:] - 1, objects[edge])
    return made, names[labels]
