"""Differences between a file and its expected content."""

from __future__ import annotations

from galaxiesml.errors import InputError, LockedError


class Unread(LockedError):
    """A file that another process is writing, so that it could not be compared."""


class Difference(InputError):
    """The first thing in which a file differs.

    Parameters
    ----------
    message : str
        The value found and the expected one, with the object, the key and the pixel.
    object_id : int, optional
    key : str, optional
    pixel : tuple of int, optional
        Filter, row, column, each from 0.
    """

    def __init__(
        self,
        message: str,
        object_id: int | None = None,
        key: str | None = None,
        pixel: tuple[int, int, int] | None = None,
    ):
        super().__init__(message)
        self.object_id, self.key, self.pixel = object_id, key, pixel

    def facts(self) -> dict:
        """As JSON holds it."""
        pixel = None if self.pixel is None else [int(axis) for axis in self.pixel]
        object_id = None if self.object_id is None else int(self.object_id)
        return {"message": str(self), "object_id": object_id, "key": self.key, "pixel": pixel}
