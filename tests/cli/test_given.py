"""No option is dropped without a word: what needs no build to be seen.  With a build: test_commands.py."""

from pathlib import Path

import pytest

from galaxiesml.cli.given import check_file, check_folder
from galaxiesml.errors import UsageError

from .typable import commands

#: Every option of every command that takes one value: the command's words, and the option's names.
SINGLE = [
    (name, option)
    for name, command in commands()
    for option in command.params
    if option.param_type_name == "option" and not (option.multiple or option.is_flag)
]


def test_every_option_with_one_value_is_refused_when_it_is_given_twice(typed):
    assert len(SINGLE) > 60
    for name, option in SINGLE:
        words = [word for _ in range(2) for word in (option.opts[0], "1")]
        code, out, err = typed(*name.split(), *words)
        told = max(option.opts, key=len)
        assert (code, out) == (2, "") and f"Error: {told} is given 2 times, but takes one value." in err, (name, err)


def test_one_of_its_names_each_is_twice_as_well(typed, tmp_path):
    for words in (["-C", "a", "--catalog", "b", "status"], ["sql", "select 1", "-o", "a.csv", "--out=b.csv"]):
        assert typed(*words)[0] == 2
    assert typed("-C", tmp_path, "build", "--accept-missing", "bad", "--accept-missing", "edge")[0] == 4


def test_flags_may_be_repeated(typed, tmp_path):
    assert typed("-q", "-q", "init", tmp_path / "cat", "--release", "pdr2_wide")[0] == 0
    assert typed("-C", tmp_path / "cat", "status", "--json", "--json")[0] == 0


@pytest.mark.parametrize(
    "words, hint",
    [
        (["status", "-C", "cat"], "galaxiesml -C DIR status ..."),
        (["status", "-Ccat"], "galaxiesml -C DIR status ..."),
        (["audit", "cuts", "--catalog=cat"], "galaxiesml --catalog DIR audit cuts ..."),
        (["audit", "-C", "cat", "cuts"], "galaxiesml -C DIR audit ..."),
        (["ingest", "hsc", "export.fits", "-q"], "galaxiesml -q ingest hsc ..."),
        (["sql", "select 1", "--verbose"], "galaxiesml --verbose sql ..."),
        (["gc", "--version"], "galaxiesml --version gc ..."),
    ],
    ids=" ".join,
)
def test_a_global_option_after_the_command_is_refused_with_its_place(typed, words, hint):
    code, out, err = typed(*words)
    assert (code, out) == (2, "") and err.startswith("Error: -") and " goes before the command, not after " in err
    assert err.endswith(f"\nType: {hint}\n")


def test_an_option_that_no_command_has_is_still_no_option(typed):
    for words in (["status", "--nosuch"], ["-X", "status"], ["build", "--version"]):
        code, _, err = typed(*words)
        assert code == 2 and "goes before the command" not in err


@pytest.mark.parametrize(
    "words, said",
    [
        (["-C", "other", "init", "cat", "--release", "pdr2_wide"], "-C names a catalogue, but init does not open one"),
        (["-C", "other", "mock", "export"], "-C names a catalogue, but mock does not open one"),
        (["mock", "export", "--out", "x.fits"], "x.fits is the name of a file"),
        (["mock", "sky", "--out", "x.tar"], "x.tar is the name of a file"),
        (
            ["morphology", "--write-config", "se", "--gain", "3", "-j", "2"],
            "--write-config cannot be combined with --workers",
        ),
        (["morphology", "--write-config", "se", "--use", "abc"], "--write-config cannot be combined with --use"),
        (["morphology", "--use", "abc", "--bands", "i"], "--use cannot be combined with --bands"),
        (["mock", "population", "--plot", "x.pdf"], "x.pdf"),
        (["mock", "population", "--size", "127"], "--size and --force have no effect without --out"),
        (["mock", "population", "--out", "x.parquet"], "x.parquet is the name of a file"),
        (["mock", "pictures", "--from", "a", "--out", "x.hdf5"], "x.hdf5 is the name of a file"),
        (["mock", "pictures", "--from", "a", "--out", "b", "--device", "gpu"], "Unknown value for --device: gpu"),
        (["mock", "pictures", "--from", "a", "--out", "b", "--size", "65"], "Unknown value for --size: 65"),
        (["mock", "pictures", "--from", "a", "--out", "b", "--dtype", "int8"], "Unknown value for --dtype: int8"),
        (["mock", "pictures", "--from", "a", "--out", "b", "--galaxies", "0"], "--galaxies must be 1 or more"),
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together_are_refused(typed, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = typed(*words)
    assert (code, out) == (2, "") and said in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a", "cut_0.5", "v1.2/a", ".hidden"])
def test_a_name_that_does_not_contradict_is_taken(name):
    check_file(Path(name), "export csv", ("csv", "ecsv"))


@pytest.mark.parametrize("name", ["a.fits", "a.csv.gz", "a.tsv", "a.parquet", "a.csv2"])
def test_a_name_that_contradicts_is_refused(name):
    with pytest.raises(UsageError, match=rf"^export csv writes CSV, but {name} does not end in \.csv or \.ecsv\.$"):
        check_file(Path(name), "export csv", ("csv", "ecsv"))


def test_the_simulated_archive_s_own_folder_may_be_a_file(typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command, name in (("export", "mock"), ("sky", "sky")):
        (tmp_path / name).write_text("")
        code, out, err = typed("mock", command)
        assert (code, out) == (2, "") and f"{name} is a file, but mock writes into a folder" in err


def test_a_folder_may_be_named_as_a_file_is_where_it_is_there(tmp_path):
    (tmp_path / "run.hdf5").mkdir()
    assert check_folder(tmp_path / "run.hdf5", "export hdf5") == tmp_path / "run.hdf5"
    assert check_folder(tmp_path / "v1.2", "export hdf5") == tmp_path / "v1.2" and check_folder(None, "x") is None
    (tmp_path / "plain").write_text("")
    for name in ("plain", "new.hdf5", "new.tar.gz"):
        with pytest.raises(UsageError, match="into a folder"):
            check_folder(tmp_path / name, "export hdf5")
