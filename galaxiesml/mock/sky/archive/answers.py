"""The archive's answer about one group: its pictures as files, and the measurements of its objects."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from galaxiesml.mock.sky.archive import service
from galaxiesml.mock.sky.archive.measure import Measured, measure
from galaxiesml.mock.sky.archive.requests import Ask
from galaxiesml.mock.sky.coadd.pictures import Picture, box_of, neighbourhood, render
from galaxiesml.mock.sky.instrument import BANDS, bit
from galaxiesml.mock.sky.scene import Entry, Group, Scene
from galaxiesml.mock.sky.survey.psf import psf_at
from galaxiesml.mock.sky.survey.tracts import Tract, holding, tract

#: Share of a file that is left of one that is cut short.
_LEFT = 0.6


@dataclass
class Answer:
    """Of one group.

    Attributes
    ----------
    cutouts, psfs : list of (str, str, bytes)
        The list, the file's name, its bytes; in the order of lines, then of tracts.
    pictures : list of dict
        The truth: what came of each line in each tract.
    measured : dict of int to list of Measured
        Object to its measurements, in band order.
    """

    cutouts: list[tuple[str, str, bytes]] = field(default_factory=list)
    psfs: list[tuple[str, str, bytes]] = field(default_factory=list)
    pictures: list[dict] = field(default_factory=list)
    measured: dict[int, list[Measured]] = field(default_factory=dict)


class Answerer:
    """Answers about groups of a scene, one at a time; pictures of one pixel box are made once."""

    def __init__(self, scene: Scene, asks: dict[int, tuple[list[Ask], list[Ask]]]):
        self.scene, self.asks = scene, asks

    def answer(self, group: Group) -> Answer:
        out = Answer()
        self._near = neighbourhood(self.scene, group)
        self._made: dict[tuple, Picture] = {}
        for entry in group.entries:
            where = tract(entry.tract)
            pictures = [self._picture(group, entry, where, band) for band in range(len(BANDS))]
            too_high = [BANDS.index("g")] if "undetected" in group.faults else []
            out.measured[entry.object_id] = measure(self.scene, pictures, entry, where, too_high)
        cutouts, psfs = self.asks[group.number]
        for ask in cutouts:
            self._send(out, group, ask)
        for ask in psfs:
            self._send_psf(out, ask)
        return out

    def _picture(self, group: Group, entry: Entry, where: Tract, band: int) -> Picture:
        box = box_of(where, entry.ra, entry.dec)
        key = where.number, band, box
        if key not in self._made:
            self._made[key] = render(self.scene, where, band, box, self._near, group.sources)
        return self._made[key]

    def _send(self, out: Answer, group: Group, ask: Ask) -> None:
        line, entry = ask.line, ask.entry
        tracts = [one for one in holding(line.ra, line.dec) if line.tract in (None, one.number)]
        for where in tracts:
            picture = self._picture(group, entry, where, line.band)
            sent = service.served(picture, self.scene.coverage)
            row = _row(ask, where.number)
            out.pictures.append(row)
            if sent is None:
                row |= {"state": "absent", "reason": "the service has no such patch in this band"}
                continue
            name = service.cutout_name(ask.number, line.band, where.number)
            data = self._file(group, row, sent, line)
            row |= _content(sent, picture, line) | {"member": name, "bytes": len(data)}
            out.cutouts.append((ask.stem, name, data))

    def _file(self, group: Group, row: dict, sent: Picture, line) -> bytes:
        letter = BANDS[line.band]
        named = None
        if "wrong_filter" in group.faults and letter == "r":
            named = BANDS.index("i")
            row |= {"fault": "wrong_filter"}
        data = service.cutout_file(self.scene.seed, sent, self.scene.coverage, line.layers, named)
        if "cut_short" in group.faults and letter == "z":
            row |= {"fault": "cut_short"}
            return data[: int(len(data) * _LEFT)]
        return data

    def _send_psf(self, out: Answer, ask: Ask) -> None:
        line, entry = ask.line, ask.entry
        if not self.scene.coverage.serves(entry.tract, entry.patch, line.band):
            return
        x, y = (float(v) for v in tract(entry.tract).pixels(entry.ra, entry.dec))
        pixels = psf_at(self.scene.seed, entry.tract, line.band, x, y).picture()
        name = service.psf_name(ask.number, line.band, entry.tract, entry.patch, entry.ra, entry.dec)
        out.psfs.append((ask.stem, name, service.psf_file(pixels)))


def _reason(is_whole: bool, lost: np.ndarray, sent: Picture) -> str | None:
    if not is_whole:
        return "the coadd ends within it"
    if not lost.any():
        return None
    has_end = (sent.mask & bit("NO_DATA") != 0).any()
    return "the exposures end within it" if has_end else "some of its pixels are NaN"


def _row(ask: Ask, number: int) -> dict:
    return {
        "list": ask.stem,
        "line": ask.number,
        "object_id": ask.entry.object_id,
        "band": BANDS[ask.line.band],
        "tract": number,
        "own_tract": number == ask.entry.tract,
        "member": None,
        "state": "whole",
        "reason": None,
        "fault": None,
        "layers": ",".join(ask.line.layers),
    }


def _content(sent: Picture, picture: Picture, line) -> dict:
    lost = np.isnan(sent.image)
    is_whole = sent.box == picture.box
    return {
        "state": "whole" if is_whole else "truncated",
        "reason": _reason(is_whole, lost, sent),
        "rows": sent.box.rows,
        "columns": sent.box.columns,
        "x0": sent.box.x0,
        "y0": sent.box.y0,
        "nan_pixels": int(lost.sum()),
        "no_data_pixels": int(((sent.mask & bit("NO_DATA")) != 0).sum()),
    }
