"""What `check` says of a directory that tells, and when tokens are warned about."""

from datetime import UTC, datetime, timedelta

import pytest

from rosterd.heard import _described, findings, warnings
from rosterd.tokens import create, end, expiring, rotate
from store import Store
from store.leases import stamp
from store.scim.gauges import note_request
from store.tokens import Token

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SCIM = "acme-scim"


def token(days: float | None, id: str = "a", **more: str) -> Token:  # noqa: A002
    """A token that ends in so many days."""
    ends = None if days is None else stamp(NOW + timedelta(days=days))
    return Token(id, SCIM, "digest", stamp(NOW - timedelta(days=400)), expires=ends, **more)


@pytest.mark.parametrize(("tokens", "said"), [
    ([], ""),
    ([token(None)], ""),
    ([token(15)], ""),
    ([token(13)], "ends on 2026-12-04"),
    ([token(1), token(30, "b")], ""),
    ([token(1), token(None, "b")], ""),
    ([token(1), token(2, "b")], "(b) ends on 2026-11-23"),
    ([token(-1)], "no token of acme-scim is valid any more"),
    ([token(None, revoked="2026-01-01T00:00:00.000Z")], "no token of acme-scim is valid any more"),
    ([token(5), token(None, "b", revoked="2026-01-01T00:00:00.000Z")], "(a) ends on 2026-11-26"),
])  # fmt: skip
def test_the_last_token_that_ends_is_warned_about_two_weeks_before(tokens: list[Token], said: str) -> None:
    sentences = [*expiring(tokens, stamp(NOW))]
    assert len(sentences) == bool(said)
    assert all(said in sentence for sentence in sentences)


def codes(store: Store) -> list[tuple[str, str]]:
    return [(each.severity, each.code) for each in findings(store, SCIM)]


def test_check_follows_a_directory_from_its_first_day(store: Store) -> None:
    assert codes(store) == [("ok", "told"), ("warning", "never_heard"), ("warning", "no_token")]
    assert warnings(store, SCIM) == ()
    made, _ = create(store, SCIM, "", timedelta(days=3))
    assert ("warning", "token_expires") in codes(store)
    assert len(warnings(store, SCIM)) == 1
    rotate(store, SCIM, "", None, keep=timedelta(hours=1))
    assert codes(store)[2:] == [("ok", "token"), ("ok", "token")]
    with store.write() as connection:
        note_request(connection, SCIM, "2026-11-21T10:00:00.000Z", {"op-case": 3, "not-known-any-more": 1})
    assert codes(store)[:3] == [("ok", "told"), ("ok", "last_request"), ("ok", "resources")]
    said = {each.code: each.message for each in findings(store, SCIM)}
    assert "(3 times, last on 2026-11-21)" in said["leniency_op_case"]
    assert "leniency_not_known_any_more" in said
    assert made.text not in str(said)


def test_check_fails_when_no_token_is_left(store: Store) -> None:
    made, _ = create(store, SCIM, "", None)
    end(store, SCIM, made.id)
    assert ("error", "no_valid_token") in codes(store)


def test_when_a_token_was_last_used_is_a_time_of_a_zone() -> None:
    used = _described(token(None, last_used="2026-11-21T09:04:00.000Z"))
    assert used == "token a does not end and was last used on 2026-11-21 09:04 UTC"
    assert _described(token(3, label="entra")) == 'token a "entra" is valid until 2026-11-24 and was not used yet'
