"""What lenient mode puts up with, each with a stable code and a sentence for the admin of the client.

A leniency that is used is counted per directory under its code. E1, O6 and the like are the rows of the
quirk sheet (E: Entra, O: Okta) that the tests name too.
"""

from collections.abc import Callable

from connectors.scim.errors import ScimError

LENIENCIES: dict[str, str] = {
    # seen as E1
    "op-case": "Operations are written 'Add', 'Replace', 'Remove' instead of in lower case.",
    # seen as E2
    "boolean-text": 'Booleans come as text: "True" instead of true.',
    # seen as E3
    "key-path": "A value without a path holds paths as its keys, such as 'name.givenName'.",
    # seen as E4, E5
    "value-made": "An operation asks for a value that is not there, such as the work email; it is made.",
    # seen as E6
    "json-text": "Objects come as text that holds JSON.",
    "display-name": "The name of a value is called 'displayName' instead of 'display'.",
    # seen as E7 and generic
    "plain-value": "A plain text stands where an object belongs, such as a manager's id or the name of a role.",
    "single-in-list": "A list of one, or an object with a value, stands where a single value belongs.",
    "empty-unassigns": "An empty text stands where 'no value' is meant.",
    "unqualified-extension": "Attributes of the enterprise extension are named without their schema.",
    # seen as E8
    "removal-value": "Members are removed by naming them in the value instead of in the path.",
    # seen as E9, E10
    "unknown-schema": "'schemas' names schemas that are not known here; they are left out.",
    "missing-schemas": "'schemas' is missing, or does not name what the body holds.",
    "legacy-urn": "Schemas are named by the URNs of SCIM 1.1 or of drafts, or misspelt.",
    "unknown-attribute": "Attributes that no known schema has are sent; they are kept as they come.",
    # seen as E12
    "selection-compared": "Filters compare what follows a selection, as in 'emails[type eq \"work\"].value eq …'.",
    "unregistered-filter": "Filters name attributes that no known schema has; they are looked for as they were sent.",
    "unquoted-filter": "Filters compare with text that is not in quotes, or with a number where a text belongs.",
    # seen as E19
    "null-added": "Adding 'nothing' (null) is asked for; nothing happens.",
    # seen as O9
    "unknown-member": "Members are named that are neither a user nor a group here; they are left out.",
    # seen as O6, O7, authentik
    "read-only": "A PATCH repeats attributes that only the server sets, such as 'groups' or 'meta'; they are ignored.",
    # seen of Rippling
    "single-value": "A single value stands where a list belongs.",
    # seen of several clients
    "number-text": "Numbers come where text belongs.",
    "many-primary": "Several values say that they are the primary one; the first counts.",
    "member-reference": "Members are named by their address ('$ref') instead of by their id ('value').",
    "nothing-asked": "A PATCH has no operations; nothing happens.",
    "nothing-removed": "The removal of a value that is not there is asked for; nothing happens.",
}


def unheard(code: str) -> None:
    """For who does not count."""


class Tolerance:
    """How a request is read: to the letter, or leniently and telling `note` each leniency that was needed."""

    __slots__ = ("note", "strict")

    def __init__(self, strict: bool, note: Callable[[str], None] = unheard) -> None:
        self.strict = strict
        self.note = note

    def allow(self, code: str, refusal: str, scim_type: str = "invalidValue") -> None:
        """Notes the leniency.

        Raises:
            ScimError: in strict mode, with this refusal.
        """
        if self.strict:
            raise ScimError(400, refusal, scim_type)
        self.note(code)
