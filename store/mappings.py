"""Team mappings that runs followed, and those among them that configuration has dropped since: retired.

What lives here: remembering them, counting whom they concern, recording a decision, and moving memberships into other
hands once that is decided. What does not: whom a mapping concerns (reconciler/teams.py) and who leaves (decide.py).
"""

from collections.abc import Iterator
from shlex import quote
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Connection, String, bindparam, text

from reconciler.model import Frozen
from reconciler.policy import GroupView, OnRemove, Policy, TeamMapping
from reconciler.teams import Claim, claim_of, spoken
from store import policies
from store.database import bulk, rows
from store.mirror import bound, group_view

_SETTLING: tuple[OnRemove | None, ...] = ("keep", "remove", None)


class Known(Frozen, frozen=True):
    """A mapping with how many members it alone has put into its team; None while that is not known."""

    mapping: TeamMapping
    retired: bool
    members: int | None


def with_retired(connection: Connection, policy: Policy) -> Policy:
    """The policy with the mappings that earlier runs followed and it has no longer."""
    now = {(mapping.group, mapping.team) for mapping in policy.teams}
    followed = _followed(connection, policy.directory)
    retired = tuple(mapping for mapping in followed if (mapping.group, mapping.team) not in now)
    return msgspec.structs.replace(policy, retired=retired)


def follow(connection: Connection, policy: Policy, now: str) -> None:
    """A run follows this policy: its mappings are remembered, save those whose group never meant anything, and those
    that it has no longer are retired. Writes only what differs."""
    known = rows(connection, f"{_ROWS}", d=policy.directory)
    before = {(ref, team): (on_remove, retired_at) for ref, team, on_remove, retired_at in known}
    meaning = bound(connection, policy.directory)
    live = {(each.group, each.team): each.on_remove for each in policy.teams if each.group in meaning}
    bulk(
        connection,
        "INSERT INTO mapping (directory, ref, team, on_remove, retired_at) VALUES (?, ?, ?, ?, NULL)"
        " ON CONFLICT (directory, ref, team) DO UPDATE SET on_remove = excluded.on_remove, retired_at = NULL",
        [(policy.directory, *pair, kept) for pair, kept in live.items() if before.get(pair) != (kept, None)],
    )
    gone = {(each.group, each.team) for each in policy.retired}
    bulk(
        connection,
        "UPDATE mapping SET retired_at = ? WHERE directory = ? AND ref = ? AND team = ?",
        [(now, policy.directory, *pair) for pair, (_, at) in before.items() if pair in gone and at is None],
    )


def decide(connection: Connection, directory: str, mapping: TeamMapping) -> None:
    """Records what becomes of the members of a retired mapping; the next run acts on it."""
    connection.execute(
        text("UPDATE mapping SET on_remove = :o WHERE directory = :d AND ref = :ref AND team = :team"),
        {"o": mapping.on_remove, "d": directory, "ref": mapping.group, "team": mapping.team},
    )


def listed(connection: Connection, policy: Policy) -> list[Known]:
    """Every mapping of the policy, those in force first, with whom it concerns."""
    view, _ = group_view(connection, policy)
    known = []
    for mapping in (*policy.teams, *policy.retired):
        claim = claim_of(policy, view, mapping)
        members = None if claim is None else _count(connection, policy, mapping.team, claim)
        known.append(Known(mapping, mapping in policy.retired, members))
    return known


def notes(connection: Connection, policy: Policy, view: GroupView) -> Iterator[str]:
    """A sentence for each retired mapping whose members stay, for now or for good."""
    for mapping in policy.retired:
        if mapping.on_remove == "remove":
            continue
        claim = claim_of(policy, view, mapping)
        count = None if claim is None else _count(connection, policy, mapping.team, claim)
        if count == 0:
            continue
        said = f"the {spoken(view, mapping)} was removed"
        who = f"members of team {mapping.team}" if count is None else _members(count, mapping.team)
        if mapping.on_remove == "keep":
            yield f"{who}: {said}, on_remove = keep"
            continue
        command = f"rosterd mappings {policy.directory} --keep {quote(mapping.group)} {quote(mapping.team)}"
        yield f"{who} for now: {said}; say whether they stay or leave: {command} (or --remove)"


