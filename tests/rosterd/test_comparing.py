"""`plan --against` on real stores: the sentence, that nothing is written, and that two real syncs end the same way."""

import asyncio
from typing import Any

import msgspec
import pytest

from reconciler.against import Comparison
from reconciler.errors import DirectoryError
from reconciler.model import UserState
from reconciler.policy import AttributeMapping, Limit, OnRemove, Policy, RoleSource, Scope, TeamMapping
from rosterd.comparing import compare, wanted
from store import Store
from store.database import rows
from store.scratch import copies
from store.workspace import roster
from tests.builders import Directory, by_hand, policy, sync
from tests.store.workspaces import add

OPS = RoleSource("role", "level", (("Admins", "admin"), ("Ops", "admin")))
WIDER = policy(sources=(OPS,), teams=(TeamMapping("Ops", "Operations"), TeamMapping("Eng", "Engineering")))


def against(store: Store, directory: Directory, other: Policy, one: Policy | None = None) -> Comparison:
    """The comparison of a policy with the usual one."""
    policies = (policy() if one is None else one, other)
    done = compare(store, policies, directory, progress=lambda *_: None, identity="", against="new.toml")
    return asyncio.run(done)


def sentences(found: Comparison) -> list[str]:
    return [difference.sentence for difference in found.differences]


def acme() -> Directory:
    """An admin, an engineer, two of operations, one at another company, a guest, one suspended."""
    directory = Directory("ada", "bob", "cyd", "dan")
    directory.join("ada", groups=["Admins"])
    directory.join("bob", groups=["Eng"])
    directory.join("cyd", "dan", groups=["Ops"])
    directory.hire("eve", email="eve@beta.com", attributes={"level": "ADMIN"})
    directory.hire("gus", guest=True)
    directory.hire("hal", state=UserState.SUSPENDED)
    return directory


def everything(store: Store) -> dict[str, list[Any]]:
    """Every row of every table."""
    from sqlmodel import SQLModel

    with store.read() as connection:
        sql = "SELECT * FROM {}"
        return {name: sorted(rows(connection, sql.format(name)), key=str) for name in SQLModel.metadata.tables}


@pytest.mark.parametrize("known", [False, True])
def test_who_becomes_what_and_nothing_is_written(store: Store, known: bool) -> None:
    directory = acme()
    if known:
        sync(store, directory)
    before = everything(store)
    found = against(store, directory, WIDER)
    assert everything(store) == before
    roles = [each for each in found.differences if each.kind == "role"]
    assert [each.sentence for each in roles] == [
        "2 people become admin, because group Ops is now mapped to admin",
        "1 person becomes admin, because attribute level is now read",
    ]
    assert [each.people for each in roles] == [("cyd@acme.com", "dan@acme.com"), ("eve@beta.com",)]
    teams = "2 people join team Operations, because group Ops is now mapped to team Operations"
    assert sentences(found)[2:] == [teams]
    assert (found.changed, found.unchanged, found.complete) == (3, 4, True)
    if known:
        assert sync(store, directory).changes == 0


def test_equal_configurations_differ_in_nothing(store: Store) -> None:
    directory = acme()
    assert against(store, directory, policy()).differences == ()
    sync(store, directory)
    found = against(store, directory, policy())
    assert (found.differences, found.changed, found.unchanged) == ((), 0, 7)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            policy(scope=Scope(frozenset({"acme.com"}))),
            ["1 person loses access, because email_domains now exclude beta.com"],
        ),
        (policy(scope=Scope(guests=True)), ["1 person becomes a member, because guest accounts are synced now"]),
        (
            policy(attributes=(AttributeMapping("level", "title"),)),
            ["1 person gets another title, because title is now attribute level"],
        ),
        (policy(limits={"deactivate": Limit(count=1)}), []),
        (policy(match="user_name"), []),
    ],
)  # fmt: skip
def test_reasons_over_a_workspace(store: Store, other: Policy, said: list[str]) -> None:
    directory = acme()
    sync(store, directory)
    assert sentences(against(store, directory, other)) == said


@pytest.mark.parametrize(
    ("on_remove", "said"),
    [
        (None, []),
        ("keep", []),
        ("remove", ["1 person leaves team Engineering, because group Eng is no longer mapped to team Engineering"]),
    ],
)  # fmt: skip
def test_a_mapping_that_the_other_configuration_drops(
    store: Store, on_remove: OnRemove | None, said: list[str]
) -> None:
    """As a sync under it would: what was agreed on for its members counts."""
    directory = acme()
    mapped = policy(teams=(TeamMapping("Eng", "Engineering", on_remove),))
    sync(store, directory, mapped)
    found = against(store, directory, policy(teams=()), mapped)
    assert sentences(found) == said
    assert any("the mapping of group Eng to team Engineering was removed" in each for each in found.warnings) == (
        not said
    )


