"""The address under which an identity provider reaches a directory: what is pasted into its setup page."""

from rosterd.settings.model import Settings
from rosterd.settings.values import split_listen


def endpoint(settings: Settings, directory: str, listening: str = "", label: str = "") -> str:
    """`[http] public_url`, else where it is `listening`, else where it would listen."""
    return "/".join((settings.http.public_url or listening or _configured(settings), "scim/v2", directory)) + (
        f"/{label}" if label else ""
    )


def _configured(settings: Settings) -> str:
    host, port = split_listen(settings.http.listen)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
