"""One person in one directory, now or after a run, put together for explaining (`reconciler/known.py: Standing`)."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection

from reconciler.context import Context
from reconciler.groups import resolve
from reconciler.holders import with_stays
from reconciler.known import Recorded, RunOf, Standing
from reconciler.match import Subject
from reconciler.model import DirectoryGroup, DirectoryUser, Member, UserState
from reconciler.policy import GroupView, Policy, described, match_key, outsider
from reconciler.report import Complete
from reconciler.teams import view_of
from store import past, policies
from store.database import Store, rows
from store.mirror import bound
from store.recorded import RunRow, Runs, of_run
from store.snapshot import View

EARLIEST = 1  # what is shown for a run that was made before history was kept


class Reading:
    """Reads what directories said of people, now or (`until`) after a run. `configured` are the policies of now."""

    def __init__(
        self, store: Store, connection: Connection, *, until: RunOf | None, configured: Mapping[str, Policy]
    ) -> None:
        self._store, self.connection, self.until, self._configured = store, connection, until, configured
        self.runs = Runs(connection)

    def generation(self, directory: str) -> int:
        """Of which promotion the mirror is to be read; 0 for before the first."""
        if self.until is None:
            return past.NOW
        newest = next(self.runs.newest(directory, self.until), None)
        if newest is None:
            return 0
        return EARLIEST if newest.generation is None else newest.generation

    def sighting(self, directory: str, external_id: str) -> past.Sighting | None:
        """What a directory had last said of a person."""
        return past.person(self.connection, directory, external_id, self.generation(directory))

    def standing(self, directory: str, external_id: str, member: Member | None) -> Standing:
        """A person in a directory; `member` is the one linked to them."""
        newest = next(self.runs.newest(directory, self.until), None)
        planned = next((run for run in self.runs.newest(directory, self.until) if run.planned), None)
        policy = self._policy(directory, newest)
        now = self.until is None
        seen = self.sighting(directory, external_id)
        groups = past.direct_groups(self.connection, directory, external_id, self.generation(directory))
        found = Standing(
            directory,
            Subject(external_id, seen and seen.user, seen and seen.evidence, groups, member),
            policy,
            newest=None if newest is None else newest.run,
            complete=None if planned is None else planned.report.complete,
            recorded=self._recorded(directory, external_id),
            changed=now and policy is not None and not _same(self._configured.get(directory, policy), policy),
            vague=newest is not None and newest.generation is None and not now,
            error="" if newest is None or newest.report.error is None else newest.report.error.get("message", ""),
        )
        if policy is None:
            return found
        found = self._grouped(found, policy, None if now else found.complete or Complete())
        return self._live(found, policy) if now else self._rivals(found, policy)

    def _recorded(self, directory: str, external_id: str) -> tuple[Recorded, ...]:
        """What the newest plan recorded about a person, and what runs about it (approvals, undoing) did since."""
        found: tuple[Recorded, ...] = ()
        for run in self.runs.newest(directory, self.until):
            if run.planned:
                found += of_run(self.connection, self.runs, run, external_id)
                if not run.report.of:
                    break
        return found

    def _policy(self, directory: str, newest: RunRow | None) -> Policy | None:
        if newest is None or newest.policy is None:
            return self._configured.get(directory)
        return policies.of(self.connection, directory, newest.policy)

    def _grouped(self, found: Standing, policy: Policy, complete: Complete | None) -> Standing:
        """With the groups of the directory, and what the policy's names meant."""
        generation = self.generation(found.directory)
        listed = past.groups(self.connection, found.directory, generation)
        nested = tuple(past.nested(self.connection, found.directory, generation)) if policy.nested else ()
        before = bound(self.connection, found.directory)
        resolved = resolve(policy.refs, listed, before)
        names = {group.external_id: group.name for group in listed}
        view = GroupView() if complete is None else view_of(
            resolved.ids,
            nested=nested,
            unknown=(*resolved.ambiguous, *(ref for ref in resolved.missing if ref not in before)),
            never=_short(complete, listed),
            gone=(ref for ref in resolved.missing if ref in before),
            names={ref: names[group] for ref, group in resolved.ids.items()},
        )  # fmt: skip
        return msgspec.structs.replace(found, view=view, ids=resolved.ids, names=names, nested=nested)

    def _live(self, found: Standing, policy: Policy) -> Standing:
        """As the next run would see it: with rivals, others who hold the address, and whether somebody has to stay."""
        view = View(self._store, policy)
        try:
            subject = msgspec.structs.replace(view.one(found.subject.external_id), groups=found.subject.groups)
            return msgspec.structs.replace(
                found, view=view.view, subject=subject, stays=_stays(view, policy, subject.member)
            )
        finally:
            view.close()

    def _rivals(self, found: Standing, policy: Policy) -> Standing:
        """With the other active people who had the same key then."""
        user = found.subject.user
        key = "" if user is None else match_key(policy.match, user)
        if user is None or not key or user.state is not UserState.ACTIVE:
            return found
        rivals = []
        for external_id in named(self.connection, found.directory, key):
            other = self.sighting(found.directory, external_id)
            if external_id != user.external_id and other is not None and _competes(policy, other.user, key):
                rivals.append(external_id)
        return msgspec.structs.replace(
            found, subject=msgspec.structs.replace(found.subject, rivals=tuple(sorted(rivals)))
        )


def _same(configured: Policy, followed: Policy) -> bool:
    """Whether configuration is still what a run followed; mappings that it had dropped by then are no part of it."""
    return configured.digest == msgspec.structs.replace(followed, retired=()).digest


def _competes(policy: Policy, user: DirectoryUser, key: str) -> bool:
    belongs = user.state is UserState.ACTIVE and not outsider(policy, described(policy, user))
    return belongs and match_key(policy.match, user) == key


def _short(complete: Complete, listed: list[DirectoryGroup]) -> list[str]:
    """The groups that a run could not read whole, by what it said of them."""
    if not complete.groups:
        return [group.external_id for group in listed]
    short = {*complete.incomplete_groups}
    return [group.external_id for group in listed if group.name in short or group.external_id in short]


def _stays(view: View, policy: Policy, member: Member | None) -> frozenset[str]:
    """The axes on which this member would have to stay, were a plan made now."""
    protected = [axis for axis in policy.axes if axis.protect_last]
    if member is None or not any(member.roles.get(axis.axis) in axis.holding for axis in protected):
        return frozenset()
    people = lambda: (subject for chunk in view.pending() for subject in chunk)  # noqa: E731 - as in sync.py
    context = with_stays(Context(policy, view.view), view.holders, people)
    return context.stays.get(member.id, frozenset())


def named(connection: Connection, directory: str, key: str) -> list[str]:
    """The ids of people who have, or ever had, this address or user name (normalised)."""
    found = []
    for table in ("mirror_user", "mirror_user_was"):
        sql = f"SELECT external_id, body FROM {table} WHERE directory = :d AND lower(body) LIKE :p ESCAPE '\\'"
        for external_id, body in rows(connection, sql, d=directory, p=f'%"{escaped(key)}"%'):
            user = msgspec.json.decode(body, type=DirectoryUser)
            if key in (match_key("email", user), match_key("user_name", user)):
                found.append(external_id)
    return sorted({*found})


def escaped(text: str) -> str:
    """A text as part of a LIKE pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
