"""Tokens and CAs on their way to git: asked at each call, given in memory, to one origin only."""

from __future__ import annotations

import base64
import http.server
import os
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.clients import git
from interlock.clients.git import binary
from interlock.errors import InputError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from .conftest import Repository


class Server:
    """A plain file server (git's dumb protocol) that wants a token; while git waits it looks at every process."""

    def __init__(self, folder: Path) -> None:
        self.token: str | None = "first-t0ken"
        self.asked: list[str | None] = []
        self.seen: set[str] = set()
        self.redirect = ""
        outer = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.headers.get("Authorization"))
                outer.look()
                if outer.redirect:
                    self.send_response(302)
                    self.send_header("Location", outer.redirect + self.path)
                    self.end_headers()
                elif outer.token and self.headers.get("Authorization") != f"Basic {encoded(outer.token)}":
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="forge"')
                    self.end_headers()
                else:
                    super().do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.http.server_port}/repository.git"

    def look(self) -> None:
        """Secrets of ours that stand in a command line or environment."""
        for file in (*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")):
            try:
                text = file.read_bytes()
            except OSError:
                continue
            self.seen |= {str(file) for secret in secrets(self.token) if secret in text}


def encoded(token: str) -> str:
    return base64.b64encode(f"token:{token}".encode()).decode()


def secrets(token: str | None) -> list[bytes]:
    return [token.encode(), encoded(token).encode()] if token else []


@contextmanager
def running(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=partial(server.http.serve_forever, poll_interval=0.01))
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        thread.join()
        server.http.server_close()


@pytest.fixture
def server(repository: Repository) -> Iterator[Server]:
    repository.add({"a": b"1"}, branch="main")
    publish(repository)
    with running(Server(repository.path.parent)) as made:
        yield made


def publish(repository: git.Repository) -> None:
    binary.run(["update-server-info"], folder=repository.path)


class TestTokens:
    def test_are_nowhere_but_in_memory(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Repository
    ) -> None:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(scratch))
        mirror = git.Repository.clone_mirror(server.url, tmp_path / "mirror", lambda: server.token)
        work = git.Repository.clone(server.url, tmp_path / "work", lambda: server.token)
        mirror.fetch()
        assert mirror.resolve("main") == repository.resolve("main")
        assert (work.path / "a").read_bytes() == b"1"
        assert len(server.asked) > 10
        assert server.seen == set()
        kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        assert not [path for path, data in kept.items() for secret in secrets(server.token) if secret in data]
        assert "t0ken" not in repr(mirror)

    def test_a_rotated_one_reaches_the_next_call(self, server: Server, tmp_path: Path, repository: Repository) -> None:
        token = tmp_path / "token"
        token.write_text("first-t0ken\n")
        path = tmp_path / "mirror"
        made = git.Repository.clone_mirror(server.url, path, lambda: token.read_text().strip())
        opened = git.Repository(path, credential=lambda: token.read_text().strip())
        for number, mirror in enumerate((made, opened, made)):
            commit = repository.add({"a": str(number).encode()}, repository.resolve("main"), branch="main")
            publish(repository)
            server.token = f"t0ken-{number}"
            with pytest.raises(RefusedError, match="git-unauthenticated") as caught:
                mirror.fetch()
            assert "t0ken" not in "".join(str(part) for part in caught.value.lines())
            token.write_text(f"t0ken-{number}\n")
            mirror.fetch()
            assert mirror.resolve("main") == commit

    def test_what_an_older_release_wrote_is_removed(self, server: Server, tmp_path: Path) -> None:
        for path, folder in ((tmp_path / "mirror", "."), (tmp_path / "work", ".git")):
            make = git.Repository.clone_mirror if folder == "." else git.Repository.clone
            make(server.url, path, lambda: server.token)
            old = path / folder / "interlock-credentials"
            old.write_text(f"[http]\n\textraHeader = Authorization: Basic {encoded('first-t0ken')}\n")
            opened = git.Repository(path)
            assert not old.exists()
            with pytest.raises(RefusedError, match="git-unauthenticated"):
                opened.fetch()

    def test_do_not_follow_a_redirect(self, server: Server, tmp_path: Path) -> None:
        with running(Server(tmp_path)) as other:
            server.redirect = other.url.rpartition("/")[0]
            with pytest.raises(UnreachableError):
                git.Repository.clone_mirror(server.url, tmp_path / "mirror", lambda: server.token)
            assert server.asked
            assert other.asked == []

    def test_work_with_relative_paths(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Repository
    ) -> None:
        monkeypatch.chdir(tmp_path)
        mirror = git.Repository.clone_mirror(server.url, Path("clones") / "mirror", lambda: server.token)
        mirror.fetch()
        assert mirror.resolve("main") == repository.resolve("main")
        assert git.Repository(Path("clones") / "mirror").read("main", "a") == b"1"

    @pytest.mark.parametrize("token", ["", "a b", "a\nb", "é"])
    def test_that_are_none_are_not_sent(self, server: Server, tmp_path: Path, token: str) -> None:
        with pytest.raises(InputError, match="git-url-invalid"):
            git.Repository.clone_mirror(server.url, tmp_path / "mirror", lambda: token)
        assert server.asked == []

    def test_of_nobody_are_asked_for_each_time(self, server: Server, tmp_path: Path) -> None:
        server.token = None
        asked = []
        mirror = git.Repository.clone_mirror(server.url, tmp_path / "mirror", lambda: asked.append(1))
        mirror.fetch()
        assert len(asked) == 2
        assert set(server.asked) == {None}


