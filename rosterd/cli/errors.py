"""The one place where what went wrong becomes a text, a JSON object and an exit code.

Texts name the way out and never hold a secret: the errors of the other packages promise that for theirs, and of an
unexpected exception only the kind and the place are shown unless a traceback is asked for.
"""

import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from types import TracebackType
from typing import Any

import typer

from reconciler.errors import RunError
from rosterd.cli.output import say, write_json
from rosterd.faults import debugging
from rosterd.settings.errors import ConfigError

ERROR = 1
CHANGES = 2
HELD = 3
BUSY = 4
INTERRUPTED = 130


class Unknown(RunError):
    """A name on the command line that nothing has."""

    def __init__(self, what: str, name: str, known: Sequence[str], *, where: str = "") -> None:
        near = get_close_matches(name, known, n=1, cutoff=0.6)
        listed = ", ".join(known[:10]) + (" …" if len(known) > 10 else "")
        fix = f'did you mean "{near[0]}"?' if near else f"there is: {listed}" if known else f"there is no {what} yet"
        super().__init__(f'there is no {what} "{name}"', where=where, fix=fix)
        self.code = f"unknown_{what}"


class Unwatched(Exception):
    """Ctrl-C while another process does the work."""


class Unusable(RunError):
    """Something on this machine is in the way."""

    code = "unusable"


def report(error: Exception, *, as_json: bool) -> int:
    """Prints an expected error where it belongs; the exit code.

    Raises:
        Exception: this one, when it is not an expected one.
    """
    if debugging():
        traceback.print_exception(error)
    described = describe(error)
    if as_json:
        write_json({"error": described})
    else:
        say(_text(error, described))
    return BUSY if described["code"] == "workspace_busy" else ERROR


def describe(error: Exception) -> dict[str, Any]:
    """The `error` object of the contract; of a configuration, with all `problems`."""
    if isinstance(error, RunError):
        return dict(error.as_dict())
    if isinstance(error, ConfigError):
        problems = [
            {"code": each.code, "message": each.message, "where": each.where, "fix": each.fix}
            for each in error.problems
        ]
        return {**problems[0], "problems": problems}
    if isinstance(error, typer.TyperException):
        return {"code": "usage", "message": error.format_message(), "where": _command(error), "fix": _usage(error)}
    if isinstance(error, OSError):
        where = "" if error.filename is None else str(error.filename)
        return {"code": "system", "message": error.strerror or type(error).__name__, "where": where, "fix": ""}
    raise error


def _text(error: Exception, described: dict[str, Any]) -> str:
    if isinstance(error, ConfigError):
        return f"error: {error}"
    where = f" ({described['where']})" if described["where"] else ""
    fix = f"\n  {described['fix']}" if described["fix"] else ""
    return f"error: {described['message']}{where}{fix}"


def _command(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context is not None else ""


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    if context is None:
        return "see: rosterd --help"
    usage = " ".join(context.get_usage().split())
    return f"{usage[:1].lower()}{usage[1:]}; more with: {context.command_path} --help"


class Crash:
    """`sys.excepthook` of the command: an exception that nobody expected is a bug, said in one sentence."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if debugging():
            traceback.print_exception(kind, error, trace)
        message, where = f"unexpected {kind.__name__}: this is a bug in rosterd", _place(trace)
        fix = "run the command again with --debug before it, and report what it prints"
        if self._as_json:
            write_json({"error": {"code": "unexpected", "message": message, "where": where, "fix": fix}})
        else:
            sys.stderr.write(f"error: {message} ({where})\n  {fix}\n")


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or list(frames)
    return f"{'/'.join(own[-1].filename.split('/')[-2:])}:{own[-1].lineno}" if own else ""
