"""The gate of the REST API: how often, what a broken store or a fault of ours is, and which tokens were used."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import StoreError
from rosterd.settings import Problem
from store import open_store
from tests.acceptance.daemon import eventually
from tests.rosterd.http.api import Acme


@pytest.fixture
def acme(tmp_path: Path, sqlite_url: str) -> Iterator[Acme]:
    """Not served yet."""
    opened = open_store(sqlite_url)
    yield Acme(opened, tmp_path, "ada", "bob")
    opened.close()


def test_too_many_requests_are_told_when_to_go_on(acme: Acme) -> None:
    with acme.served(rate=0.1) as served, served.client() as client, served.client() as other:
        answers = [client.get("/directories") for _ in range(5)]
        assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]
        assert answers[-1].json()["code"] == "too_many_requests"
        assert int(answers[-1].headers["retry-after"]) > 0
        assert other.get("/directories").status_code == 200  # each token has its own


def test_a_store_that_refuses_is_503_and_says_no_place(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        error = StoreError("the store refused: disk is full", where="postgresql://db.internal/x", fix="free space")
        error.code = "disk_full"
        raise error

    monkeypatch.setattr("rosterd.http.api.look.reports", refuse)
    with acme.served() as served, served.client() as client:
        answer = client.get("/runs")
    assert (answer.status_code, answer.json()["code"]) == (503, "disk_full")
    assert answer.headers["retry-after"]
    assert "db.internal" not in answer.text


def test_a_fault_of_ours_is_500_and_the_log_tells_its_place_only(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("ada@acme.com")

    monkeypatch.setattr("rosterd.http.api.look.reports", broken)
    token = acme.token()
    with caplog.at_level(logging.DEBUG), acme.served() as served, served.client(token) as client:
        answer = client.get("/runs")
        assert client.get("/workspaces").status_code == 200
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["code"] == "unexpected"
    assert "ValueError at" in caplog.text
    assert "ada@acme.com" not in caplog.text + answer.text
    assert token not in caplog.text


def test_which_tokens_were_used_is_told_once_a_minute(acme: Acme) -> None:
    told: list[str] = []
    with acme.served(used=told.extend) as served, served.client() as client, served.client("rosterd_x") as nobody:
        for _ in range(3):
            client.get("/workspaces")
            nobody.get("/workspaces")
        eventually(lambda: told)
    assert len(told) == 1


def test_what_is_wrong_with_a_configuration_is_all_told(acme: Acme) -> None:
    acme.broken_by(Problem("unknown_key", "there is no key x"), Problem("duplicate_id", "two are called y"))
    with acme.served() as served, served.client() as client:
        answer = client.post("/reload")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_key")
    assert [each["code"] for each in answer.json()["errors"]] == ["unknown_key", "duplicate_id"]
