"""The attributes of User, Group and the enterprise extension, as data (RFC 7643 §4, §7, §8.7.1).

What a name in a request means is names.py; what is done about values is lenient.py, patch.py and project.py; how the
schemas are told to clients is discovery.py.
"""

from collections.abc import Iterator
from typing import Literal

from reconciler.model import Frozen
from reconciler.query import AttrType, Kind

Mutability = Literal["readWrite", "readOnly", "immutable", "writeOnly"]
Returned = Literal["always", "default", "request", "never"]
Uniqueness = Literal["none", "server", "global"]

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE: dict[Kind, str] = {"User": USER, "Group": GROUP}


class Attribute(Frozen, frozen=True):
    """One attribute by the characteristics of RFC 7643 §7.

    `sub` holds a complex attribute's own ones by their names in lower case, in order. `known` is False for what no
    schema here describes: it is kept as sent and compared as text.
    """

    name: str
    type: AttrType = "string"
    description: str = ""
    multi: bool = False
    required: bool = False
    exact: bool = False  # caseExact
    mutability: Mutability = "readWrite"
    returned: Returned = "default"
    uniqueness: Uniqueness = "none"
    canonical: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    sub: "dict[str, Attribute]" = {}
    known: bool = True


class Schema(Frozen, frozen=True):
    """A schema by its URN; `attributes` by their names in lower case, in order."""

    id: str
    name: str
    description: str
    attributes: dict[str, Attribute]


def _by_name(*attributes: Attribute) -> dict[str, Attribute]:
    return {attribute.name.lower(): attribute for attribute in attributes}


def _text(name: str, description: str) -> Attribute:
    return Attribute(name, description=description)


def _complex(name: str, description: str, *sub: Attribute) -> Attribute:
    return Attribute(name, "complex", description, sub=_by_name(*sub))


def _values(name: str, description: str, value: Attribute, *types: str) -> Attribute:
    """A multi-valued attribute with the default sub-attributes (RFC 7643 §2.4)."""
    sub = (
        value,
        _text("display", "A human-readable name, primarily used for display purposes."),
        Attribute("type", description="A label indicating the attribute's function.", canonical=types),
        Attribute("primary", "boolean", "Whether this is the preferred value; true at most once."),
    )
    return Attribute(name, "complex", description, multi=True, sub=_by_name(*sub))


def _value(description: str, kind: AttrType = "string", *, exact: bool = False) -> Attribute:
    return Attribute("value", kind, description, exact=exact)


def _reference(name: str, description: str, *types: str) -> Attribute:
    return Attribute(name, "reference", description, exact=True, references=types)


_ADDRESSES = Attribute(
    "addresses",
    "complex",
    "Physical mailing addresses of the user.",
    multi=True,
    sub=_by_name(
        _text("formatted", "The full address, formatted for display or a label."),
        _text("streetAddress", "Street, house number, and what goes with them."),
        _text("locality", "The city or locality."),
        _text("region", "The state or region."),
        _text("postalCode", "The zip or postal code."),
        _text("country", "The country, as an ISO 3166-1 alpha-2 code."),
        Attribute("type", description="The kind of address.", canonical=("work", "home", "other")),
        Attribute("primary", "boolean", "Whether this is the preferred address; true at most once."),
    ),
)

_GROUPS = Attribute(
    "groups",
    "complex",
    "The groups that the user is in, directly or through other groups.",
    multi=True,
    mutability="readOnly",
    sub=_by_name(
        Attribute("value", description="The group's id.", exact=True, mutability="readOnly"),
        Attribute(
            "$ref", "reference", "The group's address.", exact=True, mutability="readOnly", references=("Group",)
        ),
        Attribute("display", description="The group's name.", mutability="readOnly"),
        Attribute(
            "type", description="How the user is in it.", mutability="readOnly", canonical=("direct", "indirect")
        ),
    ),
)

_USER = _by_name(
    Attribute(
        "userName", description="What the user signs in with.", required=True, uniqueness="server"
    ),
    _complex(
        "name",
        "The parts of the user's name.",
        _text("formatted", "The full name, formatted for display."),
        _text("familyName", "The family name, or last name."),
        _text("givenName", "The given name, or first name."),
        _text("middleName", "The middle names."),
        _text("honorificPrefix", "The titles, as in 'Ms.'."),
        _text("honorificSuffix", "The suffixes, as in 'III'."),
    ),
    _text("displayName", "The name as it is shown."),
    _text("nickName", "How the user is called casually."),
    _reference("profileUrl", "The address of the user's page.", "external"),
    _text("title", "The job title."),
    _text("userType", "How user and organisation are related, as in 'Contractor'."),
    _text("preferredLanguage", "The language that the user prefers, as in 'en-US'."),
    _text("locale", "Where the user is, for dates, currency and numbers."),
    _text("timezone", "The time zone, as in 'Europe/Berlin'."),
    Attribute("active", "boolean", "Whether the user may sign in."),
    Attribute(
        "password",
        description="Accepted and dropped: it is neither kept nor returned.",
        exact=True,
        mutability="writeOnly",
        returned="never",
    ),
    _values("emails", "Email addresses.", _value("The address."), "work", "home", "other"),
    _values(
        "phoneNumbers", "Phone numbers.", _value("The number."), "work", "home", "mobile", "fax", "pager", "other"
    ),
    _values(
        "ims", "Instant messaging addresses.", _value("The address."),
        "aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo",
    ),
    _values(
        "photos", "Addresses of pictures.",
        Attribute("value", "reference", "The picture's address.", exact=True, references=("external",)),
        "photo", "thumbnail",
    ),
    _ADDRESSES,
    _GROUPS,
    _values("entitlements", "What the user is entitled to.", _value("The entitlement.")),
    _values("roles", "What the user is.", _value("The role.")),
    _values("x509Certificates", "Certificates.", _value("DER, in Base64.", "binary", exact=True)),
)  # fmt: skip

