"""Match a file's columns to ours, and convert its blocks to the catalogue's columns and types."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from galaxiesml.catalog.stores import EXPORT_KEYS, arrow_schema, of_exports
from galaxiesml.dictionary import arrow_type
from galaxiesml.errors import InputError
from galaxiesml.ingest.convert import REASONS, Nulls, can_hold, convert, nullify
from galaxiesml.ingest.converted import Conversions, find_conversions, input_type, land_inputs, wrong_type
from galaxiesml.ingest.source import BadRow, Block, Source
from galaxiesml.ingest.wrong import Wrong
from galaxiesml.releases.profile import Profile, Survey, known_releases
from galaxiesml.toml_keys import DOCS

#: Made here from the release's flags of each survey.
MADE = ("specz_surveys", "specz_error_kind")
_WORST_FIRST = ("arbitrary", "assigned", "measured")


@dataclass(frozen=True)
class Plan:
    """The source of each landed column.

    Attributes
    ----------
    kind : str
        objects, specz or joined.
    ours : dict of str to int
        Our name -> position in the file.
    extras : dict of str to int
        Landed name -> position, for every other column of the file.
    surveys : list of (Survey, int)
        The survey flags that the file has.
    notes : list of str
        Messages for the user about the file's columns.
    conversions : Conversions
        Our columns that staging makes of the release's, which land under their own names.
    """

    kind: str
    ours: dict[str, int]
    extras: dict[str, int]
    surveys: list[tuple[Survey, int]]
    notes: list[str]
    schema: pa.Schema
    order: tuple[str, ...] = ()
    conversions: Conversions = field(default_factory=Conversions)

    @property
    def exported(self) -> list[str]:
        """Our names of the file's columns, in the dictionary's order."""
        landed = {name for name in self.schema.names if name in self.ours or name in MADE}
        return [name for name in self.order if name in landed or name in self.conversions.named]

    def sources(self, source: Source) -> dict[str, list[str]]:
        """By our name: the file's names of what each column is made of."""
        direct = {name: [source.names[place]] for name, place in self.ours.items()}
        return direct | self.conversions.sources(source)


def make_plan(source: Source, profile: Profile, landed: dict[str, pa.DataType] | None = None) -> Plan:
    """Match a file's columns to ours.

    Parameters
    ----------
    source : Source
        The opened file.
    profile : Profile
        Its names, case ignored, are looked for.
    landed : dict of str to pyarrow.DataType, optional
        Other columns of files landed before, in lower case: a column of the same name whose type does not
        unite with theirs lands under another name, so that all files can be read as one table.

    Raises
    ------
    InputError
        There is no object_id, no other known column, or a column whose type cannot be converted to ours.
    """
    known = of_exports(profile)
    places: dict[str, int] = {}
    notes = [f"column {name} is left out: {reason}" for name, reason in source.dropped.items()]
    for position, name in enumerate(source.names):
        if name.lower() in places:
            notes.append(f"column {name} occurs more than once; the first one is used")
        places.setdefault(name.lower(), position)
    ours = {
        name: places[profile.columns[name].source.lower()]
        for name in known
        if name in profile.columns
        and profile.columns[name].conversion is None
        and profile.columns[name].source.lower() in places
    }
    conversions = find_conversions(profile, places)
    surveys = [(survey, places[survey.column.lower()]) for survey in profile.surveys if survey.column.lower() in places]
    kind = _kind(source, profile, known, {*ours, *conversions.named}, surveys)
    _check_types(source, known, ours, surveys, conversions)
    extras = _name_extras(source, known, ours, conversions, landed or {})
    schema = _schema(source, known, ours, extras, bool(surveys), conversions)
    return Plan(kind, ours, extras, surveys, notes, schema, tuple(known), conversions)