class Authority:
    """A CA, and a certificate of it for 127.0.0.1."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        now = datetime.now(UTC)
        key, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

        def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey, *, ca: bool) -> bytes:
            builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
            builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
            made = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
            return made.public_bytes(serialization.Encoding.PEM)

        self.ca, self.chain = folder / 'ca of "all".pem', folder / "chain.pem"
        self.ca.write_bytes(certificate(issuer, key.public_key(), ca=True))
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "forge")])
        private = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.chain.write_bytes(certificate(subject, own.public_key(), ca=False) + private)


class TestCertificates:
    @pytest.fixture
    def bank(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path / "bank", "Bank CA")

    @pytest.fixture
    def secure(self, repository: Repository, bank: Authority) -> Iterator[Server]:
        repository.add({"a": b"1"}, branch="main")
        publish(repository)
        server = Server(repository.path.parent)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(bank.chain)
        server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
        server.url = server.url.replace("http:", "https:")
        with running(server):
            yield server

    def test_the_right_ca(self, secure: Server, bank: Authority, tmp_path: Path) -> None:
        mirror = git.Repository.clone_mirror(secure.url, tmp_path / "mirror", lambda: secure.token, bank.ca)
        assert mirror.read("main", "a") == b"1"
        git.Repository(mirror.path, credential=lambda: secure.token, ca=bank.ca).fetch()

    def test_another_or_none(self, secure: Server, bank: Authority, tmp_path: Path) -> None:
        other = Authority(tmp_path / "other", "Other CA")
        for ca in (other.ca, None):
            with pytest.raises(UnreachableError, match=r"certificate"):
                git.Repository.clone_mirror(secure.url, tmp_path / "mirror", lambda: secure.token, ca)
        assert secure.asked == []

    def test_that_of_the_process(
        self, secure: Server, bank: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A pod of a bank names its CA so for every program; a CA that is named for the forge comes first."""
        monkeypatch.setenv("SSL_CERT_FILE", str(bank.ca))
        mirror = git.Repository.clone_mirror(secure.url, tmp_path / "mirror", lambda: secure.token)
        assert mirror.read("main", "a") == b"1"
        other = Authority(tmp_path / "other", "Other CA")
        monkeypatch.setenv("SSL_CERT_FILE", str(other.ca))
        with pytest.raises(UnreachableError):
            mirror.fetch()
        git.Repository(mirror.path, credential=lambda: secure.token, ca=bank.ca).fetch()

    def test_plain_git_of_a_person(self, secure: Server, bank: Authority, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("first-t0ken")
        config = tmp_path / "gitconfig"
        url, files = secure.url, {"ssh_key": tmp_path / "id", "token_file": tmp_path / "token"}
        git.write_identity_config(config, name="Dana", email="dana@acme.test", token_url=url, ca=bank.ca, **files)
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(["git", "ls-remote", url], env=environment, capture_output=True, text=True, check=False)
        assert "refs/heads/main" in done.stdout, done.stderr


def test_the_file_in_memory_ends_with_the_call() -> None:
    before = list(Path("/proc/self/fd").iterdir())
    binary.run(["version"], config="[http]\n\textraHeader = x\n")
    with pytest.raises(InputError):
        binary.run(["no-such-command"], config="[http]\n\textraHeader = x\n")
    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)
