"""Real gpg and ssh-keygen judge what we sign, and we judge what they sign."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interlock.clients import files, git
from interlock.clients.git import keys, write_identity_config
from interlock.formats.signatures import Verified, openpgp, sshkey, sshsig, verify_commit
from interlock.local.forge import Config
from interlock.local.forge.forge import Forge

pytestmark = pytest.mark.real("gpg")
ME = ("Seal", "seal@acme.test")


Gpg = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gnupg(tmp_path_factory: pytest.TempPathFactory, client: Callable[[str], str]) -> Iterator[Gpg]:
    """Runs gpg over a home of its own (a short path: its agent's socket has one); the agent ends with the test."""
    program = client("gpg")
    home = tmp_path_factory.mktemp("g")
    home.chmod(0o700)

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [program, "--homedir", str(home), "--batch", "--yes", "--quiet", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, errors="replace", check=False)

    run.home = home  # type: ignore[attr-defined]
    yield run
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def signed_commit(folder: Path, secret: str) -> git.Repository:
    repository = git.Repository.init(folder)
    tree = repository.write_tree({"file": b"content"})
    made = repository.commit_tree(
        tree, [], "Seal prod\n\nArgocd-gpg-seal: 1", author=ME, sign=lambda payload: openpgp.sign(secret, payload)
    )
    repository.update_ref("refs/heads/main", made)
    return repository


def verify(folder: Path, home: Path, commit: str = "main") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "GNUPGHOME": str(home), "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "verify-commit", "--raw", commit]
    # gpg prints the salt that Sequoia puts into a notation as raw bytes.
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False
    )


def test_git_verify_commit_accepts_a_seal(tmp_path: Path, gnupg: Gpg) -> None:
    secret, certificate = keys.generate_openpgp("Seal <seal@acme.test>")
    assert gnupg("--import", stdin=certificate).returncode == 0
    signed_commit(tmp_path / "repo", secret)
    done = verify(tmp_path / "repo", gnupg.home)  # type: ignore[attr-defined]
    assert done.returncode == 0, done.stderr
    assert "VALIDSIG" in done.stderr
    assert openpgp.fingerprint(certificate).upper() in done.stderr


def test_git_verify_commit_refuses_another_key_and_another_text(tmp_path: Path, gnupg: Gpg) -> None:
    secret, certificate = keys.generate_openpgp("Seal <seal@acme.test>")
    gnupg("--import", stdin=keys.generate_openpgp("Other <other@acme.test>")[1])
    repository = signed_commit(tmp_path / "repo", secret)
    home = gnupg.home  # type: ignore[attr-defined]
    assert verify(tmp_path / "repo", home).returncode != 0
    gnupg("--import", stdin=certificate)
    assert verify(tmp_path / "repo", home).returncode == 0
    signature = repository.commit("main").signature or ""
    moved = repository.commit_tree(repository.tree("main"), [], "Another", author=ME, sign=lambda _payload: signature)
    done = verify(tmp_path / "repo", home, moved)
    assert done.returncode != 0
    assert "BADSIG" in done.stderr
    answer = verify_commit(repository.commit(moved), certificates=[certificate])
    assert answer.reason == "bad-signature"  # type: ignore[union-attr]


