"""`evaluate --leave-out survey`: nothing of the survey reaches the training, and both trainings judge alike."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.photoz import leave_out as leaving
from galaxiesml.photoz import load

from ..made.once import once
from .judged import by_numpy
from .test_commands import FAST, make_trained

SURVEY = "sdss_dr14"


@pytest.fixture
def catalog(tmp_path) -> Catalog:
    return Catalog.open(shutil.copytree(once("trained", make_trained) / "cat", tmp_path / "cat"))


def same(data):
    return data


def test_the_table_is_of_the_surveys_unseen_galaxies(catalog, typed, tmp_path):
    words = ("-C", catalog.root, "evaluate", "table-1", "--leave-out", "survey")
    code, out, err = typed(*words, "--json", "--plot", tmp_path / "left.svg")
    assert code == 0, err
    told = json.loads(out)
    first = {row["survey"]: row for row in told["surveys"]}[SURVEY]
    assert (tmp_path / "left.svg").read_bytes().startswith(b"<?xml")
    small = {row["survey"]: row for row in told["not_left_out"]}
    assert small and all(row["testing"] < 50 and "fewer than 50" in row["reason"] for row in small.values())
    assert next(iter(small)) in err and "unknown survey" in err

    # By hand: galaxies whose list of surveys has this one, alone or with others.
    galaxies = (
        catalog.connect()
        .execute(f"""
        select object_id, specz_redshift, split_release = 'testing' as tested, split_release = 'training' as trained,
            list_contains(string_split(specz_surveys, ','), '{SURVEY}') as has
        from galaxies_v2 join splits using (object_id) order by object_id
    """)
        .fetchnumpy()
    )
    has = np.ma.filled(galaxies["has"].astype(bool), False) if np.ma.isMaskedArray(galaxies["has"]) else galaxies["has"]
    judged = has.astype(bool) & galaxies["tested"]
    home = catalog.root / "photoz" / "table-1" / "without" / SURVEY
    made = load(home)
    assert first["galaxies"] == judged.sum() >= 50
    assert made.info["data"]["rows"]["training"] == (galaxies["trained"] & ~has.astype(bool)).sum()
    assert made.info["provenance"]["without"] == SURVEY
    source = leaving.base(catalog, "table-1")
    where = np.isin(source.data.object_id, galaxies["object_id"][judged])
    for how, run in (("with", source.run), ("without", made)):
        z_phot = run.predict(source.data.take(where))["z_phot"].to_numpy()
        right = by_numpy(source.data.redshift[where], z_phot)
        found = {(row["definition"], row["metric"]): row for row in first[how]}
        for key, value in right.items():
            assert found[key]["value"] == pytest.approx(value, rel=1e-6, abs=1e-8)
            assert found[key]["value_low"] <= found[key]["value_high"]
    difference = {(row["definition"], row["metric"]): row["value"] for row in first["difference"]}
    of = {how: {(row["definition"], row["metric"]): row["value"] for row in first[how]} for how in ("with", "without")}
    assert difference["code", "loss"] == pytest.approx(of["without"]["code", "loss"] - of["with"]["code", "loss"])
    assert difference["code", "loss"] != 0

    # Typed again, nothing is trained; the table has three lines a survey.
    weights = home / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    code, out, _ = typed(*words, "--surveys", SURVEY, "--intervals")
    assert code == 0 and weights.stat().st_mtime_ns == before
    assert [line.split()[0] for line in out.splitlines()[2:]] == [SURVEY, "without", "difference"]
    # Trainings without a survey are no runs of the catalogue.
    assert [row["run"] for row in json.loads(typed("-C", catalog.root, "runs", "--json")[1])] == ["table-1"]


def test_nothing_of_the_survey_reaches_the_training(catalog, tmp_path):
    base = leaving.base(catalog, "table-1")
    base = replace(base, run=replace(base.run, config=replace(base.run.config, epochs=3, seeds=1)))
    (survey,) = leaving.surveys(base, [SURVEY])
    weights = []
    for place in range(2):
        here = replace(base, home=tmp_path / str(place))
        if place:
            # Other redshifts and magnitudes of the survey's galaxies must change nothing.
            off = np.where(base.has(SURVEY), 0.5, 0.0)
            changed = replace(
                base.data,
                redshift=base.data.redshift + off,
                magnitudes=base.data.magnitudes + off[:, None].astype(np.float32),
            )
            here = replace(here, data=changed)
        leaving.without(here, survey, same)
        weights.append((here.home / "without" / SURVEY / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_a_stopped_training_continues_to_the_same_bytes(catalog, tmp_path):
    base = leaving.base(catalog, "table-1")
    base = replace(base, run=replace(base.run, config=replace(base.run.config, epochs=4, seeds=1)), home=tmp_path / "a")
    (survey,) = leaving.surveys(base, [SURVEY])

    def stop(epoch):
        if epoch.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leaving.without(base, survey, same, stop)
    epochs = []
    leaving.without(base, survey, same, lambda epoch: epochs.append(epoch.epoch))
    # The state is kept after each epoch, unless writing it takes too much of the time.
    assert epochs in ([2, 3], [1, 2, 3])
    leaving.without(replace(base, home=tmp_path / "b"), survey, same)
    one, other = (tmp_path / name / "without" / SURVEY / "weights.safetensors" for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_weights_are_made_anew_without_the_survey(catalog, typed):
    words = ("train", "forest", "--set", "trees=20", "--weights", "colour", "--name", "weighed")
    assert typed("-C", catalog.root, *words)[0] == 0
    code, _, err = typed("-C", catalog.root, "evaluate", "weighed", "--leave-out", "survey", "--surveys", SURVEY)
    assert code == 0, err
    made = load(catalog.root / "photoz" / "weighed" / "without" / SURVEY)
    assert made.info["weights"]["training"]["effective"] < made.info["data"]["rows"]["training"]
    assert load(catalog.root / "photoz" / "weighed").info["weights"] != made.info["weights"]


def test_what_cannot_be_compared_is_refused(catalog, typed, tmp_path):
    base = leaving.base(catalog, None)
    assert base.name == "table-1"
    with pytest.raises(UsageError, match="No galaxy of table-1 is of the survey 'nobody'"):
        leaving.surveys(base, ["nobody"])
    changed = replace(base, data=replace(base.data, redshift=base.data.redshift + 0.01))
    with pytest.raises(CatalogError, match="are not those that table-1 was trained on"):
        leaving.check(changed, same)
    of_few = replace(base, data=base.data.take(base.has(SURVEY)), surveys=base.surveys[base.has(SURVEY)])
    assert leaving.surveys(of_few, [SURVEY])[0].reason == "too few galaxies are left without it"
    assert typed("-C", catalog.root, "train", "table", "--name", "other", *FAST)[0] == 0
    for words, says in (
        (("--leave-out", "survey"), "needs one run; 2 were trained here"),
        (("table-1", "other", "--leave-out", "survey"), "takes one run"),
        (("table-1", "--leave-out", "survey", "--by", "survey"), "cannot be combined"),
        (("table-1", "--surveys", "vvds"), "--surveys goes with --leave-out"),
        (("table-1", "--leave-out", "survey", "--surveys", "vvds"), "No survey has enough galaxies"),
    ):
        code, _, err = typed("-C", catalog.root, "evaluate", *words)
        assert code == 2 and says in err, err
    # Another split: the run's galaxies are no longer the build's.
    assert typed("-C", catalog.root, "build", "--split-seed", "7")[0] == 0
    code, _, err = typed("-C", catalog.root, "evaluate", "table-1", "--leave-out", "survey")
    assert code == 4 and "are not those that table-1 was trained on" in err
