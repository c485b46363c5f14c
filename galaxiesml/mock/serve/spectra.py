"""The simulated surveys as VizieR has them: tables with its names, its columns, their UCDs and units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.errors import InputError
from galaxiesml.mock.serve.sql.formats import plain

#: VVDS stands in several tables, by field; a client that takes one of them has not taken VVDS.
_VVDS = ("cdfsdeep", "f02deep", "f02udeep", "f10wide", "f14wide", "f22wide")
_VIPERS = "J/A+A/609/A84/vipersw"
_RA, _DEC = "pos.eq.ra;meta.main", "pos.eq.dec;meta.main"
_ID, _MAG = "meta.id;meta.main", "phot.mag"
#: UCDs of columns that are texts.
_TEXTS = ("meta.id", "src.class", "obs.")
_Z, _E_Z, _Q_Z = "src.redshift", "stat.error;src.redshift", "meta.code.qual;src.redshift"


@dataclass(frozen=True)
class Column:
    """A column: VizieR's name, UCD, unit (astropy's words) and whether it is shown without being asked for."""

    name: str
    ucd: str
    unit: str | None = None
    is_main: bool = True


@dataclass(frozen=True)
class Table:
    """A table of VizieR.

    Attributes
    ----------
    name : str
        As J/A+A/609/A84/vipersw1.
    title : str
    columns : tuple of Column
    rows : pyarrow.Table
        With the columns' names, in their order.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: pa.Table

    @property
    def position(self) -> tuple[str, str]:
        """Names of right ascension and declination, degrees."""
        names = {column.ucd: column.name for column in self.columns}
        return names[_RA], names[_DEC]


def load_spectra(folder: Path) -> dict[str, Table]:
    """Every table of a sky's folder ``specz``, by name.

    PRIMUS is not among them: VizieR has no such table.

    Raises
    ------
    InputError
        A file is missing or has other columns.
    """
    found: dict[str, Table] = {}
    for file, (name, title, told) in _TABLES.items():
        rows = _read(folder / file, told)
        columns = (Column("recno", "meta.record", is_main=False), *told.values())
        parts = _split(rows) if name.endswith("/") else {"": rows}
        for part, some in parts.items():
            numbered = [pa.array(np.arange(1, some.num_rows + 1)), *some.columns]
            table = pa.table(numbered, names=[column.name for column in columns])
            found[name + part] = Table(name + part, title, columns, table)
    # The sky has nothing in VIPERS's other field; a client that asks for both finds both.
    first = found[_VIPERS + "1"]
    found[_VIPERS + "4"] = Table(_VIPERS + "4", "VIPERS PDR-2, field W4 (simulated)", first.columns, first.rows[:0])
    return found


def _split(rows: pa.Table) -> dict[str, pa.Table]:
    numbers = np.arange(rows.num_rows)
    return {part: rows.take(pa.array(numbers[at :: len(_VVDS)])) for at, part in enumerate(_VVDS)}


def _read(path: Path, columns: dict[str, Column]) -> pa.Table:
    try:
        rows = (_read_csv(path) if path.suffix == ".csv" else _read_fits(path)).select(list(columns))
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: {error}", "Write the sky again with mock sky --force.") from error
    if rows.num_rows:
        return rows
    # A CSV file without rows says nothing of its types.
    kinds = [pa.string() if column.ucd.startswith(_TEXTS) else pa.float64() for column in columns.values()]
    return pa.schema(zip(columns, kinds, strict=True)).empty_table()


def _read_csv(path: Path) -> pa.Table:
    import polars as pl

    # Opened here: a name may hold what is taken for a pattern.
    with path.open("rb") as file:
        found = pl.read_csv(file, infer_schema_length=None)
    return plain(found.to_arrow())


def _read_fits(path: Path) -> pa.Table:
    from astropy.io import fits

    with fits.open(path, memmap=False) as opened:
        data = opened[1].data
        values = {name: np.asarray(data[name]) for name in data.names}
    return pa.table({name: one.astype(str) if one.dtype.kind in "SU" else _native(one) for name, one in values.items()})


def _native(values: np.ndarray) -> np.ndarray:
    return values.astype(values.dtype.newbyteorder("="))


