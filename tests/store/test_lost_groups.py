"""A group that is deleted: what people lose by it names it, by its last name, in one cause."""

import pytest

from reconciler.policy import Limit, RoleSource, Scope, TeamMapping
from store import Store
from store.runs import actions_of
from tests.builders import Directory, group, people, policy, sync


def office() -> Directory:
    """Four people in All, one in Staff."""
    directory = Directory("ada", "bob", "cyd", "dan", "eve")
    directory.join("ada", "bob", "cyd", "dan", groups=["All"])
    directory.join("eve", groups=["Staff"])
    return directory


@pytest.mark.parametrize("ref", ["All", "g-7"])
def test_who_falls_out_of_scope_with_a_group_is_held_with_its_name(store: Store, ref: str) -> None:
    directory = Directory("ada", "bob", "cyd", "dan", "eve")
    directory.groups[ref] = group("All", ref)
    directory.join("eve", groups=["Staff"])
    directory.join("ada", "bob", "cyd", "dan", groups=[ref])
    asked = policy(scope=Scope(groups=(ref, "Staff")), limits={"deactivate_scope": Limit(count=3)})
    sync(store, directory, asked)
    directory.drop_group(ref)
    report = sync(store, directory, asked)
    (cause,) = [each for each in report.causes if each.held]
    assert cause.sentence.startswith(
        "4 deactivations, 1 cause: group All is no longer visible; 4 reaches the limit of 3"
    )
    assert (report.state, len(people(store))) == ("held", 5)
    assert sync(store, directory, asked).causes[0].cluster == cause.cluster  # it can be found again


def test_teams_and_roles_that_a_deleted_group_gave(store: Store) -> None:
    directory = office()
    directory.join("eve", groups=["Owners"])
    directory.join("ada", groups=["Owners", "Leads"])
    asked = policy(
        sources=(RoleSource("role", groups=(("Owners", "admin"), ("Leads", "admin"))),),
        teams=(TeamMapping("All", "E"),),
    )
    sync(store, directory, asked)
    directory.drop_group("All")
    directory.drop_group("Owners")
    actions = [(row.kind, row.external_id, row.cause) for row in actions_of(store, sync(store, directory, asked).run)]
    assert actions == [
        *[("leave_team", name, "group All is no longer visible") for name in ("ada", "bob", "cyd", "dan")],
        ("set_role", "eve", "group Owners is no longer visible"),
    ]
