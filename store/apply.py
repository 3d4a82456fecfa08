"""Applying: a batch of actions to the embedded workspace, with each outcome in the transaction of its write.

Every action says what it expects; where the workspace has moved on, the action fails by itself and the others go on.
An action whose result is there already counts as applied: running a plan twice changes nothing the second time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import IntegrityError

from reconciler.errors import StoreError
from reconciler.model import Profile, edited, key
from reconciler.plan import Action, Step
from reconciler.policy import Policy, RoleAxis
from store.database import REFUSED_VALUE, Store, bulk, rows
from store.leases import Held, lock_workspace
from store.profiles import COLUMNS, columns_of, profile_in
from store.workspace import holders, made_teams, teams_of

# Pairs, because with "workspace = ?" beside an IN list SQLite walks the whole workspace.
PAIR_IN = "(workspace, email_key) IN"
_BLANK = Profile("")
_SET = ", ".join(f"{name} = ?" for name in COLUMNS)


@dataclass(frozen=True)
class Batch:
    """Some actions of one step of one run, with their numbers."""

    policy: Policy
    lease: Held
    step: Step
    actions: list[tuple[int, Action]]


@dataclass(frozen=True)
class Outcome:
    """What became of an action."""

    state: str = "applied"
    code: str = "applied"
    error: str | None = None


APPLIED = Outcome()
_Row = dict[str, Any]


def apply_batch(store: Store, batch: Batch, now: Callable[[], str]) -> None:
    """Applies a batch in one transaction; when the database refuses it as a whole, action by action."""
    try:
        _transaction(store, batch, now())
    except (IntegrityError, StoreError) as exc:
        if isinstance(exc, StoreError) and exc.code != REFUSED_VALUE:
            raise
        if len(batch.actions) > 1:
            for numbered in batch.actions:
                apply_batch(store, Batch(batch.policy, batch.lease, batch.step, [numbered]), now)
            return
        said = exc.message if isinstance(exc, StoreError) else str(exc.orig)
        refused = Outcome("failed", "refused_by_store", said)
        with store.write() as connection:
            _record(connection, batch, {batch.actions[0][0]: refused}, now())


def _transaction(store: Store, batch: Batch, now: str) -> None:
    with store.write() as connection:
        work = _Work(connection, batch.policy, now, batch.lease.run)
        work.load([action.member for _, action in batch.actions])
        outcomes = _STEPS[batch.step](work, batch.actions)
        work.flush()
        _record(connection, batch, outcomes, now)


def _record(connection: Connection, batch: Batch, outcomes: dict[int, Outcome], now: str) -> None:
    batch.lease.check(connection, now)
    bulk(
        connection,
        "UPDATE action SET state = ?, code = ?, error = ?, attempts = attempts + 1"
        " WHERE run = ? AND step = ? AND n = ?",
        [
            (outcome.state, outcome.code, outcome.error, batch.lease.run, int(batch.step), number)
            for number, outcome in outcomes.items()
        ],
    )


class _Work:
    """The members that a batch concerns, and the writes it collects."""

    def __init__(self, connection: Connection, policy: Policy, now: str, run: str) -> None:
        self.connection, self.policy, self.now, self.run = connection, policy, now, run
        self._workspace = policy.workspace
        self.members: dict[str, _Row] = {}
        self._unmade: set[str] | None = None  # were to be created in this run, and were not
        self.moving: set[str] = set()  # get another address in this run
        self.leaving: set[str] = set()  # are deactivated in this run
        self.writes: list[tuple[str, list[tuple[Any, ...]]]] = []

    def load(self, ids: list[str]) -> None:
        """Reads the members of these ids; locks their workspace against other writers."""
        lock_workspace(self.connection, self._workspace)
        self.members = {row["id"]: row for row in self._select("id IN :v", ids) if row["workspace"] == self._workspace}

    def owners(self, keys: list[str]) -> dict[str, _Row]:
        """The members of the workspace who hold these addresses, by key."""
        pairs = [(self._workspace, key) for key in keys]
        return {row["email_key"]: row for row in self._select(f"{PAIR_IN} :v", pairs)}

    def _select(self, where: str, values: Sequence[object]) -> list[_Row]:
        found: list[_Row] = []
        sql = text(f"SELECT * FROM member WHERE {where}").bindparams(bindparam("v", expanding=True))
        for start in range(0, len(values), 500):
            some = {"v": values[start : start + 500]}
            found += [dict(row) for row in self.connection.execute(sql, some).mappings()]
        return found

    def write(self, sql: str, written: list[tuple[Any, ...]]) -> None:
        """Adds a statement for many rows, run in order by `flush`."""
        self.writes.append((sql, written))

    def flush(self) -> None:
        """Runs what was collected."""
        for sql, written in self.writes:
            bulk(self.connection, sql, written)
        self.writes.clear()

    def no(self, action: Action) -> int:
        """The number under which the action's member has roles and teams."""
        return int(self.members[action.member]["no"])

    def mine(self, action: Action) -> Outcome | None:
        """Why the action's member is not (any more) what this directory manages; None when it is."""
        member = self.members.get(action.member)
        if member is None:
            return self._missing(action)
        if member["directory"] != self.policy.directory or member["external_id"] != action.external_id:
            return Outcome("failed", "changed_since", f"{member['email']} is no longer linked to {action.external_id}")
        return None

    def _missing(self, action: Action) -> Outcome:
        """A member whose creation is held or could not be made is no failure of what follows it."""
        if self._unmade is None:
            sql = "SELECT member FROM action WHERE run = :run AND step = :create AND state <> 'applied'"
            found = rows(self.connection, sql, run=self.run, create=int(Step.CREATE))
            self._unmade = {row[0] for row in found}
        if action.member in self._unmade:
            return Outcome("skipped", "not_created", f"{action.email} was not created")
        return Outcome("failed", "member_gone", f"member {action.member} does not exist")

    def holders(self, axis: RoleAxis) -> set[str]:
        """Ids of the active members who hold the axis's protected value or a higher one."""
        return holders(self.connection, self._workspace, axis)


