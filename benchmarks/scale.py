"""How a build grows: 10, 30 and 100 million objects under one memory limit, and the same rows on Sail and Spark.

    python benchmarks/scale.py                                       # 10 million objects, 500,000 spectra
    python benchmarks/scale.py --sizes 1e7,3e7,1e8                   # all three
    python benchmarks/scale.py --sizes 1e6 --engines duckdb,sail     # a look
    python benchmarks/scale.py --sizes 1e6 --engines duckdb,spark --spark-python ~/spark/bin/python

The catalogue is generated in place.  A simulated export lands as any other; its copies are written as ten landed files
of objects and ten of spectra.  Every copy has other identifiers, names and positions, and a copy's rows are spread over
all files, so that no row group's statistics rule it out.  How many rows each version keeps is therefore known, and
asserted.

Every build is a process of its own, and so are its peaks.  A build of the same files without rows is what dbt and the
start cost whatever the rows; it is subtracted.  CPU seconds are the figure to compare: a machine that does other work
lengthens the others.  At most 30 GB of disk are used, checked before and while it runs; each size is deleted before
the next.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

#: Objects a spectrum, as in the issue of sizes: 10^7 objects have 5 x 10^5 spectra.
OBJECTS_PER_SPECTRUM = 20
#: Landed files of objects, and as many of spectra.
FILES = 10
#: Rows of the simulated export that is copied, and its stripes: rows of one stay in one file, in their order.
TEMPLATE, STRIPE = 1_000_000, 20_000
#: Of what an export may bring, what leaves 49 columns of objects.
LEFT_OUT = ("coord", "skymap_id", "tract", "patch", "parent_id", "nchild", "a_{band}")
#: An odd factor spreads consecutive numbers over all 62 bits, each to another identifier.
FACTOR, MASK = 0x9E3779B97F4A7C15, (1 << 62) - 1
#: The most disk that is ever used, and what an object and its part of the spectra, builds and spill take: bytes.
DISK, BYTES_PER_OBJECT = 30_000_000_000, 260
#: Peak memory may be so much of the limit.
MEMORY = 1.25
#: A build's content identifier may take so much of its CPU time.
IDENTIFIER = 0.10
#: The largest size that is given to an engine other than DuckDB: Spark costs seconds a model, whatever the rows.
LARGEST = {"sail": 10_000_000, "spark": 1_000_000}


# -- the catalogue -------------------------------------------------------------------------------------------


def generate(work: Path, objects: int, files: int = FILES) -> dict[str, int]:
    """Write catalogues ``cat`` and ``empty`` below a folder; returns the rows that each version keeps of ``cat``.

    ``empty`` has the same landed files without rows.
    """
    import numpy as np
    import pyarrow.parquet as pq

    from galaxiesml.catalog import Catalog

    rows = min(TEMPLATE, objects // files // STRIPE * STRIPE)
    copies, rest = divmod(objects, rows or 1)
    if not rows or rest or copies % files:
        sys.exit(f"{objects:,} objects are not {files} files of whole stripes of {STRIPE:,} objects.")
    template, truth = _template(work, rows)
    tables, notes = {}, {}
    for note in template.landings():
        folder = template.raw / "hsc" / f"{note['landing']:04d}-{note['source_sha256'][:12]}"
        tables[note["kind"]], notes[note["kind"]] = pq.read_table(folder / f"{note['kind']}.parquet"), note
    ids = [tables[kind]["object_id"].to_numpy() for kind in ("objects", "specz")]
    _, numbers = np.unique(np.concatenate(ids), return_inverse=True)
    of_objects, of_spectra = numbers[:rows], numbers[rows:]
    # A spectrum goes with its object's stripe; of one without an object any stripe will do.
    stripes = np.zeros(numbers.max() + 1, np.int64)
    stripes[of_objects] = np.arange(rows) // STRIPE
    root = {name: Catalog.create(work / name, template.profile.name) for name in ("cat", "empty")}
    for kind, number in (("objects", of_objects), ("specz", of_spectra)):
        for file in range(files):
            # Objects and spectra of one stripe and copy are in different files.
            turn = (stripes[number] * (1 if kind == "objects" else 3) + file) % files
            landing = file + 1 + (files if kind == "specz" else 0)
            told = notes[kind] | {"landing": landing, "source_file": f"{kind}_{landing:02d}.parquet"}
            table, blocks = tables[kind], copies // files
            copied = (_copy(table, number, block * files + turn, copies) for block in range(blocks))
            _land(root["cat"], told, copied, blocks)
            _land(root["empty"], told, iter([table.slice(0, 0)]), 0)
    shutil.rmtree(template.root)
    return {name: of["rows"] * copies for name, of in truth["versions"].items()}


def _template(work: Path, rows: int):
    """A simulated export, landed; and what it says of itself."""
    from galaxiesml.catalog import Catalog

    made, root = work / "export", work / "template"
    words = ["mock", "export", "--rows", rows, "--spectra", rows // OBJECTS_PER_SPECTRUM, "--split"]
    words += ["--format", "parquet", "--out", made, *(word for name in LEFT_OUT for word in ("--leave-out", name))]
    for command in (
        words,
        ["init", root, "--release", "pdr2_wide"],
        ["-C", root, "ingest", "hsc", made / "objects.parquet", made / "specz.parquet"],
    ):
        subprocess.run([sys.executable, "-m", "galaxiesml", "-q", *map(str, command)], check=True, capture_output=True)
    truth = json.loads((made / "truth.json").read_text())
    shutil.rmtree(made)
    return Catalog.open(root), truth


def _copy(table, numbers, copy, copies: int):
    """Rows of the template as others: row by row of one of the copies."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = ((numbers * copies + copy).astype(np.uint64) * np.uint64(FACTOR) & np.uint64(MASK)).astype(np.int64)
    changed = {"object_id": pa.array(ids)}
    shift = pa.array(copy * (360.0 / copies))
    for name in ("ra", "specz_ra"):
        if name in table.column_names:
            turned = pc.add(table[name], shift)
            changed[name] = pc.if_else(pc.greater_equal(turned, 360.0), pc.subtract(turned, 360.0), turned)
    if "specz_name" in table.column_names:
        suffix = pc.cast(pa.array(copy), pa.string())
        changed["specz_name"] = pc.binary_join_element_wise(table["specz_name"], suffix, "/")
    for name, values in changed.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def _land(catalog, told: dict, blocks, times: int) -> None:
    """Write one landed file as landing writes it; the file that it is said to be of never was."""
    import pyarrow as pa

    from galaxiesml.catalog.landing import write_note
    from galaxiesml.ingest.groups import Groups
    from galaxiesml.ingest.ledger import folder_of, publish

    told = told | {"source_sha256": hashlib.sha256(told["source_file"].encode()).hexdigest()}
    told |= {name: told[name] * times for name in ("rows", "with_spectrum", "bytes")}
    folder = catalog.raw / f".tmp-{folder_of(catalog, told).name}"
    folder.mkdir(parents=True)
    writer, start = None, 1
    with contextlib.ExitStack() as open_files:
        for block in blocks:
            rows = block.num_rows
            keys = {
                name: pa.repeat(pa.scalar(told[name]), rows) for name in ("landing", "source_file", "source_sha256")
            }
            keys["source_row"] = pa.array(range(start, start + rows), pa.int64())
            for name, values in keys.items():
                block = block.set_column(block.column_names.index(name), block.schema.field(name), values)
            writer = writer or open_files.enter_context(Groups(folder / f"{told['kind']}.parquet", block.schema))
            writer.add(block)
            start += rows
    write_note(folder, told)
    publish(catalog, folder, told, None)


