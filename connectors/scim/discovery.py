"""What the service says about itself: ServiceProviderConfig, ResourceTypes, Schemas (RFC 7643 §5–7, RFC 7644 §4).

Nothing in it depends on a directory but the addresses, so that each document is made once per address.
"""

from functools import lru_cache
from typing import Any

from connectors.scim.call import Call
from connectors.scim.dialects import LARGEST_PAGE
from connectors.scim.errors import ScimError
from connectors.scim.exchange import Response, content_type, encoded
from connectors.scim.limits import LARGEST_BULK, MOST_OPERATIONS
from connectors.scim.messages import listed
from connectors.scim.routing import Target
from connectors.scim.schema import CORE, EXTENSIONS, SCHEMAS, Attribute, Schema
from reconciler.query import Kind

_META = "urn:ietf:params:scim:schemas:core:2.0:"


def answer(call: Call, target: Target) -> Response:
    """A document of the service. Parameters are ignored, but for a filter: who filters would take the whole for the
    part (RFC 7644 §4: SHOULD be 403)."""
    if any(name.lower() == "filter" for name, _ in call.request.query):
        raise ScimError(403, "what the service says about itself cannot be filtered")
    documents = _documents(call.endpoint.base, call.dialect.page)
    found = documents.get((target.shape, target.id))
    if found is None and not call.strict:
        wanted = (target.shape, target.id.lower())
        found = next((each for (shape, name), each in documents.items() if (shape, name.lower()) == wanted), None)
    if found is None:
        raise ScimError(404, f"there is no {target.shape} {target.id!r}")
    return Response(200, found, (("Content-Type", content_type(call.header("accept"))),))


@lru_cache(maxsize=256)
def _documents(base: str, page: int) -> dict[tuple[str, str], bytes]:
    """Every document by shape and name."""
    types = {kind: _resource_type(base, kind) for kind in CORE}
    schemas = {urn: _schema(base, schema) for urn, schema in SCHEMAS.items()}
    return {
        ("config", ""): encoded(_config(base, page)),
        ("types", ""): encoded(listed(list(types.values()), total=len(types))),
        ("schemas", ""): encoded(listed(list(schemas.values()), total=len(schemas))),
        **{("type", kind): encoded(each) for kind, each in types.items()},
        **{("schema", urn): encoded(each) for urn, each in schemas.items()},
    }


def _config(base: str, page: int) -> dict[str, Any]:
    """RFC 7643 §5; `pagination` is RFC 9865 §4. Cursors name a place in an order, so that they do not expire."""
    return {
        "schemas": [f"{_META}ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": MOST_OPERATIONS, "maxPayloadSize": LARGEST_BULK},
        "filter": {"supported": True, "maxResults": LARGEST_PAGE},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": page,
            "maxPageSize": LARGEST_PAGE,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "A token of this directory in the Authorization header.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }


def _resource_type(base: str, kind: Kind) -> dict[str, Any]:
    """RFC 7643 §6. Its id is its name: CyberArk asks for /ResourceTypes/User."""
    return {
        "schemas": [f"{_META}ResourceType"],
        "id": kind,
        "name": kind,
        "description": SCHEMAS[CORE[kind]].description,
        "endpoint": f"/{kind}s",
        "schema": CORE[kind],
        "schemaExtensions": [{"schema": urn, "required": False} for urn in EXTENSIONS[kind]],
        "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{kind}"},
    }


def _schema(base: str, schema: Schema) -> dict[str, Any]:
    """RFC 7643 §7."""
    return {
        "schemas": [f"{_META}Schema"],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": [_attribute(each) for each in schema.attributes.values()],
        "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{schema.id}"},
    }


def _attribute(attribute: Attribute) -> dict[str, Any]:
    """Without nulls: Entra reads this when a gallery application's mapping is opened (E20)."""
    told: dict[str, Any] = {
        "name": attribute.name,
        "type": attribute.type,
        "multiValued": attribute.multi,
        "description": attribute.description,
        "required": attribute.required,
        "caseExact": attribute.exact,
        "mutability": attribute.mutability,
        "returned": attribute.returned,
        "uniqueness": attribute.uniqueness,
    }
    if attribute.canonical:
        told["canonicalValues"] = list(attribute.canonical)
    if attribute.references:
        told["referenceTypes"] = list(attribute.references)
    if attribute.sub:
        told["subAttributes"] = [_attribute(each) for each in attribute.sub.values()]
    return told
