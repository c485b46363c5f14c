"""The models of metrics on predictions made in a test, without a build; and the same metrics read with NumPy."""

from hashlib import md5

import duckdb
import numpy as np
import pyarrow as pa
from astropy.stats import biweight_location, biweight_midvariance

from galaxiesml import dictionary
from galaxiesml.catalog.measured import PREDICTIONS
from galaxiesml.curation.evaluated import _MODELS, _make
from galaxiesml.curation.macros import Macros

BANDS = list("grizy")
UNITS = 65_535


def packed(mass: np.ndarray) -> np.ndarray:
    units = np.floor(mass / mass.sum(axis=1, keepdims=True) * UNITS).astype(np.int64)
    units[np.arange(len(units)), units.argmax(axis=1)] += UNITS - units.sum(axis=1)
    return units


def random_predictions(count: int, seed: int, bins: int = 60) -> dict:
    """z, z_phot, units (count, bins), edges; redshifts on bins' edges and off the grid among them."""
    random = np.random.default_rng(seed)
    edges = np.sort(np.concatenate([[0.0, 3.0], random.uniform(0, 3, bins - 1)]))
    z = np.clip(random.gamma(2, 0.5, count), 0, 6)
    z[: bins + 1] = edges[: len(z[: bins + 1])]
    z[-40:] = np.round(random.uniform(0, 4, 40), 1)
    z_phot = z + random.standard_t(2, count) * 0.03 * (1 + z)
    middle = (edges[1:] + edges[:-1]) / 2
    mass = np.exp(-0.5 * ((middle - z_phot[:, None]) / (0.05 * (1 + z_phot[:, None]))) ** 2) + 1e-4
    return {"z": z, "z_phot": z_phot, "units": packed(mass * np.diff(edges)), "edges": edges}


def run(predictions: list[dict], runs: list[dict], galaxies: dict, splits: dict | None = None, sample="testing"):
    """A connection with the models' tables."""
    connection = duckdb.connect(config={"threads": 2})
    types = PREDICTIONS.types
    rows = [dict.fromkeys(types) | row for row in predictions]
    tables = {
        "stg_photoz__predictions": pa.Table.from_pylist(rows, PREDICTIONS.schema()),
        "stg_photoz__runs": pa.Table.from_pylist(
            [dict.fromkeys(PREDICTIONS.settings_types) | {"split_scheme": "release"} | one for one in runs],
            pa.schema([(name, dictionary.arrow_type(kind)) for name, kind in PREDICTIONS.settings_types.items()]),
        ),
        "int_pairs": pa.table({"pair_id": np.arange(len(galaxies["object_id"]))} | galaxies),
        "int_judged_v2": pa.table(
            {"pair_id": np.arange(len(galaxies["object_id"])), "kept": [True] * len(galaxies["object_id"])}
        ),
        "int_splits": pa.table(
            {"object_id": galaxies["object_id"]}
            | {
                f"split_{scheme}": (splits or {}).get(scheme, ["testing"] * len(galaxies["object_id"]))
                for scheme in ("release", "paper", "official", "leak_free")
            }
        ),
    }
    for name, table in tables.items():
        connection.register(name, table)
    macros = Macros(BANDS)
    connection.execute(f"create table int_photoz_sample as {macros.call('photoz_sample', sample)}")
    connection.execute(
        "create view int_photoz_known as "
        "select photoz_run, '' as photoz_inputs, false as is_known from stg_photoz__runs"
    )
    known = dictionary.family("photoz_metrics")
    empty = pa.schema([(column.name, dictionary.arrow_type(column.type)) for column in known]).empty_table()
    connection.register("stg_plan__known_metrics", empty)
    for model in _MODELS:
        text = (dictionary.PROJECT / f"models/intermediate/int_photoz_{model}.sql").read_text()
        _make(connection, f"int_photoz_{model}", macros.render(text), macros.call("photoz_replicates").strip())
    return connection


