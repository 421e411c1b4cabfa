"""From a commit to an image: git-clone, ace-unit-test, ace-build-bar, image-build."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import ConflictError, InputError, IntegrityError, NotFoundError, RefusedError
from interlock.formats import ace, oci
from interlock.formats.oci import image as oci_image
from interlock.platform.toolbox import bar, clone, image_build, images, static_test
from interlock.platform.toolbox.world import World

from .. import acme

APP = acme.ACE.app(acme.service(), acme.platform())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


class TestClone:
    def test_one_commit_as_files(self, estate: Any, world: World, results: Any, source: Path) -> None:
        commit = estate.seed("clone-me", APP)
        (source / "left-over").write_text("of a run before")
        clone.clone(
            world,
            results,
            url="https://git/acme/clone-me",
            revision=commit,
            output=source,
            token_file=estate.token_file,
        )
        found = {
            path.relative_to(source).as_posix(): path.read_bytes()
            for path in source.rglob("*")
            if path.is_file() and ".interlock" not in path.parts
        }
        assert found == APP
        assert results.values == {
            "url": "https://git/acme/clone-me",
            "commit": commit,
            "CHAINS-GIT_URL": "https://git/acme/clone-me",
            "CHAINS-GIT_COMMIT": commit,
            "TOOL": clone.TOOL,
        }

    def test_the_token_of_git_credentials_is_used(self, estate: Any, world: World, results: Any, source: Path) -> None:
        commit = estate.seed("private", {"a": b"1"})
        token = estate.token_file.read_text().strip()
        host = estate.forge.removeprefix("http://")
        (world.home / ".git-credentials").write_text(f"https://x:no@elsewhere\nhttp://ci:{token}@{host}\n")
        clone.clone(world, results, url="https://git/acme/private", revision="main", output=source)
        assert results.values["commit"] == commit
        assert token not in "".join(estate.said)

    def test_without_a_token_a_private_repository_is_refused(
        self, estate: Any, world: World, results: Any, source: Path
    ) -> None:
        estate.seed("closed", {"a": b"1"})
        with pytest.raises((RefusedError, NotFoundError)):
            clone.clone(world, results, url="https://git/acme/closed", revision="main", output=source)

    def test_an_unknown_revision(self, estate: Any, world: World, results: Any, source: Path) -> None:
        estate.seed("unknown-revision", {"a": b"1"})
        with pytest.raises(NotFoundError) as caught:
            clone.clone(
                world,
                results,
                url="https://git/acme/unknown-revision",
                revision="f" * 40,
                output=source,
                token_file=estate.token_file,
            )
        assert caught.value.code == "git-revision-unknown"


class TestStaticTest:
    def test_the_summary_says_static_and_that_nothing_was_executed(
        self, world: World, results: Any, source: Path
    ) -> None:
        fill(source, APP)
        static_test.test(world, results, source=source)
        assert results.values["TESTS"] == {
            "basis": "static",
            "tool": static_test.TOOL,
            "errors": 0,
            "warnings": 0,
            "testsDeclared": 2,
            "testsExecuted": 0,
        }

    def test_a_flow_that_is_not_xml_fails_with_its_place(
        self, estate: Any, world: World, results: Any, source: Path
    ) -> None:
        fill(source, {**APP, "Payments/payments/Payments.msgflow": b"not xml"})
        with pytest.raises(RefusedError) as caught:
            static_test.test(world, results, source=source)
        assert caught.value.code == "ace-static-errors"
        assert any(line.startswith("Payments/payments/Payments.msgflow:1: error: ") for line in estate.said)

    def test_a_link_out_of_the_source_is_refused(self, world: World, results: Any, source: Path) -> None:
        fill(source, APP)
        (source / "secret").symlink_to("/etc/hostname")
        with pytest.raises(InputError) as caught:
            static_test.test(world, results, source=source)
        assert caught.value.code == "path-outside"


class TestBar:
    def test_the_bar_carries_the_overrides_and_is_reproducible(self, world: World, results: Any, source: Path) -> None:
        fill(source, APP)
        first = bar.build(world, results, source=source).read_bytes()
        assert bar.build(world, results, source=source).read_bytes() == first
        assert results.values["BAR_DIGEST"] == oci.sha256(first)
        assert results.values["BAR_PATH"] == ".interlock/Payments.bar"
        deployment = ace.read_bar(first).project("Payments").deployment
        assert deployment is not None
        values = {item.uri: item.override for item in deployment.properties()}
        assert values["payments.Payments#wlmPolicy"] == "{PaymentsPolicies}:PaymentsWorkload"

    def test_an_override_that_matches_nothing_fails(self, world: World, results: Any, source: Path) -> None:
        fill(source, {**APP, "overrides.properties": b"payments.Payments#nothing=1\n"})
        with pytest.raises(InputError) as caught:
            bar.build(world, results, source=source)
        assert caught.value.code == "ace-override-unmatched"

    @pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd"])
    def test_an_override_file_outside_of_the_source(self, world: World, results: Any, source: Path, path: str) -> None:
        fill(source, APP)
        with pytest.raises(InputError) as caught:
            bar.build(world, results, source=source, overrides=path)
        assert caught.value.code == "path-outside"


class TestImage:
    NAME = "registry.acme.test/integration/payments"

    def built(self, world: World, results: Any, source: Path, tag: str) -> str:
        fill(source, APP)
        bar.build(world, results, source=source)
        return image_build.build(world, results, image_name=f"{self.NAME}:{tag}", source=source)

    def test_an_image_that_carries_the_bar_says_that_it_is_not_runnable(
        self, estate: Any, world: World, results: Any, source: Path
    ) -> None:
        digest = self.built(world, results, source, "main-000000000001")
        assert results.values["IMAGE_URL"] == f"{self.NAME}:main-000000000001"
        assert results.values["IMAGE_DIGEST"] == digest
        with estate.client() as registry:
            manifest = registry.manifest("integration/payments", digest).image
            config = json.loads(registry.blob("integration/payments", manifest.config.digest))
            (layer,) = manifest.layers
            (file,) = oci_image.read_layer(registry.blob("integration/payments", layer.digest))
        assert manifest.annotations["interlock.dev/runnable"] == "false"
        assert config["config"]["Labels"]["interlock.dev/bar-digest"] == results.values["BAR_DIGEST"]
        assert "Entrypoint" not in config["config"]
        assert file.path == "home/aceuser/initial-config/bars/Payments.bar"

    def test_building_again_gives_the_same_digest(self, world: World, results: Any, source: Path) -> None:
        assert self.built(world, results, source, "main-000000000002") == self.built(
            world, results, source, "main-000000000002"
        )

    def test_a_tag_that_names_a_commit_is_never_replaced(self, world: World, results: Any, source: Path) -> None:
        self.built(world, results, source, "main-000000000003")
        fill(source, {"Payments/payments/More.esql": b"BROKER SCHEMA payments\n"})
        bar.build(world, results, source=source)
        with pytest.raises(ConflictError) as caught:
            image_build.build(world, results, image_name=f"{self.NAME}:main-000000000003", source=source)
        assert caught.value.code == "image-tag-taken"

    def test_another_bar_than_the_one_that_was_tested_is_refused(
        self, world: World, results: Any, source: Path
    ) -> None:
        fill(source, APP)
        bar.build(world, results, source=source)
        with pytest.raises(IntegrityError):
            image_build.build(
                world,
                results,
                image_name=f"{self.NAME}:main-000000000004",
                source=source,
                bar_digest="sha256:" + "0" * 64,
            )

    def test_without_a_bar_there_is_no_image(self, world: World, results: Any, source: Path) -> None:
        with pytest.raises(NotFoundError) as caught:
            image_build.build(world, results, image_name=f"{self.NAME}:x", source=source)
        assert caught.value.code == "bar-missing"

    def test_an_index_where_an_image_is_expected(self, estate: Any, world: World) -> None:
        index = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
        with estate.client() as registry:
            registry.put_manifest("integration/index", "main", index, "application/vnd.oci.image.index.v1+json")
        ref = images.parse("registry.acme.test/integration/index:main")
        with images.connect(world, ref) as remote, pytest.raises(InputError) as caught:
            images.read(remote, ref)
        assert caught.value.code == "manifest-is-index"
