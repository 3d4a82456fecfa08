"""An identity provider that calls the listener: one directory in memory, requests as one-liners."""

from collections.abc import Iterable
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from connectors.scim.dialects import dialect
from connectors.scim.exchange import SCIM_JSON, Endpoint, Request, Response
from connectors.scim.listener import Listener
from connectors.scim.schema import ENTERPRISE, GROUP, USER
from reconciler.model import Observation
from tests.connectors.scim.memory import Memory

BASE = "https://sync.example.com/scim/v2/acme-scim"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
NOW = "2026-11-21T08:{:02d}:{:02d}.000Z"


class Answer:
    """A response as a client sees it, and what it did."""

    def __init__(self, response: Response, told: list[Observation], read: list[str]) -> None:
        self.status, self.changed, self.leniencies = response.status, response.changed, response.leniencies
        self.headers = dict(response.headers)
        self.text = response.body
        self.json: Any = msgspec.json.decode(response.body) if response.body else None
        self.told, self.read = told, read

    @property
    def id(self) -> str:
        """The id of the one resource."""
        assert self.status in {200, 201}, self.text
        return str(self.json["id"])

    @property
    def scim_type(self) -> str:
        """The scimType of a refusal, which has the body of one."""
        assert self.status >= 400, self.status
        assert self.json["schemas"] == [ERROR]
        assert self.json["status"] == str(self.status)
        assert self.json["detail"]
        assert not self.changed
        return str(self.json.get("scimType", ""))

    @property
    def ids(self) -> list[str]:
        """The ids of a list."""
        assert self.status == 200, self.text
        return [each["id"] for each in self.json["Resources"]]

    @property
    def names(self) -> list[str]:
        """The names of a list's resources."""
        assert self.status == 200, self.text
        return [each.get("userName") or each["displayName"] for each in self.json["Resources"]]


class Client:
    """A directory, and its client. Every request comes a second after the one before."""

    def __init__(self, dialect_name: str = "generic", *, strict: bool = False, attributes: Iterable[str] = ()) -> None:
        self.memory = Memory(unique_groups=dialect(dialect_name, strict=strict).unique_groups)
        ids = count(1)
        endpoint = Endpoint("acme-scim", BASE, dialect_name, strict, frozenset(attributes))
        self.listener = Listener(endpoint, lambda: f"{next(ids):08d}-scim")
        self.strict = strict
        self._seconds = count(1)

    def ask(self, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        """Any request; `target` has a query behind its question mark, `body` is JSON unless it is bytes."""
        path, _, query = target.partition("?")
        sent = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named.setdefault("content-type", SCIM_JSON)
        request = Request(method, path, tuple(parse_qsl(query, keep_blank_values=True)), named, sent)
        seconds = next(self._seconds)
        self.memory.told, self.memory.read = [], []
        response = self.listener.answer(request, self.memory, NOW.format(*divmod(seconds, 60)))
        return Answer(response, self.memory.told, self.memory.read)

    def get(self, target: str, **headers: str) -> Answer:
        return self.ask("GET", target, **headers)

    def post(self, target: str, body: Any, **headers: str) -> Answer:
        return self.ask("POST", target, body, **headers)

    def put(self, target: str, body: Any, **headers: str) -> Answer:
        return self.ask("PUT", target, body, **headers)

    def patch(self, target: str, *operations: Any, **headers: str) -> Answer:
        """A PatchOp of these operations."""
        return self.ask("PATCH", target, {"schemas": [PATCH_OP], "Operations": list(operations)}, **headers)

    def delete(self, target: str, **headers: str) -> Answer:
        return self.ask("DELETE", target, **headers)

    def user(self, name: str = "ada", **attributes: Any) -> str:
        """A user who is there; the id."""
        return self.post("/Users", person(name, **attributes)).id

    def group(self, name: str = "Eng", *members: str) -> str:
        """A group that is there; the id."""
        return self.post("/Groups", team(name, *members)).id

    def members(self, group: str) -> list[str]:
        """The ids of its members, as a client sees them."""
        return [each["value"] for each in self.get(f"/Groups/{group}").json.get("members", [])]


def person(name: str = "ada", **attributes: Any) -> dict[str, Any]:
    """A User as a client sends it."""
    urns = [USER, *(each for each in attributes if each.startswith("urn:"))]
    return {"schemas": urns, "userName": f"{name}@acme.com", **attributes}


def team(name: str = "Eng", *members: str, **attributes: Any) -> dict[str, Any]:
    """A Group as a client sends it."""
    linked = {"members": [{"value": each} for each in members]} if members else {}
    return {"schemas": [GROUP], "displayName": name, **linked, **attributes}


def op(op: str, path: str = "", value: Any = None, **more: Any) -> dict[str, Any]:
    """An operation of a PATCH; None is no value."""
    told = {"op": op} | ({"path": path} if path else {}) | ({} if value is None else {"value": value})
    return told | more


__all__ = ["BASE", "ENTERPRISE", "ERROR", "GROUP", "PATCH_OP", "USER", "Answer", "Client", "op", "person", "team"]
