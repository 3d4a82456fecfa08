"""The SCIM endpoint as an ASGI application: who may come in, how often, with how much; then the listener answers.

A thin one, because this is the hot path. What a request means is not here (connectors/scim), nor how what it changed
is kept (store). Tokens, bodies and queries are never logged.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from connectors.scim.errors import ScimError
from connectors.scim.exchange import refused
from connectors.scim.listener import Listener, Request, Response
from reconciler.errors import StoreError
from rosterd.faults import told
from rosterd.http.bounds import Gone, Receive, Scope, Send, body_of, respond
from rosterd.http.ports import Grant, Hearing, Tokens, Transactions
from rosterd.http.rate import Bucket
from rosterd.http.recorder import Recorder
from rosterd.logs import logger
from store.database import REFUSED_VALUE

log = logger("rosterd.http")

PREFIX = "/scim/v2/"
READ = frozenset({"accept", "authorization", "content-encoding", "content-length", "content-type", "if-match",
                  "if-none-match", "prefer", "transfer-encoding"})  # fmt: skip
PASSED = ("accept", "content-type", "if-match", "if-none-match", "prefer")
BUSY_SECONDS = "5"
SAY_AGAIN = 600.0  # seconds until the log names the next request that the store refuses
# One comparison by what resources are found by; what follows an `and` only narrows that.
LOOKED_UP = re.compile(
    r"\s*(?:[\w:.]+:)?(?:userName|externalId|id|displayName|emails(?:\.value|\[type eq \"\w+\"\]\.value)?)\s+eq\s+\S"
    r"(?!.*\sor\s)", re.IGNORECASE,
)  # fmt: skip


@dataclass
class Door:
    """One directory as it is served. `listener` makes the one for a label ("": none); they are few and kept."""

    directory: str
    listener: Callable[[str], Listener]
    bucket: Bucket
    recorder: Recorder | None = None
    listeners: dict[str, Listener] = field(default_factory=dict)

    def listening(self, label: str) -> Listener:
        """The listener whose addresses have this label in them."""
        if label not in self.listeners:
            self.listeners[label] = self.listener(label)
        return self.listeners[label]


@dataclass
class Visit:
    """A request that was let in."""

    door: Door
    grant: Grant
    listener: Listener
    request: Request


class Outage:
    """What the log says of requests that the store refuses: the first, now and then another, and how many they were
    once one is taken. Clients come again at once, some a hundred times a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._refused, self._writes, self._said = 0, False, 0.0

    def met(self, error: StoreError, *, writes: bool) -> None:
        """A request was refused that reads, or that writes."""
        again = self._refused and self._clock() - self._said < SAY_AGAIN
        said = f"SCIM requests have to be sent again: {error.whole}"
        log.log(logging.DEBUG if again else logging.WARNING, "scim_request_refused", message=said, code=error.code)
        self._said = self._said if again else self._clock()
        self._refused, self._writes = self._refused + 1, self._writes or writes

    def over(self, *, writes: bool) -> None:
        """One was taken: where writes were refused, reads say nothing about it. A full disk can be read."""
        if self._refused and (writes or not self._writes):
            said = f"SCIM requests are taken again: {self._refused:,} had to be sent again"
            log.info("scim_requests_taken", message=said, refused=self._refused)
            self._refused, self._writes = 0, False


