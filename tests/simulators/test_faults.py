"""Every drill does what its name says, on every kind of directory that it fits, and nothing once it is off."""

import asyncio
import base64
import email.utils
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest

from rosterd.simulators import Simulator, World, control
from rosterd.simulators.answers import NEXT
from rosterd.simulators.faults import FAULTS, FaultError, UnknownFault, faults
from rosterd.simulators.world import KINDS, Kind
from tests.simulators.clients import GOOGLE, authorization, client, entra_form, google_form, okta_form

PEOPLE = 9
LISTS: dict[str, dict[str, str]] = {
    "google": {
        "users": f"{GOOGLE}/users?customer=my_customer",
        "groups": f"{GOOGLE}/groups?customer=my_customer",
        "members": GOOGLE + "/groups/{}/members",
        "user": GOOGLE + "/users/{}",
    },
    "entra": {
        "users": "/v1.0/users?$select=id,accountEnabled",
        "groups": "/v1.0/groups?$select=id",
        "members": "/v1.0/groups/{}/members?$select=id",
        "user": "/v1.0/users/{}?$select=id,accountEnabled",
    },
    "okta": {
        "users": "/api/v1/users",
        "groups": "/api/v1/groups",
        "members": "/api/v1/groups/{}/users",
        "user": "/api/v1/users/{}",
    },
}
KEYS = {"google": "pageToken", "entra": "$skiptoken", "okta": "after"}


def world(kind: Kind) -> World:
    made = World(kind)
    for number in range(PEOPLE):
        made.hire(f"Given{number}")
    for name in ("Everyone", "Design", "Unused", "Studio"):
        group = made.add_group(name)
        for person in list(made.people):
            made.join(group.id, person)
    return made


@contextmanager
def broken(kind: Kind, *names: str, **how: Any) -> Iterator[tuple[Simulator, httpx.Client]]:
    """A simulator whose client has signed in before the faults are switched on."""
    with Simulator(kind, world(kind)) as simulator, client(simulator) as http:
        for name in names:
            simulator.fault(name, **how)
        yield simulator, http


def items(kind: Kind, holds: str, answer: httpx.Response) -> list[dict[str, Any]]:
    body = answer.raise_for_status().json()
    found: list[dict[str, Any]] = body if kind == "okta" else body["value"] if kind == "entra" else body.get(holds, [])
    return found


def following(kind: Kind, answer: httpx.Response) -> str | None:
    """The address of the next page."""
    if kind == "okta":
        return answer.links.get("next", {}).get("url")
    body: dict[str, Any] = answer.json()
    if kind == "entra":
        return body.get("@odata.nextLink")
    token = body.get("nextPageToken")
    return f"{answer.request.url.copy_remove_param('pageToken')}&pageToken={token}" if token else None


def listing(kind: Kind, http: httpx.Client, holds: str = "users", key: str = "", cap: int = 12) -> list[list[str]]:
    """The ids on every page, `cap` pages at most."""
    url: str | None = LISTS[kind][holds].format(key)
    found: list[list[str]] = []
    while url and len(found) < cap:
        answer = http.get(url)
        found.append([item["id"] for item in items(kind, holds, answer)])
        url = following(kind, answer)
    return found


def flat(pages: list[list[str]]) -> list[str]:
    return [i for page in pages for i in page]


def fitting(*names: str) -> list[Any]:
    """(kind, fault) for every kind that each of these faults fits."""
    return [
        pytest.param(kind, fault.name, id=f"{kind}-{fault.name}")
        for fault in FAULTS
        if fault.name in names
        for kind in KINDS
        if kind in fault.kinds
    ]


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


