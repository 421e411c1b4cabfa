"""crane, skopeo and oras push to and pull from the registry, with and without credentials."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interlock.clients.registry import RegistryClient
from interlock.formats.oci import Content, File, image, layout, manifest, media
from interlock.local.registry import Identity, write_identities

REPO = "integration/payments"
CREATED = datetime(2026, 5, 4, tzinfo=UTC)
CI = Identity(name="ci", token="token-of-ci-0123456789", push=("integration/*",))


@contextmanager
def serving(folder: Path, settings: str = "") -> Iterator[str]:
    """The registry as a process; its ``host:port``."""
    folder.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "config.yaml").write_text(f"port: {port}\ndata: data\n{settings}")
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
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("registry"), "allow_delete: true\n") as address:
        yield address


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry where pushing needs a token."""
    folder = tmp_path_factory.mktemp("guarded")
    write_identities(folder / "tokens.yaml", [CI])
    with serving(folder, "tokens: tokens.yaml\n") as address:
        yield address


class Program:
    """A client with an empty home and, where wanted, the credentials of `CI` in its Docker configuration."""

    def __init__(self, path: str, home: Path) -> None:
        self._path, self.home = path, home

    def log_in(self, host: str) -> None:
        folder = self.home / ".docker"
        folder.mkdir(exist_ok=True)
        auth = base64.b64encode(f"{CI.name}:{CI.token}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._path, *arguments],
            cwd=self.home,
            env={
                "HOME": str(self.home),
                "PATH": "/usr/bin:/bin",
                "DOCKER_CONFIG": str(self.home / ".docker"),
                "REGISTRY_AUTH_FILE": str(self.home / ".docker" / "config.json"),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def done(self, *arguments: str) -> str:
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def program(client: Callable[[str], str], tmp_path: Path) -> Callable[[str], Program]:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text("{}")

    def find(name: str) -> Program:
        found = Program(client(name), tmp_path)
        if (tried := found("--help")).returncode == 127:  # the dynamic loader's: a library is missing
            pytest.skip(f"real client does not run here: {name}: {tried.stderr.strip()[:120]}")
        return found

    return find


def build(text: str) -> Content:
    files = [File("app/flow.bar", text.encode()), File("app/large", os.urandom(2_000_000))]
    return image.build([image.layer([item]) for item in files], created=CREATED)


def write_layout(folder: Path, content: Content, tag: str = "main-1") -> Path:
    for path, data in layout.files({tag: content}).items():
        target = folder / "layout" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder / "layout"


def read_layout(folder: Path) -> dict[str, Content]:
    return layout.read(lambda path: (folder / path).read_bytes())


def same(host: str, repo: str, tag: str, content: Content) -> None:
    """Whether our client reads back what another pushed, every blob of it."""
    with RegistryClient(f"http://{host}") as client:
        found = client.manifest(repo, tag)
        assert found.digest == content.descriptor.digest
        for item in (found.image.config, *found.image.layers):
            assert client.blob(repo, item.digest) == content.blobs[item.digest]


@pytest.mark.real("crane")
class TestCrane:
    def test_push_pull_copy_and_list(self, program: Callable[[str], Program], host: str, tmp_path: Path) -> None:
        crane, content = program("crane"), build("crane")
        name = f"{host}/{REPO}/crane"
        crane.done("push", str(write_layout(tmp_path, content)), f"{name}:main-1")
        same(host, f"{REPO}/crane", "main-1", content)
        assert crane.done("digest", f"{name}:main-1") == content.descriptor.digest
        crane.done("validate", "--remote", f"{name}:main-1")
        crane.done("pull", "--format=oci", f"{name}@{content.descriptor.digest}", "pulled")
        assert [item.manifest for item in read_layout(tmp_path / "pulled").values()] == [content.manifest]
        crane.done("copy", f"{name}:main-1", f"{host}/{REPO}/crane-copy:main-1")
        same(host, f"{REPO}/crane-copy", "main-1", content)
        crane.done("tag", f"{name}:main-1", "main-2")
        assert crane.done("ls", name).split() == ["main-1", "main-2"]

    def test_an_index_and_its_images(self, program: Callable[[str], Program], host: str, tmp_path: Path) -> None:
        crane, name = program("crane"), f"{host}/{REPO}/crane-index"
        layouts = [(text, write_layout(tmp_path / text, build(text))) for text in ("amd64", "arm64")]
        for text, folder in layouts:
            crane.done("push", str(folder), f"{name}:{text}")
        crane.done("index", "append", "-m", f"{name}:amd64", "-m", f"{name}:arm64", "-t", f"{name}:multi")
        with RegistryClient(f"http://{host}") as client:
            found = client.manifest(f"{REPO}/crane-index", "multi")
            assert len(manifest.parse_index(found.bytes).manifests) == 2

    def test_delete(self, program: Callable[[str], Program], host: str, tmp_path: Path) -> None:
        crane, name = program("crane"), f"{host}/{REPO}/crane-delete"
        content = build("delete")
        crane.done("push", str(write_layout(tmp_path, content)), f"{name}:main-1")
        crane.done("delete", f"{name}@{content.descriptor.digest}")
        assert "MANIFEST_UNKNOWN" in crane("manifest", f"{name}:main-1").stderr

    def test_credentials(self, program: Callable[[str], Program], guarded: str, tmp_path: Path) -> None:
        crane, content = program("crane"), build("credentials")
        folder, name = str(write_layout(tmp_path, content)), f"{guarded}/{REPO}/crane"
        assert "UNAUTHORIZED" in crane("push", folder, f"{name}:main-1").stderr
        crane.log_in(guarded)
        crane.done("push", folder, f"{name}:main-1")
        assert "DENIED" in crane("push", folder, f"{guarded}/platform/toolbox:v1").stderr
        (crane.home / ".docker" / "config.json").write_text("{}")
        assert crane.done("digest", f"{name}:main-1") == content.descriptor.digest


@pytest.mark.real("skopeo")
class TestSkopeo:
    def test_copy_there_and_back(self, program: Callable[[str], Program], host: str, tmp_path: Path) -> None:
        skopeo, content = program("skopeo"), build("skopeo")
        name = f"docker://{host}/{REPO}/skopeo:main-1"
        policy = ("--insecure-policy", "copy")
        folder = write_layout(tmp_path, content)
        skopeo.done(*policy, "--dest-tls-verify=false", "--preserve-digests", f"oci:{folder}:main-1", name)
        same(host, f"{REPO}/skopeo", "main-1", content)
        skopeo.done(*policy, "--src-tls-verify=false", name, "oci:back:main-1")
        assert read_layout(tmp_path / "back")["main-1"].blobs == content.blobs
        shown = json.loads(skopeo.done("inspect", "--tls-verify=false", name))
        assert (shown["Digest"], shown["RepoTags"]) == (content.descriptor.digest, ["main-1"])

    def test_dockers_format(self, program: Callable[[str], Program], host: str, tmp_path: Path) -> None:
        skopeo, content = program("skopeo"), build("docker")
        folder = write_layout(tmp_path, content)
        name = f"docker://{host}/{REPO}/skopeo-docker:main-1"
        arguments = ("--insecure-policy", "copy", "--dest-tls-verify=false", "--format", "v2s2")
        skopeo.done(*arguments, f"oci:{folder}:main-1", name)
        with RegistryClient(f"http://{host}") as client:
            assert client.manifest(f"{REPO}/skopeo-docker", "main-1").media_type == media.DOCKER_MANIFEST

    def test_credentials(self, program: Callable[[str], Program], guarded: str, tmp_path: Path) -> None:
        skopeo, content = program("skopeo"), build("credentials")
        source = f"oci:{write_layout(tmp_path, content)}:main-1"
        name = f"docker://{guarded}/{REPO}/skopeo:main-1"
        arguments = ("--insecure-policy", "copy", "--dest-tls-verify=false")
        assert skopeo(*arguments, source, name).returncode != 0
        skopeo.done(*arguments, "--dest-creds", f"{CI.name}:{CI.token}", source, name)
        assert skopeo.done("inspect", "--tls-verify=false", "--raw", name)


@pytest.mark.real("oras")
class TestOras:
    def test_push_pull_attach_and_discover(self, program: Callable[[str], Program], host: str, tmp_path: Path) -> None:
        oras, name = program("oras"), f"{host}/{REPO}/oras:main-1"
        (tmp_path / "flow.bar").write_bytes(b"bar")
        (tmp_path / "sbom.json").write_text('{"bomFormat":"CycloneDX"}')
        oras.done("push", "--plain-http", "--artifact-type", "application/vnd.acme.bar", name, "flow.bar")
        kind = "application/vnd.cyclonedx+json"
        oras.done("attach", "--plain-http", "--artifact-type", kind, name, "sbom.json")
        seen = oras.done("discover", "--plain-http", "--format", "json", name)
        with RegistryClient(f"http://{host}") as client:
            digest = client.resolve(f"{REPO}/oras", "main-1")
            (entry,) = client.referrers(f"{REPO}/oras", digest, kind)
            found = client.manifest(f"{REPO}/oras", entry.digest).image
            assert client.blob(f"{REPO}/oras", found.layers[0].digest) == b'{"bomFormat":"CycloneDX"}'
        assert entry.digest in re.findall(r"sha256:[0-9a-f]{64}", seen)
        (tmp_path / "out").mkdir()
        oras.done("pull", "--plain-http", name, "-o", "out")
        assert (tmp_path / "out" / "flow.bar").read_bytes() == b"bar"

    def test_it_finds_our_referrers(self, program: Callable[[str], Program], host: str) -> None:
        oras, content = program("oras"), build("ours")
        with RegistryClient(f"http://{host}") as client:
            client.push(f"{REPO}/oras-ours", content, tag="main-1")
            sbom = image.artifact("application/vnd.cyclonedx+json", b"{}", subject=content.descriptor)
            digest = client.push(f"{REPO}/oras-ours", sbom)
        seen = oras.done("discover", "--plain-http", "--format", "json", f"{host}/{REPO}/oras-ours:main-1")
        assert digest in seen

    def test_credentials(self, program: Callable[[str], Program], guarded: str, tmp_path: Path) -> None:
        oras, name = program("oras"), f"{guarded}/{REPO}/oras:main-1"
        (tmp_path / "flow.bar").write_bytes(b"bar")
        assert oras("push", "--plain-http", name, "flow.bar").returncode != 0
        oras.done("push", "--plain-http", "--username", CI.name, "--password", CI.token, name, "flow.bar")
        assert oras.done("manifest", "fetch", "--plain-http", name)
