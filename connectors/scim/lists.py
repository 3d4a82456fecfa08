"""Lists and searches: of Users, of Groups, and of both at the root (RFC 7644 §3.4.2, §3.4.3; RFC 9865).

At the root come the Users first, then the Groups; an order by an attribute is one within each.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.scim.call import Call
from connectors.scim.errors import ScimError
from connectors.scim.exchange import Response
from connectors.scim.filters import parse_filter, parse_sort
from connectors.scim.messages import listed
from connectors.scim.paging import Asked, asked, parameters, search_request, shown
from connectors.scim.project import Projection
from connectors.scim.represent import page
from connectors.scim.routing import KINDS
from reconciler.model import Frozen
from reconciler.query import Attr, Filter, Kind, Query
from reconciler.resources import Found, VoidCursor


class Listing(Frozen, frozen=True):
    """What is listed of one kind, and how it is shown."""

    kind: Kind
    filter: Filter | None
    sort: Attr | None
    projection: Projection


def answer(call: Call, kind: Kind | None) -> Response:
    """GET of a list; all kinds for None."""
    return _answer(call, kind, parameters(call))


def search(call: Call, kind: Kind | None) -> Response:
    """POST to .search: the same, told in a body."""
    return _answer(call, kind, search_request(call))


def _answer(call: Call, kind: Kind | None, told: Mapping[str, Any]) -> Response:
    wanted = asked(call, told)
    kinds = tuple(KINDS.values()) if kind is None else (kind,)
    listings = [_listing(call, each, wanted, told, alone=kind is not None) for each in kinds]
    by = _by_index if wanted.cursor is None else _by_cursor
    return call.response(200, by(call, wanted, listings))


def _listing(call: Call, kind: Kind, wanted: Asked, told: Mapping[str, Any], *, alone: bool) -> Listing:
    return Listing(
        kind,
        _filter(call, kind, wanted.filter, alone=alone) if wanted.filter else None,
        _order(call, kind, wanted.sort_by, alone=alone) if wanted.sort_by else None,
        shown(told, kind),
    )


def _filter(call: Call, kind: Kind, text: str, *, alone: bool) -> Filter:
    mapped = call.endpoint.attributes
    return parse_filter(text, kind, strict=call.strict, several=not alone, mapped=mapped, note=call.note)


def _order(call: Call, kind: Kind, name: str, *, alone: bool) -> Attr | None:
    """The attribute to sort by; at the root it need not be one of each kind."""
    try:
        return parse_sort(name, kind, strict=call.strict, note=call.note)
    except ScimError:
        if alone:
            raise
        return None


def _find(
    call: Call, listing: Listing, wanted: Asked, count: int, *, start: int = 1, after: str | None = None
) -> Found:
    try:
        return call.resources.find(
            Query(
                listing.kind,
                count,
                filter=listing.filter,
                sort=listing.sort,
                descending=wanted.descending,
                start=start,
                after=after,
            )
        )
    except VoidCursor as error:
        raise _void() from error


def _void() -> ScimError:
    return ScimError(400, "the cursor is none of this query's: begin again with an empty one", "invalidCursor")


def _by_index(call: Call, wanted: Asked, listings: Sequence[Listing]) -> Any:
    """From the 1-based index on, over all kinds as if they were one list."""
    total, skip, left = 0, wanted.start - 1, wanted.count
    resources: list[dict[str, Any]] = []
    for listing in listings:
        found = _find(call, listing, wanted, left, start=skip + 1)
        rows = page(call, found.resources, listing.projection)
        total += found.total
        skip = max(0, skip - found.total)
        left = 0 if len(rows) < len(found.resources) else left - len(rows)
        resources += rows
    return listed(resources, total=total, start=wanted.start)


def _by_cursor(call: Call, wanted: Asked, listings: Sequence[Listing]) -> Any:
    """The page that follows the cursor, all of one kind. At the root a cursor says of which: "Group:…"."""
    here, after = _place(wanted.cursor or "", listings)
    found = _find(call, here, wanted, wanted.count, after=after)
    rows = page(call, found.resources, here.projection)
    others = [each for each in listings if each is not here]
    total = found.total + sum(_find(call, each, wanted, 0).total for each in others)
    following = _following(call, wanted, here, after, found, shown=len(rows)) if wanted.count else None
    if len(listings) > 1 and wanted.count:
        later = listings[listings.index(here) + 1 :]
        following = f"{here.kind}:{following}" if following else f"{later[0].kind}:" if later else None
    return listed(rows, total=total, start=None, next_cursor=following or "")


def _place(cursor: str, listings: Sequence[Listing]) -> tuple[Listing, str]:
    if len(listings) == 1 or not cursor:
        return listings[0], cursor
    kind, colon, after = cursor.partition(":")
    found = next((each for each in listings if each.kind == kind and colon), None)
    if found is None:
        raise _void()
    return found, after


def _following(call: Call, wanted: Asked, listing: Listing, after: str, found: Found, *, shown: int) -> str | None:
    """Where the next page begins: after the last one shown, when not all that were found are."""
    if shown == len(found.resources):
        return found.next
    return _find(call, listing, wanted, shown, after=after).next
