"""The rows E1 to E25 of the quirk sheet: what Microsoft Entra ID sends, what is answered and then stored, and where it
concerns people, who is in the workspace.
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
    post,
    sees,
)  # fmt: skip

# Not here, and why.
ELSEWHERE = {
    "E24": "TLS is spoken by the proxy in front of rosterd",
    "E25": "rosterd is no SCIM client",
}

ENTRA: dict[str, list[Step]] = {
    "E1": [
        post(title="Analyst"),
        patch(
            "Users/<ada>",
            op("Replace", "TITLE", "Countess"),
            op("Add", f"{ENTERPRISE.upper()}:Department", "Engines"),
            op("Remove", "Name.GivenName"),
            answer={"title": "Countess", ENTERPRISE: {"department": "Engines"}},
        ),
        get("Users?filter=USERNAME+Eq+%22ada.<me>%40acme.com%22+AND+Title+SW+%22Count%22", answer=found("ada")),
        sees(title="Countess", department="Engines", given_name="", family_name="Doe"),
    ],
    "E2": [
        post(roles=[{"primary": "True", "value": "admin"}], active="TRUE"),
        get("Users/<ada>", answer={"active": True, "roles": [{"primary": True, "value": "admin"}]}),
        sees(active=True, roles={"role": "admin"}),
        patch("Users/<ada>", op("Replace", "active", "False"), answer={"active": False}),
        get("Users?filter=active+eq+%22False%22+and+userName+eq+%22ada.<me>%40acme.com%22", answer=found("ada")),
        get(
            "Users?filter=roles%5Bprimary+eq+%22True%22%5D+and+userName+eq+%22ada.<me>%40acme.com%22",
            answer=found("ada"),
        ),
        sees(active=False),
        patch("Users/<ada>", op("replace", "", {"active": "true"}), answer={"active": True}),
        sees(active=True),
    ],
    "E3": [
        post(title="Analyst"),
        patch(
            "Users/<ada>?aadOptscim062020",
            op(
                "replace",
                "",
                {
                    "displayName": "Ada Lovelace",
                    "name.familyName": "Lovelace",
                    f"{ENTERPRISE}:employeeNumber": "1",
                    f"{ENTERPRISE}:department": "Engines",
                    'phoneNumbers[type eq "work"].value': "+44",
                },
            ),
            answer={
                "displayName": "Ada Lovelace",
                "name": {"givenName": "Ada", "familyName": "Lovelace"},
                ENTERPRISE: {"employeeNumber": "1", "department": "Engines"},
                "phoneNumbers": [{"type": "work", "value": "+44"}],
            },
            without=["name.familyName", f"{ENTERPRISE}:employeeNumber", 'phoneNumbers[type eq "work"].value'],
        ),
        group("ada"),
        patch("Groups/<group>?aadOptscim062020", op("remove", 'members[value eq "<ada>"]'), status=204),
        get("Groups/<group>", without=["members"]),
        sees(family_name="Lovelace", teams=[], department="Engines", display_name="Ada Lovelace"),
    ],
    "E4": [
        post(emails=None),
        patch(
            "Users/<ada>",
            op("Replace", 'emails[type eq "work"].value', "ada.<me>@acme.com"),
            op("Add", 'addresses[type eq "work"].streetAddress', "1 Main St"),
            op("Add", 'addresses[type eq "work"].locality', "London"),
            answer={
                "emails": [{"type": "work", "value": "ada.<me>@acme.com"}],
                "addresses": [{"type": "work", "streetAddress": "1 Main St", "locality": "London"}],
            },
        ),
        sees(active=True),
    ],
    "E5": [
        post(),
        patch(
            "Users/<ada>",
            op("Add", 'roles[primary eq "True"].value', "admin"),
            op("Add", 'roles[primary eq "True"].display', "Admin"),
            op("Add", 'roles[primary eq "True"].type', "WindowsAzureActiveDirectoryRole"),
            answer={
                "roles": [
                    {"primary": True, "value": "admin", "display": "Admin", "type": "WindowsAzureActiveDirectoryRole"}
                ]
            },
        ),
        sees(roles={"role": "admin"}),
    ],
    "E6": [
        post(
            roles=[
                {
                    "primary": False,
                    "type": "WindowsAzureActiveDirectoryRole",
                    "displayName": "Member",
                    "value": "member",
                }
            ]
        ),
        get("Users/<ada>", answer={"roles": [{"value": "member", "display": "Member", "primary": False}]}),
        patch("Users/<ada>", op("Add", "roles", [{"value": '{"id":"1","value":"admin","displayName":"Admin"}'}])),
        sees(roles={"role": "admin"}),
        patch(
            "Users/<ada>",
            op("replace", "roles", [{"value": "member", "primary": False}]),
            answer={"roles": [{"value": "member"}]},
        ),
        sees(roles={"role": "member"}),
    ],
    "E7": [
        post("boss"),
        post(**{ENTERPRISE: {"manager": {"value": "<boss>"}}}),
        get("Users/<ada>", answer={ENTERPRISE: {"manager": {"value": "<boss>"}}}),
        patch("Users/<ada>", op("Replace", f"{ENTERPRISE}:manager", "")),
        get("Users/<ada>", without=[ENTERPRISE]),
        sees(manager=""),
        patch(
            "Users/<ada>",
            op("Add", f"{ENTERPRISE}:manager", "<boss>"),
            answer={ENTERPRISE: {"manager": {"value": "<boss>"}}},
        ),
        patch("Users/<ada>", op("Remove", f"{ENTERPRISE}:manager")),
        get("Users/<ada>", without=[ENTERPRISE]),
        patch(
            "Users/<ada>",
            op("Add", "manager", [{"$ref": "http://x/Users/<boss>", "value": "<boss>"}]),
            answer={ENTERPRISE: {"manager": {"value": "<boss>"}}},
        ),
    ],
    "E8": [
        post(),
        post("bob"),
        post("cyd"),
        group("ada", "bob", "cyd"),
        patch("Groups/<group>", op("Remove", "members", [{"$ref": None, "value": "<bob>"}]), status=204),
        get("Groups/<group>", answer={"members": linked("ada", "cyd")}),
        sees(teams=["<me>"]),
        sees("bob", teams=[]),
        sees("cyd", teams=["<me>"]),
        patch("Groups/<group>", op("Remove", "members"), status=204),
        get("Groups/<group>", without=["members"]),
        sees(teams=[]),
        sees("cyd", teams=[]),
    ],
    "E9": [
        post(),
        post("bob"),
        group(
            schemas=[GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            externalId="<me>",
        ),
        patch(
            "Groups/<group>",
            op("Add", "members", [{"$ref": None, "value": "<ada>"}, {"$ref": None, "value": "<bob>"}]),
            status=204,
        ),
        get("Groups/<group>", answer={"schemas": [GROUP], "externalId": "<me>", "members": linked("ada", "bob")}),
        sees(teams=["<me>"]),
        sees("bob", teams=["<me>"]),
    ],
    "E10": [
        post(
            schemas=[USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
            department=None,
            manager=None,
            addresses=None,
            phoneNumbers=None,
            roles=[],
            meta={"resourceType": "User"},
        ),
        get(
            "Users/<ada>",
            answer={"schemas": [USER], "userName": "ada.<me>@acme.com"},
            without=["addresses", "roles", "department"],
        ),
        sees(active=True),
    ],
    "E11": [
        post(**{"urn:example:hr:1.0:User": {"desk": "12"}}),
        get(
            "Users/<ada>",
            answer={"schemas": {"has": [USER, "urn:example:hr:1.0:User"]}, "urn:example:hr:1.0:User": {"desk": "12"}},
        ),
        patch(
            "Users/<ada>",
            op("Replace", "urn:example:hr:1.0:User:desk", "13"),
            answer={"urn:example:hr:1.0:User": {"desk": "13"}},
        ),
    ],
    "E12": [
        post("boss"),
        post(externalId="ext-<me>", **{ENTERPRISE: {"manager": {"value": "<boss>"}}}),
        group("ada"),
        *(
            get(f"Users?filter={each}", answer=found("ada"))
            for each in (
                "externalId+eq+%22ext-<me>%22",
                "externalId+eq+ext-<me>",
                "userName+eq+%22ada.<me>%40acme.com%22",
                "emails%5Btype+eq+%22work%22%5D.value+eq+%22ada.<me>%40acme.com%22",
                "id+eq+%22<ada>%22+and+manager+eq+%22<boss>%22&attributes=id",
            )
        ),
        get("Users?filter=externalId+eq+%22EXT-<me>%22", answer=found()),
        get("Groups?filter=id+eq+%22<group>%22+and+members+eq+%22<ada>%22&attributes=id", answer=found("group")),
        get("Groups?filter=id+eq+%22<group>%22+and+members+eq+%22<boss>%22&attributes=id", answer=found()),
    ],
    "E13": [
        post(),
        group("ada"),
        get(
            "Groups/<group>?excludedAttributes=members", answer={"displayName": "Engineering <me>"}, without=["members"]
        ),
        get("Groups?excludedAttributes=members&filter=displayName+eq+%22Engineering+<me>%22", answer=found("group")),
    ],
    "E14": [
        *(
            get(
                f"{kind}?filter={name}+eq+%22b6a1d8f5-4f6e-4e3c-9b9c-3a4b8f8a5d10%22",
                answer={**found(), "itemsPerPage": 0, "startIndex": 1},
            )
            for kind, name in (("Users", "userName"), ("Users", "externalId"), ("Groups", "displayName"))
        ),
    ],
    "E15": [
        post(),
        group(),
        patch("Groups/<group>", op("Add", "members", [{"value": "<ada>"}]), status=204),
        patch("Users/<ada>", op("Replace", "title", "Countess"), answer={"id": "<ada>", "title": "Countess"}),
    ],
    "E16": [
        post(),
        sees(active=True),
        patch("Users/<ada>", op("Replace", "active", "False")),
        sees(active=False),
        get("Users?filter=userName+eq+%22ada.<me>%40acme.com%22", answer=found("ada", active=False)),
        get("Users/<ada>", answer={"active": False}),
        {"does": "deletes", "send": "DELETE /Users/<ada>", "status": 204},
        get("Users/<ada>", 404, answer={"status": "404"}),
        post(),
        sees(active=True, external_id="<ada>"),
    ],
    "E17": [
        post(),
        get("Users?filter=userName+eq+%22ADA.<me>%40ACME.com%22", answer=found("ada")),
        post() | {"status": 409, "keep": {}, "answer": {"scimType": "uniqueness", "status": "409"}},
        group(),
        group() | {"status": 409, "keep": {}, "answer": {"scimType": "uniqueness"}},
    ],
    "E18": [
        post(
            emails=[{"type": "untyped", "value": "ada.<me>@acme.com", "primary": True}],
            ims=[{"type": "strange", "value": "x"}],
        ),
        get("Users/<ada>", answer={"emails": [{"type": "untyped"}], "ims": [{"type": "strange"}]}),
        patch(
            "Users/<ada>",
            op("Remove", "title"),
            op("Add", "title", "a"),
            op("Replace", "title", "Countess"),
            answer={"title": "Countess"},
        ),
        patch("Users/<ada>", op("Replace", "title", "lost"), op("Replace", "active", "perhaps"), status=400),
        get("Users/<ada>", answer={"title": "Countess", "active": True}),
        sees(title="Countess", active=True),
        {"does": "deletes nobody", "send": "DELETE /Users/00000000-0000-4000-8000-000000000000", "status": 404},
        {"does": "deletes", "send": "DELETE /Users/<ada>", "status": 204},
        {"does": "again", "send": "DELETE /Users/<ada>", "status": 404},
        sees(active=False),
    ],
    "E19": [
        post(title="Analyst", **{ENTERPRISE: {"department": "Engines"}}),
        group("ada"),
        patch(
            "Users/<ada>",
            op("Replace", "title", None),
            op("Replace", "", {"name": {"familyName": None}}),
            answer={"name": {"givenName": "Ada"}},
            without=["title", "name/familyName"],
        ),
        patch("Groups/<group>", op("Replace", "members", None), status=204),
        get("Groups/<group>", without=["members"]),
        sees(title="", family_name="", given_name="Ada", department="Engines", teams=[]),
    ],
    "E20": [
        get(
            "Schemas",
            answer={"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]},
            must=["totalResults", "Resources"],
        ),
        get(f"Schemas/{USER}", answer={"id": USER, "name": "User"}, must=["attributes"]),
    ],
    "E21": [post(), *(get("Users/<ada>") for _ in range(50))],
    "E22": [
        post(),
        patch(
            "Users/<ada>",
            op("Replace", "active", "perhaps"),
            status=400,
            answer={"schemas": [ERROR], "scimType": "invalidValue"},
            must=["detail"],
        ),
        patch("Users/<ada>", op("Replace", "userName", None), status=400, must=["detail"]),
    ],
    "E23": [
        post(displayName="Ada  Lovelace ", title="Gräfin – 伯爵夫人 👩", nickName="A\tB"),
        get(
            "Users/<ada>", answer={"displayName": "Ada  Lovelace ", "title": "Gräfin – 伯爵夫人 👩", "nickName": "A\tB"}
        ),
        get(
            "Users?filter=userName+eq+%22ada.<me>%40acme.com%22&count=50", answer={"itemsPerPage": 1, "totalResults": 1}
        ),
        sees(title="Gräfin – 伯爵夫人 👩"),
    ],
}
