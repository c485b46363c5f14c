"""Release profiles: the column names of a release's exports.

A release is one TOML file, ``releases/<name>.toml`` here or any file given to ``galaxiesml init``;
a new release needs a file and no code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from galaxiesml.errors import InputError, UsageError
from galaxiesml.instrument import Instrument
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
        The release's name.
    nulls : tuple of str
        Values that mean 'none' in this column, as text.
    """

    name: str
    source: str
    nulls: tuple[str, ...] = ()


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
    instrument: Instrument = field(default_factory=Instrument)
    text: str = field(default="", repr=False)

    @property
    def ours(self) -> dict[str, SourceColumn]:
        """Our columns by the release's names, in lower case (the archive's names ignore case)."""
        return {column.source.lower(): column for column in self.columns.values()}


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
        return Profile(
            name=raw["name"],
            title=raw["title"],
            reference=raw["reference"],
            bands=bands,
            columns={column.name: column for _, column in written_out(raw["columns"], list(bands))},
            nulls=tuple(raw["nulls"]),
            archive_cuts=tuple(raw.get("archive_cuts", ())),
            surveys=tuple(
                Survey(name, entry["column"], entry["error"]) for name, entry in raw.get("surveys", {}).items()
            ),
            instrument=read_instrument(raw, origin),
            text=text,
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{origin} is not a release profile: {type(error).__name__}: {error}.",
            "It needs name, title, reference, nulls, [bands] and [columns]; every key is in docs/profiles.md.",
        ) from error


def written_out(entries: dict, bands: list[str]) -> Iterator[tuple[str, SourceColumn]]:
    """Each column of [columns] with {band} written out, after the key that it is of.

    A column that is named for one filter counts, and not what a key with {band} says of it, whatever their order.

    Parameters
    ----------
    entries : dict
        By our name: the release's name, or a table with source, nulls and its own bands.
    """
    for name, entry in entries.items():
        entry = {"source": entry} if isinstance(entry, str) else entry
        for band in entry.get("bands", bands) if "{band}" in name else [""]:
            ours, theirs = name.replace("{band}", band), entry["source"].replace("{band}", band)
            if ours == name or ours not in entries:
                yield name, SourceColumn(ours, theirs, tuple(entry.get("nulls", ())))
