"""Metrics in SQL are those of the paper, its authors and the challenge: by hand, and by an independent reading."""

import numpy as np
import pytest

from galaxiesml.photoz.external import lists
from galaxiesml.photoz.stored import of_pdfs

from .judged import by_numpy, metrics, random_predictions, run, scores, weights

COUNT = 10_000


def galaxies(z, **more) -> dict:
    ids = np.arange(len(z)) + 36_411_448_540_268_000
    return {
        "object_id": ids,
        "specz_redshift": z,
        "i_cmodel_mag": np.full(len(z), 20.5),
        "specz_surveys": ["one"] * len(z),
    } | more


def rows_of(made: dict, ids, name: str = "a") -> list[dict]:
    pdfs = lists(made["units"])
    square, spread = of_pdfs(pdfs, made["edges"], name)
    width = 0.05 * (1 + made["z_phot"])
    return [
        {
            "photoz_run": name,
            "photoz_row": place + 1,
            "object_id": int(ids[place]),
            "z_phot": made["z_phot"][place],
            "z_low_68": made["z_phot"][place] - width[place],
            "z_high_68": made["z_phot"][place] + width[place],
            "pdf": made["units"][place].tolist(),
            "pdf_square": square[place].as_py(),
            "pdf_half_spread": spread[place].as_py(),
        }
        for place in range(len(ids))
    ]


@pytest.fixture(scope="module")
def made():
    return random_predictions(COUNT, 1)


@pytest.fixture(scope="module")
def judged(made):
    of = galaxies(made["z"])
    predictions = rows_of(made, of["object_id"])
    return run(predictions, [{"photoz_run": "a", "pdf_edges": made["edges"].tolist()}], of), of["object_id"]


def test_points_are_judged_as_numpy_judges_them(made, judged):
    found = metrics(judged[0])
    for (definition, metric), value in by_numpy(made["z"], made["z_phot"]).items():
        assert found["all", definition, metric]["value"] == pytest.approx(value, rel=1e-6, abs=1e-8), (
            definition,
            metric,
        )
    assert {row["galaxies"] for row in found.values()} == {COUNT}


def test_bins_hold_the_redshifts_between_exact_decimals(made, judged):
    found = metrics(judged[0], "specz_redshift")
    tenths = np.round(made["z"] * 10, 9)
    for low in range(0, 40, 2):
        inside = (tenths >= low) & (tenths < low + 2)
        label = f"{low / 10:.1f} to {(low + 2) / 10:.1f}"
        row = found.get((label, "code", "scatter"))
        assert (row["galaxies"] if row else 0) == inside.sum(), label
        if inside.sum() >= 20:
            value = by_numpy(made["z"][inside], made["z_phot"][inside])["code", "scatter"]
            assert row["value"] == pytest.approx(value, rel=1e-6)
        elif row:
            assert row["value"] is None and row["value_reason"] == "fewer than 20 galaxies"
    assert found["up to 1.5", "paper", "mse"]["galaxies"] == (made["z"] <= 1.5).sum()
    assert found["0.1 to 1.25", "paper", "mse"]["galaxies"] == ((made["z"] >= 0.1) & (made["z"] <= 1.25)).sum()


def test_pdfs_are_judged_as_integrals_have_it(made, judged):
    connection, _ = judged
    some = np.concatenate([np.arange(70), np.arange(COUNT - 60, COUNT), np.flatnonzero(made["z"] > 3)[:20]])
    right = scores(made["z"][some], made["units"][some], made["edges"])
    found = connection.sql(
        "select object_id, crps, pit, cde_loss from int_photoz_scores order by object_id"
    ).fetchnumpy()
    for name in ("crps", "pit", "cde_loss"):
        np.testing.assert_allclose(found[name][some], right[name], rtol=2e-5, atol=2e-6, err_msg=name)
    of_all, pit = metrics(connection), np.sort(found["pit"])
    steps = np.arange(1, COUNT + 1) / COUNT
    distance = max(np.max(steps - pit), np.max(pit - steps + 1 / COUNT))
    assert of_all["all", "pdf", "pit_ks"]["value"] == pytest.approx(distance, abs=1e-9)
    assert of_all["all", "pdf", "crps"]["value"] == pytest.approx(found["crps"].mean(), abs=2e-9)
    assert of_all["all", "pdf", "cde_loss"]["value"] == pytest.approx(found["cde_loss"].mean(), abs=2e-8)
    inside = np.abs(made["z"] - made["z_phot"]) <= 0.05 * (1 + made["z_phot"])
    assert of_all["all", "pdf", "coverage_68"]["value"] == pytest.approx(inside.mean())
    assert of_all["all", "pdf", "coverage_95"]["value_reason"] == "no intervals"


