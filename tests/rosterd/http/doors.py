"""The SCIM endpoint over a listener that says what it was asked: bounds, tokens and rates without SCIM and a store."""

from collections.abc import Callable
from typing import Any

import httpx
import msgspec

from connectors.scim.listener import Endpoint, Listener, Request, Response
from connectors.scim.ports import Resources
from rosterd.http.ports import Grant, Work
from rosterd.http.rate import Bucket
from rosterd.http.scim import Door, ScimEndpoint

NOW = "2026-11-21T10:00:00.000Z"
ACME, OTHER, LABELLED = "rosterd_acme", "rosterd_other", "rosterd_labelled"
GRANTS = {
    ACME: Grant("a1", "acme-scim"),
    OTHER: Grant("o1", "other-scim"),
    LABELLED: Grant("l1", "acme-scim", "entra"),
}


class Echo(Listener):
    """Answers with what it was asked; a POST changed something."""

    def answer(self, request: Request, resources: Resources, now: str) -> Response:  # noqa: ARG002
        asked = {
            "method": request.method, "path": request.path, "query": request.query, "headers": dict(request.headers),
            "size": len(request.body), "base": self.endpoint.base, "now": now,
        }  # fmt: skip
        return Response(200, msgspec.json.encode(asked), changed=request.method == "POST")


class Failing(Echo):
    """Raises what it was given."""

    error: Exception = ValueError("ada@acme.com")

    def answer(self, request: Request, resources: Resources, now: str) -> Response:  # noqa: ARG002
        raise self.error


class KnownTokens:
    """A few tokens."""

    async def grant(self, token: str) -> Grant | None:
        return GRANTS.get(token)


class Straight:
    """Does the work at once, with nothing to work on; counts."""

    def __init__(self) -> None:
        self.reads = self.writes = 0
        self.quick: list[bool] = []

    async def read(self, directory: str, work: Work, *, quick: bool) -> Response:  # noqa: ARG002 - the protocol's argument
        self.reads += 1
        self.quick.append(quick)
        return self._done(work)

    async def write(self, directory: str, work: Work) -> Response:  # noqa: ARG002 - the protocol's argument
        self.writes += 1
        return self._done(work)

    def _done(self, work: Work) -> Response:
        nothing: Any = None
        return work(nothing)


class Heard:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.all: list[tuple[str, int]] = []

    def heard(self, grant: Grant, response: Response) -> None:
        self.all.append((grant.directory, response.status))


class Doors:
    """Two directories behind one endpoint."""

    def __init__(
        self, listener: type[Listener] = Echo, *, rate: float = 100.0, clock: Callable[[], float] = lambda: 0.0
    ):
        self.transactions, self.heard = Straight(), Heard()
        self.changed: list[str] = []
        self.doors = {name: self._door(name, listener, rate) for name in ("acme-scim", "other-scim")}
        self.endpoint = ScimEndpoint(
            self.doors, KnownTokens(), self.transactions, hearing=self.heard, changed=self.changed.append,
            now=lambda: NOW, clock=clock,
        )  # fmt: skip

    def _door(self, name: str, listener: type[Listener], rate: float) -> Door:
        def made(label: str) -> Listener:
            base = f"https://sync.example.com/scim/v2/{name}" + (f"/{label}" if label else "")
            return listener(Endpoint(name, base), lambda: "id")

        return Door(name, made, Bucket(rate))

    async def ask(self, method: str, path: str, token: str | None = f"Bearer {ACME}", **more: Any) -> httpx.Response:
        """One request."""
        headers = {**({} if token is None else {"Authorization": token}), **more.pop("headers", {})}
        transport = httpx.ASGITransport(self.endpoint)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, headers=headers, **more)
