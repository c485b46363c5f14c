"""Convert a survey's columns to those of landed spectra: types, units and frames; nothing is selected."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galaxiesml.ingest.convert import REASONS, Nulls, convert
from galaxiesml.ingest.ranges import wrapped
from galaxiesml.ingest.source import BadRow, Block, Source
from galaxiesml.ingest.wrong import Wrong
from galaxiesml.surveys.description import BY_HAND, Survey

LIGHT_KM_S = 299_792.458
_NONE = Nulls(("", "NaN", "nan", "NULL", "null", "N/A"))


def places_of(names: list[str], told: str | list | dict | None) -> list[int] | None:
    """Positions of the columns that a description names; None if one is missing."""
    if told is None:
        return None
    if isinstance(told, dict):
        wanted = [*told.get("join", told.get("parts", ())), *([told["sign"]] if "sign" in told else [])]
        found = [places_of(names, name) for name in wanted]
        return None if any(place is None for place in found) else [place[0] for place in found]
    for name in [told] if isinstance(told, str) else told:
        if name in names:
            return [names.index(name)]
        lower = [other.lower() for other in names]
        if lower.count(name.lower()) == 1:
            return [lower.index(name.lower())]
    return None


def hopes(source: Source, survey: Survey) -> dict[int, pa.DataType]:
    """Columns that a CSV reader should try as numbers."""
    found = {}
    for ours in ("ra", "dec", "redshift", "velocity", "error", "error_velocity", "magnitude"):
        sexagesimal = survey.unit == "sexagesimal" and ours in ("ra", "dec")
        if not sexagesimal and isinstance(survey.columns.get(ours), str | list):
            found |= dict.fromkeys(places_of(source.names, survey.columns[ours]) or (), pa.float64())
    return found


def expected_units(source: Source, survey: Survey) -> dict[int, tuple[str, str]]:
    """Position of each measured column to our name and the unit that the survey's description gives it."""
    angle = {"deg": "deg", "hour": "hourangle"}.get(survey.unit)
    units = {"dec": "deg", "redshift": "", "error": "", "velocity": "km/s", "error_velocity": "km/s"}
    units |= {"magnitude": "mag"} | ({"ra": angle} if angle else {})
    if survey.unit == "sexagesimal":
        units.pop("dec")
    found = {}
    for ours, unit in units.items():
        places = places_of(source.names, survey.columns.get(ours))
        if places is not None and not isinstance(survey.columns[ours], dict):
            found[places[0]] = (ours, unit)
    return found


def missing_of(names: list[str], told: str | list | dict) -> list[str]:
    """Columns of a description that are missing from a file; alternative names as 'A or B'."""
    if isinstance(told, dict):
        return [name for part in told.get("join", told.get("parts", ())) for name in missing_of(names, part)]
    return [" or ".join([told] if isinstance(told, str) else told)] if places_of(names, told) is None else []


def conform_spectra(
    block: Block, source: Source, survey: Survey, counted: Counter | None = None, no_flag: str | None = None
) -> tuple[pa.Table, list[BadRow], np.ndarray]:
    """A block's rows as landed spectra, the rows that do not parse, and which rows are good.

    Parameters
    ----------
    counted : Counter, optional
        Gets how many right ascensions were 'wrapped', and how many positions are 'off the sky'.
    no_flag : str, optional
        'secure' or 'insecure': what all rows are taken for, of a table without its flag column.
    """
    wrong = Wrong(block, source.names)
    reader = _Reader(block, source, survey, wrong, Counter() if counted is None else counted)
    given = reader.numbers("redshift") if "redshift" in survey.columns else reader.velocity()
    ra, dec = reader.position()
    if no_flag is None:
        flag = pc.fill_null(reader.text("flag"), "")
        _check_flags(flag, survey, wrong, reader)
    else:
        flag = pa.repeat(pa.scalar(BY_HAND[no_flag]), len(block.rows))
    table = pa.table(
        {
            "source_row": pa.array(block.rows, pa.int64()),
            "spectrum_id": _visible(reader.text("id")),
            "ra": ra,
            "dec": dec,
            "redshift_given": given,
            "redshift_err_given": reader.error(),
            "flag": flag,
            "class_given": _visible(reader.text("class")),
            "instrument_given": _visible(reader.text("instrument")),
            "magnitude": reader.numbers("magnitude"),
            "magnitude_band": reader.magnitude_band(),
        }
    ).filter(pa.array(wrong.good))
    return table, sorted([*block.bad, *wrong.rows()], key=lambda bad: bad.source_row), wrong.good