# -- in place of the vendor ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "media"),
    [("html_200", 200, "text/html"), ("bad_gateway", 502, "text/html"), ("error_500", 500, "application/json"),
     ("error_503", 503, "application/json"), ("revoked", 401, "application/json"),
     ("forbidden", 403, "application/json")],
)  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_another_answer(kind: Kind, name: str, status: int, media: str) -> None:
    with broken(kind, name) as (simulator, http):
        for path in (LISTS[kind]["users"], LISTS[kind]["user"].format(next(iter(simulator.world.people)))):
            answer = http.get(path)
            # Google's finish() would make JSON of everything
            assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, media)
            assert answer.text.startswith("<!DOCTYPE html>" if media == "text/html" else "{")
        assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [("google", "revoked", "authError"), ("google", "forbidden", "forbidden"), ("google", "error_503", "backendError"),
     ("entra", "revoked", "InvalidAuthenticationToken"), ("entra", "forbidden", "Authorization_RequestDenied"),
     ("okta", "revoked", "E0000011"), ("okta", "forbidden", "E0000006"), ("okta", "error_500", "E0000009")],
)  # fmt: skip
def test_what_the_vendor_says(kind: Kind, name: str, said: str) -> None:
    with broken(kind, name) as (_, http):
        assert code(http.get(LISTS[kind]["users"])) == said


def test_a_claims_challenge_comes_once() -> None:
    with broken("entra", "claims_challenge") as (_, http):
        refused = http.get("/v1.0/users")
        claims = base64.b64decode(refused.headers["www-authenticate"].partition('claims="')[2].rstrip('"'))
        assert (refused.status_code, list(json.loads(claims)["access_token"])) == (401, ["nbf"])
        assert http.get("/v1.0/users").status_code == 200


def code(answer: httpx.Response) -> str:
    """The vendor's word for the error."""
    body = answer.json()
    if "errorCode" in body:
        return str(body["errorCode"])
    error = body["error"]
    return str(
        error if isinstance(error, str) else error["errors"][0]["reason"] if "errors" in error else error["code"]
    )


def ask_token(simulator: Simulator) -> httpx.Response:
    path, form = {
        "google": ("/token", google_form),
        "entra": (f"/{simulator.world.tenant}/oauth2/v2.0/token", entra_form),
        "okta": ("/oauth2/v1/token", okta_form),
    }[simulator.kind]
    return httpx.post(simulator.url + path, data=form(simulator))


@pytest.mark.parametrize(
    ("kind", "name"), fitting("invalid_client", "unauthorized_client", "invalid_grant", "invalid_scope")
)
def test_the_token_is_refused(kind: Kind, name: str) -> None:
    with broken(kind, name) as (simulator, http):
        answer = ask_token(simulator)
        assert (answer.json()["error"], answer.status_code) == (
            name,
            answer.status_code if answer.status_code in (400, 401) else 0,
        )
        assert len(flat(listing(kind, http))) == PEOPLE  # a token that was given before still works
        simulator.no_fault(name)
        assert ask_token(simulator).status_code == 200


@pytest.mark.parametrize(("kind", "name"), fitting("token_503", "token_html"))
def test_the_token_endpoint_is_in_trouble(kind: Kind, name: str) -> None:
    with broken(kind, name, times=1) as (simulator, _):
        answer = ask_token(simulator)
        assert answer.status_code == {"token_503": 503, "token_html": 200}[name]
        assert answer.text.startswith("<!DOCTYPE html>")
        assert ask_token(simulator).status_code == 200


def test_the_wire_of_the_token_endpoint_can_break_too() -> None:
    with broken("entra", "drop", route="/token", times=1) as (entra, http):
        assert len(flat(listing("entra", http))) == PEOPLE
        with pytest.raises(httpx.RemoteProtocolError):
            ask_token(entra)


# -- too many requests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "status", "said", "headers"),
    [
        ("google", "rate_429", 429, "rateLimitExceeded", {"retry-after": None}),
        ("google", "rate_403_user", 403, "userRateLimitExceeded", {}),
        ("google", "rate_403_quota", 403, "quotaExceeded", {}),
        ("entra", "rate_429", 429, "TooManyRequests", {"retry-after": "1"}),
        ("entra", "rate_429_decimal", 429, "TooManyRequests", {"retry-after": "0.128"}),
        ("entra", "rate_429_absent", 429, "TooManyRequests", {"retry-after": None}),
        ("entra", "rate_429_long", 429, "TooManyRequests", {"retry-after": "300"}),
        ("okta", "rate_429", 429, "E0000047", {"x-rate-limit-limit": "600", "x-rate-limit-remaining": "0"}),
        ("okta", "rate_429_concurrency", 429, "E0000047", {"x-rate-limit-limit": "0", "x-rate-limit-remaining": "0"}),
    ],
)
def test_too_many_requests(kind: Kind, name: str, status: int, said: str, headers: dict[str, str | None]) -> None:
    with broken(kind, name) as (_, http):
        answers = [http.get(LISTS[kind]["users"]) for _ in range(3)]
    assert (answers[0].status_code, code(answers[0])) == (status, said)
    assert {header: answers[0].headers.get(header) for header in headers} == headers
    assert [a.status_code for a in answers] == [status, status, status if name == "rate_429_long" else 200]


