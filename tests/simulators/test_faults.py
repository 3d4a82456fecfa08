"""Every drill does what its name says, on every kind of directory that it fits, and nothing once it is off."""

import asyncio
import base64
import email.utils
import json
import threading
import time
from contextlib import suppress

import httpx
import pytest

from rosterd.simulators import Simulator, World, control
from rosterd.simulators.faults import FAULTS, FaultError, UnknownFault, faults
from rosterd.simulators.world import KINDS, Kind
from tests.simulators.breaking import LISTS, PEOPLE, broken, fitting, flat, listing, world
from tests.simulators.clients import GOOGLE, authorization, client, google_form, okta_form

# -- the table ----------------------------------------------------------------------------------------------------


def test_the_table_is_whole() -> None:
    states = {fault.name for fault in FAULTS if fault.takes or fault.drift}
    assert all(fault.instead or fault.change or fault.wire or fault.seconds or fault.name in states for fault in FAULTS)
    assert all(fault.on <= fault.fits and fault.description for fault in FAULTS)
    for kind in KINDS:
        names = [fault.name for fault in FAULTS if kind in fault.kinds]
        assert len(names) == len(set(names)) == len(faults(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_alters_what_it_meets_and_nothing_once_it_is_off(kind: Kind) -> None:
    with broken(kind) as (simulator, http):
        before = listing(kind, http)
        for name in faults(kind):
            if name != "changes_mid_read":
                simulator.fault(name)
        simulator.no_fault("half")
        assert "half" not in [active.fault.name for active in simulator.vendor.faults]
        simulator.no_fault()
        assert listing(kind, http) == before
        assert authorization(simulator, http)


def test_an_unknown_fault_names_the_known_ones() -> None:
    with pytest.raises(UnknownFault, match=r"no fault 'hlaf' of okta; known: drop, truncate_length, .*half"):
        Simulator("okta", World("okta"), fault="hlaf")
    with broken("google") as (google, _), pytest.raises(UnknownFault, match="'rate_429_decimal' of google"):
        google.fault("rate_429_decimal")
    for wrong in ("drop:0", "drop:often"):
        with broken("google") as (google, _), pytest.raises(FaultError, match=f"not {wrong[5:]} times"):
            google.fault(wrong)


def test_a_simulator_can_begin_with_faults() -> None:
    with Simulator("okta", world("okta"), fault=["half", "error_503:2"]) as okta, client(okta) as http:
        assert [http.get("/api/v1/users").status_code for _ in range(3)] == [503, 503, 200]
        assert len(flat(listing("okta", http))) == 5


def test_a_fault_is_aimed_and_counted() -> None:
    with broken("okta", "error_500", route="/groups", times=1) as (_, http):
        assert [http.get(f"/api/v1/{path}").status_code for path in ("users", "groups", "groups")] == [200, 500, 200]
    with broken("okta", "half", route="/groups") as (okta, http):
        assert len(flat(listing("okta", http))) == PEOPLE
        assert flat(listing("okta", http, "groups")) == list(okta.world.groups)[::2]


def test_faults_through_the_door() -> None:
    with broken("okta") as (okta, http):
        door = f"{okta.url}/_control/world"
        httpx.post(door, json={"op": "fault", "name": "error_500", "route": "/users", "times": 1}).raise_for_status()
        assert httpx.get(door).json()["faults"] == ["error_500"]
        assert [http.get("/api/v1/users").status_code for _ in range(2)] == [500, 200]
        assert httpx.get(door).json()["faults"] == []
        httpx.post(door, json=[{"op": "fault", "name": "half"}, {"op": "no_fault", "name": "half"}]).raise_for_status()
        assert len(flat(listing("okta", http))) == PEOPLE
        unknown = httpx.post(door, json={"op": "fault", "name": "hlaf"})
        assert (unknown.status_code, "known: drop" in unknown.json()["error"]) == (400, True)


# -- on the wire --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), fitting("drop", "truncate_length"))
def test_the_connection_breaks(kind: Kind, name: str) -> None:
    with broken(kind, name, times=1) as (_, http):
        with pytest.raises(httpx.RemoteProtocolError) as told:
            http.get(LISTS[kind]["users"])
        words = {"drop": "without sending a response", "truncate_length": "without sending complete message body"}
        assert words[name] in str(told.value)
        assert len(flat(listing(kind, http))) == PEOPLE


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_ends_with_the_connection_is_cut(kind: Kind) -> None:
    with broken(kind, "truncate_close", times=1) as (_, http):
        answer = http.get(LISTS[kind]["users"])
        assert (answer.status_code, answer.headers.get("content-length")) == (200, None)
        assert "transfer-encoding" not in answer.headers
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            answer.json()
        assert len(flat(listing(kind, http))) == PEOPLE


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_until_the_client_gives_up(kind: Kind) -> None:
    threads = threading.active_count()
    with broken(kind, "hang", times=1) as (_, http):
        with pytest.raises(httpx.ReadTimeout):
            http.get(LISTS[kind]["users"], timeout=0.1)
        assert len(flat(listing(kind, http))) == PEOPLE
    assert threading.active_count() == threads


def test_a_server_with_a_hanging_client_can_be_stopped() -> None:
    began = time.monotonic()
    with broken("okta", "hang") as (simulator, http):
        patient = threading.Thread(target=_wait, args=(http,))
        patient.start()
        while not simulator.requests:
            time.sleep(0.01)
        simulator.stop()
        patient.join(5)
    assert time.monotonic() - began < 5


def _wait(http: httpx.Client) -> None:
    with suppress(httpx.HTTPError):
        http.get("/api/v1/users")


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_slow(kind: Kind) -> None:
    with broken(kind, "slow_pages", times=2) as (_, http):
        began = time.monotonic()
        assert [len(page) for page in listing(kind, http)][:1] == [3]
        assert time.monotonic() - began >= 0.6


def test_the_wire_needs_a_server() -> None:
    async def ask() -> None:
        simulator = Simulator("okta", world("okta"), fault="drop")
        transport = httpx.ASGITransport(simulator.vendor.starlette(*control.routes(simulator.vendor)))
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as http:
            try:
                await http.get("/api/v1/users")
            finally:
                simulator.stop()

    with pytest.raises(RuntimeError, match="needs a real connection"):
        asyncio.run(ask())


# -- permissions and the clock ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["people", "groups"])
def test_a_permission_that_was_never_given(kind: Kind, what: str) -> None:
    with Simulator(kind, world(kind)) as simulator, httpx.Client(base_url=simulator.url) as http:
        simulator.fault(f"no_{what}_permission")
        if kind == "google":
            assert http.post("/token", data=google_form(simulator)).json()["error"] == "unauthorized_client"
        else:
            http.headers["authorization"] = authorization(simulator, http)
            holds = {"people": "users", "groups": "groups"}
            codes = {name: http.get(LISTS[kind][of]).status_code for name, of in holds.items()}
            assert codes == {name: 403 if name == what else 200 for name in holds}
        simulator.no_fault()
        assert authorization(simulator, http)


def test_an_okta_app_is_refused_the_scope() -> None:
    with Simulator("okta", world("okta"), fault="no_groups_permission") as okta, httpx.Client() as http:
        refused = http.post(f"{okta.url}/oauth2/v1/token", data=okta_form(okta))
        assert (refused.json()["error"], "okta.groups.read" in refused.text) == ("invalid_scope", True)


def test_entra_says_in_the_token_what_it_carries() -> None:
    with Simulator("entra", world("entra"), fault="no_groups_permission") as entra, httpx.Client() as http:
        http.base_url = httpx.URL(entra.url)
        claims = authorization(entra, http).removeprefix("Bearer ").split(".")[1]
        assert json.loads(base64.urlsafe_b64decode(claims + "=="))["roles"] == ["User.Read.All"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "holds"), [("no_members", "members"), ("no_by_id", "user")])
def test_one_way_of_reading_is_refused(kind: Kind, name: str, holds: str) -> None:
    with broken(kind, name) as (simulator, http):
        key = next(iter(simulator.world.groups if holds == "members" else simulator.world.people))
        assert http.get(LISTS[kind][holds].format(key)).status_code == 403
        assert http.get(LISTS[kind]["users"]).status_code == 200
        if kind == "entra" and name == "no_by_id":
            assert http.get(f"/v1.0/directory/deletedItems/{key}").status_code == 404


@pytest.mark.parametrize(
    ("kind", "name", "refused", "fine"),
    [
        ("google", "no_deleted", f"{GOOGLE}/users?customer=my_customer&showDeleted=true", LISTS["google"]["users"]),
        ("entra", "no_deleted", "/v1.0/directory/deletedItems/microsoft.graph.user", LISTS["entra"]["users"]),
        ("entra", "no_changes", "/v1.0/users/delta", LISTS["entra"]["users"]),
        ("entra", "no_changes", "/v1.0/groups/delta", LISTS["entra"]["groups"]),
        ("okta", "no_changes", '/api/v1/users?filter=lastUpdated gt "2026-01-01T00:00:00.000Z"', "/api/v1/users"),
        ("okta", "no_schema", "/api/v1/meta/schemas/user/default", "/api/v1/users"),
        ("google", "no_schema", f"{GOOGLE}/customer/my_customer/schemas", LISTS["google"]["users"]),
    ],
)
def test_what_makes_reading_quicker_or_surer_is_refused(kind: Kind, name: str, refused: str, fine: str) -> None:
    with broken(kind, name) as (_, http):
        assert (http.get(refused).status_code, http.get(fine).status_code) == (403, 200)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clock_that_is_behind_shows_in_the_date_and_refuses_signatures_of_now(kind: Kind) -> None:
    with broken(kind, "clock_behind") as (simulator, http):
        said = email.utils.parsedate_to_datetime(http.get(LISTS[kind]["users"]).headers["date"]).timestamp()
        assert simulator.time() - said == pytest.approx(600, abs=1)
        if kind == "google":
            answer = http.post("/token", data=google_form(simulator))
            assert (answer.json()["error"], "reasonable timeframe" in answer.text) == ("invalid_grant", True)
        if kind == "okta":
            assert http.post("/oauth2/v1/token", data=okta_form(simulator)).json()["error"] == "invalid_client"
