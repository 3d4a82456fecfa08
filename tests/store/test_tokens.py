"""Tokens of told directories: which let in when, and what was heard with them."""

import pytest

from store import Store
from store.scim.gauges import heard, note_request
from store.tokens import OPERATORS, Token, end_at, end_others, keep_token, revoke, token_of, tokens_of, used

NOW, SOON, LATER = "2026-11-21T10:00:00.000Z", "2026-11-22T10:00:00.000Z", "2027-11-21T10:00:00.000Z"


def token(id: str = "a", directory: str = "acme-scim", **more: str | None) -> Token:  # noqa: A002
    """A token that was just made."""
    return Token(id, directory, f"digest of {id}", NOW, **more)  # type: ignore[arg-type]


def kept(store: Store, *tokens: Token) -> None:
    with store.write() as connection:
        for each in tokens:
            keep_token(connection, each)


def found(store: Store, id: str) -> Token:  # noqa: A002
    with store.read() as connection:
        known = token_of(connection, id)
    assert known is not None
    return known


def test_a_token_comes_back_as_it_was_kept(store: Store) -> None:
    given = token(label="entra", expires=LATER)
    kept(store, given, token("b"), token("c", "other-scim"))
    assert found(store, "a") == given
    with store.read() as connection:
        assert [each.id for each in tokens_of(connection, "acme-scim")] == ["a", "b"]
        assert token_of(connection, "A") is None


@pytest.mark.parametrize(("more", "valid"), [
    ({}, True), ({"expires": LATER}, True), ({"expires": NOW}, False), ({"revoked": NOW}, False),
])  # fmt: skip
def test_one_that_is_revoked_or_over_lets_nobody_in(more: dict[str, str], valid: bool) -> None:
    assert token(**more).valid(NOW) is valid


def test_revoking_ends_one_of_this_directory_only_and_once(store: Store) -> None:
    kept(store, token("a"), token("b"))
    with store.write() as connection:
        assert not revoke(connection, "other-scim", "a", NOW)
        assert not revoke(connection, "acme-scim", "c", NOW)
        assert revoke(connection, "acme-scim", "a", NOW)
        assert revoke(connection, "acme-scim", "a", LATER)
    assert (found(store, "a").revoked, found(store, "b").revoked) == (NOW, None)


def test_the_others_end_when_the_new_one_is_meant_to_be_there(store: Store) -> None:
    kept(store, token("old"), token("long", expires=LATER), token("short", expires=NOW), token("off", revoked=NOW),
         token("new"), token("foreign", "other-scim"))  # fmt: skip
    with store.write() as connection:
        assert end_others(connection, "acme-scim", "new", SOON) == ["long", "old"]
    ends = {each: found(store, each).expires for each in ("old", "long", "short", "off", "new", "foreign")}
    assert ends == {"old": SOON, "long": SOON, "short": NOW, "off": None, "new": None, "foreign": None}


def test_use_is_noted_to_the_minute(store: Store) -> None:
    kept(store, token("a"), token("b"))
    with store.write() as connection:
        used(connection, ["a"], "2026-11-21T10:07:33.123Z")
    assert (found(store, "a").last_used, found(store, "b").last_used) == ("2026-11-21T10:07:00.000Z", None)


def test_what_is_heard_adds_up(store: Store) -> None:
    with store.read() as connection:
        nothing = heard(connection, "acme-scim")
    assert (nothing.last_request, nothing.users, nothing.groups, nothing.leniencies) == (None, 0, 0, ())
    with store.write() as connection:
        note_request(connection, "acme-scim", NOW, {"op-case": 2, "json-text": 5})
        note_request(connection, "acme-scim", SOON, {"op-case": 1})
        note_request(connection, "other-scim", LATER, {"op-case": 9})
    with store.read() as connection:
        known = heard(connection, "acme-scim")
    assert known.last_request == SOON
    assert [(each.code, each.count, each.first, each.last) for each in known.leniencies] == [
        ("json-text", 5, NOW, NOW), ("op-case", 3, NOW, SOON),
    ]  # fmt: skip


def test_an_operators_token_says_what_it_may_do_and_is_of_no_directory(store: Store) -> None:
    kept(
        store, token("a"), token("b", OPERATORS, scope="read"), token("c", OPERATORS, scope="operate", workspace="acme")
    )
    with store.read() as connection:
        assert [(each.scope, each.workspace) for each in tokens_of(connection, OPERATORS)] == [
            ("read", None),
            ("operate", "acme"),
        ]
        assert [each.id for each in tokens_of(connection, "acme-scim")] == ["a"]


def test_one_operators_token_ends_and_the_others_stay(store: Store) -> None:
    kept(store, token("a", OPERATORS, scope="read"), token("b", OPERATORS, scope="read"), token("c"))
    with store.write() as connection:
        assert end_at(connection, OPERATORS, "a", SOON) is not None
        assert end_at(connection, OPERATORS, "a", LATER) is not None  # what ends before stays so
        assert end_at(connection, OPERATORS, "c", SOON) is None
    assert [found(store, each).expires for each in "abc"] == [SOON, None, None]