def _kind(source: Source, profile: Profile, known: dict, ours: set[str], surveys: list) -> str:
    has_object = any(known[name].of == "object" for name in ours if name != "object_id")
    has_spectrum = bool(surveys) or any(known[name].of == "spectrum" for name in ours)
    if "object_id" in ours and (has_object or has_spectrum):
        return "joined" if has_object and has_spectrum else "objects" if has_object else "specz"
    found = ", ".join(source.names[:8]) + (", ..." if len(source.names) > 8 else "")
    hint = (
        "The file may be of another release than the catalogue: galaxiesml init DIR --release RELEASE\n"
        f"  where RELEASE is {', '.join(known_releases())}, or a profile of your own that says what the file\n"
        f"  calls our columns: --release my_release.toml ({DOCS} has its keys).\n"
        "  galaxiesml profile new my_release.toml --from-file FILE proposes one."
    )
    if "object_id" not in profile.columns:
        raise InputError(f"The release profile {profile.name} names no column for object_id.", hint)
    if "object_id" not in ours:
        wanted = ", ".join(profile.columns["object_id"].sources)
        likely = _likely_ids(source, wanted)
        said = f"the likeliest: {', '.join(likely)}; " if likely else ""
        raise InputError(f"{source.path} has no column {wanted} ({profile.name}); {said}its columns: {found}.", hint)
    wanted = [profile.columns[name].source for name in known if name in profile.columns and name != "object_id"]
    raise InputError(
        f"{source.path} has object_id and no other column of {profile.name}; looked for "
        f"{', '.join(wanted[:12])} and {len(wanted) - 12} more; its columns: {found}.",
        hint,
    )


def _likely_ids(source: Source, wanted: str) -> list[str]:
    """Columns that may be the identifier under another name: alike in letters, or integers with 'id' in the name."""
    names = [
        name
        for name, kind in zip(source.names, source.types, strict=True)
        if pa.types.is_integer(kind) or pa.types.is_string(kind)
    ]
    lower = {name.lower(): name for name in reversed(names)}
    alike = [lower[name] for name in difflib.get_close_matches(wanted.lower(), lower, 3, 0.6)]
    with_id = [name for name in names if re.search(r"(^|_|source|object|obj|src)ids?($|_)|Id($|[A-Z_])|ID($|_)", name)]
    return list(dict.fromkeys([*alike, *with_id]))[:3]


def _check_types(source: Source, known: dict, ours: dict, surveys: list, conversions: Conversions) -> None:
    for name, position in ours.items():
        kind, found = known[name].type, source.types[position]
        if not can_hold(found, kind, _is_id(name)):
            why = "a float cannot hold an identifier of 17 digits" if _is_id(name) else f"{kind} is expected"
            raise InputError(
                f"{source.path}, column {source.names[position]} ({name}): its type is {found}; {why}.",
                "Export the column again as a 64-bit integer." if _is_id(name) else None,
            )
    for one, position in conversions.inputs.values():
        if why := wrong_type(one, source.types[position]):
            raise InputError(
                f"{source.path}, column {source.names[position]}: its type is {source.types[position]}; {why}."
            )
    for survey, position in surveys:
        if not can_hold(source.types[position], "boolean", False):
            raise InputError(
                f"{source.path}, column {survey.column}: its type is {source.types[position]}; boolean is expected."
            )


def _is_id(name: str) -> bool:
    return name.endswith("_id")


def _name_extras(source: Source, known: dict, ours: dict, conversions: Conversions, landed: dict) -> dict[str, int]:
    """Every other column under its own name, unless that is taken, whatever the case (SQL ignores it)."""
    used = {*ours.values(), *(position for _, position in conversions.inputs.values())}
    taken = {name.lower() for name in (*EXPORT_KEYS, *known, *conversions.inputs)}
    extras = {}
    for position, name in enumerate(source.names):
        if position in used:
            continue
        landed_name = name
        while landed_name.lower() in taken or not unites(source.types[position], landed.get(landed_name.lower())):
            landed_name += "_source"
        taken.add(landed_name.lower())
        extras[landed_name] = position
    return extras


def unites(one: pa.DataType, other: pa.DataType | None) -> bool:
    """Whether DuckDB reads columns of the two types as one, without an error."""
    if other is None or _family(one) == _family(other):
        return True
    return "text" in (_family(one), _family(other)) and not (pa.types.is_nested(one) or pa.types.is_nested(other))


def _family(kind: pa.DataType) -> str:
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"list of {_family(kind.value_type)}"
    if pa.types.is_string(kind):
        return "text"
    is_number = any(
        test(kind)
        for test in (
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_boolean,
            pa.types.is_decimal,
            pa.types.is_null,
        )
    )
    return "number" if is_number else str(kind)


