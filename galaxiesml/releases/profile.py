"""Release profiles: the column names of a release's exports.

A release is one TOML file, ``releases/<name>.toml`` here or any file given to ``galaxiesml init``;
a new release needs a file and no code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from galaxiesml.dictionary import Column, columns
from galaxiesml.errors import InputError, UsageError
from galaxiesml.instrument import Instrument
from galaxiesml.releases.conversions import (
    KINDS,
    Conversion,
    Input,
    constant_errors,
    conversion_of,
    inputs_of,
    is_conversion,
)
from galaxiesml.releases.instrument import read_instrument

#: The profiles that come with the package.
RELEASES = Path(__file__).parent


@dataclass(frozen=True)
class SourceColumn:
    """One of our columns as a release names it.

    Attributes
    ----------
    name : str
        Our name, filter written out.
    source : str
        The release's name; of a conversion, the first of those that it reads.
    nulls : tuple of str
        Values that mean 'none' in this column, as text.
    conversion : Conversion or None
        How ours is made of the release's, where it is not the same.
    """

    name: str
    source: str
    nulls: tuple[str, ...] = ()
    conversion: Conversion | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Every column of the release that it is made of."""
        return tuple(read.source for read in self.conversion.reads) if self.conversion else (self.source,)


@dataclass(frozen=True)
class Survey:
    """A spectroscopic survey as a release flags it: the flag's column, and where its errors come from."""

    name: str
    column: str
    error: str


@dataclass(frozen=True)
class Profile:
    """A release: its filters, its names for our columns, its NULLs.

    Attributes
    ----------
    bands : dict of str to str
        Filters in order, each with its UCD word.
    columns : dict of str to SourceColumn
        By our name.
    nulls : tuple of str
        Texts that mean NULL in any column.
    archive_cuts : tuple of str
        Cuts that the archive made before any query.
    surveys : tuple of Survey
        Spectroscopic surveys that the release flags, for ``specz_surveys`` and ``specz_error_kind``.
    not_applicable : dict of str to str
        Our columns, patterns of columns or cuts that the release has no equal for, and why.
    instrument : Instrument
        What only pictures need: pixel scale, zero point, mask planes, names of cutouts.
    text : str
        The TOML that this was read from; a catalogue keeps it.
    """

    name: str
    title: str
    reference: str
    bands: dict[str, str]
    columns: dict[str, SourceColumn]
    nulls: tuple[str, ...]
    archive_cuts: tuple[str, ...] = ()
    surveys: tuple[Survey, ...] = ()
    not_applicable: dict[str, str] = field(default_factory=dict)
    instrument: Instrument = field(default_factory=Instrument)
    text: str = field(default="", repr=False)

    @property
    def ours(self) -> dict[str, SourceColumn]:
        """Our columns by the release's names, in lower case (the archive's names ignore case); none is converted."""
        return {column.source.lower(): column for column in self.columns.values() if column.conversion is None}

    @property
    def lands(self) -> str:
        """The command that lands a table of the release: the same under two names, one of which is of HSC."""
        return "ingest hsc" if "hsc" in self.title.lower() else "ingest table"

    @cached_property
    def conversions(self) -> dict[str, Conversion]:
        """Conversions by our name; none in a release whose columns are ours under other names."""
        return {name: column.conversion for name, column in self.columns.items() if column.conversion is not None}

    @cached_property
    def inputs(self) -> dict[str, Input]:
        """Columns of the release that conversions read, by the release's names in lower case."""
        nulls = {name: column.nulls for name, column in self.columns.items()}
        return inputs_of(self.conversions, nulls, self.bands)

    def landed(self, name: str) -> list[str]:
        """The landed names of what one of our columns is converted from, in the order of its places."""
        return [self.inputs[read.source.lower()].landed for read in self.conversions[name].reads]


def known_releases() -> list[str]:
    return sorted(path.stem for path in RELEASES.glob("*.toml"))


def load_profile(release: str | Path, check: Callable[[str, str], None] | None = None) -> Profile:
    """Read a release profile by its name, or from a TOML file.

    Parameters
    ----------
    check : callable, optional
        Given the text and where it is from, before anything is made of it.

    Raises
    ------
    UsageError
        No such release.
    InputError
        The file is not a release profile.
    """
    path = RELEASES / f"{release}.toml"
    if not path.is_file():
        path = Path(release)
    if not path.is_file():
        raise UsageError(
            f"No release profile named {release!r}.",
            f"Known: {', '.join(known_releases())}; or give the path of a profile's .toml file.",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None
    if check is not None:
        check(text, str(path))
    return parse_profile(text, str(path))


def parse_profile(text: str, origin: str) -> Profile:
    try:
        raw = tomllib.loads(text)
        bands = {str(band): str(ucd) for band, ucd in raw["bands"].items()}
        profile = Profile(
            name=raw["name"],
            title=raw["title"],
            reference=raw["reference"],
            bands=bands,
            columns=_columns(raw, bands),
            nulls=tuple(raw["nulls"]),
            archive_cuts=tuple(raw.get("archive_cuts", ())),
            surveys=tuple(
                Survey(name, entry["column"], entry["error"]) for name, entry in raw.get("surveys", {}).items()
            ),
            not_applicable=dict(raw.get("not_applicable", {})),
            instrument=read_instrument(raw, origin),
            text=text,
        )
        # Two conversions that read one column as two types are known here, not when a file lands.
        _ = profile.inputs
        return profile
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise InputError(
            f"{origin} is not a release profile: {type(error).__name__}: {error}.",
            "It needs name, title, reference, nulls, [bands] and [columns]; every key is in docs/profiles.md.",
        ) from error


def _columns(raw: dict, bands: dict[str, str]) -> dict[str, SourceColumn]:
    """[columns] with {band} written out, each with its conversion."""
    found = {}
    known: dict[str, Column] = {}
    for _, name, entry in written_out(raw["columns"], list(bands)):
        conversion = None
        # Units and the dictionary are only looked at where something may be converted.
        if "unit" in entry or any(key in entry for key in KINDS):
            known = known or columns(bands)
            if is_conversion(entry, known.get(name)):
                conversion = conversion_of(known[name], entry)
        source = conversion.reads[0].source if conversion else entry["source"]
        found[name] = SourceColumn(name, source, tuple(entry.get("nulls", ())), conversion)
    if "spectra_errors" in raw and "specz_redshift" in found:
        made = constant_errors(raw["spectra_errors"], found["specz_redshift"].source)
        found["specz_error_kind"] = SourceColumn(made.name, made.reads[0].source, found["specz_redshift"].nulls, made)
    return found


def written_out(entries: dict, bands: list[str]) -> Iterator[tuple[str, str, dict]]:
    """Each column of [columns] with {band} written out: the key that it is of, our name, its entry as a table.

    A column that is named for one filter counts, and not what a key with {band} says of it, whatever their order.

    Parameters
    ----------
    entries : dict
        By our name: the release's name, or a table with source, nulls and its own bands.
    """
    for name, entry in entries.items():
        entry = {"source": entry} if isinstance(entry, str) else entry
        for band in entry.get("bands", bands) if "{band}" in name else [""]:
            ours = name.replace("{band}", band)
            if ours == name or ours not in entries:
                yield name, ours, {key: _filled(value, band) for key, value in entry.items()}


def _filled(value, band: str):
    """A value with {band} written out in every text of it."""
    if isinstance(value, str):
        return value.replace("{band}", band)
    return [_filled(one, band) for one in value] if isinstance(value, list) else value
