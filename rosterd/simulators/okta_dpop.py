"""DPoP (RFC 9449) as Okta asks for it: proofs with token requests and with API requests, each with the server's nonce.

What a refusal looks like is okta_access.py; here it is only said which one it is.
"""

import base64
import hashlib
import secrets
import time
from typing import Any
from urllib.parse import unquote, urlsplit

import jwt
import msgspec

from rosterd.simulators.web import Call

ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]
_LEEWAY = 300  # seconds between the clocks
_KEPT_IDS = 100_000
_THUMBPRINT = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}  # RFC 7638 §3.2


class ProofError(Exception):
    """A proof is missing or not good; `error` is "invalid_dpop_proof" or "use_dpop_nonce" (RFC 9449 §5, §8)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class Proofs:
    """Checks proofs, and remembers which key each access token belongs to."""

    def __init__(self) -> None:
        self.nonce = secrets.token_urlsafe(12)
        self._keys: dict[str, str] = {}  # access token → thumbprint of the key
        self._seen: dict[str, None] = {}

    def new_nonce(self) -> None:
        """The nonce that clients hold is not good any more."""
        self.nonce = secrets.token_urlsafe(12)

    def bind(self, token: str, thumbprint: str) -> None:
        self._keys[token] = thumbprint

    def check(self, call: Call, token: str = "") -> str:
        """The thumbprint of the key that signed; with a token, the token must be bound to it.

        Raises:
            ProofError: no proof, a bad one, one used before, or one without the current nonce.
        """
        if "dpop" not in call.headers:
            raise ProofError("invalid_dpop_proof", "The DPoP proof JWT header is missing.")
        claims, thumbprint = _read(call.headers["dpop"])
        if claims["htm"] != call.method or not _same_address(str(claims["htu"]), call.base + call.path):
            raise ProofError("invalid_dpop_proof", "The DPoP proof is for another request.")
        if abs(time.time() - float(claims["iat"])) > _LEEWAY:
            raise ProofError("invalid_dpop_proof", "The DPoP proof was not made now.")
        if token:
            self._check_token(claims, token, thumbprint)
        self._use(str(claims["jti"]))
        if claims.get("nonce") != self.nonce:
            raise ProofError("use_dpop_nonce", "Authorization server requires nonce in DPoP proof.")
        return thumbprint

    def _check_token(self, claims: dict[str, Any], token: str, thumbprint: str) -> None:
        digest = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
        if claims.get("ath") != digest or self._keys.get(token) != thumbprint:
            raise ProofError("invalid_dpop_proof", "The DPoP proof does not belong to the access token.")

    def _use(self, jti: str) -> None:
        if jti in self._seen:
            raise ProofError("invalid_dpop_proof", "The DPoP proof was used before.")
        self._seen[jti] = None
        if len(self._seen) > _KEPT_IDS:
            del self._seen[next(iter(self._seen))]


def _read(proof: str) -> tuple[dict[str, Any], str]:
    try:
        header = jwt.get_unverified_header(proof)
        if header.get("typ") != "dpop+jwt" or "d" in header["jwk"]:
            raise ProofError("invalid_dpop_proof", "The header of the DPoP proof is not that of a proof.")
        options: Any = {"require": ["jti", "htm", "htu", "iat"], "verify_aud": False}
        key = jwt.PyJWK(header["jwk"], algorithm=header["alg"])
        claims: dict[str, Any] = jwt.decode(proof, key, algorithms=ALGORITHMS, options=options, leeway=_LEEWAY)
        return claims, _thumbprint(header["jwk"])
    except (jwt.PyJWTError, KeyError, TypeError) as exc:
        raise ProofError("invalid_dpop_proof", f"The DPoP proof is not valid: {type(exc).__name__}.") from exc


def _thumbprint(key: dict[str, str]) -> str:
    """RFC 7638."""
    members = {name: key[name] for name in _THUMBPRINT[key["kty"]]}
    return base64.urlsafe_b64encode(hashlib.sha256(msgspec.json.encode(members)).digest()).decode()


def _same_address(claimed: str, real: str) -> bool:
    """Without query and fragment (RFC 9449 §4.3)."""
    one, other = urlsplit(claimed), urlsplit(real)
    return (one.scheme, one.netloc, unquote(one.path)) == (other.scheme, other.netloc, unquote(other.path))
