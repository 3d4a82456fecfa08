"""The rows O1 to O16 and A3 of the quirk sheet: what Okta and the others send, what is answered and then stored, and
where it concerns people, who is in the workspace.
"""

from tests.acceptance.scim.steps import (
    ENTERPRISE,
    ERROR,
    GROUP,
    USER,
    Step,
    found,
    get,
    group,
    linked,
    op,
    patch,
    person,
    post,
    sees,
)  # fmt: skip

# Not here, and why.
ELSEWHERE = {
    "O12": "an answer within 60 seconds is what bench/scim.py measures",
    "O13": "test_quirks.py: a directory with little patience",
}
OKTA_HEADERS = {"Accept": "application/scim+json", "Accept-Charset": "utf-8", "User-Agent": "Okta SCIM Client 1.0.0"}


def put(where: str, body: Step, status: int = 200, **more: object) -> Step:
    """The whole of a resource."""
    return {"does": f"replaces {where}", "send": f"PUT /{where}", "body": body, "status": status, **more}


def delete(where: str, status: int = 204) -> Step:
    """It is gone."""
    return {"does": f"deletes {where}", "send": f"DELETE /{where}", "status": status}


def whole(name: str = "ada", /, **attributes: object) -> Step:
    """What Okta puts back: what it read, changed."""
    return {
        "schemas": [USER],
        "id": f"<{name}>",
        "meta": {"resourceType": "User"},
        "groups": [],
        **person(name),
        **attributes,
    }


