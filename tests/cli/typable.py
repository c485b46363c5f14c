"""Every command that can be typed."""

from functools import cache

import typer

from galaxiesml.cli import make_app


@cache
def program():
    """The whole program, with every group and command."""
    return typer.main.get_command(make_app())


def commands(group=None, words=()):
    group = group or program()
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command
