"""The control door: `/_control` on every simulator, for loopback clients only, to change the world and count requests.

    POST /_control/world            {"op": "hire", "given_name": "Ada", …}, or a list of such; answers what came of each
    GET  /_control/world            a summary
    GET  /_control/requests         {"api": {"GET /api/v1/users": 3}, "token": {"POST /oauth2/v1/token": 1}}
    POST /_control/reset-counters

Operations are the change methods of `World` under their own names, with their own parameters, and a few that change the
access or switch a drill on and off (`ACCESS`). A list is applied in order; it stops at the first that fails, and those
before it stay applied.
"""

import inspect
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rosterd.simulators import faults
from rosterd.simulators.web import Vendor, answer
from rosterd.simulators.world import Group, Person, UnknownError, World

CHANGES = ("hire", "suspend", "resume", "delete", "purge", "set_status", "rename", "set_attribute", "add_group",
           "delete_group", "rename_group", "join", "leave")  # fmt: skip
_LOOPBACK = ("127.0.0.1", "::1")


def grant(vendor: Vendor, name: str) -> None:
    """The customer's admin grants a scope or permission."""
    vendor.granted.add(name)


def revoke_grant(vendor: Vendor, name: str) -> None:
    """The customer's admin takes a scope or permission away; tokens that were issued keep what they hold."""
    vendor.granted.discard(name)


def revoke_tokens(vendor: Vendor) -> None:
    """Every token issued so far stops working."""
    vendor.tokens.revoke()


def fault(vendor: Vendor, name: str, route: str = "", times: int | None = None) -> None:
    """Switches a drill on (faults.py)."""
    faults.switched_on(vendor, name, route=route, times=times)


def no_fault(vendor: Vendor, name: str = "") -> None:
    """Switches one drill off, or all."""
    faults.switched_off(vendor, name)


ACCESS: dict[str, Callable[..., None]] = {
    "grant": grant,
    "revoke_grant": revoke_grant,
    "revoke_tokens": revoke_tokens,
    "fault": fault,
    "no_fault": no_fault,
}


class OperationError(ValueError):
    """The request at the door makes no sense; the text says why."""


def operate(vendor: Vendor, operation: dict[str, Any]) -> dict[str, str]:
    """Applies one operation and says which person or group it was about.

    Raises:
        OperationError: no such operation, parameter, person or group, or a change that cannot be.
    """
    name = operation.get("op")
    given = {key: value for key, value in operation.items() if key != "op"}
    if name in CHANGES:
        function: Callable[..., object] = getattr(vendor.world, str(name))
    elif name in ACCESS:
        function = partial(ACCESS[str(name)], vendor)
    else:
        raise OperationError(f"unknown op {name!r}; known: {', '.join((*CHANGES, *ACCESS))}")
    try:
        changed = function(**_arguments(function, given))
    except (TypeError, ValueError, UnknownError, msgspec.ValidationError) as exc:
        raise OperationError(f"{name}: {exc}") from exc
    if isinstance(changed, Person):
        return {"op": str(name), "id": changed.id, "email": changed.email, "status": changed.status}
    return (
        {"op": str(name), "id": changed.id, "name": changed.name} if isinstance(changed, Group) else {"op": str(name)}
    )


def _arguments(function: Callable[..., object], given: dict[str, Any]) -> dict[str, Any]:
    """The parameters, held against the signature.

    Raises:
        TypeError: one is missing or unknown.
        msgspec.ValidationError: one has the wrong type.
    """
    signature = inspect.signature(function)
    signature.bind(**given)
    return {name: msgspec.convert(value, signature.parameters[name].annotation) for name, value in given.items()}


def summary(world: World) -> dict[str, Any]:
    """Counts by status and by group."""
    return {
        "kind": world.kind,
        "domain": world.domain,
        "tenant": world.tenant,
        "revision": world.revision,
        "people": len(world.people),
        "statuses": dict(Counter(person.status for person in world.people.values())),
        "groups": {group.name: len(group.members) for group in world.groups.values()},
    }


def routes(vendor: Vendor) -> list[Route]:
    """The door's routes; not counted as API requests."""

    async def change(request: Request) -> Response:
        try:
            body = msgspec.json.decode(await request.body(), type=list[dict[str, Any]] | dict[str, Any])
            with vendor.world.lock:
                results = [operate(vendor, operation) for operation in (body if isinstance(body, list) else [body])]
        except (msgspec.DecodeError, OperationError) as exc:
            return answer({"error": str(exc)}, status=400)
        return answer({"results": results, "revision": vendor.world.revision})

    async def show(_: Request) -> Response:
        with vendor.world.lock:
            on = [active.fault.name for active in vendor.faults if active.left != 0]
            return answer({**summary(vendor.world), "faults": on})

    async def count(_: Request) -> Response:
        return answer({"api": dict(vendor.requests), "token": dict(vendor.token_requests)})

    async def reset(_: Request) -> Response:
        vendor.requests.clear()
        vendor.token_requests.clear()
        return answer({})

    doors = {
        ("POST", "world"): change,
        ("GET", "world"): show,
        ("GET", "requests"): count,
        ("POST", "reset-counters"): reset,
    }
    return [Route(f"/_control/{path}", _local(door), methods=[method]) for (method, path), door in doors.items()]


def _local(door: Callable[[Request], Any]) -> Callable[[Request], Any]:
    async def guarded(request: Request) -> Response:
        if request.client is None or request.client.host not in _LOOPBACK:
            return answer({"error": "the control door answers loopback clients only"}, status=403)
        response: Response = await door(request)
        return response

    return guarded