def _schema(
    source: Source, known: dict, ours: dict, extras: dict, has_surveys: bool, conversions: Conversions
) -> pa.Schema:
    fields = list(arrow_schema(EXPORT_KEYS))
    for name, column in known.items():
        if name in ours:
            found = source.types[ours[name]]
            keeps_width = column.type == "double" and pa.types.is_floating(found)
            fields.append(pa.field(name, found if keeps_width else arrow_type(column.type)))
        elif name in MADE and has_surveys:
            fields.append(pa.field(name, pa.string()))
    fields += [
        pa.field(name, input_type(one, source.types[position])) for name, (one, position) in conversions.inputs.items()
    ]
    fields += [pa.field(name, source.types[position]) for name, position in extras.items()]
    return pa.schema(fields)


def expected_units(plan: Plan, known: dict) -> dict[int, tuple[str, str]]:
    """What the file may state of each column's unit: its position, our name, and the unit."""
    units = {place: (name, known[name].unit) for name, place in plan.ours.items() if known[name].type == "double"}
    for name, (conversion, (landed, *_)) in plan.conversions.named.items():
        if conversion.unit is not None:
            units[plan.conversions.inputs[landed][1]] = (name, conversion.unit)
    return units


# -- blocks --------------------------------------------------------------------------------------------------


def hopes(plan: Plan, profile: Profile) -> dict[int, pa.DataType]:
    """The types in which a CSV reader should try each column; whole numbers stay text, to be read exactly."""
    known = of_exports(profile)
    found = {
        plan.ours[name]: arrow_type(known[name].type) for name in plan.ours if known[name].type in ("double", "boolean")
    }
    for one, position in plan.conversions.inputs.values():
        # What is also read as it stands is left as the file has it.
        if one.kind in ("double", "boolean") and position not in plan.ours.values():
            found[position] = arrow_type(one.kind)
    return found


def conform(block: Block, plan: Plan, source: Source, profile: Profile, known: dict) -> tuple[pa.Table, list[BadRow]]:
    """Convert a block to the catalogue's columns (of the keys only source_row), and return the rows that do not fit."""
    wrong = Wrong(block, source.names)
    general = Nulls(profile.nulls)
    landed = {"source_row": pa.array(block.rows, pa.int64())}
    for name, position in plan.ours.items():
        nulls = Nulls((*profile.nulls, *profile.columns[name].nulls))
        values, bad = convert(block.columns[position], known[name].type, nulls, _is_id(name))
        wrong.add(position, bad, REASONS[known[name].type])
        if name == "object_id":
            wrong.add(position, values.is_null().to_numpy(zero_copy_only=False), "is missing")
        landed[name] = values
    if plan.surveys:
        landed |= _surveys(block, plan, general, wrong)
    landed |= land_inputs(block, plan.conversions, profile.nulls, wrong)
    for name, position in plan.extras.items():
        landed[name] = nullify(block.columns[position], general)
    names = [name for name in plan.schema.names if name in landed]
    schema = pa.schema([plan.schema.field(name) for name in names])
    table = pa.Table.from_arrays([landed[name] for name in names], schema=schema)
    if wrong.first:
        table = table.filter(pa.array(wrong.good))
    return table, sorted([*block.bad, *wrong.rows()], key=lambda bad: bad.source_row)


def _surveys(block: Block, plan: Plan, nulls: Nulls, wrong: Wrong) -> dict[str, pa.Array]:
    """Names of the surveys whose flag is true, and the worst of their kinds of error."""
    fires = []
    for survey, position in plan.surveys:
        flag, bad = convert(block.columns[position], "boolean", nulls)
        wrong.add(position, bad, REASONS["boolean"])
        fires.append((survey, pc.fill_null(flag, False)))
    # Not null_handling="skip": pyarrow 26 then leaves out the rows in which all are NULL.
    names = [pc.if_else(flag, survey.name + ",", "") for survey, flag in fires]
    joined = pc.utf8_rtrim(pc.binary_join_element_wise(*names, ""), characters=",")
    kind = pa.nulls(len(block.rows), pa.string())
    for word in reversed(_WORST_FIRST):
        for survey, flag in fires:
            if survey.error == word:
                kind = pc.if_else(flag, word, kind)
    return {"specz_surveys": nullify(joined, Nulls(("",))), "specz_error_kind": kind}
