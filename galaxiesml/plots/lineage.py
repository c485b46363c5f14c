"""Draw a column's lineage: landed files on the left, the column on the right; values, then filters.

Solid: what the value is computed from.  Dashed: what decides whether the row is there, cut by cut.
"""

from __future__ import annotations

from pathlib import Path

from galaxiesml.plots.canvas import AMBER, BLUE, GREEN, GREEN_EDGE, GREY, INK, PALE, Canvas, picture_format

#: Inches: the page, a line of text, a card's heading, the space between cards.
WIDTH, MARGIN = 16.0, 0.45
LINE, HEADING, GAP = 0.25, 0.34, 0.24
#: Columns of a card that are named; the rest are counted.
NAMED = 7
#: Characters of 9 points in an inch.
LETTERS = 13.5

Card = dict


def draw(lineage: dict, path: Path) -> None:
    """Draw the graph that ``as_json`` makes of a column's lineage.

    Parameters
    ----------
    lineage : dict
        ``column``, ``asked``, ``bands``, ``nodes``, ``edges``, ``cuts``, ``conditions``, ``files``.
    path : Path
        .svg or .png.  Equal lineages give equal bytes.
    """
    picture_format(path)
    layers = _layers(lineage)
    values = max(sum(_height(card) + GAP for card in cards) for cards in layers)
    rows = _cut_rows(lineage)
    conditions = _condition_rows(lineage)
    filters = sum(_row_height(row) for row in rows) + LINE * len(conditions)
    below = (0.5 if conditions else 0.1) + LINE * len(lineage["files"]) + 0.6
    page = Canvas(WIDTH, 1.9 + values + 0.6 + filters + below)
    _heading(page, lineage, layers)
    _cards(page, lineage, layers, 1.75, values)
    y = _filters(page, rows, layers, 1.9 + values)
    y = _conditions(page, conditions, y)
    _files(page, lineage["files"], y)
    page.save(path)


# -- values ----------------------------------------------------------------------------------------------


def _layers(lineage: dict) -> list[list[Card]]:
    """Cards of the value ancestors: files, then tables by their distance from what is landed."""
    tables: dict[str, list[dict]] = {}
    for node in lineage["nodes"]:
        if node["role"] != "filter":
            tables.setdefault(node["table"], []).append(node)
    depths = sorted({nodes[0]["depth"] for nodes in tables.values()})
    layers: list[list[Card]] = [[]]
    for depth in depths:
        of_depth = {table: nodes for table, nodes in tables.items() if nodes[0]["depth"] == depth}
        layers.append([_card(table, nodes, lineage) for table, nodes in of_depth.items()])
        if depth == 0:
            layers[0] = _file_cards(lineage, of_depth)
    return layers


def _card(table: str, nodes: list[dict], lineage: dict) -> Card:
    names = fold([node["column"] for node in nodes], lineage["bands"])
    landed = nodes[0]["kind"] == "source" and table.startswith("hsc_")
    files = [f"file {origin['landing']}" for origin in nodes[0]["origins"]]
    return {
        "name": table,
        "lines": _cropped(names) + ["(nothing landed)"] * (landed and not files),
        "kind": "landed" if files else "empty" if landed else "model",
        "below": files,
        "target": table == lineage["column"].rpartition(".")[0],
    }


def _file_cards(lineage: dict, tables: dict[str, list[dict]]) -> list[Card]:
    found: dict[int, list[str]] = {}
    for nodes in tables.values():
        for node in nodes:
            for origin in node["origins"]:
                found.setdefault(origin["landing"], []).extend(_own_names(node, origin))
    named = {file["landing"]: file["source_file"] for file in lineage["files"]}
    return [
        {
            "name": f"file {landing}",
            "lines": [named[landing], *_cropped(fold(names, lineage["bands"]))],
            "kind": "file",
            "below": [],
        }
        for landing, names in sorted(found.items())
    ]


def _own_names(node: dict, origin: dict) -> list[str]:
    """What a landed file calls a column; what landing itself wrote is in no file."""
    absent = {
        "not in this export": f"(no {node['column']})",
        "made at landing": f"({node['column']}: made at landing)",
    }
    return origin["columns"] or [absent[origin["state"]]]


def _cropped(names: list[str]) -> list[str]:
    return [*names[: NAMED - 1], f"and {len(names) - NAMED + 1} more"] if len(names) > NAMED else names


def _height(card: Card) -> float:
    return HEADING + LINE * len(card["lines"]) + 0.08


def _places(layers: list[list[Card]]) -> tuple[float, list[float]]:
    """Width of a card and the left end of each layer."""
    step = (WIDTH - 2 * MARGIN) / len(layers)
    width = min(3.1, step - 0.4)
    step = (WIDTH - 2 * MARGIN - width) / max(1, len(layers) - 1)
    return width, [MARGIN + step * number for number in range(len(layers))]


