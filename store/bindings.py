"""Which group each configured name means, kept from one change of the groups to the next.

The rule is reconciler/groups.py; here it meets what the mirror lists and what is remembered.
"""

from sqlalchemy import Connection

from reconciler.groups import resolve
from reconciler.policy import Policy
from store.database import bulk
from store.mirror import bound, groups_of


def rebind(connection: Connection, policy: Policy) -> set[str]:
    """Resolves every name anew and keeps what it means now; the ids of the groups that a name has come to mean, or
    means no longer."""
    known = bound(connection, policy.directory)
    resolved = resolve(policy.refs, groups_of(connection, policy.directory), known)
    changed = {ref: group for ref, group in resolved.ids.items() if known.get(ref) != group}
    bulk(
        connection,
        "INSERT INTO binding (directory, ref, group_id) VALUES (?, ?, ?)"
        " ON CONFLICT (directory, ref) DO UPDATE SET group_id = excluded.group_id",
        [(policy.directory, ref, group) for ref, group in changed.items()],
    )
    return {known[ref] for ref in changed if ref in known} | set(changed.values())
