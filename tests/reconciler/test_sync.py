"""The loop, driving ports that only remember what they were asked."""

import pytest

from reconciler.errors import DirectoryError, StoreError
from reconciler.lasting import BY_HAND, UNKNOWN
from reconciler.model import Membership, Questions, Wanted
from reconciler.policy import Limit
from reconciler.report import Complete
from tests.builders import gone, member, policy, subject, user
from tests.reconciler.remembering import LEAVER, WHOLE, Ports, run


def test_one_pass_in_the_order_of_the_picture() -> None:
    ports = Ports(LEAVER, subject("bob", "Eng", member=member("bob")))
    report = run(ports)
    assert ports.log == [
        "open running", "take", "questions", "promote", "discard", "snapshot", "pending", "planned", "close", "hold 0",
        "apply", "aftermath", "close", "counts run", "finish",
    ]  # fmt: skip
    assert (report.state, report.mode, report.run, report.error) == ("succeeded", "incremental", "r1", None)
    assert report.phases == {"pull": 0.5, "plan": 0.5, "guard": 0.5, "apply": 0.5, "recheck": 0.5}
    assert (report.transport.requests, report.warnings, report.complete) == (3, ("look out",), WHOLE)
    assert report.digest.startswith("sha256:")


def test_a_full_run_looks_at_everyone() -> None:
    ports = Ports(LEAVER)
    assert run(ports, verify=True).mode == "full"
    assert ("everyone" in ports.log, "pending" in ports.log) == (True, False)


def test_the_connector_is_told_what_is_wanted_and_what_names_meant_before() -> None:
    ports = Ports()
    run(ports)
    assert ports.wanted == [Wanted(frozenset({"Admins", "Eng"}), {"Eng": "g1"}, frozenset({"jamie_role"}), nested=True)]


def test_the_ones_with_nothing_to_do_are_settled_and_scope_is_noted_where_it_changed() -> None:
    ports = Ports(
        LEAVER,
        subject("bob", member=member("bob"), scoped=True),
        subject("cyd", user=user("cyd", guest=True), scoped=True),
        subject("dan", user=user("dan", guest=True), scoped=False),
        subject("eve", member=member("eve")),
    )
    run(ports)
    assert [action.external_id for action in ports.actions] == ["ada"]
    assert ports.settled == ["bob", "cyd", "dan", "eve"]
    assert ports.scope == {"ada": False, "cyd": False, "eve": True}


def test_a_directory_that_cannot_be_read_blocks_the_run_before_anything_is_absorbed() -> None:
    ports = Ports(LEAVER)
    ports.error = DirectoryError("the directory did not answer", where="GET /users", fix="try later")
    report = run(ports)
    assert report.state == "blocked"
    assert report.error == {
        "code": "directory_error", "message": "the directory did not answer", "where": "GET /users", "fix": "try later",
    }  # fmt: skip
    assert ports.log == ["open running", "take", "discard", "finish"]
    assert report.phases == {"pull": 0.5}


def test_a_store_that_refuses_the_pull_is_no_fault_of_the_directory() -> None:
    ports = Ports()
    ports.promote_error = StoreError("disk full")
    with pytest.raises(StoreError):
        run(ports)
    assert ports.log == ["open running", "take", "questions", "discard"]


def test_a_bug_in_the_source_is_not_taken_for_a_blocked_directory() -> None:
    ports = Ports()
    ports.error = KeyError("id")
    with pytest.raises(KeyError):
        run(ports)
    assert ports.log[-1] == "discard"


def test_a_lost_lease_stops_applying() -> None:
    ports = Ports(LEAVER)
    ports.apply_error = StoreError("the lease was taken over")
    with pytest.raises(StoreError):
        run(ports)
    assert "finish" not in ports.log


def test_the_view_is_closed_when_planning_fails() -> None:
    ports = Ports(LEAVER)
    ports.record_error = StoreError("disk full")
    with pytest.raises(StoreError):
        run(ports)
    assert ports.log[-1] == "close"


@pytest.mark.parametrize(
    "complete",
    [
        Complete(users=False, groups=True, memberships=True),
        Complete(users=True, groups=False, memberships=True),
        Complete(users=True, groups=True, memberships=False, incomplete_groups=("Eng",)),
    ],
)
def test_a_read_that_is_not_whole_ends_blocked_although_its_plan_is_applied(complete: Complete) -> None:
    ports = Ports(subject("ada"), complete=complete)
    report = run(ports)
    assert (report.state, report.complete) == ("blocked", complete)
    assert "apply" in ports.log


