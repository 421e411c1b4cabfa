"""Annotated Secrets as the files that git and container tools read."""

from __future__ import annotations

import base64
import json

import pytest

from interlock.errors import InputError
from interlock.tekton.spec import credentials
from interlock.tekton.spec.credentials import Secret

BASIC = "kubernetes.io/basic-auth"


def secret(name: str, kind: str, annotations: dict[str, str], **data: str) -> Secret:
    return Secret(name, kind, annotations, {key.replace("__", "-"): value.encode() for key, value in data.items()})


def test_git_basic_auth_puts_hosts_before_repositories() -> None:
    found = credentials.files(
        [
            secret("a", BASIC, {"tekton.dev/git-0": "https://git/acme/app"}, username="u", password="p/1"),
            secret("b", BASIC, {"tekton.dev/git-0": "https://git"}, username="d\\v", password="q"),
        ]
    )
    assert found[".gitconfig"].decode() == (
        "[credential]\n\thelper = store\n"
        '[credential "https://git/acme/app"]\n\tusername = u\n\tuseHttpPath = true\n'
        '[credential "https://git"]\n\tusername = d\\\\v\n'
    )
    assert found[".git-credentials"].decode() == "https://d%5Cv:q@git\nhttps://u:p%2F1@git/acme/app\n"


def test_docker_credentials_of_all_kinds_are_one_file() -> None:
    given = '{"auths": {"one.test": {"auth": "dTpw"}}}'
    found = credentials.files(
        [
            secret("a", BASIC, {"tekton.dev/docker-0": "two.test"}, username="u", password="p"),
            Secret("b", "kubernetes.io/dockerconfigjson", {}, {".dockerconfigjson": given.encode()}),
        ]
    )
    auths = json.loads(found[".docker/config.json"])["auths"]
    assert auths["one.test"] == {"auth": "dTpw"}
    assert auths["two.test"]["auth"] == base64.b64encode(b"u:p").decode()


def test_ssh_keys_get_a_host_entry() -> None:
    found = credentials.files(
        [
            secret(
                "k",
                "kubernetes.io/ssh-auth",
                {"tekton.dev/git-0": "git.test:2222"},
                ssh__privatekey="KEY",
                known_hosts="HOSTS",
            )
        ]
    )
    assert found[".ssh/id_k"] == b"KEY"
    assert (
        found[".ssh/config"] == b"Host git.test\n    HostName git.test\n    Port 2222\n    IdentityFile ~/.ssh/id_k\n"
    )
    assert found[".ssh/known_hosts"] == b"HOSTS"


def test_a_secret_without_annotation_is_no_credential() -> None:
    assert credentials.files([secret("a", BASIC, {}, username="u", password="p")]) == {}


def test_a_secret_that_is_not_of_its_type_is_refused_without_its_value() -> None:
    for broken in (
        Secret("b", "kubernetes.io/dockerconfigjson", {}, {".dockerconfigjson": b"s3cret{"}),
        secret("b", BASIC, {"tekton.dev/git-0": "https://git"}, username="u"),
    ):
        with pytest.raises(InputError) as caught:
            credentials.files([broken])
        assert caught.value.code == "secret-invalid"
        assert "s3cret" not in str(caught.value)


def test_user_names_are_not_masked_and_passwords_are() -> None:
    basic = secret("a", BASIC, {}, username="interlock-ci", password="password-1")
    assert credentials.maskable(basic) == [b"password-1"]
    docker = json.dumps({"auths": {"r": {"username": "ci", "password": "password-2", "auth": "Y2k6cA=="}}})
    found = credentials.maskable(
        Secret("b", "kubernetes.io/dockerconfigjson", {}, {".dockerconfigjson": docker.encode()})
    )
    assert {b"password-2", b"Y2k6cA=="} <= set(found)
