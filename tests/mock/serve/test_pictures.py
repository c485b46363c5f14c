"""The cutout and PSF services: the sky's own lists give the sky's own tars; other lists what they ask for."""

import concurrent.futures
import io
import time

import numpy as np
import pytest
import requests
from astropy.io import fits

from .. import skies
from . import asking

HEADER = "#? rerun type filter ra dec sw sh image mask variance"


def lists(service: str) -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted((skies.made() / service).glob("*.txt"))}


def lines(stem: str, service: str = "cutouts") -> list[str]:
    return lists(service)[stem].splitlines()[1:]


@pytest.mark.parametrize("folder, service", [("cutouts", "cutout"), ("psf", "psf")])
def test_every_list_of_the_sky_gives_its_own_tar(server, folder, service):
    found = lists(folder)
    assert len(found) >= 5
    for stem, text in found.items():
        answer = asking.upload(server, text, service)
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/x-tar"
        own = {name: data for (of, name), data in skies.members(folder).items() if of == stem}
        assert list(asking.untarred(answer.content).items()) == list(own.items())


def test_no_coverage_is_an_empty_tar(server):
    answer = asking.upload(server, lists("cutouts")["g-outside-1"])
    assert answer.status_code == 200 and asking.untarred(answer.content) == {}
    nowhere = f"{HEADER}\npdr2_wide coadd HSC-G 10.0 -70.0 10asec 10asec true true true\n"
    assert asking.untarred(asking.upload(server, nowhere).content) == {}


def test_members_are_numbered_by_the_list_that_came(server):
    own = skies.members("cutouts")
    in_two = next(
        line for (stem, name) in own if stem == "r-1" and "-10054-" in name for line in [int(name.split("-")[0])]
    )
    asked = [lines("r-1")[number - 2] for number in (in_two, 2)]
    columns = HEADER.removeprefix("#? ").split()
    # Other columns, another order, a tract of each line's own; positions with six decimals.
    text = "#? tract sh sw dec ra filter rerun name image mask variance\n"
    for tract, line in zip(("10054", "9812"), asked, strict=True):
        told = dict(zip(columns, line.split(), strict=True))
        place = f"{float(told['dec']):.6f} {float(told['ra']):.6f}"
        text += f"{tract} 0.0027777777778deg 10arcsec {place} {told['filter']} {told['rerun']} of_mine true true true\n"
    found = asking.untarred(asking.upload(server, text).content)
    assert list(found) == ["2-cutout-HSC-R-10054-pdr2_wide.fits", "3-cutout-HSC-R-9812-pdr2_wide.fits"]
    assert found["2-cutout-HSC-R-10054-pdr2_wide.fits"] == own["r-1", f"{in_two}-cutout-HSC-R-10054-pdr2_wide.fits"]
    assert found["3-cutout-HSC-R-9812-pdr2_wide.fits"] == own["r-1", "2-cutout-HSC-R-9812-pdr2_wide.fits"]


def test_layers_that_are_not_asked_for_are_empty(server):
    words = lines("r-1")[0].split()
    name = "2-cutout-HSC-R-9812-pdr2_wide.fits"
    whole = skies.opened(skies.members("cutouts")["r-1", name])
    for wanted in ("true false false", "false true false", "true false true"):
        text = f"{HEADER}\n{' '.join(words[:-3])} {wanted}\n"
        with skies.opened(asking.untarred(asking.upload(server, text).content)[name]) as hdus:
            hdus.verify("exception")
            assert len(hdus) == 4 and hdus[0].header["FLUXMAG0"] == whole[0].header["FLUXMAG0"]
            for at, has in enumerate(wanted.split(), start=1):
                same = has == "true" and np.array_equal(hdus[at].data, whole[at].data, equal_nan=at != 2)
                assert same if has == "true" else hdus[at].data is None
    plain = f"#? rerun filter ra dec sw sh\n{' '.join([words[0], *words[2:7]])}\n"
    with fits.open(io.BytesIO(asking.untarred(asking.upload(server, plain).content)[name])) as hdus:
        assert [hdu.data is not None for hdu in hdus[1:]] == [True, False, False]


