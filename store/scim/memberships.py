"""Who is in which SCIM group, a row each: the cost of a change follows who comes and goes, never the group's size.

Numbers here are `scim_resource.no`. Who is told about a change is not here (told.py).
"""

from collections.abc import Iterable, Mapping, Sequence

from reconciler.query import Kind
from reconciler.resources import Link
from reconciler.teams import MAX_DEPTH
from store.scim.statements import Statements


class Memberships:
    """The memberships in one directory's groups, on one connection."""

    def __init__(self, statements: Statements, directory: str) -> None:
        self._run, self._directory = statements, directory
        names = ("'$.displayName'", "'$.userName'")
        shown = [f"json_extract(r.body, {name})" for name in names] if statements.sqlite else [
            "(r.body::jsonb ->> 'displayName')", "(r.body::jsonb ->> 'userName')"
        ]  # fmt: skip
        self._shown = f"coalesce(nullif({shown[0]}, ''), {shown[1]}, '')"

    def listed(self, group: int, most: int | None) -> Sequence[Link]:
        """The direct members in order of joining."""
        sql = (
            f"SELECT r.kind, r.id, {self._shown} FROM scim_member m JOIN scim_resource r ON r.no = m.member_no"
            " WHERE m.group_no = ? ORDER BY m.joined"
        )
        found = self._run.all(sql, group) if most is None else self._run.all(f"{sql} LIMIT ?", group, most)
        return tuple(Link(*row) for row in found)

    def holds(self, group: int, member: int) -> bool:
        """Whether it is a direct member."""
        sql = "SELECT 1 FROM scim_member WHERE member_no = ? AND group_no = ?"
        return self._run.one(sql, member, group) is not None

    def add(self, group: int, members: Mapping[str, int]) -> tuple[str, ...]:
        """Makes them members, in this order; those that were none before."""
        if not members:
            return ()
        sql = "SELECT member_no FROM scim_member WHERE group_no = ? AND member_no IN ?#"
        inside = {row[0] for row in self._run.all(sql, group, [*members.values()])}
        new = {one: no for one, no in members.items() if no not in inside}
        if new:
            last = self._run.one("SELECT coalesce(max(joined), 0) FROM scim_member WHERE group_no = ?", group)[0]
            self._run.each(
                "INSERT INTO scim_member (group_no, joined, member_no) VALUES (?, ?, ?)",
                [(group, place, no) for place, no in enumerate(new.values(), last + 1)],
            )
        return tuple(new)

    def remove(self, group: int, members: Mapping[str, int]) -> tuple[str, ...]:
        """Ends their membership; those that were members."""
        if not members:
            return ()
        # Not by group: the members of a group are found by its order of joining only.
        sql = "DELETE FROM scim_member WHERE member_no IN ?# AND group_no = ? RETURNING member_no"
        gone = {row[0] for row in self._run.all(sql, [*members.values()], group)}
        return tuple(one for one, no in members.items() if no in gone)

    def clear(self, group: int) -> tuple[str, ...]:
        """Ends everybody's membership; who they were, in order of joining."""
        sql = (
            "SELECT r.id FROM scim_member m JOIN scim_resource r ON r.no = m.member_no WHERE m.group_no = ?"
            " ORDER BY m.joined"
        )
        gone = tuple(row[0] for row in self._run.all(sql, group))
        self._run.run("DELETE FROM scim_member WHERE group_no = ?", group)
        return gone

    def forget(self, number: int) -> None:
        """Ends every membership of a resource, in it and of it."""
        self._run.run("DELETE FROM scim_member WHERE group_no = ?", number)
        self._run.run("DELETE FROM scim_member WHERE member_no = ?", number)

    def above(self, users: Iterable[str]) -> Mapping[str, Sequence[Link]]:
        """The groups of each of these, direct ones first, then those reached through them, each once."""
        asked = list(dict.fromkeys(users))
        sql = (
            f"SELECT u.id, g.no, g.id, {self._shown.replace('r.body', 'g.body')} FROM scim_resource u"
            " CROSS JOIN scim_member m CROSS JOIN scim_resource g WHERE u.directory = ? AND u.id IN ?*"
            " AND m.member_no = u.no AND g.no = m.group_no ORDER BY g.no"
        )
        found: dict[str, dict[int, Link]] = {user: {} for user in asked}
        for user, number, group, display in self._run.all(sql, self._directory, asked):
            found[user][number] = Link("Group", group, display)
        parents = self._parents({number for groups in found.values() for number in groups})
        for groups in found.values():
            _climb(groups, parents)
        return {user: tuple(groups.values()) for user, groups in found.items()}

    def _parents(self, numbers: set[int]) -> dict[int, list[tuple[int, Link]]]:
        """The groups directly above each of these and of those above them: edges between groups are few."""
        parents: dict[int, list[tuple[int, Link]]] = {}
        sql = (
            f"SELECT m.member_no, g.no, g.id, {self._shown.replace('r.body', 'g.body')} FROM scim_member m"
            " CROSS JOIN scim_resource g WHERE m.member_no IN ?# AND g.no = m.group_no ORDER BY g.no"
        )
        frontier = numbers
        for _ in range(MAX_DEPTH):
            if not frontier:
                break
            for child, number, group, display in self._run.all(sql, sorted(frontier)):
                parents.setdefault(child, []).append((number, Link("Group", group, display, direct=False)))
            frontier = {up for child in frontier for up, _ in parents.get(child, ())} - parents.keys() - frontier
        return parents

    def kinds(self, ids: Iterable[str]) -> dict[str, tuple[int, Kind]]:
        """Number and kind of those of these ids that are there."""
        sql = "SELECT id, no, kind FROM scim_resource WHERE directory = ? AND id IN ?*"
        return {row[0]: (row[1], row[2]) for row in self._run.all(sql, self._directory, list(ids))}


def _climb(groups: dict[int, Link], parents: Mapping[int, list[tuple[int, Link]]]) -> None:
    """Adds the groups above, whatever circles they form."""
    frontier = [*groups]
    while frontier:
        ups = [(number, link) for child in frontier for number, link in parents.get(child, ()) if number not in groups]
        frontier = [number for number, _ in ups]
        groups.update(ups)
