"""The journal of changes: positions to go on from, the newest kept."""

import pytest

from rosterd.simulators import World
from rosterd.simulators.journal import Change, Journal


def abouts(journal: Journal, position: int) -> list[str]:
    return [change.about for change in journal.since(position, journal.end)]


def test_positions_count_all_changes_and_only_the_newest_are_kept() -> None:
    journal = Journal(kept=3)
    for name in "abcde":
        journal.note(Change(name))
    assert (journal.began, journal.end, abouts(journal, 3), abouts(journal, 5)) == (2, 5, ["d", "e"], [])
    for wrong in (1, 6):
        with pytest.raises(ValueError, match="not within 2 to 5"):
            journal.since(wrong, journal.end)
    journal.forget()
    assert (journal.began, journal.end) == (5, 5)


def test_what_a_world_notes() -> None:
    world = World("entra")
    ada, boss = world.hire("Ada"), world.hire("Grace")
    design = world.add_group("Design")
    begin = world.journal.end
    world.rename(ada.id, title="Poet", given_name="Ada")
    world.set_attribute(ada.id, "jamie_role", "admin")
    world.suspend(ada.id)
    world.join("Design", ada.id)
    world.join("Design", boss.id)
    world.leave("Design", boss.id)
    world.delete(ada.id)
    world.rename_group("Design", "Product")
    assert world.journal.since(begin, world.journal.end) == [
        Change(ada.id, ("title",)),
        Change(ada.id, ("attributes.jamie_role",)),
        Change(ada.id, ("status",)),
        Change(design.id, group=True, member=ada.id, joined=True),
        Change(design.id, group=True, member=boss.id, joined=True),
        Change(design.id, group=True, member=boss.id),
        Change(ada.id, ("*",)),  # and nothing of the group that she left by it
        Change(design.id, ("name",), group=True),
    ]


def test_a_generated_world_begins_with_an_empty_journal_and_only_entra_has_one() -> None:
    generated = World.generate("entra", 10, 3).journal
    assert (generated.began, generated.end > 10) == (generated.end, True)
    okta = World.generate("okta", 10, 3)
    okta.hire("Ada")
    assert list(okta.journal) == []
