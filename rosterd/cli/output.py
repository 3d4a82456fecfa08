"""Where text goes: what was asked for to standard output, everything else to standard error.

With `--json` standard output holds one JSON document and nothing else. Documents are written in pieces as they are
made, so that a roster of a million members is never held whole.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console, RenderableType

READER_GONE = 128 + 13  # what a shell reports for a program that SIGPIPE ended
PIPED_WIDTH = 120  # columns when nobody's terminal says otherwise


class Terminal(Console):
    """A Rich console for text from directories: no markup, no guessing of what a word might be."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, highlight=False, emoji=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = PIPED_WIDTH

    def print(self, *parts: Any, **options: Any) -> None:
        """As Rich prints; lines into a file or pipe are as long as they are."""
        super().print(*parts, **{"soft_wrap": not self.is_terminal, **options})

    def on_broken_pipe(self) -> None:
        """Nobody reads on (`rosterd members acme | head`): the end, without a word."""
        reader_gone()


def reader_gone() -> NoReturn:
    """Ends the command after its reader went away; what is still buffered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(READER_GONE)


def write(pieces: Iterable[str]) -> None:
    """Text to standard output, piece by piece."""
    try:
        for piece in pieces:
            sys.stdout.write(piece)
    except BrokenPipeError:
        reader_gone()


def write_json(value: object) -> None:
    """One JSON document and a newline."""
    import msgspec

    write((msgspec.json.encode(value).decode(), "\n"))
    flush()


def array(documents: Iterable[Iterable[str]]) -> Iterable[str]:
    """A JSON array from documents in pieces, one document a line."""
    yield "["
    for number, pieces in enumerate(documents):
        yield ",\n" if number else "\n"
        yield from pieces
    yield "\n]\n"


def flush() -> None:
    """Hands what was written to the reader."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        reader_gone()


def show(*parts: RenderableType, whole: bool = False) -> None:
    """Text for people to standard output; `whole` lines are never broken, so that they can be copied."""
    terminal = Terminal()
    for part in parts:
        terminal.print(part, **({"soft_wrap": True} if whole else {}))


def say(text: str) -> None:
    """A remark to standard error."""
    Terminal(stderr=True).print(text, soft_wrap=True)


def command_line(*words: str, config: Path | None = None) -> str:
    """A command as it has to be typed here: `.venv/bin/rosterd --config rosterd-demo/rosterd.toml reports`."""
    options = ["--config", _near(config)] if config is not None else []
    return " ".join((_program(), *(shlex.quote(word) for word in (*options, *words))))


def _program() -> str:
    given = Path(sys.argv[0])
    if given.name != "rosterd":
        return f"{shlex.quote(_near(Path(sys.executable)))} -m rosterd"
    found = shutil.which("rosterd")
    return "rosterd" if found and Path(found).absolute() == given.absolute() else shlex.quote(_near(given))


def _near(path: Path) -> str:
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute)