def settle(connection: Connection, policy: Policy, now: str) -> None:
    """After a plan was applied: those whom a mapping kept are members by hand from here on; retired mappings that
    concern nobody any more are forgotten. Nothing is settled while a group that it takes to tell was not read whole."""
    view, _ = group_view(connection, policy)
    left = []
    for mapping in sorted(policy.retired, key=lambda each: _SETTLING.index(each.on_remove)):
        claim = claim_of(policy, view, mapping)
        if claim is None or not _settled(connection, policy, mapping, claim):
            left.append(mapping)
            continue
        # What somebody decided meanwhile is for the next run.
        connection.execute(
            text(
                "DELETE FROM mapping WHERE directory = :d AND ref = :ref AND team = :team"
                " AND coalesce(on_remove, '') = :o"
            ),
            {"d": policy.directory, "ref": mapping.group, "team": mapping.team, "o": mapping.on_remove or ""},
        )
    if len(left) < len(policy.retired):
        kept = tuple(mapping for mapping in policy.retired if mapping in left)
        policies.succeed(connection, policy, msgspec.structs.replace(policy, retired=kept), now)


def _settled(connection: Connection, policy: Policy, mapping: TeamMapping, claim: Claim) -> bool:
    if mapping.on_remove != "keep":
        # A leaver who comes back leaves the team by the ordinary rule.
        return _count(connection, policy, mapping.team, claim, active=mapping.on_remove == "remove") == 0
    into = "INSERT INTO team_member (member_no, team_id, source) SELECT tm.member_no, tm.team_id, ''"
    _run(connection, f"{into} {_CLAIMED} ON CONFLICT DO NOTHING", policy, mapping.team, claim)
    _run(
        connection,
        f"DELETE FROM team_member WHERE (member_no, team_id, source) IN"
        f" (SELECT tm.member_no, tm.team_id, tm.source {_CLAIMED})",
        policy, mapping.team, claim,
    )  # fmt: skip
    return True


def _members(count: int, team: str) -> str:
    return f"1 member of team {team} stays" if count == 1 else f"{count} members of team {team} stay"


def _count(connection: Connection, policy: Policy, team: str, claim: Claim, *, active: bool = False) -> int:
    sql = f"SELECT count(*) {_CLAIMED}" + (" AND m.active" if active else "")
    return int(_run(connection, sql, policy, team, claim).scalar() or 0)


def _run(connection: Connection, sql: str, policy: Policy, team: str, claim: Claim) -> Any:
    lists: list[BindParameter[Any]] = [
        bindparam(name, type_=String(), expanding=True) for name in ("through", "spared")
    ]
    given = {
        "d": policy.directory, "w": policy.workspace, "team": team, "everybody": claim.everybody,
        "through": sorted(claim.through), "spared": sorted(claim.spared),
    }  # fmt: skip
    return connection.execute(text(sql).bindparams(*lists), given)


# CROSS JOIN fixes the order on SQLite: from the memberships, which are read once, to their members.
_IN = (
    "EXISTS (SELECT 1 FROM mirror_edge e WHERE e.directory = :d AND e.nested = FALSE"
    " AND e.member_id = m.external_id AND e.group_id IN "
)
_CLAIMED = (
    "FROM team t CROSS JOIN team_member tm CROSS JOIN member m WHERE t.workspace = :w AND t.name = :team"
    " AND tm.team_id = t.id AND tm.source = :d AND m.no = tm.member_no AND m.directory = :d"
    f" AND (:everybody OR {_IN}:through)) AND NOT {_IN}:spared)"
)
_ROWS = "SELECT ref, team, on_remove, retired_at FROM mapping WHERE directory = :d ORDER BY ref, team"


def _followed(connection: Connection, directory: str) -> list[TeamMapping]:
    return [TeamMapping(ref, team, on_remove) for ref, team, on_remove, _ in rows(connection, _ROWS, d=directory)]
