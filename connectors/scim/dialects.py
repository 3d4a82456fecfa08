"""The identity providers by name, and what each one expects where RFC 7644 leaves the choice: defaults, nothing else.

What a client may send does not hang on its name: every leniency is there for everybody unless the directory is strict.
So a wrong `dialect` costs an answer in another shape, never a request. The letters in brackets say what is known:
[V] the vendor's documentation or source, [T] traffic that was seen, [W] nothing but a guess.
"""

from reconciler.model import Frozen

PAGE, LARGEST_PAGE = 100, 1000  # resources; the interop draft asks for a default of 100 or more


class Dialect(Frozen, frozen=True):
    """What a provider expects.

    `user_patch_body`, `group_patch_body`: a PATCH that worked is answered 200 with the resource, else 204 with nothing
    (RFC 7644 §3.5.2 allows both). `unique_groups`: a second group of a name is refused (409); only for those whose own
    groups cannot have the same name. `page`: how many are listed when no `count` is given.
    """

    user_patch_body: bool = True
    group_patch_body: bool = False
    unique_groups: bool = False
    page: int = PAGE


DIALECTS: dict[str, Dialect] = {
    # [V] groups: "204 No Content", members in a body are inadvisable; users: either. [T] its validator expects 409 for
    # a second group of a displayName, which is what Entra matches groups by.
    "entra": Dialect(unique_groups=True),
    # [V] looks the user up in the answer or in the next GET; a group is needed without its members, 204 is accepted.
    # Groups that Okta imports from other directories may share a name.
    "okta": Dialect(),
    # [T] users only; asks for `filter` without `count`.
    "google": Dialect(),
    # [W] bodies were not seen; [V] makes and deletes a test user and a test group at activation.
    "jumpcloud": Dialect(),
    # [V] users by PUT, groups by PATCH; "200 or 204".
    "onelogin": Dialect(),
    # [W] creates a group, then PATCHes its members; bodies of answers were not seen.
    "rippling": Dialect(),
    # [V] users by PUT, groups by PATCH; single ResourceTypes by name.
    "cyberark": Dialect(),
    # [V] finds groups by retrieving all of them: as few requests as the bounds allow.
    "pingfederate": Dialect(page=LARGEST_PAGE),
    # [V] source: 204 is an empty answer; the names of its groups are unique in its own database.
    "authentik": Dialect(unique_groups=True),
    # Conformance tools want to see what a PATCH made of a group, and every RFC-conforming client takes either.
    "generic": Dialect(group_patch_body=True),
}


def dialect(name: str, *, strict: bool) -> Dialect:
    """What to expect. In strict mode a second group of a name is as good as the first (RFC 7643 §4.2)."""
    found = DIALECTS[name]
    return Dialect(found.user_patch_body, found.group_patch_body, page=found.page) if strict else found
