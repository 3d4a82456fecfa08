"""Plain HTTP clients that have signed in to a simulator, and full listings with them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jwt

from rosterd.simulators import Simulator

GOOGLE = "/admin/directory/v1"
GRAPH_SCOPE = "https://graph.microsoft.com/.default"
GOOGLE_SCOPES = " ".join(
    f"https://www.googleapis.com/auth/admin.directory.{name}.readonly" for name in ("user", "group", "userschema")
)


@contextmanager
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    """A client with a valid token."""
    with httpx.Client(base_url=simulator.url, timeout=30) as http:
        http.headers["authorization"] = authorization(simulator, http)
        yield http


def authorization(simulator: Simulator, http: httpx.Client) -> str:
    if simulator.kind == "okta":
        return f"SSWS {simulator.credentials['token']}"
    if simulator.kind == "entra":
        answer = http.post(f"/{simulator.world.tenant}/oauth2/v2.0/token", data=entra_form(simulator))
    else:
        answer = http.post("/token", data=google_form(simulator))
    return f"Bearer {answer.raise_for_status().json()['access_token']}"


def entra_form(simulator: Simulator, **other: str) -> dict[str, str]:
    credentials = simulator.credentials
    form = {key: str(credentials[key]) for key in ("client_id", "client_secret")}
    return {"grant_type": "client_credentials", "scope": GRAPH_SCOPE, **form, **other}


def google_form(simulator: Simulator, **claims: Any) -> dict[str, str]:
    """The JWT-bearer grant that google-auth sends; a claim given as None is left out."""
    account, now = simulator.credentials["service_account"], int(time.time())
    standard = {"iss": account["client_email"], "sub": simulator.credentials["subject"], "scope": GOOGLE_SCOPES,
                "aud": "https://oauth2.googleapis.com/token", "iat": now, "exp": now + 3600}  # fmt: skip
    signed = {name: value for name, value in {**standard, **claims}.items() if value is not None}
    assertion = jwt.encode(signed, account["private_key"], "RS256", {"kid": account["private_key_id"]})
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}


def okta_form(simulator: Simulator, **claims: Any) -> dict[str, str]:
    """The private_key_jwt grant that the okta package sends."""
    now, app = int(time.time()), simulator.credentials
    standard = {"iss": app["client_id"], "sub": app["client_id"], "aud": f"{simulator.url}/oauth2/v1/token",
                "iat": now, "exp": now + 3000, "jti": "one"}  # fmt: skip
    return {"grant_type": "client_credentials", "scope": "okta.users.read okta.groups.read",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode({**standard, **claims}, app["private_key"], "RS256")}  # fmt: skip


def okta_pages(http: httpx.Client, path: str) -> Iterator[list[dict[str, Any]]]:
    url: str | None = path
    while url:
        answer = http.get(url).raise_for_status()
        yield answer.json()
        url = answer.links.get("next", {}).get("url")


def graph_pages(http: httpx.Client, path: str) -> Iterator[list[dict[str, Any]]]:
    url: str | None = path
    while url:
        body = http.get(url).raise_for_status().json()
        yield body["value"]
        url = body.get("@odata.nextLink")


def google_pages(http: httpx.Client, path: str, key: str) -> Iterator[list[dict[str, Any]]]:
    token = ""
    while True:
        body = http.get(f"{GOOGLE}{path}{f'&pageToken={token}' if token else ''}").raise_for_status().json()
        yield body.get(key, [])
        token = body.get("nextPageToken", "")
        if not token:
            return
