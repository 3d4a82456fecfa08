"""Signed assertions: the key pair of a made-up client, and reading what a client signed."""

import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

LEEWAY = 300  # seconds that a client may be ahead
_ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "ES512"]


def key_of(kept: dict[str, str]) -> tuple[str, str]:
    """(private PKCS#8 PEM, public PEM): the pair that is kept, else this process's own RSA key, kept from now on."""
    if "private_key" not in kept:
        kept["private_key"], kept["public_key"] = _own_key()
    return kept["private_key"], kept["public_key"]


def fresh_key() -> tuple[str, str]:
    """A new pair."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode(), key.public_key().public_bytes(
        pem, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


_own_key = cache(fresh_key)  # finding the primes takes longer than starting a simulator


def claims_of(assertion: str, public_key: str, *required: str, drift: float = 0.0) -> dict[str, Any]:
    """The claims of a JWT of these minutes; with a public key (PEM) also its signature is checked.

    `drift` is by how many seconds the clock of the one who checks is ahead of ours.

    Raises:
        jwt.InvalidTokenError: not a JWT, badly signed, expired, or without a required claim.
    """
    options: Any = {
        "verify_signature": bool(public_key),
        "verify_exp": False,  # by the real clock, which the checking one may not have
        "verify_iat": False,
        "verify_nbf": False,
        "verify_aud": False,  # each vendor has its own rule
        "require": ["exp", *required],
    }
    try:
        claims: dict[str, Any] = jwt.decode(assertion, public_key, algorithms=_ALGORITHMS, options=options)
    except jwt.InvalidKeyError as exc:  # signed with a key of another type
        raise jwt.InvalidSignatureError("Signature verification failed") from exc
    now = time.time() + drift
    if claims["exp"] < now:
        raise jwt.ExpiredSignatureError("Signature has expired")
    if max(claims.get("iat", now), claims.get("nbf", now)) > now + LEEWAY:
        raise jwt.ImmatureSignatureError("The token is not yet valid (iat)")
    return claims
