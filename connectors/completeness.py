"""When a whole listing may still not be believed.

What does not live here: listings that break off (listing.py), and single groups that cannot be read (members.py).
"""

from collections.abc import Sequence

from reconciler.model import CollectionEnd, Completeness, Wanted

_SHOWN_IDS = 5


def users_end(vendor: str, seen: int, unclear: Sequence[str], status: str, broken: str = "") -> CollectionEnd:
    """Closes the people: partial when nobody is listed, which no tenant is, or when somebody has no `status` field.

    Args:
        vendor: name for the reason.
        seen: how many people were listed.
        unclear: ids of those without a status.
        status: what the vendor calls it.
        broken: why the listing broke off, "" when it came to its end.
    """
    if broken:
        return CollectionEnd("users", Completeness.PARTIAL, reason=broken)
    if not seen:
        return CollectionEnd("users", Completeness.PARTIAL, reason=f"{vendor} lists no people at all")
    if not unclear:
        return CollectionEnd("users", Completeness.COMPLETE)
    ids = ", ".join(unclear[:_SHOWN_IDS]) + (", …" if len(unclear) > _SHOWN_IDS else "")
    return CollectionEnd("users", Completeness.PARTIAL, reason=f"no {status} for {len(unclear)} people: {ids}")


def groups_end(vendor: str, seen: int, wanted: Wanted, broken: str = "") -> CollectionEnd:
    """Closes the groups: partial when there are none although configuration mentions some, or when they broke off."""
    if broken:
        return CollectionEnd("groups", Completeness.PARTIAL, reason=broken)
    if wanted.groups and not seen:
        return CollectionEnd("groups", Completeness.PARTIAL, reason=f"{vendor} lists no groups at all")
    return CollectionEnd("groups", Completeness.COMPLETE)
