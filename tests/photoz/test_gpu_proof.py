"""`make proof-gpu`, small and on a processor: its parts run, its lines are kept, and its table stays in the proofs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
WORDS = ("speed", "--device", "cpu", "--galaxies", "200", "--batches", "64", "--networks", "best")


def run(out: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "benchmarks/gpu.py", *words, "--out", out, "--table", out / "proof.md"]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True)


def test_steps_are_timed_once_and_written_below_the_other_proofs(tmp_path):
    (tmp_path / "proof.md").write_text("# Proofs, long form\n\n| a table | of others |\n")
    done = run(tmp_path, *WORDS)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = json.loads((tmp_path / "results.json").read_text())
    assert {"speed: matrices, cpu", "speed: best at 64 px, cpu", "speed: best at 64 px, bf16, batch 64, cpu"} <= set(
        lines
    )
    assert lines["speed: best at 64 px, float32, batch 64, cpu"]["images/s"] > 0
    text = (tmp_path / "proof.md").read_text()
    assert "| a table | of others |" in text and text.count("## On a GPU") == 1
    # What is known is not measured again.
    kept = (tmp_path / "results.json").read_bytes()
    assert run(tmp_path, *WORDS).returncode == 0
    assert (tmp_path / "results.json").read_bytes() == kept
    assert (tmp_path / "proof.md").read_text() == text


def test_without_a_gpu_it_says_what_to_type(tmp_path):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = run(tmp_path, "speed")
    assert done.returncode == 2 and "--device cpu" in done.stderr
