"""The archive's own redshifts follow from the surveys' columns that the real export carries, by the team's rule."""

import warnings

import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from .matched import run, spectrum


@pytest.fixture(scope="module")
def export(shared_data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = Table.read(shared_data / "hsc_s16a_wide_gama.fits")
        frame = table[[name for name in table.colnames if table[name].ndim == 1]].to_pandas()
    return frame[frame["z_hsc"].notna()].set_index("object_id")


def surveys(export):
    """SDSS's and GAMA's rows as landed spectra: GAMA's are secure from quality 4."""
    found = []
    for number, (key, row) in enumerate(export.iterrows()):
        if np.isfinite(row["z_sdss"]):
            place = {"specz_ra": row["ra_plug_sdss"], "specz_dec": row["dec_plug_sdss"], "specz_name": f"SDSS-{key}"}
            found.append(spectrum(2 * number, row["z_sdss"], survey="sdss", **place))
        if np.isfinite(row["z_gama"]):
            place = {"specz_ra": row["ra_gama"], "specz_dec": row["dec_gama"], "specz_name": f"GAMA-{key}"}
            secure = bool(row["zquality_gama"] >= 4)
            found.append(spectrum(2 * number + 1, row["z_gama"], survey="gama", specz_flag_homogeneous=secure, **place))
    return found


@pytest.fixture(scope="module")
def ruled(export):
    """Redshifts by the rule 'hsc', from the match on the sky."""
    rows = surveys(export)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns["specz_confidence"] = pa.nulls(len(rows), pa.float64())
    objects = {"object_id": export.index.to_numpy(), "ra": export["ra"].to_numpy(), "dec": export["dec"].to_numpy()}
    connection = run(objects, columns, "int_spectrum_objects", "int_spectrum_matches", "int_matched_redshifts")
    return connection.sql("select * from int_matched_redshifts where specz_rule = 'hsc'").to_df().set_index("object_id")


def test_the_archives_redshifts_follow_from_the_surveys(export, ruled):
    """Of 916; the issue wants 890."""
    secure = export[export["specz_flag"] == 1]
    ours = ruled["specz_redshift"].reindex(secure.index)
    agree = (ours - secure["z_hsc"]).abs() < 1e-4
    assert len(secure) == 906 and agree.sum() >= 890
    # What does not agree lies farther than 0.5 arcsec from one of its spectra, or from both.
    far = []
    for ra, dec in (("ra_plug_sdss", "dec_plug_sdss"), ("ra_gama", "dec_gama")):
        place = SkyCoord(secure[ra].to_numpy(), secure[dec].to_numpy(), unit="deg")
        far.append(place.separation(SkyCoord(secure["ra"], secure["dec"], unit="deg")).arcsec > 0.5)
    assert (far[0] | far[1])[~agree.to_numpy()].all()


def test_the_mean_of_the_columns_needs_no_match(export):
    """The columns alone, without the sky: all but the insecure ones."""
    gama = export["z_gama"].where(export["zquality_gama"] >= 4)
    mean = np.nanmean(np.stack([gama, export["z_sdss"]]), axis=0)
    agree = np.abs(mean - export["z_hsc"]) < 1e-4
    assert agree.sum() == 907 and (export.loc[~agree, "specz_flag"] == 0).all()


def test_insecure_ones_keep_a_redshift_in_that_export(export):
    """Ten, against the rule: one of SDSS, three of GAMA's quality 3, and six of GAMA rows that the export lacks."""
    insecure = export[export["specz_flag"] == 0]
    assert len(insecure) == 10 and insecure["z_hsc"].notna().all()
    assert (insecure["specz_sdss_flag"] == 1).sum() == 1
    of_gama = insecure[insecure["specz_sdss_flag"] == 0]
    assert ((of_gama["zquality_gama"] == 3) & (of_gama["z_gama"] == of_gama["z_hsc"])).sum() == 3
    assert of_gama["z_gama"].isna().sum() == 6


def test_the_newer_columns_of_gama_are_its_later_release(export):
    """z_gama_new is of GAMA's next release: the identifiers of DR3 but for one, other redshifts in most rows."""
    known = export[export["z_gama_new"].notna() & (export["nq_gama_new"] >= 4)]
    assert (known["id_gama_new"] != known["cataid_gama_dr3"]).sum() == 1
    assert ((known["z_gama_new"] - known["z_gama"]).abs() > 1e-5).mean() > 0.8
    assert (known["z_gama_new"] - known["z_hsc"]).abs().median() < 5e-5
    # Of the nine insecure ones of GAMA the later release is sure, and finds nearly the same.
    insecure = export[(export["specz_flag"] == 0) & (export["specz_sdss_flag"] == 0)]
    assert (insecure["nq_gama_new"] == 4).all()
    assert (insecure["z_gama_new"] - insecure["z_hsc"]).abs().max() < 0.0025


def test_thirteen_spectra_lie_beyond_the_radius(export):
    place = SkyCoord(export["specz_ra"].to_numpy(), export["specz_dec"].to_numpy(), unit="deg")
    apart = place.separation(SkyCoord(export["ra"].to_numpy(), export["dec"].to_numpy(), unit="deg")).arcsec
    assert (apart > 0.5).sum() == 13 and apart.max() < 1.7
