"""What can be wrong with a simulated directory, by name: the drills (facts §4–§6, §8).

One table, `FAULTS`. A fault that strikes for ever is repeated until it is switched off; one with `times` is spent after
so many. Where it strikes unasked is its `on`; a `route` aims it elsewhere, as far as it `fits` there. How faults meet
requests is strikes.py, how a vendor says no refusals.py.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from starlette.responses import Response

from rosterd.simulators import fault_delta as delta
from rosterd.simulators import fault_pages as pages
from rosterd.simulators import refusals as no
from rosterd.simulators import wire
from rosterd.simulators.strikes import Active, Fault, Strike
from rosterd.simulators.web import Vendor
from rosterd.simulators.world import KINDS

ALL, OKTA, ENTRA, GOOGLE = frozenset(KINDS), frozenset({"okta"}), frozenset({"entra"}), frozenset({"google"})
_DELTA = frozenset({"users_delta", "groups_delta"})
_USERS, _GROUPS = frozenset({"users", "users_delta"}), frozenset({"groups", "groups_delta"})
_LISTS = _USERS | _GROUPS | {"members", "deleted"}
_API = _LISTS | {"user", "group", "membership", "other"}
_TOKEN = frozenset({"token"})
_ANY = _API | _TOKEN
SLOW_SECONDS = 0.3
CLOCK_SECONDS = -600


def _fault(name: str, description: str, kinds: frozenset[str], on: frozenset[str], fits: frozenset[str] | None = None,
           **does: Any) -> Fault:  # fmt: skip
    return Fault(name, description, kinds, on, fits or on, **does)


def _said(response: Callable[[], Response]) -> Callable[[Strike], Response]:
    return lambda _: response()


_WIRE = (
    _fault("drop", "the connection is closed before the answer", ALL, _API, _ANY, wire=wire.Dropped),
    _fault("truncate_length", "half of the body that Content-Length announces, then the connection is closed", ALL,
           _API, _ANY, wire=wire.CutToLength),
    _fault("truncate_close", "no Content-Length, half of the body, then the connection is closed", ALL, _API, _ANY,
           wire=wire.CutAtClose),
    _fault("hang", "no answer, for as long as the client waits", ALL, _API, _ANY, wire=wire.Hanging),
    _fault("slow_pages", f"every page of a listing takes {SLOW_SECONDS} s", ALL, _LISTS, _ANY, seconds=SLOW_SECONDS,
           small_pages=True),
)  # fmt: skip

_GATEWAY = (
    _fault("html_200", "a web page with status 200 in place of JSON", ALL, _API, _ANY,
           instead=_said(lambda: no.html("Please sign in to the network"))),
    _fault("bad_gateway", "a proxy's 502 page", ALL, _API, _ANY,
           instead=_said(lambda: no.html("502 Bad Gateway", 502))),
    _fault("error_500", "the vendor's internal error", ALL, _API, _ANY, instead=no.internal),
    _fault("error_503", "the vendor is unavailable, and does not say for how long", ALL, _API, _ANY,
           instead=no.unavailable),
)  # fmt: skip

_PAGING = (
    _fault("empty_page", "a page without records, but with a next page, between two others", ALL, _USERS, _LISTS,
           instead=pages.empty, change=pages.detour, small_pages=True),
    _fault("missing_next", "the second page has no next page although there is more", ALL, _USERS, _LISTS,
           change=pages.without_next, small_pages=True),
    _fault("repeated_token", "the second page's next page is itself", ALL, _USERS, _LISTS, change=pages.repeated,
           small_pages=True),
    _fault("overlapping_pages", "every page begins with the last record of the one before", ALL, _USERS, _LISTS,
           change=pages.overlapping, small_pages=True),
    _fault("expired_page_token", "a later page's token has expired, once", GOOGLE | ENTRA, _USERS, _LISTS,
           instead=pages.expired, small_pages=True, times=1),
    _fault("page_too_large", f"a page of more than {pages.TOO_LARGE} records takes too long: 500 E0000009", OKTA,
           _LISTS, instead=pages.too_large),
    _fault("changes_mid_read", "after the first page somebody is hired and somebody not yet read leaves", ALL, _USERS,
           _USERS, change=pages.change_world, small_pages=True, times=1),
)  # fmt: skip

_SHORT = (
    _fault("half", "every second person is missing from the listing, with a clean 200", ALL, _USERS, _LISTS,
           change=pages.half),
    _fault("half_members", "every second member is missing from every group, with a clean 200", ALL,
           frozenset({"members"}), change=pages.half),
    _fault("none", "the listing is empty, with a clean 200", ALL, _USERS, _LISTS, change=pages.nobody),
    _fault("missing_status", "the newest people lack their status (suspended, accountEnabled, status)", ALL,
           _USERS | {"user"}, change=pages.without_status),
    _fault("missing_list_key", "the key of the list is missing, or in Okta the list is an object", ALL, _USERS, _LISTS,
           change=pages.without_key),
    *(
        _fault(name, "the permission was narrowed: every second person and group cannot be seen, with a clean 200; "
               f"by id they are {by_id}", ALL, _API - {"other"}, instead=partial(pages.out_of_sight, refused=refused),
               change=pages.narrowed)
        for name, by_id, refused in (("narrowed", "refused with 403", no.forbidden),
                                     ("narrowed_404", "not found, like deleted ones: 404", no.not_found))
    ),
    _fault("hidden_groups", "every second group is missing from the listing of groups, with a clean 200", ALL, _GROUPS,
           change=pages.half),
    _fault("one_group_403", "one group refuses its members (the second one, or the one whose id is the route)", ALL,
           frozenset({"group", "members"}), instead=partial(pages.one_group, refused=no.forbidden)),
    _fault("one_group_404", "one listed group cannot be found (the second one, or the one whose id is the route)",
           ALL, frozenset({"group", "members"}), instead=partial(pages.one_group, refused=no.not_found)),
    _fault("group_members_empty", "one group shows no members although it has some (the second one, or the one whose "
           "id is the route)", ALL, frozenset({"members"}), change=pages.no_members),
)  # fmt: skip

_INCREMENTAL = (
    _fault("delta_410", "the state of the delta is gone: 410 with a Location to begin again", ENTRA, _DELTA,
           instead=delta.gone),
    _fault("delta_state_not_found", "the state of the delta is gone: 400 syncStateNotFound", ENTRA, _DELTA,
           instead=delta.state_not_found),
    _fault("delta_loop", "a delta round never ends: a new next link after each page", ENTRA, _DELTA,
           instead=delta.loop, change=delta.enter_loop),
    _fault("delta_replay", "a delta round brings all earlier changes again, each object twice", ENTRA, _DELTA,
           instead=delta.replay),
)  # fmt: skip

_ACCESS = (
    _fault("token_503", "the token endpoint is unavailable", ALL, _TOKEN, instead=_said(lambda: no.html("503", 503))),
    _fault("token_html", "the token endpoint answers a web page with status 200", ALL, _TOKEN,
           instead=_said(lambda: no.html("Please sign in to the network"))),
    *(
        _fault(error, text, kinds, _TOKEN, instead=no.token_refused(error))
        for error, kinds, text in (
            ("invalid_client", ALL, "the token endpoint does not know the client, or its secret has expired"),
            ("unauthorized_client", GOOGLE | ENTRA, "the token endpoint: the client may not do this"),
            ("invalid_grant", GOOGLE, "the token endpoint: the subject or the key is not valid any more"),
            ("invalid_scope", ALL, "the token endpoint does not grant the scopes"),
        )
    ),
    _fault("revoked", "the API refuses every token: 401", ALL, _API, instead=no.unauthorized),
    _fault("claims_challenge", "the API refuses a token once: 401 with claims for the next one", ENTRA, _API,
           instead=no.claims_challenge, times=1),
    _fault("forbidden", "the API refuses the permission: 403", ALL, _API, instead=no.forbidden),
)  # fmt: skip

_DIRECTORY = "https://www.googleapis.com/auth/admin.directory."
_PERMISSION = (
    *(
        _fault(f"no_{what}_permission", f"the permission to read {what} was never given: {name}", kinds, _API,
               takes=frozenset({name}))
        for what, kinds, name in (
            ("people", GOOGLE, f"{_DIRECTORY}user.readonly"),
            ("people", ENTRA, "User.Read.All"),
            ("people", OKTA, "okta.users.read"),
            ("groups", GOOGLE, f"{_DIRECTORY}group.readonly"),
            ("groups", ENTRA, "GroupMember.Read.All"),
            ("groups", OKTA, "okta.groups.read"),
        )
    ),
    _fault("no_members", "no group shows its members: 403", ALL, frozenset({"members"}), instead=no.forbidden),
    _fault("no_by_id", "nobody can be asked for by id: 403", ALL, frozenset({"user"}), instead=no.by_id),
    _fault("no_changes", "changes cannot be asked for (delta; filters by time): 403", ENTRA | OKTA, _USERS | _GROUPS,
           instead=no.changes),
    _fault("no_deleted", "deleted people cannot be looked up: 403", GOOGLE | ENTRA, _USERS | {"user", "deleted"},
           instead=no.deleted),
    _fault("no_schema", "the definitions of attributes cannot be read: 403", ALL, frozenset({"other"}),
           instead=no.forbidden),
    _fault("clock_behind", f"the directory's clock is {-CLOCK_SECONDS} s behind this machine's", ALL, _ANY,
           drift=CLOCK_SECONDS),
)  # fmt: skip

_TOO_MANY = "Quota exceeded for quota metric 'Queries' of service 'admin.googleapis.com'."
_RATE = (
    _fault("rate_429", "429 rateLimitExceeded, twice", GOOGLE, _API, _ANY, times=2,
           instead=no.google_limit(429, "rateLimitExceeded", _TOO_MANY)),
    _fault("rate_403_user", "403 userRateLimitExceeded, twice", GOOGLE, _API, _ANY, times=2,
           instead=no.google_limit(403, "userRateLimitExceeded", _TOO_MANY)),
    _fault("rate_403_quota", "403 quotaExceeded (too many at once), twice", GOOGLE, _API, _ANY, times=2,
           instead=no.google_limit(403, "quotaExceeded", _TOO_MANY)),
    *(
        _fault(name, f"429 {text}", ENTRA, _API, _ANY, times=times, instead=no.graph_limit(wait))
        for name, text, wait, times in (
            ("rate_429", "with Retry-After: 1, twice", "1", 2),
            ("rate_429_decimal", "with Retry-After: 0.128, twice", "0.128", 2),
            ("rate_429_absent", "without Retry-After, twice", "", 2),
            ("rate_429_date", "with Retry-After as a date, once", "date", 1),
            ("rate_429_long", f"with Retry-After: {no.LONG_SECONDS}, again and again", str(no.LONG_SECONDS), None),
        )
    ),
    _fault("rate_429", "429 until X-Rate-Limit-Reset, in a second, twice", OKTA, _API, _ANY, times=2,
           instead=no.okta_limit()),
    _fault("rate_429_concurrency", "429 with limit and remaining 0 (too many at once), twice", OKTA, _API, _ANY,
           times=2, instead=no.okta_limit(0)),
    _fault("near_limit", "answers say that the limit is near (x-ms-throttle-limit-percentage, X-Rate-Limit-Remaining)",
           ENTRA | OKTA, _API, change=pages.near_limit),
)  # fmt: skip

FAULTS: tuple[Fault, ...] = _WIRE + _GATEWAY + _PAGING + _SHORT + _INCREMENTAL + _ACCESS + _PERMISSION + _RATE


class FaultError(ValueError):
    """A fault cannot be switched on as asked."""


class UnknownFault(FaultError):
    """No fault of this name for this kind of directory; `known` are those that there are."""

    def __init__(self, name: str, kind: str) -> None:
        self.known = tuple(faults(kind))
        super().__init__(f"there is no fault {name!r} of {kind}; known: {', '.join(self.known)}")


def faults(kind: str) -> dict[str, Fault]:
    """The faults that fit a kind of directory, by name, in the order of the table."""
    return {fault.name: fault for fault in FAULTS if kind in fault.kinds}


def switched_on(vendor: Vendor, name: str, *, route: str = "", times: int | None = None) -> Active:
    """Switches a fault on. `times` replaces the table's own; `name` may say it too: "error_503:2".

    Raises:
        UnknownFault: there is no such fault for this kind of directory.
        FaultError: `times` is below 1 or no number.
    """
    name, _, count = name.partition(":")
    known = faults(vendor.kind)
    if name not in known:
        raise UnknownFault(name, vendor.kind)
    wanted = (int(count) if count.isdecimal() else 0) if count else times
    if wanted is not None and wanted < 1:
        raise FaultError(f"{name}: a fault strikes once or more often, not {count or times} times")
    active = Active(known[name], route, known[name].times if wanted is None else wanted)
    vendor.faults = [*vendor.faults, active]
    return active


def switched_off(vendor: Vendor, name: str = "") -> None:
    """Switches a fault off, or all of them."""
    vendor.faults = [active for active in vendor.faults if name and active.fault.name != name]


def named(wanted: str | Iterable[str]) -> list[str]:
    """One name, or several."""
    return [wanted] if isinstance(wanted, str) else list(wanted)


__all__ = ["FAULTS", "Active", "Fault", "FaultError", "UnknownFault", "faults", "named", "switched_off", "switched_on"]
