"""Pages of the documentation, typed as they stand: their blocks, and the commands in them."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path


def blocks(page: str, heading: str) -> list[str]:
    """The fenced blocks below a heading, up to the next heading of the same depth or above."""
    depth = len(heading.split()[0])
    section = re.split(rf"^#{{1,{depth}}} ", page.split(f"{heading}\n")[1], flags=re.MULTILINE)[0]
    return re.findall(r"^```\w*\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def lines(block: str) -> list[tuple[str, list[str]]]:
    """The typed lines of a block, each with what is shown below it."""
    text = block.strip().splitlines()
    starts = [number for number, line in enumerate(text) if line.startswith("$ ")] + [len(text)]
    return [(text[start][2:], text[start + 1 : stop]) for start, stop in itertools.pairwise(starts)]


class Terminal:
    """A shell as far as the pages need one: `cd`, `&&`, patterns of file names, and the program."""

    def __init__(self, folder: Path):
        self.folder = folder

    def type(self, line: str, shown: list[str]) -> None:
        """Type a line; what the page shows is what comes out."""
        for command in line.split(" && "):
            words = [word for given in shlex.split(command) for word in self._files(given)]
            if words[0] == "cd":
                self.folder /= words[1]
                continue
            assert words[0] == "galaxiesml"
            done = subprocess.run(
                [sys.executable, "-m", *words], cwd=self.folder, capture_output=True, text=True, env=os.environ
            )
            assert shown or done.returncode == 0, done.stderr
        if shown:
            said = done.stderr if done.returncode else done.stdout
            assert said.rstrip().splitlines() == shown, line

    def python(self, program: str, shown: str) -> None:
        """Run a program of the page."""
        done = subprocess.run([sys.executable, "-c", program], cwd=self.folder, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, shown), done.stderr

    def _files(self, word: str) -> list[str]:
        if word.endswith("*.tar"):
            return sorted(os.path.relpath(path, self.folder) for path in (self.folder / word).parent.glob("*.tar"))
        return [word]