_Numbered = list[tuple[int, Action]]


def _adopt(work: _Work, actions: _Numbered) -> dict[int, Outcome]:
    outcomes, linked = {}, []
    for number, action in actions:
        member = work.members.get(action.member)
        if member is None:
            outcomes[number] = Outcome("failed", "member_gone", f"member {action.member} does not exist")
            continue
        free = not member["managed"] or (
            member["directory"] == work.policy.directory
            and member["external_id"] in (action.before.get("external_id"), action.external_id)
        )
        if not free:
            said = f"{member['email']} is managed by {member['directory']} now"
            outcomes[number] = Outcome("failed", "changed_since", said)
            continue
        linked.append((True, work.policy.directory, action.external_id, work.now, action.member))
        outcomes[number] = APPLIED
    work.write("UPDATE member SET managed = ?, directory = ?, external_id = ?, updated_at = ? WHERE id = ?", linked)
    return outcomes


def _create(work: _Work, actions: _Numbered) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    taken = _owners(work, actions)
    members, roles = [], []
    for number, action in actions:
        member = _free_id(work, action)
        if not member:
            outcomes[number] = APPLIED  # made by this plan before it was interrupted
            continue
        profile = edited(_BLANK, {name: value for name, value in action.after.items() if name != "roles"})
        outcomes[number] = _address(work, action, taken)
        if outcomes[number] is not APPLIED:
            continue
        link = (True, True, work.policy.directory, action.external_id, work.now, work.now)
        members.append((member, work.policy.workspace, *columns_of(profile), *link))
        roles += [(axis, value, member) for axis, value in action.after.get("roles", {}).items()]
    names = ("id", "workspace", *COLUMNS, "active", "managed", "directory", "external_id", "created_at", "updated_at")
    work.write(f"INSERT INTO member ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", members)
    work.write(SET_ROLE, roles)
    return outcomes


def _free_id(work: _Work, action: Action) -> str:
    """The id for a new member, "" when the person has one already.

    The planned id is taken where the person's former member follows another account since; then the next one is, and
    teams follow in the next run.
    """
    known = work.members.get(action.member)
    if known is None:
        return action.member
    if work.mine(action) is None:
        return ""
    return blake2b(f"{action.member}\0{action.external_id}\0again".encode(), digest_size=16).hexdigest()


def _owners(work: _Work, actions: _Numbered) -> dict[str, _Row]:
    """Who holds the addresses that these actions give, by key; what this run does to them is noted."""
    wanted = {key(str(action.after["email"])): action.member for _, action in actions if "email" in action.after}
    found = work.owners(list(wanted))
    others = [row["id"] for email, row in found.items() if row["id"] != wanted[email]]
    if others:
        sql = text(
            "SELECT member, step, after FROM action WHERE run = :run AND step IN (:update, :deactivate)"
            " AND member IN :others AND state IN ('planned', 'applied')"
        ).bindparams(bindparam("others", expanding=True))
        given = {"run": work.run, "update": int(Step.UPDATE), "deactivate": int(Step.DEACTIVATE), "others": others}
        for member, step, after in work.connection.execute(sql, given):
            if step == Step.DEACTIVATE:
                work.leaving.add(member)
            elif '"email":' in after:
                work.moving.add(member)
    return found


def _address(work: _Work, action: Action, taken: dict[str, _Row]) -> Outcome:
    """Takes the action's new address: parks a member who gives it up in this run, refuses when somebody has it."""
    if "email" not in action.after:
        return APPLIED
    wanted = key(str(action.after["email"]))
    owner = taken.get(wanted)
    if owner is not None and owner["id"] != action.member and owner["id"] not in work.moving:
        if owner["id"] != action.parks:
            said = f"{action.after['email']} already belongs to member {owner['id']}"
            return Outcome("failed", "email_taken", said)
        if owner.get("active") and owner["id"] not in work.leaving:
            said = f"{action.after['email']} still belongs to {owner['id']}, whose own change is held or cannot be made"
            return Outcome("skipped", "address_held", said)
    if owner is not None and owner["id"] != action.member:
        work.write("UPDATE member SET email_key = NULL WHERE id = ?", [(owner["id"],)])
    taken[wanted] = {"id": action.member}
    return APPLIED


