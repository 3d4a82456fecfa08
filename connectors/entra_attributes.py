"""Where a configured attribute is on a Graph user (facts/directory-apis.md §2, carriers of custom attributes).

An attribute is written as Graph names it, or by its bare last name where nothing else can be meant:
`extensionAttribute1`, `costCenter`, and the name of a directory extension of the app's own. What does not live here:
asking for it (entra.py).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from connectors.base import Refused

# Graph v1.0 metadata, type user
STANDARD = frozenset({
    "aboutMe", "accountEnabled", "ageGroup", "assignedLicenses", "assignedPlans", "authorizationInfo",
    "birthday", "businessPhones", "city", "companyName", "consentProvidedForMinor", "country",
    "createdDateTime", "creationType", "customSecurityAttributes", "deletedDateTime", "department",
    "deviceEnrollmentLimit", "displayName", "employeeHireDate", "employeeId", "employeeLeaveDateTime",
    "employeeOrgData", "employeeType", "extensions", "externalUserState", "externalUserStateChangeDateTime",
    "faxNumber", "givenName", "hireDate", "id", "identities", "identityParentId", "imAddresses", "interests",
    "isManagementRestricted", "isResourceAccount", "jobTitle", "lastPasswordChangeDateTime",
    "legalAgeGroupClassification", "licenseAssignmentStates", "mail", "mailboxSettings", "mailNickname",
    "manager", "mobilePhone", "mySite", "officeLocation", "onPremisesDistinguishedName", "onPremisesDomainName",
    "onPremisesExtensionAttributes", "onPremisesImmutableId", "onPremisesLastSyncDateTime",
    "onPremisesProvisioningErrors", "onPremisesSamAccountName", "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled", "onPremisesUserPrincipalName", "otherMails", "passwordPolicies", "passwordProfile",
    "pastProjects", "postalCode", "preferredDataLocation", "preferredLanguage", "preferredName", "print",
    "provisionedPlans", "proxyAddresses", "responsibilities", "schools", "securityIdentifier",
    "serviceProvisioningErrors", "showInAddressList", "signInActivity", "signInSessionsValidFromDateTime",
    "skills", "state", "streetAddress", "surname", "usageLocation", "userPrincipalName", "userType",
})  # fmt: skip
_INSIDE = {
    **{f"extensionAttribute{n}": f"onPremisesExtensionAttributes.extensionAttribute{n}" for n in range(1, 16)},
    **{name: f"employeeOrgData.{name}" for name in ("costCenter", "division")},
}
NAMES = STANDARD | frozenset(_INSIDE.values())
_EXTENSION = "write the whole name of the directory extension: extension_<its app's id without dashes>_{}"


@lru_cache(maxsize=64)
def paths(attributes: frozenset[str], client_id: str) -> Mapping[str, str]:
    """The property or path of each attribute, by its configured name.

    Raises:
        Refused: a bare name is no property, and there is no client ID (managed identity) whose extension it could be.
    """
    return {name: _path(name, client_id) for name in sorted(attributes)}


def _path(name: str, client_id: str) -> str:
    if name in _INSIDE:
        return _INSIDE[name]
    if name in STANDARD or name.startswith("extension_") or not re.fullmatch(r"\w+", name, re.ASCII):
        return name
    if not client_id:
        raise Refused(f"{name!r} is no property of a Graph user", fix=_EXTENSION.format(name))
    return f"{prefix(client_id)}{name}"


def prefix(client_id: str) -> str:
    """How the directory extensions of an app begin."""
    return f"extension_{client_id.replace('-', '')}_"


def values_of(raw: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, Any]:
    """The wanted values that are there; `onPremisesExtensionAttributes.extensionAttribute1` is a path."""
    found: dict[str, Any] = {}
    for name, path in wanted.items():
        value: Any = raw
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None:
            found[name] = value
    return found
