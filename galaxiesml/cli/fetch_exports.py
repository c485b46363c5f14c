"""What ``fetch hsc`` and ``fetch jobs`` do: exports of the archive's jobs are landed by the code of ``ingest hsc``."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

from galaxiesml.archive.exports import Part, export, file_of, whole
from galaxiesml.archive.jobs import Jobs, QueryRefused
from galaxiesml.archive.parts import Parts, new_parts, part, parts_of
from galaxiesml.archive.queries import Query, check_split
from galaxiesml.archive.records import ENDS, Record, all_records, save
from galaxiesml.archive.transfer import Refused
from galaxiesml.cli import common
from galaxiesml.errors import ArchiveError, InputError, UsageError

#: Longest answer of the query counts, bytes.
_MOST_COUNTS = 1 << 16


@dataclass(frozen=True)
class Options:
    """Options of ``fetch hsc``, as typed."""

    query: str
    parts: int | None
    keep: bool
    again: bool
    wait: float
    force: bool


def print_preview(jobs: Jobs, query: Query, as_json: bool) -> None:
    found = jobs.preview(query.name, query.sql)
    if as_json:
        common.print_json(found)
        return
    common.table([dict(zip(found["fields"], row, strict=False)) for row in found["rows"]])
    count = found.get("count")
    if isinstance(count, int):
        common.say(f"{len(found['rows']):,} of {count:,} rows.")


def print_counts(catalog, jobs: Jobs, query: Query, again: bool, keep: bool, as_json: bool) -> None:
    record = export(catalog, jobs, whole(query), again=again, say=common.say)
    if record.state != "landed":
        with gzip.open(file_of(catalog, record), "rt", encoding="utf-8") as file:
            lines = file.read(_MOST_COUNTS).splitlines()
        names, *rows = [line.lstrip("# ").split(",") for line in lines if line.strip()] or [[]]
        try:
            result = {name: int(value) for name, value in zip(names, rows[0], strict=True)}
        except (IndexError, ValueError):
            raise InputError(f"{file_of(catalog, record)} is not one row of numbers.") from None
        record = save(catalog, record, state="landed", result=result)
        _forget(catalog, jobs, record, keep)
    if as_json:
        common.print_json(record.result | {"provenance": record.provenance()})
    else:
        common.table([record.result])


def fetch(catalog, jobs: Jobs, query: Query, options: Options, as_json: bool) -> None:
    """Get and land every part of a query; the first that fails ends the command, and what landed stays."""
    from galaxiesml.curation.archive_query import query_conditions

    archive = query_conditions(options.query, catalog.profile)
    plan = _plan(catalog, jobs, query, options)
    if query.sql.upper().rfind("ORDER BY") < 0:
        common.say(f"The query {query.name} has no ORDER BY: the order of the rows is the server's, and is kept.")
    landed, at = [], 0
    while at < (len(plan.ranges) if plan else 1):
        one = part(query, plan.ranges[at]) if plan else whole(query)
        try:
            landed.append(_one(catalog, jobs, one, archive, options, as_json))
        except QueryRefused as error:
            if not error.is_too_large:
                raise
            plan = _smaller(catalog, jobs, query, plan, at, error)
            continue
        at += 1
    if as_json:
        common.print_json(landed)
    common.say("Next: galaxiesml build")


def _plan(catalog, jobs: Jobs, query: Query, options: Options) -> Parts | None:
    """The parts of the query; None if it is asked whole."""
    plan = parts_of(catalog, jobs, query)
    landed = [entry for entry in catalog.landings() if _is_of(entry, query, plan)]
    if options.again and (plan or options.parts) and landed:
        numbers = " ".join(str(entry["landing"]) for entry in landed)
        raise UsageError(
            f"The query {query.name} was landed in parts, and --again replaces a single export.",
            f"Remove each first ({numbers}): galaxiesml ingest remove NUMBER",
        )
    if plan and options.parts and len(plan.ranges) != options.parts and not options.again:
        common.say(f"The query {query.name} was asked in {len(plan.ranges)} parts before; it goes on with these.")
    if plan and not options.again:
        return plan
    if not options.parts:
        return None
    if landed:
        number = landed[0]["landing"]
        raise UsageError(
            f"The query {query.name} is already landed, as {number}.",
            f"Remove it before it is asked in parts: galaxiesml ingest remove {number}",
        )
    return new_parts(catalog, jobs, query, options.parts)


def _is_of(entry: dict, query: Query, plan: Parts | None) -> bool:
    """Whether a landing was fetched by a query or a part of it."""
    fetched = entry.get("fetched") or {}
    sent = {query.sql} | ({part(query, one).sql for one in plan.ranges} if plan else set())
    return fetched.get("sql") in sent


def _smaller(catalog, jobs: Jobs, query: Query, plan: Parts | None, at: int, error: QueryRefused) -> Parts:
    """The plan after the archive refused a part for its size: the part in two halves."""
    if plan is None:
        try:
            check_split(query)
        except UsageError as cannot:
            raise UsageError(f"{error}\n{cannot}", cannot.hint) from None
        smaller = new_parts(catalog, jobs, query, 2)
    else:
        smaller = plan.halved(at)
        if smaller is None:
            raise error
        smaller.save()
    common.say(f"{error}\nIt is asked in {len(smaller.ranges)} parts.")
    return smaller


def _one(catalog, jobs: Jobs, one: Part, archive, options: Options, as_json: bool) -> dict:
    """Get one export and land it; landing.json."""
    with common.progress(f"fetching {one.name}", unit="bytes") as bar:
        record = export(catalog, jobs, one, again=options.again, say=common.say, advance=bar.advance)
    if record.state == "landed":
        entry = next((each for each in catalog.landings() if each["source_sha256"] == record.sha256), None)
        if entry is not None:
            if not as_json:
                what = f"The query {one.name}{f' ({one.label})' if one.label else ''}"
                common.result(f"{what} is already landed, as {entry['landing']}; --again asks anew.")
            return entry | {"is_new": False}
        common.say(f"The export of {one.name} was landed and removed since; the archive is asked again.")
        with common.progress(f"fetching {one.name}", unit="bytes") as bar:
            record = export(catalog, jobs, one, again=True, say=common.say, advance=bar.advance)
    landing = _land(catalog, record, archive, options, as_json)
    record = save(catalog, record, state="landed", sha256=landing.info["source_sha256"])
    _forget(catalog, jobs, record, options.keep)
    return landing.info | {"is_new": landing.is_new}


def _land(catalog, record: Record, archive, options: Options, as_json: bool):
    from galaxiesml.curation import states
    from galaxiesml.ingest.land import land_hsc
    from galaxiesml.ingest.report import describe, warnings

    path = file_of(catalog, record)
    with catalog.lock("fetch hsc", options.wait), common.progress(f"landing {path.name}", unit="bytes") as bar:
        old = next((each for each in catalog.landings() if _fetched_by(each) == record.sql), None)
        landing = land_hsc(
            catalog,
            path,
            archive=archive,
            replace=old["landing"] if options.again and old else None,
            force=options.force,
            fetched=record.provenance(),
            progress=bar,
        )
        states.refresh(catalog)
    for line in warnings(landing):
        common.warn(line)
    if not as_json:
        common.result("\n".join(describe(landing, catalog.profile)))
    return landing


def _fetched_by(entry: dict) -> str | None:
    return (entry.get("fetched") or {}).get("sql")


def _forget(catalog, jobs: Jobs, record: Record, keep: bool) -> None:
    """Delete an export that is landed, here and at the archive."""
    if keep:
        common.say(f"The export is kept: {file_of(catalog, record)}, and job {record.id} at the archive.")
        return
    file_of(catalog, record).unlink(missing_ok=True)
    try:
        jobs.delete(record.id)
    except ArchiveError as error:
        common.warn(f"The archive did not delete job {record.id}, which is landed: {error}")
        return
    save(catalog, record, is_deleted=True)


# -- fetch jobs ----------------------------------------------------------------------------------------------


def refresh(catalog, jobs: Jobs) -> None:
    """Ask the archive for the state of each job that is not at its end."""
    for record in _open(catalog, jobs):
        try:
            status = jobs.status(record.id)
        except Refused as error:
            if error.status in (401, 403):
                raise
            save(catalog, record, state="lost", error=str(error))
            continue
        ended = {"done": "done", "error": "failed"}.get(status.state, record.state)
        save(catalog, record, state=ended, server_state=status.state, error=status.error or None)


def cancel(catalog, jobs: Jobs, number: str) -> None:
    """Cancel a job at the archive."""
    found = [record for record in all_records(catalog) if str(record.id) == number and record.url.startswith(jobs.root)]
    if not found:
        known = ", ".join(str(record.id) for record in _open(catalog, jobs)) or "none"
        raise UsageError(f"This catalogue submitted no job {number}; running: {known}.", "Type: galaxiesml fetch jobs")
    jobs.cancel(found[-1].id)
    save(catalog, found[-1], state="cancelled")
    common.say(f"Job {number} is cancelled.")


def _open(catalog, jobs: Jobs) -> list[Record]:
    return [
        record
        for record in all_records(catalog)
        if record.id is not None and record.state == "submitted" and record.url.startswith(jobs.root)
    ]


def print_jobs(catalog, as_json: bool) -> None:
    from dataclasses import asdict

    records = all_records(catalog)
    if as_json:
        common.print_json([asdict(record) for record in records])
        return
    if not records:
        common.say("No job was submitted.  Type: galaxiesml fetch hsc --query wide")
        return
    landed = {entry["source_sha256"]: entry["landing"] for entry in catalog.landings()}
    common.table(
        [
            {
                "job": record.id if record.id is not None else "-",
                "query": record.query,
                "part": record.part or "-",
                "state": record.state,
                "at the archive": "deleted" if record.is_deleted else record.server_state or "-",
                "landing": landed.get(record.sha256, "-"),
                "submitted": record.submitted_at or "-",
            }
            for record in records
        ]
    )
    for record in records:
        if record.error and record.state in ENDS:
            common.say(f"Job {record.id if record.id is not None else '-'} ({record.query}): {record.error}")
