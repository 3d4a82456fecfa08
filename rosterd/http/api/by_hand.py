"""Routes that change members of the embedded workspace by hand, as `rosterd member` does: what a directory owns is
refused in the same words (reconciler/manual.py)."""

from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from rosterd.http.api.calls import NO_NUL, Call, Called, Name, Routes
from rosterd.wiring import by_hand
from store.manual import ByHand
from store.workspace import RosterMember

routes = Routes("members")

MEMBER = "/workspaces/{workspace}/members/{email}"
Text = Annotated[str, Field(max_length=2000, pattern=NO_NUL)]
Values = Annotated[dict[Annotated[str, Field(max_length=200)], Text], Field(max_length=100)]


class Body(BaseModel):
    """What is sent: nothing but these keys."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Invitation(Body):
    """Somebody who follows no directory."""

    email: Annotated[str, Field(max_length=320, pattern=NO_NUL)]
    fields: Values = Field(default={}, description="given_name, family_name, title …")
    roles: Values = Field(default={}, description="value by axis")


class Edit(Body):
    """Fields by name; "" clears one."""

    fields: Values


class RoleValue(Body):
    """A value of a role axis."""

    value: Text


class Deactivation(Body):
    """`emergency`: even somebody whom a directory owns, until its next sync."""

    emergency: bool = False


@routes.route_for("POST", "/workspaces/{workspace}/members", RosterMember, scope="operate", status=201)
def invite(call: Called, workspace: Name, invitation: Invitation) -> Response:
    """Adds somebody to a workspace that no directory feeds."""
    made = _changing(call, workspace).invite(invitation.email, invitation.fields, invitation.roles)
    where = f"/api/v1/workspaces/{workspace}/members/{quote(made.email)}"
    return call.answer(made, 201, Location=where)


@routes.route_for("PATCH", MEMBER, RosterMember, scope="operate")
def edit(call: Called, workspace: Name, email: Name, edit: Edit) -> Response:
    """Changes fields of a member whom no directory owns."""
    return call.answer(_changing(call, workspace).edit(email, edit.fields))


@routes.route_for("PUT", f"{MEMBER}/roles/{{axis}}", RosterMember, scope="operate")
def role(call: Called, workspace: Name, email: Name, axis: Name, role: RoleValue) -> Response:
    """Sets a role on an axis that the member's directory leaves alone."""
    return call.answer(_changing(call, workspace).set_role(email, axis, role.value))


@routes.route_for("PUT", f"{MEMBER}/teams/{{team}}", RosterMember, scope="operate")
def join(call: Called, workspace: Name, email: Name, team: Name) -> Response:
    """Puts a member into a team, which is made when there is none; no directory takes them out of it."""
    return call.answer(_changing(call, workspace).join_team(email, team))


@routes.route_for("DELETE", f"{MEMBER}/teams/{{team}}", RosterMember, scope="operate")
def leave(call: Called, workspace: Name, email: Name, team: Name) -> Response:
    """Takes a member out of a team that no directory gave."""
    return call.answer(_changing(call, workspace).leave_team(email, team))


@routes.route_for("POST", f"{MEMBER}/deactivate", RosterMember, scope="operate")
def deactivate(call: Called, workspace: Name, email: Name, how: Deactivation | None = None) -> Response:
    """Takes a member's access away and signs them out."""
    emergency = how is not None and how.emergency
    return call.answer(_changing(call, workspace).deactivate(email, emergency=emergency))


@routes.route_for("POST", f"{MEMBER}/reactivate", RosterMember, scope="operate")
def reactivate(call: Called, workspace: Name, email: Name) -> Response:
    """Lets a member in again whom no directory owns."""
    return call.answer(_changing(call, workspace).reactivate(email))


@routes.route_for("POST", f"{MEMBER}/sign-out", RosterMember, scope="operate")
def sign_out(call: Called, workspace: Name, email: Name) -> Response:
    """Ends every session of a member."""
    return call.answer(_changing(call, workspace).sign_out(email))


def _changing(call: Call, workspace: str) -> ByHand:
    return by_hand(call.settings, call.store, call.workspace(workspace))