def _update(work: _Work, actions: _Numbered) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    taken = _owners(work, actions)
    written = []
    for number, action in actions:
        outcomes[number] = work.mine(action) or _address(work, action, taken)
        if outcomes[number] is APPLIED:
            profile = edited(profile_in(work.members[action.member]), action.after)
            written.append((*columns_of(profile), work.now, action.member))
    work.write(f"UPDATE member SET {_SET}, updated_at = ? WHERE id = ?", written)
    return outcomes


def _reactivate(work: _Work, actions: _Numbered) -> dict[int, Outcome]:
    outcomes = {number: work.mine(action) or APPLIED for number, action in actions}
    back = [(True, work.now, action.member) for number, action in actions if outcomes[number] is APPLIED]
    work.write("UPDATE member SET active = ?, updated_at = ? WHERE id = ?", back)
    return outcomes


SET_ROLE = (
    "INSERT INTO member_role (member_no, axis, value) SELECT no, ?, ? FROM member WHERE id = ?"
    " ON CONFLICT (member_no, axis) DO UPDATE SET value = excluded.value"
)


def _promote(work: _Work, actions: _Numbered) -> dict[int, Outcome]:
    outcomes = {number: work.mine(action) or APPLIED for number, action in actions}
    given = [
        (axis, value, action.member)
        for number, action in actions
        if outcomes[number] is APPLIED
        for axis, value in action.after.items()
    ]
    work.write(SET_ROLE, given)
    return outcomes


def _demote(work: _Work, actions: _Numbered) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    allowed: _Numbered = []
    holders = {axis.axis: (axis, work.holders(axis)) for axis in work.policy.axes if axis.protect_last}
    for number, action in actions:
        (name, value), *_ = action.after.items()
        axis, holding = holders.get(name, (None, set()))
        if axis is not None and axis.rank(str(value)) < axis.rank(axis.protect_last) and action.member in holding:
            if len(holding) == 1:
                outcomes[number] = _last(action, axis)
                continue
            holding.discard(action.member)
        allowed.append((number, action))
    return outcomes | _promote(work, allowed)


def _deactivate(work: _Work, actions: _Numbered) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    gone = []
    holders = [(axis, work.holders(axis)) for axis in work.policy.axes if axis.protect_last]
    for number, action in actions:
        outcomes[number] = _relinked(work, action) or work.mine(action) or APPLIED
        if outcomes[number] is not APPLIED:
            continue
        last = next((axis for axis, holding in holders if holding == {action.member}), None)
        if last is not None:
            outcomes[number] = _last(action, last)
            continue
        for _, holding in holders:
            holding.discard(action.member)
        gone.append((False, work.now, work.now, action.member))
    # Signed out everywhere: sessions older than this moment are void.
    sql = "UPDATE member SET active = ?, sessions_valid_after = ?, updated_at = ? WHERE id = ?"
    work.write(sql, gone)
    return outcomes


def _relinked(work: _Work, action: Action) -> Outcome | None:
    """The leaver's member was adopted by their new account in this same plan: there is nobody to put out."""
    member = work.members.get(action.member)
    if member is None or member["directory"] != work.policy.directory or member["external_id"] == action.external_id:
        return None
    return Outcome("skipped", "relinked", f"{action.email} is now directory user {member['external_id']}")


def _last(action: Action, axis: RoleAxis) -> Outcome:
    return Outcome("skipped", "last_holder", f"{action.email} is the last active {axis.protect_last}")


def _join(work: _Work, actions: _Numbered) -> dict[int, Outcome]:
    outcomes = {number: work.mine(action) or APPLIED for number, action in actions}
    done = [action for number, action in actions if outcomes[number] is APPLIED]
    teams = made_teams(work.connection, work.policy.workspace, sorted({str(action.after["team"]) for action in done}))
    work.write(
        "INSERT INTO team_member (member_no, team_id, source) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(work.no(action), teams[str(action.after["team"])], work.policy.directory) for action in done],
    )
    return outcomes


def _leave(work: _Work, actions: _Numbered) -> dict[int, Outcome]:
    outcomes = {number: work.mine(action) or APPLIED for number, action in actions}
    known = teams_of(work.connection, work.policy.workspace)
    work.write(
        "DELETE FROM team_member WHERE member_no = ? AND team_id = ? AND source = ?",
        [
            (work.no(action), known[str(action.before["team"])], work.policy.directory)
            for number, action in actions
            if outcomes[number] is APPLIED and str(action.before["team"]) in known
        ],
    )
    return outcomes


_STEPS: dict[Step, Callable[[_Work, _Numbered], dict[int, Outcome]]] = {
    Step.ADOPT: _adopt,
    Step.CREATE: _create,
    Step.REACTIVATE: _reactivate,
    Step.UPDATE: _update,
    Step.PROMOTE: _promote,
    Step.JOIN_TEAM: _join,
    Step.LEAVE_TEAM: _leave,
    Step.DEMOTE: _demote,
    Step.DEACTIVATE: _deactivate,
}
