"""Trusted Resources: upstream's digests and signatures, what a signature covers, and keys of every kind."""

from __future__ import annotations

import base64
import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from nacl.secret import SecretBox

from interlock.errors import InputError, UnsupportedError
from interlock.formats import yaml
from interlock.tekton.spec import trusted

HERE = Path(__file__).parent
CONFORMANCE = HERE.parents[4] / "shared/conformance"

TASK: dict[str, Any] = {
    "apiVersion": "tekton.dev/v1",
    "kind": "Task",
    "metadata": {"name": "task", "namespace": "task-ns", "labels": {"label": "foo"}, "annotations": {"foo": "bar"}},
    "spec": {"steps": [{"name": "echo", "image": "ubuntu"}]},
}
PIPELINE: dict[str, Any] = {
    "apiVersion": "tekton.dev/v1",
    "kind": "Pipeline",
    "metadata": {**TASK["metadata"], "name": "pipeline", "namespace": "pipeline-ns"},
    "spec": {},
}

# tektoncd/cli pkg/cmd/task/testdata/{signed.yaml,cosign.pub} at 95ae329; OLDER is what 676125c93 replaced there, hashed
# with "creationTimestamp":null and with the resources that v1beta1 had.
TKN_KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEgi1y14AALL3oM9jFTWq5Y4Wqtped
2CkBGLryV7RHrGUzPI91k0v9T4dwK3mMUBD/w31hUYJ6nC9qdwz9OwUITQ==
-----END PUBLIC KEY-----
"""
TKN_SIGNATURE = "MEYCIQDcKSfirUfHnUgpNJykylmkOXmfcmdOha4aFNspzt98/AIhAMnYvFjEe1arO+mRpamB5bDY0ia/BLaJbpeOgS52yf/4"
TKN_OLDER_SIGNATURE = "MEUCIQDM8TgHdpKgQXT2glSw7QbJ9zVoSIGX/4sZcLD195AoKQIgLhDMkr6SVLrHqFmB6ltDqxXfsKws1NfTsJhMPokK5N8="
TKN_TASK = """
apiVersion: tekton.dev/v1beta1
kind: Task
metadata:
  annotations:
    tekton.dev/signature: SIGNATURE
  name: test-task
