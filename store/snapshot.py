"""A consistent view of mirror and workspace, read in chunks of rising external id (the `Snapshot` port).

One range of ids is one chunk. Every query of a chunk has the same shape, a range and optionally a selection of ids in
it, so that looking at a few people and looking at everybody run the same code, and memory does not follow the size of
the directory. Not here: the queries (ranges.py), and what they say about a person (subjects.py).
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from reconciler.flaps import Past
from reconciler.match import Subject
from reconciler.model import Member
from reconciler.policy import Flap, Policy, RoleAxis
from store.database import Store
from store.flaps import History
from store.mappings import notes
from store.mirror import group_view, peek
from store.ranges import MEMBER, NO_TEAMS, Ranges, member_of
from store.subjects import Chunk

CHUNK = 2000  # people at a time: about 10 MB of Python objects
LAST = "\U0010ffff"  # sorts after every id, byte by byte

_PENDING = (
    "(SELECT external_id FROM pending WHERE directory = :d AND mark <= :mark"
    " AND external_id > :lo AND external_id <= :hi)"
)
_ACTED = (
    "(SELECT external_id FROM action WHERE run = :run AND state IN ('held', 'applied')"
    " AND external_id > :lo AND external_id <= :hi)"
)
_HOLDERS = (
    "(SELECT h.external_id FROM member_role v CROSS JOIN member h WHERE h.no = v.member_no AND h.directory = :d"
    " AND h.active AND v.axis = :axis AND v.value IN :values AND h.external_id > :lo AND h.external_id <= :hi)"
)
_ADOPTING = (
    "SELECT external_id FROM mirror_user WHERE directory = :d AND match_key = :key AND match_key <> ''"
    " AND state = 'active'"
)


class View:
    """The view; closes its connection in `close`."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(store.read())
        self._policy = policy
        self.view, warnings = group_view(self._connection, policy)
        self.warnings = (*warnings, *notes(self._connection, policy, self.view))
        row = peek(self._connection, policy.directory)
        self.mark = row.generation if row else 0
        self._ranges = Ranges(store, self._connection, policy, self.view, self.mark)
        self._history = History(self._connection, policy.workspace, policy.directory)

    def close(self) -> None:
        """Ends the view."""
        self._stack.close()

    def pending(self) -> Iterator[Sequence[Subject]]:
        """The people whom something changed about."""
        ids = (
            "SELECT external_id FROM pending WHERE directory = :d AND mark <= :mark AND external_id > :lo"
            " ORDER BY external_id LIMIT :n"
        )
        return self._chunks(ids, _PENDING, {})

    def acted(self, run: str) -> Iterator[Sequence[Subject]]:
        """The people whom a run holds something about, or did something to."""
        ids = (
            "SELECT DISTINCT external_id FROM action WHERE run = :run AND state IN ('held', 'applied')"
            " AND external_id > :lo ORDER BY external_id LIMIT :n"
        )
        return self._chunks(ids, _ACTED, {"run": run})

    def past(self, external_ids: Sequence[str], flap: Flap) -> dict[str, list[Past]]:
        """What the latest runs applied to these people, oldest first."""
        return self._history.past(external_ids, flap)

    def members(self, ids: Sequence[str]) -> dict[str, Member]:
        """Members of the workspace by id, with their roles and teams."""
        found: dict[str, Member] = {}
        for start in range(0, len(ids), 500):
            sql = f"SELECT {MEMBER} FROM member m WHERE m.workspace = :w AND m.id IN :ids"
            given = {"w": self._policy.workspace, "ids": list(ids[start : start + 500])}
            found |= {row[0]: self._ranges.whole(row) for row in self._ranges.rows(sql, given)}
        return found

    def everyone(self) -> Iterator[Sequence[Subject]]:
        """All people of the mirror and all members linked to the directory."""
        ids = (
            "SELECT external_id FROM mirror_user WHERE directory = :d AND external_id > :lo"
            " ORDER BY external_id LIMIT :n"
        )
        return self._chunks(ids, "", {}, open_end=True)

    def these(self, external_ids: Sequence[str]) -> list[Subject]:
        """These people, at most 500, as far as mirror or workspace know them."""
        return self._subjects(":ids", {"ids": list(external_ids)})

    def one(self, external_id: str) -> Subject:
        """One person, whether or not anything changed about them."""
        found = self._subjects("(:one)", {"one": external_id, "lo": "", "hi": LAST})
        return found[0] if found else Subject(external_id)

    def holders(self, axis: RoleAxis) -> Iterator[Subject | Member]:
        """Active holders of the protected value or a higher one; somebody whom this directory does not own first."""
        given = {"axis": axis.axis, "values": axis.holding}
        yield from self._foreign(given)
        ids = (
            "SELECT h.external_id FROM member_role v CROSS JOIN member h WHERE h.no = v.member_no AND h.directory = :d"
            " AND h.active AND v.axis = :axis AND v.value IN :values AND h.external_id > :lo"
            " ORDER BY h.external_id LIMIT :n"
        )
        for chunk in self._chunks(ids, _HOLDERS, given):
            yield from chunk

    def _foreign(self, given: dict[str, Any]) -> Iterator[Subject | Member]:
        """One holder whom another directory manages; else those added by hand, or who in this directory adopts them."""
        key = self._ranges.key_column
        sql = (
            # CROSS JOIN fixes the order on SQLite: from the few who hold the value to their members.
            f"SELECT {MEMBER}, m.{key} FROM member_role v CROSS JOIN member m WHERE m.no = v.member_no"
            " AND m.workspace = :w AND m.active AND v.axis = :axis AND v.value IN :values"
        )
        here = {**given, "w": self._policy.workspace}
        for row in self._ranges.rows(f"{sql} AND m.managed AND m.directory <> :d LIMIT 1", here):
            yield member_of(row, {}, NO_TEAMS)
        for row in self._ranges.rows(f"{sql} AND NOT m.managed", here):
            adopting = {"key": row[14] or ""}
            ids = f"{_ADOPTING} AND external_id > :lo ORDER BY external_id LIMIT :n"
            sharing = (one for chunk in self._chunks(ids, f"({_ADOPTING})", adopting) for one in chunk)
            found = [one for one in sharing if one.member is None]  # who has a member adopts no other
            yield from found
            if not found:
                yield member_of(row, {}, NO_TEAMS)

    def _chunks(
        self, ids: str, selection: str, given: dict[str, Any], *, open_end: bool = False
    ) -> Iterator[Sequence[Subject]]:
        low = ""
        while True:
            found = [row[0] for row in self._ranges.rows(ids, {**given, "lo": low, "n": CHUNK})]
            last = len(found) < CHUNK
            high = LAST if last and open_end else found[-1] if found else low
            if high > low:
                yield self._subjects(selection, {**given, "lo": low, "hi": high})
            if last:
                return
            low = high

    def _subjects(self, selection: str, given: dict[str, Any]) -> list[Subject]:
        chunk = Chunk(self._ranges, selection, given)
        return [chunk.subject(external_id) for external_id in chunk.ids]
