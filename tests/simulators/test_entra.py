"""The Entra simulator: paging, selection, members, deleted users, refusals, tokens, permissions."""

from typing import Any

import httpx
import pytest

from rosterd.simulators import Simulator, World
from rosterd.simulators.entra import Entra
from tests.simulators.clients import client, entra_form, graph_pages


def ids(pages: Any) -> list[str]:
    return [item["id"] for page in pages for item in page]


def nested() -> World:
    """Design holds Ada and Studio; Studio holds Bob and Design again."""
    world = World("entra")
    ada, bob = world.hire("Ada", "Smith"), world.hire("Bob", "Smith")
    design, studio = world.add_group("Design"), world.add_group("Studio")
    for group, member in ((design, ada), (design, studio), (studio, bob), (studio, design)):
        world.join(group.id, member.id)
    return world


def test_a_full_listing_shows_everybody_once(entra: Simulator, entra_http: httpx.Client) -> None:
    pages = list(graph_pages(entra_http, "/v1.0/users?$select=id&$top=200"))
    assert [len(page) for page in pages] == [200, 200, 50]
    assert ids(pages) == list(entra.world.people)
    assert len(next(graph_pages(entra_http, "/v1.0/users"))) == 100


def test_next_links_are_absolute_and_keep_the_query(entra: Simulator, entra_http: httpx.Client) -> None:
    link = entra_http.get("/v1.0/users?$select=id,mail&$top=5").json()["@odata.nextLink"]
    assert link.startswith(f"{entra.url}/v1.0/users?$select=id,mail&$top=5&$skiptoken=")


def test_the_default_properties_do_not_say_whether_an_account_is_enabled(entra_http: httpx.Client) -> None:
    body = entra_http.get("/v1.0/users?$top=1").json()
    assert "accountEnabled" not in body["value"][0]
    assert body["@odata.context"].endswith("/v1.0/$metadata#users")
    chosen = entra_http.get("/v1.0/users?$top=1&$select=accountEnabled,id").json()
    assert list(chosen["value"][0]) == ["accountEnabled", "id"]
    assert chosen["@odata.context"].endswith("#users(accountEnabled,id)")


def test_suspended_is_listed_and_deleted_is_in_the_bin() -> None:
    world = nested()
    ada, bob = world.people.values()
    world.suspend(ada.id)
    world.delete(bob.id)
    with Simulator("entra", world) as entra, client(entra) as http:
        assert http.get("/v1.0/users?$select=id,accountEnabled").json()["value"] == [
            {"id": ada.id, "accountEnabled": False}
        ]
        bin_path = "/v1.0/directory/deletedItems/microsoft.graph.user?$select=id,deletedDateTime"
        assert http.get(bin_path).json()["value"] == [{"id": bob.id, "deletedDateTime": bob.status_changed[:19] + "Z"}]
        assert http.get(f"/v1.0/users/{bob.id}").status_code == 404
        by_id = f"/v1.0/directory/deletedItems/{bob.id}"
        found = http.get(f"{by_id}?$select=id,deletedDateTime").json()
        assert (found["@odata.type"], found["id"]) == ("#microsoft.graph.user", bob.id)
        assert found["deletedDateTime"] == bob.status_changed[:19] + "Z"
        assert http.get(f"/v1.0/directory/deletedItems/{ada.id}").status_code == 404
        entra.world.purge(bob.id)
        assert http.get(bin_path).json()["value"] == []
        assert http.get(by_id).status_code == 404


def test_direct_and_transitive_members() -> None:
    with Simulator("entra", nested()) as entra, client(entra) as http:
        design, studio = entra.world.groups.values()
        ada, bob = entra.world.people
        base = f"/v1.0/groups/{design.id}"
        direct = http.get(f"{base}/members?$select=id").json()["value"]
        assert direct == [
            {"@odata.type": "#microsoft.graph.user", "id": ada},
            {"@odata.type": "#microsoft.graph.group", "id": studio.id},
        ]
        assert ids(graph_pages(http, f"{base}/members/microsoft.graph.user")) == [ada]
        assert ids(graph_pages(http, f"{base}/members/microsoft.graph.group")) == [studio.id]
        assert ids(graph_pages(http, f"{base}/transitiveMembers?$top=1")) == [ada, studio.id, bob]
        assert ids(graph_pages(http, f"{base}/transitiveMembers/microsoft.graph.user")) == [ada, bob]


