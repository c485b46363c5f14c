"""Fetching from an archive that fails, by a client that is killed: each picture once, no byte more, no account told."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from tests.made.once import once
from tests.mock import skies

from .jobs_service import ACCOUNT
from .served import files_with_the_account, served, type_in

#: Every fault that a list of pictures can meet.
FAULTS = ("401", "429", "502", "503", "slow", "drop", "length", "tar", "row", "html", "redirect")
JOB_FAULTS = ("401", "406", "429", "502", "503", "slow", "drop", "length", "hash", "redirect", "never")
ROWS, JOBS = 4, 4
#: Exit codes of an end that the archive is to blame for; its next answer may be better.
ARCHIVE = 9
#: A record of a tar, to which it is padded.
PADDING = 10_240


def begun() -> Path:
    """A catalogue with the sky's export, built: its pictures are wanted."""

    def make(folder: Path) -> None:
        catalog = Catalog.create(folder / "cat", "pdr2_wide").root
        type_in(catalog, "ingest", "hsc", skies.made() / "export.csv.gz", "--archive-query", "paper")
        type_in(catalog, "build")

    return once("wants-pictures", make) / "cat"


@dataclass
class Campaign:
    """Commands typed again and again until nothing is left, some of them killed."""

    catalog: Path
    words: tuple[str, ...]
    said: list[str] = field(default_factory=list)
    kills: int = 0
    codes: Counter = field(default_factory=Counter)

    def start(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "galaxiesml", "-C", self.catalog, *self.words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)

    def type(self, seconds: float = 120.0) -> str | None:
        """Type the command; its standard output, or None if the archive ended it."""
        process = self.start()
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            process.kill()
        self.said += [out, err]
        self.codes[process.returncode] += 1
        assert process.returncode in (0, ARCHIVE), err
        assert "Traceback" not in err
        return out if process.returncode == 0 else None

    def kill(self, server, dice: random.Random, most: float) -> None:
        """Type the command and kill it without warning, at random after its first request."""
        process, before = self.start(), server.counts()["total"].get("requests", 0)
        while process.poll() is None and server.counts()["total"].get("requests", 0) == before:
            time.sleep(0.01)
        time.sleep(dice.uniform(0.0, most))
        self.kills += process.poll() is None
        process.kill()
        self.said += process.communicate()


def answered(catalog: Path) -> tuple[list, Counter]:
    """Every place that a landed tar's list asks for, and how many pictures of each can be used."""
    places, pictures = [], Counter()
    for folder in sorted(path.parent for path in (catalog / "raw" / "cutouts").glob("*/landing.json")):
        requests = pq.read_table(folder / "requests.parquet", partitioning=None).to_pylist()
        lines = {row["line"]: (row["band"], row["ra"], row["dec"]) for row in requests}
        places += lines.values()
        for row in pq.read_table(folder / "pictures.parquet", partitioning=None).to_pylist():
            # A row too many is of no line, and did not land.
            assert row["line"] in lines or row["refused_class"] == "not_asked"
            if not row["refused"]:
                pictures[lines[row["line"]]] += 1
    return sorted(places), pictures


def fetch_all(catalog: Path, faults: list[str], seed: int, kills: int, delay: float) -> tuple[Campaign, dict]:
    """A campaign for the cutouts, and what the server counted."""
    words = ("fetch", "cutouts", "--rows", str(ROWS), "--jobs", str(JOBS), "--retry-for", "60", "--json")
    campaign, dice = Campaign(catalog, (*words, "--layers", "image,mask,variance")), random.Random(seed)
    with served(faults=faults, seed=seed, delay_row_ms=delay, slow_seconds=0.5) as server:
        # The archive may end a command before it is killed.
        for _ in range(4 * kills):
            if campaign.kills < kills:
                campaign.kill(server, dice, 1.0)
        for _ in range(60):
            out = campaign.type()
            if out is not None and json.loads(out)["asked"] == 0:
                break
        else:
            raise AssertionError(f"the campaign has no end: {campaign.said[-1]}")
        # What was sent to a client that was killed is counted to its end.
        time.sleep(0.3)
        return campaign, server.counts()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> tuple[list, Counter, dict]:
    """What comes of a campaign without faults and kills."""
    catalog = tmp_path_factory.mktemp("quiet") / "cat"
    shutil.copytree(begun(), catalog)
    _, counts = fetch_all(catalog, [], 1, 0, 0.0)
    places, pictures = answered(catalog)
    assert len(places) == len(set(places)) == counts["cutout"]["rows_asked"] > 100
    assert len(pictures) > 90 and counts["cutout"]["requests"] == len(
        list((catalog / "raw/cutouts").glob("*/landing.json"))
    )
    return places, pictures, counts


