"""The real export in docs/tour.md and the README, typed as they stand: what they show is what comes out."""

from __future__ import annotations

from .typed import Terminal, blocks, lines


def test_the_tour_and_the_readme_show_what_is_printed(repo, shared_data, tmp_path):
    (tmp_path / "hsc_s16a_wide_gama.fits").symlink_to(shared_data / "hsc_s16a_wide_gama.fits")
    terminal = Terminal(tmp_path)
    tour = (repo / "docs" / "tour.md").read_text()
    typed = lines(blocks(tour, "# A tour: a real export, from the file to the cuts")[0])
    assert len(typed) == 6
    for line, shown in typed:
        terminal.type(line, shown)
    # The README makes the same catalogue: what the tour has typed is not typed again.
    (block,) = blocks((repo / "README.md").read_text(), "## For astronomers: which cut removed which row")[:1]
    known = {line for line, _ in typed}
    asked = [(line, shown) for line, shown in lines(block) if line not in known]
    assert len(asked) == 3 and len(lines(block)) == 6 and all(shown for _, shown in asked)
    for line, shown in asked:
        terminal.type(line, shown)
