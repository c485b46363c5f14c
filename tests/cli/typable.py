"""Every command that can be typed."""

import typer

from galaxiesml.cli import make_app


def commands(group=None, words=()):
    group = group or typer.main.get_command(make_app())
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command