OKTA: dict[str, list[Step]] = {
    "O1": [
        post(),
        post("bob"),
        sees(active=True),
        sees("bob", active=True),
        put("Users/<ada>", whole(active=False), answer={"active": False}),
        patch("Users/<bob>", op("replace", "", {"active": False}), answer={"active": False}),
        sees(active=False),
        sees("bob", active=False),
        group(),
        put(
            "Groups/<group>",
            {
                "schemas": [GROUP],
                "id": "<group>",
                "displayName": "Engineering <me>",
                "members": [{"value": "<ada>", "display": "ada"}],
            },
        ),
        get("Groups/<group>", answer={"members": linked("ada")}),
    ],
    "O2": [
        post(),
        group(),
        get(
            "Users?startIndex=1&count=2",
            headers=OKTA_HEADERS,
            answer={"startIndex": 1},
            must=["totalResults", "Resources", "itemsPerPage"],
        ),
        get(
            "Groups?startIndex=1&count=100",
            headers=OKTA_HEADERS,
            answer={"startIndex": 1},
            must=["totalResults", "Resources", "itemsPerPage"],
        ),
    ],
    "O3": [
        get(
            "Users?filter=userName%20eq%20%22ada.<me>%40acme.com%22&startIndex=1&count=100",
            answer={"totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []},
        ),
    ],
    "O4": [
        post(password="1mz050nq", groups=[], locale="en-US", externalId="00u-<me>")
        | {"without": ["password", "groups"], "answer": {"locale": "en-US", "externalId": "00u-<me>"}},
        get("Users/<ada>", without=["password"]),
        get("Users?filter=password%20pr", 400),
        post() | {"status": 409, "keep": {}, "answer": {"schemas": [ERROR], "status": "409"}},
        sees(active=True),
    ],
    "O5": [
        post(),
        sees(active=True),
        patch("Users/<ada>", op("replace", "", {"active": False}), answer={"active": False}),
        get("Users/<ada>", answer={"active": False}),
        sees(active=False),
        patch("Users/<ada>", op("replace", "", {"active": True}), answer={"active": True}),
        get("Users/<ada>", answer={"active": True}),
        sees(active=True),
    ],
    "O6": [
        post(),
        group("ada"),
        put(
            "Users/<ada>",
            whole(
                name={"givenName": "Ada", "middleName": "", "familyName": "Lovelace"},
                title="Countess",
                emails=[
                    {"value": "ada.<me>@acme.com", "type": "work", "primary": True, "display": "ada.<me>@acme.com"}
                ],
                groups=[{"value": "nothing"}],
            ),
            answer={"id": "<ada>", "name": {"familyName": "Lovelace"}, "title": "Countess"},
        ),
        get("Groups/<group>", answer={"members": linked("ada")}),
        sees(family_name="Lovelace", title="Countess", teams=["<me>"]),
    ],
    "O7": [
        post(),
        post("bob"),
        group("ada"),
        patch(
            "Groups/<group>",
            op("replace", "", {"id": "<group>", "displayName": "Engineering <me>"}),
            op("remove", 'members[value eq "<ada>"]'),
            op("add", "members", [{"value": "<bob>", "display": "bob"}]),
            status=[200, 204],
        ),
        get("Groups/<group>", answer={"members": linked("bob")}),
        sees(teams=[]),
        sees("bob", teams=["<me>"]),
        patch(
            "Groups/<group>",
            op("replace", "", {"id": "<ada>", "displayName": "Engineering <me>"}),
            status=400,
            answer={"scimType": "mutability"},
        ),
        patch("Groups/<group>", op("replace", "members", [{"value": "<ada>"}]), status=[200, 204]),
        sees(teams=["<me>"]),
        sees("bob", teams=[]),
        patch("Groups/<group>", op("replace", "members", []), status=[200, 204]),
        sees(teams=[]),
    ],
    "O8": [
        post(),
        group(),
        patch("Groups/<group>", op("add", "members", [{"value": "<ada>"}]), status=[200, 204], without=["members"]),
        get("Groups/<group>", answer={"id": "<group>", "displayName": "Engineering <me>", "members": linked("ada")}),
    ],
    "O9": [
        post(),
        group(),
        patch(
            "Groups/<group>",
            op("add", "members", [{"value": "7b0e3c1e-0000-4000-8000-00000000dead"}, {"value": "<ada>"}]),
            status=[200, 204],
        ),
        get("Groups/<group>", answer={"members": linked("ada")}),
        sees(teams=["<me>"]),
    ],
    "O10": [
        post(),
        group("ada"),
        get("Groups?filter=displayName%20eq%20%22Engineering%20<me>%22&startIndex=1&count=100", answer=found("group")),
        sees(teams=["<me>"]),
        delete("Groups/<group>"),
        get("Groups/<group>", 404),
        sees(teams=[], active=True),
    ],
    "O11": [
        *(post(each) for each in ("a", "b", "c", "d", "e")),
        *(
            get(
                f"Users?filter=userName%20co%20%22.<me>%40%22&startIndex={start}&count=2",
                answer={**found(*page), "totalResults": 5, "startIndex": start},
            )
            for start, page in ((1, "ab"), (3, "cd"), (5, "e"))
        ),
    ],
    "O14": [
        post(),
        get("Me", 501, answer={"status": "501"}),
        get("ServiceProviderConfig"),
        get(
            "Users?filter=meta.lastModified%20gt%20%222020-01-01T00:00:00Z%22%20and%20userName%20eq%20%22ada.<me>%40acme.com%22",
            answer=found("ada"),
        ),
        {
            "does": "searches",
            "send": "POST /.search",
            "status": 200,
            "answer": found("ada"),
            "body": {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
                "filter": 'userName eq "ada.<me>@acme.com"',
            },
        },
        {
            "does": "sends many at once",
            "send": "POST /Bulk",
            "status": 200,
            "answer": {"Operations": [{"method": "PATCH", "status": "200"}]},
            "body": {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": [
                    {
                        "method": "PATCH",
                        "path": "/Users/<ada>",
                        "data": {"Operations": [op("replace", "title", "Countess")]},
                    }
                ],
            },
        },
        sees(title="Countess"),
    ],
    "O15": [
        get("ResourceTypes", must=["Resources"]),
        get("Schemas", must=["Resources"]),
        get("Entitlements?count=1&startIndex=1", 404, answer={"status": "404"}),
        get("Roles?count=1&startIndex=1", 404, answer={"status": "404"}),
    ],
    "O16": [
        post(),
        get(
            "Users?startIndex=1&count=2",
            401,
            headers={"Authorization": "Bearer wrong"},
            answer={"schemas": [ERROR], "status": "401"},
            must=["detail"],
        ),
        get("Users?filter=userName%20eq%20%22ADA.<ME>%40ACME.COM%22&startIndex=1&count=100", answer=found("ada")),
    ],
}

OLD = ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"]
PLAIN = {"Content-Type": "application/json", "Accept": "application/json"}

