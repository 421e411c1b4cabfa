"""The estate's own CA and the clusters' server certificates."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from interlock.clients import files
from interlock.formats.sigstore.keys import PrivateKey

_LIFETIME = timedelta(days=825)
_NOT_BEFORE = timedelta(minutes=5)  # clocks of two machines differ


def write_ca(folder: Path, *, name: str, now: datetime) -> tuple[Path, Path]:
    """``ca.crt`` and ``ca.key`` (0600) in ``folder``; what is there already is kept. Returns their paths."""
    cert_path, key_path = folder / "ca.crt", folder / "ca.key"
    if cert_path.exists() and key_path.exists():
        return cert_path, key_path
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    cert = (
        _builder(subject, subject, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    files.write_durably(key_path, PrivateKey(key).pem, mode=0o600)
    files.write_durably(cert_path, cert.public_bytes(serialization.Encoding.PEM))
    return cert_path, key_path


def write_server_certificate(
    folder: Path, *, ca_cert: Path, ca_key: Path, names: Iterable[str], now: datetime, stem: str = "tls"
) -> tuple[Path, Path]:
    """``<stem>.crt`` and ``<stem>.key`` (0600) for loopback and ``names`` (host names or addresses).

    A certificate that is there is kept while this CA signed it, it names all of ``names`` and a month of its life is
    left.
    """
    cert_path, key_path = folder / f"{stem}.crt", folder / f"{stem}.key"
    wanted = ["localhost", "127.0.0.1", *names]
    issuer = x509.load_pem_x509_certificate(ca_cert.read_bytes())
    if cert_path.exists() and key_path.exists() and _still_good(cert_path, issuer, wanted, now):
        return cert_path, key_path
    signer = serialization.load_pem_private_key(ca_key.read_bytes(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101 - write_ca makes no other
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    cert = (
        _builder(subject, issuer.subject, key.public_key(), now)
        .add_extension(x509.SubjectAlternativeName([_general_name(item) for item in dict.fromkeys(wanted)]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority, critical=False)
        .sign(signer, hashes.SHA256())
    )
    files.write_durably(key_path, PrivateKey(key).pem, mode=0o600)
    files.write_durably(cert_path, cert.public_bytes(serialization.Encoding.PEM))
    return cert_path, key_path


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _NOT_BEFORE)
        .not_valid_after(now + _LIFETIME)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _still_good(path: Path, issuer: x509.Certificate, wanted: list[str], now: datetime) -> bool:
    cert = x509.load_pem_x509_certificate(path.read_bytes())
    try:
        cert.verify_directly_issued_by(issuer)
    except Exception:
        return False
    san = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {_general_name(item) for item in wanted} <= set(san) and cert.not_valid_after_utc > now + timedelta(days=30)
