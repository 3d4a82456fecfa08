"""Faults of Graph's delta rounds (facts §4.1). Which they are is faults.py."""

from dataclasses import replace

from starlette.responses import Response

from rosterd.simulators.entra_access import graph_error
from rosterd.simulators.entra_delta import restart, rewound
from rosterd.simulators.fault_pages import head, page_of, token
from rosterd.simulators.strikes import Strike
from rosterd.simulators.web import answer

_LOOP = "loop."


def _state(strike: Strike) -> str:
    """The token that a round goes on from, "" when it begins from nothing or from now."""
    query = strike.call.query.items()
    token = next((value for name, value in query if name.lower() == "$deltatoken"), "")
    return "" if token.lower() == "latest" else token


def gone(strike: Strike) -> Response | None:
    """The Location begins again."""
    if not _state(strike):
        return None
    location = [("location", strike.call.link(restart(strike.call.query), safe=","))]
    return graph_error(410, "resyncRequired", "Resync is required.", location).response


def state_not_found(strike: Strike) -> Response | None:
    if not _state(strike):
        return None
    return graph_error(400, "syncStateNotFound", "The sync state generation is not found.").response


def enter_loop(strike: Strike, response: Response) -> Response | None:
    page = page_of(strike, response)
    if "latest" in (value.lower() for value in strike.call.query.values()):
        return None
    if page.rest.pop("@odata.deltaLink", None) is None:
        return None
    page.following = f"{_LOOP}1"
    return page.answer()


def loop(strike: Strike) -> Response | None:
    at = token(strike)
    if not at.startswith(_LOOP):
        return None
    page = page_of(strike, answer(head(strike)))
    page.items, page.following = [], f"{_LOOP}{int(at.removeprefix(_LOOP)) + 1}"
    return page.answer()


def replay(strike: Strike) -> Response | None:
    """The round begins where the journal begins, not at its token."""
    query = rewound(strike.vendor.world, strike.call.query)
    if query is None:
        return None
    page = page_of(strike, strike.row.handler(replace(strike.call, query=query)))
    page.items = [item for item in page.items or () for _ in range(2)]
    return page.answer()
