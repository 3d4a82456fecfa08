"""A member as they were: every kind of action undone, and what hands changed in between."""

from typing import Any

import msgspec
import pytest

from reconciler.model import JSON, Member
from reconciler.report import ActionRow
from reconciler.rewind import rewound, uncertain
from tests.builders import member


def done(kind: str, before: dict[str, JSON] | None = None, after: dict[str, JSON] | None = None) -> ActionRow:
    return ActionRow(1, kind, "", "ada", "m", before or {}, after or {}, None, "", "applied", "applied", 1, None)


def ada(**fields: Any) -> Member:
    return member("ada", "admin", teams=frozenset({"Eng", "Hand"}), granted=frozenset({"Eng"}), **fields)


NOW = ada()
TITLED = ada(profile=msgspec.structs.replace(NOW.profile, title="Boss"))


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        (done("reactivate", {"active": False}, {"active": True}), {"active": False}),
        (done("set_role", {"role": "member"}, {"role": "admin"}), {"roles": {"role": "member"}}),
        (done("set_role", {"role": None}, {"role": "admin"}), {"roles": {}}),
        (done("join_team", {}, {"team": "Eng"}), {"teams": frozenset({"Hand"}), "granted": frozenset()}),
        (
            done("leave_team", {"team": "Ops"}),
            {"teams": frozenset({"Eng", "Hand", "Ops"}), "granted": frozenset({"Eng", "Ops"})},
        ),
        (done("update", {"title": "Boss"}, {"title": ""}), {"profile": TITLED.profile}),
        (
            done("adopt", {"managed": False, "external_id": ""}, {}),
            {"managed": False, "directory": "", "external_id": ""},
        ),
        (done("adopt", {"managed": True, "external_id": "old"}, {}), {"external_id": "old"}),
    ],
    ids=lambda given: given.kind if isinstance(given, ActionRow) else "",
)
def test_an_action_is_undone(action: ActionRow, fields: dict[str, Any]) -> None:
    assert rewound(NOW, [action]) == msgspec.structs.replace(NOW, **fields)


def test_somebody_deactivated_was_active() -> None:
    assert rewound(ada(active=False), [done("deactivate", {"active": True}, {"active": False})]) == NOW


def test_before_their_creation_there_was_nobody() -> None:
    assert rewound(NOW, [done("update", {"title": "x"}), done("create"), done("update")]) is None


def test_additional_fields_are_undone_too() -> None:
    coded = msgspec.structs.replace(NOW.profile, attributes=(("cost_center", "7"),))
    later = [done("update", {"cost_center": ""}, {"cost_center": "7"})]
    assert rewound(ada(profile=coded), later) == NOW


CREATED = done("create", {}, {
    "email": "ada@acme.com", "user_name": "ada@acme.com", "given_name": "Ada", "family_name": "Doe",
    "display_name": "Ada Doe", "roles": {"role": "admin"},
})  # fmt: skip


@pytest.mark.parametrize(
    ("now", "earlier", "doubted"),
    [
        (NOW, [done("join_team", {}, {"team": "Eng"}), CREATED], ("teams.Hand",)),
        (TITLED, [CREATED], ("teams.Hand", "title")),
        (TITLED, [done("update", {"title": ""}, {"title": "Boss"}), CREATED], ("teams.Hand",)),
        (NOW, [done("set_role", {"role": "admin"}, {"role": "member"}), CREATED], ("roles.role", "teams.Hand")),
        (NOW, [done("leave_team", {"team": "Eng"}), CREATED], ("teams.Eng", "teams.Hand")),
        (ada(active=False), [CREATED], ("active", "teams.Hand")),
        (TITLED, [], ("teams.Hand",)),
        (NOW, [CREATED, done("update", {}, {"title": "of a member before"})], ("teams.Hand",)),
        (NOW, [CREATED, done("update", {}, {"cost_center": "of a member before"})], ("teams.Hand",)),
        (NOW, [done("update", {}, {"title": ""}), done("set_role", {}, {"role": "member"})],
         ("roles.role", "teams.Hand")),
        (ada(roles={"role": "member"}), [CREATED], ("roles.role", "teams.Hand")),
        (NOW, [done("adopt", {}, {"managed": True, "directory": "okta", "external_id": "ada"}), CREATED],
         ("teams.Hand",)),
    ],
)  # fmt: skip
def test_what_hands_changed_is_in_doubt(now: Member, earlier: list[ActionRow], doubted: tuple[str, ...]) -> None:
    assert uncertain(now, earlier) == doubted
