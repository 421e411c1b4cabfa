"""`interlock pipeline sign` and `verify`: what a person types, and what they see."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from interlock import cli
from interlock.formats import yaml

FILE = """\
# What a team wrote
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: build}
spec:
  params: [{name: version}]
  steps:
    - image: alpine
      script: |
        echo "$(params.version)"
---
apiVersion: tekton.dev/v1beta1
kind: Pipeline
metadata: {name: all}
spec: {tasks: [{name: one, taskRef: {name: build}}]}
---
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {generateName: run-}
spec: {pipelineRef: {name: all}}
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Exit code, standard output and standard error of ``interlock pipeline …`` in a folder with files and keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("PRIVATE_PASSWORD", "COSIGN_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tasks.yaml").write_text(FILE)
    for name in ("key", "other"):
        secret = ec.generate_private_key(ec.SECP256R1())
        for suffix, encryption in (
            ("pem", serialization.NoEncryption()),
            ("locked.pem", serialization.BestAvailableEncryption(b"hello")),
        ):
            (tmp_path / f"{name}.{suffix}").write_bytes(
                secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
            )
        (tmp_path / f"{name}.pub").write_bytes(
            secret.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["interlock", "pipeline", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), captured.out, captured.err

    return call


def test_what_is_signed_verifies(run: Run, tmp_path: Path) -> None:
    assert run("sign", "tasks.yaml", "--key", "key.pem", "--output", "signed.yaml") == (
        0,
        "signed Task build\nsigned Pipeline all\n",
        "left as it is: PipelineRun run-\n",
    )
    assert run("verify", "signed.yaml", "--key", "key.pub") == (
        0,
        "signed.yaml:2:1: Task build: verified\nsigned.yaml:17:1: Pipeline all: verified\n",
        "",
    )
    documents = [document.value for document in yaml.load_all((tmp_path / "signed.yaml").read_bytes(), file="signed")]
    assert documents[0]["spec"]["params"] == [{"name": "version", "type": "string"}]
    assert documents[1]["spec"]["tasks"][0]["taskRef"] == {"name": "build", "kind": "Task"}
    assert documents[2] == list(yaml.load_all(FILE, file="tasks.yaml"))[2].value


def test_signed_objects_go_to_standard_output_alone(run: Run, tmp_path: Path) -> None:
    code, out, err = run("sign", "tasks.yaml", "--key", "key.pem")
    assert code == 0 and "signed Task build" in err
    assert [document.value["kind"] for document in yaml.load_all(out, file="out")] == [
        "Task",
        "Pipeline",
        "PipelineRun",
    ]


def test_both_versions_of_tekton_verify_here_and_differ(run: Run, tmp_path: Path) -> None:
    signatures = set()
    for version in ("1.9", "1.15"):
        assert run("sign", "tasks.yaml", "--key", "key.pem", "--output", "s.yaml", "--tekton-version", version)[0] == 0
        assert run("verify", "s.yaml", "--key", "key.pub")[0] == 0
        signatures.add((tmp_path / "s.yaml").read_text())
    assert len(signatures) == 2


def test_the_hash_is_that_of_the_policys_authority(run: Run) -> None:
    run("sign", "tasks.yaml", "--key", "key.pem", "--output", "s.yaml", "--hash-algorithm", "sha512")
    assert run("verify", "s.yaml", "--key", "key.pub", "--hash-algorithm", "sha512")[0] == 0
    assert run("verify", "s.yaml", "--key", "key.pub")[0] == 1


def test_another_key_and_an_altered_object_are_told(run: Run, tmp_path: Path) -> None:
    run("sign", "tasks.yaml", "--key", "key.pem", "--output", "signed.yaml")
    code, out, _ = run("verify", "signed.yaml", "--key", "other.pub", "--json")
    assert code == 1 and [item["verified"] for item in json.loads(out)] == [False, False]
    altered = (tmp_path / "signed.yaml").read_text().replace("alpine", "evil")
    (tmp_path / "signed.yaml").write_text(altered)
    code, out, _ = run("verify", "signed.yaml", "--key", "key.pub")
    assert code == 1
    assert "Task build: NOT verified: it was changed after it was signed, or another key signed it" in out
    assert "Pipeline all: verified" in out
    assert "has no annotation tekton.dev/signature" in run("verify", "tasks.yaml", "--key", "key.pub")[1]


@pytest.mark.parametrize("name", ["PRIVATE_PASSWORD", "COSIGN_PASSWORD"])
def test_the_password_comes_from_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hello")
    assert run("sign", "tasks.yaml", "--key", "key.locked.pem", "--output", "signed.yaml")[0] == 0
    assert run("verify", "signed.yaml", "--key", "key.pub")[0] == 0
    monkeypatch.setenv(name, "hallo")
    code, _, err = run("sign", "tasks.yaml", "--key", "key.locked.pem")
    assert code == 2 and "key-password-wrong" in err and "hallo" not in err


def test_without_a_terminal_nobody_is_asked(run: Run) -> None:
    code, _, err = run("sign", "tasks.yaml", "--key", "key.locked.pem")
    assert code == 2 and "key-password-missing" in err and "PRIVATE_PASSWORD" in err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("sign", "absent.yaml", "--key", "key.pem"), 3, "file-missing"),
        (("sign", "tasks.yaml", "--key", "absent.pem"), 3, "file-missing"),
        (("sign", "tasks.yaml", "--key", "key.pub"), 2, "key-invalid"),
        (("verify", "tasks.yaml", "--key", "key.pem"), 2, "key-invalid"),
        (("sign", "run.yaml", "--key", "key.pem"), 2, "nothing-signed"),
        (("verify", "run.yaml", "--key", "key.pub"), 2, "nothing-signed"),
        (("sign", "wrong.yaml", "--key", "key.pem"), 2, "wrong.yaml:1:1"),
        (("verify", "tasks.yaml", "--key", "key.pub", "--hash-algorithm", "md5"), 2, "hash-unknown"),
        (("sign", "tasks.yaml", "--key", "key.pem", "--hash-algorithm", "md5"), 2, "hash-unknown"),
    ],
)
def test_bad_input_is_named(run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, told: str) -> None:
    (tmp_path / "run.yaml").write_text("apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata: {name: r}\n")
    (tmp_path / "wrong.yaml").write_text(
        "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec: {stepz: []}\n"
    )
    ended, out, err = run(*arguments)
    assert ended == code and told in err and not out
