"""What is to be run: asks join, one run in a workspace, workspaces take turns, what dead workers had is put back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count

import pytest

from store import Store
from store.leases import stamp
from store.wishes import (
    MOST_TRIES,
    Ask,
    Progress,
    Ticket,
    Trigger,
    Wish,
    advance,
    ask,
    claim,
    claim_in,
    depths,
    finish,
    forget,
    open_wishes,
    put_back,
    recover,
    wish_of,
)

NOON = "2026-11-21T12:00:00.000Z"
_ids = count(1)


def at(seconds: float) -> str:
    """So long after noon."""
    return stamp(datetime.fromisoformat(NOON) + timedelta(seconds=seconds))


def asked(
    store: Store, directory: str, trigger: Trigger = "schedule", *, when: float = 0, verify: bool = False,
    workspace: str = "", not_before: str = "",
) -> Ticket:  # fmt: skip
    """An ask; a directory "acme/okta" is of workspace "acme"."""
    wanted = Ask(workspace or directory.partition("/")[0], directory, trigger, verify, not_before=not_before)
    with store.write() as connection:
        return ask(connection, wanted, f"w{next(_ids):05d}", at(when))


def claimed(store: Store, when: float = 0, worker: str = "one") -> Wish | None:
    return claim(store, worker, f"run{next(_ids)}", at(when))


def taken(store: Store, when: float = 0, worker: str = "one") -> Wish:
    found = claimed(store, when, worker)
    assert found is not None
    return found


def now_of(store: Store, ticket: Ticket) -> Wish:
    found = wish_of(store, ticket.id)
    assert found is not None
    return found


def test_an_ask_waits_is_claimed_told_about_and_done(store: Store) -> None:
    ticket = asked(store, "acme/okta", "manual")
    assert not ticket.joined
    assert now_of(store, ticket).state == "waiting"
    wish = taken(store, 1)
    assert (wish.id, wish.state, wish.began, wish.worker) == (ticket.id, "running", at(1), "one")
    assert advance(store, wish, Progress("pull", 3, None))
    assert now_of(store, ticket).progress == Progress("pull", 3, None)
    assert finish(store, wish, at(2))
    over = now_of(store, ticket)
    assert (over.state, over.over, over.run, over.ended, over.progress, over.error) == (
        "done", True, wish.run, at(2), None, None,
    )  # fmt: skip
    assert claimed(store, 3) is None


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [("schedule", "manual", "manual"), ("manual", "schedule", "manual"), ("push", "schedule", "push"),
     ("api", "push", "api")],
)  # fmt: skip
def test_a_second_ask_joins_the_one_that_waits(store: Store, first: Trigger, second: Trigger, kept: str) -> None:
    one = asked(store, "acme/okta", first)
    two = asked(store, "acme/okta", second, verify=True)
    assert two == Ticket(one.id, joined=True)
    (wish,) = open_wishes(store)
    assert (wish.trigger, wish.verify) == (kept, True)


def test_an_ask_during_a_run_waits_behind_it(store: Store) -> None:
    asked(store, "acme/okta")
    running = taken(store)
    later = asked(store, "acme/okta", "manual")
    assert not later.joined
    assert claimed(store) is None
    assert finish(store, running, at(1))
    assert taken(store, 2).id == later.id


def test_one_run_in_a_workspace_and_others_meanwhile(store: Store) -> None:
    asked(store, "acme/okta")
    asked(store, "acme/entra")
    asked(store, "beta/okta")
    assert {taken(store).workspace, taken(store).workspace} == {"acme", "beta"}
    assert claimed(store) is None
    assert depths(store) == {"waiting": 1, "running": 2}


def test_the_workspace_that_was_served_longest_ago_is_next(store: Store) -> None:
    for workspace in ("acme", "beta", "core"):
        asked(store, f"{workspace}/okta", when=1)
    order = []
    for when in range(2, 8):
        wish = taken(store, when)
        order.append(wish.workspace)
        assert finish(store, wish, at(when))
        asked(store, "acme/okta", "push", when=when)  # it keeps asking
        if when == 4:
            asked(store, "core/okta", when=when)
            asked(store, "beta/okta", when=when)
    assert order == ["acme", "beta", "core", "acme", "beta", "core"]


def test_who_was_served_while_the_clock_was_ahead_is_not_last_for_ever(store: Store) -> None:
    decade = 10 * 365 * 86400.0
    asked(store, "acme/okta", when=decade)
    assert finish(store, taken(store, decade), at(decade))
    asked(store, "beta/okta")
    assert finish(store, taken(store, 1), at(1))
    asked(store, "beta/okta", when=2)
    asked(store, "acme/okta", when=3)
    assert taken(store, 4).workspace == "acme"


def test_workers_that_claim_at_once_get_different_wishes(store: Store) -> None:
    for number in range(12):
        asked(store, f"w{number}/okta")
        asked(store, f"w{number}/entra")
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda n: claim(store, f"worker{n % 4}", f"run{n}", NOON), range(24)))
    wishes = [wish for wish in found if wish]
    assert len(wishes) == len({wish.workspace for wish in wishes}) == 12


def test_those_who_ask_at_once_share_one_wish(store: Store) -> None:
    with ThreadPoolExecutor(4) as threads:
        tickets = list(threads.map(lambda _: asked(store, "acme/okta", "push"), range(40)))
    assert len({ticket.id for ticket in tickets}) == 1
    assert sum(not ticket.joined for ticket in tickets) == 1


def claim_named(store: Store, wish: str, worker: str, run: str, now: str) -> Wish | None:
    with store.write() as connection:
        return claim_in(connection, wish, worker, run, now)


def test_a_named_wish_is_claimed_unless_its_workspace_is_busy(store: Store) -> None:
    one, two = asked(store, "acme/okta"), asked(store, "acme/entra")
    first = claim_named(store, two.id, "one", "run1", NOON)
    assert first is not None
    assert first.directory == "acme/entra"
    assert claim_named(store, one.id, "two", "run2", NOON) is None
    assert claim_named(store, two.id, "two", "run2", NOON) is None
    assert finish(store, first, at(1))
    assert claim_named(store, one.id, "two", "run2", NOON) is not None


def test_what_waits_for_a_back_off_is_not_claimed_before(store: Store) -> None:
    asked(store, "acme/okta", not_before=at(60))
    assert claimed(store, 59) is None
    assert claimed(store, 60) is not None


def test_who_asks_by_hand_does_not_wait_for_a_back_off(store: Store) -> None:
    asked(store, "acme/okta", not_before=at(60))
    asked(store, "acme/okta", "push")
    assert claimed(store, 1) is None
    asked(store, "acme/okta", "manual")
    assert claimed(store, 1) is not None


def test_a_clock_that_was_set_back_keeps_nothing_waiting(store: Store) -> None:
    asked(store, "acme/okta", not_before=at(86400))
    assert claimed(store) is not None


def test_what_is_put_back_waits_again(store: Store) -> None:
    ticket = asked(store, "acme/okta")
    wish = taken(store)
    assert put_back(store, wish, at(5), tries=1)
    again = now_of(store, ticket)
    assert (again.state, again.not_before, again.tries, again.run, again.worker) == ("waiting", at(5), 1, None, None)
    assert taken(store, 5).id == ticket.id


def test_what_is_put_back_joins_what_came_meanwhile(store: Store) -> None:
    first = asked(store, "acme/okta", "manual", verify=True)
    wish = taken(store)
    second = asked(store, "acme/okta", "push")
    assert put_back(store, wish)
    followed = now_of(store, first)
    assert (followed.id, followed.trigger, followed.verify) == (second.id, "manual", True)
    assert finish(store, taken(store, 1), at(2))
    assert now_of(store, first).state == "done"


def test_what_is_put_back_joins_what_came_of_another_workspace_meanwhile(store: Store) -> None:
    """Configuration was read again, and has the directory feed another workspace."""
    asked(store, "acme/okta", workspace="acme")
    wish = taken(store)
    asked(store, "acme/okta", workspace="beta")
    assert put_back(store, wish, tries=wish.tries)
    (waiting,) = open_wishes(store)
    assert waiting.workspace == "beta"


def test_a_further_try_joins_what_came_of_another_workspace_meanwhile(store: Store) -> None:
    asked(store, "acme/okta", workspace="acme")
    wish = taken(store)
    asked(store, "acme/okta", workspace="beta")
    error = {"code": "not_configured", "message": "no", "where": "", "fix": ""}
    assert finish(store, wish, at(1), error, later=("w", Ask("acme", "acme/okta", "schedule", tries=1)))
    (waiting,) = open_wishes(store)
    assert (waiting.workspace, waiting.tries) == ("beta", 1)


def test_what_a_worker_claims_that_only_just_entered_is_not_put_back(store: Store) -> None:
    """Who lives was asked first: of two that started at once, one took the run of the other over."""
    asked(store, "acme/okta")
    asked(store, "beta/okta")
    taken(store, worker="dead")

    def alive() -> set[str]:
        taken(store, 2, "new")
        return {"old"}

    assert [wish.worker for wish in recover(store, alive, at(1))] == ["dead"]
    assert [wish.worker for wish in open_wishes(store) if wish.state == "running"] == ["new"]


def test_what_dead_workers_ran_is_put_back_and_theirs_no_more(store: Store) -> None:
    asked(store, "acme/okta")
    asked(store, "beta/okta")
    lost, kept = taken(store, worker="dead"), taken(store, worker="alive")
    assert [wish.id for wish in recover(store, lambda: {"alive"}, at(1))] == [lost.id]
    assert not advance(store, lost, Progress("pull", 1))
    assert not finish(store, lost, at(2))
    again = taken(store, 2, "alive")
    assert (again.id, again.tries) == (lost.id, 1)
    assert not put_back(store, lost)
    assert finish(store, again, at(3))
    assert finish(store, kept, at(3))


def test_a_wish_whose_workers_die_again_and_again_is_lost(store: Store) -> None:
    ticket = asked(store, "acme/okta", "manual")
    for when in range(MOST_TRIES):
        taken(store, when, "dead")
        recover(store, frozenset, at(when))
    lost = now_of(store, ticket)
    assert (lost.state, lost.over) == ("lost", True)
    assert lost.error is not None
    assert lost.error["code"] == "lost"
    assert claimed(store, 100) is None


def dies(store: Store, when: float) -> None:
    """Its worker takes the next wish, and ends."""
    taken(store, when, "dead")
    recover(store, frozenset, at(when))


def test_what_kills_its_workers_rests_longer_and_longer_until_it_is_once_a_day(store: Store) -> None:
    ticket = asked(store, "acme/okta")
    now, rests = 0.0, []
    for _ in range(MOST_TRIES + 12):
        dies(store, now)
        resting = now_of(store, ticket)
        asked(store, "acme/okta", "push", when=now)  # the schedule and pushes go on, and join
        until = datetime.fromisoformat(now_of(store, ticket).not_before or at(now))
        rests.append((until - datetime.fromisoformat(at(now))).total_seconds())
        now += rests[-1]
    assert rests[: MOST_TRIES + 2] == [0.0] * (MOST_TRIES - 1) + [300.0, 600.0, 1200.0]
    assert rests[-1] == 86400.0
    assert resting.error is not None
    assert (resting.state, resting.error["code"]) == ("waiting", "lost")
    assert claimed(store, now - 1) is None
    assert finish(store, taken(store, now), at(now))
    done = now_of(store, ticket)
    assert (done.state, done.error) == ("done", None)


def test_what_kills_its_workers_is_counted_when_others_ask_meanwhile(store: Store) -> None:
    asked(store, "acme/okta")
    for when in range(MOST_TRIES):
        wish = taken(store, when, "dead")
        asked(store, "acme/okta", "push", when=when)  # while it runs: a wish of its own, which this one joins
        recover(store, frozenset, at(when))
        assert wish.tries == when
    assert claimed(store, MOST_TRIES) is None


def test_what_a_person_asked_for_and_was_lost_is_tried_by_the_schedule_once(store: Store) -> None:
    asked(store, "acme/okta", "manual")
    for when in range(MOST_TRIES):
        dies(store, when)
    asked(store, "acme/okta", when=100)
    dies(store, 100)
    assert claimed(store, 101) is None
    asked(store, "acme/okta", "manual", when=102)  # a person may have corrected it
    assert finish(store, taken(store, 103), at(103))
    asked(store, "acme/okta", when=104)
    dies(store, 105)
    assert taken(store, 106).tries == 1


def test_a_person_begins_anew_after_runs_that_broke(store: Store) -> None:
    with store.write() as connection:
        ask(connection, Ask("acme", "acme/okta", "push", not_before=at(300), tries=9), "w", at(0))
    asked(store, "acme/okta", "manual")
    dies(store, 1)
    assert taken(store, 2).tries == 1


def test_a_rest_is_not_longer_for_a_clock_that_was_ahead(store: Store) -> None:
    asked(store, "acme/okta", when=1e8)
    for _ in range(MOST_TRIES):
        dies(store, 1e8)
    assert claimed(store, 1e8) is None
    assert claimed(store, 1) is not None


def test_what_nobody_is_at_is_put_back_though_its_worker_lives(store: Store) -> None:
    """The answer to a claim was lost with the connection, or a thread ended by a fault."""
    asked(store, "acme/okta")
    asked(store, "beta/okta")
    kept, left = taken(store), taken(store)
    found = recover(store, lambda: {"one"}, at(1), under_way=lambda wish: wish.run == kept.run)
    assert [wish.id for wish in found] == [left.id]
    assert taken(store, 2).id == left.id


def test_what_is_to_be_tried_later_is_asked_for_with_the_end_of_its_run(store: Store) -> None:
    error = {"code": "refused", "message": "no", "where": "", "fix": ""}
    asked(store, "acme/okta", "push")
    wish = taken(store)
    later = Ask("acme", "acme/okta", "push", not_before=at(9), tries=1)
    assert finish(store, wish, at(1), error, later=("again", later))
    assert not finish(store, wish, at(1), error, later=("again2", later))  # it is not its worker's any more
    (waiting,) = open_wishes(store)
    assert (waiting.id, waiting.tries, waiting.not_before) == ("again", 1, at(9))


def test_an_error_instead_of_a_report_is_kept_with_the_wish(store: Store) -> None:
    ticket = asked(store, "acme/okta", "api")
    error = {"code": "refused", "message": "no", "where": "here", "fix": "that"}
    assert finish(store, taken(store), at(1), error)
    assert now_of(store, ticket).error == error


def test_of_what_nobody_asked_for_the_last_one_is_kept(store: Store) -> None:
    by_hand = asked(store, "acme/okta", "manual")
    finish(store, taken(store), at(0))
    tickets = []
    for when in range(1, 4):
        tickets.append(asked(store, "acme/okta", "push", when=when))
        finish(store, taken(store, when), at(when))
    assert [wish_of(store, ticket.id) is not None for ticket in tickets] == [False, False, True]
    assert now_of(store, by_hand).state == "done"
    assert forget(store, at(3)) == 1
    assert wish_of(store, by_hand.id) is None


def test_what_nobody_asked_for_by_hand_rests_when_its_workers_die_again_and_again(store: Store) -> None:
    ticket = asked(store, "acme/okta", "push")
    for when in range(MOST_TRIES):
        taken(store, when, "dead")
        recover(store, frozenset, at(when))
    assert now_of(store, ticket).state == "waiting"
    assert claimed(store, 100) is None
    assert claimed(store, 600) is not None
