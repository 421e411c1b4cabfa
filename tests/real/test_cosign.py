"""The real cosign accepts what we sign, we accept what it signs, and where we are stricter it is shown."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.clients.registry import RegistryClient
from interlock.formats.oci import Content, File, image, layout
from interlock.formats.sigstore import PrivateKey, PublicKey, Reason, Statement, keys, referrers, statement, verify
from interlock.local.registry import Config

REPO = "integration/payments"
CREATED = datetime(2026, 5, 4, tzinfo=UTC)

pytestmark = pytest.mark.real("cosign")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryClient]:
    """The registry as a process."""
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = Config(port=port, data=folder / "data")
    (folder / "config.yaml").write_text(f"port: {config.port}\ndata: {config.data}\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(folder / "notify"))
        channel.settimeout(30)
        process = subprocess.Popen(
            [sys.executable, "-m", "interlock.local.registry", "--config", str(folder / "config.yaml")],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
            stderr=subprocess.DEVNULL,
        )
        try:
            assert channel.recv(100) == b"READY=1"
            with RegistryClient(f"http://127.0.0.1:{port}") as client:
                yield client
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def release() -> PrivateKey:
    return PrivateKey(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="module")
def attest() -> PrivateKey:
    return PrivateKey(ec.generate_private_key(ec.SECP256R1()))


class Cosign:
    """cosign with keys in a folder of its own, and no services."""

    def __init__(self, program: str, folder: Path, host: str) -> None:
        self._program, self.folder, self.host = program, folder, host

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program, *arguments],
            cwd=self.folder,
            env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "COSIGN_PASSWORD": "password"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def verify(self, digest: str, key: PublicKey, *more: str) -> bool:
        (self.folder / "key.pub").write_bytes(key.pem)
        done = self("verify", "--key", "key.pub", "--insecure-ignore-tlog", *more, f"{self.host}/{REPO}@{digest}")
        return done.returncode == 0

    def verify_attestation(self, digest: str, key: PublicKey, kind: str) -> bool:
        (self.folder / "key.pub").write_bytes(key.pem)
        name = f"{self.host}/{REPO}@{digest}"
        done = self("verify-attestation", "--key", "key.pub", "--insecure-ignore-tlog", "--type", kind, name)
        return done.returncode == 0

    def import_key(self, key: PrivateKey) -> None:
        (self.folder / "key.pem").write_bytes(key.pem)
        self.done("import-key-pair", "--key", "key.pem", "--output-key-prefix", "cosign", "--yes")
        self.done("signing-config", "create", "--out", "services.json")
        self.done("trusted-root", "create", "--out", "roots.json")

    def done(self, *arguments: str) -> str:
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sign(self, verb: str, digest: str, *more: str) -> None:
        services = ("--signing-config", "services.json", "--trusted-root", "roots.json")
        self.done(verb, "--key", "cosign.key", *services, *more, "--yes", f"{self.host}/{REPO}@{digest}")


@pytest.fixture
def cosign(client: Callable[[str], str], registry: RegistryClient, tmp_path: Path) -> Cosign:
    return Cosign(client("cosign"), tmp_path, registry.address)


def push(registry: RegistryClient, text: str) -> Content:
    content = image.build([image.layer([File("a", text.encode())])], created=CREATED)
    registry.push(REPO, content)
    return content


def attach(registry: RegistryClient, content: Content, made: Statement, key: PrivateKey) -> str:
    return registry.push(REPO, referrers.attach(made, subject=content.descriptor, key=key, created=CREATED))


def judge(
    registry: RegistryClient, content: Content, key: PrivateKey, kind: str = statement.COSIGN_SIGN
) -> verify.Outcome:
    digest = content.descriptor.digest
    found = registry.bundles(REPO, digest)
    return verify.verify(found, key=key.public, subject=digest, predicate_type=kind)


def test_cosign_accepts_our_signature(
    cosign: Cosign, registry: RegistryClient, release: PrivateKey, attest: PrivateKey
) -> None:
    content = push(registry, "ours")
    digest = content.descriptor.digest
    assert not cosign.verify(digest, release.public)
    attach(registry, content, statement.image_signature(digest), release)
    assert cosign.verify(digest, release.public)
    assert not cosign.verify(digest, attest.public)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (statement.CYCLONEDX, "cyclonedx"),
        (statement.SLSA_PROVENANCE, "slsaprovenance1"),
        (statement.VULNERABILITIES, "vuln"),
    ],
)
def test_cosign_accepts_our_attestations(
    kind: str, name: str, cosign: Cosign, registry: RegistryClient, attest: PrivateKey, release: PrivateKey
) -> None:
    content = push(registry, f"attested {name}")
    digest = content.descriptor.digest
    attach(registry, content, statement.make(kind, digest, {"a": ["b"]}), attest)
    assert cosign.verify_attestation(digest, attest.public, name)
    assert not cosign.verify_attestation(digest, release.public, name)
    assert not cosign.verify_attestation(digest, attest.public, "openvex")


def test_we_accept_cosigns_signature(
    cosign: Cosign, registry: RegistryClient, release: PrivateKey, attest: PrivateKey
) -> None:
    content = push(registry, "theirs")
    cosign.import_key(release)
    cosign.sign("sign", content.descriptor.digest)
    assert judge(registry, content, release).require()
    assert judge(registry, content, attest).reason is Reason.WRONG_KEY


def test_our_referrer_is_what_cosign_writes(cosign: Cosign, registry: RegistryClient, release: PrivateKey) -> None:
    one, two = push(registry, "signed by cosign"), push(registry, "signed by us")
    cosign.import_key(release)
    cosign.sign("sign", one.descriptor.digest)
    attach(registry, two, statement.image_signature(two.descriptor.digest), release)
    (theirs,), (ours,) = (registry.referrers(REPO, item.descriptor.digest) for item in (one, two))
    assert theirs.artifact_type == ours.artifact_type
    assert theirs.annotations.keys() == ours.annotations.keys()
    first, second = (registry.manifest(REPO, item.digest).image for item in (theirs, ours))
    assert (first.type, first.config.digest, first.config.media_type) == (
        second.type,
        second.config.digest,
        second.config.media_type,
    )
    assert [item.media_type for item in first.layers] == [item.media_type for item in second.layers]
    bundles = [json.loads(registry.blob(REPO, item.layers[0].digest)) for item in (first, second)]
    assert bundles[0].keys() == bundles[1].keys()
    assert bundles[0]["verificationMaterial"] == bundles[1]["verificationMaterial"]
    assert bundles[0]["dsseEnvelope"]["signatures"][0].keys() == bundles[1]["dsseEnvelope"]["signatures"][0].keys()


def test_we_accept_cosigns_attestation(cosign: Cosign, registry: RegistryClient, attest: PrivateKey) -> None:
    content = push(registry, "attested by cosign")
    cosign.import_key(attest)
    (cosign.folder / "sbom.json").write_text('{"bomFormat":"CycloneDX","specVersion":"1.6"}')
    cosign.sign("attest", content.descriptor.digest, "--type", "cyclonedx", "--predicate", "sbom.json")
    (found,) = judge(registry, content, attest, statement.CYCLONEDX).require()
    assert found.statement.predicate["bomFormat"] == "CycloneDX"


def test_an_image_with_only_a_signed_sbom_is_signed_for_cosign_and_not_for_us(
    cosign: Cosign, registry: RegistryClient, release: PrivateKey
) -> None:
    content = push(registry, "sbom only")
    digest = content.descriptor.digest
    attach(registry, content, statement.make(statement.CYCLONEDX, digest, {"bomFormat": "CycloneDX"}), release)
    assert cosign.verify(digest, release.public)
    assert judge(registry, content, release).reason is Reason.WRONG_PREDICATE


def test_a_signature_about_another_image_is_refused_by_both(
    cosign: Cosign, registry: RegistryClient, release: PrivateKey
) -> None:
    signed, other = push(registry, "signed"), push(registry, "other")
    made = referrers.attach(
        statement.image_signature(signed.descriptor.digest), subject=signed.descriptor, key=release, created=CREATED
    )
    bundle = next(data for data in made.blobs.values() if data != b"{}")
    moved = image.artifact("application/vnd.dev.sigstore.bundle.v0.3+json", bundle, subject=other.descriptor)
    registry.push(REPO, moved)
    assert not cosign.verify(other.descriptor.digest, release.public)
    assert judge(registry, other, release).reason is Reason.WRONG_SUBJECT


def test_a_key_id_is_refused_by_both(cosign: Cosign, registry: RegistryClient, release: PrivateKey) -> None:
    content = push(registry, "keyid")
    made = referrers.attach(
        statement.image_signature(content.descriptor.digest), subject=content.descriptor, key=release, created=CREATED
    )
    document = json.loads(next(data for data in made.blobs.values() if data != b"{}"))
    document["dsseEnvelope"]["signatures"][0]["keyid"] = "release"
    kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
    registry.push(REPO, image.artifact(kind, json.dumps(document).encode(), subject=content.descriptor))
    assert not cosign.verify(content.descriptor.digest, release.public)
    assert judge(registry, content, release).reason is Reason.MALFORMED


def test_bad_bundles_beside_a_good_one_bother_neither(
    cosign: Cosign, registry: RegistryClient, release: PrivateKey, attest: PrivateKey
) -> None:
    content = push(registry, "crowded")
    about = statement.image_signature(content.descriptor.digest)
    attach(registry, content, about, attest)
    attach(registry, content, about, release)
    assert cosign.verify(content.descriptor.digest, release.public)
    outcome = judge(registry, content, release)
    assert outcome.reason is None
    assert [item.reason for item in outcome.rejected] == [Reason.WRONG_KEY]


def test_keys_travel_both_ways(cosign: Cosign, release: PrivateKey) -> None:
    cosign.import_key(release)
    assert keys.load_public((cosign.folder / "cosign.pub").read_bytes()).fingerprint == release.public.fingerprint


def test_cosign_verifies_our_layout_on_disk(cosign: Cosign, release: PrivateKey) -> None:
    content = image.build([image.layer([File("a", b"offline")])], created=CREATED)
    about = statement.image_signature(content.descriptor.digest)
    signed = referrers.attach(about, subject=content.descriptor, key=release, created=CREATED)
    for path, data in layout.files({"main-1": content, "@signature": signed}).items():
        target = cosign.folder / "layout" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (cosign.folder / "key.pub").write_bytes(release.public.pem)
    arguments = ("--key", "key.pub", "--insecure-ignore-tlog", "--local-image", "layout")
    done = cosign("verify", *arguments)
    assert done.returncode == 0, done.stderr
