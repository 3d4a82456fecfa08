"""What went wrong, as RFC 9457 tells it: a problem, with our `code`, `where` and `fix` beside what the standard names.

The one table from errors to statuses. Texts hold nothing that was sent but names of things.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from reconciler.errors import ChangeRefused, RunError, StoreError
from rosterd.settings.errors import ConfigError
from store.database import REFUSED_VALUE

MEDIA_TYPE = "application/problem+json"
BUSY_SECONDS = "5"
FAULT = "this is a fault of rosterd's, which its log tells more about"


class Detail(msgspec.Struct, frozen=True):
    """One of several things that are wrong."""

    message: str
    where: str = ""
    code: str = ""
    fix: str = ""


class Problem(msgspec.Struct, frozen=True):
    """Why a request was not done (RFC 9457 §3.1). `code` is stable, `fix` is the way out; `errors` when several things
    are wrong."""

    status: int
    title: str
    detail: str
    code: str
    where: str = ""
    fix: str = ""
    errors: tuple[Detail, ...] = ()
    type: str = "about:blank"


class Refusal(RunError):
    """A request that is answered with this status."""

    def __init__(
        self, status: int, code: str, message: str, *, where: str = "", fix: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, where=where, fix=fix)
        self.status, self.code, self.headers = status, code, dict(headers or {})


# Codes of errors to statuses; what is missing here is a conflict with how things are: 409.
STATUSES = {
    **dict.fromkeys(("unknown_run", "unknown_person", "unknown_member", "unknown_team"), 404),
    **dict.fromkeys(("unknown_axis", "unknown_value", "unknown_field", "unknown_cluster", "bad_email", "bad_team",
                     REFUSED_VALUE), 422),
}  # fmt: skip


def of_error(error: Exception) -> Response:
    """The problem of an expected error.

    Raises:
        Exception: this one, when it is not an expected one.
    """
    if isinstance(error, Refusal):
        return of_refusal(error)
    if isinstance(error, ConfigError):
        first = error.problems[0]
        errors = [Detail(each.message, each.where, each.code, each.fix) for each in error.problems]
        return problem(422, first.code, first.message, where=first.where, fix=first.fix, errors=errors)
    if isinstance(error, RunError):
        return _of_run(error)
    raise error


def of_refusal(error: Refusal) -> Response:
    """The problem that a refusal is."""
    return problem(error.status, error.code, error.message, where=error.where, fix=error.fix, headers=error.headers)


def _of_run(error: RunError) -> Response:
    if isinstance(error, StoreError) and error.code == REFUSED_VALUE:
        return problem(422, error.code, "a text holds a character that cannot be kept: NUL, or half of one")
    if isinstance(error, StoreError) and error.code != "workspace_busy":
        headers = {"Retry-After": BUSY_SECONDS}
        return problem(503, error.code, error.message, fix=error.fix, headers=headers)  # where it is is not for clients
    headers = {"Retry-After": BUSY_SECONDS} if error.code == "workspace_busy" else {}
    status = STATUSES.get(error.code, 409)
    where = "" if isinstance(error, ChangeRefused) else error.where
    return problem(status, error.code, error.message, where=where, fix=error.fix, headers=headers)


def problem(
    status: int, code: str, message: str, *, where: str = "", fix: str = "", errors: Sequence[Detail] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """The answer that tells of a problem."""
    said = Problem(status, HTTPStatus(status).phrase, message, code, where, fix, tuple(errors))
    return Response(msgspec.json.encode(said), status, dict(headers or {}), MEDIA_TYPE)


def of_invalid(errors: Sequence[Mapping[str, Any]]) -> Response:
    """What is wrong with a body or a query, by what FastAPI found. What was sent is not repeated."""
    details = [Detail(str(each["msg"]), ".".join(str(part) for part in each["loc"]), str(each["type"]))
               for each in errors]  # fmt: skip
    if any(each.code == "json_invalid" for each in details):
        return _not_json()
    first = details[0]
    said = first.message if len(details) == 1 else f"{len(details)} things are wrong; the first: {first.message}"
    return problem(422, "invalid", said, where=first.where, fix="see /api/openapi.json", errors=details)


def _not_json() -> Response:
    return problem(400, "not_json", "the body is not JSON", where="body", fix="send a JSON object")


def of_status(status: int, headers: Mapping[str, str] | None) -> Response:
    """What FastAPI refuses: no such address, or a body that cannot be parsed."""
    if status == HTTPStatus.BAD_REQUEST:
        return _not_json()
    if status == HTTPStatus.NOT_FOUND:
        return problem(status, "not_found", "there is nothing at this address", fix="see /api/openapi.json")
    return problem(status, "refused", HTTPStatus(status).phrase, headers=headers)


def of_method(allowed: Sequence[str]) -> Response:
    """An address is there, and takes other methods (RFC 9110 §15.5.6)."""
    listed = ", ".join(allowed)
    return problem(405, "method_not_allowed", "this address does not take this method", fix=f"it takes: {listed}",
                   headers={"Allow": listed})  # fmt: skip
