"""Commands that convert a file of an unsupported format."""

from __future__ import annotations

import json
import shlex
from pathlib import Path


def by_astropy(path: Path, options: str = "") -> str:
    """A command that converts a table to Parquet with astropy.

    Parameters
    ----------
    options : str
        Python, the further arguments of astropy's ``Table.read``.
    """
    target = f"{path.name}.parquet"
    read = f"Table.read({json.dumps(str(path), ensure_ascii=False)}{options})"
    code = f"from astropy.table import Table; {read}.write({json.dumps(target, ensure_ascii=False)})"
    return f"python -c {shlex.quote(code)}; then land {target}."
