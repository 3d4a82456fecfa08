"""Routes that tell: workspaces, directories, runs, what is held, members, why."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BeforeValidator
from starlette.responses import Response, StreamingResponse

from reconciler.explanation import Explanation
from reconciler.report import ActionRow, Report, to_json
from rosterd.deciding import held_digest
from rosterd.explaining import explained
from rosterd.http.api.calls import Asked, Call, Called, Name, Routes
from rosterd.http.api.pages import Count, Cursor, Limit, page_of, place_of
from rosterd.http.api.problems import Refusal
from rosterd.http.api.shapes import (
    Directory,
    Held,
    HeldCluster,
    Page,
    Schedule,
    TokenState,
    WholeReport,
    Workspace,
)
from rosterd.ports import now
from rosterd.settings.model import DirectorySettings
from rosterd.tokens import state, tokens
from store.decisions import held_clusters
from store.due import next_time
from store.health import health_of
from store.leases import stamp
from store.runs import actions_of, actions_page, reports
from store.workspace import RosterMember, member_at, roster_page

routes = Routes("look")

MOST_HELD = 100  # runs of one directory that hold something: a newer run takes their place


def _written(value: object) -> object:
    """Numbers would be taken for seconds since 1970: a year, too."""
    if isinstance(value, str) and "-" not in value[1:]:
        raise ValueError("a time is written as RFC 3339 does: 2026-11-21T10:00:00Z")
    return value


Since = Annotated[datetime | None, BeforeValidator(_written)]
ReportState = Literal["running", "succeeded", "partial", "held", "blocked", "failed"]
ActionState = Literal["planned", "held", "applied", "failed", "skipped"]


@routes.route_for("GET", "/workspaces", Page[Workspace])
def workspaces(call: Called, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """The configured workspaces, by id."""
    after = place_of(cursor, str, "")
    feeding: dict[str, list[str]] = {}
    for each in (each for each in call.settings.directory if not each.audits):
        feeding.setdefault(each.workspace, []).append(each.id)
    known = sorted((each.id, each.name) for each in call.settings.workspace if call.reaches(each.id))
    found = [(each, Workspace(each, name, tuple(feeding.get(each, ())))) for each, name in known if each > after]
    return call.answer(page_of(found, limit))


@routes.route_for("GET", "/directories", Page[Directory])
def directories(call: Called, workspace: Asked = None, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """The configured directories, by id: schedule, health, what is held, the tokens of SCIM clients."""
    after = place_of(cursor, str, "")
    if workspace is not None:
        call.workspace(workspace)
    found = [
        (each.id, each) for each in sorted(call.settings.directory, key=lambda each: each.id)
        if each.id > after and call.reaches(each.workspace) and workspace in (None, each.workspace)
    ]  # fmt: skip
    return call.answer(page_of(found[: limit + 1], limit, lambda each: _directory(call, each)))


@routes.route_for("GET", "/directories/{id}", Directory)
def directory(call: Called, id: Name) -> Response:  # noqa: A002 - a directory's
    """One directory."""
    return call.answer(_directory(call, call.directory(id)))


def _directory(call: Call, found: DirectorySettings) -> Directory:
    health = health_of(call.store, found.id)
    holding = reports(call.store, directory=found.id, workspace=found.workspace, state="held", limit=MOST_HELD)
    every = None if found.every is None else found.every.total_seconds()
    schedule = Schedule(every, found.cron, found.verify_every.total_seconds(), next_time(call.store, found.id))
    moment = now()
    kept = tokens(call.store, found.id) if found.kind == "scim" else []
    return Directory(
        found.id, found.workspace, found.kind, schedule, health, health.last_complete,
        sum(report.counts.held for report in holding),
        tuple(TokenState(each.id, each.label, state(each, moment), each.created, each.expires, each.last_used)
              for each in kept),
    )  # fmt: skip


@routes.route_for("GET", "/runs", Page[Report])
def runs(
    call: Called, *, directory: Asked = None, workspace: Asked = None, state: ReportState | None = None,
    since: Since = None, limit: Limit = 50, cursor: Cursor = "",
) -> Response:  # fmt: skip
    """Reports without their actions, the newest first. `since`: of runs that began then or later."""
    before = place_of(cursor, tuple[str, str], None)
    asked = {"directory": directory, "workspace": _only(call, workspace), "state": state, "since": _moment(since)}
    found = reports(call.store, **asked, before=before, limit=limit + 1)
    return call.answer(page_of([((each.began, each.run), each) for each in found], limit))


def _only(call: Call, workspace: str | None) -> str | None:
    """The workspace whose runs are shown; None: all of them."""
    return call.grant.workspace if workspace is None else call.workspace(workspace)


def _moment(since: datetime | None) -> str | None:
    if since is None:
        return None
    if since.tzinfo is None:
        raise Refusal(422, "invalid", "a time needs its zone", where="query.since", fix="2026-11-21T10:00:00Z")
    try:
        return stamp(since)
    except OverflowError as exc:
        said = "in UTC this time is of no year from 1 to 9999"
        raise Refusal(422, "invalid", said, where="query.since", fix="2026-11-21T10:00:00Z") from exc


@routes.route_for("GET", "/runs/{run}", WholeReport)
def run(call: Called, run: Name, actions: bool = True) -> Response:
    """One report, with all of its actions unless `actions` is false. It comes as it is read: there may be millions."""
    report = call.run(run)
    if not actions:
        return call.answer(report)
    return StreamingResponse(to_json(report, actions_of(call.store, report.run)), media_type="application/json")


@routes.route_for("GET", "/runs/{run}/actions", Page[ActionRow])
def actions(
    call: Called, run: Name, state: ActionState | None = None, limit: Limit = 100, cursor: Cursor = ""
) -> Response:  # fmt: skip
    """The actions of a run in the order of its plan."""
    report = call.run(run)
    after = place_of(cursor, tuple[Count, Count], (0, 0))
    return call.answer(page_of(actions_page(call.store, report.run, after, limit + 1, state=state), limit))


@routes.route_for("GET", "/held", Page[Held])
def held(
    call: Called, directory: Asked = None, workspace: Asked = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20, cursor: Cursor = "",
) -> Response:  # fmt: skip
    """What guards hold, by the runs that planned it, the newest first."""
    before = place_of(cursor, tuple[str, str], None)
    asked = {"directory": directory, "workspace": _only(call, workspace)}
    found = reports(call.store, **asked, state="held", before=before, limit=limit + 1)
    return call.answer(
        page_of([((each.began, each.run), each) for each in found], limit, lambda each: _held(call, each))
    )


@routes.route_for("GET", "/runs/{run}/held", Held)
def held_of(call: Called, run: Name) -> Response:
    """What one run holds: its clusters, and the digest with which it is approved."""
    return call.answer(_held(call, call.run(run)))


def _held(call: Call, report: Report) -> Held:
    found = held_clusters(call.store, report.run)
    within = next(
        (each.approve_within for each in call.settings.workspace if each.id == report.workspace), timedelta(0)
    )
    return Held(
        report.run, report.workspace, report.directory, report.began,
        stamp(datetime.fromisoformat(report.ended or report.began) + within), held_digest(found) if found else "",
        tuple(HeldCluster(each.key, each.cluster.step.change, each.cluster.evidence or None, each.cluster.cause,
                          each.count, each.digest) for each in found),
    )  # fmt: skip


@routes.route_for("GET", "/workspaces/{workspace}/members", Page[RosterMember])
def members(
    call: Called, workspace: Name, email: Asked = None,
    limit: Limit = 100, cursor: Cursor = "",
) -> Response:  # fmt: skip
    """The members of a workspace by email; `email`: those whose address has this in it."""
    after = place_of(cursor, tuple[str, Count], ("", 0))
    return call.answer(
        page_of(roster_page(call.store, call.workspace(workspace), after, limit + 1, like=email or ""), limit)
    )


@routes.route_for("GET", "/workspaces/{workspace}/members/{email}", RosterMember)
def member(call: Called, workspace: Name, email: Name) -> Response:
    """One member."""
    found = member_at(call.store, call.workspace(workspace), email)
    if found is None:
        raise Refusal(404, "unknown_member", f"workspace {workspace} has no member {email}")
    return call.answer(found)


@routes.route_for("GET", "/workspaces/{workspace}/members/{email}/why", list[Explanation])
def why(call: Called, workspace: Name, email: Name, at: Asked = None) -> Response:
    """Why a person is what they are, or nobody here; `at`: as it was after that run. `email` may be a user name, or the
    vendor's id, too."""
    found = call.workspace(workspace)
    report = None if at is None else call.run(at)
    return call.answer(explained(call.settings, call.store, email, at=report, workspace=found))
