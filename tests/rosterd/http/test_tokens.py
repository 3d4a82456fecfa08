"""Which texts let somebody in: shape, hash, the store's word, and a second of memory."""

import asyncio

import pytest

from rosterd.http import tokens
from rosterd.http.ports import Grant
from rosterd.http.tokens import REMEMBERED_SECONDS, SHAPE, Fresh, StoredTokens, Valid, digest_of, fresh

GRANT = Grant("abc123", "acme-scim", "entra")


class Kept:
    """A store with one token in it."""

    def __init__(self, token: Fresh) -> None:
        self.known: dict[str, Valid] = {token.id: Valid(GRANT, token.digest)}
        self.asked: list[str] = []
        self.now = 0.0
        self.tokens = StoredTokens(self._find, lambda: self.now)

    def _find(self, id: str) -> Valid | None:  # noqa: A002
        self.asked.append(id)
        return self.known.get(id)

    def grant(self, text: str) -> Grant | None:
        return asyncio.run(self.tokens.grant(text))


def test_a_new_token_has_its_shape_and_is_never_twice_the_same() -> None:
    made = [fresh() for _ in range(100)]
    assert all((found := SHAPE.fullmatch(each.text)) and found[1] == each.id for each in made)
    assert len({each.text for each in made}) == 100
    assert {each.digest for each in made} == {digest_of(each.text) for each in made}


def test_a_token_gives_what_the_store_says() -> None:
    token = fresh()
    assert Kept(token).grant(token.text) == GRANT


@pytest.mark.parametrize("wrong", [
    "", "rosterd_", "rosterd_abc123_short", "x" * 10_000, "rosterd_abc123_" + "é" * 43, "\udc80",
])  # fmt: skip
def test_what_has_not_the_shape_is_not_looked_up(wrong: str) -> None:
    kept = Kept(fresh())
    assert kept.grant(wrong) is None
    assert kept.asked == []


def test_the_id_alone_lets_nobody_in() -> None:
    token = fresh()
    kept = Kept(token)
    assert kept.grant(f"rosterd_{token.id}_{'a' * 43}") is None
    assert kept.asked == [token.id]


def test_one_that_was_valid_is_not_looked_up_for_a_second_and_then_again() -> None:
    token = fresh()
    kept = Kept(token)
    assert [kept.grant(token.text) for _ in range(3)] == [GRANT] * 3
    assert len(kept.asked) == 1
    kept.known.clear()  # revoked
    kept.now += REMEMBERED_SECONDS
    assert kept.grant(token.text) is None


def test_one_that_was_not_valid_is_looked_up_each_time() -> None:
    """A new token works at once, also when its client was too early."""
    token = fresh()
    kept = Kept(token)
    known, kept.known = kept.known, {}
    assert kept.grant(token.text) is None
    kept.known = known
    assert kept.grant(token.text) == GRANT


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_REMEMBERED", 3)
    made = [fresh() for _ in range(10)]
    kept = Kept(made[0])
    kept.known = {each.id: Valid(GRANT, each.digest) for each in made}
    assert [kept.grant(each.text) for each in made] == [GRANT] * 10
    assert len(kept.tokens._remembered) <= 3
