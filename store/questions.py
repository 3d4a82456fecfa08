"""What one pull's listings lack although the mirror knows it: what is asked for by id, and what the answers allow.

A listing that comes back short with a clean 200 cannot be told from the truth, so what it lacks is only a question:

* people whom a whole listing does not hold: gone when the directory says so by id. A bare "no such id" is what a
  narrowed permission may answer, too, for many at once: of more than a few it counts when two whole listings running
  show it, and always only from a directory that knows people by id whom it lists;
* groups that a whole listing does not hold, as far as their members matter: the same;
* members whom a group that was read whole does not hold any more: a few of each group are asked for, and a single one
  who is still in makes that group's listing unbelievable. A listing whose lost members really left is believed, and so
  is one about whose members the directory refuses to say anything.

What does not live here: staging (staging.py), and what becomes of what is believed (promotion.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, text

from reconciler.model import (
    CollectionEnd,
    Completeness,
    DirectoryUser,
    Evidence,
    GroupGone,
    GroupsSeen,
    Membership,
    MembersSeen,
    Observation,
    Questions,
    UserGone,
    UsersSeen,
)
from store.database import bulk, rows, scalar
from store.ends import Ends
from store.mirror import directory_row

MOST = 500  # people, as many groups and as many memberships that are asked for in one run: minutes at a vendor's pace
FEW, SHARE = 2, 0.05  # a bare "no such id" of more people than both has to be heard in two listings running
FEW_GROUPS = 1  # and of more groups than this
_SHOWN = 5  # groups that get a sentence of their own
_KEPT = "they stay as they were"
_AGAIN = "believed when the next whole listing shows the same"
_WORTHLESS = f"but it does not find people by id whom it lists, either; {_KEPT}"
_NOBODY = f"but it lists nobody who could be asked for as a proof; {_KEPT}"

TABLES = {
    "stage_lost": "group_id {id}, member_id {id}, nested {bool}",
    "stage_vanished": "external_id {id}",
    "stage_distrusted": "group_id {id}",
}
_decode = msgspec.json.Decoder(DirectoryUser).decode


@dataclass(frozen=True)
class Verdict:
    """What may be believed.

    `people` and `groups`: whether their listings are whole. `unread`: ids of groups whose members stay as they were.
    `short`: nobody leaves any group that changed.
    """

    people: bool
    groups: bool
    unread: frozenset[str]
    short: bool
    reasons: tuple[str, ...]


class Inquiry:
    """The questions of one pull and their answers."""

    def __init__(self, directory: str, identity: str) -> None:
        self._directory, self._identity = directory, identity
        self._missing = 0  # people whom a whole listing lacks, asked for or not
        self._there: set[str] = set()
        self._gone: set[str] = set()  # people on the directory's word, or by an absence that is believed
        self._absent: set[str] = set()  # people of whom it only knows no such id
        self._absent_groups: set[str] = set()
        self._witnesses: set[str] = set()  # listed people who have not been found by id yet
        self._alone = False  # nobody is listed who could be asked for
        self._returned: set[str] = set()  # groups that a whole listing lacks and that are there
        self._still: dict[str, str] = {}  # group: a member who is in it although its listing lacks them
        self._silent: set[str] = set()  # groups about whose members the directory did not answer
        self._unasked: set[str] = set()  # groups whose turn did not come

    # -- asking -------------------------------------------------------------------------------------------------

    def first(self, connection: Connection, ends: Ends, *, thorough: bool, most: int) -> Questions:
        """People and groups that whole listings lack."""
        people: tuple[str, ...] = ()
        if ends.all("users", Completeness.COMPLETE):
            row = directory_row(connection, self._directory)
            sql = _MISSING + (_STRANGERS if thorough or row.users_complete_at is None else "")
            people = self._ids(connection, f"SELECT x.external_id FROM ({sql}) x {_ABSENT_FIRST} LIMIT :n", n=most)
            self._missing = len(people)
            if len(people) == most:
                self._missing = self._number(connection, f"SELECT count(*) FROM ({sql}) x")
        if not ends.all("groups", Completeness.COMPLETE):
            return Questions(people)
        return Questions(
            people, self._ids(connection, f"SELECT x.external_id FROM ({_VANISHED}) x {_ABSENT_FIRST} LIMIT :n", n=most)
        )

    def second(self, connection: Connection, ends: Ends, *, changed: bool, most: int) -> Questions:
        """Where somebody or something is absent: two people whom the listing holds. Where groups changed: members whom
        they lost, but nobody when the listing of people proved short, since no changed group is believed then."""
        if self._absent or self._absent_groups:
            self._witnesses = {*self._ids(connection, _WITNESSES)}
            self._alone = not self._witnesses
        members = self._sample(connection, ends, most) if changed and not self._there else ()
        return Questions(people=tuple(sorted(self._witnesses)), members=members)

    def _sample(self, connection: Connection, ends: Ends, most: int) -> tuple[Membership, ...]:
        """Up to three whom each group lost: the first, the last and the one in the middle by id, since what a listing
        leaves out comes in stretches. Every group has its turn before any has its second."""
        lost = _LOST.format(standing=_LISTED if ends.all("users", Completeness.COMPLETE) else _NOT_GONE)
        found = rows(connection, _SAMPLE.format(lost=lost), d=self._directory, n=most)
        asked = tuple([Membership(row[0], row[1], bool(row[2])) for row in found])
        if len(asked) == most:
            changed = self._ids(connection, f"SELECT DISTINCT group_id FROM ({lost}) x")
            self._unasked = {*changed} - {one.group for one in asked}
        return asked

    def answer(self, observation: Observation) -> bool:
        """Notes an answer; whether it is to be staged like any other observation."""
        match observation:
            case UsersSeen(users):
                return self._seen({user.external_id for user in users})
            case UserGone(external_id, evidence, _):
                if external_id in self._witnesses:
                    return False
                (self._absent if evidence is Evidence.ABSENCE else self._gone).add(external_id)
            case GroupsSeen(groups):
                self._returned |= {group.external_id for group in groups}
            case GroupGone(external_id, Evidence.ABSENCE):
                self._absent_groups.add(external_id)
                return False
            case MembersSeen(group, users, groups):
                self._still.setdefault(group, (*users, *groups)[0])
                return False
            case CollectionEnd("members", _, group):
                self._silent.add(group)
                return False
        return True

    def _seen(self, people: set[str]) -> bool:
        """Whether they were asked for because the listing lacks them, and not as witnesses."""
        witnesses = bool(people & self._witnesses)
        self._witnesses -= people
        self._there |= set() if witnesses else people
        return not witnesses

    # -- what the answers allow ---------------------------------------------------------------------------------

    def verdict(self, connection: Connection, ends: Ends, now: str) -> Verdict:
        """Takes what is not believed out of the staging again, and says what else is not believed."""
        self._settle_absence(connection, now)
        vanished: set[str] = set()
        if ends.all("groups", Completeness.COMPLETE):
            connection.execute(text(f"INSERT INTO stage_vanished {_VANISHED}"), {"d": self._directory})
            vanished = {*self._ids(connection, "SELECT external_id FROM stage_vanished")}
        sql = _UNSETTLED + (_UNSETTLED_PEOPLE if ends.all("users", Completeness.COMPLETE) else "")
        unsettled = {*self._ids(connection, sql)}
        people = [*self._about_people()]
        reasons = [*people, *self._about_groups(connection, vanished), *self._about_members(connection, unsettled)]
        return Verdict(
            people=not people,
            groups=not (self._there or vanished or self._returned),
            unread=frozenset(vanished | self._returned | self._still.keys() | self._silent | self._unasked | unsettled),
            short=bool(self._there),
            reasons=tuple(reasons),
        )

    def _settle_absence(self, connection: Connection, now: str) -> None:
        """Believes, under credentials that have read a whole listing before, the absence of a few, and of those whose
        absence that listing showed too; notes what is new, and forgets what was found again."""
        absent = self._absent | self._absent_groups
        noted = {*self._ids(connection, "SELECT external_id FROM absent WHERE directory = :d")}
        if not absent and not noted:
            return
        row = directory_row(connection, self._directory)
        tried = row.identity == self._identity
        counts = noted if tried else set()
        believed = set() if self._worthless else absent & (counts | (self._few(connection) if tried else set()))
        self._gone |= self._absent & believed
        self._absent -= believed
        sql = "DELETE FROM stage_user WHERE state = 'gone' AND evidence = 'absence' AND external_id = ?"
        bulk(connection, sql, [(one,) for one in self._absent])
        bulk(connection, "INSERT INTO stage_group_gone VALUES (?)", [(one,) for one in self._absent_groups & believed])
        kept = counts - {*self._ids(connection, _FOUND)}
        kept |= set() if self._worthless else absent - believed
        if kept != noted:
            connection.execute(text("DELETE FROM absent WHERE directory = :d"), {"d": self._directory})
            bulk(
                connection, "INSERT INTO absent VALUES (?, ?, ?)", [(self._directory, one, now) for one in sorted(kept)]
            )

    @property
    def _worthless(self) -> str:
        """Why an absence says nothing; "" when it does."""
        return _WORTHLESS if self._witnesses else _NOBODY if self._alone else ""

    def _few(self, connection: Connection) -> set[str]:
        """The absent, as far as they are no more than leave in a usual week."""
        number = max(len(self._absent), self._missing - len(self._there | self._gone))  # asked for or not
        known = self._number(connection, _KNOWN) if number > FEW else 0
        few = set() if number > max(FEW, SHARE * known) else set(self._absent)
        return few | (set() if len(self._absent_groups) > FEW_GROUPS else self._absent_groups)

    def _about_people(self) -> Iterable[str]:
        """Why the listing of people is not believed to be whole. One that leaves out people leaves out members too."""
        if self._there:
            people = _people(len(self._there))
            yield f"the listing of people was short: {people} there whom it did not hold; nobody leaves a group now"
        if self._absent:
            doubt = self._worthless or _AGAIN
            yield f"{_people(len(self._absent))} missing from the listing, and the directory knows no such id; {doubt}"
        left = self._missing - len(self._there | self._gone | self._absent)
        if left > 0:
            yield f"{_people(left)} missing from the listing, and asking for them by id did not settle it; {_KEPT}"

    def _about_groups(self, connection: Connection, vanished: set[str]) -> Iterable[str]:
        if self._returned:
            names = self._names(connection, self._returned)
            yield f"the listing of groups was short: {names} there when asked by id; their members stay as they were"
        if absent := vanished & self._absent_groups:
            doubt = self._worthless or _AGAIN
            names = self._names(connection, absent)
            yield f"{names} missing from the listing of groups, and the directory knows no such id; {doubt}"
        if left := vanished - self._absent_groups:
            names = self._names(connection, left)
            yield f"{names} missing from the listing of groups, and asking by id did not settle it; {_KEPT}"

    def _about_members(self, connection: Connection, unsettled: set[str]) -> Iterable[str]:
        for group in sorted(self._still)[:_SHOWN]:
            who, name = self._member(connection, self._still[group]), self._name(connection, group)
            yield (
                f"{name}: the listing does not hold {who}, who is still a member when asked by id; its members stay as"
                " they were"
            )
        if len(self._still) > _SHOWN:
            yield f"{len(self._still) - _SHOWN} more groups: the same"
        if unsettled:
            names = self._names(connection, unsettled)
            yield f"{names} listed without members of whom it is open whether they are gone; its members stay"
        if self._unasked:
            yield f"{len(self._unasked)} more groups lost members; they stay until the next runs ask for them by id"

    def _names(self, connection: Connection, groups: set[str]) -> str:
        """ "Eng is", "Eng, Ops are" """
        shown = [self._name(connection, group) for group in sorted(groups)[:_SHOWN]]
        more = [f"{len(groups) - _SHOWN} more"] if len(groups) > _SHOWN else []
        return f"{', '.join([*shown, *more])} {'is' if len(groups) == 1 else 'are'}"

    def _name(self, connection: Connection, group: str) -> str:
        sql = "SELECT name FROM mirror_group WHERE directory = :d AND external_id = :id"
        return str(scalar(connection, sql, d=self._directory, id=group) or group)

    def _member(self, connection: Connection, member: str) -> str:
        sql = "SELECT body FROM mirror_user WHERE directory = :d AND external_id = :id"
        body = scalar(connection, sql, d=self._directory, id=member)
        return self._name(connection, member) if body is None else _decode(body).email or member

    # -- SQL ----------------------------------------------------------------------------------------------------

    def _ids(self, connection: Connection, sql: str, **given: object) -> tuple[str, ...]:
        found = rows(connection, sql, **given, **({"d": self._directory} if ":d" in sql else {}))
        return tuple([str(row[0]) for row in found])

    def _number(self, connection: Connection, sql: str) -> int:
        return int(scalar(connection, sql, **({"d": self._directory} if ":d" in sql else {})))


def _people(number: int) -> str:
    return "1 person is" if number == 1 else f"{number} people are"


_MISSING = (
    "SELECT m.external_id FROM mirror_user m WHERE m.directory = :d AND m.state <> 'gone'"
    " AND NOT EXISTS (SELECT 1 FROM stage_user s WHERE s.external_id = m.external_id)"
)
_KNOWN = "SELECT count(*) FROM mirror_user WHERE directory = :d AND state <> 'gone'"
_STRANGERS = (
    " UNION ALL SELECT k.external_id FROM member k WHERE k.directory = :d AND k.active"
    " AND NOT EXISTS (SELECT 1 FROM stage_user s WHERE s.external_id = k.external_id)"
    " AND NOT EXISTS (SELECT 1 FROM mirror_user m WHERE m.directory = :d AND m.external_id = k.external_id)"
)
_VANISHED = (  # of groups that configuration does not reach, nothing depends on their members
    "SELECT g.external_id FROM mirror_group g WHERE g.directory = :d AND NOT g.gone"
    " AND NOT EXISTS (SELECT 1 FROM stage_group s WHERE s.external_id = g.external_id)"
    " AND NOT EXISTS (SELECT 1 FROM stage_group_gone z WHERE z.external_id = g.external_id)"
    " AND (g.members_complete_at IS NOT NULL"
    " OR g.external_id IN (SELECT group_id FROM binding WHERE directory = :d)"
    " OR g.external_id IN (SELECT member_id FROM mirror_edge WHERE directory = :d AND nested = TRUE))"
)
_ABSENT_FIRST = (  # so that whoever has to be asked for twice is, when not everybody can be
    "LEFT JOIN absent a ON a.directory = :d AND a.external_id = x.external_id"
    " ORDER BY CASE WHEN a.since IS NULL THEN 1 ELSE 0 END, x.external_id"
)
_FOUND = (
    "SELECT a.external_id FROM absent a WHERE a.directory = :d"
    " AND (EXISTS (SELECT 1 FROM stage_user s WHERE s.external_id = a.external_id)"
    " OR EXISTS (SELECT 1 FROM stage_group g WHERE g.external_id = a.external_id)"
    " OR EXISTS (SELECT 1 FROM stage_group_gone z WHERE z.external_id = a.external_id))"
)
_WITNESSES = (
    "SELECT external_id FROM stage_user WHERE seq IN ((SELECT min(seq) FROM stage_user WHERE state <> 'gone'),"
    " (SELECT max(seq) FROM stage_user WHERE state <> 'gone'))"
)
_LOST = (
    "SELECT l.group_id, l.member_id, l.nested FROM stage_lost l JOIN mirror_user m ON m.directory = :d"
    " AND m.external_id = l.member_id AND m.state <> 'gone' WHERE NOT l.nested AND {standing}"
    " UNION ALL SELECT l.group_id, l.member_id, l.nested FROM stage_lost l JOIN mirror_group g ON g.directory = :d"
    " AND g.external_id = l.member_id AND NOT g.gone WHERE l.nested"
    " AND NOT EXISTS (SELECT 1 FROM stage_group_gone z WHERE z.external_id = l.member_id)"
)
_LISTED = "EXISTS (SELECT 1 FROM stage_user s WHERE s.external_id = l.member_id AND s.state <> 'gone')"
_NOT_GONE = f"(NOT EXISTS (SELECT 1 FROM stage_user s WHERE s.external_id = l.member_id) OR {_LISTED})"
_SAMPLE = (
    "SELECT group_id, member_id, nested FROM (SELECT group_id, member_id, nested,"
    " ROW_NUMBER() OVER (PARTITION BY group_id ORDER BY nested, member_id) AS place,"
    " COUNT(*) OVER (PARTITION BY group_id) AS many FROM ({lost}) l) x WHERE place IN (1, many, (many + 1) / 2)"
    " ORDER BY CASE place WHEN 1 THEN 1 WHEN many THEN 2 ELSE 3 END, group_id LIMIT :n"
)
_UNSETTLED = (
    "SELECT l.group_id FROM stage_lost l WHERE l.nested AND l.member_id IN (SELECT external_id FROM stage_vanished)"
)
_UNSETTLED_PEOPLE = (
    " UNION SELECT l.group_id FROM stage_lost l JOIN mirror_user m ON m.directory = :d AND m.external_id = l.member_id"
    " AND m.state <> 'gone' WHERE NOT l.nested"
    " AND NOT EXISTS (SELECT 1 FROM stage_user s WHERE s.external_id = l.member_id)"
)
