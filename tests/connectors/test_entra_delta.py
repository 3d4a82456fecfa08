"""A round of delta queries: the last word on each object, whatever the order and however often it comes."""

from typing import Any

import pytest

from connectors.base import Malformed
from connectors.entra_delta import GROUP, USER, Round, tracked
from reconciler.model import CollectionEnd, Completeness, MembersLeft, MembersSeen

GONE = {"@removed": {"reason": "changed"}}


def folded(*objects: dict[str, Any]) -> Round:
    made = Round()
    for raw in objects:
        made.add(raw, "GET /v1.0/users/delta")
    return made


def member(id_: str, kind: str = USER, **more: Any) -> dict[str, Any]:
    return {"@odata.type": kind, "id": id_, **more}


def group(*members: dict[str, Any], id_: str = "g", **more: Any) -> dict[str, Any]:
    return {"id": id_, **more, "members@delta": list(members)}


@pytest.mark.parametrize(
    ("objects", "last", "gone"),
    [
        ([{"id": "1", "mail": "a"}, {"id": "1", "mail": "b"}], {"1": {"id": "1", "mail": "b"}}, set()),
        (
            [{"id": "1", "mail": "a"}, {"id": "1", "surname": "b"}],
            {"1": {"id": "1", "mail": "a", "surname": "b"}},
            set(),
        ),
        ([{"id": "1", "mail": "a"}, {"id": "1", **GONE}], {}, {"1"}),
        ([{"id": "1", **GONE}, {"id": "1", "mail": "a"}], {"1": {"id": "1", "mail": "a"}}, set()),
        ([{"id": "1", **GONE}, {"id": "1", **GONE}], {}, {"1"}),
    ],
)
def test_the_last_word_on_an_object_counts(objects: list[dict[str, Any]], last: dict[str, Any], gone: set[str]) -> None:
    for times in (1, 2):  # a replay says nothing new
        found = folded(*objects * times)
        assert (found.last, found.gone) == (last, gone)


def test_memberships_are_merged_over_pages() -> None:
    left: dict[str, Any] = {"@removed": {"reason": "deleted"}}
    found = folded(
        group(member("u1"), member("u2"), displayName="Eng"),
        group(member("u2", **left), member("g2", GROUP), member("d1", "#microsoft.graph.device")),
        group(member("g3", GROUP, **left)),
        group(member("u9"), id_="unwanted"),
    )
    assert list(found.changes({"g"})) == [
        MembersSeen("g", ("u1",), ("g2",)),
        MembersLeft("g", ("u2",), ("g3",)),
        CollectionEnd("members", Completeness.DELTA, "g"),
    ]
    assert found.joined({"g"}) == {"g2"}
    assert found.last["g"]["displayName"] == "Eng"


def test_who_left_without_a_type_left_as_either() -> None:
    found = folded({"id": "g", "members@delta": [{"id": "x", **GONE}]})
    assert MembersLeft("g", ("x",), ("x",)) in list(found.changes({"g"}))


def test_a_deleted_group_has_no_members_to_tell_of() -> None:
    found = folded(group(member("u1")), {"id": "g", **GONE})
    assert list(found.changes({"g"})) == []


@pytest.mark.parametrize("raw", [{}, {"id": "g", "members@delta": [{}]}, {"id": "g", "members@delta": [None]}])
def test_an_object_without_an_id_is_malformed(raw: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="no id"):
        folded(raw)


@pytest.mark.parametrize(
    ("attribute", "followed"),
    [
        ("department", True),
        ("extension_0f1e_jamie_role", True),
        ("onPremisesExtensionAttributes.extensionAttribute1", True),
        ("contoso_roles.role", False),
        ("customSecurityAttributes.Eng.role", False),
        ("extensions", False),
    ],
)
def test_what_delta_follows(attribute: str, followed: bool) -> None:
    assert tracked({attribute}) is followed
