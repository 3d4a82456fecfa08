"""Where a configured attribute is on a Graph user."""

import pytest

from connectors.base import Refused
from connectors.entra_attributes import paths

APP = "2a20ec57-54ac-4334-b3a2-f9ab748b900c"
OWN = "extension_2a20ec5754ac4334b3a2f9ab748b900c_jamie_role"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("employeeType", "employeeType"),
        ("extensionAttribute1", "onPremisesExtensionAttributes.extensionAttribute1"),
        ("onPremisesExtensionAttributes.extensionAttribute15", "onPremisesExtensionAttributes.extensionAttribute15"),
        ("costCenter", "employeeOrgData.costCenter"),
        ("employeeOrgData.division", "employeeOrgData.division"),
        ("jamie_role", OWN),
        (OWN, OWN),
        (
            "extension_00000000000000000000000000000000_jamie_role",
            "extension_00000000000000000000000000000000_jamie_role",
        ),
        ("customSecurityAttributes.Set.role", "customSecurityAttributes.Set.role"),
        ("ext12345678_roles.jamie", "ext12345678_roles.jamie"),
    ],
)
def test_a_bare_last_name_is_enough_where_nothing_else_can_be_meant(name: str, path: str) -> None:
    assert paths(frozenset({name}), APP) == {name: path}


def test_without_a_client_id_the_whole_name_of_an_extension_is_asked_for() -> None:
    assert paths(frozenset({"extensionAttribute2", "department"}), "")["department"] == "department"
    with pytest.raises(Refused) as told:
        paths(frozenset({"jamie_role"}), "")
    assert told.value.fix.endswith("extension_<its app's id without dashes>_jamie_role")
