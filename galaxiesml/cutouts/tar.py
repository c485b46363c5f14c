"""Read a tar as a stream of members: once from front to back, hashed on the way, never unpacked to disk.

Python's tarfile has a tenth of the speed, and trusts a header that declares gigabytes of extended attributes.  This
module reads ustar with GNU's long names and POSIX's extended headers, whose sizes are limited; tests compare it with
tarfile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 512
#: A cutout is at most 35 arcmin on a side, but training pictures are 20 arcsec; above this a member is refused.
MAX_MEMBER_BYTES = 256 << 20
#: Longest extended header: a name, a few times and sizes.
MAX_EXTENDED_BYTES = 1 << 16
_READ = 1 << 20
_REGULAR = b"0\07"
_WHAT = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a pipe",
    b"S": "a sparse file",
}


class BadTar(ValueError):
    """The file is not a tar, or is damaged; the message says where, without the file's name."""


class CutTar(BadTar):
    """The file ends before the tar's end mark, a block of zeros.

    Attributes
    ----------
    at : int
        Bytes of the file.
    """

    def __init__(self, at: int):
        super().__init__(f"it is cut short at byte {at:,}: a tar ends with a block of zeros, and this one does not")
        self.at = at


@dataclass
class Member:
    """One member of a tar, or one file of a folder.

    Attributes
    ----------
    name : str
        Its name in the tar; control characters and bytes that are not UTF-8 are escaped with backslashes.
    data : memoryview or None
        Its bytes, valid until the next member is read; None if they were not read.
    refused : str
        Why it was not read; '' where it was.
    refused_class : str
        One of :data:`galaxiesml.cutouts.refusal.CLASSES`; '' where it was read.
    """

    name: str
    data: memoryview | None
    refused: str = ""
    refused_class: str = ""


