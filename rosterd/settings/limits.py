"""The safeguards of a workspace as configuration writes them: [workspace.limits], a limit a key, and their defaults.

Descriptions here are the comments of config.example.toml and the texts of the JSON Schema. Not here: what one limit is
(values.py), and how a plan is judged by it (reconciler/guard.py).
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from rosterd.settings.values import OFF, Flap, FlapOrOff, Limit, LimitOrOff, Section, limit

EVIDENCE = ("tombstone", "status", "scope", "absence")  # of a deactivation: each may have a limit of its own


def _window(kind: str, window: str, default: Limit = OFF) -> Any:
    return Field(default=default, description=f"{kind} within {window}, over all runs", examples=[limit(50, 15, 5)])


def _by_evidence(text: str, default: Limit) -> Any:
    return Field(default=default, description=f"deactivate, of {text}; follows `deactivate` when only that is written")


class Limits(Section):
    """Safeguards: what one run, or all runs within a window of time, may do before a person has to approve.

    A limit trips when its count or its percentage of the managed members is reached, never below `floor` actions;
    `false` switches it off. A limit that is written replaces the default as a whole.
    """

    deactivate: LimitOrOff = Field(default=limit(500, 10, 5), description="people who lose access")
    deactivate_tombstone: LimitOrOff | None = _by_evidence(
        "people whom the directory lists as deleted", limit(1000, 20, 5)
    )
    deactivate_status: LimitOrOff | None = _by_evidence(
        "people whom the directory lists as suspended", limit(1000, 20, 5)
    )
    deactivate_scope: LimitOrOff | None = _by_evidence("people who left the groups or domains", limit(500, 10, 5))
    deactivate_absence: LimitOrOff | None = _by_evidence(
        "people of whom the directory knows nothing any more", limit(50, 5, 5)
    )
    leave_team: LimitOrOff = Field(default=limit(None, 25, 20), description="people leaving a team")
    leave_team_each: LimitOrOff = Field(
        default=limit(None, 50, 10), description="people leaving one team, of those whom directories put there"
    )
    demote: LimitOrOff = Field(default=limit(None, 25, 3), description="roles lowered")
    demote_each: LimitOrOff = Field(
        default=limit(None, 50, 2), description="people losing one value of a role axis, of those who hold it"
    )
    promote: LimitOrOff = Field(default=limit(None, 25, 5), description="roles raised")
    update: LimitOrOff = Field(default=limit(None, 50, 50), description="names and addresses changed")
    create: LimitOrOff = Field(default=OFF, description="people added; off, since adding takes nothing away")
    deactivate_1h: LimitOrOff = _window("deactivate", "1h")
    deactivate_24h: LimitOrOff = _window("deactivate", "24h", limit(None, 25, 20))
    deactivate_7d: LimitOrOff = _window("deactivate", "7d", limit(None, 40, 40))
    leave_team_1h: LimitOrOff = _window("leave_team", "1h")
    leave_team_24h: LimitOrOff = _window("leave_team", "24h", limit(None, 50, 100))
    leave_team_7d: LimitOrOff = _window("leave_team", "7d")
    demote_1h: LimitOrOff = _window("demote", "1h")
    demote_24h: LimitOrOff = _window("demote", "24h", limit(None, 40, 20))
    demote_7d: LimitOrOff = _window("demote", "7d")
    promote_1h: LimitOrOff = _window("promote", "1h")
    promote_24h: LimitOrOff = _window("promote", "24h", limit(None, 40, 20))
    promote_7d: LimitOrOff = _window("promote", "7d")
    update_1h: LimitOrOff = _window("update", "1h")
    update_24h: LimitOrOff = _window("update", "24h")
    update_7d: LimitOrOff = _window("update", "7d")
    create_1h: LimitOrOff = _window("create", "1h")
    create_24h: LimitOrOff = _window("create", "24h")
    create_7d: LimitOrOff = _window("create", "7d")
    flap: FlapOrOff = Field(
        default=Flap(), description="what is set back and forth: times it returned to a value, in the last runs"
    )

    @model_validator(mode="before")
    @classmethod
    def _evidence_follows(cls, given: object) -> object:
        """Who writes `deactivate` and nothing about an evidence means every evidence."""
        if isinstance(given, Mapping) and "deactivate" in given:
            return {**{f"deactivate_{evidence}": None for evidence in EVIDENCE}, **given}
        return given

    def written(self) -> dict[str, Limit]:
        """The limits by key, without those that never trip. One of an evidence stays even when it is off: what has
        that evidence is not judged by `deactivate`."""
        found: dict[str, Limit | None] = {key: getattr(self, key) for key in type(self).model_fields if key != "flap"}
        own = {f"deactivate_{evidence}" for evidence in EVIDENCE}
        return {key: limit for key, limit in found.items() if limit is not None and (key in own or not limit.off)}