def test_we_accept_what_gpg_signs(tmp_path: Path, gnupg: Gpg) -> None:
    made = gnupg("--passphrase", "", "--quick-generate-key", "Pat <pat@acme.test>", "ed25519", "sign", "never")
    assert made.returncode == 0, made.stderr
    certificate = gnupg("--export", "--armor").stdout
    repository = git.Repository.init(tmp_path / "repo")

    def sign(payload: bytes) -> str:
        return gnupg("--passphrase", "", "--armor", "--detach-sign", stdin=payload.decode()).stdout

    commit = repository.commit_tree(repository.write_tree({}), [], "By gpg", author=ME, sign=sign)
    answer = verify_commit(repository.commit(commit), certificates=[certificate])
    assert isinstance(answer, Verified)
    assert answer.fingerprint == openpgp.fingerprint(certificate)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_ssh_keygen_and_we_agree(tmp_path: Path, client: Callable[[str], str], kind: str) -> None:
    program = client("ssh-keygen")
    key = tmp_path / "id"
    subprocess.run([program, "-q", "-t", kind, "-N", "", "-C", "dana", "-f", str(key)], check=True)
    public = (tmp_path / "id.pub").read_text()
    listed = subprocess.run([program, "-l", "-f", str(key)], capture_output=True, text=True, check=True).stdout
    assert sshkey.parse_public(public).fingerprint == listed.split()[1]
    (tmp_path / "signers").write_text(f"dana {public}")
    (tmp_path / "data").write_bytes(b"payload")
    # theirs, judged by us
    subprocess.run([program, "-q", "-Y", "sign", "-n", "git", "-f", str(key), str(tmp_path / "data")], check=True)
    assert isinstance(sshsig.verify(b"payload", (tmp_path / "data.sig").read_text(), [public]), Verified)
    # ours, judged by them
    (tmp_path / "ours.sig").write_text(sshsig.sign(key.read_bytes(), b"payload"))
    words = [
        "-Y",
        "verify",
        "-n",
        "git",
        "-f",
        str(tmp_path / "signers"),
        "-I",
        "dana",
        "-s",
        str(tmp_path / "ours.sig"),
    ]
    assert subprocess.run([program, *words], input=b"payload", capture_output=True, check=False).returncode == 0
    assert subprocess.run([program, *words], input=b"other", capture_output=True, check=False).returncode != 0


def test_git_shows_our_signatures_with_the_real_ssh_keygen(tmp_path: Path, client: Callable[[str], str]) -> None:
    program = client("ssh-keygen")
    private, public = keys.generate_ssh("dana")
    files.write_durably(tmp_path / "id", private, mode=0o600)
    files.write_durably(tmp_path / "token", "none", mode=0o600)
    (tmp_path / "signers").write_text(f"dana@acme.test {public}")
    write_identity_config(
        tmp_path / "gitconfig",
        name="Dana",
        email="dana@acme.test",
        ssh_key=tmp_path / "id",
        token_url="http://127.0.0.1:1",
        token_file=tmp_path / "token",
        allowed_signers=tmp_path / "signers",
    )
    environment = {
        "PATH": "/usr/bin:/bin",
        "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }

    def run(*arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    run("init", "-q", "work")
    run("-C", "work", "commit", "-q", "--allow-empty", "-m", "Signed by us")
    shown = run("-C", "work", "-c", f"gpg.ssh.program={program}", "log", "-1", "--show-signature", "--format=%G? %GS")
    assert "G dana@acme.test" in shown


def test_git_verify_commit_accepts_a_merge_by_the_forge(tmp_path: Path, gnupg: Gpg) -> None:
    config = Config(
        port=0, data=tmp_path / "forge", root_url="http://forge.test", admin_token_file=tmp_path / "admin.token"
    )
    forge = Forge(config)
    try:
        admin = forge.accounts.find("root-admin")
        org = forge.accounts.create_org("acme", visibility="private", creator=admin)
        repo = forge.repositories.create(org, "env", private=True, default_branch="main", description="")
        bare = forge.repositories.git(repo)
        base = bare.commit_tree(bare.write_tree({"a": b"1"}), [], "Begin", author=ME)
        head = bare.commit_tree(bare.write_tree({"b": b"2"}, base), [base], "Change", author=ME)
        bare.update_ref("refs/heads/main", base)
        bare.update_ref("refs/heads/feature", head)
        pull = forge.pulls.create(repo, admin, head="feature", base="main", title="Change", body="")
        merged = forge.merges.merge(
            repo, pull.number, admin, head_commit_id=head, title="Merge", message="", force=False
        )
        gnupg("--import", stdin=forge.signatures.certificate)
        done = verify(bare.path, gnupg.home, merged)  # type: ignore[attr-defined]
        assert done.returncode == 0, done.stderr
        assert bare.commit("main").parents == (base, head)
    finally:
        forge.close()
