"""Call the project's Jinja macros from Python: the same text that dbt renders, without starting dbt.

``cuts()`` is read this way, and the SQL of one version is rendered again with a cut left out.  Models
appear under their plain names, as the views of :meth:`galaxiesml.catalog.Catalog.connect` have them.
"""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace

import jinja2

from galaxiesml.dictionary import PROJECT
from galaxiesml.instrument import HSC, Instrument

#: The seed that splits are made with where no other is named; dbt_project.yml has the same.
SPLIT_SEED = 1
#: Whose spectra the pairs are of, and by which rule; dbt_project.yml has the same.
VARS = {
    "specz": "export",
    "specz_rule": "hsc",
    "photoz_version": "v2",
    "rules": {},
    "conversions": {},
    "number_block": 2**20,
}


def picture_variables(instrument: Instrument) -> dict:
    """dbt's variables that are facts of a survey's pictures; dbt_project.yml has HSC's."""
    return {
        "mask_planes": list(instrument.planes),
        "defect_planes": list(instrument.defects),
        "no_data_plane": instrument.no_data_plane.lower(),
        "cutout_radius_arcsec": instrument.cutout_radius_arcsec,
    }


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined, autoescape=False)


@functools.lru_cache(maxsize=1000)
def _code(text: str):
    """A macro's code: macros call each other again and again, and compiling one takes longer than running it."""
    return _environment().compile(text)


class _Return(Exception):
    def __init__(self, value):
        self.value = value


class Macros:
    """The macros of sql/macros, one file each, named after the file.

    Parameters
    ----------
    bands : sequence of str
        The filters, as dbt's var('bands').
    folder : Path
        Folder of the macros.
    split_seed : int
        The seed of the splits, as dbt's var('split_seed').
    variables : dict, optional
        Other variables of dbt's, where they are not as in dbt_project.yml.
    engine : str
        Whose forms of the dispatched macros: 'duckdb', or 'spark', which Sail reads, too.
    """

    def __init__(
        self,
        bands,
        folder: Path = PROJECT / "sql" / "macros",
        split_seed: int = SPLIT_SEED,
        variables: dict | None = None,
        engine: str = "duckdb",
    ):
        self._sources = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
        self._globals = {
            "return": self._return,
            "var": (
                VARS | picture_variables(HSC) | {"bands": list(bands), "split_seed": split_seed} | (variables or {})
            ).__getitem__,
            "ref": lambda name: name,
            "source": lambda schema, name: name,
            "execute": False,
            "adapter": SimpleNamespace(dispatch=lambda name, package: functools.partial(self._dispatch, name)),
        }
        self._engine = engine
        for name in self._sources:
            self._globals[name] = lambda *args, _name=name, **kwargs: self.call(_name, *args, **kwargs)

    def replace(self, name: str, macro) -> None:
        """Replace a macro, e.g. one that queries a database, by a Python function."""
        self._globals[name] = macro

    def call(self, name: str, *args, **kwargs):
        """What the macro returns, or the text that it renders."""
        # dbt passes {% materialization %} and {% test %} blocks to its own parser; plain macros are all we call.
        macro = getattr(self._template(self._sources[name]).module, name)
        try:
            return str(macro(*args, **kwargs))
        except _Return as returned:
            return returned.value

    def render(self, model: str) -> str:
        """Render a model's text to SQL, with every cut applied and every version built."""
        return self._template(model).render()

    def _template(self, text: str) -> jinja2.Template:
        environment = _environment()
        return jinja2.Template.from_code(environment, _code(text), environment.make_globals(self._globals))

    def _dispatch(self, name: str, *args, **kwargs):
        """The engine's form of a macro, else the default one, as dbt's adapter.dispatch has it."""
        module = self._template(self._sources[name]).module
        form = getattr(module, f"{self._engine}__{name}", None) or getattr(module, f"default__{name}")
        return form(*args, **kwargs)

    @staticmethod
    def _return(value):
        raise _Return(value)
