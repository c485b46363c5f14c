"""`make demo`: from nothing to an audited catalogue, as a user would type it, in the folder demo/."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path("demo")
EXPORT = Path("..") / "mock" / "export.csv.gz"


def type_in(folder: Path, *words: str) -> str:
    """Type one command, showing it and what it prints; the demo stops where it fails."""
    print(f"\n$ galaxiesml {' '.join(word if ' ' not in word else repr(word) for word in words)}", flush=True)
    run = subprocess.run([sys.executable, "-m", "galaxiesml", *words], cwd=folder, stdout=subprocess.PIPE, text=True)
    print(run.stdout, end="", flush=True)
    if run.returncode:
        sys.exit(run.returncode)
    return run.stdout


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    type_in(FOLDER, "mock", "export", "--rows", "20000")
    type_in(FOLDER, "init", "cat", "--release", "pdr2_wide")
    catalog = FOLDER / "cat"
    type_in(catalog, "ingest", "hsc", str(EXPORT))
    type_in(catalog, "build")
    type_in(catalog, "audit", "cuts")
    type_in(catalog, "audit", "diff", "v1", "v2")
    first = type_in(catalog, "sql", "select min(object_id) as object_id from galaxies", "--format", "json")
    type_in(catalog, "audit", "row", str(json.loads(first)[0]["object_id"]))
    type_in(catalog, "audit", "lineage", "galaxies.specz_redshift")
    type_in(catalog, "audit", "cuts", "--graph", "flow.png")
    type_in(catalog, "export", "parquet")
    type_in(catalog, "export", "csv")
    print(
        f"""
Made in {FOLDER}/:
  mock/export.csv.gz, mock/truth.json        the simulated export, and what is true of it
  cat/                                       the catalogue
  cat/flow.png                               the flow chart with its counts
  cat/exports/galaxies_v2.parquet, .csv      the default version, with units
Try next, in {FOLDER}/cat:
  galaxiesml audit cuts --version v3 --without agreement
  galaxiesml sql "select first_cut, count(*) from rejections where version = 'v2' group by all order by 2 desc"
  galaxiesml sql --file ../../sql/analyses/what_each_cut_costs.sql
  galaxiesml status"""
    )


if __name__ == "__main__":
    main()