def _cards(page: Canvas, lineage: dict, layers: list[list[Card]], top: float, height: float) -> None:
    width, lefts = _places(layers)
    placed: dict[str, tuple[float, float, Card]] = {}
    for left, cards in zip(lefts, layers, strict=True):
        y = top + (height - sum(_height(card) + GAP for card in cards) + GAP) / 2
        for card in cards:
            placed[card["name"]] = (left, y, card)
            _draw_card(page, card, left, y, width)
            y += _height(card) + GAP
    values = [edge for edge in lineage["edges"] if edge["kind"] == "value"]
    pairs = {(edge["from"].rpartition(".")[0], edge["to"].rpartition(".")[0]) for edge in values}
    pairs |= {(name, card["name"]) for _, _, card in placed.values() for name in card["below"]}
    for start, end in sorted(pairs):
        if start in placed and end in placed:
            (x0, y0, below), (x1, y1, above) = placed[start], placed[end]
            colour = GREY if below["kind"] == "empty" else INK
            middle = y0 + _height(below) / 2, y1 + _height(above) / 2
            page.arrow((x0 + width, middle[0]), (x1, middle[1]), colour, bend=True)


def _draw_card(page: Canvas, card: Card, x: float, y: float, width: float) -> None:
    face = {"file": BLUE, "empty": PALE}.get(card["kind"], GREEN if card.get("target") else "white")
    edge = {"empty": GREY}.get(card["kind"], GREEN_EDGE if card.get("target") else INK)
    page.box(x, y, width, _height(card), face, edge)
    colour = GREY if card["kind"] == "empty" else INK
    page.text(x + 0.12, y + 0.19, _crop(card["name"], width, 10.5), 10.5, colour, weight="bold", zorder=3)
    for place, line in enumerate(card["lines"]):
        page.text(x + 0.12, y + HEADING + LINE * (place + 0.5), _crop(line, width), 9.5, colour, zorder=3)


def _heading(page: Canvas, lineage: dict, layers: list[list[Card]]) -> None:
    asked, column = lineage["asked"], lineage["column"]
    page.text(MARGIN, 0.42, f"Lineage of {asked}" + (f"  ({column})" if asked != column else ""), 16, weight="bold")
    page.arrow((MARGIN, 0.84), (MARGIN + 0.6, 0.84))
    page.text(MARGIN + 0.7, 0.84, "what the value is computed from", 10)
    page.arrow((MARGIN + 4.0, 0.84), (MARGIN + 4.6, 0.84), dashed=True)
    page.text(MARGIN + 4.7, 0.84, "what decides whether the row is there", 10)
    _, lefts = _places(layers)
    words = ["landed files", "landed tables"] + ["models"] * (len(layers) > 2)
    for left, word in zip(lefts, words, strict=False):
        page.text(left, 1.4, word, 10, GREY)


# -- filters ---------------------------------------------------------------------------------------------


def _cut_rows(lineage: dict) -> list[Card]:
    """One row a cut: its name, our columns, and what the landed files call them."""
    nodes = {node["id"]: node for node in lineage["nodes"]}
    rows: dict[tuple, Card] = {}
    for cut in lineage["cuts"]:
        read = [nodes[column] for column in cut["columns"]]
        ours = fold([node["column"] for node in read], lineage["bands"])
        files: dict[int, list[str]] = {}
        for node in read:
            for origin in node["origins"]:
                own = [] if origin["state"] == "made at landing" else _own_names(node, origin)
                files.setdefault(origin["landing"], []).extend(own)
        theirs = [
            f"file {landing}: {' '.join(fold(names, lineage['bands']))}" for landing, names in files.items() if names
        ]
        # Each version applies a window cut in its own model: one row stands for all.
        row = {"name": cut["name"], "ours": _wrap(" ".join(ours), 3.6), "theirs": _wrapped(theirs, 5.2)}
        rows.setdefault((row["name"], tuple(row["ours"])), row)
    return list(rows.values())


def _condition_rows(lineage: dict) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for condition in lineage["conditions"]:
        names = " ".join(fold(condition["columns"], lineage["bands"]))
        if names:
            found[f"{condition['table']}  {condition['clause']}", names] = None
    rows = list(found)
    return [*rows[:11], ("", f"and {len(rows) - 11} more conditions")] if len(rows) > 12 else rows


def _row_height(row: Card) -> float:
    return LINE * max(1, len(row["ours"]), len(row["theirs"])) + 0.08