#: File of the sky to VizieR's table: its name, title, and columns by the survey's own names.  VizieR's own names of
#: most columns are not known here: a client finds them by UCD.
_TABLES: dict[str, tuple[str, str, dict[str, Column]]] = {
    "vipers_w1_spectro_pdr2.csv": (
        "J/A+A/609/A84/vipersw1",
        "VIPERS PDR-2, field W1 (simulated)",
        {
            "num": Column("num", "meta.record"),
            "id_IAU": Column("VIPERS", _ID),
            "alpha": Column("RAJ2000", _RA, "deg"),
            "delta": Column("DEJ2000", _DEC, "deg"),
            "selmag": Column("imag", f"{_MAG};em.opt.I", "mag"),
            "errselmag": Column("e_imag", f"stat.error;{_MAG};em.opt.I", "mag", False),
            "pointing": Column("Pointing", "obs.field", None, False),
            "zspec": Column("zspec", _Z),
            "zflg": Column("zflg", _Q_Z),
            "classFlag": Column("classFlag", "meta.code", None, False),
            "epoch": Column("epoch", "meta.code", None, False),
            "photoMask": Column("photoMask", "meta.code", None, False),
            "tsr": Column("tsr", "stat.value", None, False),
            "ssr": Column("ssr", "stat.value", None, False),
        },
    ),
    "zcosmos_bright_dr3.csv": (
        "J/ApJS/172/70/zcosmos3",
        "zCOSMOS-bright DR3 (simulated)",
        {
            "zCOSMOS": Column("zCOSMOS", _ID),
            "RAJ2000": Column("RAJ2000", _RA, "deg"),
            "DEJ2000": Column("DEJ2000", _DEC, "deg"),
            "Imag": Column("Imag", f"{_MAG};em.opt.I", "mag"),
            "z": Column("z", _Z),
            "CC": Column("CC", _Q_Z),
            "Flag": Column("Flag", "meta.code", None, False),
        },
    ),
    "vvds_final.csv": (
        "J/A+A/559/A14/",
        "VVDS final (simulated)",
        {
            "NUM": Column("Num", "meta.record"),
            "ID-IAU": Column("VVDS", _ID),
            "ALPHA": Column("RAJ2000", _RA, "deg"),
            "DELTA": Column("DEJ2000", _DEC, "deg"),
            "MAGI": Column("IABmag", f"{_MAG};em.opt.I", "mag"),
            "Z": Column("z", _Z),
            "ZFLAGS": Column("q_z", _Q_Z),
        },
    ),
    "sdss_dr14.csv": (
        "V/154/sdss16",
        "SDSS DR16, objects with spectra (simulated)",
        {
            "specObjID": Column("SpObjID", _ID),
            "ra": Column("RA_ICRS", _RA, "deg"),
            "dec": Column("DE_ICRS", _DEC, "deg"),
            "class": Column("spCl", "src.class"),
            "z": Column("zsp", _Z),
            "zErr": Column("e_zsp", _E_Z),
            "zWarning": Column("f_zsp", _Q_Z),
        },
    ),
    "deep2_dr4.fits": (
        "III/268/deep2dr4",
        "DEEP2 DR4 (simulated)",
        {
            "OBJNO": Column("ObjNo", _ID),
            "RA": Column("RAJ2000", _RA, "deg"),
            "DEC": Column("DEJ2000", _DEC, "deg"),
            "MAGB": Column("Bmag", f"{_MAG};em.opt.B", "mag"),
            "MAGR": Column("Rmag", f"{_MAG};em.opt.R", "mag"),
            "MAGI": Column("Imag", f"{_MAG};em.opt.I", "mag"),
            "PGAL": Column("PG", "stat.probability", None, False),
            "MASK": Column("Mask", "meta.id;instr", None, False),
            "SLIT": Column("Slit", "meta.id;instr", None, False),
            "Z": Column("z", _Z, None, False),
            "ZBEST": Column("zBest", _Z),
            "ZERR": Column("e_zBest", _E_Z),
            "ZQUALITY": Column("q_zBest", _Q_Z),
        },
    ),
    "gama_dr3.fits": (
        "J/MNRAS/474/3875/gamadr3",
        "GAMA DR3 (simulated)",
        {
            "CATAID": Column("GAMA", _ID),
            "SPECID": Column("SpecID", "meta.id"),
            "RA": Column("RAJ2000", _RA, "deg"),
            "DEC": Column("DEJ2000", _DEC, "deg"),
            "SURVEY": Column("Survey", "meta.id;meta.dataset", None, False),
            "Z": Column("z", _Z),
            "NQ": Column("q_z", _Q_Z),
            "PROB": Column("Prob", "stat.probability", None, False),
            "PETROMAG_R": Column("rmag", f"{_MAG};em.opt.R", "mag"),
        },
    ),
}
