"""What to type where a file is of a format that is not read."""

from __future__ import annotations

import shlex
from pathlib import Path


def by_astropy(path: Path, options: str = "") -> str:
    """The command that writes a table again, as a FITS binary table, and what to do with that.

    Parameters
    ----------
    options : str
        Python, the further arguments of astropy's ``Table.read``.
    """
    target = f"{path.name}.fits"
    code = f"from astropy.table import Table; Table.read({str(path)!r}{options}).write({target!r})"
    return f"python -c {shlex.quote(code)}; and land {target}."
