"""The private key of an Okta service app: reading it, and signing with it where the `okta` package does not.

The package signs with RSA keys only; Okta takes EC keys too (facts §1.3). What does not live here: token requests,
which are the package's (okta_sdk.py), and DPoP proofs, for which it has a key of its own.
"""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from connectors.base import Refused, SecretRef

_SECONDS = 300  # that an assertion is good for; Okta takes an hour at most
_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}  # RFC 7518 §3.4
_KINDS = "an RSA key, or an EC key on P-256, P-384 or P-521, as PEM without a password or as JWK"


@dataclass(frozen=True, slots=True)
class Key:
    """A private key; `kid` is what a JWK calls itself, None of a PEM."""

    pem: str = field(repr=False)
    algorithm: str
    kid: str | None

    @property
    def elliptic(self) -> bool:
        """Whether the package cannot sign with it."""
        return self.algorithm != "RS256"


def read(secret: SecretRef) -> Key:
    """The key of a configuration.

    Raises:
        Refused: none is there, it is no private key, or Okta takes none of its type.
    """
    from jwcrypto.common import JWException  # type: ignore[import-untyped]
    from jwcrypto.jwk import JWK  # type: ignore[import-untyped]

    text = secret.reveal()
    try:
        key = JWK.from_json(text) if text.startswith("{") else JWK.from_pem(_trimmed(text))
        found = _found(key, key.get("kid") if text.startswith("{") else None)
    except (JWException, ValueError, TypeError, KeyError) as exc:
        raise Refused(f"the private key in {secret.where} cannot be used", fix=f"give {_KINDS}") from exc
    if found is None:
        kind = " ".join(filter(None, (key.get("kty"), key.get("crv"))))
        what = f"is a public key ({kind})" if key.has_public and not key.has_private else f"is of type {kind}"
        fix = f"give {_KINDS}: Applications > the app > General > Client Credentials > Add key"
        raise Refused(f"the private key in {secret.where} cannot be used: it {what}", fix=fix)
    return found


def _found(key: Any, kid: str | None) -> Key | None:
    algorithm = "RS256" if key["kty"] == "RSA" else _ALGORITHMS.get(key.get("crv", ""))
    if algorithm is None or not key.has_private:
        return None
    return Key(key.export_to_pem(private_key=True, password=None).decode(), algorithm, kid)


def _trimmed(pem: str) -> bytes:
    """A PEM that was indented on its way through a template is one still."""
    return "\n".join(line.strip() for line in pem.splitlines()).encode()


def assertion(key: Key, client_id: str, audience: str, kid: str | None) -> str:
    """A client assertion (private_key_jwt, RFC 7523 §3) as the package writes them."""
    import jwt

    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + _SECONDS}
    return jwt.encode({**claims, "jti": str(uuid.uuid4())}, key.pem, key.algorithm, {"kid": kid} if kid else None)
