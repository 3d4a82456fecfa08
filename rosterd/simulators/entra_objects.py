"""How Microsoft Graph writes a user, a group and a member; which properties there are, and which come unasked.

The property names are those of the v1.0 metadata. A property that was never set is null, or an empty list where the
metadata says that it is a required collection; a directory extension that was never set is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rosterd.simulators.entra_access import graph_error
from rosterd.simulators.names import words
from rosterd.simulators.web import Call
from rosterd.simulators.world import Group, Person, World

USER, GROUP = "microsoft.graph.user", "microsoft.graph.group"

_DEFAULTS = {
    USER: words(
        "businessPhones displayName givenName jobTitle mail mobilePhone officeLocation preferredLanguage "
        "surname userPrincipalName id"
    ),
    GROUP: words(
        "id deletedDateTime classification createdDateTime description displayName "
        "expirationDateTime groupTypes isAssignableToRole mail mailEnabled mailNickname membershipRule "
        "membershipRuleProcessingState onPremisesDomainName onPremisesLastSyncDateTime onPremisesNetBiosName "
        "onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled preferredDataLocation "
        "preferredLanguage proxyAddresses renewedDateTime resourceBehaviorOptions resourceProvisioningOptions "
        "securityEnabled securityIdentifier theme visibility onPremisesProvisioningErrors "
        "serviceProvisioningErrors"
    ),
}
_USER_LISTS = frozenset(
    words(
        "assignedLicenses assignedPlans businessPhones imAddresses licenseAssignmentStates otherMails "
        "onPremisesProvisioningErrors provisionedPlans proxyAddresses serviceProvisioningErrors"
    )
)
_GROUP_LISTS = frozenset(
    words(
        "assignedLabels assignedLicenses groupTypes infoCatalogs onPremisesProvisioningErrors proxyAddresses "
        "resourceBehaviorOptions resourceProvisioningOptions serviceProvisioningErrors"
    )
)
_EMPTY_LISTS = _USER_LISTS | _GROUP_LISTS
# Kept outside the directory, in Exchange or SharePoint: readable one by one, 501 in a collection (facts §2).
ELSEWHERE = {
    USER: frozenset(
        words(
            "aboutMe birthday hireDate interests mySite pastProjects preferredName responsibilities schools skills "
            "mailboxSettings deviceEnrollmentLimit print"
        )
    ),
    GROUP: frozenset(
        words(
            "accessType allowExternalSenders autoSubscribeNewMembers hideFromAddressLists hideFromOutlookClients "
            "isArchived isFavorite isSubscribedByMail unseenConversationsCount unseenCount unseenMessagesCount "
            "welcomeMessageEnabled"
        )
    ),
}
_NULLS = {
    USER: frozenset(
        words(
            "ageGroup authorizationInfo city companyName consentProvidedForMinor country creationType "
            "customSecurityAttributes employeeHireDate employeeId employeeLeaveDateTime employeeOrgData employeeType "
            "externalUserState externalUserStateChangeDateTime faxNumber identityParentId isManagementRestricted "
            "isResourceAccount lastPasswordChangeDateTime legalAgeGroupClassification mobilePhone officeLocation "
            "onPremisesDistinguishedName onPremisesDomainName onPremisesImmutableId onPremisesLastSyncDateTime "
            "onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled onPremisesUserPrincipalName "
            "passwordPolicies passwordProfile postalCode preferredDataLocation preferredLanguage securityIdentifier "
            "showInAddressList signInActivity signInSessionsValidFromDateTime state streetAddress usageLocation"
        )
    ),
    GROUP: frozenset(
        words(
            "deletedDateTime classification expirationDateTime isAssignableToRole membershipRule "
            "membershipRuleProcessingState onPremisesDomainName onPremisesLastSyncDateTime onPremisesNetBiosName "
            "onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled preferredDataLocation "
            "preferredLanguage renewedDateTime securityIdentifier theme visibility hasMembersWithLicenseErrors "
            "isManagementRestricted licenseProcessingState onPremisesExtensionAttributes organizationId uniqueName"
        )
    ),
}


def graph_time(text: str) -> str:
    """Whole seconds, as Graph writes times."""
    return f"{text[:19]}Z"


@dataclass(frozen=True)
class Selection:
    """The properties that an answer shows, in order; `explicit` when `$select` named them."""

    names: tuple[str, ...]
    explicit: bool = False
    expand: str = ""

    @classmethod
    def default(cls, kind: str) -> "Selection":
        return cls(_DEFAULTS[kind])

    @classmethod
    def read(cls, call: Call, objects: "Objects", kind: str, navigation: str = "") -> "Selection":
        """From `$select` and `$expand`; refuses what the type does not have ("" is any directory object)."""
        expand = call.query.get("$expand", "")
        if expand and expand.partition("(")[0] != navigation:
            message = f"Parsing OData Select and Expand failed: '{expand}' cannot be expanded on type '{kind}'."
            raise graph_error(400, "Request_BadRequest", message)
        if "$select" not in call.query:
            return cls(_DEFAULTS[kind or USER], expand=expand)
        names = tuple(dict.fromkeys(name.strip() for name in call.query["$select"].split(",")))
        for name in names:
            objects.check(name, kind)
        return cls(names, explicit=True, expand=expand)


class Objects:
    """Draws objects. `client_id` names the app that owns the directory extensions."""

    def __init__(self, world: World, client_id: str, base: str) -> None:
        self._world = world
        self._base = base
        self._prefix = f"extension_{client_id.replace('-', '')}_"

    def user(self, person: Person, selection: Selection) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in selection.names:
            if name in _USER:
                found[name] = _USER[name](person)
            elif name.startswith("extension_"):
                found |= self._extension(person, name)
            else:
                found[name] = [] if name in _EMPTY_LISTS else None
        if selection.expand and person.manager:
            boss = self._world.people[person.manager]
            found["manager"] = {"@odata.type": f"#{USER}", **self.user(boss, self._expanded(selection.expand))}
        return found

    def group(self, group: Group, selection: Selection) -> dict[str, Any]:
        return {name: _GROUP[name](group) if name in _GROUP else [] if name in _EMPTY_LISTS else None
                for name in selection.names}  # fmt: skip

    def member(self, member_id: str, selection: Selection, *, limited: bool) -> dict[str, Any]:
        """A directoryObject with its type; `limited` shows a person's id and nulls (facts §1.2)."""
        person = self._world.people.get(member_id)
        if person is None:
            group = self._world.groups[member_id]
            names = (
                tuple(name for name in selection.names if name in _GROUP) if selection.explicit else _DEFAULTS[GROUP]
            )
            return {"@odata.type": f"#{GROUP}", **self.group(group, Selection(names))}
        found = self.user(person, selection)
        if limited:
            found = {name: None for name in found if name not in _EMPTY_LISTS} | {"id": person.id}
        return {"@odata.type": f"#{USER}", **found}

    def user_getter(self, person: Person) -> Callable[[str], object]:
        return lambda name: _USER[name](person) if name in _USER else None

    def check(self, name: str, kind: str) -> None:
        """Refuses a property that the type does not have (400) or that no collection holds (501)."""
        if any(name in ELSEWHERE[of] for of in ([kind] if kind else ELSEWHERE)):
            raise graph_error(501, "NotImplemented", f"The property '{name}' cannot be selected on a collection.")
        if kind != GROUP and name.startswith(self._prefix) and name.removeprefix(self._prefix) in self._world.schema:
            return
        if name not in known(kind):
            message = f"Could not find a property named '{name}' on type '{kind or 'microsoft.graph.directoryObject'}'."
            raise graph_error(400, "Request_BadRequest", f"Parsing OData Select and Expand failed: {message}")

    def _expanded(self, expand: str) -> Selection:
        """`manager($select=id,displayName)`: the properties of an expanded object."""
        _, _, inner = expand.removesuffix(")").partition("($select=")
        names = tuple(inner.split(",")) if inner else _DEFAULTS[USER]
        for name in names:
            self.check(name, USER)
        return Selection(names)

    def _extension(self, person: Person, name: str) -> dict[str, Any]:
        value = person.attributes.get(name.removeprefix(self._prefix))
        return {} if value is None else {name: value}


