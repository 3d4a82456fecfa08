"""Pulls of a few people and groups, and the mirror after them."""

from collections.abc import Iterable, Iterator
from typing import Any

from connectors.confirming import in_or_out
from reconciler.model import (
    CollectionEnd,
    Completeness,
    Evidence,
    GroupGone,
    GroupsSeen,
    MembersSeen,
    Observation,
    Questions,
    UserGone,
    UsersSeen,
)
from reconciler.policy import Policy
from reconciler.report import Complete
from store import Store
from store.database import rows
from store.staging import Staging
from tests.builders import group, policy, user

NOW = "2026-01-01T00:00:00.000Z"
WHOLE, PART, DELTA = Completeness.COMPLETE, Completeness.PARTIAL, Completeness.DELTA


def users(*seen: Any, end: Completeness | None = WHOLE) -> list[Observation]:
    """People (names are active ones) in pages of one, and how much of all that is."""
    people = [user(each) if isinstance(each, str) else each for each in seen]
    return [*[UsersSeen((each,)) for each in people], *ended("users", end)]


def groups(*names: str, end: Completeness | None = WHOLE) -> list[Observation]:
    """Groups called by their ids."""
    return [GroupsSeen(tuple(group(name) for name in names)), *ended("groups", end)]


def members(name: str, *people: str, inside: Iterable[str] = (), end: Completeness | None = WHOLE) -> list[Observation]:
    """A group's people and the groups in it."""
    return [MembersSeen(name, people, tuple(inside)), *ended("members", end, name)]


def ended(collection: str, end: Completeness | None, name: str = "") -> list[Observation]:
    return [] if end is None else [CollectionEnd(collection, end, name, "" if end is WHOLE else f"{end} {collection}")]


def pull(
    opened: Store, *parts: list[Observation], asked: Policy | None = None, answer: str = "tombstone",
    identity: str = "", most: int = 500, thorough: bool = False,
) -> Complete:  # fmt: skip
    """Absorbs one pull; about everything missing from it the directory answers: "absence", "tombstone", "there", ""."""
    staging = Staging(opened, asked or policy(), lambda: NOW, identity=identity)
    try:
        for part in parts:
            for observation in part:
                staging.take(observation)
        for questions in staging.questions(thorough=thorough, most=most) if answer else ():
            for told in answers(questions, answer):
                staging.take(told)
        return staging.promote()
    finally:
        staging.discard()


def answers(asked: Questions, answer: str) -> Iterator[Observation]:
    there = answer == "there"
    for name in asked.people:
        yield UsersSeen((user(name),)) if there else UserGone(name, Evidence(answer))
    for name in asked.groups:
        yield GroupsSeen((group(name),)) if there else GroupGone(name, Evidence(answer))
    for one in asked.members:
        yield in_or_out(one, is_member=there)


def settle(opened: Store) -> None:
    """As after a full comparison under this policy: from here on, changes mark people pending."""
    with opened.write() as connection:
        connection.exec_driver_sql("UPDATE directory SET policy_digest = 'known'")
        connection.exec_driver_sql("DELETE FROM pending")


def mirror(opened: Store) -> dict[str, str]:
    """State, and evidence where gone, by external id."""
    with opened.read() as connection:
        found = rows(connection, "SELECT external_id, state, evidence FROM mirror_user ORDER BY external_id")
    return {row[0]: f"{row[1]}/{row[2]}" if row[2] else row[1] for row in found}


def edges(opened: Store) -> set[tuple[str, str]]:
    with opened.read() as connection:
        return {(row[0], row[1]) for row in rows(connection, "SELECT group_id, member_id FROM mirror_edge")}


def pending(opened: Store) -> set[str]:
    with opened.write() as connection:
        found = {row[0] for row in rows(connection, "SELECT external_id FROM pending")}
        connection.exec_driver_sql("DELETE FROM pending")
    return found


FIRST = (users("ada", "bob"), groups("Eng", "Ops"), members("Eng", "ada", "bob"), members("Ops", "ada"))
