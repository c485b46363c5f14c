"""Print a command's tables as LaTeX or Markdown."""

from __future__ import annotations

import functools
import inspect
import re
import unicodedata
from typing import Annotated

import typer

#: The options, and what their help says.
FORMS = {
    "latex": "Print the tables in LaTeX (booktabs), and other lines as comments.",
    "markdown": "Print the tables in Markdown.",
}
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{letter: f"\\{letter}" for letter in "_&%$#{}"},
}
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
#: Signs that LaTeX sets as mathematics.
_SIGNS = {
    **dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ", _GREEK.split(), strict=True)),
    **{"ς": "varsigma", "ϑ": "vartheta", "ϕ": "phi", "ϵ": "epsilon", "≤": "leq", "≥": "geq", "≠": "neq", "≈": "approx"},
    **{"∼": "sim", "≃": "simeq", "∝": "propto", "∞": "infty", "√": "surd", "∑": "sum", "∫": "int", "∂": "partial"},
    **{"∇": "nabla", "∈": "in", "≪": "ll", "≫": "gg", "«": "ll", "»": "gg", "⊙": "odot", "☉": "odot", "⊕": "oplus"},
    **{"⟨": "langle", "⟩": "rangle", "⋅": "cdot", "∓": "mp", "⇒": "Rightarrow", "ℓ": "ell", "′": "prime"},
}
_LATEX |= {sign: rf"\ensuremath{{\{name}}}" for sign, name in _SIGNS.items()} | {"−": r"\ensuremath{-}", "ο": "o"}
_LATEX |= dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True))
_LATEX |= {high: rf"\ensuremath{{^{{{low}}}}}" for high, low in zip("⁰⁴⁵⁶⁷⁸⁹⁺⁻", "0456789+-", strict=True)}
_LATEX |= {low: rf"\ensuremath{{_{{{at}}}}}" for at, low in enumerate("₀₁₂₃₄₅₆₇₈₉")}
#: What pdflatex sets by itself, in a document without other packages; it stops at any other letter.
_SET = re.compile("[ -~¡-ª¬®-º¼-ÏÑ-Ýß-ïñ-ýÿĀ-ăĆ-ďĒ-ėĚ-ĥĨ-ĭİ-ķĹ-ľŁ-ňŌ-ťŨ-űŴ-žȘ-țȲȳ‐-—‘’“”†‡•…‰€™←-↓]")
#: Pairs that LaTeX draws as one sign.
_LIGATURE = re.compile(r"-(?=-)|'(?=')|`(?=`)|[?!](?=`)")
_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+(e[-+]?\d+)?( \[.*\])?$")


def tabular(*apart: str):
    """Give a command the options --latex and --markdown, which print its tables in that form.

    Parameters
    ----------
    *apart : str
        Other options of the command, besides --json, with which it prints no table, by their Python names.
    """

    def mark(command):
        @functools.wraps(command)
        def chosen(*words, latex: bool = False, markdown: bool = False, **options):
            from galaxiesml.cli import common

            common.STATE.form = "latex" if latex else "markdown" if markdown else None
            return command(*words, **options)

        signature = inspect.signature(command, eval_str=True)
        added = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False,
                annotation=Annotated[bool, typer.Option(f"--{name}", help=words)],
            )
            for name, words in FORMS.items()
        ]
        chosen.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *added])
        chosen.prints_no_table_with = ("as_json", "json", *apart)
        return chosen

    return mark


def are_numbers(cells: list[str]) -> bool:
    """Whether texts are numbers that were written out, with their intervals or without; - is none."""
    return any(_NUMBER.match(cell) for cell in cells) and all(
        _NUMBER.match(cell) or cell in ("", "-") for cell in cells
    )


def escaped(text: str) -> str:
    """A text for LaTeX; its own marks stand for themselves, and a letter that it cannot set is named, as U+4E2D."""
    text = "".join(map(_in_latex, unicodedata.normalize("NFC", " ".join(text.split()))))
    return _LIGATURE.sub(r"\g<0>{}", text)


def _in_latex(letter: str) -> str:
    return _LATEX.get(letter) or (letter if _SET.match(letter) else rf"\texttt{{U+{ord(letter):04X}}}")


def latex(heads: list[str], cells: list[list[str]], right: list[bool]) -> str:
    """A booktabs table.

    Parameters
    ----------
    right : list of bool
        Columns of numbers, which are set to the right.
    """

    def line(row: list[str]) -> str:
        text = " & ".join(map(escaped, row))
        # After a row's end LaTeX takes a bracket for the space that follows, and a star for a mark.
        return (f"{{}}{text}" if text.startswith(("[", "*")) else text) + r" \\"

    shape = "".join("r" if to_right else "l" for to_right in right)
    rows = [rf"\begin{{tabular}}{{{shape}}}", r"\toprule", line(heads), r"\midrule", *map(line, cells)]
    return "\n".join([*rows, r"\bottomrule", r"\end{tabular}"])


def markdown(heads: list[str], cells: list[list[str]], right: list[bool]) -> str:
    """A table of GitHub's Markdown."""

    def line(row: list[str]) -> str:
        return "| " + " | ".join(map(marked, row)) + " |"

    rule = "|" + "|".join("---:" if to_right else "---" for to_right in right) + "|"
    return "\n".join([line(heads), rule, *map(line, cells)])


def marked(text: str) -> str:
    """A text for Markdown; its own marks stand for themselves."""
    text = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", text)


def lines(text: str, form: str) -> str:
    """What a command prints beside its tables: comments of LaTeX, paragraphs of Markdown."""
    found = [line for line in text.splitlines() if line.strip()]
    return "".join(f"% {line}\n" if form == "latex" else f"{marked(line)}\n\n" for line in found)
