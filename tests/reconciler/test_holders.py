"""The last holder stays: who is told to stay, and when nobody has to."""

from collections.abc import Iterable
from typing import Any

import pytest

from reconciler.decide import actions_for
from reconciler.holders import with_stays
from reconciler.match import Subject
from reconciler.model import Member
from reconciler.policy import RoleAxis, RoleSource
from tests.builders import by_hand, context, gone, member, policy, subject, suspended, user, view


def admin(name: str, *groups: str, **fields: object) -> Subject:
    """An admin by the group Admins, unless other groups are given."""
    return subject(name, *groups, member=member(name, "admin"), **fields)


def stays(*holders: Subject | Member, others: Iterable[Subject] = (), **fields: Any) -> set[str]:
    """External ids of those told to stay."""
    crowd = [*(one for one in holders if isinstance(one, Subject)), *others]
    found = with_stays(context(**fields), lambda _: holders, lambda: crowd).stays
    names = {one.member.id: one.external_id for one in crowd if one.member is not None}
    return {names[each] for each in found}


LEAVING = admin("ada", user=gone("ada"))
PUT_OUT = admin("ada", user=suspended("ada"))
DEMOTED = admin("ada")


GUEST = admin("ada", user=user("ada", guest=True))


@pytest.mark.parametrize("last", [LEAVING, PUT_OUT, DEMOTED, GUEST])
def test_the_last_admin_stays_however_they_would_go(last: Subject) -> None:
    assert stays(last) == {"ada"}


@pytest.mark.parametrize("last", [LEAVING, PUT_OUT, DEMOTED])
@pytest.mark.parametrize(
    "heir",
    [
        pytest.param(subject("bob", "Admins"), id="a newcomer"),
        pytest.param(subject("bob", "Admins", member=member("bob")), id="a promotion"),
        pytest.param(subject("bob", user=user("bob", attributes={"jamie_role": "ADMIN"})), id="by attribute"),
        pytest.param(subject("bob", "Admins", member=member("bob", active=False)), id="a returner, promoted"),
        pytest.param(
            subject("bob", "Admins", member=member("bob", "admin", active=False)), id="a returner, still admin"
        ),
        pytest.param(subject("bob", "Admins", other=by_hand("bob", "admin", active=False)), id="adopted, still admin"),
    ],
)
def test_a_handover_in_one_run(last: Subject, heir: Subject) -> None:
    assert stays(last, others=[heir]) == set()


@pytest.mark.parametrize(
    "nobody",
    [
        pytest.param(subject("bob", "Eng"), id="no admin"),
        pytest.param(subject("bob", "Admins", rivals=("eve",)), id="conflict"),
        pytest.param(subject("bob", "Admins", user=suspended("bob")), id="suspended"),
        pytest.param(subject("bob", "Admins", user=user("bob", guest=True)), id="out of scope"),
        pytest.param(subject("bob", member=member("bob", "admin", active=False)), id="a returner who is demoted"),
    ],
)
def test_somebody_who_does_not_become_admin_is_no_heir(nobody: Subject) -> None:
    assert stays(LEAVING, others=[nobody]) == {"ada"}


def test_of_two_lost_admins_the_lowest_external_id_stays() -> None:
    one, other = admin("bob", user=gone("bob")), admin("ada")
    assert stays(one, other) == stays(other, one) == {"ada"}


def test_one_who_keeps_the_role_frees_the_others() -> None:
    assert stays(LEAVING, admin("bob", "Admins")) == set()


def test_an_admin_of_somebody_else_frees_everybody() -> None:
    assert stays(by_hand("owner", "admin"), LEAVING) == set()


def test_an_admin_added_by_hand_whom_the_directory_adopts_is_told_to_stay() -> None:
    """Regression: an admin added by hand counted as safe, and was adopted and demoted in one plan."""
    owner = by_hand("ada", "admin")
    adopting = subject("ada", other=owner)
    found = with_stays(context(), lambda _: [adopting], lambda: [adopting])
    assert found.stays == {owner.id: frozenset({"role"})}
    demotion = actions_for(found, adopting)[-1]
    assert (demotion.kind, demotion.code) == ("set_role", "last_holder")


def test_a_leaver_whose_new_account_keeps_the_role_frees_the_others() -> None:
    old = member("old", "admin")
    heir = subject("new", "Admins", user=user("new", email="old@acme.com"), other=old, other_left=True)
    assert stays(admin("ada"), subject("old", user=gone("old"), member=old), others=[heir]) == set()


def test_an_admin_protected_by_configuration_keeps_the_role() -> None:
    assert stays(LEAVING, admin("bob"), protected=frozenset({"bob@acme.com"})) == set()


def test_an_admin_whose_demotion_nobody_believes_keeps_the_role() -> None:
    unread = with_stays(context(view(unknown=("Admins",))), lambda _: [DEMOTED], lambda: [DEMOTED])
    assert unread.stays == {}


def test_nobody_holds_it_so_nobody_has_to_stay() -> None:
    assert stays() == set()


def test_an_axis_that_protects_nobody() -> None:
    axis = RoleAxis("role", ("member", "admin"), "member")
    assert stays(LEAVING, axes=(axis,)) == set()


def test_higher_values_count_as_holding() -> None:
    axis = RoleAxis("role", ("member", "admin", "owner"), "member", protect_last="admin")
    owner = subject("ada", "Admins", member=member("ada", "owner"))
    assert stays(owner, axes=(axis,)) == set()  # goes from owner to admin: still one
    assert stays(subject("ada", member=member("ada", "owner")), axes=(axis,)) == {"ada"}


def test_each_axis_keeps_its_own_last_holder() -> None:
    """Two axes, each protecting its own last holder, may keep two people."""
    billing = RoleAxis("billing", ("none", "payer"), "none", protect_last="payer")
    asked = context(axes=(*policy().axes, billing))
    ada = subject("ada", member=member("ada", roles={"role": "admin", "billing": "none"}))
    bob = subject("bob", member=member("bob", roles={"role": "member", "billing": "payer"}))
    found = with_stays(asked, lambda axis: [ada] if axis.axis == "role" else [bob], lambda: [ada, bob])
    assert found.stays == {member("ada").id: frozenset({"role"}), member("bob").id: frozenset({"billing"})}


def test_what_is_not_done_about_one_axis_says_nothing_about_the_other() -> None:
    """Ada's desk stays, for its group was not read whole; that she is admin no longer is believed."""
    desk = RoleAxis("a desk", ("shared", "own"), "shared")
    sources = (*policy().sources, RoleSource("a desk", groups=(("Owners", "own"),)))
    asked = context(view("Admins", "Owners", unknown=("Owners",)), axes=(*policy().axes, desk), sources=sources)
    ada = subject("ada", member=member("ada", roles={"role": "admin", "a desk": "own"}))
    assert [(each.after, each.state) for each in actions_for(asked, ada)] == [
        ({"a desk": "shared"}, "skipped"), ({"role": "member"}, "planned"),
    ]  # fmt: skip
    assert with_stays(asked, lambda _: [ada], lambda: [ada]).stays == {member("ada").id: frozenset({"role"})}
