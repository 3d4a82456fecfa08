"""The daemon's log: one line for each event, on standard error, as JSON or for people, without secrets.

Every line has `time`, `level`, `event` (a name that stays the same) and `message` (a sentence); `run`, `directory` and
`workspace` where they are known: given with the event, or bound by whoever does something for a directory. What
libraries log goes the same way, from a warning up.

Commands do not log: what they say is the terminal's (rosterd/cli).
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, merge_contextvars
from structlog.stdlib import BoundLogger, ExtraAdder, ProcessorFormatter
from structlog.typing import EventDict

from rosterd.faults import debugging, told
from rosterd.redaction import Redactor, secrets_in
from rosterd.settings.model import Settings

Format = Literal["json", "console"]
Level = Literal["debug", "info", "warning", "error"]
OURS = "rosterd"
FIRST = ("time", "level", "event", "message", "run", "directory", "workspace")  # of a line; then the rest by name

redactor = Redactor()
"""What every line goes through. The one of this process, because its log is one, too."""


def logger(name: str) -> BoundLogger:
    """The log of one part: `log.info("run_ended", message="acme: succeeded", directory="acme")`."""
    made: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name), processors=[merge_contextvars, _record], wrapper_class=BoundLogger
    )
    return made


@contextmanager
def about(**known: str) -> Iterator[None]:
    """What is logged meanwhile, in this thread or task, is about this run, directory, workspace."""
    with bound_contextvars(**known):
        yield


def known(**more: str) -> None:
    """Says more of what is being done, once it is known: the id of a run."""
    bind_contextvars(**more)


def follow(settings: Settings) -> None:
    """Writes the log as a configuration says, without its secrets and those of earlier ones, from now on: runs that are
    under way still have those."""
    redactor.learn_more(secrets_in(settings))
    begin(settings.log.format, "debug" if debugging() else settings.log.level)


def begin(format: Format, level: Level, stream: TextIO | None = None) -> None:  # noqa: A002 - the key's name
    """Writes the log to standard error, or `stream`, from now on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(format))
    root, ours = logging.getLogger(), logging.getLogger(OURS)
    for each in root.handlers[:]:
        if isinstance(each.formatter, ProcessorFormatter):  # of an earlier beginning
            root.removeHandler(each)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it warns of it raises, too
    ours.setLevel(level.upper())
    ours.handlers, ours.propagate = [], True


def _record(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """An event as arguments of a standard log record: its sentence is the message, the rest goes beside it."""
    name, message = event.pop("event"), event.pop("message", "")
    taken = {key: event.pop(key) for key in ("exc_info", "stack_info", "stacklevel") if key in event}
    return {"msg": message or name, "extra": {"_event": {"event": name, **event}}, **taken}


def _formatter(format: Format) -> ProcessorFormatter:  # noqa: A002
    return ProcessorFormatter(
        foreign_pre_chain=[merge_contextvars, ExtraAdder(), _stamped],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _without_secrets,
            _ordered,
            _json if format == "json" else _console,
        ],
    )


def _stamped(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Time and level of the record. A library's line has no name but that of who wrote it, and of its exceptions no
    text, like ours."""
    record: logging.LogRecord = event["_record"]
    ours = event.pop("_event", {"event": record.name})
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    said = {"message": event["event"], "time": f"{moment[:-6]}Z", "level": record.levelname.lower()}
    if record.exc_info and record.exc_info[1] and not debugging():
        del event["exc_info"]
        said["message"] += f": {told(record.exc_info[1])}"
    return {**event, **said, **ours}


def _without_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    without: EventDict = redactor.value(event)
    return without


def _ordered(_logger: Any, _method: str, event: EventDict) -> EventDict:
    names = [name for name in FIRST if event.get(name)] + sorted(event.keys() - set(FIRST))
    return {name: event[name] for name in names}


def _json(_logger: Any, _method: str, event: EventDict) -> str:
    return msgspec.json.encode(event).decode()


def _console(_logger: Any, _method: str, event: EventDict) -> str:
    """For people: the sentence first."""
    trace = f"\n{event.pop('exception')}" if "exception" in event else ""
    time, level, name, message = (str(event.pop(key, "")) for key in FIRST[:4])
    rest = "".join(f" {key}={_shown(value)}" for key, value in event.items())
    return f"{time} {level.upper():7} {_shown_line(message)} [{name}{rest}]{trace}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if text.isprintable() and " " not in text and text else msgspec.json.encode(text).decode()


def _shown_line(text: str) -> str:
    """One line, whatever is in it: nobody writes lines of their own into the log."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)
