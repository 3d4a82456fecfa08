"""Secrets do not get into the log, wherever they stand."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from connectors.base import SecretRef
from rosterd.http.tokens import fresh
from rosterd.redaction import REDACTED, SHORTEST, Redactor, secrets_in

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLW9mLWl0"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----"

PLANTED = {
    "a token of ours": (f"GET /scim/v2/acme with {(token := fresh().text)}", token[15:]),
    "a bearer token": ("Authorization: Bearer abc.DEF-123~xyz", "abc.DEF-123~xyz"),
    "basic credentials": ("authorization: basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy"),
    "an Okta token": ("{'Authorization': 'SSWS 00QCjAl4MlV-WPXM'}", "00QCjAl4MlV-WPXM"),
    "a header in a repr": ('{"authorization": "hunter2hunter2"}', "hunter2"),
    "a database password": ("cannot reach postgresql+psycopg://rosterd:hunter2@db/rosterd", "hunter2"),
    "a database password with an @": ("postgresql://rosterd:hunt@er2@db/rosterd", "hunt@er2"),
    "a client secret in a form": ("grant_type=client_credentials&client_secret=8Q~hunter2&scope=x", "8Q~hunter2"),
    "a client secret in JSON": ('{"client_secret": "8Q~hun\\"ter2", "x": 1}', "ter2"),
    "an access token in a query": ("GET /users?access_token=ya29.a0Af&limit=1", "ya29.a0Af"),
    "a SCIM password": ('{"userName":"ada","password":"t1meMa$heen"}', "t1meMa$heen"),
    "a password in a connection string": ("host=db password=hunter2 user=rosterd", "hunter2"),
    "a JWT": (f"assertion was {JWT}", JWT),
    "a private key": (f"key {KEY} is bad", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"),
    "a private key with escaped lines": (f"key {KEY!r}", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"),
    "an API key header": ("X-Api-Key: hunter2", "hunter2"),
}


@pytest.mark.parametrize(("text", "secret"), PLANTED.values(), ids=PLANTED)
def test_what_looks_like_a_secret_is_taken_out(text: str, secret: str) -> None:
    assert secret in text
    said = Redactor().text(text)
    assert secret not in said
    assert REDACTED in said


HARMLESS = (
    "acme-okta: succeeded (schedule, 3 changes, run 20261121T230816-cc8d9f)",
    "token aB3xYz ends in 9 days; rosterd token rotate acme-scim",
    "listening on 0.0.0.0 in plain HTTP: let only a proxy that speaks TLS reach it",
    "the directory at https://acme.okta.com/api/v1/users answered 503",
    "the directory refused our credentials (invalid_client)",
    "postgresql+psycopg://rosterd@db/rosterd",
)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_none_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_the_id_of_a_token_stays_so_that_it_can_be_revoked() -> None:
    token = fresh()
    assert token.id in Redactor().text(token.text)


@pytest.mark.parametrize(
    "name", ["Authorization", "password", "client_secret", "DB_PASSWORD", "X-Api-Key", "clientSecret"]
)
def test_what_stands_under_the_name_of_a_secret_is_gone_whole(name: str) -> None:
    said = Redactor().value({"headers": {name: "any thing"}, "list": ({name: b"any thing"},)})
    assert said == {"headers": {name: REDACTED}, "list": [{name: REDACTED}]}


@given(st.text(min_size=SHORTEST).filter(lambda text: text.strip() == text), st.text(), st.text())
def test_a_known_secret_is_nowhere(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])
    said = redactor.value({"a": f"{before}{secret}{after}", "b": [f"{secret}", (secret,)]})
    assert all(REDACTED in text for text in (said["a"], said["b"][0], said["b"][1][0]))
    assert said["b"] == [REDACTED, [REDACTED]]


def test_a_line_of_a_known_key_is_secret_too() -> None:
    assert "BKcwggSjAgEAAoIBAQC7" not in Redactor([KEY]).text("cannot parse BKcwggSjAgEAAoIBAQC7 at line 2")


def test_the_secrets_of_a_configuration_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Inner(BaseModel):
        key: SecretRef
        gone: SecretRef

    class Outer(BaseModel):
        inner: tuple[Inner, ...]
        url: str

    (tmp_path / "key").write_text("hunter2-file\n", encoding="utf-8")
    monkeypatch.setenv("OPS_SECRET", "hunter2-env")
    inner = Inner(key=SecretRef(file=tmp_path / "key"), gone=SecretRef(env="OPS_NOT_SET"))
    other = Inner(key=SecretRef(env="OPS_SECRET"), gone=SecretRef(env="OPS_NOT_SET"))
    found = set(secrets_in(Outer(inner=(inner, other), url="postgresql://u:p%40ss@db/x")))
    assert found == {"hunter2-file", "hunter2-env", "p%40ss", "p@ss"}


def test_a_secret_of_an_earlier_configuration_is_one_still() -> None:
    """Runs that began before the file was read again still have it, and so have errors that tell of them."""
    redactor = Redactor(["first-of-them"])
    redactor.learn_more(["second-of-them"])
    assert redactor.text("first-of-them, second-of-them") == "[redacted], [redacted]"
