"""Okta over the wire: signing, tokens, limits, and people without a status."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from connectors.base import Malformed, Refused, Unavailable
from reconciler.model import Completeness, UsersSeen, UserState, Wanted
from rosterd.simulators import Simulator, World
from rosterd.simulators.web import Call, Endpoint
from tests.connectors.directories import break_, check, connect, ends, members, pull

PEOPLE = 205  # two pages


@pytest.fixture
def okta() -> Iterator[Simulator]:
    made = World("okta")
    people = [made.hire(f"Given{number}", "Family") for number in range(PEOPLE)]
    team = made.add_group("Team")
    for person in people[:3]:
        made.join(team.id, person.id)
    with Simulator("okta", made) as simulator:
        yield simulator


def with_key(okta: Simulator, folder: Path) -> dict[str, Any]:
    key = folder / "key.pem"
    key.write_text(okta.credentials["private_key"])
    return {"token": None, "client_id": okta.credentials["client_id"], "private_key": {"file": str(key)}}


def json_page(body: object, **headers: str) -> Response:
    return Response(json.dumps(body), headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_service_app_signs_in_once_for_a_whole_pull(okta: Simulator, tmp_path: Path) -> None:
    seen = pull(connect(okta, tmp_path, **with_key(okta, tmp_path)), Wanted(groups=frozenset({"Team"})))
    assert all(end.completeness is Completeness.COMPLETE for end in ends(seen))
    assert sum(okta.token_requests.values()) == 1


def test_a_token_that_was_revoked_is_renewed_once(okta: Simulator, tmp_path: Path) -> None:
    connector = connect(okta, tmp_path, **with_key(okta, tmp_path))
    error = {"errorCode": "E0000011", "errorSummary": "Invalid token provided"}
    break_(okta, lambda: Response(json.dumps(error), 401), times=1)
    pull(connector, Wanted())
    assert (connector.counts.retries, sum(okta.token_requests.values())) == (1, 2)


def test_a_refused_api_token_is_sent_once(okta: Simulator, tmp_path: Path) -> None:
    connector = connect(okta, tmp_path, secret="00wrong")
    with pytest.raises(Refused, match="E0000011"):
        pull(connector, Wanted())
    assert connector.counts.requests == 1


def test_a_scope_that_is_not_granted_is_named(okta: Simulator, tmp_path: Path) -> None:
    okta.vendor.granted.discard("okta.groups.read")
    with pytest.raises(Refused, match=r"invalid_scope .*okta\.groups\.read") as raised:
        pull(connect(okta, tmp_path, **with_key(okta, tmp_path)), Wanted())
    assert "Okta API Scopes" in raised.value.fix


def test_a_token_with_less_than_was_asked_for_is_not_used(
    okta: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = connect(okta, tmp_path, **with_key(okta, tmp_path))
    narrow = {"access_token": "x", "expires_in": 3600, "token_type": "Bearer", "scope": "okta.users.read"}
    monkeypatch.setattr("rosterd.simulators.okta_access.OktaAccess.token", lambda *_: json_page(narrow))
    with Simulator("okta", okta.world) as narrowed:
        connector = connect(narrowed, tmp_path, **with_key(narrowed, tmp_path))
        with pytest.raises(Refused, match=r"does not carry okta\.groups\.read"):
            pull(connector, Wanted())
        assert not narrowed.requests


def test_a_missing_role_is_told_by_check(okta: Simulator, tmp_path: Path) -> None:
    break_(okta, lambda: Response('{"errorCode": "E0000006", "errorSummary": "You do not have permission"}', 403))
    findings = [each for each in check(connect(okta, tmp_path), Wanted()) if each.severity != "ok"]
    assert [(each.feature, each.severity) for each in findings] == [("people", "error"), ("groups", "error")]
    assert all("Read-only Administrator" in each.fix for each in findings)


def test_people_without_a_status_make_the_read_partial(okta: Simulator, tmp_path: Path) -> None:
    people = [{"id": f"00u{number}", "profile": {}} for number in range(7)]
    break_(okta, lambda: json_page([*people, {"id": "00ux", "status": "ACTIVATING", "profile": {}}]), where="/users")
    seen = pull(connect(okta, tmp_path), Wanted())
    users = [user for page in seen if isinstance(page, UsersSeen) for user in page.users]
    assert {user.state for user in users} == {UserState.UNKNOWN}
    assert (ends(seen)[0].completeness, ends(seen)[1].completeness) == (Completeness.PARTIAL, Completeness.COMPLETE)
    assert "7 people: 00u0, 00u1, 00u2, 00u3, 00u4, …" in ends(seen)[0].reason


@pytest.mark.parametrize(
    ("wanted", "groups"),
    [(Wanted(), ""), (Wanted(groups=frozenset({"Team"})), "Okta lists no groups at all")],
    ids=["none wanted", "one wanted"],
)
def test_an_org_without_people_or_groups_is_not_believed(
    okta: Simulator, tmp_path: Path, wanted: Wanted, groups: str
) -> None:
    break_(okta, lambda: json_page([]))
    found = ends(pull(connect(okta, tmp_path), wanted))
    assert [end.reason for end in found] == ["Okta lists no people at all", groups]
    assert [end.completeness is Completeness.COMPLETE for end in found] == [False, not groups]


def test_deactivated_people_are_not_listed_but_stay_members(okta: Simulator, tmp_path: Path) -> None:
    gone = next(iter(okta.world.people))
    okta.world.delete(gone)
    seen = pull(connect(okta, tmp_path), Wanted(groups=frozenset({"team"})))
    assert gone not in {user.external_id for page in seen if isinstance(page, UsersSeen) for user in page.users}
    assert gone in members(seen, next(iter(okta.world.groups)))


def test_a_throttle_is_waited_out(okta: Simulator, tmp_path: Path) -> None:
    break_(okta, lambda: Response('{"errorCode": "E0000047"}', 429, {"retry-after": "0.2"}), times=1)
    connector = connect(okta, tmp_path)
    pull(connector, Wanted())
    assert connector.counts.retries == 1
    assert 0.2 <= connector.counts.throttled_seconds < 0.5


def test_a_link_to_another_host_is_not_followed(okta: Simulator, tmp_path: Path) -> None:
    link = '<https://evil.example.com/api/v1/users?after=1>; rel="next"'
    break_(okta, lambda: json_page([], link=link), where="/users")
    end = ends(pull(connect(okta, tmp_path), Wanted()))[0]
    assert (end.completeness, "evil.example.com" in end.reason) == (Completeness.PARTIAL, True)


def test_a_record_without_an_id_is_named_by_its_place(okta: Simulator, tmp_path: Path) -> None:
    break_(okta, lambda: json_page([{"id": "00u1", "status": "ACTIVE"}, {"status": "ACTIVE"}]), where="/users")
    with pytest.raises(Malformed, match="record 1 of the page has no 'id'"):
        pull(connect(okta, tmp_path), Wanted())


def test_the_admin_address_is_recognised_by_its_redirect(okta: Simulator, tmp_path: Path) -> None:
    break_(okta, lambda: Response(b"", 302, {"location": "/login"}))
    with pytest.raises(Refused, match="redirect") as raised:
        pull(connect(okta, tmp_path), Wanted())
    assert "-admin" in raised.value.fix


def test_attributes_arrive_and_their_absence_is_told_by_check(okta: Simulator, tmp_path: Path) -> None:
    first = next(iter(okta.world.people))
    okta.world.set_attribute(first, "jamie_role", "admin")
    wanted = Wanted(attributes=frozenset({"jamie_role", "jamie_rolle"}))
    seen = pull(connect(okta, tmp_path), wanted)
    users = {user.external_id: user for page in seen if isinstance(page, UsersSeen) for user in page.users}
    assert users[first].attributes == {"jamie_role": "admin"}
    findings = {finding.code: finding for finding in check(connect(okta, tmp_path), wanted)}
    assert "'jamie_role' is set for 1 of the first 200" in findings["attribute_seen"].message
    assert "no attribute 'jamie_rolle'" in findings["attribute_unknown"].message
    assert "more than 200 people" in findings["users_readable"].message


class Proofs:
    """In place of the package's generator, which makes a key of its own for seconds."""

    def __init__(self, _: object) -> None:
        self.nonce = ""

    def generate_proof_jwt(self, **_: object) -> str:
        return f"proof {self.nonce}".strip()

    def set_nonce(self, nonce: str) -> None:
        self.nonce = nonce