def test_a_date_to_come_back_at() -> None:
    with broken("entra", "rate_429_date") as (_, http):
        answer = http.get("/v1.0/users")
    told = [email.utils.parsedate_to_datetime(answer.headers[name]) for name in ("date", "retry-after")]
    assert (told[1] - told[0]).total_seconds() == 1
    assert answer.headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"


def test_okta_says_when_its_bucket_is_full_again() -> None:
    with broken("okta", "rate_429") as (_, http):
        answer = http.get("/api/v1/users")
    now = email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert int(answer.headers["x-rate-limit-reset"]) == now + 1
    assert answer.headers.get_list("x-rate-limit-limit") == ["600"]


def test_near_the_limit() -> None:
    with broken("entra", "near_limit") as (_, http):
        assert http.get("/v1.0/users").headers["x-ms-throttle-limit-percentage"] == "1.2"
    with broken("okta", "near_limit") as (_, http):
        answer = http.get("/api/v1/users")
        assert answer.headers.get_list("x-rate-limit-remaining") == ["3"]
        assert answer.status_code == 200


# -- paging -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_page_in_the_middle(kind: Kind) -> None:
    with broken(kind, "empty_page") as (simulator, http):
        pages = listing(kind, http)
        assert [len(page) for page in pages] == [3, 0, 3, 3]
        assert flat(pages) == list(simulator.world.people)
        assert len(listing(kind, http, "groups")) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_page_does_not_lead_on(kind: Kind) -> None:
    with broken(kind, "missing_next") as (simulator, http):
        assert flat(listing(kind, http)) == list(simulator.world.people)[:6]


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_page_leads_to_itself(kind: Kind) -> None:
    with broken(kind, "repeated_token") as (_, http):
        pages = listing(kind, http, cap=6)
        assert len(pages) == 6
        assert pages[1] == pages[2] == pages[5] != pages[0]


@pytest.mark.parametrize("kind", KINDS)
def test_pages_overlap(kind: Kind) -> None:
    with broken(kind, "overlapping_pages") as (simulator, http):
        first, second, third = listing(kind, http)
        assert (second[0], third[0]) == (first[-1], second[-1])
        assert [*first, *second[1:], *third[1:]] == list(simulator.world.people)


@pytest.mark.parametrize(("kind", "name"), fitting("expired_page_token"))
def test_a_page_token_expires_once(kind: Kind, name: str) -> None:
    with broken(kind, name) as (simulator, http):
        first = http.get(LISTS[kind]["users"])
        second = str(following(kind, first))
        refused = http.get(second)
        assert (refused.status_code, code(refused)) == (
            400, {"google": "invalid", "entra": "Directory_ExpiredPageToken"}[kind])  # fmt: skip
        assert flat(listing(kind, http)) == list(simulator.world.people)


@pytest.mark.parametrize("kind", KINDS)
def test_the_directory_changes_while_it_is_read(kind: Kind) -> None:
    with broken(kind, "changes_mid_read") as (simulator, http):
        before = list(simulator.world.people)
        found = flat(listing(kind, http))
        (active,) = simulator.vendor.faults
        leaver, newcomer = active.memory["leaver"], active.memory["newcomer"]
        assert (leaver, leaver in found, newcomer in found) == (before[-1], False, True)
        assert flat(listing(kind, http)) == found
        assert KEYS == NEXT


# -- short answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_half_the_directory(kind: Kind) -> None:
    with broken(kind, "half") as (simulator, http):
        everybody, everyone = list(simulator.world.people), next(iter(simulator.world.groups))
        assert flat(listing(kind, http)) == everybody[::2]
        assert http.get(LISTS[kind]["user"].format(everybody[1])).status_code == 200
        assert flat(listing(kind, http, "members", everyone)) == everybody
        later = simulator.world.hire("Later").id
        assert flat(listing(kind, http)) == [*everybody[::2], later]