spec:
  params:
  - default: /workspace/docker-source/Dockerfile
    description: The path to the dockerfile to build
    name: pathToDockerFile
    type: string
  - default: /workspace/docker-source
    description: The build context used by Kaniko (https://github.com/GoogleContainerTools/kaniko#kaniko-build-contexts)
    name: pathToContext
    type: string
  steps:
  - args:
    - --dockerfile=$(inputs.params.pathToDockerFile)
    - --destination=$(outputs.resources.builtImage.url)
    - --context=$(inputs.params.pathToContext)
    command:
    - /kaniko/executor
    env:
    - name: DOCKER_CONFIG
      value: /tekton/home/.docker/
    image: gcr.io/kaniko-project/executor:v0.14.0
    name: build-and-push
    resources: {}
"""


TKN_OLDER_RESOURCES = {
    "inputs": [{"name": "docker-source", "type": "git"}],
    "outputs": [{"name": "builtImage", "type": "image"}],
}


def tkn_task(signature: str = TKN_SIGNATURE) -> dict[str, Any]:
    value = yaml.load(TKN_TASK.replace("SIGNATURE", signature), file="signed.yaml").value
    assert isinstance(value, dict)
    return value


def no_password() -> bytes:
    raise AssertionError("asked for a password")


def pem(key: Any, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    data = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    assert isinstance(data, bytes)
    return data


def sigstore_pem(key: ec.EllipticCurvePrivateKey, password: bytes, *, label: str, cost: int = 2**15) -> bytes:
    """As `cosign generate-key-pair` writes it."""
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    salt, nonce = os.urandom(32), os.urandom(24)
    secret = Scrypt(salt=salt, length=32, n=min(cost, 2**15), r=8, p=1).derive(password)
    value = {
        "kdf": {
            "name": "scrypt",
            "params": {"N": cost, "r": 8, "p": 1},
            "salt": base64.b64encode(salt).decode(),
        },
        "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(nonce).decode()},
        "ciphertext": base64.b64encode(SecretBox(secret).encrypt(der, nonce).ciphertext).decode(),
    }
    body = base64.encodebytes(json.dumps(value).encode())
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), body, label.encode())


KEYS: dict[str, Callable[[], Any]] = {
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.fixture(scope="module")
def key() -> trusted.PrivateKey:
    return trusted.PrivateKey(ec.generate_private_key(ec.SECP256R1()))


# Digests


def test_upstreams_own_digests() -> None:
    # tektoncd/pipeline v1/task_types_test.go TestTask_Checksum, v1/pipeline_types_test.go TestPipelineChecksum
    assert trusted.checksum(TASK).hex() == "64834bae53428435fe0a63876fb1627201fb953eaa11a54f6263593c16157aeb"
    assert trusted.checksum(PIPELINE).hex() == "7d9d19354c07856290f2c249254148eb15e658c5d8835efc7f65e52283148d78"


@pytest.mark.parametrize(
    "case", (HERE / "vectors.jsonl").read_text().splitlines(), ids=lambda line: json.loads(line)["sha256"][:12]
)
def test_every_field_is_written_as_go_writes_it(case: str) -> None:
    """Digests that upstream's own Checksum gave at 3ee1745 for objects that fill in 97 % of the reachable fields."""
    vector = json.loads(case)
    assert trusted.checksum(vector["object"]).hex() == vector["sha256"]


@pytest.mark.parametrize("case", (HERE / "vectors.jsonl").read_text().splitlines()[::4], ids=lambda line: line[11:23])
def test_what_was_written_is_written_the_same_again(case: str) -> None:
    """A signed object survives its journey through JSON, YAML and the signature's own annotation."""
    value = json.loads(case)["object"]
    data = trusted.document(value)
    assert trusted.document(json.loads(data)) == data


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of every text in a JSON value."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, dict | list):
            yield from leaves(item)
        elif isinstance(item, str):
            yield value, key


@pytest.mark.parametrize("case", (HERE / "vectors.jsonl").read_text().splitlines()[::8], ids=lambda line: line[11:23])
def test_no_text_of_the_spec_is_left_unsigned(case: str) -> None:
    value = json.loads(case)["object"]
    before, tried = trusted.checksum(value), 0
    for container, key in leaves(value["spec"]):
        text, container[key] = container[key], container[key] + "x"
        try:
            assert trusted.checksum(value) != before, (key, text)
        except InputError:
            # No longer a quantity, duration or time.
            assert text[:1] in "+-.0123456789"
        container[key], tried = text, tried + 1
    assert trusted.checksum(value) == before and tried > 5


def test_published_tasks_and_pipelines_have_upstreams_digests() -> None:
    """Digests that upstream's SetDefaults and Checksum gave at 3ee1745 for the shared examples and catalog."""
    if not CONFORMANCE.is_dir():
        pytest.skip(f"conformance data absent: {CONFORMANCE}")
    wrong = []
    key = trusted.PrivateKey(ec.generate_private_key(ec.SECP256R1()))
    lines = (HERE / "digests.txt").read_text().splitlines()
    for line in lines:
        digest, name = line.split()
        file, _, index = name.partition("#")
        documents = list(yaml.load_all((CONFORMANCE / file).read_bytes(), file=file))
        if trusted.checksum(documents[int(index)].value).hex() != digest:
            wrong.append(name)
        written = yaml.dump(trusted.sign(documents[int(index)].value, key))
        assert trusted.verify(yaml.load(written, file=name).value, key.public), name
    assert not wrong and len(lines) == 200


def test_the_bytes_show_the_structs_that_go_never_leaves_out() -> None:
    assert trusted.document(TASK) == (
        b'{"kind":"Task","apiVersion":"tekton.dev/v1","metadata":{"name":"task","namespace":"task-ns",'
        b'"labels":{"label":"foo"},"annotations":{"foo":"bar"}},'
        b'"spec":{"steps":[{"name":"echo","image":"ubuntu","computeResources":{}}]}}'
    )
    older = trusted.document(TASK, creation_timestamp=True)
    assert b'"namespace":"task-ns","creationTimestamp":null,"labels"' in older


def test_only_five_fields_of_the_metadata_are_signed() -> None:
    value = copy.deepcopy(TASK)
    value["metadata"] |= {"uid": "1", "resourceVersion": "7", "ownerReferences": [], "generation": 3}
    value["metadata"]["annotations"] |= {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "kubectl-client-side-apply": "x",
        "tekton.dev/signature": "AA==",
    }
    assert trusted.checksum(value) == trusted.checksum(TASK)
    for name in ("name", "generateName", "namespace"):
        assert trusted.checksum({**TASK, "metadata": {**TASK["metadata"], name: "x"}}) != trusted.checksum(TASK)


def test_what_the_structs_do_not_have_is_refused() -> None:
    with pytest.raises(InputError, match=r"unknown field 'spec\.steps\[0\]\.resources'"):
        trusted.checksum({**TASK, "spec": {"steps": [{"name": "a", "resources": {}}]}})
    with pytest.raises(InputError, match=r"spec\.steps\[0\]\.args\[0\] is invalid; got 1; expected a string"):
        trusted.checksum({**TASK, "spec": {"steps": [{"args": [1]}]}})
    with pytest.raises(InputError, match=r"missing field 'spec\.steps\[0\]\.params\[0\]\.value'"):
        trusted.checksum({**TASK, "spec": {"steps": [{"params": [{"name": "p"}]}]}})
    with pytest.raises(UnsupportedError, match="object-unsigned"):
        trusted.checksum({**TASK, "kind": "TaskRun"})
    with pytest.raises(InputError, match="surrogate"):
        trusted.checksum({**TASK, "spec": {"description": "\ud800"}})


# Defaults


def test_defaults_are_those_that_the_controller_sets_before_it_verifies() -> None:
    spec = {
        "params": [
            {"name": "plain"},
            {"name": "list", "default": ["a"]},
            {"name": "map", "default": {"a": "b"}},
            {"name": "odd", "default": [1]},
            {"name": "object", "properties": {"url": {}, "n": {"type": "string"}}},
        ],
        "tasks": [
            {"name": "a", "taskRef": {"name": "t"}},
            {"name": "b", "taskRef": {"resolver": "git"}},
            {"name": "c", "taskRef": {"apiVersion": "e.dev/v1", "kind": "E"}},
        ],
        "finally": [{"name": "d", "taskSpec": {"results": [{"name": "r"}], "steps": [{"image": "i"}]}}],
    }
    filled = trusted.defaulted({**PIPELINE, "spec": spec})["spec"]
    assert [item["type"] for item in filled["params"]] == ["string", "array", "object", "string", "object"]
    assert filled["params"][4]["properties"] == {"url": {"type": "string"}, "n": {"type": "string"}}
    assert [item["taskRef"].get("kind") for item in filled["tasks"]] == ["Task", None, "E"]
    assert filled["finally"][0]["taskSpec"]["results"] == [{"name": "r", "type": "string"}]
    assert trusted.defaulted({**PIPELINE, "spec": filled})["spec"] == filled


# Signatures


def test_a_signature_of_tkn_verifies() -> None:
    public = trusted.keys.load_public(TKN_KEY)
    task = tkn_task()
    assert trusted.verify(task, public)
    older = tkn_task(TKN_OLDER_SIGNATURE)
    assert not trusted.verify(older, public)
    older["spec"]["resources"] = TKN_OLDER_RESOURCES
    assert trusted.verify(older, public)
    task["spec"]["params"][0]["default"] = "/evil"
    assert not trusted.verify(task, public)
    assert trusted.diagnosis(task, public) == "it was changed after it was signed, or another key signed it"


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("algorithm", trusted.keys.HASH_ALGORITHMS)
@pytest.mark.parametrize("creation_timestamp", [False, True])
def test_every_kind_of_key_signs_and_verifies(kind: str, algorithm: Any, creation_timestamp: bool) -> None:
    signer = trusted.keys.load_private(pem(KEYS[kind]()), no_password)
    public = trusted.keys.load_public(signer.public.pem)
    signed = trusted.sign(TASK, signer, algorithm=algorithm, creation_timestamp=creation_timestamp)
    assert trusted.verify(signed, public, algorithm=algorithm)
    other: trusted.keys.HashAlgorithm = "sha512" if algorithm != "sha512" else "sha256"
    # Ed25519 signs the message itself (sigstore ed25519.go).
    assert trusted.verify(signed, public, algorithm=other) is (kind == "ed25519")


@pytest.mark.parametrize("value", [TASK, PIPELINE, {**TASK, "apiVersion": "tekton.dev/v1beta1"}])
def test_a_signed_object_carries_its_defaults_and_one_signature(value: Any, key: trusted.PrivateKey) -> None:
    value = {**value, "spec": {**value["spec"], "params": [{"name": "p"}]}}
    before = copy.deepcopy(value)
    signed = trusted.sign(value, key)
    assert value == before
    assert signed["spec"]["params"] == [{"name": "p", "type": "string"}]
    assert signed["metadata"]["annotations"]["foo"] == "bar"
    assert trusted.verify(trusted.sign(signed, key), key.public)
    assert not trusted.verify(value, key.public)
    assert "tekton.dev/signature" in trusted.diagnosis(value, key.public)


def test_a_signature_next_to_r_and_s_is_accepted_as_sigstore_does(key: trusted.PrivateKey) -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    signed = trusted.sign(TASK, key)
    signature = trusted.extract(signed)
    assert signature is not None
    r, s = decode_dss_signature(signature)
    joined = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
    signed["metadata"]["annotations"]["tekton.dev/signature"] = joined
    assert trusted.verify(signed, key.public)


@pytest.mark.parametrize("text", ["", "AA==", "MEUCIQ=="])
def test_what_is_no_signature_does_not_verify(text: str, key: trusted.PrivateKey) -> None:
    value = {**TASK, "metadata": {"name": "t", "annotations": {"tekton.dev/signature": text}}}
    assert not trusted.verify(value, key.public)


def test_a_malformed_signature_is_named(key: trusted.PrivateKey) -> None:
    value = {**TASK, "metadata": {"name": "t", "annotations": {"tekton.dev/signature": "not base64!"}}}
    with pytest.raises(InputError, match="signature-malformed"):
        trusted.verify(value, key.public)


def test_the_diagnosis_tells_what_tkn_signed_instead(key: trusted.PrivateKey) -> None:
    def signed_over(value: dict[str, Any], data: bytes) -> dict[str, Any]:
        import hashlib

        signature = base64.b64encode(key.sign(hashlib.sha256(data).digest())).decode()
        return {**value, "metadata": {**value["metadata"], "annotations": {"tekton.dev/signature": signature}}}

    plain = {**TASK, "metadata": {"name": "t"}, "spec": {"params": [{"name": "p"}], "steps": [{"image": "i"}]}}
    bare = signed_over(plain, trusted.document(plain, defaults=False))
    assert not trusted.verify(bare, key.public)
    assert "without the defaults" in trusted.diagnosis(bare, key.public)
    typed = {**plain, "spec": {**plain["spec"], "params": [{"name": "p", "type": "string"}]}}
    as_beta = signed_over(typed, trusted.document(typed, defaults=False, package="v1beta1"))
    assert not trusted.verify(as_beta, key.public)
    assert "v1beta1 Task (tkn does that)" in trusted.diagnosis(as_beta, key.public)


# Keys


@pytest.mark.parametrize("label", ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"])
def test_a_key_that_sigstore_encrypted(label: str) -> None:
    secret = ec.generate_private_key(ec.SECP256R1())
    text = sigstore_pem(secret, b"hello", label=label)
    loaded = trusted.keys.load_private(text, lambda: b"hello")
    assert loaded.public.pem == trusted.PrivateKey(secret).public.pem
    with pytest.raises(InputError, match="key-password-wrong"):
        trusted.keys.load_private(text, lambda: b"wrong")


def test_a_key_in_encrypted_pkcs8() -> None:
    secret = KEYS["ed25519"]()
    text = pem(secret, b"hello")
    assert trusted.keys.load_private(text, lambda: b"hello").public.pem == trusted.PrivateKey(secret).public.pem
    with pytest.raises(InputError, match="key-password-wrong"):
        trusted.keys.load_private(text, lambda: b"wrong")


def test_the_openssl_forms_of_a_private_key() -> None:
    for name in ("rsa", "ecdsa"):
        secret = KEYS[name]()
        text = secret.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        assert trusted.keys.load_private(text, no_password).public.pem == trusted.PrivateKey(secret).public.pem


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"secret",
        b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n",
        b"-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n",
    ],
)
def test_what_is_no_key_is_refused_without_showing_it(text: bytes) -> None:
    with pytest.raises(InputError) as private:
        trusted.keys.load_private(text, lambda: b"")
    with pytest.raises(InputError) as public:
        trusted.keys.load_public(text)
    assert private.value.code == public.value.code == "key-invalid"
    assert "secret" not in str(private.value) and "c2Vj" not in str(private.value)


def test_keys_that_take_too_much_or_give_too_little_are_refused() -> None:
    dear = sigstore_pem(KEYS["ecdsa"](), b"x", label="ENCRYPTED SIGSTORE PRIVATE KEY", cost=2**30)
    with pytest.raises(InputError, match="N=1073741824"):
        trusted.keys.load_private(dear, lambda: b"x")
    with pytest.raises(InputError, match="a curve that Go does not have"):
        trusted.keys.load_private(pem(ec.generate_private_key(ec.SECP256K1())), no_password)
    curve = pem(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(InputError, match="not a public key"):
        trusted.keys.load_public(curve)


def test_a_key_does_not_show_itself(key: trusted.PrivateKey) -> None:
    assert repr(key) == "PrivateKey()" and repr(key.public) == "PublicKey()"