_MEMBERS = Attribute(
    "members",
    "complex",
    "Who is in the group.",
    multi=True,
    sub=_by_name(
        Attribute("value", description="The member's id.", exact=True, mutability="immutable"),
        Attribute(
            "$ref", "reference", "The member's address.",
            exact=True, mutability="immutable", references=("User", "Group"),
        ),
        Attribute("display", description="The member's name.", mutability="readOnly", returned="request"),
        Attribute("type", description="What the member is.", mutability="immutable", canonical=("User", "Group")),
    ),
)  # fmt: skip

_GROUP = _by_name(
    # "REQUIRED" in RFC 7643 §4.2, though not in the representation of §8.7.1.
    Attribute("displayName", description="The group's name.", required=True),
    _MEMBERS,
)

_ENTERPRISE = _by_name(
    _text("employeeNumber", "The number that the organisation gave."),
    _text("costCenter", "The cost center."),
    _text("organization", "The organisation."),
    _text("division", "The division."),
    _text("department", "The department."),
    _complex(
        "manager",
        "The user's manager.",
        # RECOMMENDED in RFC 7643 §4.3: Entra sends `value` without `$ref`.
        Attribute("value", description="The manager's id.", exact=True),
        _reference("$ref", "The manager's address.", "User"),
        Attribute("displayName", description="The manager's name.", mutability="readOnly"),
    ),
)


def _said(name: str, description: str, kind: AttrType = "string", *, exact: bool = True) -> Attribute:
    """What only the server says."""
    return Attribute(name, kind, description, exact=exact, mutability="readOnly")


# Every resource has these (RFC 7643 §3.1); schemas do not list them.
COMMON = _by_name(
    Attribute("schemas", "reference", "The schemas of the resource.", multi=True, exact=True, returned="always"),
    Attribute(
        "id", description="The resource's id.", exact=True, mutability="readOnly", returned="always",
        uniqueness="server",
    ),
    Attribute("externalId", description="The client's own id of it.", exact=True),
    Attribute(
        "meta", "complex", "What the server says about the resource.", mutability="readOnly",
        sub=_by_name(
            _said("resourceType", "The name of its type."),
            _said("created", "When it was made.", "dateTime", exact=False),
            _said("lastModified", "When it was changed last.", "dateTime", exact=False),
            _said("location", "Its address.", "reference"),
            _said("version", "Its version, as in the ETag header."),
        ),
    ),
)  # fmt: skip

SCHEMAS: dict[str, Schema] = {
    USER: Schema(USER, "User", "User Account", _USER),
    GROUP: Schema(GROUP, "Group", "Group", _GROUP),
    ENTERPRISE: Schema(ENTERPRISE, "EnterpriseUser", "Enterprise User", _ENTERPRISE),
}
EXTENSIONS: dict[Kind, tuple[str, ...]] = {"User": (ENTERPRISE,), "Group": ()}

# Lower case → what is meant. Legacy and misspelt URNs, as clients send them: SCIM 1.1's, OneLogin's, Entra's.
CORE_ALIASES = (
    "urn:scim:schemas:core:1.0",
    "urn:scim:schemas:core:2.0",
    "urn:ietf:params:scim:schemas:core:1.0",
    "urn:ietf:params:scim:schemas:core:2.0",
)
ENTERPRISE_ALIASES = (
    "urn:scim:schemas:extension:enterprise:1.0",
    "urn:scim:schemas:extension:enterprise:2.0",
    "urn:scim:schemas:extension:enterprise:1.0:user",
    "urn:scim:schemas:extension:enterprise:2.0:user",
    "urn:ietf:params:scim:schemas:extension:enterprise:1.0:user",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0user",
)


def aliases(kind: Kind) -> Iterator[tuple[str, str]]:
    """The URNs that lenient mode understands besides the right ones: lower case, and which is meant."""
    for alias in CORE_ALIASES:
        yield alias, CORE[kind]
        yield f"{alias}:{kind.lower()}", CORE[kind]
    for alias in ENTERPRISE_ALIASES if kind == "User" else ():
        yield alias, ENTERPRISE