class ScimEndpoint:
    """Answers everything below /scim/v2/."""

    def __init__(
        self, doors: Mapping[str, Door], tokens: Tokens, transactions: Transactions, *, hearing: Hearing,
        changed: Callable[[str], None], now: Callable[[], str], clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._doors, self._tokens, self._transactions = doors, tokens, transactions
        self._hearing, self._changed, self._now, self._clock = hearing, changed, now, clock
        self._outage = Outage(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        visit: Visit | None = None
        try:
            visit = await self._let_in(scope, headers, receive)
            response = await self._answered(visit)
        except Gone:
            return
        except ScimError as error:
            response = refused(error, headers.get("accept", ""))
        except StoreError as error:
            response = refused(self._of_store(error, visit), headers.get("accept", ""))
        except Exception as error:  # noqa: BLE001 - one request may not end the daemon, and its client is told so
            log.error("scim_request_broke", message=f"a SCIM request broke: {told(error)}")
            response = refused(ScimError(500, "this is a fault of rosterd's, which its log tells more about"))
        if visit is not None:
            self._note(visit, response)
        try:
            await respond(send, response.status, response.body, response.headers)
        except TimeoutError:  # the server closes a connection whose answer did not get through
            log.warning("scim_answer_unread", message="a SCIM client did not read its answer")

    async def _let_in(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Visit:
        """
        Raises:
            ScimError: it may not come in, not now, or not with so much.
        """
        directory, slash, below = scope["path"].removeprefix(PREFIX).partition("/")
        grant = await self._tokens.grant(bearer(headers.get("authorization", "")))
        door = self._doors.get(directory)
        # Whether the directory is unknown, or the token or another's, is for nobody outside to know.
        if grant is None or door is None or grant.directory != directory or not scope["path"].startswith(PREFIX):
            raise _unauthorized()
        if wait := door.bucket.take(self._clock()):
            raise _too_often(wait)
        if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            raise ScimError(415, "send the body as it is, without Content-Encoding")
        path, label = _below(slash + below, grant.label)
        body = b""
        if "content-length" in headers or "transfer-encoding" in headers:
            body = await body_of(receive, headers.get("content-length", ""))
        method = "GET" if scope["method"] == "HEAD" else scope["method"]  # the server leaves out what a HEAD leaves out
        request = Request(
            method, path, _query(scope["query_string"]),
            {name: headers[name] for name in PASSED if name in headers}, body,
        )  # fmt: skip
        return Visit(door, grant, door.listening(label), request)

    async def _answered(self, visit: Visit) -> Response:
        listener, request, directory = visit.listener, visit.request, visit.door.directory
        moment = self._now()
        if not listener.writes(request):
            response = await self._transactions.read(
                directory, lambda resources: listener.answer(request, resources, moment), quick=quick(request)
            )
            self._outage.over(writes=False)
            return response
        response = await self._transactions.write(
            directory, lambda resources: listener.answer(request, resources, moment)
        )
        self._outage.over(writes=True)
        if response.changed:
            self._changed(directory)
        return response

    def _of_store(self, error: StoreError, visit: Visit | None) -> ScimError:
        """A text that no database keeps is the client's fault. Anything else passes: after a 400 Okta never tries
        again."""
        if error.code == REFUSED_VALUE:
            return ScimError(400, "a text holds a character that cannot be kept: NUL, or half of one", "invalidValue")
        self._outage.met(error, writes=visit is not None and visit.listener.writes(visit.request))
        again = (("Retry-After", BUSY_SECONDS),)
        return ScimError(503, "rosterd cannot write just now: send it again", headers=again)

    def _note(self, visit: Visit, response: Response) -> None:
        self._hearing.heard(visit.grant, response)
        if visit.door.recorder is not None:
            visit.door.recorder.note(visit.request, response, self._now())


def quick(request: Request) -> bool:
    """Whether an index or a page's bound serves a read. What is slow and taken for quick is only that: slow."""
    if request.method == "POST":
        return False
    asked = {name.lower(): value for name, value in request.query}
    return "sortby" not in asked and ("filter" not in asked or LOOKED_UP.match(asked["filter"]) is not None)


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers that matter; of one that is sent twice, the first."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if (text := name.decode("latin-1")) in READ:
            found.setdefault(text, value.decode("latin-1"))
    return found


def bearer(authorization: str) -> str:
    """The token of an Authorization header: after the word Bearer in any case, or alone (one provider's screen sends
    what was pasted, and nothing else)."""
    word, space, token = authorization.strip().partition(" ")
    if not space:
        return word
    return token.strip() if word.lower() == "bearer" else ""


def _below(path: str, label: str) -> tuple[str, str]:
    """The path below the directory without the token's own label, and that label if it stood there."""
    if label and (path == f"/{label}" or path.startswith(f"/{label}/")):
        return path.removeprefix(f"/{label}") or "/", label
    return path or "/", ""


def _query(text: bytes) -> tuple[tuple[str, str], ...]:
    """The query; a parameter without a value (Entra's feature flags) and a lone & (OneLogin) are no harm."""
    if not text:
        return ()
    return tuple(parse_qsl(text.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace"))


def _unauthorized() -> ScimError:
    challenge = (("WWW-Authenticate", 'Bearer realm="rosterd"'),)
    return ScimError(401, "this address needs a valid token of its directory: rosterd token create", headers=challenge)


def _too_often(seconds: int) -> ScimError:
    return ScimError(429, f"too many requests: go on in {seconds} s", headers=(("Retry-After", str(seconds)),))
