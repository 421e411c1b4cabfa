"""Service-account tokens: RS256 JWTs with a persisted key, and their verification (pkg/serviceaccount)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from interlock.clients import files
from interlock.local.kubernetes.request import User
from interlock.local.kubernetes.store import Store

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that holds: for whom, and which of the asked audiences it is for."""

    user: User
    audiences: tuple[str, ...]


class ServiceAccounts:
    """Issues and verifies. A token dies with its account: name and uid must still be there."""

    def __init__(self, key_file: Path, *, issuer: str, store: Store, now: Callable[[], datetime]) -> None:
        self._key = _load_or_make(key_file)
        self._issuer = issuer
        self._store = store
        self._now = now

    @property
    def issuer(self) -> str:
        return self._issuer

    def issue(
        self, account: Object, *, audiences: tuple[str, ...], seconds: int, token_id: str
    ) -> tuple[str, datetime]:
        """A token for ``account`` and the time until which it holds. No ``audiences``: the API server itself."""
        now = self._now()
        until = now + timedelta(seconds=seconds)
        metadata = account["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        claims = {
            "aud": list(audiences or (self._issuer,)),
            "exp": int(until.timestamp()),
            "iat": int(now.timestamp()),
            "iss": self._issuer,
            "jti": token_id,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": metadata["uid"]}},
            "nbf": int(now.timestamp()),
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        head = {"alg": "RS256", "kid": self._key_id()}
        signed = ".".join(_encode(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encode(signature)}", until

    def verify(self, token: str, *, audiences: tuple[str, ...] = ()) -> Verified | None:
        """None when the token is not one of ours that holds now for one of ``audiences`` (none: the API server)."""
        head, claims_part, signature = (*token.split("."), "", "")[:3]
        if token.count(".") != 2:
            return None
        try:
            if json.loads(_decode(head)).get("alg") != "RS256":
                return None
            signed = f"{head}.{claims_part}".encode()
            self._key.public_key().verify(_decode(signature), signed, padding.PKCS1v15(), hashes.SHA256())
            claims = json.loads(_decode(claims_part))
        except (InvalidSignature, ValueError, AttributeError):
            return None
        wanted = audiences or (self._issuer,)
        accepted = tuple(item for item in wanted if item in claims["aud"])
        now = self._now().timestamp()
        if claims["iss"] != self._issuer or not claims["nbf"] <= now < claims["exp"] or not accepted:
            return None
        bound = claims["kubernetes.io"]
        namespace, name = bound["namespace"], bound["serviceaccount"]["name"]
        account = self._store.get("/serviceaccounts", namespace, name)
        if account is None or account["metadata"]["uid"] != bound["serviceaccount"]["uid"]:
            return None
        return Verified(user_of(namespace, name, account["metadata"]["uid"], claims["jti"]), accepted)

    def jwks(self) -> Object:
        """The public key as a JSON Web Key Set (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        key = {
            "use": "sig",
            "kty": "RSA",
            "kid": self._key_id(),
            "alg": "RS256",
            "n": _encode(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)),
            "e": _encode(numbers.e.to_bytes(3)),
        }
        return {"keys": [key]}

    def _key_id(self) -> str:
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return _encode(hashlib.sha256(der).digest())


def user_of(namespace: str, name: str, uid: str = "", token_id: str = "") -> User:
    """The user that a service account is."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    extra = {"authentication.kubernetes.io/credential-id": (f"JTI={token_id}",)} if token_id else {}
    return User(f"system:serviceaccount:{namespace}:{name}", groups, uid, extra)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _load_or_make(path: Path) -> rsa.RSAPrivateKey:
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        files.write_durably(path, pem, mode=0o600)
    key_read = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key_read, rsa.RSAPrivateKey):
        raise TypeError(f"{path} holds no RSA key")
    return key_read