def test_a_limit_that_would_hold(store: Store) -> None:
    directory = acme()
    sync(store, directory)
    directory.suspend("cyd", "dan")
    (held,) = against(store, directory, policy(limits={"deactivate": Limit(count=2)})).differences
    assert (held.kind, held.count, held.change) == ("held", 2, "deactivations would be held")
    assert "2 reaches the limit of 2" in held.because


OTHERS = [
    WIDER,
    policy(scope=Scope(frozenset({"acme.com"}))),
    policy(scope=Scope(groups=("Ops", "Admins"))),
    policy(protected=frozenset({"cyd@acme.com", "bob@acme.com"}), teams=()),
    policy(match="user_name", attributes=(AttributeMapping("level", "title"),)),
]


@pytest.mark.parametrize("other", OTHERS)
def test_two_real_syncs_end_as_the_comparison_says(store: Store, other: Policy) -> None:
    directory = acme()
    add(store, by_hand("cyd", "admin"), by_hand("owner", "admin"))
    sync(store, directory)
    directory.leave("ada", groups=["Admins"])
    directory.delete("dan")
    directory.hire("ian", groups=["Ops"])
    directory.change("bob", email="bob@beta.com")
    found = against(store, directory, other)
    ends = []
    for asked in (policy(), other):
        with copies(store, asked) as (copy, _):
            sync(copy, directory, asked, verify=True)
            ends.append({each.id: each for each in roster(copy, "acme") if each.active})
    first, second = ({who: _seen(each) for who, each in end.items()} for end in ends)
    differing = {who for who in first.keys() | second.keys() if first.get(who) != second.get(who)}
    assert found.changed == len(differing)
    named = {email for each in found.differences for email in each.people}
    assert named <= {each.email for end in ends for each in end.values()} | {"bob@acme.com"}


def _seen(each: Any) -> Any:
    return msgspec.structs.replace(each, sessions_valid_after=None)


def test_a_group_that_was_renamed_keeps_its_meaning(store: Store) -> None:
    directory = acme()
    sync(store, directory)
    directory.groups["Eng"] = msgspec.structs.replace(directory.groups["Eng"], name="Engineers")
    assert against(store, directory, policy()).differences == ()
    assert "Engineers" not in against(store, directory, WIDER).warnings


def test_names_that_mean_nothing_are_said(store: Store) -> None:
    found = against(store, acme(), policy(teams=(TeamMapping("Nobody", "X"),)))
    assert any('"Nobody"' in warning for warning in found.warnings)


def test_a_short_read_is_said_and_takes_nothing(store: Store) -> None:
    directory = acme()
    sync(store, directory)
    directory.partial = {"users"}
    directory.hidden = {"dan"}
    found = against(store, directory, policy())
    assert (found.differences, found.complete) == ((), False)


def test_a_directory_that_cannot_be_read_is_an_error_and_leaves_nothing(store: Store) -> None:
    directory = acme()
    sync(store, directory)
    before = everything(store)
    directory.error = DirectoryError("no")
    with pytest.raises(DirectoryError):
        against(store, directory, WIDER)
    assert everything(store) == before


def test_the_reading_is_what_both_want() -> None:
    asked = wanted((policy(nested=False), WIDER), {"Eng": "g1"})
    assert asked.groups == {"Admins", "Eng", "Ops"}
    assert asked.attributes == {"jamie_role", "level"}
    assert (asked.nested, asked.cursor, asked.bound) == (True, "", {"Eng": "g1"})


def test_a_copy_holds_what_a_plan_reads_and_no_other_workspace(store: Store) -> None:
    directory = acme()
    sync(store, directory)
    add(store, by_hand("zoe"), workspace="globex")
    with copies(store, policy()) as (one, other):
        first, second = everything(one), everything(other)
        assert first == second
        full = everything(store)
        for name in ("directory", "mirror_user", "mirror_edge", "binding", "member_role", "team_member"):
            assert [tuple(row) for row in first[name]] == [tuple(row) for row in full[name]][: len(first[name])]
        assert {each.email for each in roster(one, "globex")} == set()
        assert (first["run"], first["lease"], first["pending"]) == ([], [], [])