class TarStream:
    """Members of a tar in their order.

    Parameters
    ----------
    accept_cut : bool
        Of a file without an end mark, give the members that are whole; else that is a `CutTar`.

    Attributes
    ----------
    sha256 : str
        Of the whole file, once the last member has been read.
    cut_at : int or None
        Bytes of the file, where it ends before the tar does.
    after_end : int or None
        First byte after the end mark that is not zero: nothing from there on is read, as every reader of tars has it.
    """

    def __init__(self, path: Path, progress=None, *, accept_cut: bool = False):
        self._path = path
        self._accept_cut = accept_cut
        self.cut_at: int | None = None
        self.after_end: int | None = None
        self._hash = hashlib.sha256()
        self._progress = progress
        self._buffer = bytearray(_READ)
        self.sha256 = ""

    def __iter__(self) -> Iterator[Member]:
        with open(self._path, "rb", buffering=0) as self._file:
            self._position, self._size = 0, self._path.stat().st_size
            try:
                yield from self._members()
            except CutTar as error:
                if not self._accept_cut:
                    raise
                self.cut_at = error.at
            self._drain()
        self.sha256 = self._hash.hexdigest()

    def _members(self) -> Iterator[Member]:
        extended: dict[str, str] = {}
        while (header := self._header()) is not None:
            name, size, kind = header
            if kind in (b"x", b"L"):
                extended |= self._extended(kind, size)
                continue
            if kind in (b"g", b"K"):
                self._skip(size)
                continue
            name = extended.get("path", name)
            size = _decimal(extended["size"]) if "size" in extended else size
            sparse = any(key.startswith("GNU.sparse") for key in extended)
            extended = {}
            if kind == b"5":
                continue
            if kind not in _REGULAR and kind in _WHAT and kind != b"S":
                # Links and devices have no data, whatever their size field says, as in every reader of tars.
                yield _refused(name, f"it is {_WHAT[kind]}", "not_a_file")
            elif kind not in _REGULAR or sparse:
                self._skip(size)
                yield _refused(name, f"it is {_WHAT.get(b'S' if sparse else kind, 'not a plain file')}", "not_a_file")
            elif size > MAX_MEMBER_BYTES:
                self._skip(size)
                yield _refused(name, *_too_large(size))
            else:
                yield Member(printable(name), self._data(size))

    def _header(self) -> tuple[str, int, bytes] | None:
        """Name, size and type of the next member; None at the end mark."""
        at = self._position
        block = bytes(self._take(min(BLOCK, self._size - at)))
        if len(block) < BLOCK:
            # The zeros after a header's name tell a tar that is cut in its first block from another file.
            raise BadTar("it is not a tar file") if at == 0 and block and b"\0" not in block else CutTar(self._size)
        if not block.strip(b"\0"):
            return None
        if _checksum(block) != sum(block[:148]) + 8 * 32 + sum(block[156:]):
            raise BadTar("it is not a tar file" if at == 0 else f"it is damaged at byte {at:,}")
        name = block[:100].split(b"\0")[0]
        if block[257:263] == b"ustar\0" and block[345]:
            name = block[345:500].split(b"\0")[0] + b"/" + name
        return _text(name), _size(block[124:136], at), block[156:157]

    def _extended(self, kind: bytes, size: int) -> dict[str, str]:
        if size > MAX_EXTENDED_BYTES:
            raise BadTar(f"its extended header at byte {self._position:,} has {size:,} bytes")
        data = bytes(self._data(size))
        if kind == b"L":
            return {"path": _text(data.split(b"\0")[0])}
        found = {}
        while data:
            length, _, _ = data.partition(b" ")
            record = data[: _decimal(length.decode("latin-1"))]
            if not record:
                break
            key, _, value = record[len(length) + 1 : -1].partition(b"=")
            found[_text(key)] = _text(value)
            data = data[len(record) :]
        return found

    def _data(self, size: int) -> memoryview:
        padded = -(-size // BLOCK) * BLOCK
        return self._take(padded)[:size]

    def _take(self, size: int) -> memoryview:
        """The next bytes, in a buffer that is used again and is never larger than the file."""
        if size > self._size - self._position:
            raise CutTar(self._size)
        if size > len(self._buffer):
            self._buffer = bytearray(size)
        view = memoryview(self._buffer)[:size]
        have = 0
        while have < size and (read := self._file.readinto(view[have:])):
            have += read
        self._heard(view[:have])
        if have < size:
            raise CutTar(self._position)
        return view

    def _skip(self, size: int) -> None:
        left = -(-size // BLOCK) * BLOCK
        while left:
            left -= len(self._take(min(left, _READ)))

    def _drain(self) -> None:
        """Read the rest of the file: zeros that fill the last record, or data after the end mark."""
        while read := self._file.readinto(self._buffer):
            data = memoryview(self._buffer)[:read]
            if self.after_end is None and self.cut_at is None and (rest := bytes(data).lstrip(b"\0")):
                self.after_end = self._position + read - len(rest)
            self._heard(data)

    def _heard(self, data: memoryview) -> None:
        self._hash.update(data)
        self._position += len(data)
        if self._progress is not None:
            self._progress(len(data))


def folder_members(folder: Path, files: list[Path], progress=None) -> Iterator[Member]:
    """Yield the files of a folder as members of a tar."""
    for path in files:
        size = path.stat().st_size
        name = printable(str(path.relative_to(folder)))
        if path.is_symlink() or not path.is_file():
            yield _refused(name, "it is not a plain file", "not_a_file")
        elif size > MAX_MEMBER_BYTES:
            yield _refused(name, *_too_large(size))
        else:
            yield Member(name, memoryview(path.read_bytes()))
        if progress is not None:
            progress(size)


def _refused(name: str, why: str, kind: str) -> Member:
    return Member(printable(name), None, why, kind)


def _too_large(size: int) -> tuple[str, str]:
    return f"it has {size:,} bytes, more than {MAX_MEMBER_BYTES:,}", "too_large"


def printable(name: str) -> str:
    """A file's name with control characters escaped, safe for tables and terminals."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in name)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _checksum(block: bytes) -> int:
    try:
        return int(block[148:156].strip(b"\0 ") or b"0", 8)
    except ValueError:
        return -1


def _size(field: bytes, at: int) -> int:
    try:
        # GNU writes sizes of 8 GiB and more in binary, with the first bit set.
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else int(field.strip(b"\0 ") or b"0", 8)
    except ValueError:
        raise BadTar(f"it is damaged at byte {at:,}") from None


def _decimal(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise BadTar("an extended header of it is damaged")
    return int(text)