def test_expanded_members_stop_at_twenty_without_a_link() -> None:
    world = World.generate("entra", 30, 1)
    for person in list(world.people):
        world.join("Rosterd Admins", person)
    with Simulator("entra", world) as entra, client(entra) as http:
        group = http.get("/v1.0/groups?$expand=members").json()["value"][0]
        assert len(group["members"]) == 20
        assert not [key for key in group if "nextLink" in key]


def test_extensions_and_managers() -> None:
    world = World("entra")
    boss = world.hire("Grace", "Hopper")
    world.hire("Ada", "Smith", manager=boss.id, attributes={"jamie_role": "admin", "extensionAttribute1": "blue"})
    with Simulator("entra", world) as entra, client(entra) as http:
        name = f"extension_{entra.credentials['client_id'].replace('-', '')}_jamie_role"
        query = f"$select=id,onPremisesExtensionAttributes,{name}&$expand=manager($select=id)"
        grace, ada = http.get(f"/v1.0/users?{query}").json()["value"]
        assert name not in grace
        assert "manager" not in grace
        assert (ada[name], ada["onPremisesExtensionAttributes"]["extensionAttribute1"]) == ("admin", "blue")
        assert ada["manager"] == {"@odata.type": "#microsoft.graph.user", "id": boss.id}
        assert http.get("/v1.0/users?$select=extension_0_jamie_role").status_code == 400


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/users?$top=1000", 400, "Request_BadRequest"),
        ("/users?$top=0", 400, "Request_BadRequest"),
        ("/users?$skip=10", 400, "Request_BadRequest"),
        ("/users?$skiptoken=nonsense", 400, "Request_BadRequest"),
        ("/users?$select=shoeSize", 400, "Request_BadRequest"),
        ("/users?$select=id,skills", 501, "NotImplemented"),
        ("/users?$expand=members", 400, "Request_BadRequest"),
        ("/users?pageSize=5", 400, "Request_BadRequest"),
        ("/users?$search=x", 400, "Request_UnsupportedQuery"),
        ("/users?$filter=shoeSize eq '43'", 400, "Request_UnsupportedQuery"),
        ('/groups?$filter=displayName eq "Design"', 400, "Request_UnsupportedQuery"),
        ("/groups?$count=true", 400, "Request_UnsupportedQuery"),
        ("/users/$count", 400, "Request_UnsupportedQuery"),
        ("/users/nobody", 404, "Request_ResourceNotFound"),
        ("/groups/none/members", 404, "Request_ResourceNotFound"),
        ("/devices", 404, "Request_ResourceNotFound"),
    ],
)
def test_requests_that_graph_refuses(entra_http: httpx.Client, path: str, status: int, code: str) -> None:
    answer = entra_http.get(f"/v1.0{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert set(answer.json()["error"]["innerError"]) == {"date", "request-id", "client-request-id"}


def test_filters_and_counts(entra: Simulator, entra_http: httpx.Client) -> None:
    found = entra_http.get("/v1.0/groups?$filter=displayName in ('design','Sales')").json()["value"]
    assert [group["displayName"] for group in found] == ["Design", "Sales"]
    disabled = entra_http.get("/v1.0/users?$filter=accountEnabled eq false").json()["value"]
    assert len(disabled) == sum(person.status == "suspended" for person in entra.world.people.values())
    eventual = {"consistencylevel": "eventual"}
    assert entra_http.get("/v1.0/users/$count", headers=eventual).text == "450"
    assert entra_http.get("/v1.0/groups?$count=true&$top=1", headers=eventual).json()["@odata.count"] == 20


@pytest.mark.parametrize(
    ("path", "units"),
    [("/users", 2), ("/users?$select=id", 1), ("/users?$top=5", 1), ("/groups/{}/members", 3),
     ("/groups/{}/members?$select=id", 2), ("/groups/{}/transitiveMembers", 5), ("/groups?$expand=members", 2)],
)  # fmt: skip
def test_resource_units(entra: Simulator, entra_http: httpx.Client, path: str, units: int) -> None:
    answer = entra_http.get(f"/v1.0{path.format(entra.world.group('Design').id)}")
    assert answer.headers["x-ms-resource-unit"] == str(units)


def test_without_a_permission() -> None:
    with Simulator("entra", nested()) as entra, client(entra) as http:
        design = entra.world.group("Design").id
        entra.vendor.granted.remove("User.Read.All")
        refused = http.get("/v1.0/users")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "Authorization_RequestDenied")
        ada, studio = http.get(f"/v1.0/groups/{design}/members?$select=id,displayName").json()["value"]
        assert (ada["displayName"], studio["displayName"]) == (None, "Studio")  # facts §1.2: limited information
        entra.vendor.granted.remove("GroupMember.Read.All")
        assert http.get("/v1.0/groups").status_code == 403


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic eDp5"])
def test_without_a_valid_token(entra: Simulator, header: str) -> None:
    answer = httpx.get(f"{entra.url}/v1.0/users", headers={"authorization": header} if header else {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    ("change", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": "wrong"}, 400, "unauthorized_client", 700016),
        ({"scope": "https://127.0.0.1/.default"}, 400, "invalid_scope", 1002012),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_token_requests_that_entra_refuses(
    entra: Simulator, change: dict[str, str], status: int, error: str, number: int
) -> None:
    answer = httpx.post(f"{entra.url}/{entra.world.tenant}/oauth2/v2.0/token", data=entra_form(entra, **change))
    assert (answer.status_code, answer.json()["error"], answer.json()["error_codes"]) == (status, error, [number])


def test_an_unknown_tenant(entra: Simulator) -> None:
    answer = httpx.post(f"{entra.url}/nowhere/oauth2/v2.0/token", data=entra_form(entra))
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


def test_a_certificate_signs_in_too(entra: Simulator) -> None:
    import time

    import jwt

    from rosterd.simulators.signing import key_of

    private, public = key_of({})
    assert isinstance(entra.vendor, Entra)
    entra.vendor.public_key = public
    claims = {
        "iss": entra.vendor.client_id,
        "sub": entra.vendor.client_id,
        "aud": "token",
        "exp": int(time.time()) + 60,
    }
    form = {key: value for key, value in entra_form(entra).items() if key != "client_secret"}
    form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    url = f"{entra.url}/{entra.world.tenant}/oauth2/v2.0/token"
    signed = jwt.encode(claims, private, "RS256")
    assert httpx.post(url, data={**form, "client_assertion": signed}).status_code == 200
    for wrong in (signed[:-8] + "AAAAAAAA", jwt.encode({**claims, "iss": "x"}, private, "RS256")):
        assert httpx.post(url, data={**form, "client_assertion": wrong}).json()["error"] == "invalid_client"
    assert httpx.post(url, data=form | {"client_assertion_type": "x"}).json()["error_codes"] == [7000218]


def test_discovery_of_the_authority(entra: Simulator) -> None:
    tenant = f"{entra.url}/{entra.world.tenant}"
    found = httpx.get(f"{tenant}/v2.0/.well-known/openid-configuration").json()
    assert found["token_endpoint"] == f"{tenant}/oauth2/v2.0/token"
    assert httpx.get(f"{entra.url}/common/discovery/instance").json()["metadata"][0]["aliases"]
    assert sum(entra.token_requests.values()) > 0
    assert httpx.get(f"{entra.url}/nowhere/v2.0/.well-known/openid-configuration").status_code == 400


def test_the_organisation(entra: Simulator, entra_http: httpx.Client) -> None:
    (found,) = entra_http.get("/v1.0/organization").json()["value"]
    assert (found["id"], found["verifiedDomains"][0]["name"]) == (entra.world.tenant, "example.com")
