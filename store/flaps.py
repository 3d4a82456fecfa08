"""What the latest runs did to people: the history that reconciler/flaps.py looks at."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, text

from reconciler.flaps import Past
from reconciler.policy import Flap
from store.database import rows
from store.decisions import ACTION, action_of

_MOST = 500  # people asked for at once
_LATEST = "SELECT began FROM run WHERE directory = :d ORDER BY began DESC LIMIT :n"
_PAST = text(
    # CROSS JOIN fixes the order on SQLite: from the people's actions to their runs.
    f"SELECT r.id, r.directory, {', '.join(f'a.{name}' for name in ACTION.split(', '))} FROM action a CROSS JOIN run r"
    " WHERE a.external_id IN :ids AND (a.state = 'applied' OR a.code = 'did_not_stick') AND r.id = a.run"
    " AND r.workspace = :w AND r.began >= :since"
    " ORDER BY a.external_id, r.began, r.id, a.step, a.n"
).bindparams(bindparam("ids", expanding=True))


class History:
    """What was applied to people in the latest runs of a directory's workspace, in an open transaction."""

    def __init__(self, connection: Connection, workspace: str, directory: str) -> None:
        self._connection, self._workspace, self._directory = connection, workspace, directory
        self._since = lru_cache(self._since_of)

    def past(self, external_ids: Sequence[str], flap: Flap) -> dict[str, list[Past]]:
        """The applied actions of these people, oldest first; without those who have too few to go back and forth."""
        since = self._since(flap)
        found: dict[str, list[Any]] = {}
        for start in range(0, len(external_ids) if since else 0, _MOST):
            ids = list(external_ids[start : start + _MOST])
            for row in self._connection.execute(_PAST, {"ids": ids, "w": self._workspace, "since": since}):
                found.setdefault(row[4], []).append(row)
        fewest = flap.times // 2  # each can undo what somebody did by hand
        return {
            person: [Past(row[0], row[1], action_of(row[2:])) for row in known]
            for person, known in found.items() if len(known) >= fewest
        }  # fmt: skip

    def _since_of(self, flap: Flap) -> str:
        """When the first of the runs that count began; "" when there are too few of them."""
        began = rows(self._connection, _LATEST, d=self._directory, n=flap.runs + 1)
        return began[-1][0] if len(began) > flap.times // 2 else ""
