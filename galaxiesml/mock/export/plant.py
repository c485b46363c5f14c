"""Make a batch of faultless rows, and change what the faults change in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galaxiesml.mock.export import population, spectra
from galaxiesml.mock.export.faults import SENTINEL, Copies, Fault, Row
from galaxiesml.mock.export.layout import Layout, Random, Stripe, places
from galaxiesml.mock.export.spectra import Surveys
from galaxiesml.releases.profile import Profile


@dataclass
class Batch:
    """Rows in the making.

    Attributes
    ----------
    objects : dict of str to ndarray, shape (rows,)
    spectra : dict of str to ndarray, shape (spectra,)
    row : ndarray of int64, shape (spectra,)
        Each spectrum's row.
    nulls : dict of str to ndarray of bool
        Where a column is NULL.  Other NaN are written as NaN.
    repeats : ndarray of bool, shape (rows,)
        Rows that repeat an object, for another spectrum of it.
    """

    objects: dict[str, np.ndarray]
    spectra: dict[str, np.ndarray]
    row: np.ndarray
    nulls: dict[str, np.ndarray]
    repeats: np.ndarray


class Planter:
    """Makes batches of one release with one choice of faults."""

    def __init__(self, profile: Profile, faults: tuple[Fault, ...]):
        self.profile = profile
        self.faults = faults
        self.bands = tuple(profile.bands)
        self.surveys = Surveys.of(profile)

    def batch(self, layout: Layout, stripes: list[Stripe], random: Random) -> Batch:
        """A batch with its faults."""
        serial = np.arange(stripes[0].rows[0], stripes[-1].rows[1])
        number = np.arange(stripes[0].spectra[0], stripes[-1].spectra[1])
        row = layout.row_of(number) - stripes[0].rows[0]
        objects = population.objects(random.objects, serial, self.bands)
        i_mag = objects["i_cmodel_mag" if "i" in self.bands else f"{self.bands[-1]}_cmodel_mag"][row]
        found = spectra.spectra(random.normal, random.uniform, number, i_mag, objects["_redshift"][row], self.surveys)
        batch = Batch(objects, found, row, {}, np.zeros(len(serial), bool))
        moved = []
        for fault, at, copy in places(random.slots, self.faults):
            moved += self._plant(batch, fault, at, copy, random.uniform[-1])
        self._place(batch, moved)
        return batch

    def _plant(self, batch: Batch, fault: Fault, at: np.ndarray, copy: np.ndarray, uniform: np.ndarray) -> list:
        for row, here in zip(fault.rows, at, strict=True):
            if row.object_of is not None:
                self._repeat_object(batch, batch.row[here], batch.row[at[row.object_of]])
                for name in ("specz_redshift", "specz_redshift_err", "specz_mag_i", "d_mag", "_class"):
                    batch.spectra[name][here] = batch.spectra[name][at[row.object_of]]
        z = batch.spectra["specz_redshift"]
        for row, here in zip(fault.rows, at, strict=True):
            if row.spectrum_of is None:
                self._change(batch, row, here, Copies(copy, uniform[here], z[here], self.surveys))
        moved = []
        for row, here in zip(fault.rows, at, strict=True):
            if row.spectrum_of is not None:
                source = at[row.spectrum_of]
                self._share_spectrum(batch, here, source, uniform[here])
                self._change(batch, row, here, Copies(copy, uniform[here], z[here], self.surveys))
                moved.append((here, source))
        return moved

    def _repeat_object(self, batch: Batch, here: np.ndarray, source: np.ndarray) -> None:
        for values in batch.objects.values():
            values[here] = values[source]
        batch.repeats[here] = True

    def _share_spectrum(self, batch: Batch, here: np.ndarray, source: np.ndarray, uniform: np.ndarray) -> None:
        """The spectrum of ``source``, and an object like its: of the same cell, with other magnitudes."""
        for name, values in batch.spectra.items():
            if name not in ("d_pos", "_angle"):
                values[here] = values[source]
        to, of = batch.row[here], batch.row[source]
        serial = batch.objects["object_id"][to] & ((1 << population.SERIAL_BITS) - 1)
        for name, values in batch.objects.items():
            if name != "isprimary" and not name.endswith(("_flag", "edge", "center", "_bad")):
                values[to] = values[of]
        cell = batch.objects["object_id"][of] >> population.SERIAL_BITS << population.SERIAL_BITS
        batch.objects["object_id"][to] = cell | serial
        batch.objects["nchild"][to] = 0
        is_parent = ~batch.objects["isprimary"][of]
        batch.objects["parent_id"][to[is_parent]] = batch.objects["object_id"][of[is_parent]]
        for band in self.bands:
            name = f"{band}_cmodel_mag"
            batch.objects[name][to] = np.round(batch.objects[name][of] + 0.02 + 0.6 * uniform, 4)

    def _change(self, batch: Batch, row: Row, here: np.ndarray, copies: Copies) -> None:
        for pattern, value in row.changes.items():
            value = value(copies) if callable(value) else value
            if "{band}" in pattern:
                for number, band in enumerate(self.bands):
                    of_band = copies.copy % len(self.bands) == number
                    part = value[of_band] if isinstance(value, np.ndarray) else value
                    self._set(batch, pattern.replace("{band}", band), here[of_band], part)
            else:
                for band in self.bands if "{each}" in pattern else ("",):
                    self._set(batch, pattern.replace("{each}", band), here, value)

    def _set(self, batch: Batch, name: str, here: np.ndarray, value) -> None:
        is_spectral = name in batch.spectra or name == "specz_name"
        if value is SENTINEL:
            nulls = self.profile.columns[name].nulls
            value = float(nulls[0]) if nulls else None
        at = here if is_spectral else batch.row[here]
        if value is None:
            length = len(batch.row) if is_spectral else len(batch.repeats)
            batch.nulls.setdefault(name, np.zeros(length, bool))[at] = True
        else:
            (batch.spectra if is_spectral else batch.objects)[name][at] = value

    def _place(self, batch: Batch, moved: list) -> None:
        """Each spectrum at its distance from its object; an object that shares one, at its own from it."""
        found, objects = batch.spectra, batch.objects
        ra, dec = objects["ra"][batch.row], objects["dec"][batch.row]
        found["specz_ra"], found["specz_dec"] = spectra.offset(ra, dec, found["d_pos"], found["_angle"])
        for here, source in moved:
            for name in ("specz_ra", "specz_dec"):
                found[name][here] = found[name][source]
            ra, dec = spectra.offset(
                found["specz_ra"][here], found["specz_dec"][here], found["d_pos"][here], found["_angle"][here]
            )
            objects["ra"][batch.row[here]], objects["dec"][batch.row[here]] = ra, dec
