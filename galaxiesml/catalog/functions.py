"""SQL functions that every connection to a catalogue has; their text is that of the project's own macros."""

from __future__ import annotations

from functools import cache

from galaxiesml.dictionary import PROJECT

#: Name to its parameters, by their types.
FUNCTIONS = {
    "separation_arcsec": {"ra1": "double", "dec1": "double", "ra2": "double", "dec2": "double"},
    "in_cone": {"ra": "double", "dec": "double", "ra0": "double", "dec0": "double", "arcsec": "double"},
    "surveys_of": {"specz_surveys": "string"},
}


@cache
def definitions() -> tuple[str, ...]:
    """A CREATE MACRO for each function."""
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)

    def render(name: str, *arguments: str) -> str:
        text = (PROJECT / "sql" / "macros" / f"{name}.sql").read_text(encoding="utf-8")
        return str(getattr(environment.from_string(text).module, name)(*arguments)).strip()

    for name in FUNCTIONS:
        environment.globals[name] = lambda *arguments, _name=name: render(_name, *arguments)
    found = []
    for name, parameters in FUNCTIONS.items():
        # A literal of a query is a decimal, whose differences may overflow.
        body = render(name, *(f"cast({parameter} as {kind})" for parameter, kind in parameters.items()))
        found.append(f"create macro {name}({', '.join(parameters)}) as {body}")
    return tuple(found)
