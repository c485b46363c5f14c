"""The command: equal bytes whatever the processes, another sky for another seed, and what it refuses."""

import filecmp
import json

import pytest

from . import skies


def alike(one, two) -> bool:
    names = [{path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} for root in (one, two)]
    same, other, lost = filecmp.cmpfiles(one, two, names[0] | names[1], shallow=False)
    return names[0] == names[1] and not other and not lost and len(same) > 20


def test_one_process_makes_the_bytes_that_two_make(tmp_path):
    assert alike(skies.made(), skies.make(tmp_path / "sky", "--jobs", "1"))


def test_correlated_noise_and_another_seed_are_another_sky(tmp_path, capsys):
    plain = json.loads((skies.made() / "mock.json").read_text())
    capsys.readouterr()
    skies.make(tmp_path / "sky", "--jobs", "1", "--correlated-noise", "--json", galaxies=20, seed=2)
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "sky" / "mock.json").read_text())
    assert told["correlated_noise"] and told["seed"] == 2
    assert told["content_sha256"] != plain["content_sha256"] and set(told["files"]) == set(plain["files"])


@pytest.mark.parametrize(
    "words, told",
    [(["--galaxies", "19"], "19 galaxies"), (["--seed", "-1"], "--seed"), (["--jobs", "0"], "--jobs")],
)
def test_what_cannot_be_made_is_refused(tmp_path, capsys, words, told):
    assert skies.run("mock", "sky", "--out", str(tmp_path / "sky"), *words) == 2
    assert told in capsys.readouterr().err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_folder_with_files_is_not_written_to(tmp_path, capsys):
    (tmp_path / "mine").write_text("mine")
    assert skies.run("mock", "sky", "--galaxies", "20", "--out", str(tmp_path)) == 2
    assert "--force" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_summary_that_names_files_outside_touches_none_of_them(tmp_path):
    from galaxiesml.mock.sky.sky import files_of

    (tmp_path / "precious").write_text("x")
    sky = tmp_path / "sky"
    sky.mkdir()
    (sky / "mine").write_text("x")
    (sky / "mock.json").write_text(
        json.dumps({"files": {"../precious": "", str(tmp_path / "precious"): "", "mine": ""}})
    )
    assert files_of(sky) == [sky / "mine"]
