"""Plans put together by hand, and applied through a run of their own."""

import itertools
from typing import Any

from reconciler.decide import member_id
from reconciler.model import JSON, Member
from reconciler.plan import Action, Step
from reconciler.policy import Policy
from reconciler.report import ActionRow, Report
from store import Store
from store.leases import Held, give_back, take
from store.runs import RunTasks, actions_of
from store.workspace import RosterMember, roster
from tests.builders import policy

NOW = "2026-11-21T10:00:00.000Z"
_NUMBERS = itertools.count(1)


def action(step: Step, name: str, target: Member | None = None, **fields: Any) -> Action:
    """An action on the member that follows this name, unless another member is given."""
    email = f"{name}@acme.com"
    who = member_id("acme", "okta", name) if target is None else target.id
    return Action(step, step.kind, name, email, who, **fields)


def create(name: str, role: str = "member", **fields: Any) -> Action:
    after: dict[str, JSON] = {"email": fields.pop("email", f"{name}@acme.com"), "roles": {"role": role}}
    return action(Step.CREATE, name, after=after, **fields)


def rename(name: str, email: str, parks: Member | None = None) -> Action:
    return action(Step.UPDATE, name, after={"email": email}, parks=parks.id if parks else "")


def adopt(name: str, target: Member) -> Action:
    before = {"managed": target.managed, "external_id": target.external_id}
    after = {"managed": True, "directory": "okta", "external_id": name}
    return action(Step.ADOPT, name, target, before=before, after=after)


def role(step: Step, name: str, value: str, axis: str = "role") -> Action:
    return action(step, name, before={axis: "x"}, after={axis: value})


def promote(name: str, value: str = "admin") -> Action:
    return role(Step.PROMOTE, name, value)


def demote(name: str, value: str = "member") -> Action:
    return role(Step.DEMOTE, name, value)


def joins(name: str, team: str) -> Action:
    return action(Step.JOIN_TEAM, name, after={"team": team})


def leaves(name: str, team: str) -> Action:
    return action(Step.LEAVE_TEAM, name, before={"team": team})


def deactivate(name: str) -> Action:
    return action(Step.DEACTIVATE, name, before={"active": True}, after={"active": False})


def reactivate(name: str) -> Action:
    return action(Step.REACTIVATE, name, before={"active": False}, after={"active": True})


def begin(opened: Store, *actions: Action, asked: Policy | None = None) -> tuple[RunTasks, Held]:
    """A run whose plan is these actions."""
    held = take(opened, "acme", f"run{next(_NUMBERS)}", NOW)
    tasks = RunTasks(opened, asked or policy(), held=held, now=lambda: NOW, mode="incremental")
    tasks.open(Report(held.run, "acme", "okta", "manual", "incremental", "running", NOW))
    tasks.record(sorted(actions, key=lambda one: one.order), settled=(), scope={})
    return tasks, held


def applied(opened: Store, *actions: Action, asked: Policy | None = None) -> dict[str, str]:
    """Applies a plan of these; the code of each outcome, by kind and person."""
    tasks, held = begin(opened, *actions, asked=asked)
    for _ in tasks.apply():
        pass
    give_back(opened, held)
    found = list(actions_of(opened, held.run))
    for row in found:
        check(row)
    return {f"{row.kind} {row.external_id}": row.code for row in found}


def check(row: ActionRow) -> None:
    """An outcome is one of three, and whatever was not done says why."""
    assert row.state in ("applied", "failed", "skipped")
    assert (row.state == "applied") == (row.code == "applied") == (row.error is None)
    assert row.attempts == 1


def everybody(opened: Store) -> dict[str, RosterMember]:
    return {each.email.split("@")[0]: each for each in roster(opened, "acme")}