def _filters(page: Canvas, rows: list[Card], layers: list[list[Card]], y: float) -> float:
    """Cuts in the order of application, each with dashed edges from its columns to the table's rows."""
    columns = (MARGIN, MARGIN + 5.9, MARGIN + 10.15)
    if not rows:
        page.text(MARGIN, y + 0.3, "filtered by no cut", 11, weight="bold")
        return y + 0.6
    page.text(columns[0], y + 0.3, "filtered by: columns of the landed files", 10.5, weight="bold")
    page.text(columns[1], y + 0.3, "landed as", 10.5, weight="bold")
    page.text(columns[2], y + 0.3, "cut", 10.5, weight="bold")
    y += 0.6
    first, last = y, y + sum(map(_row_height, rows))
    card = layers[-1][-1]
    tall = max(0.5, min(1.1, last - first))
    x, middle = WIDTH - MARGIN - 2.1, (first + last) / 2
    page.box(x, middle - tall / 2, 2.1, tall, GREEN, GREEN_EDGE)
    page.text(
        x + 1.05,
        middle,
        _crop(f"rows of\n{card['name']}", 4.2, 10.5),
        10.5,
        ha="center",
        weight="bold",
        zorder=3,
    )
    for row in rows:
        height = _row_height(row)
        _filter(page, row, columns, y, height, (x, middle))
        y += height
    return y


def _filter(page: Canvas, row: Card, columns: tuple, y: float, height: float, target: tuple[float, float]) -> None:
    judged = bool(row["ours"])
    colour, middle = (INK if judged else GREY), y + height / 2
    page.box(columns[2], y + 0.03, 1.75, height - 0.06, AMBER if judged else PALE, colour, linewidth=0.8)
    page.text(columns[2] + 0.1, middle, row["name"], 9.5, colour, zorder=3)
    if not judged:
        page.text(columns[1], middle, "not applied in this build: it reads no column", 9, GREY)
        return
    for x, lines in ((columns[0], row["theirs"]), (columns[1], row["ours"])):
        for place, line in enumerate(lines):
            page.text(x, middle + (place - (len(lines) - 1) / 2) * LINE, line, 9, zorder=3)
    longest = max(map(len, row["ours"])) / LETTERS
    page.arrow((columns[1] + longest + 0.12, middle), (columns[2], middle), dashed=True, linewidth=0.9)
    if row["theirs"]:
        longest = max(map(len, row["theirs"])) / LETTERS
        page.arrow((columns[0] + longest + 0.12, middle), (columns[1] - 0.08, middle), dashed=True, linewidth=0.9)
    page.arrow((columns[2] + 1.75, middle), target, dashed=True, bend=True, linewidth=0.9, mutation_scale=8)


def _conditions(page: Canvas, rows: list[tuple[str, str]], y: float) -> float:
    if not rows:
        return y
    page.text(MARGIN, y + 0.32, "rows decided by", 10.5, weight="bold")
    y += 0.5
    for where, names in rows:
        page.text(MARGIN, y + LINE / 2, where, 9)
        page.text(MARGIN + 2.9, y + LINE / 2, _crop(names, WIDTH - 2 * MARGIN - 2.9), 9)
        y += LINE
    return y


def _files(page: Canvas, files: list[dict], y: float) -> None:
    y += 0.3
    for number, file in enumerate(files):
        words = f"file {file['landing']}: {file['source_file']}, sha256 {file['source_sha256']}"
        page.text(MARGIN, y + LINE * (number + 0.5), words, 9, GREY)


# -- words -----------------------------------------------------------------------------------------------


def fold(names: list[str], bands: list[str]) -> list[str]:
    """Names that differ by the filter alone, written once: {g,r,i,z,y}_cmodel_mag."""
    names = list(dict.fromkeys(names))
    families: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        head, dot, column = name.rpartition(".")
        for band in bands:
            if column.startswith(band):
                families.setdefault(f"{head}{dot}{{}}{column[len(band) :]}", []).append((band, name))
            if column.endswith(f"_{band}"):
                families.setdefault(f"{name[: -len(band)]}{{}}", []).append((band, name))
    written: dict[str, str] = {}
    for pattern, members in families.items():
        if len(members) > 1 and not any(name in written for _, name in members):
            label = pattern.replace("{}", "{" + ",".join(band for band, _ in members) + "}")
            written |= {name: label for _, name in members}
    return list(dict.fromkeys(written.get(name, name) for name in names))


def _crop(words: str, width: float, size: float = 9.5) -> str:
    room = int((width - 0.2) * LETTERS * 9 / size)
    return words if len(words) <= room else words[: room - 1] + "…"


def _wrap(words: str, width: float) -> list[str]:
    import textwrap

    return textwrap.wrap(words, int(width * LETTERS), break_long_words=False, break_on_hyphens=False)


def _wrapped(lines: list[str], width: float) -> list[str]:
    return [part for line in lines for part in _wrap(line, width)]
