"""Conversions that a release profile states: our column as an SQL expression over the release's own columns.

Landing keeps the release's columns as they are; staging evaluates the expression.  It is made here from parts that
were checked: numbers, words without quotes, and places ``{0}``, ``{1}`` for the columns, which each engine quotes in
its own way.  What is outside an expression's domain is NULL, on every engine: nothing here raises an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from galaxiesml.dictionary import Column, columns
from galaxiesml.toml_keys import nearest
from galaxiesml.units import ZERO_POINTS, factor, zero_point

#: Keys of a column that make a conversion of it; ``unit`` does so too where it is another unit than ours.
KINDS = ("flux", "flux_err", "ivar", "not", "bit", "text", "secure", "id", "measured", "assigned", "arbitrary")
#: Sources of a redshift's error, the worst first.
ERRORS = ("arbitrary", "assigned", "measured")
#: Bits of a signed 64-bit integer without its sign.
ID_BITS = 63
#: Magnitudes per relative error of a flux: 2.5 / ln 10.
MAG_PER_RELATIVE = 2.5 / math.log(10)
#: Letters that no name in an expression may have: each ends a quoted name, or begins a place, on some engine.
FORBIDDEN = "\"`'{}\\"
#: Columns that landing writes beside those of the file.
MADE_AT_LANDING = ("landing", "source_file", "source_sha256", "source_row")


@dataclass(frozen=True)
class Read:
    """A column of the release that an expression reads.

    Attributes
    ----------
    source : str
        The release's name.
    kind : str
        The dictionary's type that it lands as; '' keeps the file's own.
    most : int or None
        The largest value that it may have, the smallest being 0; None: no limit.
    """

    source: str
    kind: str
    most: int | None = None


@dataclass(frozen=True)
class Conversion:
    """One of our columns as an expression.

    Attributes
    ----------
    name : str
        Our column.
    reads : tuple of Read
        The release's columns, in the order of the places ``{0}``, ``{1}``.
    sql : str
        Portable SQL with a place for each column, and no other brace.
    words : str
        What is done, for people: 'rad to deg'.
    unit : str or None
        The unit that a file may state for the first column; None: any.
    positive : str
        What the last column is if a value of 0 or below gives no value: 'flux', 'inverse variance'; else ''.
    """

    name: str
    reads: tuple[Read, ...]
    sql: str
    words: str
    unit: str | None = None
    positive: str = ""

    def written(self, names: Iterable[str]) -> str:
        """The expression over columns of these names, quoted as DuckDB does it."""
        return self.sql.format(*(f'"{name}"' for name in names))


def is_conversion(entry: dict, column: Column | None) -> bool:
    """Whether an entry of [columns] makes a conversion."""
    if any(key in entry for key in KINDS):
        return True
    return bool(column and "unit" in entry and entry["unit"] != column.unit and factor(entry["unit"], column.unit) != 1)


def conversion_of(column: Column, entry: dict) -> Conversion:
    """The conversion that an entry states, {band} written out.

    Raises
    ------
    ValueError
        The entry makes no conversion of this column; the text says why.
    """
    kind = next((key for key in KINDS if key in entry), "unit")
    makers = {"flux": _flux, "flux_err": _flux_err, "ivar": _ivar, "not": _not, "bit": _bit, "text": _text}
    makers |= {"secure": _secure, "id": _id, "unit": _unit} | dict.fromkeys(ERRORS, _errors)
    return makers[kind](column, entry)


def constant_errors(kind: str, redshift: str) -> Conversion:
    """``specz_error_kind`` of a release all of whose redshift errors are of one source."""
    sql = f"case when {{0}} is not null then '{kind}' end"
    return Conversion("specz_error_kind", (Read(redshift, "double"),), sql, f"{kind}, for all spectra")


# -- one kind each -------------------------------------------------------------------------------------------


def _number(value: float) -> str:
    """A number as each engine reads a double: with an exponent."""
    if not math.isfinite(value):
        raise ValueError("its unit gives no finite number")
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def _double(place: int) -> str:
    return f"cast({{{place}}} as double)"


def _unit(column: Column, entry: dict) -> Conversion:
    times = factor(entry["unit"], column.unit)
    if times is None:
        raise ValueError(f"unit = {entry['unit']!r} cannot be converted to {column.unit or 'a pure number'}")
    value = f"({_double(0)} * {_number(times)})"
    if column.ucd.startswith("pos.eq.ra"):
        # As at landing: -180 to 0 is 180 to 360, and 360 is 0; -1e-20 + 360 is 360.
        turned = f"case when {value} + 360e0 >= 360e0 then 0e0 else {value} + 360e0 end"
        value = (
            f"case when {value} >= -180e0 and {value} < 0e0 then {turned} "
            f"when {value} = 360e0 then 0e0 else {value} end"
        )
    words = f"{entry['unit']} to {column.unit or 'a pure number'}"
    return Conversion(column.name, (Read(entry["source"], "double"),), value, words, entry["unit"])


def _flux(column: Column, entry: dict) -> Conversion:
    point = entry.get("zero_point", zero_point(entry["flux"]))
    if point is None:
        raise ValueError(
            f"flux = {entry['flux']!r} has no AB zero point; give zero_point, the magnitude of a flux of 1 in that unit"
            f"{nearest(entry['flux'], ZERO_POINTS)}"
        )
    sql = f"case when {{0}} > 0 then {_number(point)} - 2.5e0 * log10({_double(0)}) end"
    words = f"flux in {entry['flux']} to AB mag, zero point {point:g}"
    return Conversion(column.name, (Read(entry["source"], "double"),), sql, words, entry["flux"], "flux")


def _flux_err(column: Column, entry: dict) -> Conversion:
    sql = f"case when {{0}} > 0 and {{1}} >= 0 then {_number(MAG_PER_RELATIVE)} * {_double(1)} / {_double(0)} end"
    reads = (Read(entry["source"], "double"), Read(entry["flux_err"], "double"))
    return Conversion(column.name, reads, sql, "flux and its error to mag")


def _ivar(column: Column, entry: dict) -> Conversion:
    sql = (
        f"case when {{0}} > 0 and {{1}} > 0 then {_number(MAG_PER_RELATIVE)} / (sqrt({_double(1)}) * {_double(0)}) end"
    )
    reads = (Read(entry["source"], "double"), Read(entry["ivar"], "double"))
    return Conversion(column.name, reads, sql, "flux and its inverse variance to mag", positive="inverse variance")


def _not(column: Column, entry: dict) -> Conversion:
    return Conversion(column.name, (Read(entry["not"], "boolean"),), "not {0}", "the negation")


def _bit(column: Column, entry: dict) -> Conversion:
    source, *bits = entry["bit"]
    mask = sum(1 << bit for bit in set(bits))
    words = f"any of the bits {', '.join(map(str, bits))}" if len(bits) > 1 else f"bit {bits[0]}"
    return Conversion(column.name, (Read(source, "bigint"),), f"({{0}} & {mask}) <> 0", words)


def _text(column: Column, entry: dict) -> Conversion:
    return Conversion(column.name, (Read(entry["source"], ""),), "cast({0} as string)", "as text")


def _secure(column: Column, entry: dict) -> Conversion:
    sql, kind = _is_in(0, entry["secure"])
    words = f"true where it is {', '.join(map(str, entry['secure']))}"
    return Conversion(column.name, (Read(entry["source"], kind),), sql, words)


def _errors(column: Column, entry: dict) -> Conversion:
    given = [(kind, entry[kind]) for kind in ERRORS if kind in entry]
    is_text = any(isinstance(value, str) for _, values in given for value in values)
    whens = " ".join(f"when {_is_in(0, values, is_text)[0]} then '{kind}'" for kind, values in given)
    words = "; ".join(f"{kind} where it is {', '.join(map(str, values))}" for kind, values in given)
    reads = (Read(entry["source"], "text" if is_text else "double"),)
    return Conversion(column.name, reads, f"case {whens} end", words)


def _is_in(place: int, values: list, is_text: bool | None = None) -> tuple[str, str]:
    """A condition on the column at a place, and the type that it lands as."""
    if is_text is None:
        is_text = any(isinstance(value, str) for value in values)
    if is_text:
        return f"{{{place}}} in ({', '.join(_word(str(value)) for value in values)})", "text"
    return f"{_double(place)} in ({', '.join(_number(value) for value in values)})", "double"


def _word(text: str) -> str:
    if any(letter in text for letter in FORBIDDEN):
        raise ValueError(f"{text!r} has a quote, a brace or a backslash")
    return f"'{text}'"


def _id(column: Column, entry: dict) -> Conversion:
    parts = entry["id"]
    bits = entry.get("bits") or [ID_BITS // len(parts)] * len(parts)
    if len(bits) != len(parts):
        raise ValueError(f"bits has {len(bits)} numbers for {len(parts)} columns of id")
    if min(bits) < 1 or sum(bits) > ID_BITS:
        raise ValueError(f"bits: each must be 1 or more, and their sum at most {ID_BITS}; it is {sum(bits)}")
    reads = tuple(Read(part, "bigint", (1 << size) - 1) for part, size in zip(parts, bits, strict=True))
    fits = " and ".join(f"{{{place}}} between 0 and {read.most}" for place, read in enumerate(reads))
    terms = [
        f"cast({{{place}}} as bigint)" + (f" * {1 << sum(bits[place + 1 :])}" if bits[place + 1 :] else "")
        for place in range(len(parts))
    ]
    words = f"packed into 64 bits: {', '.join(f'{size} of {part}' for part, size in zip(parts, bits, strict=True))}"
    return Conversion(column.name, reads, f"case when {fits} then {' + '.join(terms)} end", words)


# -- the release's columns as they land ----------------------------------------------------------------------


@dataclass(frozen=True)
class Input:
    """A column of the release that lands for conversions.

    Attributes
    ----------
    source : str
        The release's name.
    landed : str
        Its name in landed tables: the release's, or one that is not ours.
    kind : str
        The dictionary's type, or '' for the file's own.
    nulls : tuple of str
        Values that mean NULL in it.
    limits : tuple of (str, int)
        Our columns of which it is a part, and the largest value that it may have there; the smallest is 0.
    """

    source: str
    landed: str
    kind: str
    nulls: tuple[str, ...] = ()
    limits: tuple[tuple[str, int], ...] = ()


def inputs_of(conversions: dict[str, Conversion], nulls: dict[str, tuple[str, ...]], bands: dict[str, str]) -> dict:
    """Every column that the conversions read, by the release's name in lower case.

    Parameters
    ----------
    conversions : dict of str to Conversion
        By our name.
    nulls : dict of str to tuple of str
        By our name: values that mean NULL in what it is made of.

    Raises
    ------
    ValueError
        Two conversions read one column as different types.
    """
    found: dict[str, Input] = {}
    # SQL ignores case, and a landed table has our columns and its keys beside these.
    taken = {*MADE_AT_LANDING, *(name.lower() for name, column in columns(bands).items() if column.of)}
    for name, conversion in conversions.items():
        for read in conversion.reads:
            known = found.get(read.source.lower())
            if known is None:
                landed = read.source
                while landed.lower() in taken:
                    landed += "_source"
                taken.add(landed.lower())
                known = Input(read.source, landed, read.kind)
            if known.kind != read.kind:
                raise ValueError(f"{read.source!r} is read as {known.kind or 'text'} and as {read.kind or 'text'}")
            limits = ((name, read.most),) if read.most is not None else ()
            every = dict.fromkeys((*known.nulls, *nulls.get(name, ())))
            found[read.source.lower()] = Input(
                known.source, known.landed, known.kind, tuple(every), (*known.limits, *limits)
            )
    return found


def converted(source: str, named: dict[str, tuple[Conversion, list[str]]], types: dict[str, str]) -> str:
    """A table expression in which our columns stand beside those that they are made of.

    Parameters
    ----------
    source : str
        A DuckDB table expression; returned as it is where nothing is converted.
    named : dict of str to (Conversion, list of str)
        By our name, with the landed names of what it reads.
    types : dict of str to str
        By our name: the SQL type.
    """
    if not named:
        return source
    made = ", ".join(
        f"cast({conversion.written(names)} as {types[name]}) as {name}" for name, (conversion, names) in named.items()
    )
    return f"(select *, {made} from {source})"