@pytest.mark.parametrize(
    "line, told",
    [
        ("pdr3_wide coadd HSC-R 150 2 10asec 10asec true true true", "Line 2: no rerun pdr3_wide"),
        ("pdr2_wide coadd HSC-R 150 2 10 10asec true true true", "Line 2: sw '10' has no unit"),
        ("pdr2_wide coadd HSC-R 150 2 36amin 10asec true true true", "Line 2: sw 36amin is not above 0, up to 35amin"),
        ("pdr2_wide coadd HSC-R 150 2 20asec 10asec true true true", "10asec alone"),
        ("pdr2_wide coadd HSC-R nan 2 10asec 10asec true true true", "Line 2: ra 'nan' is not a number"),
        ("pdr2_wide coadd HSC-R 400 2 10asec 10asec true true true", "no position"),
        ("pdr2_wide coadd HSC-R 150 2 10asec 10asec true true perhaps", "neither true nor false"),
        ("pdr2_wide coadd HSC-R 150 2", "Line 2 of the list has 5 words; its header has 10"),
    ],
)
def test_a_line_that_cannot_be_answered_is_named(server, line, told):
    answer = asking.upload(server, f"{HEADER}\n{line}\n")
    assert answer.status_code == 400 and told in answer.text


def test_lists_that_are_no_lists(server):
    assert "#?" in asking.upload(server, "ra dec\n1 2\n").text
    assert "does not name sw, sh" in asking.upload(server, "#? rerun filter ra dec\n").text
    line = lines("r-1")[0] + "\n"
    assert asking.upload(server, f"{HEADER}\n" + line * 1000).status_code == 200
    assert "1,001 lines; at most 1,000" in asking.upload(server, f"{HEADER}\n" + line * 1001).text
    assert asking.upload(server, lists("psf")["r-1"], "psf", bulk="off").status_code == 400


def test_a_login_is_asked_for(server):
    text = lists("cutouts")["r-1"]
    for login in (None, ("simulated", "wrong"), ("wrong", "simulated")):
        answer = asking.upload(server, text, login=login)
        assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Basic")
        assert asking.upload(server, lists("psf")["r-1"], "psf", login=login).status_code == 401


def test_lines_take_their_time_and_connections_share_none_of_it():
    text = f"{HEADER}\n" + "\n".join(lines("r-1")[:10]) + "\n"
    with asking.served(delay_row_ms=30.0) as server:
        began = time.monotonic()
        one = asking.upload(server, text)
        alone = time.monotonic() - began
        assert 0.3 <= alone < 1.5
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            several = list(pool.map(lambda _: asking.upload(server, text), range(4)))
        assert time.monotonic() - began < 3 * alone
        assert all(asking.untarred(answer.content) == asking.untarred(one.content) for answer in several)
        counts = server.counts()
        assert counts["cutout"]["rows_asked"] == 50 and counts["most_requests_at_once"] == 4
        assert counts["cutout"]["bytes"] == 5 * len(one.content)


def test_more_than_ten_at_once_are_turned_away_and_none_is_forgotten():
    text = f"{HEADER}\n" + "\n".join(lines("r-1")[:10]) + "\n"
    with asking.served(delay_row_ms=50.0) as server:
        with concurrent.futures.ThreadPoolExecutor(14) as pool:
            found = [answer.status_code for answer in pool.map(lambda _: asking.upload(server, text), range(14))]
        assert sorted(found) == [200] * 10 + [503] * 4
        # Those that leave in the middle make room too.
        for _ in range(11):
            address = server.url + "/das_cutout/pdr2/cgi-bin/cutout"
            asked = {"files": {"list": text}, "auth": asking.LOGIN, "stream": True, "timeout": 5}
            with requests.post(address, **asked) as answer:
                assert answer.status_code == 200
        time.sleep(0.2)
        assert asking.upload(server, text).status_code == 200
