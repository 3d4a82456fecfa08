"""Ids in each vendor's shape, derived from a seed and a number: no randomness, so worlds can be made again."""

import hashlib
import uuid

from rosterd.simulators.names import ascii_slug

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def draw(*about: object) -> int:
    """A 128-bit number that depends on nothing but the arguments."""
    return int.from_bytes(hashlib.blake2b(repr(about).encode(), digest_size=16).digest())


def person(kind: str, seed: int, number: int) -> str:
    """Okta 00u…, Entra a GUID, Google 21 digits."""
    value = draw("person", seed, number)
    if kind == "okta":
        return "00u" + _text(value, _BASE62, 17)
    return _guid(value) if kind == "entra" else "1" + f"{value % 10**20:020d}"


def group(kind: str, seed: int, number: int) -> str:
    """Okta 00g…, Entra a GUID, Google 15 lower-case letters and digits that start with 0."""
    value = draw("group", seed, number)
    if kind == "okta":
        return "00g" + _text(value, _BASE62, 17)
    return _guid(value) if kind == "entra" else "0" + _text(value, _BASE36, 14)


def tenant(kind: str, seed: int) -> str:
    """Okta org 00o…, Entra tenant GUID, Google customer C0…"""
    value = draw("tenant", seed)
    if kind == "okta":
        return "00o" + _text(value, _BASE62, 17)
    return _guid(value) if kind == "entra" else "C0" + _text(value, _BASE36, 7)


def guid(*about: object) -> str:
    """A GUID that depends on nothing but the arguments."""
    return _guid(draw(*about))


def slug(text: str) -> str:
    """The local part of an address made from a name."""
    return ascii_slug(text.strip()) or "unnamed"


def _guid(value: int) -> str:
    return str(uuid.UUID(int=value, version=4))


def _text(value: int, alphabet: str, length: int) -> str:
    letters = []
    for _ in range(length):
        value, index = divmod(value, len(alphabet))
        letters.append(alphabet[index])
    return "".join(letters)
