"""The line editor of the SQL shell: history, completion, colours, lines until a semicolon."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from galaxiesml.cli import common
from galaxiesml.query.completion import Words, following
from galaxiesml.query.statements import typed

PROMPT = "galaxiesml> "


def make_prompt(words: Callable[[], Words], folder: Path | None) -> Callable[[], str]:
    """A function that reads one statement or one command with a point from the terminal.

    Parameters
    ----------
    words : callable
        What can be completed now.
    folder : Path or None
        Where the history is kept; without one it lasts as long as the shell.

    Returns
    -------
    callable
        Raises EOFError at Ctrl-D, KeyboardInterrupt at Ctrl-C.
    """
    session: PromptSession[str] = PromptSession(
        PROMPT,
        history=_history(folder),
        completer=_Completer(words),
        complete_while_typing=False,
        lexer=PygmentsLexer(SqlLexer),
        multiline=True,
        prompt_continuation=lambda width, number, is_soft_wrap: "... ".rjust(width),
        key_bindings=_keys(),
        enable_suspend=True,
    )
    # Signals are this program's own to handle; at the prompt Ctrl-C is a key.
    return lambda: session.prompt(handle_sigint=False)


def is_whole(text: str) -> bool:
    """Whether Enter runs a text: a command, nothing at all, or statements that all have their semicolon."""
    found = typed(text)
    return text.lstrip().startswith(".") or text.strip().lower() in ("exit", "quit") or not found.rest


def state_folder() -> Path | None:
    """The user's folder for what programs remember: XDG_STATE_HOME, by default ~/.local/state."""
    named = os.environ.get("XDG_STATE_HOME", "")
    try:
        # The specification has relative paths ignored.
        base = Path(named) if os.path.isabs(named) else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return base / "galaxiesml"


class _Completer(Completer):
    def __init__(self, words: Callable[[], Words]):
        self._words = words

    def get_completions(self, document, complete_event) -> Iterator[Completion]:
        for word in following(self._words(), document.text_before_cursor, document.text_after_cursor):
            yield Completion(word.text, start_position=-word.typed, display_meta=word.kind)


class _OnDisk(FileHistory):
    """A history whose file may become unwritable without a statement being lost."""

    def store_string(self, string: str) -> None:
        try:
            super().store_string(string)
        except OSError as error:
            common.LOG.warning("the history of the shell: %s", error)


def _history(folder: Path | None) -> History:
    if folder is None:
        return InMemoryHistory()
    path = folder / "sql_history"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # For the user alone: statements may name what is not yet published.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        common.warn(f"{path} cannot be written ({error.strerror}), so statements are not remembered.")
        return InMemoryHistory()
    return _OnDisk(str(path))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event) -> None:
        buffer = event.current_buffer
        if buffer.complete_state and buffer.complete_state.current_completion:
            buffer.complete_state = None
        elif is_whole(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return keys