# -- what runs in a process of its own -----------------------------------------------------------------------


def build(root: Path, engine: str, threads: int, memory_limit: str) -> dict:
    """Build a catalogue in this process; returns what it cost and its version's rows."""
    from galaxiesml.catalog import Catalog
    from galaxiesml.curation import build as module
    from galaxiesml.curation.engines import adopt
    from galaxiesml.curation.engines.choice import chosen

    spent: dict[str, float] = {"content_sha256": 0.0, "adopt": 0.0, "content_sha256 wall": 0.0, "adopt wall": 0.0}
    nodes: dict[str, float] = {}
    module.content_sha256 = _clocked(module.content_sha256, "content_sha256", spent)
    adopt.adopt = _clocked(adopt.adopt, "adopt", spent)
    write_manifest = module._write_manifest

    def noted(project, results, folder):
        # Of Sail and Spark these results are of compiling for DuckDB.
        if engine == "duckdb":
            nodes.update({result.node.alias: result.execution_time for result in results})
        write_manifest(project, results, folder)

    module._write_manifest = noted
    catalog = Catalog.open(root)
    start = time.perf_counter()
    with catalog.lock("benchmark"):
        built = module.build(
            catalog, accept_missing=("all",), threads=threads, memory_limit=memory_limit, engine=chosen(engine)
        )
    wall = time.perf_counter() - start
    times = os.times()
    return {
        "build": built.info["id"],
        "versions": {name: of["rows"] for name, of in built.info["versions"].items()},
        "wall_s": wall,
        # Spark's driver is a child; Sail's server and DuckDB are threads of this process.
        "cpu_s": times.user + times.system + times.children_user + times.children_system,
        "identifier_cpu_s": spent["content_sha256"],
        "identifier_wall_s": spent["content_sha256 wall"],
        "adopt_cpu_s": spent["adopt"],
        "adopt_wall_s": spent["adopt wall"],
        "models_s": dict(sorted(nodes.items(), key=lambda item: -item[1])[:12]),
        **_of_process(),
    }


