"""VizieR as astroquery's own class and pyvo's own class read it, over TLS."""

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from .. import skies
from . import asking

SDSS = "V/154/sdss16"


@pytest.fixture(scope="module")
def secure():
    pytest.importorskip("trustme", reason="https needs the extra mock")
    with asking.served(tls=True) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(server.authority))
        yield server


@pytest.fixture(scope="module")
def vizier(secure):
    astroquery = pytest.importorskip("astroquery")
    from astroquery.vizier import Vizier

    # Its cache holds pickles, and replays what an earlier server said.
    with astroquery.cache_conf.set_temp("cache_active", False):
        yield lambda *columns, rows=-1: Vizier(
            columns=list(columns) or ["**"], row_limit=rows, vizier_server=f"localhost:{secure.port}"
        )


def published(name: str) -> pd.DataFrame:
    path = skies.made() / "specz" / name
    return pd.read_csv(path) if path.suffix == ".csv" else Table.read(path).to_pandas()


def by_ucd(table: Table) -> dict[str, str]:
    return {table[name].meta.get("ucd"): name for name in reversed(table.colnames)}


@pytest.mark.parametrize(
    "name, file, ra, dec, redshift, flag",
    [
        ("J/A+A/609/A84/vipersw1", "vipers_w1_spectro_pdr2.csv", "alpha", "delta", "zspec", "zflg"),
        ("J/ApJS/172/70/zcosmos3", "zcosmos_bright_dr3.csv", "RAJ2000", "DEJ2000", "z", "CC"),
        (SDSS, "sdss_dr14.csv", "ra", "dec", "z", "zWarning"),
        ("III/268/deep2dr4", "deep2_dr4.fits", "RA", "DEC", "ZBEST", "ZQUALITY"),
        ("J/MNRAS/474/3875/gamadr3", "gama_dr3.fits", "RA", "DEC", "Z", "NQ"),
    ],
)
def test_a_survey_s_rows_are_found_by_ucd(vizier, name, file, ra, dec, redshift, flag):
    found = vizier().get_catalogs(name)
    assert found.keys() == [name]
    names, own = by_ucd(found[0]), published(file)
    assert len(own) > 0
    for ucd, column in (
        ("pos.eq.ra;meta.main", ra),
        ("pos.eq.dec;meta.main", dec),
        ("src.redshift", redshift),
        ("meta.code.qual;src.redshift", flag),
    ):
        values = (
            found[0][names[ucd]] if ucd != "src.redshift" or "zBest" not in found[0].colnames else found[0]["zBest"]
        )
        assert np.array_equal(np.asarray(values, float), own[column].astype(float)), ucd
    assert found[0][names["pos.eq.ra;meta.main"]].unit == u.deg


def test_vvds_is_in_several_tables(vizier):
    found = vizier().get_catalogs("J/A+A/559/A14")
    own = published("vvds_final.csv")
    assert len(found) == min(6, len(own)) > 1
    assert sorted(number for table in found for number in table["Num"]) == sorted(own["NUM"])


def test_rows_and_columns_as_asked(vizier):
    every = vizier().get_catalogs(SDSS)[0]
    few = vizier("SpObjID", "zsp", rows=3).get_catalogs(SDSS)[0]
    assert few.colnames == ["SpObjID", "zsp"] and few["SpObjID"].tolist() == every["SpObjID"].tolist()[:3]
    assert "recno" in every.colnames and "recno" not in vizier("*").get_catalogs(SDSS)[0].colnames
    middle = float(np.median(np.asarray(every["zsp"])))
    far = vizier().query_constraints(catalog=SDSS, zsp=f">{middle}")[0]
    assert far["zsp"].tolist() == [z for z in every["zsp"] if z > middle]
    assert len(vizier().get_catalogs("J/Nothing/1")) == 0


def test_regions_are_round_or_boxes(vizier):
    every = vizier().get_catalogs(SDSS)[0]
    places = SkyCoord(every["RA_ICRS"], every["DE_ICRS"], unit="deg")
    apart = places[0].separation(places)
    radius = np.sort(apart)[len(apart) // 2] + 1 * u.arcsec
    found = vizier().query_region(places[0], radius=radius, catalog=SDSS)[0]
    assert found["SpObjID"].tolist() == every["SpObjID"][apart <= radius].tolist() and 1 < len(found) < len(every)

    width, height = 20 * u.arcmin, 8 * u.arcmin
    east, north = places[0].spherical_offsets_to(places)
    inside = (abs(east) <= width / 2) & (abs(north) <= height / 2)
    found = vizier().query_region(places[0], width=width, height=height, catalog=SDSS)[0]
    assert found["SpObjID"].tolist() == every["SpObjID"][inside].tolist()

    found = vizier().query_region(places[:3], radius=1 * u.arcsec, catalog=SDSS)[0]
    assert found["SpObjID"].tolist() == every["SpObjID"].tolist()[:3] and found["_q"].tolist() == [1, 2, 3]


def test_tap_counts_before_anything_is_fetched(secure, vizier):
    pyvo = pytest.importorskip("pyvo")
    service = pyvo.dal.TAPService(f"{secure.url}/TAPVizieR/tap")
    every = vizier().get_catalogs(SDSS)[0]
    assert service.search(f'SELECT COUNT(*) FROM "{SDSS}"').to_table()[0][0] == len(every)
    assert service.search('SELECT COUNT(*) AS n FROM "J/A+A/609/A84/vipersw4"')["n"][0] == 0
    assert vizier().get_catalogs("J/A+A/609/A84").keys() == ["J/A+A/609/A84/vipersw1"]
    places = SkyCoord(every["RA_ICRS"], every["DE_ICRS"], unit="deg")
    ra, dec = every["RA_ICRS"][0], every["DE_ICRS"][0]
    point = "POINT('ICRS', RA_ICRS, DE_ICRS)"
    for shape, inside in (
        (f"CIRCLE('ICRS', {ra}, {dec}, 0.15)", places[0].separation(places) < 0.15 * u.deg),
        (f"BOX('ICRS', {ra}, {dec}, 0.3, 0.2)", _in_box(places, 0.3 * u.deg, 0.2 * u.deg)),
    ):
        told = service.search(f'SELECT COUNT(*) AS n FROM "{SDSS}" WHERE 1 = CONTAINS({point}, {shape})')
        assert told["n"][0] == inside.sum() > 0
    assert len(service.search(f'SELECT TOP 2 * FROM "{SDSS}"')) == 2
    with pytest.raises(pyvo.DALQueryError, match="does not exist"):
        service.search('SELECT * FROM "V/999/none"')


def _in_box(places: SkyCoord, width, height) -> np.ndarray:
    east, north = places[0].spherical_offsets_to(places)
    return (abs(east) <= width / 2) & (abs(north) <= height / 2)
