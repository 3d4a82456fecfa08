"""The policies that runs followed, kept by their digest.

What lives here: writing one down, reading it back, and which one the last comparison followed. What does not: making a
policy of configuration (rosterd/policies.py), and what lies between two policies (reconciler/changes.py).
"""

import msgspec
from sqlalchemy import Connection, text

from reconciler.changes import EVERYBODY, NOBODY, Touched, touched
from reconciler.policy import Policy
from store.database import scalar
from store.mirror import peek

_encode = msgspec.json.Encoder(order="deterministic").encode


def keep(connection: Connection, policy: Policy, now: str) -> None:
    """Writes a policy down for whoever asks for its digest later; `now` is when it was last followed. Limits are not
    part of the digest: the latest ones are kept."""
    connection.execute(
        text(
            "INSERT INTO policy (digest, directory, used_at, body) VALUES (:digest, :d, :now, :body)"
            " ON CONFLICT (digest, directory) DO UPDATE SET used_at = excluded.used_at, body = excluded.body"
        ),
        {"digest": policy.digest, "d": policy.directory, "now": now, "body": _encode(policy).decode()},
    )


def of(connection: Connection, directory: str, digest: str) -> Policy | None:
    """The policy of this digest that a run of the directory followed; None when there is none, or when it was written
    by a release whose policies cannot be read any more."""
    body = scalar(
        connection, "SELECT body FROM policy WHERE directory = :d AND digest = :digest", d=directory, digest=digest
    )
    if body is None:
        return None
    try:
        return msgspec.json.decode(body, type=Policy)
    except msgspec.ValidationError:
        return None


def succeed(connection: Connection, policy: Policy, following: Policy, now: str) -> None:
    """Nobody's plan differs between the two: what was compared under one was compared under the other."""
    keep(connection, following, now)
    connection.execute(
        text("UPDATE directory SET policy_digest = :after WHERE id = :d AND policy_digest = :before"),
        {"after": following.digest, "d": policy.directory, "before": policy.digest},
    )


def compared(connection: Connection, policy: Policy, now: str, *, everybody: bool) -> None:
    """A plan under this policy is whole: what it changes is known and pending."""
    row = peek(connection, policy.directory)
    if everybody or row is None or row.policy_digest != policy.digest:
        keep(connection, policy, now)
        verified = ", verified_at = :now" if everybody else ""
        given = {"p": policy.digest, "d": policy.directory, **({"now": now} if everybody else {})}
        connection.execute(text(f"UPDATE directory SET policy_digest = :p{verified} WHERE id = :d"), given)


def unread(connection: Connection, policy: Policy) -> tuple[str, ...]:
    """Attributes that this policy asks for and that of the last comparison did not: people whom a short listing leaves
    out are known without them. None before the first comparison, when nobody is known."""
    row = peek(connection, policy.directory)
    if row is None or not row.policy_digest or row.policy_digest == policy.digest:
        return ()
    before = of(connection, policy.directory, row.policy_digest)
    known = frozenset() if before is None else before.read_attributes
    return tuple(sorted(policy.read_attributes - known))


def since(connection: Connection, policy: Policy) -> Touched:
    """Whom the step from the policy of the last comparison to this one touches: everybody, when there was none."""
    row = peek(connection, policy.directory)
    if row is None or row.verified_at is None:
        return EVERYBODY
    if row.policy_digest == policy.digest:
        return NOBODY
    before = of(connection, policy.directory, row.policy_digest)
    return EVERYBODY if before is None else touched(before, policy)
