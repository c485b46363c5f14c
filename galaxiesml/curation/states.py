"""Which cuts can be applied to which landed files, and which versions can therefore be built.

The result is written to ``plan/`` as Parquet, which the SQL reads; nothing else is passed to dbt.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.folder import DEFAULT_VERSION
from galaxiesml.catalog.stores import BY_NAME
from galaxiesml.curation.archive_query import implied
from galaxiesml.curation.own_versions import of_catalog
from galaxiesml.curation.rules import Rules, terms
from galaxiesml.errors import MissingColumnsError, UsageError
from galaxiesml.releases.profile import Profile
from galaxiesml.system.atomic import write_table

#: Which kinds of landed file bring which side of a pair.
_BRINGS = {"object": ("objects", "joined"), "spectrum": ("specz", "joined")}
#: The landing number used for spectra of our own match, and the columns of such a spectrum.
MATCHED = 0
_MATCHED_COLUMNS = frozenset(
    {
        *("d_pos", "specz_name", "specz_ra", "specz_dec", "specz_redshift", "specz_redshift_err"),
        *("specz_original_flag", "specz_flag_homogeneous", "specz_error_kind", "specz_class"),
    }
)


@dataclass(frozen=True)
class State:
    """The state of one cut in one landed file.  The lists hold filters, or '*' for a cut without filters.

    Attributes
    ----------
    inapplicable : tuple of str
        Filters in which the release has no equal for what the cut reads, as its profile says.
    why : str
        The profile's reason.
    """

    landing: int
    source_file: str
    cut: str
    judged: tuple[str, ...]
    archive: tuple[str, ...]
    absent: tuple[str, ...]
    inapplicable: tuple[str, ...] = ()
    why: str = ""

    @property
    def text(self) -> str:
        """The state as the cut flow prints it."""
        parts = [
            (self.judged, "judged"),
            (self.archive, "made at the archive"),
            (self.absent, "not in this export"),
            (self.inapplicable, f"not applicable, because {self.why.rstrip('.')}"),
        ]
        present = [(bands, word) for bands, word in parts if bands]
        if len(present) == 1:
            return present[0][1]
        return "; ".join(f"{word} in {', '.join(bands)}" for bands, word in present)


def cut_states(catalog: Catalog, specz: str = "export", rules: Rules | None = None) -> list[State]:
    """The state of every cut in every landed file that has the side of the pair that the cut reads.

    Parameters
    ----------
    specz : str
        'export', or 'matched': spectra are then of our own match, and no landed file brings any.
    rules : Rules, optional
        Those of a build; by default of the next one.
    """
    cuts = (rules or of_catalog(catalog)).cuts
    states = [state for landing in catalog.landings() for state in states_of(catalog.profile, landing, cuts, specz)]
    if specz == "matched":
        for cut in cuts:
            if cut["scope"] in ("spectrum", "pair"):
                found = _judge(catalog.profile, cut, ("spectrum",), _MATCHED_COLUMNS, ())
                states.append(State(MATCHED, "matched_redshifts", cut["name"], *found))
    return states


def states_of(profile: Profile, landing: dict, cuts: tuple[dict, ...], specz: str = "export") -> list[State]:
    """The state of every cut in one file that has a side of the pair that the cut reads.

    Parameters
    ----------
    landing : dict
        Of landing.json: landing, source_file, kind, columns, extra_columns, inputs and archive.
    """
    states = []
    exported = {*landing["columns"], *landing.get("extra_columns", ()), *landing.get("inputs", ())}
    for cut in cuts:
        if sides := _sides(cut, landing["kind"], specz):
            found = _judge(profile, cut, sides, exported, landing["archive"]["where"])
            states.append(State(landing["landing"], landing["source_file"], cut["name"], *found))
    return states


def _sides(cut: dict, kind: str, specz: str) -> tuple[str, ...]:
    """The sides of the pair that a kind of landed file brings and the cut reads."""
    wanted = ("object", "spectrum") if cut["scope"] == "pair" else (cut["scope"],)
    brought = ("object",) if specz == "matched" else ("object", "spectrum")
    return tuple(side for side in wanted if side in brought and kind in _BRINGS[side])


def _judge(profile: Profile, cut: dict, sides: tuple[str, ...], exported, conditions) -> tuple:
    """The filters in which the cut is applied here, was applied by the archive, cannot be applied, or does not apply.

    Last comes the profile's reason for the cut not to apply.
    """
    found = {"judged": [], "archive": [], "absent": [], "inapplicable": []}
    reasons: dict[str, None] = {}
    exported = {name.lower() for name in exported}
    for band, term in terms(cut, profile.bands).items():
        # Of a cut that reads both sides a file is asked for its own.
        needs = term["needs"]
        if cut["scope"] == "pair":
            needs = [name.replace("{band}", band) for side in sides for name in cut["sides"][side]]
        # Cuts on exported columns are applied here, whatever was declared.
        if exported >= {name.lower() for name in needs}:
            found["judged"].append(band)
        elif cut["name"] in profile.archive_cuts or (
            cut["scope"] != "pair" and term["sql"] and implied(term["sql"], conditions)
        ):
            found["archive"].append(band)
        elif why := _inapplicable(profile, cut, band, {name for name in needs if name.lower() not in exported}):
            found["inapplicable"].append(band)
            reasons[why] = None
        else:
            found["absent"].append(band)
    return *(tuple(bands) for bands in found.values()), "; ".join(reasons)


def _inapplicable(profile: Profile, cut: dict, band: str, lacking: set[str]) -> str:
    """Why the release has no equal for a cut, or for all that it lacks; '' if the profile does not say so.

    A user's cut always applies: whoever wrote it asks for the column, and a version without it would pass every row.
    """
    told = {} if "text" in cut else profile.not_applicable
    if cut["name"] in told:
        return told[cut["name"]]
    patterns = {column.replace("{band}", band): column for column in cut["needs"]}
    reasons = [told.get(name) or told.get(patterns.get(name, name), "") for name in sorted(lacking)]
    return "; ".join(dict.fromkeys(reasons)) if reasons and all(reasons) else ""


@dataclass(frozen=True)
class VersionPlan:
    """One version: its cuts that cannot be applied in full, whether it is built, its cuts that do not apply and why."""

    name: str
    title: str
    missing: tuple[str, ...]
    built: bool
    not_applicable: dict[str, str] = field(default_factory=dict)


def plan_versions(
    states: list[State],
    profile: Profile,
    rules: Rules,
    accepted: tuple[str, ...] = (),
    named: str | None = None,
) -> list[VersionPlan]:
    """Decide which versions to build.

    Parameters
    ----------
    states : list of State
        From :func:`cut_states`.
    profile : Profile
        Gives the release's names of missing columns.
    rules : Rules
    accepted : tuple of str
        Cuts that the user accepts as missing; 'all' means every cut.
    named : str, optional
        A version that must be made; the default version always must.

    Raises
    ------
    UsageError
        A cut that does not exist is accepted.
    MissingColumnsError
        Columns of the default or the named version are missing, and their cut was not accepted as missing.
    """
    known = {cut["name"] for cut in rules.cuts}
    unknown = sorted(set(accepted) - known - {"all"})
    if unknown:
        raise UsageError(f"No cut named {', '.join(unknown)}.", f"Cuts: {', '.join(sorted(known))}; or all.")
    absent = {state.cut for state in states if state.absent}
    reasons = {state.cut: state.why for state in states if state.inapplicable}
    plans = []
    for version in rules.versions:
        required = [cut["name"] for cut in rules.of_version(version["name"]) if cut["required"]]
        missing = tuple(name for name in required if name in absent)
        refused = [name for name in missing if "all" not in accepted and name not in accepted]
        told = {
            cut["name"]: reasons[cut["name"]] for cut in rules.of_version(version["name"]) if cut["name"] in reasons
        }
        plans.append(VersionPlan(version["name"], version["title"], missing, not refused, told))
        if refused and version["name"] in (DEFAULT_VERSION, named):
            raise MissingColumnsError(*_refusal(version["name"], [rules.cut(cut) for cut in refused], states, profile))
    return plans


def _refusal(name: str, refused: list[dict], states: list[State], profile: Profile) -> tuple[str, str]:
    lines = [f"{name} cannot be built: columns that its cuts need are missing from the landed files."]
    for cut in refused:
        for state in states:
            if state.cut == cut["name"] and state.absent:
                columns = [column for term in terms(cut, state.absent).values() for column in term["needs"]]
                lines.append(f"  {state.cut}: {state.source_file} has no {', '.join(_as_exported(columns, profile))}.")
    options = " ".join(f"--accept-missing {cut['name']}" for cut in refused)
    hint = [
        f"Type: galaxiesml build {options}",
        "  or, for every missing cut: galaxiesml build --accept-missing all (the version is then marked INCOMPLETE).",
        "  If the archive applied them: galaxiesml ingest replace LANDING FILE --archive-query paper.",
    ]
    if any("text" not in cut for cut in refused):
        hint.append(
            "  If the survey has no such columns: say so, and why, under [not_applicable] of its release profile."
        )
    return "\n".join(lines), "\n".join(hint)


def _as_exported(columns: list[str], profile: Profile) -> list[str]:
    """Columns by the release's names, if the release has them."""
    return [
        " and ".join(profile.columns[column].sources) if column in profile.columns else column
        for column in dict.fromkeys(columns)
    ]