@pytest.mark.parametrize("kind", KINDS)
def test_half_the_members(kind: Kind) -> None:
    with broken(kind, "half_members") as (simulator, http):
        everybody = list(simulator.world.people)
        assert flat(listing(kind, http)) == everybody
        for group in simulator.world.groups:
            assert flat(listing(kind, http, "members", group)) == everybody[::2]


@pytest.mark.parametrize("kind", KINDS)
def test_nobody(kind: Kind) -> None:
    with broken(kind, "none") as (_, http):
        assert listing(kind, http) == [[]]
        assert ("users" in http.get(LISTS[kind]["users"]).json()) is False
    with broken(kind, "none", route="/groups") as (_, http):
        assert (len(flat(listing(kind, http))), listing(kind, http, "groups")) == (PEOPLE, [[]])


@pytest.mark.parametrize(
    ("kind", "names"), [("google", {"suspended", "archived"}), ("entra", {"accountEnabled"}), ("okta", {"status"})]
)
def test_newcomers_without_a_status(kind: Kind, names: set[str]) -> None:
    with broken(kind, "missing_status") as (simulator, http):
        people = items(kind, "users", http.get(LISTS[kind]["users"]))
        newest = list(simulator.world.people)[-1]
        assert [names <= set(person) for person in people] == [True] * (PEOPLE - 1) + [False]
        assert people[-1]["id"] == newest
        assert not names & set(people[-1])
        assert not names & set(http.get(LISTS[kind]["user"].format(newest)).json())


@pytest.mark.parametrize("kind", KINDS)
def test_a_listing_without_its_list(kind: Kind) -> None:
    with broken(kind, "missing_list_key") as (_, http):
        body = http.get(LISTS[kind]["users"]).raise_for_status().json()
        assert isinstance(body, dict)
        assert not {"users", "value", "nextPageToken", "@odata.nextLink"} & set(body)


@pytest.mark.parametrize(("name", "refused"), [("narrowed", 403), ("narrowed_404", 404)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_narrowed_permission(kind: Kind, name: str, refused: int) -> None:
    with broken(kind, name) as (simulator, http):
        people, groups = list(simulator.world.people), list(simulator.world.groups)
        assert flat(listing(kind, http)) == people[::2]
        assert flat(listing(kind, http, "groups")) == groups[::2]
        assert flat(listing(kind, http, "members", groups[0])) == people[::2]
        hidden = (("user", people[1], refused), ("members", groups[1], refused))
        for holds, key, status in (("user", people[0], 200), *hidden):
            assert http.get(LISTS[kind][holds].format(key)).status_code == status


@pytest.mark.parametrize("kind", KINDS)
def test_groups_are_hidden(kind: Kind) -> None:
    with broken(kind, "hidden_groups") as (simulator, http):
        assert flat(listing(kind, http, "groups")) == list(simulator.world.groups)[::2]
        assert len(flat(listing(kind, http))) == PEOPLE


@pytest.mark.parametrize(("name", "status"), [("one_group_403", 403), ("one_group_404", 404)])
@pytest.mark.parametrize("kind", KINDS)
def test_one_group_cannot_be_read(kind: Kind, name: str, status: int) -> None:
    def statuses(simulator: Simulator, http: httpx.Client) -> list[int]:
        return [http.get(LISTS[kind]["members"].format(group)).status_code for group in simulator.world.groups]

    with broken(kind, name) as (simulator, http):
        assert statuses(simulator, http) == [200, status, 200, 200]
        groups = list(simulator.world.groups)
        assert flat(listing(kind, http, "groups")) == groups
        simulator.no_fault()
        simulator.fault(name, route=groups[3])
        assert statuses(simulator, http) == [200, 200, 200, status]


@pytest.mark.parametrize("kind", KINDS)
def test_one_group_looks_empty(kind: Kind) -> None:
    with broken(kind, "group_members_empty") as (simulator, http):
        sizes = [len(flat(listing(kind, http, "members", group))) for group in simulator.world.groups]
        assert sizes == [PEOPLE, 0, PEOPLE, PEOPLE]


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
