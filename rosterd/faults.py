"""How an exception that nobody expected is told in a log: its kind and its place, never its text."""

import traceback

FRAMES = 6


def told(error: BaseException) -> str:
    """What kind of exception it is and where it came from, the innermost place first. Its text is left out: it may
    hold what a client or a directory sent."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = (f"{'/'.join(each.filename.split('/')[-2:])}:{each.lineno} {each.name}" for each in reversed(frames))
    return f"{type(error).__name__} at {' < '.join(places)}"
