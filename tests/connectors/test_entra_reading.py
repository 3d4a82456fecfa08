"""Entra over the wire: tokens, links, pages, guests, and people without accountEnabled."""

import asyncio
import datetime as dt
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from starlette.responses import Response

from connectors.base import Refused, Resync, Unavailable
from reconciler.model import Completeness, Cursor, MembersSeen, Observation, Questions, UsersSeen, UserState, Wanted
from rosterd.simulators import Simulator, World
from rosterd.simulators.web import Call, Endpoint, Refusal
from tests.connectors.directories import break_, check, connect, ends, pull


@pytest.fixture
def entra() -> Iterator[Simulator]:
    made = World("entra")
    for number in range(5):
        made.hire(f"Given{number}", "Family")
    made.add_group("Team")
    with Simulator("entra", made) as simulator:
        yield simulator


def json_page(body: object, status: int = 200, **headers: str) -> Response:
    return Response(json.dumps(body), status, {name.replace("_", "-"): value for name, value in headers.items()})


def users(seen: list[object]) -> list[str]:
    return [user.external_id for page in seen if isinstance(page, UsersSeen) for user in page.users]


def test_one_token_serves_a_whole_pull(entra: Simulator, tmp_path: Path) -> None:
    pull(connect(entra, tmp_path), Wanted(groups=frozenset({"Team"})))
    assert sum(entra.token_requests.values()) == 1


def test_a_token_that_was_withdrawn_is_renewed_once(entra: Simulator, tmp_path: Path) -> None:
    body = {"error": {"code": "InvalidAuthenticationToken", "message": "gone"}}
    break_(entra, lambda: json_page(body, 401), times=1)
    connector = connect(entra, tmp_path)
    pull(connector, Wanted())
    assert (connector.counts.retries, sum(entra.token_requests.values())) == (1, 2)


def test_a_token_that_stays_refused_is_a_persons_business(entra: Simulator, tmp_path: Path) -> None:
    break_(entra, lambda: json_page({"error": {"code": "InvalidAuthenticationToken", "message": "gone"}}, 401))
    connector = connect(entra, tmp_path)
    with pytest.raises(Refused, match="InvalidAuthenticationToken"):
        pull(connector, Wanted())
    assert connector.counts.requests == 2


def test_a_claims_challenge_is_answered_by_the_package(entra: Simulator, tmp_path: Path) -> None:
    challenge = 'Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="'
    break_(entra, lambda: json_page({}, 401, www_authenticate=challenge), times=1)
    connector = connect(entra, tmp_path)
    pull(connector, Wanted())
    assert (connector.counts.retries, sum(entra.token_requests.values())) == (0, 2)


def test_a_certificate_signs_in(entra: Simulator, tmp_path: Path) -> None:
    pem = tmp_path / "app.pem"
    pem.write_bytes(certificate())
    seen = pull(connect(entra, tmp_path, client_secret=None, certificate={"file": str(pem)}), Wanted())
    assert len(users(list(seen))) == 5