def _clocked(function, name: str, spent: dict[str, float]):
    def clocked(*arguments):
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            return function(*arguments)
        finally:
            spent[name] += time.process_time() - cpu
            spent[f"{name} wall"] += time.perf_counter() - wall

    return clocked


def _of_process() -> dict:
    """Peak memory and bytes of this process, as Linux counts them."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return {
        # Not ru_maxrss: that of a child begins with what its parent held.
        "peak_bytes": int(status["VmHWM"].split()[0]) * 1024,
        "read_bytes": int(io["rchar"]),
        "read_from_disk_bytes": int(io["read_bytes"]),
        "written_bytes": int(io["wchar"]),
    }


def compare(root: Path, builds: list[str]) -> list[str]:
    """Differences between two builds' tables, in words."""
    from galaxiesml.catalog import Catalog
    from galaxiesml.curation.content import content_sha256
    from galaxiesml.curation.engines.compare import differences, keys_of

    catalog = Catalog.open(root)
    first, second = (catalog.builds / name for name in builds)
    names = sorted({path.stem for folder in (first, second) for path in folder.glob("*.parquet")})
    found = []
    for name in names:
        files = [folder / f"{name}.parquet" for folder in (first, second)]
        if not all(file.is_file() for file in files):
            found.append(f"{name} is in one build alone")
        elif content_sha256(files[0]) != content_sha256(files[1]):
            found += [
                f"{name} ({one.key}) {one.column}: {one.values[0]} and {one.values[1]}, in {one.rows:,} rows"
                for one in differences(first, second, name, keys_of(catalog)[name])
            ] or [f"{name}: the order of its rows, or the sign of a zero"]
    return found


CHILDREN = {"generate": generate, "build": build, "compare": compare}


def child(name: str, arguments: list, python: str = sys.executable, watched: Path | None = None) -> tuple:
    """Run one of CHILDREN in a process of its own; returns what it returned, and the peak of the watched spill.

    Parameters
    ----------
    watched : Path, optional
        The catalogue whose ``.tmp`` is looked at; its disk is, too.
    """
    command = [python, __file__, "--child", name, "--arguments", json.dumps(arguments, default=str)]
    # A session of its own, so that all that it starts ends with it.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    spilled, over = 0, ""
    try:
        while True:
            try:
                out, err = process.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                spilled = max(spilled, size_of(watched / ".tmp") if watched else 0)
                if watched and size_of(watched.parent) > DISK:
                    over = f"More than {DISK / 1e9:g} GB of disk were used."
                    _end(process)
    finally:
        _end(process)
    if process.returncode:
        sys.exit(over or f"{name} ended with {process.returncode}:\n{err[-4000:]}")
    return json.loads(out.splitlines()[-1]), spilled


