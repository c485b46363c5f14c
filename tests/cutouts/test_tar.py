"""Tars read as streams: the same members as Python's tarfile, and what is hostile refused by name."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from galaxiesml.cutouts.tar import MAX_EXTENDED_BYTES, BadTar, CutTar, TarStream

from .service import write_tar

PLAIN = {"a/1.fits": b"one" * 1000, "a/2.fits": b"", "a/3.fits": b"x" * 512}
LONG = {"folder-" + "n" * 120 + "/" + "m" * 130 + ".fits": b"long", "ü/ñ.fits": b"not ascii"}


def members(path):
    stream = TarStream(path)
    return {
        member.name: (bytes(member.data) if member.data is not None else member.refused) for member in stream
    }, stream


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_same_members_as_tarfile(tmp_path, form):
    files = PLAIN | ({} if form == tarfile.USTAR_FORMAT else LONG)
    path = write_tar(tmp_path / "a.tar", files, form)
    found, stream = members(path)
    with tarfile.open(path) as tar:
        assert found == {info.name: tar.extractfile(info).read() for info in tar}
    assert found == files
    assert stream.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_prefixed_names_and_sizes_in_binary(tmp_path):
    path = tmp_path / "a.tar"
    deep = "d" * 100 + "/" + "f" * 90
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo(deep)
        info.size = 4
        tar.addfile(info, io.BytesIO(b"data"))
    raw = bytearray(path.read_bytes())
    # The size as GNU writes 8 GiB and more: binary, with the first bit set.
    raw[124:136] = b"\x80" + (4).to_bytes(11, "big")
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    path.write_bytes(raw)
    assert members(path)[0] == {deep: b"data"}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a character device"),
        (tarfile.BLKTYPE, "a block device"),
        (tarfile.FIFOTYPE, "a pipe"),
    ],
)
def test_what_is_no_file_is_refused_and_the_rest_is_read(tmp_path, kind, reason):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        bad = tarfile.TarInfo("bad.fits")
        bad.type, bad.linkname = kind, "/etc/passwd"
        tar.addfile(bad)
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        good = tarfile.TarInfo("good.fits")
        good.size = 4
        tar.addfile(good, io.BytesIO(b"data"))
    assert members(path)[0] == {"bad.fits": f"it is {reason}", "good.fits": b"data"}


def test_a_member_that_is_too_large_is_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr("galaxiesml.cutouts.tar.MAX_MEMBER_BYTES", 1000)
    path = write_tar(tmp_path / "a.tar", {"big.fits": b"x" * 2000, "small.fits": b"y"})
    assert members(path)[0] == {"big.fits": "it has 2,000 bytes, more than 1,000", "small.fits": b"y"}


def test_a_size_that_lies_takes_no_memory(tmp_path):
    path = write_tar(tmp_path / "a.tar", {"a.fits": b"x" * 600})
    raw = bytearray(path.read_bytes())
    raw[124:136] = b"%011o\0" % (200 << 20)
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    path.write_bytes(raw)
    stream = TarStream(path)
    with pytest.raises(BadTar, match="cut short"):
        list(stream)
    assert len(stream._buffer) <= 1 << 20


def test_an_extended_header_that_is_too_long_is_refused(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("a.fits")
        info.pax_headers = {"comment": "x" * (MAX_EXTENDED_BYTES + 1)}
        tar.addfile(info)
    with pytest.raises(BadTar, match="extended header"):
        list(TarStream(path))


def test_no_tar_a_damaged_one_and_one_cut_short(tmp_path):
    path = write_tar(tmp_path / "a.tar", PLAIN)
    whole = path.read_bytes()
    path.write_bytes(b"<html>503 Service Unavailable</html>" * 30)
    with pytest.raises(BadTar, match="it is not a tar file"):
        list(TarStream(path))
    # The second header stands after 512 bytes of the first and 3,072 of data.
    path.write_bytes(whole[:3600] + b"?" + whole[3601:])
    with pytest.raises(BadTar, match="damaged at byte 3,584"):
        list(TarStream(path))
    for length in (100, 512, 1000, 3584, 3700):
        path.write_bytes(whole[:length])
        if length in (512, 1000, 100, 3700):
            with pytest.raises(BadTar, match="cut short"):
                list(TarStream(path))


def test_an_empty_tar_has_no_members(tmp_path):
    assert members(write_tar(tmp_path / "a.tar", {}))[0] == {}


def test_control_characters_of_a_name_are_written_out(tmp_path):
    path = write_tar(tmp_path / "a.tar", {"a\n\x1b[31m.fits": b""})
    assert list(members(path)[0]) == ["a\\n\\x1b[31m.fits"]


#: Bytes of PLAIN's three members with their headers: 512 + 3,072, 512, and 512 + 512.
MEMBERS = 5120


@pytest.mark.parametrize("length", [0, 3584, 4096, MEMBERS])
def test_a_tar_that_ends_at_a_members_boundary_is_cut_short(tmp_path, length):
    path = write_tar(tmp_path / "a.tar", PLAIN)
    whole = path.read_bytes()
    path.write_bytes(whole[:length])
    with pytest.raises(CutTar, match=f"cut short at byte {length:,}"):
        list(TarStream(path))
    # One block of zeros is an end.
    path.write_bytes(whole[:length] + bytes(512))
    found, stream = members(path)
    assert list(found) == list(PLAIN)[: {0: 0, 3584: 1, 4096: 2, MEMBERS: 3}[length]]
    assert (stream.cut_at, stream.after_end) == (None, None)


def test_half_a_block_of_zeros_is_no_end(tmp_path):
    path = write_tar(tmp_path / "a.tar", PLAIN)
    path.write_bytes(path.read_bytes()[: MEMBERS + 100])
    with pytest.raises(CutTar, match="cut short at byte 5,220"):
        list(TarStream(path))


@pytest.mark.parametrize("blocks", [1, 2, 20])
def test_zeros_alone_are_the_archives_empty_answer(tmp_path, blocks):
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(512 * blocks))
    found, stream = members(path)
    assert found == {} and stream.cut_at is None
    assert stream.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("length", "names"), [(0, []), (1000, []), (3700, ["a/1.fits"]), (5000, ["a/1.fits", "a/2.fits"])]
)
def test_a_cut_tar_gives_its_whole_members_where_that_is_accepted(tmp_path, length, names):
    path = write_tar(tmp_path / "a.tar", PLAIN)
    path.write_bytes(path.read_bytes()[:length])
    stream = TarStream(path, accept_cut=True)
    assert [member.name for member in stream] == names
    assert stream.cut_at == length
    assert stream.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_follows_the_end_mark_is_said_and_not_read(tmp_path):
    first = write_tar(tmp_path / "a.tar", PLAIN).read_bytes()
    second = write_tar(tmp_path / "b.tar", {"b/1.fits": b"other"}).read_bytes()
    (tmp_path / "c.tar").write_bytes(first + second)
    found, stream = members(tmp_path / "c.tar")
    assert found == PLAIN and stream.after_end == len(first)
    assert stream.sha256 == hashlib.sha256(first + second).hexdigest()


def test_a_short_page_is_no_tar_even_where_a_cut_is_accepted(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(b"<html>503</html>")
    with pytest.raises(BadTar, match="it is not a tar file"):
        list(TarStream(path, accept_cut=True))
