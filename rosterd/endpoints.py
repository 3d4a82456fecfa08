"""The address under which an identity provider reaches a directory: what is pasted into its setup page."""

from rosterd.settings.model import Settings
from rosterd.settings.values import is_slug, split_listen

# What stands below a directory in SCIM (RFC 7644 §3.2), in lower case: no label may look like it.
RESERVED = frozenset(("users", "groups", "me", "bulk", "serviceproviderconfig", "resourcetypes", "schemas"))


def may_be_label(text: str) -> bool:
    """Whether it can stand between a directory and what is below it."""
    return is_slug(text) and text not in RESERVED


def endpoint(settings: Settings, directory: str, listening: str = "", label: str = "") -> str:
    """`[http] public_url`, else where it is `listening`, else where it would listen."""
    return "/".join((settings.http.public_url or listening or _configured(settings), "scim/v2", directory)) + (
        f"/{label}" if label else ""
    )


def _configured(settings: Settings) -> str:
    host, port = split_listen(settings.http.listen)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
