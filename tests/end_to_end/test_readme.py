"""The README's example, typed as it stands: what it shows is what comes out."""

from __future__ import annotations

import itertools
import shlex


def test_the_example_prints_what_the_readme_shows(repo, shared_data, tmp_path, finished, monkeypatch):
    (tmp_path / "hsc_s16a_wide_gama.fits").symlink_to(shared_data / "hsc_s16a_wide_gama.fits")
    folder, steps = tmp_path, 0
    for line, shown in _typed((repo / "README.md").read_text().split("## Five minutes with a real export")[1]):
        for command in line.split(" && "):
            words = shlex.split(command)
            if words[0] == "cd":
                folder = folder / words[1]
                continue
            assert words[0] == "galaxiesml"
            monkeypatch.chdir(folder)
            done = finished(*words[1:])
            steps += 1
        if shown:
            said = done.stderr if done.returncode else done.stdout
            assert said.rstrip().splitlines() == shown, line
    assert steps == 6


def _typed(text: str):
    """The commands of the first block, each with the lines shown below it."""
    block = text.split("```")[1].strip().splitlines()
    starts = [number for number, line in enumerate(block) if line.startswith("$ ")] + [len(block)]
    for start, stop in itertools.pairwise(starts):
        yield block[start][2:], block[start + 1 : stop]
