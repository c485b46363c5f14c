"""The layers of a trained network, as boxes: what Figure 5 of Do et al. 2024 shows of the paper's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from galaxiesml.catalog import Catalog
from galaxiesml.errors import InputError, UsageError
from galaxiesml.plots.canvas import BLUE, GREEN, GREEN_EDGE, GREY, PALE
from galaxiesml.plots.page import Page

#: Where a layer stands in a network, by the beginning of its name; others stand between the first and the last.
_FIRST, _LAST = ("inputs", "scale", "embedding", "enter", "first"), ("norm", "last", "head", "out")


def draw_network(catalog: Catalog, name: str) -> Page:
    """Draw the networks of a run that was trained in this catalogue: each kind of member once.

    Raises
    ------
    UsageError
        No such run was trained here, or it is a forest.
    """
    home = catalog.root / "photoz" / name
    if not (home / "run.json").is_file():
        raise UsageError(f"No run {name!r} was trained in this catalogue.", "Type: galaxiesml runs")
    told = json.loads((home / "run.json").read_text(encoding="utf-8"))
    kinds: dict[tuple, list[tuple[str, str]]] = {}
    members = read_members(home / "weights.safetensors")
    for layers in members:
        kinds.setdefault(tuple(layers), layers)
    if not members:
        raise UsageError(f"{name} is a {told['estimator']}, and has no network.", "Draw another figure of it.")
    height = 1.9 + 0.62 * max(len(layers) for layers in kinds.values())
    page = Page(4.6 * len(kinds) + 0.4, height)
    for place, layers in enumerate(kinds.values()):
        count = sum(list(layers) == list(each) for each in members)
        _draw(page, 0.4 + 4.6 * place, told, layers, f"{count} of {len(members)} networks of {name}")
    return page


def read_members(path: Path) -> list[tuple[tuple[str, str], ...]]:
    """Layers of each member, (name, shapes and parameters), in their order; none of a forest."""
    from safetensors import SafetensorError, safe_open

    members: dict[int, dict[str, list]] = {}
    try:
        with safe_open(path, "np") as file:
            for key in sorted(file.keys()):
                # The layers of one block are one box.
                found = re.fullmatch(r"member/(\d+)/([^.]+(?:\.\d+)?)\.(.+)", key)
                if found and found[2].split(".")[0] != "trees":
                    shape = file.get_slice(key).get_shape()
                    members.setdefault(int(found[1]), {}).setdefault(found[2], []).append((found[3], shape))
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.", "Train the run again.") from None
    return [
        tuple(_layer(name, tensors) for name, tensors in sorted(one.items(), key=_place))
        for _, one in sorted(members.items())
    ]


def _place(item: tuple[str, list]) -> tuple:
    name = item[0]
    head = name.split(".")[0]
    rank = _FIRST.index(head) if head in _FIRST else 50 + _LAST.index(head) if head in _LAST else 20
    # blocks.10 comes after blocks.9.
    return rank, [int(word) if word.isdigit() else word for word in re.findall(r"\d+|\D+", name)]


def _layer(name: str, tensors: list[tuple[str, list[int]]]) -> tuple[str, str]:
    matrices = [shape for _, shape in tensors if len(shape) > 1] or [shape for _, shape in tensors]
    shapes = dict.fromkeys(" x ".join(map(str, shape)) for shape in matrices)
    parameters = sum(int(np.prod(shape)) for _, shape in tensors)
    return name, f"{', '.join(list(shapes)[:3])}; {parameters:,} parameters"


def _draw(page: Page, left: float, told: dict, layers, title: str) -> None:
    bands = ", ".join(told["bands"])
    lines = [
        (f"magnitudes in {bands}", "missing ones are inputs too" if told["estimator"] == "table" else "", BLUE),
        *((name, words, PALE) for name, words in layers),
        (f"{len(told['grid_edges']) - 1} probabilities", "averaged over the networks, calibrated", GREEN),
    ]
    page.text(left, 0.3, title, 11)
    for row, (name, words, face) in enumerate(lines):
        top = 0.62 + 0.62 * row
        if row:
            page.arrow((left + 2.0, top - 0.2), (left + 2.0, top), GREY)
        page.box(left, top, 4.0, 0.42, face, GREEN_EDGE if face == GREEN else GREY)
        page.text(left + 0.1, top + 0.14, name, 9)
        page.text(left + 0.1, top + 0.31, words, 7, GREY)
