"""What the three simulated vendors share on the wire: requests, answers, routes, cursors, tokens, and cached JSON.

Nothing here knows a vendor's words; how a refusal reads is each vendor's own. Cursors are keysets, not offsets: a
person who leaves between two pages shifts nobody.
"""

import asyncio
import base64
import binascii
import datetime as dt
import secrets
import time
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import parse_qsl, quote

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rosterd.simulators.strikes import Active, Strikes
from rosterd.simulators.world import Kind, UnknownError, World

encode = msgspec.json.Encoder().encode
Headers = Iterable[tuple[str, str]]
_KEPT_SHAPES = 8  # a shape is one selection of fields; connectors use a handful


@dataclass(frozen=True)
class Call:
    """One request, read whole. `base` is the simulator's own address as the client wrote it; `query` holds every
    parameter, `repeated` those that came more than once."""

    method: str
    base: str
    path: str
    route: Mapping[str, str]
    query: dict[str, str]
    repeated: frozenset[str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body of a token request."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def link(self, query: Mapping[str, str], safe: str = "") -> str:
        """The absolute address of this resource with other parameters."""
        pairs = "&".join(f"{quote(k, safe='$')}={quote(v, safe=safe)}" for k, v in query.items())
        return f"{self.base}{self.path}?{pairs}" if pairs else f"{self.base}{self.path}"


def answer(
    body: bytes | object, *, status: int = 200, headers: Headers = (), media: str = "application/json"
) -> Response:
    """A JSON answer; `bytes` are sent as they are. A header may appear twice (Okta's `link`)."""
    content = body if isinstance(body, bytes) else encode(body)
    response = Response(content, status, media_type=media)
    response.raw_headers.extend((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    return response


def http_date(moment: dt.datetime) -> str:
    """RFC 9110 §5.6.7."""
    return format_datetime(moment.astimezone(dt.UTC), usegmt=True)


class Refusal(Exception):
    """Ends the handling of a request with the answer it carries."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


Handler = Callable[[Call], Response]


class Endpoint(NamedTuple):
    """One row of a vendor's table of routes."""

    method: str
    path: str
    handler: Handler
    token: bool = False  # counted with the token requests, and not asked for a bearer token
    # "users", "user", "groups", "group", "members", "membership" (one, by id), "deleted", "users_delta", "groups_delta"
    holds: str = "other"

    @property
    def content(self) -> str:
        """What a fault goes by (strikes.py)."""
        return "token" if self.token else self.holds


@dataclass
class Tokens:
    """Access tokens that were handed out, with their scopes; they live for `life` seconds."""

    life: float = 3600.0
    _issued: dict[str, tuple[frozenset[str], float]] = field(default_factory=dict, repr=False)

    def issue(self, scopes: Iterable[str] = (), *, form: str = "") -> str:
        """A new token; `form` is what it begins with."""
        token = form + secrets.token_urlsafe(32)
        self._issued[token] = (frozenset(scopes), time.monotonic() + self.life)
        return token

    def scopes(self, token: str) -> frozenset[str] | None:
        """None when the token is unknown or has expired."""
        scopes, until = self._issued.get(token, (frozenset(), 0.0))
        return scopes if time.monotonic() < until else None

    def revoke(self) -> None:
        """Makes every token that was handed out invalid."""
        self._issued.clear()


class Vendor(ABC):
    """One simulated directory API over a world; `app` is what a server runs.

    `granted` is what the customer's admin allowed the client to do (scopes or application permissions).
    """

    kind: ClassVar[Kind]
    sensitive_key: ClassVar[str]  # the configuration key that holds the secret
    all_grants: ClassVar[frozenset[str]]

    def __init__(self, world: World, *, latency: float = 0.0) -> None:
        self.world = world
        self.latency = latency  # seconds every answer waits
        self.granted = set(self.all_grants)
        self.tokens = Tokens()
        self.requests: Counter[str] = Counter()  # "GET /api/v1/users" → how often
        self.token_requests: Counter[str] = Counter()
        self.listings = Listings(world)
        self.shapes = Shapes(world)
        self.faults: list[Active] = []  # those that are on (faults.py)
        self.small_pages = False  # of the request at hand
        self.flying = 0  # requests that came and are not answered yet

    @property
    def taken(self) -> frozenset[str]:
        """Grants that a fault takes away."""
        return frozenset[str]().union(*(active.fault.takes for active in self.faults if active.left != 0))

    @property
    def allowed(self) -> frozenset[str]:
        """What the client may do now."""
        return frozenset(self.granted) - self.taken

    @property
    def drift(self) -> float:
        """Seconds that this directory's clock is ahead of ours."""
        return sum(active.fault.drift for active in self.faults if active.left != 0)

    @property
    def now(self) -> dt.datetime:
        """What the directory's clock says: the `Date` header of an answer."""
        return self.world.now + dt.timedelta(seconds=self.drift)

    @classmethod
    @abstractmethod
    def opened(cls, world: World, *, latency: float = 0.0) -> Self:
        """The API over a world, with the world's credentials, or new ones."""

    @abstractmethod
    def keys(self, url: str) -> dict[str, str]:
        """What a `[[directory]]` of this kind says besides its secret, when the API is served at `url`."""

    @abstractmethod
    def credentials(self, url: str) -> dict[str, Any]:
        """What a client needs to come in; made once per world."""

    @abstractmethod
    def endpoints(self) -> Sequence[Endpoint]: ...

    @abstractmethod
    def unknown_parameter(self, name: str) -> Refusal:
        """Stricter than some vendors, which ignore a misspelt parameter: nobody would notice the mistake."""

    @abstractmethod
    def not_found(self, what: str) -> Refusal: ...

    @abstractmethod
    def admit(self, call: Call, row: Endpoint) -> None:
        """Refuses a call that carries no valid token, or one call too many."""

    @abstractmethod
    def finish(self, response: Response) -> None:
        """Adds the headers that this vendor puts on every answer."""

    def only(self, call: Call, *allowed: str) -> dict[str, str]:
        """The query, refused if it holds a parameter that this route does not have, or one twice."""
        for name in call.query:
            if name not in allowed or name in call.repeated:
                raise self.unknown_parameter(name)
        return call.query

    def page(self, listing: "Listing", after: int, limit: int) -> tuple[list[str], int | None]:
        """`Listing.page`; a fault may want three pages where one would do."""
        return listing.page(after, min(limit, max(1, -(-len(listing.ids) // 3))) if self.small_pages else limit)

    def starlette(self, *extra: Route) -> Starlette:
        """The application, with `extra` routes (the control door) in front; `wire.exposed` makes it able to break."""
        routes = [Route(e.path, self._endpoint(e), methods=[e.method]) for e in self.endpoints()]
        lost = Endpoint("GET", "(no such route)", self._no_such_route)
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(routes=[*extra, *routes, Route("/{path:path}", self._endpoint(lost), methods=methods)])

    def _no_such_route(self, call: Call) -> Response:
        raise self.not_found(f"{call.method} {call.path}")

    def _endpoint(self, row: Endpoint) -> Callable[[Request], Any]:
        label = f"{row.method} {row.path}"
        counter = self.token_requests if row.token else self.requests

        async def handle(request: Request) -> Response:
            counter[label] += 1
            self.flying += 1
            try:
                return await self._handle(row, request)
            finally:
                self.flying -= 1

        return handle

    async def _handle(self, row: Endpoint, request: Request) -> Response:
        if self.latency:
            await asyncio.sleep(self.latency)
        call = _call(request, await request.body())
        strikes = Strikes(self, row, call)
        if seconds := strikes.seconds:
            await asyncio.sleep(seconds)
        with self.world.lock:
            response = self._respond(row, call, strikes)
        self.finish(response)
        return strikes.sent(response)

    def _respond(self, row: Endpoint, call: Call, strikes: Strikes) -> Response:
        self.small_pages = strikes.small_pages
        try:
            self.admit(call, row)
            return strikes.changed(strikes.instead() or row.handler(call))
        except Refusal as refusal:
            return refusal.response
        except UnknownError as exc:
            return self.not_found(exc.key).response


def _call(request: Request, body: bytes) -> Call:
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query = dict(pairs)
    counts = Counter(name for name, _ in pairs) if len(query) < len(pairs) else Counter[str]()
    repeated = frozenset(name for name, count in counts.items() if count > 1)
    base = f"http://{request.headers.get('host', '127.0.0.1')}"
    path = quote(request.scope["path"], safe="/:@$()'")
    return Call(request.method, base, path, request.path_params, query, repeated, request.headers, body)


# -- listings -----------------------------------------------------------------------------------------------------


class Listing(NamedTuple):
    """Ids in the order of their numbers."""

    numbers: list[int]
    ids: list[str]

    def page(self, after: int, limit: int) -> tuple[list[str], int | None]:
        """At most `limit` ids behind the number `after`, and the number to go on from, None at the end."""
        start = bisect_right(self.numbers, after)
        end = start + limit
        return self.ids[start:end], self.numbers[end - 1] if end < len(self.numbers) else None


class Listings:
    """Listings made once per state of the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._revision = -1
        self._made: dict[Hashable, Listing] = {}

    def get(self, key: Hashable, pairs: Callable[[], Iterable[tuple[int, str]]]) -> Listing:
        """`pairs` yields (number, id) with growing numbers."""
        if self._revision != self._world.revision:
            self._made.clear()
            self._revision = self._world.revision
        if key not in self._made:
            rows = list(pairs())
            self._made[key] = Listing([number for number, _ in rows], [i for _, i in rows])
        return self._made[key]


def cursor(number: int) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(f"after:{number}".encode()).decode().rstrip("=")


def position(text: str) -> int | None:
    """The number in a cursor; None if it is none of ours."""
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    word, _, number = plain.partition(":")
    return int(number) if word == "after" and number.isdecimal() else None


# -- cached JSON --------------------------------------------------------------------------------------------------


class Shape:
    """The encoded JSON of people or groups in one selection of fields, kept until they change."""

    def __init__(self, world: World, render: Callable[[str], object]) -> None:
        self._world = world
        self._render = render
        self._known: dict[str, bytes] = {}
        self._read = world.revision

    def join(self, object_ids: list[str]) -> bytes:
        """The objects, separated by commas."""
        self._forget_changed()
        known = self._known
        try:
            return b",".join([known[i] for i in object_ids])
        except KeyError:
            for i in object_ids:
                if i not in known:
                    known[i] = encode(self._render(i))
            return b",".join([known[i] for i in object_ids])

    def _forget_changed(self) -> None:
        changes = self._world.changes
        for i in changes[self._read :]:
            self._known.pop(i, None)
        self._read = len(changes)


class Shapes:
    """The shapes in use; the one that was not asked for longest goes when there are too many."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made: dict[Hashable, Shape] = {}

    def get(self, key: Hashable, render: Callable[[str], object]) -> Shape:
        shape = self._made.pop(key, None) or Shape(self._world, render)
        self._made[key] = shape  # now the youngest
        if len(self._made) > _KEPT_SHAPES:
            del self._made[next(iter(self._made))]
        return shape