def test_a_federated_token_signs_in(entra: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "token"
    signed = {"sub": entra.credentials["client_id"], "iss": entra.credentials["client_id"]}
    file.write_text(jwt.encode({**signed, "aud": "api://AzureADTokenExchange", "exp": 4102444800}, "k" * 32))
    seen = pull(connect(entra, tmp_path, client_secret=None, federated_token_file=str(file)), Wanted())
    assert len(users(list(seen))) == 5


def test_a_federated_token_that_is_not_there_is_told(entra: Simulator, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no federated token") as raised:
        connect(entra, tmp_path, client_secret=None, federated_token_file=str(tmp_path / "none"))
    assert "federated_token_file" in raised.value.fix


@pytest.mark.parametrize("client_id", [None, "user-assigned"])
def test_a_managed_identity_asks_the_machine(
    entra: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client_id: str | None
) -> None:
    asked: list[dict[str, str]] = []

    def token(call: Call) -> Response:
        asked.append(call.query)
        access = entra.vendor.tokens.issue(frozenset())
        return json_page({"access_token": access, "expires_on": "4102444800", "resource": "x", "token_type": "Bearer"})

    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{entra.url}/v1.0/organization")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    monkeypatch.setattr(entra.vendor, "admit", asking(entra, token))
    keys: dict[str, Any] = {"client_secret": None, "managed_identity": True, "client_id": client_id}
    assert len(users(list(pull(connect(entra, tmp_path, **keys), Wanted())))) == 5
    assert [query["resource"] for query in asked] == ["https://graph.microsoft.com"]
    assert asked[0].get("client_id") == client_id


def asking(entra: Simulator, token: Callable[[Call], Response]) -> Callable[[Call, Endpoint], None]:
    """The machine's token endpoint in place of one that is not used here."""
    whole = entra.vendor.admit

    def admit(call: Call, row: Endpoint) -> None:
        if "organization" in call.path:
            raise Refusal(token(call))
        whole(call, row)

    return admit


def certificate() -> bytes:
    """A self-signed certificate and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rosterd")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + dt.timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return made.public_bytes(encoding) + key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)


def test_a_missing_consent_is_told_by_check(entra: Simulator, tmp_path: Path) -> None:
    entra.vendor.granted.discard("User.Read.All")
    (finding,) = [each for each in check(connect(entra, tmp_path), Wanted()) if each.severity != "ok"]
    assert (finding.feature, finding.severity, "Grant admin consent" in finding.fix) == ("people", "error", True)


@pytest.mark.parametrize(("status", "body"), [(503, "<html>busy</html>"), (200, "<html>"), (200, "{}"), (403, "")])
def test_a_token_endpoint_in_trouble_is_no_wrong_secret(
    entra: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, body: str
) -> None:
    monkeypatch.setattr("rosterd.simulators.entra_access.EntraAccess.token", lambda *_: Response(body, status))
    with Simulator("entra", entra.world) as busy, pytest.raises(Unavailable, match="no token"):
        pull(connect(busy, tmp_path, deadline=2), Wanted())


def test_an_empty_page_may_have_a_successor(entra: Simulator, tmp_path: Path) -> None:
    path = "/v1.0/users?$select=id,accountEnabled&$top=999"
    empty = {"value": [], "@odata.nextLink": f"{entra.url}{path}"}
    break_(entra, lambda: json_page(empty), where="/users", times=1)
    assert len(users(list(pull(connect(entra, tmp_path), Wanted())))) == 5


@pytest.mark.parametrize("link", ["https://evil.example.com/v1.0/users?$skiptoken=x", "/v1.0/users?$skiptoken=x"])
def test_a_link_to_another_host_is_not_followed(entra: Simulator, tmp_path: Path, link: str) -> None:
    break_(entra, lambda: json_page({"value": [], "@odata.nextLink": link}), where="/users")
    end = ends(pull(connect(entra, tmp_path), Wanted()))[0]
    assert (end.completeness, "next page is said to be on" in end.reason) == (Completeness.PARTIAL, True)


def test_a_link_that_repeats_ends_the_listing_as_partial(entra: Simulator, tmp_path: Path) -> None:
    link = f"{entra.url}/v1.0/users?$skiptoken=x"
    break_(entra, lambda: json_page({"value": [], "@odata.nextLink": link}), where="/users")
    seen = pull(connect(entra, tmp_path), Wanted())
    assert (ends(seen)[0].completeness, "in circles" in ends(seen)[0].reason) == (Completeness.PARTIAL, True)
    assert ends(seen)[1].completeness is Completeness.COMPLETE
    assert not any(isinstance(each, Cursor) for each in seen)


def test_an_expired_page_token_asks_for_a_new_read(entra: Simulator, tmp_path: Path) -> None:
    break_(entra, lambda: json_page({"error": {"code": "Directory_ExpiredPageToken", "message": "old"}}, 400))
    with pytest.raises(Resync):
        pull(connect(entra, tmp_path), Wanted())


def test_people_without_account_enabled_make_the_read_partial(entra: Simulator, tmp_path: Path) -> None:
    people = [{"id": "1", "accountEnabled": True}, {"id": "2"}, {"id": "3", "accountEnabled": None}]
    break_(entra, lambda: json_page({"value": people}), where="/users")
    seen = pull(connect(entra, tmp_path), Wanted())
    states = [user.state for page in seen if isinstance(page, UsersSeen) for user in page.users]
    assert states == [UserState.ACTIVE, UserState.UNKNOWN, UserState.UNKNOWN]
    assert (ends(seen)[0].completeness, "2 people: 2, 3" in ends(seen)[0].reason) == (Completeness.PARTIAL, True)


def test_a_tenant_without_people_is_not_believed(entra: Simulator, tmp_path: Path) -> None:
    break_(entra, lambda: json_page({"value": []}))
    assert [(end.completeness, end.reason) for end in ends(pull(connect(entra, tmp_path), Wanted()))] == [
        (Completeness.PARTIAL, "Entra ID lists no people at all"),
        (Completeness.COMPLETE, ""),
    ]


def test_members_that_are_neither_people_nor_groups_are_left_out(entra: Simulator, tmp_path: Path) -> None:
    body = (Path(__file__).parent / "fixtures" / "entra" / "members.json").read_bytes()
    break_(entra, lambda: Response(body), where="/members")
    seen = pull(connect(entra, tmp_path), Wanted(groups=frozenset({"Team"}), nested=False))
    (page,) = [each for each in seen if isinstance(each, MembersSeen)]
    assert page.users == ("6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "4562bcc8-0001")
    assert page.groups == ("02bd9fd6-8f93-4758-87c3-1fb73740a315",)


@pytest.mark.parametrize("member", [{"id": "1"}, {"@odata.type": "#microsoft.graph.user"}, None])
def test_a_member_without_id_or_kind_makes_the_group_partial(entra: Simulator, tmp_path: Path, member: object) -> None:
    break_(entra, lambda: json_page({"value": [member]}), where="/members")
    end = ends(pull(connect(entra, tmp_path), Wanted(groups=frozenset({"Team"}))))[-1]
    assert (end.completeness, "not the page that Graph documents" in end.reason) == (Completeness.PARTIAL, True)


def test_attributes_arrive(entra: Simulator, tmp_path: Path) -> None:
    first = next(iter(entra.world.people))
    entra.world.set_attribute(first, "jamie_role", "admin")
    name = f"extension_{entra.credentials['client_id'].replace('-', '')}_jamie_role"
    seen = pull(connect(entra, tmp_path), Wanted(attributes=frozenset({name})))
    found = {user.external_id: user for page in seen if isinstance(page, UsersSeen) for user in page.users}
    assert found[first].attributes == {name: "admin"}


@pytest.mark.parametrize(
    ("name", "kept"), [("jamie_role", "jamie_role"), ("extensionAttribute1", "extensionAttribute1")]
)
def test_a_bare_attribute_arrives_in_a_whole_read_in_changes_and_by_id(
    entra: Simulator, tmp_path: Path, name: str, kept: str
) -> None:
    one, other = [*entra.world.people][:2]
    entra.world.set_attribute(one, kept, "admin")
    wanted = Wanted(attributes=frozenset({name}))

    def told(seen: Sequence[Observation]) -> dict[str, object]:
        people = [user for page in seen if isinstance(page, UsersSeen) for user in page.users]
        return {user.external_id: user.attributes[name] for user in people if user.attributes}

    whole = pull(connect(entra, tmp_path), wanted)
    assert told(whole) == {one: "admin"}
    entra.world.set_attribute(other, kept, "member")
    cursor = next(each.text for each in whole if isinstance(each, Cursor))
    assert told(pull(connect(entra, tmp_path), msgspec.structs.replace(wanted, cursor=cursor))) == {other: "member"}

    async def asked() -> list[Observation]:
        connector = connect(entra, tmp_path)
        try:
            return [answer async for answer in connector.confirm(Questions(people=(one,)), wanted)]
        finally:
            await connector.close()

    assert told(asyncio.run(asked())) == {one: "admin"}


def test_no_secret_is_logged(entra: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pull(connect(entra, tmp_path), Wanted())
    assert entra.secret not in caplog.text
    assert "Authorization" not in caplog.text