def test_planning_writes_nothing_to_the_workspace() -> None:
    ports = Ports(LEAVER)
    report = run(ports, apply=False)
    assert ("apply" in ports.log, "counts plan" in ports.log) == (False, True)
    assert (report.planned_only, list(report.phases)) == (True, ["pull", "plan", "guard"])


def test_what_trips_a_limit_is_held_before_the_first_write() -> None:
    ports = Ports(LEAVER)
    report = run(ports, policy(limits={"deactivate": Limit(count=1)}))
    assert ports.log.index("hold 1") < ports.log.index("apply")
    assert report.state == "held"
    assert report.causes[0].sentence.startswith("1 deactivation")


def test_a_failure_weighs_more_than_a_hold() -> None:
    ports = Ports(LEAVER)
    ports.failed = 1
    assert run(ports, policy(limits={"deactivate": Limit(count=1)})).state == "partial"


def test_progress_is_told_for_every_phase() -> None:
    ports = Ports(LEAVER, subject("bob"))
    run(ports)
    assert ports.told == [
        ("pull", 1, None), ("plan", 1, None), ("plan", 2, None), ("apply", 1, 2), ("apply", 2, 2)
    ]  # fmt: skip


def test_the_digest_is_that_of_the_plan_whatever_the_chunks() -> None:
    one, other = Ports(LEAVER, subject("bob")), Ports(LEAVER, subject("bob"))
    digests = {run(one).digest, run(other, apply=False).digest, run(Ports(LEAVER)).digest}
    assert len(digests) == 2


def test_an_incremental_read_begins_where_the_last_one_ended() -> None:
    ports = Ports()
    ports.place = "here"
    run(ports)
    assert [wanted.cursor for wanted in ports.wanted] == ["here"]
    run(ports, verify=True)
    assert [wanted.cursor for wanted in ports.wanted] == ["here", ""]


def test_a_void_cursor_means_reading_everything() -> None:
    ports = Ports()
    ports.place = "void"
    assert run(ports).state == "succeeded"
    assert [wanted.cursor for wanted in ports.wanted] == ["void", ""]
    assert ports.log[:6] == ["open running", "take", "discard", "take", "questions", "promote"]


def test_what_is_missing_is_asked_for_before_the_promotion_round_by_round() -> None:
    ports = Ports()
    ports.gaps = (Questions(("bob", "cyd")), Questions(members=(Membership("Eng", "ada"),)))
    run(ports)
    assert ports.asked == [*ports.gaps]
    assert ports.log[:6] == ["open running", "take", "questions", "take", "take", "promote"]


def test_nobody_is_judged_by_an_attribute_that_a_short_listing_did_not_bring() -> None:
    """Configuration began to ask for it, and who was read before seems not to have it."""
    ports = Ports(LEAVER, complete=Complete(users=False, groups=True, memberships=True))
    ports.fresh = ("costCenter", "jamie_role")
    report = run(ports)
    assert (report.state, "snapshot" in ports.log, "apply" in ports.log) == ("blocked", False, False)
    assert report.error == {
        "code": "attributes_not_read",
        "message": (
            "the configuration now asks for costCenter, jamie_role, and the listing of people was not whole: "
            "nobody is judged by it yet"
        ),
        "where": "okta",
        "fix": "nothing was changed; the first whole listing settles it",
    }


def test_a_whole_listing_settles_what_was_not_read() -> None:
    ports = Ports(LEAVER)
    ports.fresh = ("jamie_role",)
    assert run(ports).state == "succeeded"


# -- what did not last ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("by_hand", "said"), [(True, BY_HAND), (False, UNKNOWN)])
def test_what_would_be_made_again_at_once_did_not_stick(by_hand: bool, said: str) -> None:
    ports = Ports(LEAVER, subject("bob", user=gone("bob"), member=member("bob")))
    ports.after = [LEAVER, subject("bob", user=gone("bob"), member=member("bob", active=False))]
    ports.touched = {"ada"} if by_hand else set()
    report = run(ports)
    assert ports.gone_again == [("deactivate", said)]
    assert report.state == "partial"
    assert report.warnings[0] == (
        "1 change did not last, and would have to be made again at once: deactivate of ada@acme.com"
    )


def test_nothing_is_looked_at_again_when_nothing_was_applied() -> None:
    ports = Ports(LEAVER)
    run(ports, apply=False)
    assert "aftermath" not in ports.log
    ports.log.clear()
    ports.idle = True
    assert "recheck" not in run(ports).phases
    assert "aftermath" not in ports.log
