"""What a run tells its ports and its report, besides the order of things (test_sync.py)."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from reconciler.decide import actions_for
from reconciler.errors import DirectoryError
from reconciler.flaps import Past
from reconciler.guard import Gauges
from reconciler.health import Health
from reconciler.match import Refused, Subject
from reconciler.model import Questions
from reconciler.policy import Flap, Limit
from reconciler.report import Cause, Counts
from tests.builders import context, gone, member, policy, subject, suspended
from tests.reconciler.remembering import LEAVER, Ports, run


def test_the_report_says_whose_run_it_was_and_what_it_was_measured_against() -> None:
    ports = Ports(LEAVER)
    report = run(ports, trigger="schedule")
    assert (report.workspace, report.directory, report.trigger, report.managed) == ("acme", "okta", "schedule", 100)
    assert report.began == report.ended == ports.now()
    assert report.health == Health(last_complete=ports.now())
    assert ports.log[1] == "check due", "only a scheduled run asks whether it is too early"


def test_a_scheduled_run_that_is_too_early_is_blocked_before_reading() -> None:
    ports = Ports(LEAVER)
    ports.known = Health("paused", 1, "then", None, "directory_refused", "the token was refused")
    report = run(ports, trigger="schedule")
    assert (report.state, ports.wanted) == ("blocked", [])
    assert (report.error or {})["code"] == "directory_paused"
    assert report.health == ports.known
    assert "check due" not in Ports(LEAVER).log
    assert run(ports, trigger="manual").state == "succeeded"


def test_the_report_is_blocked_from_the_moment_on_that_the_directory_was_not_read() -> None:
    """`ports.health` is asked with the report as it will be."""
    ports = Ports(LEAVER)
    ports.error = DirectoryError("no answer")
    report = run(ports)
    assert report.health is not None
    assert (report.health.state, report.complete.whole) == ("failing", False)


def test_limits_are_measured_for_the_teams_that_the_plan_takes_people_out_of() -> None:
    class Measured(Ports):
        def gauges(self, lost: Mapping[str, int], lowered: Mapping[tuple[str, str], int]) -> Gauges:
            self.log.append(f"gauges {dict(lost)}")
            return super().gauges(lost, lowered)

    left = member("ada", teams=frozenset({"Engineering"}), granted=frozenset({"Engineering"}))
    ports = Measured(subject("ada", member=left))
    run(ports)
    assert "gauges {'Engineering': 1}" in ports.log


def test_held_actions_are_not_among_those_that_are_applied() -> None:
    ports = Ports(LEAVER, subject("bob"))
    run(ports, policy(limits={"deactivate": Limit(count=1)}))
    assert [done for done in ports.told if done[0] == "apply"] == [("apply", 1, 1), ("apply", 2, 1)]


def test_a_held_cause_says_which_limit_and_why_and_no_other_does() -> None:
    class Mixed(Ports):
        def counts(self, *, in_plan: bool) -> tuple[Counts, tuple[Cause, ...]]:
            counts, held = super().counts(in_plan=in_plan)
            free = Cause("new in the directory", "create", 1, held=False, cluster=held[0].cluster)
            elsewhere = Cause("of an earlier run", "deactivate", 1, held=True, cluster="deactivate-0")
            return counts, (*held, free, elsewhere)

    report = run(Mixed(LEAVER), policy(limits={"deactivate": Limit(count=1)}))
    held, free, elsewhere = report.causes
    assert (held.limit, held.sentence.partition(":")[0]) == ("deactivate", "1 deactivation, 1 cause")
    assert (free.limit, free.sentence, elsewhere.limit, elsewhere.sentence) == ("", "", "", "")


def test_the_answers_to_questions_are_taken_and_counted_as_reading() -> None:
    ports = Ports()
    ports.gaps = (Questions(("bob",)),)
    run(ports)
    assert ports.told == [("pull", 1, None), ("pull", 0, None), ("apply", 1, 0), ("apply", 2, 0)]
    assert ports.log.count("take") == 2


def test_questions_are_asked_thoroughly_when_everything_is_compared() -> None:
    for verify, asked in ((True, "questions, thorough"), (False, "questions")):
        ports = Ports()
        run(ports, verify=verify)
        assert asked in ports.log


def test_what_somebody_refused_is_not_planned_and_what_is_over_is_forgotten() -> None:
    (leaving,) = actions_for(context(), LEAVER)
    refused = (Refused(leaving.digest, "rejected", "r0"), Refused("over", "undone", "r0"))
    ports = Ports(msgspec.structs.replace(LEAVER, refused=refused), subject("bob", member=member("bob")))
    run(ports)
    assert [(a.state, a.code) for a in ports.actions] == [("skipped", "rejected")]
    assert ports.stale == [("ada", "over")]


def test_what_goes_back_and_forth_is_held_whatever_its_number() -> None:
    back = subject("ada", member=member("ada", active=False))
    (lets_in,) = actions_for(context(), back)
    (puts_out,) = actions_for(context(), subject("ada", user=suspended("ada"), member=member("ada")))
    ports = Ports(back, subject("bob"))
    ports.before = {"ada": [Past(f"r{n}", "okta", each) for n, each in enumerate([puts_out, lets_in, puts_out])]}
    report = run(ports, policy(flap=Flap(2, 10)))
    assert [(hold.cause, hold.count, hold.limit) for hold in ports.held] == [
        ("access set back and forth by okta", 1, "flap")
    ]
    assert [(a.external_id, a.cause) for a in ports.actions] == [
        ("ada", "access set back and forth by okta"), ("bob", "new in the directory"),
    ]  # fmt: skip
    assert report.state == "held"


def test_people_of_one_chunk_are_recorded_together() -> None:
    class Chunked(Ports):
        def pending(self) -> Iterator[Sequence[Subject]]:
            yield self.crowd

    refused = (Refused("over", "undone", "r0"),)
    ports = Chunked(
        LEAVER, subject("bob"), subject("cyd", member=member("cyd"), refused=refused),
        subject("dan", member=member("dan"), refused=refused),
    )  # fmt: skip
    run(ports)
    assert [action.external_id for action in ports.actions] == ["ada", "bob"]
    assert (ports.settled, ports.stale) == (["cyd", "dan"], [("cyd", "over"), ("dan", "over")])


def test_somebody_who_gains_the_role_lets_the_last_holder_go() -> None:
    """The holders are looked for among everybody whom the plan is about."""
    last = subject("ada", user=gone("ada"), member=member("ada", "admin"))
    ports = Ports(last, subject("bob", "Admins", member=member("bob")))
    run(ports)
    assert [(a.external_id, a.kind, a.code) for a in ports.actions] == [
        ("ada", "deactivate", "planned"), ("bob", "set_role", "planned"),
    ]  # fmt: skip
    alone = Ports(last)
    run(alone)
    assert [(a.external_id, a.code) for a in alone.actions] == [("ada", "last_holder")]
