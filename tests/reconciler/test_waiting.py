"""What an answer says of what was decided and is not done."""

import msgspec

from reconciler.known import Standing
from tests.builders import member, policy, suspended, user
from tests.reconciler.standings import ADA, CONFLICT, answer, recorded, standing

RIVALS = {"rivals": ("eve",)}


def elsewhere(one: Standing, directory: str) -> Standing:
    return msgspec.structs.replace(one, directory=directory)


def test_accounts_that_are_not_linked_are_told_one_for_each_directory() -> None:
    twins = standing(about=RIVALS)
    said = answer(standing(linked=ADA), elsewhere(twins, "entra"), elsewhere(twins, "google"))
    assert said.endswith(
        f"(okta). An account of entra is not linked to them: {CONFLICT}. "
        f"An account of google is not linked to them: {CONFLICT}."
    )


def test_what_waits_for_the_same_reason_is_told_once_and_what_comes_after_it_too() -> None:
    teams = frozenset({"Art", "Chess"})
    held = tuple(
        recorded("leave_team", "held", before={"team": team}, evidence="scope", sentence="2 departures")
        for team in sorted(teams)
    )
    asked = policy(teams=(), protected=frozenset({"ada@acme.com"}))
    said = answer(standing(linked=member("ada", "admin", teams=teams, granted=teams), asked=asked, recorded=held))
    assert said.partition("(okta). ")[2] == (
        "Their leaving of the team is held: 2 departures. "
        "Their change of role is skipped: ada@acme.com is protected by configuration."
    )


def test_what_else_waits_is_told_after_an_account_that_is_nobodys() -> None:
    """Nobody is a member: accounts that wait to be one are the answer, and not told again."""
    said = answer(standing(about=RIVALS))
    assert said == f"ada@acme.com is not a member of acme: {CONFLICT}."
    protected = policy(protected=frozenset({"ada@acme.com"}))
    out = standing(who=suspended("ada"), linked=ADA, asked=protected)
    both = answer(elsewhere(standing(who=user("ada"), about=RIVALS), "entra"), out)
    assert "An account of entra is not linked to them" in both
    assert both.endswith("Their deactivation is skipped: ada@acme.com is protected by configuration.")
