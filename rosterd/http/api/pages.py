"""Cursors: where a list goes on, as a text that only rosterd reads. Pure."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import msgspec
from fastapi import Query

from rosterd.http.api.problems import Refusal
from rosterd.http.api.shapes import Page

MOST = 500
T = TypeVar("T")
P = TypeVar("P")
D = TypeVar("D")
Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
Cursor = Annotated[str, Query(max_length=2000, description="`next` of the page before.")]


def cursor_of(place: object) -> str:
    """The text of a place."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str, kind: type[P], start: D) -> P | D:
    """The place of a text; `start` for none.

    Raises:
        Refusal: it is none of ours.
    """
    if not cursor:
        return start
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=kind)
    except (binascii.Error, UnicodeError, msgspec.MsgspecError) as exc:
        fix = "send `next` of the page before as it is, or begin without a cursor"
        raise Refusal(400, "bad_cursor", "the cursor is none of this list", where="query.cursor", fix=fix) from exc


def page_of(found: Sequence[tuple[P, T]], limit: int, show: Callable[[T], object] | None = None) -> Page[object]:
    """The page of what was found for one more than its limit."""
    items = [value if show is None else show(value) for _, value in found[:limit]]
    return Page(items, cursor_of(found[limit - 1][0]) if len(found) > limit else None)