def refresh(catalog: Catalog, plans: list[VersionPlan] | None = None, specz: str = "export") -> list[State]:
    """Write plan/cut_states.parquet and plan/versions.parquet; without plans, all versions are to be built."""
    rules = of_catalog(catalog)
    states = cut_states(catalog, specz, rules)
    rows = [
        {
            "landing": state.landing,
            "cut": state.cut,
            "state": state.text,
            "judged_bands": ",".join(state.judged),
            "archive_bands": ",".join(state.archive),
            # The SQL applies a cut in neither: the file has no such columns.
            "absent_bands": ",".join((*state.absent, *state.inapplicable)),
        }
        for state in states
    ]
    _write(catalog, "cut_states", rows)
    if plans is None:
        plans = plan_versions(states, catalog.profile, rules, accepted=("all",))
    rows = [
        {
            "version": plan.name,
            "place": place,
            "title": plan.title,
            "built": plan.built,
            "is_default": plan.name == DEFAULT_VERSION,
            "missing_cuts": ", ".join(plan.missing),
        }
        for place, plan in enumerate(plans, 1)
    ]
    _write(catalog, "versions", rows)
    return states


def _write(catalog: Catalog, name: str, rows: list[dict]) -> None:
    import pyarrow as pa

    store = BY_NAME[name]
    write_table(catalog.root / store.path, pa.Table.from_pylist(rows, store.schema()))
