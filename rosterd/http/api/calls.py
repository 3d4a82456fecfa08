"""What every route starts from: who asks, what of the daemon it may see, and how its answer is sent and described.

Routes are plain functions, which FastAPI runs in threads: the store blocks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from reconciler.report import Report
from rosterd.http.api.ports import Outside
from rosterd.http.api.problems import MEDIA_TYPE, Refusal
from rosterd.http.api.shapes import body_of
from rosterd.http.ports import Grant
from rosterd.logs import logger
from rosterd.settings.model import DirectorySettings, Settings
from rosterd.tokens import Scope
from store.database import Store
from store.runs import report_of

log = logger("rosterd.http")

REF = "#/components/schemas/{name}"
NO_NUL = r"^[^\x00]*$"  # SQLite takes what follows for the end of the text, PostgreSQL refuses it
Name = Annotated[str, Path(max_length=320, pattern=NO_NUL)]
Asked = Annotated[str | None, Query(max_length=320, pattern=NO_NUL)]


@dataclass(frozen=True)
class Call:
    """One request that was let in. What its token does not reach is not there for it."""

    outside: Outside
    grant: Grant
    request: Request

    @property
    def store(self) -> Store:
        """The store."""
        return self.outside.store

    @property
    def settings(self) -> Settings:
        """The configuration of now."""
        return self.outside.settings()

    @property
    def by(self) -> str:
        """Who asks, for the record."""
        return f"api:{self.grant.label or self.grant.id}"

    def reaches(self, workspace: str) -> bool:
        """Whether the token is good for this workspace."""
        return self.grant.workspace in (None, workspace)

    def workspace(self, name: str) -> str:
        """
        Raises:
            Refusal: there is no such workspace.
        """
        if not self.reaches(name) or name not in {each.id for each in self.settings.workspace}:
            raise _missing("workspace", name)
        return name

    def directory(self, name: str) -> DirectorySettings:
        """
        Raises:
            Refusal: there is no such directory.
        """
        found = self.settings.directory_named(name)
        if found is None or not self.reaches(found.workspace):
            raise _missing("directory", name)
        return found

    def run(self, name: str) -> Report:
        """
        Raises:
            Refusal: there is no such run.
        """
        found = report_of(self.store, name)
        if found is None or not self.reaches(found.workspace):
            raise _missing("run", name)
        return found

    def answer(self, value: object, status: int = 200, **headers: str) -> Response:
        """The answer as JSON, with an ETag; without it when the client has it already (RFC 9110 §13.1.2)."""
        body = body_of(value)
        tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", **headers}
        known = {each.strip().removeprefix("W/") for each in self.request.headers.get("if-none-match", "").split(",")}
        if status == 200 and self.request.method == "GET" and tag in known:
            return Response(None, 304, headers)
        return Response(body, status, headers, "application/json")


def _missing(what: str, name: str) -> Refusal:
    return Refusal(404, f"unknown_{what}", f'there is no {what} "{name}"')


def calling(request: Request) -> Call:
    """The call that a request is."""
    return Call(request.app.state.outside, request.state.grant, request)


def operating(call: Annotated[Call, Depends(calling)]) -> None:
    """
    Raises:
        Refusal: the token only reads.
    """
    if call.grant.scope != "operate":
        raise Refusal(403, "read_only", "this token only reads",
                      fix="make one that operates: rosterd admin-token create --scope operate")  # fmt: skip
    asked = f"{call.request.method} {call.request.scope['route'].path_format}"  # no names: they are of people
    log.info("operator_asked", message=f"{call.by} asks: {asked}", by=call.by, request=asked, **_about(call.request))


def _about(request: Request) -> dict[str, str]:
    """What a request is about, as the log names it."""
    given: dict[str, str] = request.path_params
    about = {name: value for name, value in given.items() if name in ("run", "workspace")}
    of_directory = request.scope["route"].path_format.startswith("/v1/directories/{id}")
    return {**about, "directory": given["id"]} if of_directory else about


Called = Annotated[Call, Depends(calling)]


class Routes(APIRouter):
    """Routes whose answers are msgspec values: `answers` are described under their names in OpenAPI."""

    def __init__(self, tag: str) -> None:
        # Here and not where it is included: a route knows its own prefix only.
        super().__init__(prefix="/v1", tags=[tag], default_response_class=Response)
        self.answers: set[Any] = set()

    def route_for(
        self, method: str, path: str, answer: Any, *, scope: Scope = "read", status: int = 200,
        media: str = "application/json",
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # fmt: skip
        """Enters a function as a route."""
        self.answers.add(answer)
        described: dict[int | str, dict[str, Any]] = {
            status: {"description": "done", "content": {media: {"schema": schema_of(answer)}}},
            "default": {"description": "a problem (RFC 9457)", "content": {
                MEDIA_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}}},
        }  # fmt: skip
        return self.api_route(
            path, methods=[method], status_code=status, responses=described, response_model=None,
            dependencies=[Depends(operating)] if scope == "operate" else [],
            openapi_extra={"security": [{"token": [scope]}]},
        )  # fmt: skip


def schema_of(answer: Any) -> dict[str, Any]:
    """A reference to the schema of an answer."""
    (found,), _ = msgspec.json.schema_components([answer], ref_template=REF)
    return found
