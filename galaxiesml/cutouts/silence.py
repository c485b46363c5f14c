"""Decide what it means if an answer has no picture for a line of its upload list.

The service leaves out what is outside the coverage, so a picture that is missing from a complete
tar is outside the coverage.  Pictures that are missing from anything less are requested again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from galaxiesml.cutouts.picture import Picture
from galaxiesml.cutouts.source import is_tar
from galaxiesml.cutouts.tar import TarStream

#: Why a line without a picture is not known to be outside the coverage, as the documentation describes it.
CLASSES = {
    "cut_short": "the tar is cut short",
    "after_end": "data after the tar's end mark were not read",
    "not_matched": "a picture of the tar matches no line of a known list",
    "not_in_folder": "the source is a folder or a FITS file, and may not contain everything that was sent",
}


@dataclass(frozen=True)
class Silence:
    """Why a missing picture does not mean that it is outside the coverage.

    Attributes
    ----------
    silence : str or None
        One of `CLASSES`; None if the source is complete.
    silence_reason : str or None
        The same in words, with the source's name.
    """

    silence: str | None = None
    silence_reason: str | None = None


def silence_of(source: Path, stream: TarStream | None, pictures: list[Picture]) -> Silence:
    """Whether a source is complete, so that missing pictures are outside the coverage."""
    name = source.name
    if stream is None or not is_tar(source):
        return Silence("not_in_folder", f"{name} does not contain it")
    if stream.cut_at is not None:
        return Silence("cut_short", f"{name} is cut short at byte {stream.cut_at:,}")
    if stream.after_end is not None:
        return Silence("after_end", f"data after the end mark of {name} at byte {stream.after_end:,} were not read")
    lost = [picture for picture in pictures if picture.line is None and picture.member.endswith(".fits")]
    if lost:
        return Silence("not_matched", f"{lost[0].member} of {name} matches no line of a known list")
    return Silence()