def check(catalog: Path, campaign: Campaign, counts: dict, quiet) -> str:
    """The claims; what was measured, in words."""
    places, pictures, least = quiet
    found, landed = answered(catalog)
    assert found == places
    assert landed == pictures
    wanted, sent = least["cutout"]["bytes"], counts["cutout"]["bytes"]
    # A row in two tracts has two pictures.
    batch = ROWS * (wanted // least["cutout"]["pictures"] * 2) + PADDING
    faults = sum(counts["faults"].values())
    # A list that is halved comes in more tars, each with its padding.
    most = wanted + batch * (JOBS * campaign.kills + faults) + PADDING * counts["cutout"]["requests"]
    assert wanted <= sent <= most
    assert counts["elsewhere"]["with_credentials"] == 0
    assert files_with_the_account(catalog) == []
    assert not any(secret in text for secret in ACCOUNT.values() for text in campaign.said)
    assert [path.name for path in (catalog / "fetch" / "cutouts").iterdir()] == [".lock"]
    return (
        f"{campaign.kills} kills, {faults} faults {dict(counts['faults'])}: {len(places)} lines, "
        f"{sent / wanted:.2f} x the bytes that are wanted (at most {most / wanted:.2f})"
    )


def run(tmp_path: Path, quiet, faults: list[str], seed: int, kills: int = 0, delay: float = 0.0):
    catalog = tmp_path / f"cat-{seed}"
    shutil.copytree(begun(), catalog)
    campaign, counts = fetch_all(catalog, faults, seed, kills, delay)
    print("measured:", check(catalog, campaign, counts, quiet))
    return campaign, counts


def test_every_fault_at_once_and_two_kills(tmp_path, quiet):
    campaign, counts = run(tmp_path, quiet, [f"{fault}:0.03" for fault in FAULTS], seed=3, kills=2, delay=20.0)
    assert len(counts["faults"]) >= 4 and campaign.kills >= 1


@pytest.mark.proof
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone(tmp_path, quiet, fault):
    _, counts = run(tmp_path, quiet, [f"{fault}:0.1"], seed=1 + FAULTS.index(fault))
    assert counts["faults"][fault] >= 1


@pytest.mark.proof
def test_twenty_kills_of_a_campaign_with_every_fault(tmp_path, quiet):
    faults, kills = [f"{fault}:{0.1 / len(FAULTS):.4f}" for fault in FAULTS], 0
    # A sky is fetched in a few seconds, so several campaigns are needed.
    for seed in range(20, 40):
        campaign, _ = run(tmp_path, quiet, faults, seed=seed, kills=7, delay=150.0)
        kills += campaign.kills
        if kills >= 20:
            return
    raise AssertionError(f"{kills} kills came in time")


def fetch_export(tmp_path: Path, faults: list[str], seed: int, kills: int) -> Counter:
    """Get the wide export whatever the archive does; the faults that it had."""
    catalog = Catalog.create(tmp_path / f"cat-{seed}", "pdr2_wide").root
    campaign, dice = Campaign(catalog, ("fetch", "hsc", "--query", "wide", "--retry-for", "60")), random.Random(seed)
    with served(faults=faults, seed=seed, slow_seconds=0.5) as server:
        for _ in range(kills):
            campaign.kill(server, dice, 1.0)
        for _ in range(30):
            try:
                if campaign.type(20.0) is not None:
                    break
            except subprocess.TimeoutExpired:
                _cancel(catalog)
        else:
            raise AssertionError(f"the campaign has no end: {campaign.said[-1]}")
        counts = server.counts()
    (entry,) = Catalog.open(catalog).landings()
    truth = pq.read_table(skies.made() / "truth" / "specz.parquet")
    assert entry["rows"] == truth.num_rows
    assert counts["elsewhere"]["with_credentials"] == 0
    assert files_with_the_account(catalog) == []
    assert not any(secret in text for secret in ACCOUNT.values() for text in campaign.said)
    return Counter(counts["faults"])


def _cancel(catalog: Path) -> None:
    """Cancel a job that does not end, as a person would."""
    code = 1
    for _ in range(10):
        records = [json.loads(path.read_text()) for path in (catalog / "fetch" / "jobs").glob("*.json")]
        code = skies.run("-q", "-C", str(catalog), "fetch", "jobs", "--cancel", str(records[0]["id"]))
        if code == 0:
            break
    assert code == 0


def test_an_export_comes_whatever_the_archive_does(tmp_path):
    kinds = [fault for fault in JOB_FAULTS if fault != "never"]
    assert sum(fetch_export(tmp_path, [f"{fault}:0.06" for fault in kinds], 1, 1).values()) >= 1


@pytest.mark.proof
@pytest.mark.parametrize("fault", JOB_FAULTS)
def test_an_export_comes_in_spite_of_each_fault(tmp_path, fault):
    # A few requests make a campaign: the share is larger, so that the fault is met.
    assert fetch_export(tmp_path, [f"{fault}:0.4"], 1, 2)[fault] >= 1