def known(kind: str) -> frozenset[str]:
    """Every property of a type that `$select` may name; of either type for ""."""
    if not kind:
        return known(USER) | known(GROUP)
    drawn = _USER if kind == USER else _GROUP
    lists = _USER_LISTS if kind == USER else _GROUP_LISTS
    return frozenset(drawn) | _NULLS[kind] | lists


def _on_premises(person: Person) -> dict[str, Any]:
    names = [f"extensionAttribute{number}" for number in range(1, 16)]
    return {name: person.attributes.get(name) for name in names}


def _identities(person: Person) -> list[dict[str, str]]:
    domain = person.user_name.partition("@")[2]
    return [{"signInType": "userPrincipalName", "issuer": domain, "issuerAssignedId": person.user_name}]


_USER: dict[str, Callable[[Person], Any]] = {
    "id": lambda p: p.id,
    "accountEnabled": lambda p: p.status == "active",
    "createdDateTime": lambda p: graph_time(p.created),
    "deletedDateTime": lambda p: graph_time(p.status_changed) if p.status == "deleted" else None,
    "department": lambda p: p.department or None,
    "displayName": lambda p: p.display_name,
    "givenName": lambda p: p.given_name or None,
    "identities": _identities,
    "jobTitle": lambda p: p.title or None,
    "mail": lambda p: p.email or None,
    "mailNickname": lambda p: p.user_name.partition("@")[0],
    "onPremisesExtensionAttributes": _on_premises,
    "surname": lambda p: p.family_name or None,
    "userPrincipalName": lambda p: p.user_name,
    "userType": lambda p: "Guest" if p.guest else "Member",
}
_GROUP: dict[str, Callable[[Group], Any]] = {
    "id": lambda g: g.id,
    "createdDateTime": lambda g: graph_time(g.created),
    "description": lambda g: g.description or None,
    "displayName": lambda g: g.name,
    "mail": lambda _: None,
    "mailEnabled": lambda _: False,
    "mailNickname": lambda g: g.email.partition("@")[0],
    "securityEnabled": lambda _: True,
}
