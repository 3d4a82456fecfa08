"""Which addresses a connector speaks to: https (http for loopback only), and never another host than configured.

What does not live here: speaking to them.
"""

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from connectors.base import Malformed, complaint


def base_address(url: str) -> str:
    """The address without a final slash.

    Raises:
        ValueError: not https, and not http on a loopback address; with its code and its way out.
    """
    said, fix = "an address starts with https:// (http:// for loopback addresses only)", "begin it with https://"
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise complaint("bad_url", said, fix) from exc
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise complaint("bad_url", said, fix)
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise complaint("insecure_url", said, fix)
    if parts.username or parts.query or parts.fragment:
        fix = "write it up to the host, with a path if it has one"
        raise complaint("bad_url", "an address has no user name, query or fragment", fix)
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(base_address)]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def same_origin(url: str, base: str, request: str) -> str:
    """`url` if it stays on the scheme, host and port of `base`; credentials go nowhere else.

    Raises:
        Malformed: a link of the vendor leads somewhere else.
    """
    there, here = urlsplit(url), urlsplit(base)
    if (there.scheme, there.hostname, _port(there.scheme, there.port)) == (
        here.scheme,
        here.hostname,
        _port(here.scheme, here.port),
    ):
        return url
    raise Malformed(
        f"the next page is said to be on {there.scheme}://{there.netloc}, not on {here.scheme}://{here.netloc}",
        request=request,
        fix="if a proxy stands between, let it rewrite links, or configure the address that the links name",
    )


def _port(scheme: str, port: int | None) -> int | None:
    return port if port is not None else {"http": 80, "https": 443}.get(scheme)
