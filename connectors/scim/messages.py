"""The messages that are no resources: lists (RFC 7644 §3.4.2, RFC 9865 §2)."""

from typing import Any

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
BULK_ANSWER = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"


def listed(resources: list[dict[str, Any]], *, total: int, start: int | None = 1, next_cursor: str = "") -> Any:
    """A list; `Resources` is always there (E14, O3, authentik), and `itemsPerPage` says how many there really are
    (E23). A page by cursor has no index."""
    index = {} if start is None else {"startIndex": start}
    more = {"nextCursor": next_cursor} if next_cursor else {}
    return {
        "schemas": [LIST],
        "totalResults": total,
        **index,
        "itemsPerPage": len(resources),
        **more,
        "Resources": resources,
    }