def test_crps_of_a_uniform_and_of_a_normal_are_those_of_the_formulas():
    edges = np.linspace(0, 2, 401)
    uniform = np.full(400, 1 / 400)
    from scipy.stats import norm

    normal = np.diff(norm.cdf(edges, 1, 0.1))
    units = np.floor(np.stack([uniform, normal]) * 65_535).astype(int)
    units[[0, 1], units.argmax(axis=1)] += 65_535 - units.sum(axis=1)
    z = np.array([0.6, 1.05])
    made = {"z": z, "z_phot": np.array([1.0, 1.0]), "units": units, "edges": edges}
    of = galaxies(z)
    connection = run(rows_of(made, of["object_id"]), [{"photoz_run": "a", "pdf_edges": edges.tolist()}], of)
    (one, other) = (
        row[0] for row in connection.sql("select crps from int_photoz_scores order by photoz_row").fetchall()
    )
    # Of a uniform on (a, b): ((z - a)^3 + (b - z)^3) / (3 (b - a)^2); Gneiting & Raftery 2007, eq. 21, for a normal.
    assert one == pytest.approx((0.6**3 + 1.4**3) / 12, abs=2e-3)
    scaled = 0.5
    formula = 0.1 * (scaled * (2 * norm.cdf(scaled) - 1) + 2 * norm.pdf(scaled) - 1 / np.sqrt(np.pi))
    assert other == pytest.approx(formula, abs=2e-4)


def test_replicates_are_drawn_by_the_hash_of_the_galaxy(made, judged):
    connection, ids = judged
    values = connection.sql("""
        select replicate, definition, metric, value from int_photoz_values
        where photoz_bin in (select photoz_bin from int_photoz_members where bin_by = 'all') and replicate in (1, 200)
    """).fetchall()
    for replicate in (1, 200):
        drawn = np.repeat(np.arange(COUNT), weights(ids, replicate))
        right = by_numpy(made["z"][drawn], made["z_phot"][drawn])
        found = {(definition, metric): value for number, definition, metric, value in values if number == replicate}
        for key, value in right.items():
            assert found[key] == pytest.approx(value, rel=1e-6, abs=1e-8), (replicate, key)


def test_intervals_are_as_wide_as_new_samples_are(judged):
    """The 95 % interval of the scatter holds the scatter of new samples about as often as it says."""
    row = metrics(judged[0])["all", "code", "scatter"]
    others = [
        by_numpy(one["z"], one["z_phot"])["code", "scatter"]
        for one in (random_predictions(COUNT, s) for s in range(2, 32))
    ]
    half = (row["value_high"] - row["value_low"]) / 2
    assert np.std(others) * 1.96 == pytest.approx(half, rel=0.4)


def test_intervals_are_quantiles_of_the_replicates(judged):
    connection, _ = judged
    values = connection.sql("""
        select definition, metric, array_agg(value) from int_photoz_values
        where photoz_bin in (select photoz_bin from int_photoz_members where bin_by = 'all') and replicate > 0
            and value is not null
        group by all
    """).fetchall()
    found = metrics(connection)
    assert len(values) > 15
    for definition, metric, drawn in values:
        row = found["all", definition, metric]
        assert len(drawn) == 200
        assert (row["value_low"], row["value_high"]) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), rel=1e-13)


def test_what_no_redshift_is_judges_nothing():
    """Of a version that keeps it: a division by 1 + z, and whole numbers of infinity, are not to stop a build."""
    z = np.concatenate([np.full(30, 0.5), [-1.0, -99.0, np.inf, -np.inf, np.nan, 1000.0]])
    of = galaxies(z, i_cmodel_mag=np.concatenate([np.full(28, 20.5), [np.inf, np.nan], np.full(6, 20.5)]))
    predictions = [
        {"photoz_run": "a", "photoz_row": place + 1, "object_id": int(one), "z_phot": 0.6}
        for place, one in enumerate(of["object_id"])
    ]
    connection = run(predictions, [{"photoz_run": "a"}], of)
    assert {row["galaxies"] for row in metrics(connection).values()} == {30}
    assert {row["galaxies"] for row in metrics(connection, "i_cmodel_mag").values()} == {28}


