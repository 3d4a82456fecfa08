"""How an exception that nobody expected is told in a log: its kind and its place, never its text."""

import os
import traceback

FRAMES = 6


def told(error: BaseException) -> str:
    """What kind of exception it is and where it came from, the innermost place first. Its text is left out: it may
    hold what a client or a directory sent."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = (f"{'/'.join(each.filename.split('/')[-2:])}:{each.lineno} {each.name}" for each in reversed(frames))
    return f"{type(error).__name__} at {' < '.join(places)}"


def debugging() -> bool:
    """Whether tracebacks are wanted: `--debug`, or ROSTERD_DEBUG set to something other than 0."""
    return os.environ.get("ROSTERD_DEBUG", "0") not in ("", "0")
