"""Versions that had pairs and kept none, and the cut that removed the last of them."""

from __future__ import annotations

from pathlib import Path

#: Number of earlier cuts, those that removed most, that are reported.
SHOWN = 3


def emptied_by(flow: Path) -> dict[str, dict]:
    """The cut that emptied each version; versions that kept a pair, or had none, are left out.

    Parameters
    ----------
    flow : Path
        The build's cut_flow.parquet.

    Returns
    -------
    dict of str to dict
        'v2' to ``pairs`` (that reach the first cut), ``cut`` (that took the last of them), its ``rows_in``, ``fails``
        and ``nulls`` (an input is missing), and ``before``: cut to pairs, of the cuts before it that took most.
    """
    import pyarrow.parquet as pq

    steps: dict[str, list[dict]] = {}
    for row in pq.read_table(flow, partitioning=None).to_pylist():
        steps.setdefault(row["version"], []).append(row)
    found = {}
    for version, rows in sorted(steps.items()):
        rows.sort(key=lambda row: row["step"])
        if not rows[0]["rows_in"] or rows[-1]["rows_out"]:
            continue
        at = next(place for place, row in enumerate(rows) if not row["rows_out"])
        took = sorted(rows[:at], key=lambda row: (row["rows_out"] - row["rows_in"], row["step"]))
        found[version] = {
            "pairs": rows[0]["rows_in"],
            **{name: rows[at][name] for name in ("cut", "rows_in", "fails", "nulls")},
            "before": {
                row["cut"]: row["rows_in"] - row["rows_out"] for row in took[:SHOWN] if row["rows_in"] > row["rows_out"]
            },
        }
    return found


def told(version: str, by: dict) -> str:
    """The same in words."""
    whole = "all" if by["rows_in"] == by["pairs"] else f"the last {by['rows_in']:,}"
    missing = f" ({by['nulls']:,} of them because an input is missing)" if by["nulls"] else ""
    before = ", ".join(f"{cut} removed {rows:,}" for cut, rows in by["before"].items())
    return (
        f"galaxies_{version} has 0 galaxies of {by['pairs']:,} pairs: the cut {by['cut']} removed {whole}{missing}"
        + (f"; before it {before}" if before else "")
        + f".  Type: galaxiesml audit cuts --version {version}"
    )
