"""A comparison of two configurations as text: one sentence for each difference, and a few of the people."""

from collections.abc import Iterator

from reconciler.against import Comparison, Difference
from rosterd.render.words import plain

SHOWN = 5  # people named with a difference


def against_text(found: Comparison) -> Iterator[str]:
    """Lines for people, each with its newline."""
    yield f"{found.directory} under {plain(found.against)}: {_head(found)}\n"
    for difference in found.differences:
        yield f"  {plain(difference.sentence)}\n"
        if difference.people:
            yield f"    {_named(difference)}\n"
    for warning in found.warnings:
        yield f"warning: {plain(warning)}\n"
    if not found.complete:
        yield "the directory was not read whole: what is missing may differ too\n"
    yield "nothing was written\n"


def _head(found: Comparison) -> str:
    if not found.differences:
        return f"nobody ends up differently ({_people(found.unchanged)})"
    ends = "ends" if found.changed == 1 else "end"
    return f"{_people(found.changed)} {ends} up differently, {found.unchanged:,} the same"


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _named(difference: Difference) -> str:
    named = ", ".join(plain(email) for email in difference.people[:SHOWN])
    more = difference.count - len(difference.people[:SHOWN])
    return f"{named} and {more:,} more" if more else named
