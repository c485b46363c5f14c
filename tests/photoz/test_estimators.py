"""The paper's network, the Bayesian one, the forest; and what the package may import."""

import subprocess
import sys

import numpy as np
import pytest

from galaxiesml.photoz import Config, grid, load, metrics, train
from galaxiesml.photoz.paper import PaperNetwork
from tests.made.redshifts import galaxies


def test_the_paper_s_network_has_122006_parameters():
    network = PaperNetwork(Config.of("paper-nn"), 5)
    assert sum(value.numel() for value in network.parameters()) == 122_006


def test_the_paper_s_settings():
    config = Config.of("paper-nn")
    assert (config.learning_rate, config.batch, config.patience, config.seeds) == (5e-4, 100, 10, 1)


def test_the_paper_s_network_stops_early_and_gives_its_own_point(sky, tmp_path):
    run = train(sky, Config.of("paper-nn", epochs=40, width=32, patience=2, learning_rate=3e-3), tmp_path / "run")
    testing = sky.of("testing")
    made = run.predict(testing)
    assert run.curve.num_rows <= 40
    point = run.ensemble.predict(testing).point
    assert np.array_equal(made["z_phot"].to_numpy(), point)
    assert metrics.points(point, testing.redshift)["nmad"] < 0.06
    pdf = grid.unpack(np.stack(made["pdf"].to_numpy()))
    assert metrics.pdfs(pdf, run.edges, testing.redshift)["coverage_68"] == pytest.approx(0.68, abs=0.06)
    assert load(tmp_path / "run").predict(testing).equals(made)


def test_the_two_sigmas_of_the_bayesian_network(tmp_path):
    """Noise of the redshifts themselves is aleatoric; what training has not seen is epistemic."""
    data = galaxies(3000, seed=8)
    run = train(data, Config.of("bnn", epochs=15, width=48, learning_rate=5e-3, samples=16), tmp_path / "run")
    testing = data.of("testing")
    made = run.predict(testing)
    epistemic, aleatoric = (made[f"z_sigma_{kind}"].to_numpy() for kind in ("epistemic", "aleatoric"))
    assert (epistemic > 0).all() and (aleatoric > 0).all()
    far = run.predict(type(data)(testing.magnitudes + np.array([0, 3, -3, 3, -3], np.float32), data.bands))
    assert np.median(far["z_sigma_epistemic"].to_numpy()) > 2 * np.median(epistemic)
    noisy = np.random.default_rng(1).normal(data.redshift, 0.2).clip(0, 4)
    other = train(type(data)(data.magnitudes, data.bands, redshift=noisy, split=data.split), run.config)
    assert np.median(other.predict(testing)["z_sigma_aleatoric"].to_numpy()) > 0.15 > 1.5 * np.median(aleatoric)
    assert load(tmp_path / "run").predict(testing).equals(made)


def test_the_forest_is_scikit_learn_s(sky, tmp_path):
    pytest.importorskip("sklearn")
    from galaxiesml.photoz.forest import Forest, features, grown

    config = Config.of("forest", trees=12)
    training, testing = sky.of("training"), sky.of("testing")
    model = grown(training, config)
    forest = Forest.of(model, training, config, grid.edges_of(config))
    expected = model.apply(features(testing.magnitudes)) + forest.starts[:-1]
    assert np.isnan(testing.magnitudes).any()
    assert np.array_equal(forest.leaves(testing.magnitudes), expected)
    assert forest.mean(testing.magnitudes) == pytest.approx(model.predict(features(testing.magnitudes)), rel=1e-12)
    run = train(sky, config, tmp_path / "run")
    made = run.predict(testing)
    assert metrics.points(made["z_phot"].to_numpy(), testing.redshift)["nmad"] < 0.06
    assert load(tmp_path / "run").predict(testing).equals(made)


def test_a_forest_that_leads_in_a_circle_is_refused(sky, tmp_path):
    pytest.importorskip("sklearn")
    from galaxiesml.errors import InputError
    from galaxiesml.photoz.weights import read_tensors, write_tensors

    train(sky, Config.of("forest", trees=3), tmp_path / "run")
    path = tmp_path / "run" / "weights.safetensors"
    tensors, told = read_tensors(path)
    tensors["forest/left"][0] = 0
    write_tensors(path, tensors, told)
    with pytest.raises(InputError, match="leads out of its tree, or back"):
        load(tmp_path / "run")


#: What the machine with the GPU does not have.
_BLOCKED = """
import sys

sys.modules.update(dict.fromkeys({blocked!r}))
"""
_ABSENT = ("duckdb", "astropy", "typer", "polars", "scipy", "sklearn", "dbt", "rich", "sqlglot", "galsim")


def _alone(code: str, repo, *words, blocked=_ABSENT) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", _BLOCKED.format(blocked=tuple(blocked)) + code, *map(str, words)]
    return subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)


def test_it_trains_and_predicts_where_only_torch_numpy_h5py_and_pyarrow_are(sky, tmp_path, repo):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {f"mag_{band}": sky.magnitudes[:, place] for place, band in enumerate(sky.bands)}
    pq.write_table(pa.table(columns | {"z": sky.redshift, "object_id": sky.object_id}), tmp_path / "t.parquet")
    code = "from galaxiesml.photoz.__main__ import main; sys.exit(main(sys.argv[1:]))"
    named = ("--table", tmp_path / "t.parquet", "--magnitudes", "mag_{band}", "--errors", "")
    typed = ("--bands", "g,r,i,z,y", "--redshift", "z", "--set", "epochs=2", "--seeds", "1", "--out", tmp_path / "run")
    done = _alone(code, repo, "train", "table", *named, *typed)
    assert done.returncode == 0, done.stderr
    assert "network 1/1 epoch 2/2" in done.stderr and "rows: training" in done.stdout
    done = _alone(code, repo, "predict", tmp_path / "run", *named, "--out", tmp_path / "z.parquet", "--json")
    assert done.returncode == 0, done.stderr
    assert '"rows": 4000' in done.stdout
    made = pq.read_table(tmp_path / "z.parquet")
    assert made["object_id"].to_pylist() == sky.object_id.tolist()
    done = _alone(code, repo, "predict", tmp_path / "no", *named, "--out", tmp_path / "z.parquet")
    assert done.returncode == 3 and "holds no finished run" in done.stderr
    done = _alone(code, repo, "train", "forest", *named, *typed[:-1], tmp_path / "forest")
    assert done.returncode == 2 and "needs scikit-learn" in done.stderr


def test_names_are_imported_without_torch(repo):
    code = "from galaxiesml.photoz import Config, Columns; Config.of('table'); print(sys.modules['torch'])"
    done = _alone(code, repo, blocked=(*_ABSENT, "torch", "h5py", "pyarrow"))
    assert done.stdout.strip() == "None", done.stderr
