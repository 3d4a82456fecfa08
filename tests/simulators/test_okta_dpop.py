"""DPoP (RFC 9449) at the simulated org: nonces, proofs bound to request, token and key."""

import base64
import hashlib
import time
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from rosterd.simulators import Simulator, World
from rosterd.simulators.okta import Okta
from tests.simulators.clients import client, okta_form

USERS = "/api/v1/users"


@cache
def key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def proof(url: str, method: str = "GET", *, number: int = 0, typ: str = "dpop+jwt", **claims: Any) -> str:
    """A proof of key `number`; a claim given as None is left out."""
    public = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).to_jwk(
        key(number).public_key(), as_dict=True
    )
    standard = {"jti": str(uuid.uuid4()), "htm": method, "htu": url, "iat": int(time.time())}
    signed = {name: value for name, value in {**standard, **claims}.items() if value is not None}
    return jwt.encode(signed, key(number), "ES256", {"typ": typ, "jwk": public})


def ath(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")


@pytest.fixture(scope="module")
def okta() -> Iterator[Simulator]:
    with Simulator("okta", World.generate("okta", 5, 1), dpop=True) as simulator:
        yield simulator


def nonce(okta: Simulator) -> str:
    assert isinstance(okta.vendor, Okta)
    return okta.vendor.proofs.nonce


def sign_in(okta: Simulator, header: str | None) -> httpx.Response:
    headers = {} if header is None else {"dpop": header}
    return httpx.post(f"{okta.url}/oauth2/v1/token", data=okta_form(okta), headers=headers)


def token_of(okta: Simulator) -> str:
    answer = sign_in(okta, proof(f"{okta.url}/oauth2/v1/token", "POST", nonce=nonce(okta))).raise_for_status().json()
    assert answer["token_type"] == "DPoP"
    return str(answer["access_token"])


def test_a_first_proof_gets_the_nonce_and_a_second_one_the_token(okta: Simulator) -> None:
    url = f"{okta.url}/oauth2/v1/token"
    first = sign_in(okta, proof(url, "POST"))
    assert (first.status_code, first.json()["error"]) == (400, "use_dpop_nonce")
    second = sign_in(okta, proof(url, "POST", nonce=first.headers["dpop-nonce"]))
    assert (second.status_code, second.json()["token_type"]) == (200, "DPoP")


@pytest.mark.parametrize(
    "wrong",
    [
        {"htu": "https://elsewhere.example/oauth2/v1/token"},
        {"method": "GET"},
        {"iat": 1_000_000_000},
        {"jti": None},
        {"typ": "JWT"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_token_requests_with_a_wrong_proof(okta: Simulator, wrong: dict[str, Any]) -> None:
    given = {"method": "POST", "nonce": nonce(okta), **wrong}
    answer = sign_in(okta, proof(f"{okta.url}/oauth2/v1/token", **given))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize("header", [None, "", "no.jwt.here"])
def test_token_requests_without_a_proof(okta: Simulator, header: str | None) -> None:
    answer = sign_in(okta, header)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


def ask(okta: Simulator, token: str, header: str = "", scheme: str = "DPoP") -> httpx.Response:
    headers = {"authorization": f"{scheme} {token}"} | ({"dpop": header} if header else {})
    return httpx.get(f"{okta.url}{USERS}?limit=2", headers=headers)


def test_a_request_with_token_and_proof(okta: Simulator) -> None:
    token = token_of(okta)
    signed = proof(okta.url + USERS, nonce=nonce(okta), ath=ath(token))
    assert len(ask(okta, token, signed).raise_for_status().json()) == 2
    again = ask(okta, token, signed)
    assert (again.status_code, "used before" in again.headers["www-authenticate"]) == (401, True)


@pytest.mark.parametrize(
    "wrong", [{"ath": "other"}, {"number": 1}, {"htu": "http://127.0.0.1/api/v1/groups"}, {"method": "POST"}],
    ids=lambda wrong: next(iter(wrong)),
)  # fmt: skip
def test_requests_with_a_wrong_proof(okta: Simulator, wrong: dict[str, Any]) -> None:
    token = token_of(okta)
    answer = ask(okta, token, proof(okta.url + USERS, **{"nonce": nonce(okta), "ath": ath(token), **wrong}))
    assert answer.status_code == 401
    assert 'error="invalid_dpop_proof"' in answer.headers["www-authenticate"]


def test_a_new_nonce_has_to_be_used(okta: Simulator) -> None:
    token, old = token_of(okta), nonce(okta)
    assert isinstance(okta.vendor, Okta)
    okta.vendor.proofs.new_nonce()
    answer = ask(okta, token, proof(okta.url + USERS, nonce=old, ath=ath(token)))
    assert (answer.status_code, 'error="use_dpop_nonce"' in answer.headers["www-authenticate"]) == (401, True)
    fresh = proof(okta.url + USERS, nonce=answer.headers["dpop-nonce"], ath=ath(token))
    assert ask(okta, token, fresh).status_code == 200


def test_a_bound_token_is_no_bearer_token_and_an_api_token_needs_no_proof(okta: Simulator) -> None:
    assert ask(okta, token_of(okta), scheme="Bearer").status_code == 401
    assert ask(okta, token_of(okta)).status_code == 401
    with client(okta) as http:
        assert http.get(USERS).status_code == 200


def test_dpop_is_off_unless_asked_for() -> None:
    with Simulator("okta", World.generate("okta", 5, 1)) as plain:
        form = okta_form(plain)
        assert httpx.post(f"{plain.url}/oauth2/v1/token", data=form).json()["token_type"] == "Bearer"
    with pytest.raises(ValueError, match="DPoP is Okta's"):
        Simulator("entra", World("entra"), dpop=True)