def test_dpop_proofs_are_sent_with_the_nonce_that_okta_asks_for(
    okta: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("okta.oauth.DPoPProofGenerator", Proofs)
    proofs: list[str] = []
    challenge = '{"error": "use_dpop_nonce", "error_description": "Authorization server requires nonce"}'
    break_(okta, lambda: Response(challenge, 401, {"dpop-nonce": "n-0S6"}), times=1)
    whole = okta.vendor.admit

    def admit(call: Call, row: Endpoint) -> None:
        proofs.append(call.headers.get("dpop", ""))
        whole(call, row)

    monkeypatch.setattr(okta.vendor, "admit", admit)
    connector = connect(okta, tmp_path, dpop=True, **with_key(okta, tmp_path))
    pull(connector, Wanted())
    assert [proof for proof in proofs if proof] == ["proof", "proof n-0S6"]  # of the two token requests
    assert connector.counts.retries == 1


def test_dpop_as_okta_asks_for_it(tmp_path: Path) -> None:
    """The real proofs of the package, against an org that checks them."""
    made = World("okta")
    made.hire("Ada")
    with Simulator("okta", made, dpop=True) as strict:
        seen = pull(connect(strict, tmp_path, dpop=True, **with_key(strict, tmp_path)), Wanted())
        assert ends(seen)[0].completeness is Completeness.COMPLETE
        with pytest.raises(Refused, match="invalid_dpop_proof") as raised:
            pull(connect(strict, tmp_path, **with_key(strict, tmp_path)), Wanted())
    assert "dpop = true" in raised.value.fix


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b"[]"), (403, b"blocked"), (502, b"{")], ids=str)
def test_a_token_answer_that_is_none_is_no_refusal(
    okta: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    monkeypatch.setattr("rosterd.simulators.okta_access.OktaAccess.token", lambda *_: Response(body, status))
    with Simulator("okta", okta.world) as gateway, pytest.raises(Unavailable, match="not JSON"):
        pull(connect(gateway, tmp_path, deadline=1.5, **with_key(gateway, tmp_path)), Wanted())


def test_a_redirect_of_the_token_request_is_not_followed(
    okta: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: the signed assertion went wherever a 307 pointed, and the -admin address was taken for an outage."""
    asked: list[str] = []

    def elsewhere(*_: object) -> Response:
        asked.append("once")
        return Response(b"", 307, {"location": "/oauth2/v1/token"})

    monkeypatch.setattr("rosterd.simulators.okta_access.OktaAccess.token", elsewhere)
    with Simulator("okta", okta.world) as admin, pytest.raises(Refused, match="redirect") as raised:
        pull(connect(admin, tmp_path, **with_key(admin, tmp_path)), Wanted())
    assert "-admin" in raised.value.fix
    assert asked == ["once"]


@pytest.mark.parametrize("service_app", [False, True])
def test_no_secret_is_logged(
    okta: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture, service_app: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    pull(connect(okta, tmp_path, **(with_key(okta, tmp_path) if service_app else {})), Wanted())
    assert okta.secret not in caplog.text
    assert "Authorization" not in caplog.text
    assert "client_assertion" not in caplog.text