def test_equations_by_hand():
    """Three galaxies, worked by hand, seven times over: fewer than 20 have no metrics."""
    z, z_phot = np.tile([0.0, 1.0, 1.0], 7), np.tile([0.1, 1.0, 0.0], 7)
    of = galaxies(z)
    predictions = [
        {"photoz_run": "a", "photoz_row": place + 1, "object_id": int(one), "z_phot": z_phot[place]}
        for place, one in enumerate(of["object_id"])
    ]
    found = metrics(run(predictions, [{"photoz_run": "a"}], of))
    value = {key[1:]: row["value"] for key, row in found.items()}
    # (2): .1, 0, -.5.  (3): sqrt((.01 + .25) / 3).  (4): differences .1, 0, -1 about 0: 1.48 x .1.  (6): one of three.
    assert value["paper", "bias_mean"] == pytest.approx(-0.4 / 3)
    assert value["paper", "rms"] == pytest.approx(np.sqrt(0.26 / 3))
    assert value["paper", "scatter"] == pytest.approx(1.48 * 0.1)
    assert value["paper", "outliers"] == pytest.approx(1 / 3)
    assert value["paper", "mse"] == pytest.approx(1.01 / 3)
    # (1): scaled by .15 (1 + z_phot): .1 / .165, 0, 1 / .15.
    one, other = (0.1 / 0.165) ** 2, (1 / 0.15) ** 2
    assert value["paper", "loss"] == pytest.approx((one / (1 + one) + other / (1 + other)) / 3)
    # The code's has (1 + z_spec): .1 / .15, 0, 1 / .3.
    one, other = (0.1 / 0.15) ** 2, (1 / 0.3) ** 2
    assert value["code", "loss"] == pytest.approx((one / (1 + one) + other / (1 + other)) / 3)
    assert value["code", "bias_median"] == 0 and value["code", "scatter"] == pytest.approx(0.1 / 0.67449)
    assert value["pdf", "crps"] is None and found["all", "pdf", "crps"]["value_reason"] == "no PDFs"


@pytest.mark.parametrize("count", [0, 1, 19, 20])
def test_few_galaxies_have_a_reason_and_no_value(count):
    made = random_predictions(100, 5)
    of = galaxies(made["z"][:count] if count else np.array([1.0]))
    predictions = [
        {"photoz_run": "a", "photoz_row": place + 1, "object_id": int(of["object_id"][place]), "z_phot": 0.5}
        for place in range(count)
    ]
    found = metrics(run(predictions, [{"photoz_run": "a"}], of))
    assert bool(found) == bool(count)
    reasons = {row["value_reason"] for key, row in found.items() if key[1] != "pdf"}
    assert reasons == (set() if not count else {None} if count == 20 else {"fewer than 20 galaxies"})
    assert all((row["value"] is None) == (row["value_reason"] is not None) for row in found.values())


def test_galaxies_that_the_run_has_seen_never_count():
    made = random_predictions(300, 6)
    of = galaxies(made["z"])
    split = ["training"] * 100 + ["validation"] * 100 + ["testing"] * 100
    predictions = rows_of(made, of["object_id"])
    for place, row in enumerate(predictions):
        # Ten of the testing split were trained on, when the splits were others.
        row["photoz_split"] = "training" if 200 <= place < 210 else None
    settings = [{"photoz_run": "a", "pdf_edges": made["edges"].tolist()}]
    one = run(predictions, settings, of, {"release": split})
    assert one.sql("select min(photoz_row), max(photoz_row), count(*) from int_photoz_sample").fetchall() == [
        (211, 300, 90)
    ]
    training = run(predictions, settings, of, {"release": split}, sample="training")
    assert training.sql("select count(*) from int_photoz_sample").fetchall() == [(110,)]
    everything = run(predictions, settings, of, {"release": split}, sample="all")
    assert everything.sql("select count(*) from int_photoz_sample").fetchall() == [(300,)]


def test_a_null_prediction_and_one_of_minus_one_do_no_harm():
    z = np.full(40, 0.5)
    of = galaxies(z)
    predictions = [
        {"photoz_run": "a", "photoz_row": place + 1, "object_id": int(one), "z_phot": [None, -1.0, 0.5, 0.6][place % 4]}
        for place, one in enumerate(of["object_id"])
    ]
    row = metrics(run(predictions, [{"photoz_run": "a"}], of))["all", "paper", "loss"]
    scaled = (0.1 / (0.15 * 1.6)) ** 2
    assert row["galaxies"] == 30 and row["value"] == pytest.approx((1 + 0 + scaled / (1 + scaled)) / 3)
