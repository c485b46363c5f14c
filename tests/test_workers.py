"""A command that is killed takes its workers along."""

import subprocess
import sys
import time

import pytest

POOL = """
import sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from galaxiesml.system.workers import end_with_parent

def work(seconds):
    print("at work", flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=end_with_parent) as pool:
        pool.submit(work, float(sys.argv[1])).result()
        print("done", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize("seconds, line", [("60", "at work"), ("0", "done")])
def test_workers_end_with_a_killed_command_at_work_or_waiting(tmp_path, seconds, line):
    program = tmp_path / "pool.py"
    program.write_text(POOL)
    process = subprocess.Popen([sys.executable, program, seconds], stdout=subprocess.PIPE, text=True)
    while process.stdout.readline().strip() != line:
        assert process.poll() is None
    ended(process)


def test_a_killed_sky_leaves_no_process(tmp_path):
    pytest.importorskip("galsim", reason="the simulated sky needs GalSim")
    words = ["-q", "mock", "sky", "--galaxies", "200", "--jobs", "2", "--out", str(tmp_path / "sky")]
    process = subprocess.Popen([sys.executable, "-m", "galaxiesml", *words], stdout=subprocess.PIPE, text=True)
    # A tar that grows is one whose pictures the workers make.
    while not any(path.stat().st_size for path in tmp_path.rglob("*.tar*")):
        assert process.poll() is None
        time.sleep(0.1)
    ended(process)


def ended(process: subprocess.Popen) -> None:
    process.kill()
    # The pipe closes when the last process that could write has ended.
    process.communicate(timeout=10)
