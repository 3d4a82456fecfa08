"""Private keys of service apps: what is read, what is refused, and assertions that an org accepts."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwcrypto.jwk import JWK  # type: ignore[import-untyped]

from connectors.base import Refused, SecretRef
from connectors.okta_key import assertion, read
from reconciler.model import Completeness, Wanted
from rosterd.simulators import Simulator, World
from tests.connectors.directories import connect, ends, pull

PLAIN = serialization.NoEncryption()
CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


def pem(key: Any, encryption: serialization.KeySerializationEncryption = PLAIN) -> str:
    made: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return made.decode()


def public(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    made: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return made.decode()


def jwk(key: Any, **more: Any) -> str:
    """As a browser exports it: with `ext` and `key_ops`, which the package of Okta cannot read."""
    found = JWK.from_pem(pem(key).encode()).export(as_dict=True) | {"kid": "rosterd", "ext": True, "key_ops": ["sign"]}
    return json.dumps(found | more)


def secret(folder: Path, text: str) -> SecretRef:
    file = folder / "key"
    file.write_text(text)
    return SecretRef(file=file)


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = {algorithm: ec.generate_private_key(curve) for algorithm, curve in CURVES.items()}


@pytest.mark.parametrize(("algorithm", "key"), [("RS256", RSA), *EC.items()])
def test_rsa_and_ec_keys_are_read_as_pem_and_as_jwk(algorithm: str, key: Any, tmp_path: Path) -> None:
    indented = "\n".join(f"  {line}" for line in pem(key).splitlines())
    found = [read(secret(tmp_path, text)) for text in (pem(key), indented, jwk(key))]
    assert {each.algorithm for each in found} == {algorithm}
    assert {each.elliptic for each in found} == {algorithm != "RS256"}
    assert [each.kid for each in found] == [None, None, "rosterd"]
    assert "PRIVATE" not in repr(found)


@pytest.mark.parametrize("algorithm", EC)
def test_an_assertion_says_who_for_whom_and_for_how_long(algorithm: str, tmp_path: Path) -> None:
    key = read(secret(tmp_path, pem(EC[algorithm])))
    audience = "https://acme.okta.com/oauth2/v1/token"
    made = [assertion(key, "0oa1", audience, "k1") for _ in range(2)]
    who: Any = {"subject": "0oa1", "issuer": "0oa1", "audience": audience}
    said: list[Any] = [jwt.decode(each, public(EC[algorithm]), algorithms=[algorithm], **who) for each in made]
    assert said[0]["exp"] - said[0]["iat"] <= 3600
    assert said[0]["jti"] != said[1]["jti"]  # Okta takes each once
    assert jwt.get_unverified_header(made[0]) == {"alg": algorithm, "kid": "k1", "typ": "JWT"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (pem(ec.generate_private_key(ec.SECP256K1())), "it is of type EC secp256k1"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "it is of type OKP Ed25519"),
        ('{"kty": "oct", "k": "c2VjcmV0"}', "it is of type oct"),
        (public(RSA), r"it is a public key \(RSA\)"),
        (public(EC["ES256"]), r"it is a public key \(EC P-256\)"),
        (pem(RSA, serialization.BestAvailableEncryption(b"x")), "cannot be used$"),
        ('{"kty": "EC"}', "cannot be used"),
        ("ü", "cannot be used"),
    ],
)
def test_another_key_is_refused_by_its_type_with_the_way_out(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=said) as raised:
        read(secret(tmp_path, text))
    assert "an RSA key, or an EC key on P-256" in raised.value.fix
    assert str(tmp_path / "key") in raised.value.message


@pytest.mark.parametrize(("algorithm", "key"), [("RS256", RSA), *EC.items()])
def test_an_org_accepts_what_is_signed_with_it(algorithm: str, key: Any, tmp_path: Path) -> None:
    world = World("okta")
    world.hire("Ada")
    world.secrets |= {"private_key": pem(key), "public_key": public(key)}
    file = tmp_path / "key.json"
    file.write_text(jwk(key))
    with Simulator("okta", world) as okta:
        app = {"token": None, "client_id": okta.credentials["client_id"], "private_key": {"file": str(file)}}
        seen = pull(connect(okta, tmp_path, **app), Wanted())
        assert ends(seen)[0].completeness is Completeness.COMPLETE
        file.write_text(pem(EC["ES256"] if algorithm != "ES256" else EC["ES384"]))
        with pytest.raises(Refused, match="invalid_client"):
            pull(connect(okta, tmp_path, **app), Wanted())


def test_an_ec_key_and_dpop(tmp_path: Path) -> None:
    """The proofs are signed with the package's own key, whatever the assertion is signed with."""
    world = World("okta")
    world.hire("Ada")
    world.secrets |= {"private_key": pem(EC["ES256"]), "public_key": public(EC["ES256"])}
    file = tmp_path / "key.pem"
    file.write_text(pem(EC["ES256"]))
    with Simulator("okta", world, dpop=True) as okta:
        app = {"token": None, "client_id": okta.credentials["client_id"], "private_key": {"file": str(file)}}
        seen = pull(connect(okta, tmp_path, dpop=True, **app), Wanted())
    assert ends(seen)[0].completeness is Completeness.COMPLETE
