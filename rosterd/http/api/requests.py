"""Routes that ask for runs and follow them: by asking again, by waiting for the end, or as a stream of events."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response, StreamingResponse

from reconciler.errors import RunError
from rosterd.http.api.calls import Call, Called, Name, Routes
from rosterd.http.api.pages import Cursor, Limit, page_of, place_of
from rosterd.http.api.problems import Refusal
from rosterd.http.api.shapes import Asked, Page, Request, body_of
from rosterd.policies import turn_of, workspace_of
from store.wishes import Ask, Wish, open_wishes

routes = Routes("requests")

LONGEST_WAIT = 60
LOOK = 0.25  # seconds between two looks at a request that is followed
STILL = 15.0  # seconds after which a stream says that it is there (proxies close what is silent)
EVENTS = "text/event-stream"


class Sync(BaseModel):
    """How to run: `full` compares everybody, not only whom something changed about."""

    model_config = ConfigDict(extra="forbid", strict=True)
    full: bool = False


@routes.route_for("POST", "/directories/{id}/sync", Asked, scope="operate", status=202)
def sync(call: Called, id: Name, how: Sync | None = None) -> Response:  # noqa: A002 - a directory's
    """Has a directory run soon. Asking again while it waits gives the same request; one that comes while it runs waits
    for the next run."""
    directory = call.directory(id)
    full = how is not None and how.full
    ticket = call.outside.queue.ask(Ask(turn_of(directory), directory.id, "api", full, call.by))
    return call.answer(Asked(ticket.id, ticket.joined), 202, Location=f"/api/v1/requests/{ticket.id}")


@routes.route_for("GET", "/requests", Page[Request])
def waiting(call: Called, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """What waits and what runs, the oldest first."""
    after = place_of(cursor, tuple[str, str], ("", ""))
    listed = (_about(call, each) for each in open_wishes(call.store))
    found = sorted((each for each in listed if call.reaches(each.workspace)), key=_place)
    return call.answer(page_of([(_place(each), Request.of(each)) for each in found if _place(each) > after], limit))


def _about(call: Call, wish: Wish) -> Wish:
    """The wish with the workspace that it is about; an audit's takes another turn than that."""
    return msgspec.structs.replace(wish, workspace=workspace_of(call.settings, wish.workspace))


def _place(wish: Wish) -> tuple[str, str]:
    return wish.asked_at, wish.id


@routes.route_for("GET", "/requests/{id}", Request)
async def request(
    call: Called,
    id: Name,  # noqa: A002 - a request's
    wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for its end.")] = 0,
) -> Response:
    """A request as it is now; with `wait`, once it is over or so much later. With `Accept: text/event-stream`, each
    change as an event until it is over. It is known for a day after that."""
    found = await _look(call, id)
    streaming = EVENTS in call.request.headers.get("accept", "")
    if not (streaming or wait) or found.over:
        return _events(call, found) if streaming else call.answer(Request.of(found))
    if call.outside.followers.locked():
        raise Refusal(503, "too_many_followers", "too many requests are followed already",
                      fix="ask without wait, every few seconds", headers={"Retry-After": "5"})  # fmt: skip
    if streaming:
        return _events(call, found)
    async with call.outside.followers:
        ends = time.monotonic() + wait
        while time.monotonic() < ends and not call.outside.stop.is_set():
            await asyncio.sleep(LOOK)
            found = await _look(call, id)
            if found.over:
                break
    return call.answer(Request.of(found))


async def _look(call: Call, id: str) -> Wish:  # noqa: A002
    """
    Raises:
        Refusal: there is no such request.
    """
    try:
        found = _about(call, await asyncio.to_thread(call.outside.queue.look, id))
    except RunError as error:
        if error.code != "unknown_wish":
            raise
        raise _missing(id) from error
    if not call.reaches(found.workspace):
        raise _missing(id)
    return found


def _missing(id: str) -> Refusal:  # noqa: A002
    return Refusal(404, "unknown_request", f'there is no request "{id}"', fix="what was run is in /api/v1/runs")


def _events(call: Call, first: Wish) -> Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_following(call, first), media_type=EVENTS, headers=headers)


async def _following(call: Call, found: Wish) -> AsyncIterator[bytes]:
    """Every change as an event: `change`, at the end `end` (HTML, "Server-sent events")."""
    async with call.outside.followers:
        yield _event(found)
        said = time.monotonic()
        while not found.over and not call.outside.stop.is_set():
            await asyncio.sleep(LOOK)
            try:
                known, found = found, await _look(call, found.id)
            except RunError:  # the store refuses just now: the client asks again (and its day may be over)
                return
            if found != known:
                yield _event(found)
            elif time.monotonic() - said > STILL:
                yield b": still\n\n"
            else:
                continue
            said = time.monotonic()


def _event(found: Wish) -> bytes:
    name = b"end" if found.over else b"change"
    return b"event: " + name + b"\ndata: " + body_of(Request.of(found)) + b"\n\n"