OTHERS: dict[str, list[Step]] = {
    "A3 onelogin": [
        get(
            "Users?filter=userName+eq+%22missing.<me>%22&",
            headers={**PLAIN, "User-Agent": ""},
            answer=found(),
            type="application/json",
        ),
        post(
            schemas=OLD,
            active="true",
            id=None,
            **{ENTERPRISE: {"manager": {"managerId": "17", "displayName": "Grace"}}},
        )
        | {"headers": PLAIN},
        sees(active=True, manager="Grace"),
        put(
            "Users/<ada>?",
            {"schemas": OLD, **person(title="Countess")},
            headers=PLAIN,
            answer={"title": "Countess"},
            type="application/json",
        ),
        group(schemas=OLD[:1]),
        patch("Groups/<group>?", op("add", "members", [{"value": "<ada>"}]), status=[200, 204], headers=PLAIN),
        sees(title="Countess", teams=["<me>"]),
        delete("Users/<ada>?"),
        sees(active=False),
    ],
    "A3 jumpcloud": [
        post("test"),
        group(),
        delete("Users/<test>"),
        delete("Groups/<group>"),
        post("test"),
        delete("Users/<test>"),
        post(),
        group("ada"),
        patch("Groups/<group>", op("add", "members", [{"value": "<ada>"}]), status=[200, 204]),
        get("Groups/<group>", answer={"members": linked("ada")}),
        sees(teams=["<me>"]),
        patch("Groups/<group>", op("remove", "members", [{"value": "<ada>"}]), status=[200, 204]),
        sees(teams=[]),
    ],
    "A3 rippling": [
        post(externalId="r-<me>", **{ENTERPRISE: {"manager": {"managerId": "17", "email": "grace@acme.com"}}}),
        group(),
        patch("Groups/<group>", op("add", "members", {"value": "<ada>"}), status=[200, 204]),
        sees(teams=["<me>"]),
        post("bob"),
        patch("Groups/<group>", op("add", "", {"members": [{"value": "<bob>"}]}), status=[200, 204]),
        sees("bob", teams=["<me>"]),
        get("Groups/<group>", answer={"members": linked("ada", "bob")}),
        delete("Groups/<group>"),
        sees(teams=[]),
    ],
    "A3 cyberark": [
        get("Users?count=1", must=["Resources"]),
        get("ServiceProviderConfig", answer={"patch": {"supported": True}}),
        get("ResourceTypes/User", answer={"id": "User", "name": "User"}),
        get("ResourceTypes/Group", answer={"id": "Group", "name": "Group"}),
        get(f"Schemas/{GROUP}", answer={"id": GROUP}),
        get(f"Schemas/{ENTERPRISE}", answer={"id": ENTERPRISE}),
        post(title="Analyst"),
        put("Users/<ada>", whole(title="Countess")),
        sees(title="Countess"),
        group(),
        patch("Groups/<group>", op("add", "members", [{"value": "<ada>"}]), status=[200, 204]),
        sees(teams=["<me>"]),
    ],
    "A3 pingfederate": [
        get("Users/0", 404, answer={"schemas": [ERROR], "status": "404"}),
        post(title="Analyst"),
        group("ada"),
        get("Groups", must=["Resources"]),
        put("Users/<ada>", {"schemas": [USER], **person()}, without=["title"]),
        sees(title="", teams=["<me>"]),
    ],
    "A3 google": [
        post(schemas=["urn:scim:schemas:core:1.0", USER])
        | {"headers": {"Content-Type": "application/json", "User-Agent": "Google-Auto-Provisioning"}},
        get("Users?filter=userName%20eq%20%22ada.<me>%40acme.com%22&startIndex=1", answer=found("ada", schemas=[USER])),
        get("Users?count=1", must=["Resources"]),
        sees(active=True),
    ],
    "A3 authentik": [
        get("ServiceProviderConfig", must=["bulk/maxOperations"]),
        post(),
        post("bob"),
        group("ada", externalId="a-<me>"),
        patch(
            "Groups/<group>",
            op(
                "replace",
                "",
                {"schemas": [GROUP], "id": "<group>", "externalId": "a-<me>", "displayName": "Engineering <me>"},
            ),
            status=[200, 204],
        ),
        patch(
            "Groups/<group>",
            *([op("add", "members", [{"value": "<bob>"}]), op("remove", "members", [{"value": "<bob>"}])] * 500),
            op("remove", "members", [{"value": "<ada>"}]),
            op("add", "members", [{"value": "<bob>"}]),
            status=[200, 204],
        ),
        get("Groups/<group>", answer={"members": linked("bob")}),
        sees(teams=[]),
        sees("bob", teams=["<me>"]),
        get("Groups?filter=displayName%20eq%20%22nothing%20<me>%22", answer=found()),
        delete("Users/<ada>"),
        put("Users/<ada>", {"schemas": [USER], **person()}, 404),
        post(),
        sees(active=True, external_id="<ada>"),
    ],
    "A3 generic": [
        post(roles=["admin"], shoeSize=38, **{"urn:example:shoes:1.0:User": {"colour": "red"}})
        | {"headers": {"Content-Type": "application/json; charset=utf-8"}},
        sees(roles={"role": "admin"}),
        get("Users/?filter=userName%20eq%20%22ada.<me>%40acme.com%22", answer=found("ada")),
        {
            "does": "changes, in small letters",
            "send": "PATCH /Users/<ada>",
            "status": 200,
            "headers": {"Content-Type": None},
            "body": {"operations": [op("replace", "roles", [{"value": "member"}]), op("replace", "title", "Countess")]},
        },
        patch("Users/<ada>", op("replace", "title", "Countess"), status=[200, 204]),
        sees(roles={"role": "member"}, title="Countess"),
    ],
}
