"""Faults of listings: what is missing, what comes twice, where paging goes wrong. Which they are is faults.py.

Each takes a `Strike`, and where it alters an answer that answer; None leaves the request alone.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
from starlette.responses import Response

from rosterd.simulators import refusals
from rosterd.simulators.answers import NEXT, Page, token_of
from rosterd.simulators.strikes import Strike
from rosterd.simulators.web import answer
from rosterd.simulators.world import Group, UnknownError

_EMPTY = "empty."
_STATUS = {"google": ("suspended", "archived"), "entra": ("accountEnabled",), "okta": ("status",)}
_NEWEST = 10  # one in so many, the newest
TOO_LARGE = 50  # records that a page of Okta may have in a fault


def page_of(strike: Strike, response: Response) -> Page:
    return Page.read(strike.vendor.kind, strike.row.holds, strike.call, response)


def token(strike: Strike) -> str:
    return token_of(strike.vendor.kind, strike.call)


# -- paging -------------------------------------------------------------------------------------------------------


def detour(strike: Strike, response: Response) -> Response | None:
    """The first page leads to a page without records (`empty`), which leads to the second."""
    page = page_of(strike, response)
    if token(strike) or page.following is None:
        return None
    page.following = _EMPTY + page.following
    return page.answer()


def empty(strike: Strike) -> Response | None:
    at = token(strike)
    if not at.startswith(_EMPTY):
        return None
    bare = b"[]" if strike.vendor.kind == "okta" else head(strike)
    page = page_of(strike, answer(bare))
    page.items, page.following = [], at.removeprefix(_EMPTY)
    return page.answer()


def head(strike: Strike) -> bytes:
    """The body of a page of this listing, without its records."""
    query = {name: value for name, value in strike.call.query.items() if name != NEXT[strike.vendor.kind]}
    if strike.row.holds.endswith("_delta"):
        return msgspec.json.encode({"@odata.context": f"{strike.call.base}/v1.0/$metadata#{strike.row.holds[:-6]}"})
    first = msgspec.json.decode(bytes(strike.row.handler(replace(strike.call, query=query)).body))
    kept = {name: value for name, value in first.items() if name in ("kind", "etag", "@odata.context")}
    return msgspec.json.encode(kept)


def without_next(strike: Strike, response: Response) -> Response | None:
    page = page_of(strike, response)
    if not token(strike) or page.following is None:
        return None
    page.following = None
    return page.answer()


def repeated(strike: Strike, response: Response) -> Response | None:
    page, at = page_of(strike, response), token(strike)
    if not at or page.following in (None, at):
        return None
    page.following = at
    return page.answer()


def overlapping(strike: Strike, response: Response) -> Response | None:
    """A listing without a fixed order shows some people twice."""
    page = page_of(strike, response)
    before, strike.memory["last"] = strike.memory.get("last"), (page.items or [None])[-1]
    if not token(strike) or before is None or page.items is None:
        return None
    page.items = [before, *page.items]
    return page.answer()


def expired(strike: Strike) -> Response | None:
    return refusals.expired_page(strike) if token(strike) else None


def change_world(strike: Strike, response: Response) -> Response | None:
    """Somebody is hired, and the last person who has not been read yet leaves; the page itself stays."""
    page, world = page_of(strike, response), strike.vendor.world
    if token(strike) or page.following is None:
        return None
    read = {item.get("id") for item in page.items or ()}
    leaver = next((p for p in reversed(world.people.values()) if p.id not in read and p.status == "active"), None)
    if leaver is not None:
        world.delete(leaver.id)
    strike.memory.update(leaver=leaver.id if leaver else "", newcomer=world.hire("Mid", "Read").id)
    return response


# -- short answers ------------------------------------------------------------------------------------------------


def _by_id(strike: Strike) -> bool:
    """Whether this asks for one thing: Graph finds one member by a filter on the listing."""
    return strike.row.holds in ("user", "group", "membership") or (
        strike.row.holds == "members" and "$filter" in strike.call.query
    )


def half(strike: Strike, response: Response) -> Response | None:
    """Every second of those who were there when the fault first struck; later ones are shown."""
    if _by_id(strike):
        return None
    world, holds = strike.vendor.world, strike.row.holds.removesuffix("_delta")
    everything: Iterable[str] = world.groups if holds == "groups" else world.people
    return _without(strike, response, strike.memory.setdefault(holds, frozenset(list(everything)[1::2])))


def _without(strike: Strike, response: Response, missing: frozenset[str]) -> Response:
    page = page_of(strike, response)
    page.items = [item for item in page.items or () if item.get("id") not in missing]
    return page.answer()


def nobody(strike: Strike, response: Response) -> Response:
    page = page_of(strike, response)
    page.items, page.following = [], None
    return page.answer()


def without_key(strike: Strike, response: Response) -> Response:
    page = page_of(strike, response)
    page.items, page.following = None, None
    return page.answer()


def without_status(strike: Strike, response: Response) -> Response:
    """Google's newest accounts really are like that for some minutes (facts §2)."""
    known = strike.vendor.world.people
    newest = strike.memory.setdefault("newest", frozenset(list(known)[-max(1, len(known) // _NEWEST) :]))

    def shown(item: dict[str, Any]) -> dict[str, Any]:
        names = _STATUS[strike.vendor.kind] if item.get("id") in newest else ()
        return {name: value for name, value in item.items() if name not in names}

    if strike.row.holds == "user":
        return _with_body(response, shown(msgspec.json.decode(bytes(response.body))))
    page = page_of(strike, response)
    page.items = [shown(item) for item in page.items or ()]
    return page.answer()


def _with_body(response: Response, body: object) -> Response:
    kept = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in response.raw_headers
            if n not in (b"content-length", b"content-type")]  # fmt: skip
    return answer(body, headers=kept, media=response.headers["content-type"])


def _out_of_sight(strike: Strike) -> frozenset[str]:
    world = strike.vendor.world
    if "hidden" not in strike.memory:
        strike.memory["hidden"] = frozenset([*list(world.people)[1::2], *list(world.groups)[1::2]])
    hidden: frozenset[str] = strike.memory["hidden"]
    return hidden


def out_of_sight(strike: Strike, refused: Callable[[Strike], Response]) -> Response | None:
    """Who is out of sight is refused by id, and so are the members of such a group."""
    asked = {_id(strike, key) for key in strike.call.route.values()}
    return None if asked.isdisjoint(_out_of_sight(strike)) else refused(strike)


def _id(strike: Strike, key: str) -> str:
    world = strike.vendor.world
    groups, people = (world.group,), (world.person,)
    kinds: dict[str, tuple[Callable[[str], Any], ...]] = {"group": groups, "members": groups, "user": people}
    for find in kinds.get(strike.row.holds, (*groups, *people)):
        with suppress(UnknownError):
            return str(find(key).id)
    return ""


def narrowed(strike: Strike, response: Response) -> Response | None:
    if _by_id(strike):
        return None
    return _without(strike, response, _out_of_sight(strike))


def _aimed(strike: Strike) -> bool:
    """Whether the request is about the one group that the fault means."""
    if strike.active.route:
        return True  # the route has chosen it
    groups: list[Group] = list(strike.vendor.world.groups.values())
    return bool(groups) and _id(strike, next(iter(strike.call.route.values()))) == groups[:2][-1].id


def one_group(strike: Strike, refused: Callable[[Strike], Response]) -> Response | None:
    return refused(strike) if _aimed(strike) else None


def no_members(strike: Strike, response: Response) -> Response | None:
    return nobody(strike, response) if _aimed(strike) and not _by_id(strike) else None


def too_large(strike: Strike) -> Response | None:
    """Okta gives up on a large page after 30 seconds (facts §4.2, §6): E0000009, until a smaller limit is asked for."""
    limit = strike.call.query.get("limit", "")
    return None if limit.isdecimal() and int(limit) <= TOO_LARGE else refusals.internal(strike)


def near_limit(strike: Strike, response: Response) -> Response:
    """Graph counts above 0.8 of the limit; Okta has 3 of 600 left until the minute ends, in a second."""
    if strike.vendor.kind == "entra":
        response.headers["x-ms-throttle-limit-percentage"] = "1.2"
    else:
        reset = int(strike.vendor.now.timestamp()) + refusals.RESET_SECONDS
        for name, value in refusals.rate_headers(600, 3, reset):
            response.headers[name] = value
    return response