def metrics(connection, bin_by: str = "all", run: str | None = None) -> dict:
    """(bin, definition, metric) to (value, low, high, galaxies, reason)."""
    rows = connection.sql("select * from int_photoz_metrics").to_arrow_table().to_pylist()
    return {
        (row["bin"], row["definition"], row["metric"]): row
        for row in rows
        if row["bin_by"] == bin_by and run in (None, row["photoz_run"])
    }


def weights(ids: np.ndarray, replicate: int) -> np.ndarray:
    """Poisson numbers of mean 1, from md5 as the models have it: worked out again from the distribution itself."""
    from scipy.stats import poisson

    uniform = np.array([int(md5(f"{one}:{replicate}".encode()).hexdigest(), 16) / 16**32 for one in ids])
    return np.minimum(poisson.ppf(uniform, 1).astype(int), 7)


def scores(z: np.ndarray, units: np.ndarray, edges: np.ndarray) -> dict[str, np.ndarray]:
    """PIT, CRPS and CDE loss of each PDF by integrals on a fine grid of z, with nothing of the models' formulas."""
    share, width = units / UNITS, np.diff(edges)
    high = np.cumsum(share, axis=1)
    crps, pit, cde = (np.zeros(len(z)) for _ in range(3))
    for place, truth in enumerate(z):
        fine = np.unique(np.concatenate([np.linspace(edges[0], max(edges[-1], truth), 20_001), edges, [truth]]))
        cdf = np.interp(fine, edges, np.concatenate([[0], high[place]]))
        middle = (cdf[1:] + cdf[:-1]) / 2
        step = (fine[1:] + fine[:-1]) / 2 >= truth
        crps[place] = np.sum((middle - step) ** 2 * np.diff(fine))
        pit[place] = np.interp(truth, edges, np.concatenate([[0], high[place]]))
        here = np.flatnonzero((truth >= edges[:-1]) & (truth < edges[1:]))
        density = share[place] / width
        cde[place] = np.sum(density**2 * width) - 2 * (density[here[0]] if here.size else 0)
    return {"crps": crps, "pit": pit, "cde_loss": cde}


def by_numpy(z: np.ndarray, z_phot: np.ndarray) -> dict:
    """The metrics of points, as the paper, the authors' code and the challenge write them."""
    delta, error = z_phot - z, (z_phot - z) / (1 + z)
    with np.errstate(divide="ignore"):
        loss_phot = 1 - 1 / (1 + (delta / (0.15 * (1 + z_phot))) ** 2)
    loss_spec = 1 - 1 / (1 + (delta / (0.15 * (1 + z))) ** 2)

    def mad(values):
        return np.median(np.abs(values - np.median(values)))

    quarter, three = np.percentile(error, [25, 75])
    far = np.abs(error) > max(0.06, 3 * (three - quarter) / 1.349)
    return {
        ("paper", "bias_mean"): error.mean(),
        ("paper", "scatter"): 1.48 * mad(delta),
        ("paper", "outliers"): np.mean(np.abs(error) > 0.15),
        ("paper", "mse"): np.mean(delta**2),
        ("paper", "rms"): np.sqrt(np.mean(error**2)),
        ("paper", "loss"): np.mean(loss_phot),
        ("code", "bias_median"): np.median(error),
        ("code", "scatter"): mad(error) / 0.67449,
        ("code", "outliers"): np.mean(np.abs(error) > 0.15),
        ("code", "mse"): np.mean(delta**2),
        ("code", "loss"): np.mean(loss_spec),
        ("biweight", "bias_biweight"): biweight_location(error),
        ("biweight", "scatter"): np.sqrt(biweight_midvariance(error)),
        ("challenge", "bias_median"): np.median(error),
        ("challenge", "scatter"): 1.4826 * mad(error),
        ("challenge", "outliers"): np.mean(far),
    }
