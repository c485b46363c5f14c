"""Reasons for which a member of a tar is refused: a class for grouping, and a message with the details."""

from __future__ import annotations

#: Classes of refusals, as the documentation describes them.
CLASSES = {
    "name": "its name is not the service's, or leads out of its folder",
    "not_a_file": "it is a link, a device, a pipe or a sparse file",
    "too_large": "it is larger than any cutout",
    "repeated": "a member of the same name comes before it",
    "not_asked": "its number is that of no line of its list: nobody asked for it",
    "filter": "its name and its header disagree on the filter, or the release does not have the filter",
    "cut_short": "it ends before its pixels do",
    "layout": "it is not a FITS file, or its layers are not what the service sends",
    "zero_point": "its header does not give the zero point (FLUXMAG0)",
    "projection": "its WCS is not a gnomonic projection of square pixels in degrees, ICRS",
}


class Refused(ValueError):
    """A member cannot be trusted.

    Parameters
    ----------
    message : str
        The problem, without the file's name.
    kind : str
        One of `CLASSES`.
    """

    kind = "layout"

    def __init__(self, message: str, kind: str | None = None):
        super().__init__(message)
        self.kind = kind or self.kind
