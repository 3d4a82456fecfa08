"""Which addresses a connector speaks to: https (http for loopback only), and never another host than configured.

What does not live here: speaking to them.
"""

from urllib.parse import urlsplit

from connectors.base import Malformed


def base_address(url: str) -> str:
    """The address without a final slash.

    Raises:
        ValueError: not https, and not http on a loopback address.
    """
    parts = urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise ValueError("an address starts with https:// (http:// for loopback addresses only)")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("an address has no user name, query or fragment")
    return url.rstrip("/")


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