class _Reader:
    """Reads the columns of one block by their meaning."""

    def __init__(self, block: Block, source: Source, survey: Survey, wrong: Wrong, counted: Counter):
        self.block, self.names, self.survey, self.wrong, self.counted = block, source.names, survey, wrong, counted
        self.count = len(block.rows)

    def places(self, ours: str) -> list[int] | None:
        return places_of(self.names, self.survey.columns.get(ours))

    def one(self, place: int, kind: str) -> pa.Array:
        values, bad = convert(self.block.columns[place], kind, _NONE)
        self.wrong.add(place, bad, REASONS[kind])
        return values

    def numbers(self, ours: str) -> pa.Array:
        places = self.places(ours)
        if places is None:
            return pa.nulls(self.count, pa.float64())
        return _finite(self.one(places[0], "double").cast(pa.float64()))

    def error(self) -> pa.Array:
        if "error_velocity" in self.survey.columns:
            return pc.divide(self.numbers("error_velocity"), LIGHT_KM_S)
        return self.numbers("error")

    def velocity(self) -> pa.Array:
        return pc.divide(self.numbers("velocity"), LIGHT_KM_S)

    def text(self, ours: str) -> pa.Array:
        """One column, or several joined: identifiers by '-', flags by '/'."""
        places = self.places(ours)
        if places is None:
            return pa.nulls(self.count, pa.string())
        texts = [pc.utf8_trim_whitespace(self.one(place, "text").cast(pa.string())) for place in places]
        if ours == "flag":
            # pandas writes 3 as 3.0 where another row has none.
            texts = [pc.replace_substring_regex(text, r"^([+-]?[0-9]+)\.0+$", r"\1") for text in texts]
        if len(texts) == 1:
            return pc.if_else(pc.equal(texts[0], ""), None, texts[0])
        joined = [pc.fill_null(text, "") for text in texts]
        return pc.binary_join_element_wise(*joined, "/" if ours == "flag" else "-")

    def magnitude_band(self) -> pa.Array:
        told = self.survey.columns.get("magnitude_band")
        has = "magnitude" in self.survey.columns and self.places("magnitude") is not None
        places = places_of(self.names, told) if told else None
        if places is not None:
            return self.one(places[0], "text").cast(pa.string())
        return pa.repeat(pa.scalar(told if has else None, pa.string()), self.count)

    def position(self) -> tuple[pa.Array, pa.Array]:
        """The position in ICRS degrees; NULL if it is not on the sky."""
        given, dec = self._angle("ra"), self._angle("dec")
        in_hours = self.survey.unit != "deg" or isinstance(self.survey.columns["ra"], dict)
        turn = 24.0 if in_hours else 360.0
        told = np.isfinite(given) & np.isfinite(dec)
        # -9, -99 and -1 are written for none, and stay below 0.
        turned = wrapped(given, told, turn)
        ra = given if turned is None else turned
        ok = told & (np.abs(dec) <= 90) & (ra >= 0) & (ra < turn)
        self.counted["wrapped"] += int((ok & (given < 0)).sum())
        self.counted["off the sky"] += int((told & ~ok).sum())
        ra, dec = np.where(ok, ra, 0.0) * (360.0 / turn), np.where(ok, dec, 0.0)
        if self.survey.frame == "b1950" and ok.any():
            ra, dec = _to_icrs(ra, dec)
        return pa.array(ra, mask=~ok), pa.array(dec, mask=~ok)

    def _angle(self, ours: str) -> np.ndarray:
        told, places = self.survey.columns[ours], self.places(ours)
        if isinstance(told, dict):
            return self._parts(places, "sign" in told)
        if self.survey.unit == "sexagesimal":
            return self._sexagesimal(places[0])
        return self.one(places[0], "double").cast(pa.float64()).to_numpy(zero_copy_only=False)

    def _parts(self, places: list[int], has_sign: bool) -> np.ndarray:
        """Hours or degrees, minutes and seconds; the sign of -0 counts, where it is written."""
        parts = [self.one(place, "double").cast(pa.float64()).to_numpy(zero_copy_only=False) for place in places[:3]]
        negative = np.signbit(parts[0])
        if has_sign:
            negative = np.array(["-" in (text or "") for text in self.one(places[3], "text").to_pylist()])
        elif pa.types.is_string(self.block.columns[places[0]].type):
            negative = np.array(["-" in (text or "") for text in self.block.columns[places[0]].to_pylist()])
        whole = np.abs(parts[0]) + parts[1] / 60 + parts[2] / 3600
        return np.where(negative, -whole, whole)

    def _sexagesimal(self, place: int) -> np.ndarray:
        texts = self.one(place, "text").to_pylist()
        out, bad = np.full(self.count, np.nan), np.zeros(self.count, bool)
        for index, text in enumerate(texts):
            try:
                out[index] = _sexagesimal(text) if text else np.nan
            except ValueError:
                bad[index] = True
        self.wrong.add(place, bad if bad.any() else None, "is not an angle such as 12:34:56.7")
        return out


def _sexagesimal(text: str) -> float:
    parts = [float(part) for part in text.replace(":", " ").split()]
    if not 1 <= len(parts) <= 3 or any(not 0 <= part < 60 for part in parts[1:]):
        raise ValueError
    whole = sum(abs(part) / 60**place for place, part in enumerate(parts))
    return -whole if text.lstrip().startswith("-") else whole


def _to_icrs(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from astropy.coordinates import FK4, SkyCoord

    place = SkyCoord(ra, dec, unit="deg", frame=FK4(equinox="B1950")).icrs
    return place.ra.deg, place.dec.deg


def _finite(values: pa.Array) -> pa.Array:
    return pc.if_else(pc.fill_null(pc.is_finite(values), False), values, None)


def _visible(texts: pa.Array) -> pa.Array:
    """Escape control characters, so that no input reaches a terminal unchanged."""
    if not pc.any(pc.match_substring_regex(texts, r"[\x00-\x1f\x7f]")).as_py():
        return texts
    return pa.array([None if text is None else _written_out(text) for text in texts.to_pylist()], pa.string())


def _written_out(text: str) -> str:
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def _check_flags(flag: pa.Array, survey: Survey, wrong: Wrong, reader: _Reader) -> None:
    """Report flags that no rule covers: they are errors, not insecure redshifts."""
    values = pc.unique(flag).to_pylist()
    unknown = [value for value in values if survey.rule_of(value) is None or value in BY_HAND.values()]
    if unknown:
        bad = pc.is_in(flag, pa.array(unknown, pa.string())).to_numpy(zero_copy_only=False)
        places = reader.places("flag") or [0]
        wrong.add(places[0], bad, f"is not a quality flag that {survey.label} defines")
