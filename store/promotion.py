"""Promotion: what one pull staged becomes the mirror, in one transaction.

Set-based SQL. What differs is marked pending, and only a collection that a pull says is complete can make anything
disappear.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from reconciler.changes import Touched
from reconciler.policy import Policy
from store.bindings import rebind
from store.database import bulk, rows, scalar
from store.history import Keeper
from store.mirror import directory_row
from store.pending import mark_below, mark_touched

_PERSON = "directory, external_id, state, evidence, match_key, changed_at, body, off_since, off_after"
_OFF = "('suspended', 'gone')"
_AFTER = f"CASE WHEN s.state IN {_OFF} THEN :last END"
# Since when somebody is off stays what it was for as long as they are.
STILL_OFF = ", ".join(
    f"{column} = CASE WHEN excluded.state NOT IN {_OFF} THEN NULL WHEN mirror_user.state IN {_OFF}"
    f" THEN mirror_user.{column} ELSE excluded.{column} END"
    for column in ("off_since", "off_after", "off_told")
)


class Promotion:
    """The steps of one promotion, on one connection, in one transaction."""

    def __init__(self, connection: Connection, policy: Policy, now: str, *, began: str) -> None:
        """`began`: when the pull did."""
        self._connection, self._policy, self._now, self._began = connection, policy, now, began
        self._directory = policy.directory
        row = directory_row(connection, policy.directory)
        self.generation = row.generation + 1  # what the mirror will be
        self._last = row.last_began
        self._was = Keeper(self._run, self.generation)
        # Before the first plan, which compares everybody, marking people would be writing for nobody.
        self._planned = bool(row.policy_digest)
        # A first load has nothing to be compared with.
        self._first = not self._planned and not any(
            scalar(connection, f"SELECT 1 FROM {table} WHERE directory = :d LIMIT 1", d=policy.directory)
            for table in ("mirror_user", "mirror_edge")
        )

    def _run(self, sql: str) -> None:
        known = {
            "d": self._directory, "now": self._now, "mark": self.generation, "began": self._began, "last": self._last
        }  # fmt: skip
        self._connection.execute(text(sql), {name: value for name, value in known.items() if f":{name}" in sql})

    def settle(self) -> None:
        """The same item may have come twice while pages shifted under the reader: the later sight counts."""
        for table in ("stage_user", "stage_group"):
            many = scalar(self._connection, f"SELECT count(*) - count(DISTINCT external_id) FROM {table}")
            if many:
                self._run(
                    f"DELETE FROM {table} WHERE EXISTS (SELECT 1 FROM {table} later"
                    f" WHERE later.external_id = {table}.external_id AND later.seq > {table}.seq)"
                )

    def distrust(self, groups: Iterable[str], *, everything: bool) -> set[str]:
        """Whoever is missing from these groups, or from all that changed, is not believed to have left; the groups."""
        bulk(self._connection, "INSERT INTO stage_distrusted VALUES (?)", [(group,) for group in groups])
        doubted = "NOT same" if everything else "group_id IN (SELECT group_id FROM stage_distrusted)"
        found = {row[0] for row in rows(self._connection, f"SELECT group_id FROM stage_end WHERE {doubted}")}
        self._run(f"UPDATE stage_end SET complete = FALSE, digest = NULL WHERE {doubted}")
        return found

    def people(self) -> None:
        """New and changed people, and those of whom it is established that they are gone."""
        if self._first:
            self._was.newcomers()
            self._run(
                f"INSERT INTO mirror_user ({_PERSON})"
                " SELECT :d, external_id, state, evidence, match_key, :now, body, off_since, NULL FROM stage_user"
                " WHERE state <> 'gone' ORDER BY seq"
            )
        else:
            self._changed()
        if scalar(self._connection, "SELECT 1 FROM stage_user WHERE state = 'gone' LIMIT 1"):
            self._gone()

    def _changed(self) -> None:
        self._run(
            "INSERT INTO stage_changed SELECT s.external_id FROM stage_user s LEFT JOIN mirror_user m"
            " ON m.directory = :d AND m.external_id = s.external_id WHERE s.state <> 'gone' AND"
            " (m.external_id IS NULL OR m.state <> s.state OR m.body <> s.body OR m.match_key <> s.match_key)"
        )
        self._was.people(gone=False)
        self._run(
            f"INSERT INTO mirror_user ({_PERSON})"
            f" SELECT :d, s.external_id, s.state, s.evidence, s.match_key, :now, s.body, s.off_since, {_AFTER}"
            " FROM stage_changed c CROSS JOIN stage_user s WHERE s.external_id = c.external_id AND s.state <> 'gone'"
            " ON CONFLICT (directory, external_id) DO UPDATE SET state = excluded.state, evidence = NULL,"
            " match_key = excluded.match_key, changed_at = excluded.changed_at, body = excluded.body,"
            f" {STILL_OFF}"
        )

    def _gone(self) -> None:
        """Gone people keep their last body. One whom the mirror never saw matters when a member is linked to them."""
        self._run(
            "INSERT INTO stage_changed SELECT s.external_id FROM stage_user s JOIN mirror_user m ON m.directory = :d"
            " AND m.external_id = s.external_id WHERE s.state = 'gone' AND m.state <> 'gone'"
        )
        self._run(
            "INSERT INTO stage_changed SELECT s.external_id FROM stage_user s JOIN member k ON k.directory = :d"
            " AND k.external_id = s.external_id WHERE s.state = 'gone' AND NOT EXISTS"
            " (SELECT 1 FROM mirror_user m WHERE m.directory = :d AND m.external_id = s.external_id)"
        )
        self._was.people(gone=True)
        self._run(
            f"INSERT INTO mirror_user ({_PERSON})"
            f" SELECT :d, s.external_id, 'gone', s.evidence, s.match_key, :now, s.body, s.off_since, {_AFTER}"
            " FROM stage_changed c CROSS JOIN stage_user s WHERE s.external_id = c.external_id AND s.state = 'gone'"
            " ON CONFLICT (directory, external_id) DO UPDATE SET state = 'gone', evidence = excluded.evidence,"
            f" changed_at = excluded.changed_at, {STILL_OFF}, scoped = NULL"
        )

    def groups(self, *, complete: bool) -> None:
        """Groups as listed; those that the directory gave up are gone, and those that a complete listing does not hold,
        unless their members matter and the directory did not say that they are gone."""
        self._was.groups()
        self._run(
            "INSERT INTO mirror_group (directory, external_id, name, email, gone)"
            " SELECT :d, s.external_id, s.name, s.email, FALSE FROM stage_group s LEFT JOIN mirror_group g"
            " ON g.directory = :d AND g.external_id = s.external_id"
            " WHERE g.external_id IS NULL OR g.name <> s.name OR g.email <> s.email OR g.gone"
            " ON CONFLICT (directory, external_id) DO UPDATE SET name = excluded.name, email = excluded.email,"
            " gone = FALSE"
        )
        if complete:
            self._run(
                "INSERT INTO stage_group_gone SELECT external_id FROM mirror_group WHERE directory = :d AND NOT gone"
                " AND NOT EXISTS (SELECT 1 FROM stage_group s WHERE s.external_id = mirror_group.external_id)"
                " AND external_id NOT IN (SELECT external_id FROM stage_vanished)"
            )
        self._was.groups_gone()
        self._run(
            "UPDATE mirror_group SET gone = TRUE, members_digest = NULL WHERE directory = :d AND NOT gone"
            " AND external_id IN (SELECT external_id FROM stage_group_gone)"
        )

    def edges(self) -> None:
        """Memberships: missing ones go only in groups that were read whole or are gone; added ones come always."""
        self._edges_gone()
        self._run(
            "DELETE FROM mirror_edge WHERE directory = :d AND (nested, member_id, group_id) IN"
            " (SELECT nested, member_id, group_id FROM stage_edges_gone)"
        )
        self._run(
            "INSERT INTO stage_edges_changed SELECT s.group_id, s.member_id, s.nested FROM stage_edge s"
            " LEFT JOIN mirror_edge e ON e.directory = :d AND e.nested = s.nested AND e.member_id = s.member_id"
            " AND e.group_id = s.group_id WHERE e.group_id IS NULL GROUP BY s.member_id, s.group_id, s.nested"
        )
        self._run(
            "INSERT INTO mirror_edge (directory, group_id, member_id, nested)"
            " SELECT :d, group_id, member_id, nested FROM stage_edges_changed"
        )
        self._was.edges()
        self._run("INSERT INTO stage_edges_changed SELECT group_id, member_id, nested FROM stage_edges_gone")

    def _edges_gone(self) -> None:
        into = "INSERT INTO stage_edges_gone SELECT e.group_id, e.member_id, e.nested FROM "
        self._run(
            f"{into} stage_lost e WHERE e.group_id IN (SELECT group_id FROM stage_end WHERE complete)"
            " ON CONFLICT DO NOTHING"
        )
        # By group all edges of the directory are looked through.
        if scalar(self._connection, "SELECT 1 FROM stage_group_gone LIMIT 1"):
            self._run(
                f"{into} mirror_edge e WHERE e.directory = :d AND e.group_id IN (SELECT external_id FROM"
                " stage_group_gone) ON CONFLICT DO NOTHING"
            )
        self._run(
            # CROSS JOIN fixes the order on SQLite, here and below: from the few who changed to what the mirror has.
            f"{into} stage_left l CROSS JOIN mirror_edge e WHERE e.directory = :d AND e.nested IN (FALSE, TRUE)"
            " AND e.member_id = l.member_id AND e.group_id = l.group_id ON CONFLICT DO NOTHING"
        )
        # Graph says nothing about the groups of a user who was deleted (facts §4.1): a restored one starts without.
        self._run(
            f"{into} stage_changed c CROSS JOIN stage_user s CROSS JOIN mirror_edge e"
            " WHERE s.external_id = c.external_id AND s.state = 'gone'"
            " AND e.directory = :d AND e.nested = FALSE AND e.member_id = c.external_id"
            " AND NOT EXISTS (SELECT 1 FROM stage_edge g WHERE g.group_id = e.group_id AND g.member_id = e.member_id)"
            " ON CONFLICT DO NOTHING"
        )

    def mark(self) -> None:
        """Everybody whom a change concerns is pending: the changed, those who share their key, members of groups."""
        if not self._planned:
            return
        upsert = " ON CONFLICT (directory, external_id) DO UPDATE SET mark = excluded.mark"
        into = "INSERT INTO pending (directory, external_id, mark) "
        self._run(f"{into}SELECT :d, external_id, :mark FROM stage_changed WHERE TRUE{upsert}")
        # A key that was shared and no longer is frees its conflict, which is pending by itself until it is settled.
        self._run(
            f"{into}SELECT DISTINCT :d, o.external_id, :mark FROM stage_changed c CROSS JOIN mirror_user m"
            " CROSS JOIN mirror_user o WHERE m.directory = :d AND m.external_id = c.external_id AND m.match_key <> ''"
            " AND o.directory = :d AND o.match_key = m.match_key AND o.external_id <> m.external_id"
            f" AND o.state = 'active'{upsert}"
        )
        self._run(f"{into}SELECT DISTINCT :d, member_id, :mark FROM stage_edges_changed WHERE NOT nested{upsert}")
        inner = rows(self._connection, "SELECT DISTINCT member_id FROM stage_edges_changed WHERE nested")
        self._mark_below({row[0] for row in inner})

    def touch(self, touched: Touched) -> None:
        """Everybody whom a changed policy touches is pending; after `note`, which says what its names mean."""
        if self._planned and touched and not touched.everybody:
            mark_touched(self._connection, self._policy, touched, self.generation)

    def _mark_below(self, groups: set[str]) -> None:
        """A nested group came or went, or a name means another group: everybody below gains or loses what is above."""
        mark_below(self._connection, self._directory, groups, self.generation)

    def note(self, *, users: bool, groups: bool, short: bool) -> None:
        """The directory's own row: generation, what was complete when; names resolved to ids; groups read whole."""
        self._run("UPDATE directory SET generation = :mark WHERE id = :d")
        for column, whole in (("users_complete_at", users), ("groups_complete_at", groups)):
            if whole:
                self._run(f"UPDATE directory SET {column} = :now WHERE id = :d")
        if users:
            self._run("UPDATE directory SET last_began = :began WHERE id = :d")
            self._run("UPDATE directory SET first_began = last_began WHERE id = :d AND first_began IS NULL")
        unread = scalar(self._connection, "SELECT count(*) FROM stage_end WHERE NOT complete")
        if users and groups and not unread:
            self._run("UPDATE directory SET complete_at = :now WHERE id = :d")
        # A read that came back short hides who moved into the group, whatever an earlier one saw.
        unread_groups = "NOT IN (SELECT group_id FROM stage_end WHERE complete)" if short else (
            "IN (SELECT group_id FROM stage_end WHERE NOT complete)"
        )  # fmt: skip
        self._run(
            "UPDATE mirror_group SET members_complete_at = NULL WHERE directory = :d"
            f" AND members_complete_at IS NOT NULL AND external_id {unread_groups}"
        )
        self._run(
            "UPDATE mirror_group SET members_complete_at = :now WHERE directory = :d AND external_id IN"
            " (SELECT group_id FROM stage_end WHERE complete)"
        )
        self._run(
            "UPDATE mirror_group SET members_digest = NULL WHERE directory = :d AND members_digest IS NOT NULL"
            " AND external_id IN (SELECT group_id FROM stage_edges_changed)"
        )
        self._run(
            "UPDATE mirror_group SET members_digest ="
            " (SELECT digest FROM stage_end e WHERE e.group_id = mirror_group.external_id)"
            " WHERE directory = :d AND external_id IN (SELECT group_id FROM stage_end WHERE NOT same)"
        )
        self._bind()

    def listed(self, *, identity: str) -> None:
        """A whole listing of people came in, under these credentials."""
        self._connection.execute(
            text("UPDATE directory SET identity = :identity WHERE id = :d"),
            {"identity": identity, "d": self._directory},
        )

    def keep_cursor(self, cursor: str, *, whole: bool, void: bool) -> None:
        """The place of the next incremental read goes forward with a whole read, and else stays where it was unless it
        is `void`: then everything is read again."""
        if whole or void:
            self._connection.execute(
                text("UPDATE directory SET cursor = :cursor WHERE id = :d"),
                {"cursor": (cursor or None) if whole else None, "d": self._directory},
            )

    def _bind(self) -> None:
        concerned = rebind(self._connection, self._policy)
        if self._planned:
            self._mark_below(concerned)
