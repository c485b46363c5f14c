"""``galaxiesml fetch ...``: ask the archives, and land what they send."""

from __future__ import annotations

from typing import Annotated

import typer

from galaxiesml.cli import common, fetch_specz, forms

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Fetch from the archives, and land: exports, cutouts, PSF pictures, spectra, the published files.

    The account of the HSC archive is read from HSC_SSP_CAS_USER and HSC_SSP_CAS_PASSWORD, the keyring, or a prompt.
    A command that was interrupted goes on where it stopped when it is typed again.

    \b
    Examples:
      galaxiesml fetch hsc --query wide
      galaxiesml fetch cutouts --layers image,mask,variance
    """,
)

Url = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="ROOT", help="Root of another archive; default: GALAXIESML_ARCHIVE_URL, else the public one."
    ),
]
Wait = Annotated[
    float, typer.Option("--wait", metavar="S", help="Seconds to wait for another writer before each landing.")
]
RetryFor = Annotated[
    float, typer.Option("--retry-for", metavar="S", help="Seconds to retry a request that fails.", min=0.0)
]
Force = Annotated[bool, typer.Option("--force", help="Fetch even if there seems to be too little disk space.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
#: A build or an export of some minutes is waited for; after that the command can be typed again.
WAIT, RETRY_FOR = 3600.0, 600.0


def register(app: typer.Typer) -> None:
    fetch_specz.register(group)
    app.add_typer(group, name="fetch")


def transfer_to(root: str, retry_for: float):
    """A transfer with the account for an archive."""
    from galaxiesml.archive.credentials import find_credentials
    from galaxiesml.archive.transfer import Patience, Transfer

    return Transfer(find_credentials(root), Patience(seconds=retry_for))


def jobs_at(catalog, url: str | None, retry_for: float):
    """The catalogue jobs of the archive that serves the catalogue's release."""
    from galaxiesml.archive.address import HSC, public_release, root_of
    from galaxiesml.archive.jobs import Jobs

    release, root = public_release(catalog.profile.name), root_of(url, HSC)
    return Jobs(transfer_to(root, retry_for), root, release)


@group.command("hsc")
@forms.tabular()
def hsc(
    query: Annotated[
        str, typer.Option("--query", metavar="paper|wide|counts|FILE.sql", help="Query to send to the archive.")
    ],
    preview: Annotated[
        bool, typer.Option("--preview", help="Print the first rows, which the archive gives at once; fetch nothing.")
    ] = False,
    parts: Annotated[
        int | None, typer.Option("--parts", metavar="N", help="Ask in N ranges of object_id.", min=2, max=256)
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the export, at the archive and in the catalogue's fetch/hsc.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Ask anew, and replace the landed export.")] = False,
    url: Url = None,
    retry_for: RetryFor = RETRY_FOR,
    wait: Wait = WAIT,
    force: Force = False,
    json: Json = False,
) -> None:
    """Fetch an export of the HSC archive: submit a query, wait, download, land.

    The job's number is recorded before anything waits: after Ctrl-C, a kill or a lost network, the same command goes
    on with the same job. If the archive refuses the query for its size, it is asked in parts, which are landed in the
    order of object_id. The query counts lands nothing: it prints the number of objects that pass the paper's
    photometric flags, and of those with a spectrum.

    \b
    Examples:
      galaxiesml fetch hsc --query wide --preview
      galaxiesml fetch hsc --query wide --parts 8
      galaxiesml fetch hsc --query mine.sql --url http://127.0.0.1:8008
    """
    from galaxiesml.archive.folder import fetching
    from galaxiesml.archive.queries import COUNTS, read_query
    from galaxiesml.cli import fetch_exports
    from galaxiesml.errors import UsageError

    catalog = common.catalog()
    asked = read_query(query, catalog.profile.name)
    if asked.name == COUNTS and parts:
        raise UsageError("The query counts is not split: --parts is for queries of rows.", "Leave out --parts.")
    jobs = jobs_at(catalog, url, retry_for)
    if preview:
        fetch_exports.print_preview(jobs, asked, json)
        return
    with fetching(catalog, "hsc"):
        if asked.name == COUNTS:
            fetch_exports.print_counts(catalog, jobs, asked, again, keep, json)
            return
        options = fetch_exports.Options(query, parts, keep, again, wait, force)
        fetch_exports.fetch(catalog, jobs, asked, options, json)


@group.command("jobs")
@forms.tabular()
def jobs(
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the archive for the state of each.")] = False,
    cancel: Annotated[str | None, typer.Option("--cancel", metavar="JOB", help="Cancel a job at the archive.")] = None,
    url: Url = None,
    retry_for: RetryFor = RETRY_FOR,
    json: Json = False,
) -> None:
    """List the catalogue jobs: what was submitted, what is still running, what landed.

    \b
    Examples:
      galaxiesml fetch jobs --refresh
      galaxiesml fetch jobs --cancel 123456
    """
    from galaxiesml.cli import fetch_exports

    catalog = common.catalog()
    if cancel is not None:
        fetch_exports.cancel(catalog, jobs_at(catalog, url, retry_for), cancel)
    elif refresh:
        fetch_exports.refresh(catalog, jobs_at(catalog, url, retry_for))
    fetch_exports.print_jobs(catalog, json)
