"""Bulk: many operations in one request, which may name what others of them make (RFC 7644 §3.7).

Every operation is done whole or not at all, and one that is refused does not undo the others. How they follow each
other is sequence.py.
"""

from collections.abc import Callable, Mapping
from typing import Any

from connectors.scim import groups, users
from connectors.scim.call import Call, member
from connectors.scim.errors import ScimError, error_object
from connectors.scim.etags import etag
from connectors.scim.exchange import Response
from connectors.scim.limits import LARGEST_BULK, MOST_OPERATIONS
from connectors.scim.messages import BULK, BULK_ANSWER
from connectors.scim.outcome import Outcome
from connectors.scim.represent import location
from connectors.scim.routing import Target, target
from connectors.scim.sequence import MARK, Sequence, Step, names_in, resolved
from reconciler.query import Kind

_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_DOERS: dict[Kind, Any] = {"User": users, "Group": groups}


def answer(call: Call) -> Response:
    """POST /Bulk: 200, with what became of each operation that was tried, in the order of the request."""
    told, most_errors = _read(call)
    steps = [_step(call, place, each) for place, each in enumerate(told)]
    run = Sequence(steps)
    errors = 0
    for step in run.in_order():
        step.answer = _tried(call, run, step)
        errors += step.failed
        if most_errors and errors >= most_errors:
            break
    for step in steps:
        if step.loose and step.done:
            _tie(call, run, step)
    answers = [step.answer for step in steps if step.answer is not None]
    changed = any(step.changed for step in steps)
    return call.response(200, {"schemas": [BULK_ANSWER], "Operations": answers}, changed=changed)


def _read(call: Call) -> tuple[list[Any], int]:
    """The operations, and after how many errors to stop (0: never).

    Raises:
        ScimError: 413, 400 invalidSyntax.
    """
    if len(call.request.body) > LARGEST_BULK:
        raise ScimError(413, f"a Bulk request has {LARGEST_BULK:,} bytes at most (maxPayloadSize)")
    sent = call.body()
    if call.strict and BULK not in (sent.get("schemas") or ()):
        raise ScimError(400, f"schemas has to be [{BULK!r}]", "invalidSyntax")
    told = member(sent, "Operations", strict=call.strict)
    if not isinstance(told, list):
        raise ScimError(400, "a Bulk request needs Operations: a list", "invalidSyntax")
    if len(told) > MOST_OPERATIONS:
        raise ScimError(413, f"a Bulk request has {MOST_OPERATIONS:,} operations at most (maxOperations)")
    most = member(sent, "failOnErrors", strict=call.strict)
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 0):
        raise ScimError(400, "failOnErrors has to be a number from 0", "invalidValue")
    return told, most or 0


def _step(call: Call, place: int, told: Any) -> Step:
    said: Mapping[str, Any] = told if isinstance(told, dict) else {}
    method, path, bulk_id, version = (
        value if isinstance(value := member(said, name, strict=call.strict), str) else ""
        for name in ("method", "path", "bulkId", "version")
    )
    method = method if call.strict else method.upper()
    sent = member(said, "data", strict=call.strict)
    step = Step(place, method, path, bulk_id, version, sent, names=names_in((path, sent)))
    if method == "POST":
        step.id = call.new_id()
    return step


def _tried(call: Call, run: Sequence, step: Step) -> dict[str, Any]:
    try:
        outcome = _done(call, run, step)
    except ScimError as error:
        return _refusal(call, step, error)
    step.done, step.changed = True, outcome.changed
    told = _told(step) | {"location": location(call, step.kind, step.id), "status": str(outcome.status)}
    if outcome.resource is not None:
        told["version"] = etag(outcome.resource)
    return told


def _refusal(call: Call, step: Step, error: ScimError) -> dict[str, Any]:
    step.failed, step.done = True, False
    place = {} if step.method == "POST" else {"location": f"{call.endpoint.base}{step.path}"}
    response = error_object(error.status, error.detail, error.scim_type)
    return _told(step) | place | {"status": str(error.status), "response": response}


def _told(step: Step) -> dict[str, Any]:
    return {"method": step.method} | ({"bulkId": step.bulk_id} if step.bulk_id else {})


def _done(call: Call, run: Sequence, step: Step) -> Outcome:
    """Raises:
    ScimError: the operation is refused; nothing of it was done.
    """
    if step.method not in _METHODS:
        raise ScimError(400, f"method is one of {', '.join(sorted(_METHODS))}, not {step.method!r}", "invalidSyntax")
    if step.method == "POST" and call.strict and not step.bulk_id:
        raise ScimError(400, "a POST needs a bulkId", "invalidSyntax")
    ids = run.ids_for(step)
    found = _target(call, str(resolved(step.path, ids)), step.method)
    step.kind = found.kind or "User"
    sent = resolved(step.sent, ids)
    if step.method != "DELETE" and not isinstance(sent, dict):
        raise ScimError(400, f"a {step.method} needs data: an object", "invalidSyntax")
    doer = _DOERS[step.kind]
    if step.method == "POST":
        made: Outcome = doer.create(call, step.id, _held_back(step, sent, run))
        return made
    step.id = found.id
    if step.method == "DELETE":
        gone: Outcome = doer.delete(call, step.id, step.version)
        return gone
    change: Callable[..., Outcome] = doer.replace if step.method == "PUT" else doer.patch
    return change(call, step.id, sent, step.version)


def _target(call: Call, path: str, method: str) -> Target:
    found = target(path, strict=call.strict)
    if found.shape != ("kind" if method == "POST" else "resource"):
        raise ScimError(400, f"{method} {path!r}: Bulk makes and changes Users and Groups", "invalidPath")
    return found


def _held_back(step: Step, sent: dict[str, Any], run: Sequence) -> dict[str, Any]:
    """Without the members that are not there yet; they are in `step.later`."""
    if not step.loose or step.kind != "Group":
        return sent
    name = next((name for name in sent if name.lower() == "members"), "members")
    loose = {run.makers[each].id for each in step.loose if each in run.makers}
    said = [each for each in sent.get(name) or [] if isinstance(each, dict)]
    step.later = [each["value"] for each in said if each.get("value") in loose]
    return sent | {name: [each for each in said if each.get("value") not in loose]}


def _tie(call: Call, run: Sequence, step: Step) -> None:
    """Closes a circle: the memberships that had to wait. When what was to be a member was refused, so is the group."""
    missing = [name for name in step.loose if not run.makers[name].done]
    if missing:
        error = ScimError(400, f"{MARK}{missing[0]} was not made: see its own operation", "invalidValue")
        _DOERS[step.kind].delete(call, step.id)
        step.answer = _refusal(call, step, error)
    elif step.later:
        now = groups.join(call, step.id, step.later)
        step.answer = (step.answer or {}) | {"version": etag(now)}
