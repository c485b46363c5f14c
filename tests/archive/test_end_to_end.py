"""The simulated sky, served and fetched: the same as its files landed by hand, and the rows that the truth says."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from galaxiesml.catalog import Catalog
from tests.mock import skies

from .served import files_with_the_account, served, type_in

BANDS = "grizy"
SPLITS = ("training", "validation", "testing")
#: What landing.json says of the way, not of what was landed.
OF_THE_WAY = {"fetched", "landed_at", "source_path"}


@pytest.fixture(scope="module")
def fetched(tmp_path_factory) -> Path:
    """A catalogue that fetched all, and keeps what came."""
    catalog = Catalog.create(tmp_path_factory.mktemp("fetched") / "cat", "pdr2_wide").root
    with served() as server:
        type_in(catalog, "fetch", "hsc", "--query", "paper", "--keep")
        type_in(catalog, "build")
        type_in(catalog, "fetch", "cutouts", "--layers", "image,mask,variance", "--rows", "9", "--keep-tars")
        type_in(catalog, "build")
        type_in(catalog, "fetch", "psf", "--rows", "9", "--keep-tars")
        type_in(catalog, "build")
        counts = server.counts()
    assert counts["answers"] == {"200": counts["total"]["requests"]} and counts["most_requests_at_once"] <= 4
    return catalog


@pytest.fixture(scope="module")
def by_hand(fetched, tmp_path_factory) -> Path:
    """A catalogue in which the same files were landed by `ingest`, in the order of their names."""
    catalog = Catalog.create(tmp_path_factory.mktemp("by-hand") / "cat", "pdr2_wide").root
    (export,) = (fetched / "fetch" / "hsc").glob("*.csv.gz")
    type_in(catalog, "ingest", "hsc", export, "--archive-query", "paper")
    type_in(catalog, "ingest", "cutouts", fetched / "fetch" / "cutouts" / "kept")
    type_in(catalog, "ingest", "psf", fetched / "fetch" / "psf" / "kept")
    type_in(catalog, "build")
    return catalog


def build_of(catalog: Path) -> Path:
    return catalog / "builds" / (catalog / "current").read_text().strip()


def mart(catalog: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(build_of(catalog) / f"{name}.parquet")


def bytes_of(folder: Path, pattern: str) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob(pattern)}


@pytest.mark.parametrize("kind", ["hsc", "cutouts", "psf"])
def test_what_is_landed_is_what_ingest_lands(fetched, by_hand, kind):
    notes = [
        {path.parent.name: path for path in (each / "raw" / kind).glob("*/landing.json")} for each in (fetched, by_hand)
    ]
    assert sorted(notes[0]) == sorted(notes[1]) and notes[0]
    for name in notes[0]:
        infos = [json.loads(each[name].read_text()) for each in notes]
        assert {key for key in infos[0] | infos[1] if infos[0].get(key) != infos[1].get(key)} <= OF_THE_WAY
        files = [bytes_of(each[name].parent, "*") for each in notes]
        assert {file for file in files[0] if files[0][file] != files[1].get(file)} == {"landing.json"}
        assert files[0].keys() == files[1].keys()


def test_the_marts_are_the_same_bytes(fetched, by_hand):
    marts = [bytes_of(build_of(each), "*.parquet") for each in (fetched, by_hand)]
    assert marts[0].keys() == marts[1].keys() and {"galaxies_v2.parquet", "pictures.parquet"} <= marts[0].keys()
    assert [name for name in marts[0] if marts[0][name] != marts[1][name]] == []


def test_the_export_is_the_skys_in_its_order(fetched):
    (export,) = (fetched / "fetch" / "hsc").glob("*.csv.gz")
    assert gzip.decompress(export.read_bytes()) == gzip.decompress((skies.made() / "export.csv.gz").read_bytes())


@pytest.mark.parametrize("version", ["v1", "v2", "v4"])
def test_the_galaxies_are_those_of_the_truth(fetched, version):
    kept = skies.truth("kept").query("export == 'export' and version == @version")
    assert sorted(mart(fetched, f"galaxies_{version}")["object_id"]) == sorted(kept["object_id"])


def test_every_picture_is_the_skys_own_bytes(fetched):
    own = {}
    for (_, member), data in skies.members("cutouts").items():
        own.setdefault(member.split("-", 1)[1], set()).add(data)
    came = []
    for path in (fetched / "fetch" / "cutouts" / "kept").glob("*.tar"):
        with tarfile.open(path) as tar:
            for member in tar:
                came.append(tar.extractfile(member).read())
                assert came[-1] in own[Path(member.name).name.split("-", 1)[1]], member.name
    assert len(came) == len(set(came))


def test_every_wanted_picture_is_there_or_the_truth_knows_why(fetched):
    # Pictures are asked for of the galaxies of v2; the manifest has those of the other versions too.
    wanted = mart(fetched, "galaxies_v2")["object_id"]
    manifest, truth = mart(fetched, "pictures"), skies.truth("pictures")
    manifest = manifest[manifest["object_id"].isin(wanted)].set_index(["object_id", "band"])
    truth = truth[truth["object_id"].isin(wanted)]
    assert len(truth) > 100
    usable = truth[truth["member"].notna() & truth["fault"].isna()]
    has = manifest["picture_state"].isin(["present", "truncated"])
    assert set(manifest.index[has]) == set(zip(usable["object_id"], usable["band"], strict=True))
    refused = set(manifest.index[manifest["picture_state"] == "refused"])
    assert refused == set(zip(*(truth.loc[truth["fault"].notna(), key] for key in ("object_id", "band")), strict=True))
    absent = manifest[~has & (manifest["picture_state"] != "refused")]
    assert set(absent["picture_reason_class"]) == {"outside_coverage"}


def test_psf_pictures_come_with_the_pictures(fetched):
    manifest = mart(fetched, "pictures")
    tars = sum(each["pictures"] for each in Catalog.open(fetched).landings("psf"))
    assert manifest["psf_shard"].notna().sum() == tars > 50


def test_no_file_has_the_account(fetched):
    assert files_with_the_account(fetched) == []


def test_x_and_y_are_those_of_the_tables(fetched, typed):
    with served():
        code, out, _ = typed("-q", "-C", fetched, "fetch", "hsc", "--query", "counts", "--json")
    told = json.loads(out)
    # By pandas, on the archive's own tables: the seven flags of the paper, in five bands.
    flags = [f"pixelflags_{name}" for name in ("interpolatedcenter", "saturatedcenter", "edge", "crcenter", "bad")]
    tables = skies.truth("forced").merge(skies.truth("forced2"), on="object_id")
    names = [f"{band}_{flag}" for band in BANDS for flag in ("sdsscentroid_flag", "cmodel_flag", *flags)]
    passing = tables[~tables[names].astype(bool).any(axis=1)]
    spectra = passing["object_id"].isin(skies.truth("specz")["object_id"])
    # Objects without a spectrum are of the field, and saturated stars have a flag.
    field = skies.field()
    saturated = field["is_star"] & (field[[f"{band}_mag" for band in BANDS]].min(axis=1) < 17.8)
    assert code == 0 and told["with_spectrum"] == spectra.sum() > 0
    assert told["objects"] == len(passing) + (~saturated).sum() > 2 * told["with_spectrum"]
    assert 0 < len(passing) < len(tables) and saturated.any()


def landed_pairs(catalog: Path) -> pd.DataFrame:
    """Landed rows without the names of their files, in an order of their own."""
    columns = "* exclude (landing, source_file, source_sha256, source_row)"
    return Catalog.open(catalog).connect().execute(f"select {columns} from hsc_joined order by all").df()


def test_the_wide_query_gives_the_rows_of_the_truth(tmp_path):
    whole, parts = (Catalog.create(tmp_path / name, "pdr2_wide").root for name in ("whole", "parts"))
    with served():
        type_in(whole, "fetch", "hsc", "--query", "wide")
        type_in(parts, "fetch", "hsc", "--query", "wide", "--parts", "3")
    assert len(Catalog.open(parts).landings()) == 3 > len(Catalog.open(whole).landings())
    pd.testing.assert_frame_equal(landed_pairs(whole), landed_pairs(parts))
    type_in(parts, "build")
    for version in ("v1", "v2", "v3", "v4"):
        kept = skies.truth("kept").query("export == 'wide' and version == @version")
        assert sorted(mart(parts, f"galaxies_{version}")["object_id"]) == sorted(kept["object_id"])


def test_the_published_files_are_landed_as_by_hand(fetched, tmp_path, typed):
    published = tmp_path / "published"
    type_in(fetched, "export", "hdf5", "--size", "64", "--out", published)
    names = [f"5x64x64_{split}_with_morphology.hdf5" for split in SPLITS]
    roots = [Catalog.create(tmp_path / name, "pdr2_wide").root for name in ("fetched", "by-hand")]
    with served(release=published) as server:
        type_in(roots[0], "fetch", "release", "--size", "64")
        sizes = sum((published / name).stat().st_size for name in names)
        assert server.counts()["file"]["bytes"] == sizes
    for split, name in zip(SPLITS, names, strict=True):
        type_in(roots[1], "ingest", "release", published / name, "--split", split)
        assert (roots[0] / "fetch" / "release" / name).read_bytes() == (published / name).read_bytes()
    tables = [bytes_of(root / "raw", "**/*.parquet") for root in roots]
    assert tables[0] == tables[1] and len(tables[0]) >= len(SPLITS)


def test_training_files_are_verified_against_the_kept_tars(fetched, tmp_path, typed):
    type_in(fetched, "export", "hdf5", "--size", "64", "--out", tmp_path / "files")
    files = sorted((tmp_path / "files").glob("*.hdf5"))
    code, out, _ = typed("-q", "-C", fetched, "export", "verify", *files, "--json")
    assert code == 0 and files and all(entry["is_right"] and entry["from_fits"] for entry in json.loads(out))


def test_spectra_are_fetched_and_built_with_the_export(tmp_path):
    pytest.importorskip("trustme")
    catalog = Catalog.create(tmp_path / "cat", "pdr2_wide").root
    with served(tls=True) as server:
        type_in(catalog, "fetch", "hsc", "--query", "wide")
        type_in(catalog, "fetch", "specz", "vipers", "gama", "sdss", "--all")
        assert server.counts()["vizier"]["requests"] >= 3
    type_in(catalog, "build")
    landed = {entry["survey"] for entry in Catalog.open(catalog).landings("specz")}
    assert landed == {"vipers", "gama", "sdss"}
    assert files_with_the_account(catalog) == []
