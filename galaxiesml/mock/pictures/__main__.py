"""Draw simulated pictures where only PyTorch, NumPy, h5py and pyarrow are installed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from galaxiesml.errors import GalaxiesmlError
from galaxiesml.system import interrupts

_EXAMPLES = """examples:
  python -m galaxiesml.mock.pictures --from population --out pictures
  python -m galaxiesml.mock.pictures --from population --out pictures --device cuda --dtype float16

exit codes: 0 success; 1 internal error; 2 wrong arguments; 3 invalid file; 8 not enough disk space or memory;
130 interrupted.
"""


def main(words: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    asked = _parser().parse_args(words)
    try:
        told = _draw(asked)
    except GalaxiesmlError as error:
        sys.stderr.write(f"Error: {error}\n" + (f"{error.hint}\n" if error.hint else ""))
        return error.exit_code
    except KeyboardInterrupt:
        return interrupts.farewell()
    except OSError as error:
        sys.stderr.write(f"Error: {error.filename or 'A file'}: {error.strerror or error}.\n")
        return 3 if isinstance(error, FileNotFoundError) else 8
    if asked.json:
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.write("".join(f"{made['path']}\n" for made in told["files"]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m galaxiesml.mock.pictures",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--from", dest="source", type=Path, required=True, metavar="FOLDER", help="Population")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="Folder of the files")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda")
    parser.add_argument("--size", type=int, default=64, help="Pixels on a side, 64 or 127")
    parser.add_argument("--seed", type=int, default=1, help="Seed of the noise")
    parser.add_argument("--threads", type=int, help="Threads on a CPU; default: one per core")
    parser.add_argument("--galaxies", type=int, help="Only the first so many")
    parser.add_argument("--dtype", default="float32", metavar="float32|float16", help="Of the images")
    parser.add_argument("--json", action="store_true", help="Print what was written as JSON")
    return parser


def _draw(asked: argparse.Namespace) -> dict:
    from galaxiesml.mock.pictures.run import Request, draw_files

    began, done = time.perf_counter(), 0

    def step(more: int, of: int) -> None:
        nonlocal done
        done += more
        rate = done / (time.perf_counter() - began)
        sys.stderr.write(f"\r{done:,} of {of:,} galaxies, {rate:,.0f} a second" + ("\n" if done == of else ""))
        sys.stderr.flush()

    names = ("source", "out", "device", "size", "seed", "threads", "galaxies", "dtype")
    told = draw_files(Request(**{name: getattr(asked, name) for name in names}), step)
    return told | {"seconds": round(time.perf_counter() - began, 2)}


if __name__ == "__main__":
    interrupts.listen()
    sys.exit(main())
