"""The real tkn verifies what we sign, and we verify what it signs; where it is not Tekton's controller it is told."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from nacl.secret import SecretBox

from interlock.formats import yaml
from interlock.tekton.spec import trusted

pytestmark = pytest.mark.real("tkn")

PASSWORD = b"hello"
TASK: dict[str, Any] = {
    "apiVersion": "tekton.dev/v1beta1",
    "kind": "Task",
    "metadata": {"name": "build", "namespace": "ci", "labels": {"app": "a<b"}},
    "spec": {
        "params": [{"name": "version", "type": "string", "default": "1"}],
        "results": [{"name": "digest", "type": "string"}],
        "steps": [
            {
                "name": "build",
                "image": "alpine",
                "script": "#!/bin/sh\necho '<&>' > $(results.digest.path)\n",
                "env": [
                    {
                        "name": "LIMIT",
                        "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}},
                    }
                ],
                "resources": {"requests": {"memory": "1.5Gi", "cpu": "0.1"}},
                "timeout": "90s",
            }
        ],
        "volumes": [
            {
                "name": "scratch",
                "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}},
            }
        ],
    },
}
PIPELINE: dict[str, Any] = {
    "apiVersion": "tekton.dev/v1beta1",
    "kind": "Pipeline",
    "metadata": {"name": "all"},
    "spec": {
        "tasks": [
            {"name": "one", "taskRef": {"name": "build", "kind": "Task"}, "timeout": "1h"},
            {"name": "two", "taskSpec": {"steps": [{"image": "alpine", "args": ["$(tasks.one.results.digest)"]}]}},
        ]
    },
}


@pytest.fixture
def tkn(client: Callable[[str], str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    program = client("tkn")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PRIVATE_PASSWORD": PASSWORD.decode()}
        return subprocess.run(
            [program, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )

    return run


@pytest.fixture
def key(tmp_path: Path) -> trusted.PrivateKey:
    """cosign.key, encrypted as cosign does, and cosign.pub."""
    secret = ec.generate_private_key(ec.SECP256R1())
    der = secret.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt, nonce = os.urandom(32), os.urandom(24)
    box = SecretBox(Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(PASSWORD))
    value = {
        "kdf": {"name": "scrypt", "params": {"N": 2**15, "r": 8, "p": 1}, "salt": base64.b64encode(salt).decode()},
        "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(nonce).decode()},
        "ciphertext": base64.b64encode(box.encrypt(der, nonce).ciphertext).decode(),
    }
    label = b"ENCRYPTED COSIGN PRIVATE KEY"
    body = base64.encodebytes(json.dumps(value).encode())
    (tmp_path / "cosign.key").write_bytes(b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label, body, label))
    loaded = trusted.keys.load_private((tmp_path / "cosign.key").read_bytes(), lambda: PASSWORD)
    (tmp_path / "cosign.pub").write_bytes(loaded.public.pem)
    return loaded


@pytest.mark.parametrize("value", [TASK, PIPELINE], ids=["task", "pipeline"])
def test_what_tkn_signs_verifies_here(tkn: Any, key: trusted.PrivateKey, tmp_path: Path, value: dict[str, Any]) -> None:
    kind = value["kind"].lower()
    (tmp_path / "plain.yaml").write_text(yaml.dump(value))
    done = tkn(kind, "sign", "plain.yaml", "-K=cosign.key", "-f=signed.yaml")
    assert done.returncode == 0, done.stderr
    signed = yaml.load((tmp_path / "signed.yaml").read_bytes(), file="signed.yaml").value
    assert trusted.verify(signed, key.public)
    signed["spec"]["description"] = "altered"
    assert not trusted.verify(signed, key.public)


@pytest.mark.parametrize("value", [TASK, PIPELINE], ids=["task", "pipeline"])
def test_what_is_signed_here_verifies_with_tkn(
    tkn: Any, key: trusted.PrivateKey, tmp_path: Path, value: dict[str, Any]
) -> None:
    kind = value["kind"].lower()
    signed = trusted.sign(value, key)
    (tmp_path / "signed.yaml").write_text(yaml.dump(signed))
    done = tkn(kind, "verify", "signed.yaml", "-K=cosign.pub")
    assert done.returncode == 0 and "passes verification" in done.stdout, done.stdout + done.stderr
    (tmp_path / "signed.yaml").write_text(yaml.dump({**signed, "metadata": {**signed["metadata"], "name": "other"}}))
    assert tkn(kind, "verify", "signed.yaml", "-K=cosign.pub").returncode != 0


def test_a_v1_task_that_tkn_signs_is_told_from_one_that_tekton_accepts(
    tkn: Any, key: trusted.PrivateKey, tmp_path: Path
) -> None:
    value = {**TASK, "apiVersion": "tekton.dev/v1", "spec": {"steps": [{"name": "a", "image": "alpine"}]}}
    (tmp_path / "plain.yaml").write_text(yaml.dump(value))
    assert tkn("task", "sign", "plain.yaml", "-K=cosign.key", "-f=signed.yaml").returncode == 0
    signed = yaml.load((tmp_path / "signed.yaml").read_bytes(), file="signed.yaml").value
    for step in signed["spec"]["steps"]:
        # tkn writes the v1beta1 field of the structs it reads v1 with; Tekton's v1 does not have it.
        step.pop("resources", None)
    assert not trusted.verify(signed, key.public)
    assert "as if it were a v1beta1 Task" in trusted.diagnosis(signed, key.public)
