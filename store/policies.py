"""The policies that runs followed, kept by their digest.

What lives here: writing one down and reading it back. What does not: making a policy of configuration
(rosterd/wiring.py), and what lies between two policies (reconciler/changes.py).
"""

import msgspec
from sqlalchemy import Connection, text

from reconciler.policy import Policy
from store.database import scalar

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