def _end(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def size_of(folder: Path) -> int:
    """Bytes that a folder takes, while others write and delete in it."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return total


# -- the sizes -----------------------------------------------------------------------------------------------


def measure(options: argparse.Namespace) -> dict:
    found = {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "threads": options.threads,
        "memory_limit": options.memory_limit,
        "sizes": [],
    }
    for objects in options.sizes:
        check_disk(options.work, objects)
        with tempfile.TemporaryDirectory(prefix="galaxiesml-scale-", dir=options.work) as work:
            found["sizes"].append(measure_size(Path(work), objects, options))
            if not options.json:
                print(f"{objects:,} objects done", file=sys.stderr)
    found["growth"] = growth(found["sizes"])
    return found


def check_disk(work: Path | None, objects: int) -> None:
    """End with a sentence if a size needs more disk than there is, or than may be used."""
    place = work or Path(tempfile.gettempdir())
    need, free = objects * BYTES_PER_OBJECT + 500_000_000, shutil.disk_usage(place).free
    if need > min(free, DISK):
        sys.exit(
            f"{objects:,} objects need about {need / 1e9:.0f} GB of disk; {place} has {free / 1e9:.0f} GB, "
            f"and at most {DISK / 1e9:g} GB are used. Give another folder with --work, or smaller --sizes."
        )


def measure_size(work: Path, objects: int, options: argparse.Namespace) -> dict:
    (expected, _), began = child("generate", [work, objects, options.files], watched=work / "cat"), time.perf_counter()
    cat, settings = work / "cat", [options.threads, options.memory_limit]
    landed = sum(path.stat().st_size for path in cat.glob("raw/hsc/0*/*.parquet"))
    line = {"objects": objects, "spectra": objects // OBJECTS_PER_SPECTRUM, "landed_bytes": landed, "builds": {}}
    for engine in options.engines:
        python = options.spark_python if engine == "spark" else sys.executable
        if why := skipped(engine, objects, python):
            line["builds"][engine] = {"skipped": why}
            continue
        fixed, _ = child("build", [work / "empty", engine, *settings], python, work / "empty")
        of, spilled = child("build", [cat, engine, *settings], python, cat)
        if of["versions"] != expected:
            sys.exit(f"{engine} keeps {of['versions']}, the truth is {expected}.")
        of |= {"spilled_bytes": spilled, "rows_written": sum(of["versions"].values())}
        of |= {f"net_{kind}": of[kind] - fixed[kind] for kind in ("wall_s", "cpu_s", "read_bytes")}
        of["fixed_wall_s"], of["fixed_cpu_s"] = fixed["wall_s"], fixed["cpu_s"]
        line["builds"][engine] = of
        first = line["builds"][options.engines[0]]
        if of is not first:
            told, _ = child("compare", [cat, [first["build"], of["build"]]])
            if told:
                sys.exit(f"{engine} and {options.engines[0]} differ:\n  " + "\n  ".join(told))
    return line | {"seconds": time.perf_counter() - began}


def skipped(engine: str, objects: int, python: str) -> str:
    """Why an engine does not build a size; empty if it does."""
    if objects > LARGEST.get(engine, objects):
        return f"at most {LARGEST[engine]:,} objects"
    code = f"from galaxiesml.curation.engines.choice import chosen; chosen({engine!r})"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1].partition(": ")[2] if done.returncode else ""


def growth(sizes: list[dict]) -> list[dict]:
    """Exponents between neighbouring sizes: 1 where twice the rows take twice as much."""
    lines = []
    for small, large in itertools.pairwise(sizes):
        one, other = small["builds"].get("duckdb"), large["builds"].get("duckdb")
        if one and other:
            scale = math.log(large["objects"] / small["objects"])
            power = {
                kind: round(math.log(other[kind] / one[kind]) / scale, 2)
                for kind in ("net_cpu_s", "net_wall_s", "net_read_bytes")
                if one[kind] > 0 and other[kind] > 0
            }
            lines.append({"from": small["objects"], "to": large["objects"]} | power)
    return lines


# -- the command ---------------------------------------------------------------------------------------------


def limits(found: dict) -> dict[str, bool]:
    """What holds of what the project asks of itself."""
    from galaxiesml.curation.engines.servers import size

    allowed, held = MEMORY * size(found["memory_limit"]), {}
    for line in found["sizes"]:
        of = line["builds"].get("duckdb")
        if of:
            held[f"{line['objects']:,}: peak memory at most {allowed / 1e9:g} GB"] = of["peak_bytes"] <= allowed
            held[f"{line['objects']:,}: content identifier at most {IDENTIFIER:.0%} of the CPU time"] = (
                of["identifier_cpu_s"] <= IDENTIFIER * of["cpu_s"]
            )
    return held


def show(found: dict) -> None:
    print(f"{found['machine']}; {found['threads']} threads, memory limit {found['memory_limit']}")
    print(
        "net: less a build of the same files without rows.  read: asked of the files; (disk): not in the page cache\n"
    )
    names = ("net CPU s", "net s", "fixed CPU", "read GB", "(disk)", "spill GB", "peak GB", "id CPU s", "adopt CPU s")
    print(f"{'objects':>12} {'engine':7}" + "".join(f"{name:>12}" for name in names))
    for line in found["sizes"]:
        for engine, of in line["builds"].items():
            start = f"{line['objects']:>12,} {engine:7}"
            if "skipped" in of:
                print(f"{start}  skipped: {of['skipped']}")
                continue
            numbers = [of["net_cpu_s"], of["net_wall_s"], of["fixed_cpu_s"], of["net_read_bytes"] / 1e9]
            numbers += [of["read_from_disk_bytes"] / 1e9, of["spilled_bytes"] / 1e9, of["peak_bytes"] / 1e9]
            numbers += [of["identifier_cpu_s"], of["adopt_cpu_s"]]
            print(start + "".join(f"{number:>12.2f}" for number in numbers))
            if of["models_s"]:
                longest = ", ".join(f"{name} {seconds:.1f}" for name, seconds in list(of["models_s"].items())[:6])
                print(f"{'':20}  longest models, s: {longest}")
    for of in found["growth"]:
        words = ", ".join(f"{kind} {of[kind]}" for kind in of if kind.startswith("net"))
        print(f"exponent of growth, {of['from']:,} to {of['to']:,}: {words}")
    for limit, holds in found["limits"].items():
        print(f"{'holds' if holds else 'FAILS':6} {limit}")


def arguments_of(words: list[str] | None = None) -> argparse.Namespace:
    def listed(text: str) -> list[str]:
        return [word.strip() for word in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1e7", help="objects, as 1e7,3e7,1e8; 20 objects a spectrum")
    parser.add_argument("--engines", default="duckdb", type=listed, help="as duckdb,sail,spark; the first is compared")
    parser.add_argument("--files", type=int, default=FILES, help="landed files of objects, and as many of spectra")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--memory-limit", default="4GB", help="of the build's queries")
    parser.add_argument("--work", type=Path, help="folder on the disk that is used; the temporary one by default")
    parser.add_argument(
        "--spark-python", default=sys.executable, help="Python of an environment with galaxiesml[spark]"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    parser.add_argument("--arguments", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    options.sizes = [int(float(word)) for word in listed(options.sizes)]
    if unknown := set(options.engines) - {"duckdb", *LARGEST}:
        parser.error(f"no engine {', '.join(sorted(unknown))}: there are duckdb, {', '.join(LARGEST)}")
    return options


def main() -> int:
    options = arguments_of()
    if options.child:
        first, *others = options.arguments
        print(json.dumps(CHILDREN[options.child](Path(first), *others)))
        return 0
    # The folder is deleted however this ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        found = measure(options)
    except KeyboardInterrupt:
        print("Interrupted; what was generated is deleted.", file=sys.stderr)
        return 130
    found["limits"] = limits(found)
    print(json.dumps(found, indent=1)) if options.json else show(found)
    return 0 if all(found["limits"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
