"""`galaxiesml evaluate --nz`: n(z) of a sample from stacked PDFs."""

from __future__ import annotations

from pathlib import Path

from galaxiesml.cli import common

#: What is said once, whatever is printed.
CAUTION = (
    "Stacked PDFs are not a posterior of n(z): they are right only if the sample is like the training galaxies, and "
    "the intervals hold the sample's noise alone."
)
#: Bins that hold less than this share of the highest are not printed, beyond the last that holds more.
_LEAST = 1e-3


def nz(
    runs: list[str], of: str, where: str, bins: str | None, tomography: str | None, plot: Path | None, as_json: bool
):
    """Print n(z) and mean redshifts of runs; draw them where a picture is asked for."""
    from galaxiesml.curation import stacked
    from galaxiesml.plots.page import page_format

    if plot is not None:
        page_format(plot)
    cuts = stacked.numbers("--tomography", tomography) if tomography else ()
    if len(cuts) == 1:
        from galaxiesml.errors import UsageError

        raise UsageError(f"--tomography {tomography}: one number is no bin.", "For example: --tomography 0.3,0.6,0.9")
    catalog = common.catalog()
    asked = stacked.Asked(of, where, bins, cuts)
    with common.progress("Stacking", unit="galaxies") as bar:
        found = stacked.stack(catalog, runs, asked, bar.advance)
    common.warn(CAUTION)
    told = {"sample": of, "where": where, "notes": [CAUTION]}
    if as_json:
        common.print_json(told | {"runs": [vars(one) for one in found]})
    else:
        for one in found:
            _print(one, is_one=len(found) == 1)
    if plot is not None:
        from galaxiesml.plots.nz import draw_nz

        title = f"n(z), {of} galaxies" + (f", {where}" if where else "")
        draw_nz([(one.run, one.bins, one.tomography) for one in found], title).save(plot)
        common.say(f"The picture is {plot}.")


def _print(found, is_one: bool) -> None:
    if not is_one:
        common.result(f"{found.run}:")
    common.table([_mean(row) for row in found.tomography])
    common.result("")
    rows = [row for row in found.bins if row["tomography"] == "all"]
    highest = max((max(row["nz"] or 0, row["spec"] or 0) for row in rows), default=0)
    held = [place for place, row in enumerate(rows) if max(row["nz"] or 0, row["spec"] or 0) >= _LEAST * highest]
    common.table([_bin(row) for row in rows[: held[-1] + 1 if held else 0]])
    if any(row["bias"] is None for row in found.tomography):
        common.say("No value: fewer than 20 galaxies, or none with a spectroscopic redshift.")


def _mean(row: dict) -> dict:
    return {
        "z_phot": row["tomography"],
        "galaxies": row["galaxies"],
        "with spectrum": row["with_spectrum"],
        "mean z": _with_error(row, "mean"),
        "mean z of spectra": _with_error(row, "mean_spec"),
        "bias": _with_error(row, "bias", "+"),
        "95 % interval": "-" if row["bias"] is None else f"[{row['bias_low']:+.4f}, {row['bias_high']:+.4f}]",
    }


def _with_error(row: dict, name: str, sign: str = "") -> str:
    if row[name] is None or row[f"{name}_error"] is None:
        return "-"
    return f"{row[name]:{sign}.4f} ± {row[f'{name}_error']:.4f}"


def _bin(row: dict) -> dict:
    line = {"z": f"{row['low']:g} to {row['high']:g}"}
    for head, name in (("n(z)", "nz"), ("spectra", "spec")):
        has = row[name] is not None
        line[head] = f"{row[name]:.3f}" if has else "-"
        line[f"{head} 95 %"] = f"[{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]" if has else "-"
    return line
