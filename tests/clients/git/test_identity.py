"""The configuration for people: plain ``git commit`` signs by our own program, and tokens stay in their file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from interlock.clients import files, git
from interlock.clients.git import keys, sshsign, write_identity_config
from interlock.errors import InputError
from interlock.formats.signatures import Verified, verify_commit


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """A folder (with a quote and a space in its name) with key, token and configuration."""
    home = tmp_path / "dana's home"
    home.mkdir()
    private, public = keys.generate_ssh("dana")
    files.write_durably(home / "id", private, mode=0o600)
    (home / "id.pub").write_text(public)
    files.write_durably(home / "token", "t0k'en$\n", mode=0o600)
    (home / "signers").write_text(f"dana@acme.test,*@other.test {public}")
    write_identity_config(
        home / "gitconfig",
        name='Dana "D" Éclair',
        email="dana@acme.test",
        ssh_key=home / "id",
        token_url="http://127.0.0.1:8480/acme/env",
        token_file=home / "token",
        allowed_signers=home / "signers",
    )
    return home


def run(home: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_TERMINAL_PROMPT": "0",
    }
    return subprocess.run(
        ["git", *arguments], cwd=home, env=environment, input=stdin, capture_output=True, text=True, check=False
    )


@pytest.fixture
def signed(person: Path) -> git.Repository:
    assert run(person, "init", "-q", "work").returncode == 0
    done = run(person, "-C", "work", "commit", "-q", "--allow-empty", "-m", "Signed")
    assert done.returncode == 0, done.stderr
    return git.Repository(person / "work")


def test_commits_are_signed_by_default(person: Path, signed: git.Repository) -> None:
    commit = signed.commit("HEAD")
    assert (commit.author.name, commit.author.email) == ('Dana "D" Éclair', "dana@acme.test")
    assert isinstance(verify_commit(commit, ssh_keys=[(person / "id.pub").read_text()]), Verified)


def test_git_shows_the_signer(person: Path, signed: git.Repository) -> None:
    shown = run(person, "-C", "work", "log", "-1", "--show-signature", "--format=%G? %GS")
    assert "G dana@acme.test,*@other.test" in shown.stdout or "G dana@acme.test" in shown.stdout
    assert run(person, "-C", "work", "verify-commit", "HEAD").returncode == 0


def test_git_does_not_trust_another_key(person: Path, signed: git.Repository) -> None:
    (person / "signers").write_text("sam@acme.test " + keys.generate_ssh("sam")[1])
    assert run(person, "-C", "work", "verify-commit", "HEAD").returncode != 0
    assert run(person, "-C", "work", "log", "-1", "--format=%G?").stdout.strip() == "U"


@pytest.mark.parametrize(
    ("options", "good"),
    [
        ('namespaces="git"', True),
        ('namespaces="file"', False),
        ('valid-after="20000101"', True),
        ('valid-before="20000101Z"', False),
        ("cert-authority", False),
    ],
)
def test_options_of_allowed_signers_are_heeded(person: Path, signed: git.Repository, options: str, good: bool) -> None:
    (person / "signers").write_text(f"# people\ndana@acme.test {options} {(person / 'id.pub').read_text()}")
    assert (run(person, "-C", "work", "verify-commit", "HEAD").returncode == 0) is good


def test_the_token_is_offered_to_its_forge_alone(person: Path) -> None:
    def fill(host: str) -> str:
        return run(person, "credential", "fill", stdin=f"protocol=http\nhost={host}\n\n").stdout

    assert "password=t0k'en$\n" in fill("127.0.0.1:8480")
    assert "password" not in fill("evil.test")
    assert "password" not in fill("127.0.0.1:8481")


def test_secrets_are_for_the_owner_alone(person: Path) -> None:
    for name in ("gitconfig", "id", "token"):
        assert (person / name).stat().st_mode & 0o077 == 0
    assert "t0k" not in (person / "gitconfig").read_text()


@pytest.mark.parametrize("bad", ["file:///x", "http://user:pw@host/", "nothing"])
def test_bad_urls_and_names(person: Path, bad: str) -> None:
    def write(name: str, url: str) -> None:
        write_identity_config(
            person / "other", name=name, email="x", ssh_key=person / "id", token_url=url, token_file=person / "token"
        )

    with pytest.raises(InputError, match="git-url-invalid"):
        write("Dana", bad)
    with pytest.raises(InputError, match="git-identity-invalid"):
        write("a\nb", "http://host/")


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the program with a file as its standard input."""

    def run(stdin: Path, *words: str) -> int:
        with stdin.open() as stream:
            monkeypatch.setattr("sys.stdin", stream)
            return sshsign.main(words)

    return run


class TestProgram:
    """The calling convention of ``ssh-keygen -Y``."""

    def test_sign_then_check_without_signers(
        self, person: Path, feed: Callable[..., int], capsys: pytest.CaptureFixture[str]
    ) -> None:
        data = person / "data"
        data.write_text("hello")
        assert sshsign.main(["-Y", "sign", "-n", "git", "-f", str(person / "id.pub"), str(data)]) == 0
        assert feed(data, "-Y", "check-novalidate", "-n", "git", "-s", f"{data}.sig") == 0
        assert capsys.readouterr().out.startswith('Good "git" signature with ED25519 key SHA256:')

    def test_a_changed_text_does_not_verify(
        self, person: Path, feed: Callable[..., int], capsys: pytest.CaptureFixture[str]
    ) -> None:
        data = person / "data"
        data.write_text("hello")
        sshsign.main(["-Y", "sign", "-n", "git", "-f", str(person / "id"), str(data)])
        words = ["-n", "git", "-f", str(person / "signers"), "-I", "dana@acme.test", "-s", f"{data}.sig"]
        assert feed(data, "-Y", "verify", *words) == 0
        capsys.readouterr()
        data.write_text("hellO")
        for action in ("check-novalidate", "verify"):
            assert feed(data, "-Y", action, *words) == 255
        assert "Good" not in capsys.readouterr().out

    @pytest.mark.parametrize(
        "words",
        [["-Y", "match-principals"], ["-Y", "sign", "-U", "-f", "x", "y"], ["-Y", "sign", "-f", "none", "none"]],
    )
    def test_what_it_cannot_do_it_says(self, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
        assert sshsign.main(words) == 255
        assert capsys.readouterr().err
