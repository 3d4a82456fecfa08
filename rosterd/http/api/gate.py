"""Before any route: whose token it is, how often it comes, how much it sends. After it: what nobody expected.

Tokens, bodies and queries are never logged.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

from connectors.scim.errors import ScimError
from reconciler.errors import StoreError
from rosterd.faults import told
from rosterd.http.api.problems import FAULT, Refusal, of_error, of_refusal, problem
from rosterd.http.app import App
from rosterd.http.bounds import Gone, Message, Receive, Scope, Send, body_of
from rosterd.http.ports import Grant, Tokens
from rosterd.http.rate import Bucket
from rosterd.http.scim import bearer, headers_of
from rosterd.logs import logger

log = logger("rosterd.http")

OPEN = "/api/openapi.json"  # it says nothing about anybody
MOST_BYTES = 256 << 10
PER_SECOND = 20.0
MOST_BUCKETS = 1000
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="rosterd"'}


class Gate:
    """An ASGI application around another one. `used` is told in a thread which tokens were used, once a minute each."""

    def __init__(
        self, app: App, tokens: Tokens, used: Callable[[Iterable[str]], None],
        clock: Callable[[], float] = time.monotonic, *, rate: float = PER_SECOND,
    ) -> None:  # fmt: skip
        self._app, self._tokens, self._used, self._clock, self._rate = app, tokens, used, clock, rate
        self._buckets: dict[str, Bucket] = {}
        self._noted: dict[str, float] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == OPEN:
            await self._app(scope, receive, send)
            return
        try:
            grant = await self._let_in(headers_of(scope).get("authorization", ""))
            body = await _body(scope, receive)
        except Gone:
            return
        except StoreError as error:
            await of_error(error)(scope, receive, send)
            return
        except Refusal as refusal:
            await of_refusal(refusal)(scope, receive, send)
            return
        scope.setdefault("state", {})["grant"] = grant
        await self._pass(scope, _replayed(body, receive), send)

    async def _let_in(self, authorization: str) -> Grant:
        """
        Raises:
            Refusal: it is no operator's token, or it comes too often.
        """
        grant = await self._tokens.grant(bearer(authorization))
        if grant is None or grant.scope is None:
            raise Refusal(401, "unauthorized", "this address needs a valid admin token", headers=CHALLENGE,
                          fix="make one with: rosterd admin-token create --scope read")  # fmt: skip
        if len(self._buckets) >= MOST_BUCKETS:
            self._buckets.clear()
        wait = self._buckets.setdefault(grant.id, Bucket(self._rate)).take(self._clock())
        if wait:
            raise Refusal(429, "too_many_requests", f"too many requests: go on in {wait} s",
                          headers={"Retry-After": str(wait)})  # fmt: skip
        self._note(grant.id)
        return grant

    def _note(self, id: str) -> None:  # noqa: A002 - of a token
        now = self._clock()
        if now - self._noted.get(id, now - 60.0) < 60.0:
            return
        self._noted[id] = now
        task = asyncio.create_task(self._kept(id))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _kept(self, id: str) -> None:  # noqa: A002
        try:
            await asyncio.to_thread(self._used, [id])
        except StoreError as error:
            said = f"when a token was used is not kept: {error}"
            log.debug("token_use_unkept", message=said, code=error.code)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:  # noqa: BLE001 - one request may not end the daemon, and its client is told so
            log.error("api_request_broke", message=f"a request of the REST API broke: {told(error)}")
            if not begun:
                await problem(500, "unexpected", FAULT)(scope, receive, send)


async def _body(scope: Scope, receive: Receive) -> bytes:
    """
    Raises:
        Refusal: there is too much of it, or it comes too slowly or encoded.
        Gone: the client went away.
    """
    headers = headers_of(scope)
    if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        raise Refusal(415, "encoded", "send the body as it is, without Content-Encoding")
    if "content-length" not in headers and "transfer-encoding" not in headers:
        return b""
    try:
        return await body_of(receive, headers.get("content-length", ""), most=MOST_BYTES)
    except ScimError as error:
        code = "too_large" if error.status == 413 else "too_slow"
        raise Refusal(error.status, code, error.detail, headers=dict(error.headers)) from error


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What was read already; after it, what the connection says."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return whole.pop() if whole else await receive()

    return replay
