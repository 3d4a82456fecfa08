"""The REST API as one ASGI application: its routes, its errors, its description, behind the gate."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import anyio.to_thread
import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.errors import RunError
from rosterd.http.api import by_hand, decide, look, requests
from rosterd.http.api.calls import REF
from rosterd.http.api.gate import Gate
from rosterd.http.api.ports import Outside
from rosterd.http.api.problems import FAULT, Problem, of_error, of_invalid, of_method, of_status, problem
from rosterd.http.app import App
from rosterd.http.bounds import Receive, Scope, Send
from rosterd.http.ports import Tokens
from rosterd.settings.errors import ConfigError

PARTS = (look, requests, decide, by_hand)
THREADS = 8  # routes that are in the store at once; the others wait
# FastAPI's own traces hold the texts of exceptions, and a variable of the environment would send them out.
SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
ABOUT = "What operators and their programs read and ask for. Errors are problems (RFC 9457); lists have cursors."


def api(outside: Outside, tokens: Tokens, used: Callable[[Iterable[str]], None]) -> App:
    """Everything below /api of a daemon."""
    app = routed(outside)

    async def few_threads(scope: Scope, receive: Receive, send: Send) -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        await app(scope, receive, send)

    return Gate(few_threads, tokens, used)


def routed(outside: Outside) -> FastAPI:
    """The application behind the gate."""
    app = FastAPI(title="rosterd", version=version("rosterd"), description=ABOUT, docs_url=None, redoc_url=None,
                  openapi_url="/openapi.json", redirect_slashes=False, servers=[{"url": "/api"}],
                  root_path_in_servers=False, telemetry=SILENT,
                  generate_unique_id_function=lambda route: route.name)  # fmt: skip
    app.state.outside = outside
    for part in PARTS:
        app.include_router(part.routes)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_status)
    app.exception_handler(RunError)(_refused)
    app.exception_handler(ConfigError)(_refused)
    app.exception_handler(Exception)(_broke)  # which is raised again for the gate, whose log tells of it
    app.openapi_schema = _with_answers(app.openapi())
    return app


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is entered for these
    return of_invalid(error.errors())


async def _status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return of_method(_methods(request))
    return of_status(error.status_code, error.headers)


def _methods(request: Request) -> list[str]:
    """What an address takes. Each of its methods is a route of its own, and Starlette names those of the first."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    routes = (*request.app.routes, *(each for part in PARTS for each in part.routes.routes))
    taken = (each for each in routes if isinstance(each, Route) and each.path_regex.match(path))
    return sorted({method for each in taken for method in each.methods or ()})


async def _refused(_: Request, error: Exception) -> Response:
    return of_error(error)


async def _broke(_: Request, __: Exception) -> Response:
    return problem(500, "unexpected", FAULT)


def _with_answers(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with the schemas of what is answered, which are those of the values themselves."""
    answers = {answer for part in PARTS for answer in part.routes.answers} | {Problem}
    _, components = msgspec.json.schema_components(answers, ref_template=REF)
    kept = schema.setdefault("components", {})
    kept["schemas"] = {**kept.get("schemas", {}), **components}
    for name in ("HTTPValidationError", "ValidationError"):
        kept["schemas"].pop(name, None)
    kept["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "description": "rosterd admin-token"}}
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    return schema
