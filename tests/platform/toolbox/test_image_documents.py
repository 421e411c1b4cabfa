"""What is attached to an image: SBOM, scan report, signature."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import interlock.local
from interlock.errors import InputError, NotFoundError, RefusedError
from interlock.formats import ace, oci, sbom
from interlock.formats.sigstore import keys, statement, verify
from interlock.platform.toolbox import image_build, scan, signature
from interlock.platform.toolbox import sbom as sbom_verb
from interlock.platform.toolbox.source import Source
from interlock.platform.toolbox.world import World

REPOSITORY = "integration/documents"
NAME = f"registry.acme.test/{REPOSITORY}"
ADVISORIES = Path(interlock.local.__file__).parent / "advisories"
ORIGIN = Source("https://git/acme/payments", "a" * 40, "2026-11-01T00:00:00+00:00")


@pytest.fixture
def push(estate: Any, world: World, jar: Callable[..., bytes]) -> Callable[[str, str], str]:
    """An image whose BAR holds one log4j-core of that version; returns its digest."""

    def make(tag: str, version: str) -> str:
        base = "com.ibm.etools.mft.descriptor"
        descriptor = f'<n:appDescriptor xmlns="http://{base}.base" xmlns:n="http://{base}.app"/>'
        workspace = ace.read_workspace(
            {
                "App/application.descriptor": descriptor.encode(),
                "App/lib/log4j-core.jar": jar("org.apache.logging.log4j", "log4j-core", version),
            }
        )
        content = image_build.bar_image("App.bar", ace.pack(workspace).data, ORIGIN)
        with estate.client() as registry:
            return str(registry.push(REPOSITORY, content, tag=tag))

    return make


@pytest.fixture
def advisories(world: World, tmp_path: Path) -> Callable[[timedelta], Path]:
    """The sample advisories, refreshed so long ago."""

    def make(age: timedelta) -> Path:
        folder = tmp_path / "advisories"
        for file in ADVISORIES.rglob("*.json"):
            target = folder / file.relative_to(ADVISORIES)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
        manifest = {"refreshedAt": (world.now() - age).isoformat(), "source": "sample"}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return make


def attached(estate: Any, digest: str, artifact_type: str) -> list[bytes]:
    with estate.client() as registry:
        return [
            registry.blob(REPOSITORY, registry.manifest(REPOSITORY, item.digest).image.layers[0].digest)
            for item in registry.referrers(REPOSITORY, digest, artifact_type)
        ]


class TestSbom:
    def test_it_looks_into_the_bar_and_is_found_by_its_digest(
        self, estate: Any, world: World, results: Any, push: Callable[[str, str], str]
    ) -> None:
        digest = push("sbom", "2.14.1")
        result = sbom_verb.attach(world, results, image_name=f"{NAME}:sbom", digest=digest)
        (document,) = attached(estate, digest, sbom.MEDIA_TYPE)
        assert results.values["SBOM_DIGEST"] == result == oci.sha256(document)
        purls = {item["purl"]: item for item in sbom.validate(document, file="x")["components"]}
        found = purls["pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"]
        assert found["evidence"]["occurrences"] == [
            {"location": "home/aceuser/initial-config/bars/App.bar!/App.appzip!/lib/log4j-core.jar"}
        ]

    def test_a_second_run_attaches_nothing_new(
        self, estate: Any, world: World, results: Any, push: Callable[[str, str], str]
    ) -> None:
        digest = push("sbom-twice", "2.17.1")
        for _ in range(2):
            sbom_verb.attach(world, results, image_name=f"{NAME}:sbom-twice")
        assert len(attached(estate, digest, sbom.MEDIA_TYPE)) == 1


class TestScan:
    @pytest.mark.parametrize(
        ("version", "verdict", "code"),
        [
            ("2.14.1", "fail", "scan-vulnerable"),
            ("2.25.3", "pass", None),
            ("${log4j.version}", "unknown", "scan-unknown"),
        ],
    )
    def test_vulnerable_patched_and_unknown(
        self,
        estate: Any,
        world: World,
        results: Any,
        push: Callable[[str, str], str],
        advisories: Callable[[timedelta], Path],
        version: str,
        verdict: str,
        code: str | None,
    ) -> None:
        digest = push(f"scan-{verdict}", version)
        folder = advisories(timedelta(hours=1))
        if code is None:
            scan.scan(world, results, image_name=f"{NAME}:scan-{verdict}", advisories=folder)
        else:
            with pytest.raises(RefusedError) as caught:
                scan.scan(world, results, image_name=f"{NAME}:scan-{verdict}", advisories=folder)
            assert caught.value.code == code
        (document,) = attached(estate, digest, scan.ARTIFACT_TYPE)
        report = json.loads(document)
        assert results.values["SCAN_DIGEST"] == oci.sha256(document)
        assert (report["verdict"], report["scanner"]["name"]) == (verdict, "interlock-osv")
        assert report["image"] == f"{NAME}@{digest}"
        if verdict == "fail":
            assert "GHSA-jfh8-c2jp-5v3q" in {item["id"] for item in report["findings"] if item["blocking"]}

    def test_a_severity_that_is_not_asked_for_does_not_fail(
        self, world: World, results: Any, push: Callable[[str, str], str], advisories: Callable[[timedelta], Path]
    ) -> None:
        push("scan-low", "2.14.1")
        report = scan.scan(
            world,
            results,
            image_name=f"{NAME}:scan-low",
            severity="LOW",
            advisories=advisories(timedelta(hours=1)),
        )
        assert report["findings"]

    def test_old_advisories_are_unknown(
        self, world: World, results: Any, push: Callable[[str, str], str], advisories: Callable[[timedelta], Path]
    ) -> None:
        push("scan-old", "2.25.3")
        folder = advisories(timedelta(days=6))
        with pytest.raises(RefusedError) as caught:
            scan.scan(world, results, image_name=f"{NAME}:scan-old", advisories=folder)
        assert caught.value.code == "scan-unknown"
        assert scan.scan(world, results, image_name=f"{NAME}:scan-old", advisories=folder, max_age="30d")

    def test_an_empty_folder_is_refused(
        self, world: World, results: Any, push: Callable[[str, str], str], tmp_path: Path
    ) -> None:
        push("scan-none", "2.25.3")
        (tmp_path / "none").mkdir()
        with pytest.raises(InputError) as caught:
            scan.scan(world, results, image_name=f"{NAME}:scan-none", advisories=tmp_path / "none")
        assert caught.value.code == "advisories-manifest"

    @pytest.mark.parametrize("text", ["", "HIGH;CRITICAL", "ALL"])
    def test_severities_that_do_not_exist(self, text: str) -> None:
        with pytest.raises(InputError):
            scan.parse_severities(text)

    @pytest.mark.parametrize("text", ["", "5", "0d", "5 days", "-1d"])
    def test_ages_that_are_none(self, text: str) -> None:
        with pytest.raises(InputError):
            scan.parse_age(text)


class TestSignature:
    @pytest.fixture
    def key(self, tmp_path: Path) -> Path:
        private = ec.generate_private_key(ec.SECP256R1())
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (tmp_path / "cosign.key").write_bytes(pem)
        return tmp_path / "cosign.key"

    def test_what_the_tag_names_is_signed_once(
        self, estate: Any, world: World, results: Any, push: Callable[[str, str], str], key: Path
    ) -> None:
        digest = push("signed", "2.25.3")
        for _ in range(2):
            assert signature.sign(world, results, image_name=f"{NAME}:signed", key_file=key) == digest
        public = keys.load_private(key.read_bytes()).public
        with estate.client() as registry:
            bundles = registry.bundles(REPOSITORY, digest)
        assert len(bundles) == 1
        outcome = verify.verify(bundles, key=public, subject=digest, predicate_type=statement.COSIGN_SIGN)
        assert outcome.verified

    def test_without_a_key_nothing_is_signed(
        self, estate: Any, world: World, results: Any, push: Callable[[str, str], str], tmp_path: Path
    ) -> None:
        digest = push("unsigned", "2.25.2")
        with pytest.raises(NotFoundError) as caught:
            signature.sign(world, results, image_name=f"{NAME}:unsigned", key_file=tmp_path / "gone")
        assert caught.value.code == "credential-missing"
        with estate.client() as registry:
            assert registry.bundles(REPOSITORY, digest) == []
